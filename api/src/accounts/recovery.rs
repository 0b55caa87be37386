//! Passwords that were forgotten, and addresses that are confirmed: both by a token that is sent by mail and used once.
//! Asking for a new password is answered alike, and with the same work, whether or not there is such an account.

use async_graphql::InputObject;
use chrono::Duration;
use entity::{
    account_mail, confirmed_email, credential,
    id::UserId,
    mail_token::{self, Purpose},
    user::{self, UserStatus},
    user_email,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, PaginatorTrait as _,
    QueryFilter, QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};

use super::{passwords, sessions};
use crate::{
    app::{App, Tx},
    auth::{context::Origin, password, secret, viewer::Viewer},
    contacts::details::{self, MAX_EMAIL},
    error::{Error, Result, UserErrorCode},
    throttle::TooSoon,
    users::people,
};

/// How long a token for a new password may be used.
pub const RESET_WITHIN: Duration = Duration::minutes(30);
/// How long a token that confirms an address may be used.
pub const CONFIRM_WITHIN: Duration = Duration::hours(24);
/// How long tokens are kept, to count them, and how many of one purpose a person gets in that time.
const COUNTED_FOR: Duration = Duration::hours(1);
const MOST_TOKENS: u64 = 5;
/// Random bytes of a token.
const SECRET: usize = 32;

const TOKEN: &[&str] = &["input", "token"];
const ADDRESS: &[&str] = &["input", "address"];

/// The account to send a mail for.
#[derive(InputObject)]
pub struct RequestPasswordResetInput {
    /// The handle, or an e-mail address that its owner has confirmed.
    pub handle_or_email: String,
}

/// A new password for an account whose password was forgotten.
#[derive(InputObject)]
pub struct ResetPasswordInput {
    /// The token from the mail.
    #[graphql(secret)]
    pub token: String,
    /// 8 to 200 characters. Common passwords and the person's own names are refused.
    #[graphql(secret)]
    pub new_password: String,
}

/// An address to confirm.
#[derive(InputObject)]
pub struct RequestEmailConfirmationInput {
    /// One of the e-mail addresses in the viewer's profile.
    pub address: String,
}

/// The proof that somebody reads an address.
#[derive(InputObject)]
pub struct ConfirmEmailInput {
    /// The token from the mail.
    #[graphql(secret)]
    pub token: String,
}

/// Has a mail sent with which a new password can be set. What was asked is kept as it is, for the worker that sends mail to
/// look up, so that the time taken here does not tell whether there is such an account.
pub async fn request_reset(app: &App, input: &RequestPasswordResetInput, origin: &Origin) -> Result<()> {
    if app.config.tokens.outside.is_some() {
        let why = "Set a new password where your organisation signs in.";
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], why));
    }
    sends_mail(app)?;
    let asked = input.handle_or_email.trim();
    if asked.is_empty() || asked.chars().count() > MAX_EMAIL || asked.chars().any(char::is_control) {
        let why = "Give a handle or an e-mail address.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "handleOrEmail"], why));
    }
    app.throttle.attempts.count_mail(origin.address).map_err(too_soon)?;
    app.transaction(|tx| Box::pin(async move { enqueue(tx, Purpose::ResetPassword, None, asked.to_lowercase()).await }))
        .await
}

/// Sets a new password by a token from a mail, and ends all sessions of the person. The token is used up, and so are all
/// others for a new password of this person.
pub async fn reset(app: &App, input: ResetPasswordInput, origin: &Origin) -> Result<()> {
    let token = find(app.db.read(), &input.token, Purpose::ResetPassword, app).await?.ok_or_else(not_a_token)?;
    let person = user::Entity::find_by_id(token.user_id).one(app.db.read()).await?.ok_or_else(not_a_token)?;
    passwords::check(app.db.read(), &person, &input.new_password).await?;
    let hash = &password::hash(input.new_password).await?;
    let (user, used) = (person.id, &token.hash);
    app.transaction(|tx| {
        Box::pin(async move {
            let held = people::hold_any(tx, user).await?.ok_or_else(not_a_token)?;
            if !matches!(held.status, UserStatus::Active | UserStatus::Deactivated) {
                return Err(not_a_token());
            }
            take(tx, used).await?;
            forget(tx, user, Purpose::ResetPassword).await?;
            let now = tx.clock().now();
            let row =
                credential::ActiveModel { user_id: Set(user), password_hash: Set(hash.clone()), updated_at: Set(now) };
            let mut again = OnConflict::column(credential::Column::UserId);
            again.update_columns([credential::Column::PasswordHash, credential::Column::UpdatedAt]);
            credential::Entity::insert(row).on_conflict(again).exec_without_returning(tx.db()).await?;
            sessions::end_all(tx, user, None).await
        })
    })
    .await?;
    // They can sign in at once from where they are, whoever tried passwords from there before.
    app.throttle.attempts.forget_place(&person.handle, app.throttle.attempts.place(origin.address));
    Ok(())
}

/// Has a mail sent by which the caller can confirm an address; whether it was not confirmed already.
pub async fn request_confirmation(app: &App, by: &Viewer, address: &str, origin: &Origin) -> Result<bool> {
    sends_mail(app)?;
    let key = &details::key(address);
    let own = user_email::Entity::find_by_id((key.clone(), by.user)).one(app.db.read()).await?;
    if own.is_none() {
        return Err(Error::not_found(ADDRESS));
    }
    if is_confirmed(app.db.read(), by.user, key).await? {
        return Ok(false);
    }
    app.throttle.attempts.count_mail(origin.address).map_err(too_soon)?;
    app.transaction(|tx| {
        Box::pin(async move { enqueue(tx, Purpose::ConfirmAddress, Some(by.user), key.clone()).await })
    })
    .await?;
    Ok(true)
}

