//! Tokens that are sent by mail and used once. Kept is a digest of each; the text is nowhere but in the mail.

use chrono::Duration;
use entity::{
    id::UserId,
    mail_token::{self, Purpose},
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _,
    QueryFilter as _,
};

use crate::{
    app::{App, Tx},
    auth::secret,
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// The lifetime of a token for a new password.
pub const RESET_WITHIN: Duration = Duration::minutes(30);
/// The lifetime of a token that confirms an address.
pub const CONFIRM_WITHIN: Duration = Duration::hours(24);
/// The most tokens of a person: for a new password, at one address within the lifetime of a token, so that the last one can
/// still be used; to confirm addresses, within an hour.
const MOST: u64 = 5;
const CONFIRMATIONS_COUNTED_FOR: Duration = Duration::hours(1);
/// Random bytes of a token.
const SECRET: usize = 32;

const FIELD: &[&str] = &["input", "token"];

/// The lifetime of the token in a mail of this kind. None for a mail without a token.
#[must_use]
pub fn lifetime(purpose: Purpose) -> Option<Duration> {
    match purpose {
        Purpose::ResetPassword => Some(RESET_WITHIN),
        Purpose::ConfirmAddress => Some(CONFIRM_WITHIN),
        Purpose::PasswordChanged => None,
    }
}

/// Makes a token for a mail; none for a person who was sent too many lately.
pub async fn make(
    tx: &Tx<'_>,
    user: UserId,
    purpose: Purpose,
    lifetime: Duration,
    address_key: &str,
) -> Result<Option<String>> {
    let now = tx.clock().now();
    // Two workers do not count at the same time.
    if people::hold_any(tx, user).await?.is_none() {
        return Ok(None);
    }
    let of_person =
        Condition::all().add(mail_token::Column::UserId.eq(user)).add(mail_token::Column::Purpose.eq(purpose));
    let recent = mail_token::Entity::find().filter(of_person.clone());
    let recent = match purpose {
        Purpose::ResetPassword => recent
            .filter(mail_token::Column::AddressKey.eq(address_key))
            .filter(mail_token::Column::CreatedAt.gt(now - RESET_WITHIN)),
        Purpose::ConfirmAddress | Purpose::PasswordChanged => {
            recent.filter(mail_token::Column::CreatedAt.gt(now - CONFIRMATIONS_COUNTED_FOR))
        }
    };
    if recent.count(tx.db()).await? >= MOST {
        return Ok(None);
    }
    mail_token::Entity::delete_many()
        .filter(of_person)
        .filter(mail_token::Column::CreatedAt.lte(now - CONFIRMATIONS_COUNTED_FOR))
        .filter(mail_token::Column::ExpiresAt.lte(now))
        .exec(tx.db())
        .await?;
    let text = secret::random(SECRET)?;
    let row = mail_token::Model {
        hash: secret::digest(&text),
        user_id: user,
        purpose,
        address_key: address_key.to_owned(),
        created_at: now,
        expires_at: now + lifetime,
    };
    mail_token::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(Some(text))
}

/// A token that can still be used. The same answer for one that is unknown, was used, or has ended.
pub async fn find(
    db: &impl ConnectionTrait,
    text: &str,
    purpose: Purpose,
    app: &App,
) -> Result<Option<mail_token::Model>, DbErr> {
    let token = mail_token::Entity::find_by_id(secret::digest(text.trim())).one(db).await?;
    Ok(token.filter(|token| token.purpose == purpose && token.expires_at > app.clock.now()))
}

/// Uses a token up. Fails when another call has.
pub async fn take(tx: &Tx<'_>, hash: &[u8]) -> Result<()> {
    let taken = mail_token::Entity::delete_by_id(hash.to_vec()).exec(tx.db()).await?;
    if taken.rows_affected == 1 { Ok(()) } else { Err(refusal()) }
}

/// Takes a token back whose mail was not sent, so that it does not count.
pub async fn cancel(app: &App, text: &str) -> Result<()> {
    let hash = &secret::digest(text);
    app.transaction(|tx| {
        Box::pin(async move {
            mail_token::Entity::delete_by_id(hash.clone()).exec(tx.db()).await?;
            Ok(())
        })
    })
    .await
}

/// Removes a person's tokens for a purpose, so that none of them can be used.
pub async fn forget(tx: &Tx<'_>, user: UserId, purpose: Purpose) -> Result<()> {
    mail_token::Entity::delete_many()
        .filter(mail_token::Column::UserId.eq(user))
        .filter(mail_token::Column::Purpose.eq(purpose))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// What is said of everything that is no token to use.
#[must_use]
pub fn refusal() -> Error {
    Error::refused(UserErrorCode::NotAllowed, FIELD, "This token was used, has ended, or never was one.")
}
