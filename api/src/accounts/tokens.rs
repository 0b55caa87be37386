//! Single-use tokens in e-mails. The database stores a digest of each token. Only the mail contains its text.

use chrono::{DateTime, Duration, Utc};
use entity::{
    id::UserId,
    mail_token::{self, Purpose},
    user,
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _,
    IntoActiveModel as _, PaginatorTrait as _, QueryFilter as _,
};

use crate::{
    app::{App, Locked, Tx},
    auth::secret,
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// The lifetime of a token for a new password.
pub const RESET_WITHIN: Duration = Duration::minutes(30);
/// The lifetime of a token that confirms an address.
pub const CONFIRM_WITHIN: Duration = Duration::hours(24);
/// The maximum number of recent tokens of a user. Reset tokens count for each address within their lifetime, so that
/// the last one still works. Confirmation tokens count within an hour.
const MAX_CONFIRMATIONS: u64 = 5;
/// The time in which confirmation tokens count. No token counts longer.
pub const COUNTED_FOR: Duration = Duration::hours(1);
/// The random bytes of a token.
const SECRET: usize = 32;

const FIELD: &[&str] = &["input", "token"];

/// Returns the lifetime of the token in a mail of this kind. Returns `None` for a mail without a token.
#[must_use]
pub fn lifetime(purpose: Purpose) -> Option<Duration> {
    match purpose {
        Purpose::ResetPassword => Some(RESET_WITHIN),
        Purpose::ConfirmAddress => Some(CONFIRM_WITHIN),
        Purpose::PasswordChanged => None,
    }
}

/// Creates a token for a mail. Locks the user. Returns `None` for an unknown user or one with too many recent tokens.
pub async fn create(
    tx: &Tx<'_>,
    user: UserId,
    purpose: Purpose,
    lifetime: Duration,
    address_key: &str,
) -> Result<Option<String>> {
    let now = tx.clock().now();
    // The lock keeps two workers from counting at the same time.
    if people::lock_any(tx, user).await?.is_none() {
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
            recent.filter(mail_token::Column::CreatedAt.gt(now - COUNTED_FOR))
        }
    };
    if recent.count(tx.db()).await? >= MAX_CONFIRMATIONS {
        return Ok(None);
    }
    mail_token::Entity::delete_many()
        .filter(of_person)
        .filter(mail_token::Column::CreatedAt.lte(now - COUNTED_FOR))
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
        used_at: None,
    };
    mail_token::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(Some(text))
}

/// Returns a token that has not expired. It may have been used. Returns `None` alike for an unknown and an expired one.
pub async fn find(
    db: &impl ConnectionTrait,
    text: &str,
    purpose: Purpose,
    app: &App,
) -> Result<Option<mail_token::Model>, DbErr> {
    let token = mail_token::Entity::find_by_id(secret::digest(text.trim())).one(db).await?;
    Ok(token.filter(|token| token.purpose == purpose && token.expires_at > app.clock.now()))
}

/// Uses a token up. Returns false when it was used before. The token must belong to a user whose row is locked. Refuses
/// with `NotAllowed` when the token is gone.
pub async fn consume(tx: &Tx<'_>, _user: &Locked<user::Model>, hash: &[u8], now: DateTime<Utc>) -> Result<bool> {
    let token = mail_token::Entity::find_by_id(hash.to_vec()).one(tx.db()).await?.ok_or_else(refusal)?;
    if token.used_at.is_some() {
        return Ok(false);
    }
    let mut token = token.into_active_model();
    token.used_at = Set(Some(now));
    token.update(tx.db()).await?;
    Ok(true)
}

/// Deletes the token of an unsent mail, so that it does not count.
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

/// Deletes a user's tokens for a purpose, so that none of them works. The used token `but` stays, to recognize a
/// repeated call.
pub async fn delete_all(tx: &Tx<'_>, user: UserId, purpose: Purpose, but: Option<&[u8]>) -> Result<()> {
    let mut all = mail_token::Entity::delete_many()
        .filter(mail_token::Column::UserId.eq(user))
        .filter(mail_token::Column::Purpose.eq(purpose));
    if let Some(but) = but {
        all = all.filter(mail_token::Column::Hash.ne(but.to_vec()));
    }
    all.exec(tx.db()).await?;
    Ok(())
}

/// Returns the refusal for every invalid token.
#[must_use]
pub fn refusal() -> Error {
    Error::refused(UserErrorCode::NotAllowed, FIELD, "This token is invalid, expired or already used.")
}
