//! Forgotten passwords and the confirmation of addresses, both by a single-use token in a mail. A request for a new
//! password gets the same answer, with the same work, whether or not the account exists.

use async_graphql::InputObject;
use entity::{
    confirmed_email, credential,
    id::UserId,
    mail_token::{self, Purpose},
    user::{self, UserStatus},
    user_email,
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, sea_query::OnConflict};

use super::{api_keys, outbox, passwords, sessions, sign_in_origin, tokens};
use crate::{
    app::App,
    auth::{password, request_context::Origin, viewer::Viewer},
    contacts::details::{self, MAX_EMAIL},
    error::{Error, INPUT, Result, UserErrorCode},
    rate_limit::{RateLimited, attempts::AttemptOrigin},
    users::people,
};

const ADDRESS: &[&str] = &["input", "address"];

/// The account whose password was forgotten.
#[derive(InputObject)]
pub struct RequestPasswordResetInput {
    /// The handle, or an e-mail address that its owner has confirmed.
    pub handle_or_email: String,
}

/// The token and the new password.
#[derive(InputObject)]
pub struct ResetPasswordInput {
    /// The token from the mail.
    #[graphql(secret)]
    pub token: String,
    /// The new password, 8 to 200 characters. Common passwords and the user's own names are refused.
    #[graphql(secret)]
    pub new_password: String,
}

/// The address to confirm.
#[derive(InputObject)]
pub struct RequestEmailConfirmationInput {
    /// An e-mail address in the viewer's profile.
    pub address: String,
}

/// The proof that the user can read an address.
#[derive(InputObject)]
pub struct ConfirmEmailInput {
    /// The token from the mail.
    #[graphql(secret)]
    pub token: String,
}

/// Queues a mail with which a new password can be set. Returns false if one was queued a moment ago. The worker looks
/// the account up later, so the time of this call does not reveal whether it exists. Refuses with `NotAllowed`,
/// `Invalid` or `TooManyAttempts`.
pub async fn request_reset(app: &App, input: &RequestPasswordResetInput, origin: &Origin) -> Result<bool> {
    if app.config.tokens.outside.is_some() {
        let why = "Set a new password through your organization.";
        return Err(Error::refused(UserErrorCode::NotAllowed, INPUT, why));
    }
    sends_mail(app)?;
    // Folded as saved addresses are, however a keyboard writes them. Folding changes no letter of a handle.
    let asked = &details::key(&input.handle_or_email);
    if asked.is_empty() || asked.chars().count() > MAX_EMAIL || asked.chars().any(char::is_control) {
        let why = "Enter a handle or an e-mail address.";
        let code = if asked.is_empty() { UserErrorCode::Required } else { UserErrorCode::Invalid };
        return Err(Error::refused(code, &["input", "handleOrEmail"], why));
    }
    app.rate_limits.attempts.count_mail(asked, origin.address).map_err(too_soon)?;
    let from = app.rate_limits.attempts.origin(origin.address);
    app.transaction(|tx| {
        Box::pin(async move { outbox::request(tx, Purpose::ResetPassword, None, asked.clone(), from).await })
    })
    .await
}

