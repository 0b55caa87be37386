//! Passwords that were forgotten, and addresses that are confirmed: both by a token that is sent by mail and used once.
//! Asking for a new password is answered alike, and with the same work, whether or not there is such an account.

use async_graphql::InputObject;
use entity::{
    confirmed_email, credential,
    id::UserId,
    mail_token::Purpose,
    user::{self, UserStatus},
    user_email,
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, sea_query::OnConflict};

use super::{api_keys, outbox, passwords, places, sessions, tokens};
use crate::{
    app::App,
    auth::{context::Origin, password, viewer::Viewer},
    contacts::details::{self, MAX_EMAIL},
    error::{Error, Result, UserErrorCode},
    throttle::TooSoon,
    users::people,
};

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
    // As addresses are compared when they are saved, however a keyboard writes them. No handle has letters that this changes.
    let asked = &details::key(&input.handle_or_email);
    if asked.is_empty() || asked.chars().count() > MAX_EMAIL || asked.chars().any(char::is_control) {
        let why = "Give a handle or an e-mail address.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "handleOrEmail"], why));
    }
    app.throttle.attempts.count_mail(asked, origin.address).map_err(too_soon)?;
    app.transaction(|tx| {
        Box::pin(async move { outbox::enqueue(tx, Purpose::ResetPassword, None, asked.clone()).await })
    })
    .await
}

/// Sets a new password by a token from a mail. Everything by which somebody is let in ends: sessions, and keys that act
/// for the person. The token is used up, and so are all others for a new password of this person.
pub async fn reset(app: &App, input: ResetPasswordInput, origin: &Origin) -> Result<()> {
    let token = tokens::find(app.db.read(), &input.token, Purpose::ResetPassword, app).await?;
    let token = &token.ok_or_else(tokens::refusal)?;
    let person = user::Entity::find_by_id(token.user_id).one(app.db.read()).await?.ok_or_else(tokens::refusal)?;
    passwords::check(app.db.read(), &person, &input.new_password).await?;
    let hash = &password::hash(input.new_password, app.throttle.turns.known()).await?;
    let (user, place) = (person.id, app.throttle.attempts.place(origin.address));
    app.transaction(|tx| {
        Box::pin(async move {
            let held = people::hold_any(tx, user).await?.ok_or_else(tokens::refusal)?;
            if !matches!(held.status, UserStatus::Active | UserStatus::Deactivated) {
                return Err(tokens::refusal());
            }
            // Whoever changes the profile holds the person too. An address that left it and came back was confirmed anew.
            let key = (user, token.address_key.clone());
            let confirmed = confirmed_email::Entity::find_by_id(key).one(tx.db()).await?;
            if confirmed.is_none_or(|row| row.confirmed_at > token.created_at) {
                return Err(tokens::refusal());
            }
            tokens::take(tx, &token.hash).await?;
            tokens::forget(tx, user, Purpose::ResetPassword).await?;
            let now = tx.clock().now();
            let row =
                credential::ActiveModel { user_id: Set(user), password_hash: Set(hash.clone()), updated_at: Set(now) };
            let mut again = OnConflict::column(credential::Column::UserId);
            again.update_columns([credential::Column::PasswordHash, credential::Column::UpdatedAt]);
            credential::Entity::insert(row).on_conflict(again).exec_without_returning(tx.db()).await?;
            sessions::end_all(tx, user, None).await?;
            sessions::disown_all(tx, user).await?;
            places::remember(tx, user, place).await?;
            api_keys::revoke_all(tx, user).await?;
            outbox::password_changed(tx, user).await
        })
    })
    .await?;
    // They can sign in at once from where they are, whoever tried passwords from there before.
    app.throttle.attempts.forget_place(&person.handle, place);
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
    app.throttle.attempts.count_mail(key, origin.address).map_err(too_soon)?;
    app.transaction(|tx| {
        Box::pin(async move { outbox::enqueue(tx, Purpose::ConfirmAddress, Some(by.user), key.clone()).await })
    })
    .await?;
    Ok(true)
}

/// Confirms the address to which a token was sent; whether it was not confirmed already. An address that is no longer in the
/// profile is not confirmed.
pub async fn confirm(app: &App, input: &ConfirmEmailInput) -> Result<bool> {
    let token =
        &tokens::find(app.db.read(), &input.token, Purpose::ConfirmAddress, app).await?.ok_or_else(tokens::refusal)?;
    app.transaction(|tx| {
        Box::pin(async move {
            // Whoever changes the profile holds the person too.
            people::hold_any(tx, token.user_id).await?.ok_or_else(tokens::refusal)?;
            tokens::take(tx, &token.hash).await?;
            let own = user_email::Entity::find_by_id((token.address_key.clone(), token.user_id)).one(tx.db()).await?;
            own.ok_or_else(tokens::refusal)?;
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

async fn is_confirmed(db: &impl ConnectionTrait, user: UserId, key: &str) -> Result<bool, DbErr> {
    Ok(confirmed_email::Entity::find_by_id((user, key.to_owned())).one(db).await?.is_some())
}

fn sends_mail(app: &App) -> Result<()> {
    match app.config.mail {
        Some(_) => Ok(()),
        None => Err(Error::refused(UserErrorCode::NotAllowed, &[], "This server sends no mail. Ask an administrator.")),
    }
}

fn too_soon(TooSoon(wait): TooSoon) -> Error {
    Error::too_many_attempts(wait)
}