/// Confirms the address to which a token was sent; whether it was not confirmed already. An address that is no longer in the
/// profile is not confirmed.
pub async fn confirm(app: &App, input: &ConfirmEmailInput) -> Result<bool> {
    let token = &find(app.db.read(), &input.token, Purpose::ConfirmAddress, app).await?.ok_or_else(not_a_token)?;
    app.transaction(|tx| {
        Box::pin(async move {
            // Whoever changes the profile holds the person too.
            people::hold_any(tx, token.user_id).await?.ok_or_else(not_a_token)?;
            take(tx, &token.hash).await?;
            let own = user_email::Entity::find_by_id((token.address_key.clone(), token.user_id)).one(tx.db()).await?;
            own.ok_or_else(not_a_token)?;
            if is_confirmed(tx.db(), token.user_id, &token.address_key).await? {
                return Ok(false);
            }
            let row = confirmed_email::Model {
                user_id: token.user_id,
                address_key: token.address_key.clone(),
                confirmed_at: tx.clock().now(),
            };
            confirmed_email::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
            Ok(true)
        })
    })
    .await
}

/// The addresses that a person has confirmed, as they are compared.
pub async fn confirmed(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<String>, DbErr> {
    confirmed_email::Entity::find()
        .select_only()
        .column(confirmed_email::Column::AddressKey)
        .filter(confirmed_email::Column::UserId.eq(user))
        .order_by_asc(confirmed_email::Column::AddressKey)
        .into_tuple()
        .all(db)
        .await
}

async fn is_confirmed(db: &impl ConnectionTrait, user: UserId, key: &str) -> Result<bool, DbErr> {
    Ok(confirmed_email::Entity::find_by_id((user, key.to_owned())).one(db).await?.is_some())
}

/// Makes a token for a mail; none for a person who was sent too many lately.
pub async fn make_token(tx: &Tx<'_>, user: UserId, purpose: Purpose, address_key: &str) -> Result<Option<String>> {
    let now = tx.clock().now();
    let of_person = || {
        mail_token::Entity::find()
            .filter(mail_token::Column::UserId.eq(user))
            .filter(mail_token::Column::Purpose.eq(purpose))
    };
    let recent = of_person().filter(mail_token::Column::CreatedAt.gt(now - COUNTED_FOR)).count(tx.db()).await?;
    if recent >= MOST_TOKENS {
        return Ok(None);
    }
    mail_token::Entity::delete_many()
        .filter(mail_token::Column::UserId.eq(user))
        .filter(mail_token::Column::Purpose.eq(purpose))
        .filter(mail_token::Column::CreatedAt.lte(now - COUNTED_FOR))
        .filter(mail_token::Column::ExpiresAt.lte(now))
        .exec(tx.db())
        .await?;
    let within = match purpose {
        Purpose::ResetPassword => RESET_WITHIN,
        Purpose::ConfirmAddress => CONFIRM_WITHIN,
    };
    let text = secret::random(SECRET)?;
    let row = mail_token::Model {
        hash: secret::digest(&text),
        user_id: user,
        purpose,
        address_key: address_key.to_owned(),
        created_at: now,
        expires_at: now + within,
    };
    mail_token::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(Some(text))
}

async fn enqueue(tx: &Tx<'_>, purpose: Purpose, user_id: Option<UserId>, asked: String) -> Result<()> {
    let now = tx.clock().now();
    let id = tx.clock().uuid();
    let row = account_mail::Model {
        id,
        purpose,
        user_id,
        asked,
        created_at: now,
        due_at: now,
        claimed_until: None,
        failures: 0,
    };
    account_mail::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// A token that can still be used. The same answer for one that is unknown, was used, or has ended.
async fn find(
    db: &impl ConnectionTrait,
    text: &str,
    purpose: Purpose,
    app: &App,
) -> Result<Option<mail_token::Model>, DbErr> {
    let token = mail_token::Entity::find_by_id(secret::digest(text.trim())).one(db).await?;
    Ok(token.filter(|token| token.purpose == purpose && token.expires_at > app.clock.now()))
}

/// Uses a token up. Fails when another call has.
async fn take(tx: &Tx<'_>, hash: &[u8]) -> Result<()> {
    let taken = mail_token::Entity::delete_by_id(hash.to_vec()).exec(tx.db()).await?;
    if taken.rows_affected == 1 { Ok(()) } else { Err(not_a_token()) }
}

async fn forget(tx: &Tx<'_>, user: UserId, purpose: Purpose) -> Result<()> {
    mail_token::Entity::delete_many()
        .filter(mail_token::Column::UserId.eq(user))
        .filter(mail_token::Column::Purpose.eq(purpose))
        .exec(tx.db())
        .await?;
    Ok(())
}

fn sends_mail(app: &App) -> Result<()> {
    match app.config.mail {
        Some(_) => Ok(()),
        None => Err(Error::refused(UserErrorCode::NotAllowed, &[], "This server sends no mail. Ask an administrator.")),
    }
}

fn not_a_token() -> Error {
    Error::refused(UserErrorCode::NotAllowed, TOKEN, "This token was used, has ended, or never was one.")
}

fn too_soon(TooSoon(wait): TooSoon) -> Error {
    Error::too_many_attempts(wait)
}