/// Sets a new password with a token from a mail. Returns false if an earlier call with the token set this password.
/// Ends all sessions of the user and revokes their personal keys. Uses up the token and deletes the user's other reset
/// tokens. Refuses with `NotAllowed`, `Invalid` or `TooManyAttempts`.
pub async fn reset(app: &App, input: ResetPasswordInput, origin: &Origin) -> Result<bool> {
    let token = tokens::find(app.db.read(), &input.token, Purpose::ResetPassword, app).await?;
    let token = &token.ok_or_else(tokens::refusal)?;
    let person = user::Entity::find_by_id(token.user_id).one(app.db.read()).await?.ok_or_else(tokens::refusal)?;
    passwords::check(app.db.read(), &person, &input.new_password).await?;
    let (user, place) = (person.id, app.rate_limits.attempts.origin(origin.address));
    if token.used_at.is_some() {
        return repeat_reset(app, &person, token, input.new_password, place).await;
    }
    let hash = &password::hash(input.new_password.clone(), app.rate_limits.hashing_slots.known()).await?;
    let done = app.transaction(|tx| {
        Box::pin(async move {
            let held = people::lock_any(tx, user).await?.ok_or_else(tokens::refusal)?;
            if !matches!(held.status, UserStatus::Active | UserStatus::Deactivated) {
                return Err(tokens::refusal());
            }
            // A profile change locks the user too. An address that left the profile and came back was confirmed anew.
            let key = (user, token.address_key.clone());
            let confirmed = confirmed_email::Entity::find_by_id(key).one(tx.db()).await?;
            if confirmed.is_none_or(|row| row.confirmed_at > token.created_at) {
                return Err(tokens::refusal());
            }
            let now = tx.clock().now();
            if !tokens::consume(tx, &held, &token.hash, now).await? {
                // Another call used the token a moment ago. It may have been the same call.
                return Ok(false);
            }
            tokens::delete_all(tx, user, Purpose::ResetPassword, Some(&token.hash)).await?;
            let row =
                credential::ActiveModel { user_id: Set(user), password_hash: Set(hash.clone()), updated_at: Set(now) };
            let mut again = OnConflict::column(credential::Column::UserId);
            again.update_columns([credential::Column::PasswordHash, credential::Column::UpdatedAt]);
            credential::Entity::insert(row).on_conflict(again).exec_without_returning(tx.db()).await?;
            sessions::end_all(tx, &held, None).await?;
            sessions::disown_all(tx, &held).await?;
            sign_in_origin::remember(tx, user, place).await?;
            api_keys::revoke_all(tx, &held).await?;
            outbox::password_changed(tx, user).await?;
            Ok(true)
        })
    });
    if !done.await? {
        let token = tokens::find(app.db.read(), &input.token, Purpose::ResetPassword, app).await?;
        let token = token.ok_or_else(tokens::refusal)?;
        return repeat_reset(app, &person, &token, input.new_password, place).await;
    }
    // The user can sign in from this origin at once, despite earlier attempts from there.
    app.rate_limits.attempts.forget_origin(&person.handle, place);
    Ok(true)
}

/// Answers a call with a used token. It repeats the first call if it has the password that the first one set. Returns
/// false. The check counts as an attempt to sign in. Refuses with `NotAllowed` or `TooManyAttempts`.
async fn repeat_reset(
    app: &App,
    person: &user::Model,
    token: &mail_token::Model,
    password: String,
    place: AttemptOrigin,
) -> Result<bool> {
    if !matches!(person.status, UserStatus::Active | UserStatus::Deactivated) {
        return Err(tokens::refusal());
    }
    let attempt = app.rate_limits.attempts.begin(&person.handle, place, false).map_err(too_soon)?;
    if !passwords::was_set_at(app, person, password, token.used_at).await? {
        return Err(tokens::refusal());
    }
    app.rate_limits.attempts.succeeded(attempt);
    Ok(false)
}

/// Queues a mail with which the caller can confirm an address. Returns false when it is confirmed already, or when a
/// mail was queued a moment ago. Refuses with `NotFound`, `NotAllowed` or `TooManyAttempts`.
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
    app.rate_limits.attempts.count_mail(key, origin.address).map_err(too_soon)?;
    let from = app.rate_limits.attempts.origin(origin.address);
    app.transaction(|tx| {
        Box::pin(async move { outbox::request(tx, Purpose::ConfirmAddress, Some(by.user), key.clone(), from).await })
    })
    .await
}

/// Confirms the address to which a token was sent. Returns false when it was confirmed already. Refuses with
/// `NotAllowed`, also for an address that is no longer in the profile.
pub async fn confirm(app: &App, input: &ConfirmEmailInput) -> Result<bool> {
    let token =
        &tokens::find(app.db.read(), &input.token, Purpose::ConfirmAddress, app).await?.ok_or_else(tokens::refusal)?;
    app.transaction(|tx| {
        Box::pin(async move {
            // A profile change locks the user too.
            let held = people::lock_any(tx, token.user_id).await?.ok_or_else(tokens::refusal)?;
            let first = tokens::consume(tx, &held, &token.hash, tx.clock().now()).await?;
            let own = user_email::Entity::find_by_id((token.address_key.clone(), token.user_id)).one(tx.db()).await?;
            own.ok_or_else(tokens::refusal)?;
            if is_confirmed(tx.db(), token.user_id, &token.address_key).await? {
                return Ok(false);
            }
            if !first {
                // The address left the profile since and came back, so it needs another mail.
                return Err(tokens::refusal());
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
        None => {
            Err(Error::refused(UserErrorCode::NotAllowed, INPUT, "This server sends no mail. Ask an administrator."))
        }
    }
}

fn too_soon(RateLimited(wait): RateLimited) -> Error {
    Error::too_many_attempts(wait)
}
