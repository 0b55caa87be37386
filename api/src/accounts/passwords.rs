//! Sign-in and changes of password. A wrong password and an unknown handle give the same answer in the same
//! time. Wrong attempts are counted by account, existing or not, and by origin ([`crate::rate_limit::attempts`]).

use async_graphql::InputObject;
use chrono::{DateTime, Duration, Utc};
use entity::{
    credential,
    id::UserId,
    mail_token::Purpose,
    user::{self, UserStatus},
    user_email,
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _,
    QueryFilter, QuerySelect as _,
};

use super::{
    account_status, outbox, password_strength,
    sessions::{self, SessionCall, SignedIn},
    sign_in_origin::{self, SignInEvidence},
    tokens,
};
use crate::{
    app::{App, Locked, LockedRow, Tx},
    auth::{
        password,
        request_context::Origin,
        viewer::{Caller, Credential, Viewer},
    },
    error::{Error, INPUT, Result, UserErrorCode},
    rate_limit::{
        RateLimited,
        attempts::{Attempt, AttemptOrigin},
        hashing::QueuedSlot,
    },
    users::people,
};

/// The maximum length of an attempted password, in typed characters. A composed letter may be typed as several.
const LONGEST_TYPED: usize = 4 * *password_strength::PASSWORD_LENGTH.end();

/// The time in which a change of the password can be repeated.
const REPEATED_WITHIN: Duration = Duration::minutes(10);

/// The credentials of the user.
#[derive(InputObject)]
pub struct SignInInput {
    /// The handle, in upper or lower case.
    pub handle: String,
    /// The account's current password.
    #[graphql(secret)]
    pub password: String,
    /// True to activate an account again that `deactivateAccount` deactivated.
    #[graphql(default)]
    pub reactivate: bool,
    /// A refresh token of an earlier sign-in on this device. Its session may have ended. The device then does not wait
    /// because of attempts from elsewhere.
    #[graphql(secret)]
    pub refresh_token: Option<String>,
    /// A random text that the client makes up, 1 to 100 characters. All calls with the same text together begin one
    /// session.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

/// The current and the new password.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The viewer's current password.
    #[graphql(secret)]
    pub current_password: String,
    /// The new password, 8 to 200 characters. Common passwords and the user's own names are refused.
    #[graphql(secret)]
    pub new_password: String,
}

/// Signs in with a handle and a password. `caller` is the caller whom the access token of the call names, if any.
/// Refuses with `NotAllowed`, `WrongPassword`, `AccountDeactivated` or `TooManyAttempts`.
pub async fn sign_in(app: &App, input: SignInInput, caller: Option<&Caller>, origin: &Origin) -> Result<SignedIn> {
    if app.config.tokens.outside.is_some() {
        return Err(Error::refused(UserErrorCode::NotAllowed, INPUT, "Sign in through your organization."));
    }
    let attempts = &app.rate_limits.attempts;
    let shown = SignInEvidence { refresh_token: input.refresh_token.as_deref(), caller };
    // A call without evidence that must wait anyway is refused before any database query.
    if shown.is_nothing() {
        attempts.check_wait(&input.handle, attempts.origin(origin.address)).map_err(too_soon)?;
    }
    let person = match input.handle.contains('\0') {
        true => None,
        false => people::who_may_sign_in(app.db.read(), &input.handle).await?,
    };
    let (place, known) = sign_in_origin::find(app, person.as_ref().map(|person| person.id), shown, origin).await?;
    let slots = &app.rate_limits.hashing_slots;
    // The queue first: who finds it full has not tried.
    let queued = if known { slots.known() } else { slots.stranger().map_err(too_soon)? };
    let attempt = attempts.begin(&input.handle, place, known).map_err(too_soon)?;
    let proven = prove(app, person.as_ref(), input.password, queued).await?;
    let (person, proven) = person.zip(proven).ok_or_else(no_match)?;
    attempts.succeeded(attempt);
    // Only a caller who knows the password may learn that the account is deactivated.
    if person.status == UserStatus::Deactivated && !input.reactivate {
        let why = "This account is deactivated. Sign in with reactivate to activate it again.";
        return Err(Error::refused(UserErrorCode::AccountDeactivated, &["input", "reactivate"], why));
    }
    let call = SessionCall { origin, key: input.idempotency_key.as_deref(), asked: "signIn" };
    begin(app, person, &proven, call).await
}

fn no_match() -> Error {
    Error::refused(UserErrorCode::WrongPassword, &["input", "password"], "The handle or the password is wrong.")
}

/// Verifies the caller's password again, for actions that a stolen token must not allow. Returns the hash that matched.
/// [`check_unchanged`] checks it once more when the user is locked. Refuses with `NotForKeys`, `WrongPassword`,
/// `Invalid` or `TooManyAttempts`.
pub async fn prove_again(app: &App, by: &Viewer, password: Option<String>, origin: &Origin) -> Result<String> {
    const FIELD: &[&str] = &["input", "password"];
    if let Credential::Key(_) = by.proof {
        return Err(Error::refused(UserErrorCode::NotForKeys, INPUT, "Sign in to do this. API keys cannot."));
    }
    let me = people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?;
    let password = password.ok_or_else(|| Error::refused(UserErrorCode::Required, FIELD, "Enter your password."))?;
    let attempt = begin_own_attempt(app, &me, by, origin)?;
    let proven = prove(app, Some(&me), password, app.rate_limits.hashing_slots.known())
        .await?
        .ok_or_else(|| not_the_password(FIELD))?;
    app.rate_limits.attempts.succeeded(attempt);
    Ok(proven)
}

pub(super) fn not_the_password(field: &'static [&'static str]) -> Error {
    Error::refused(UserErrorCode::WrongPassword, field, "This is not the current password.")
}

/// Refuses with `WrongPassword` when the password changed since it was verified.
pub async fn check_unchanged(tx: &Tx<'_>, user: &Locked<user::Model>, proven: &str) -> Result<()> {
    still(tx, user, proven).await?.map(drop).ok_or_else(|| not_the_password(&["input", "password"]))
}

/// Changes the caller's password and ends all their other sessions. Returns false if an earlier call has just made this
/// change. Reset tokens become invalid. Queues a mail to the confirmed addresses.
/// Refuses with `NotAllowed`, `Invalid` or `TooManyAttempts`.
pub async fn change(app: &App, by: &Viewer, input: ChangePasswordInput, origin: &Origin) -> Result<bool> {
    let me = people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?;
    check(app.db.read(), &me, &input.new_password).await?;
    let attempt = begin_own_attempt(app, &me, by, origin)?;
    let not_present = || not_the_password(&["input", "currentPassword"]);
    let slots = &app.rate_limits.hashing_slots;
    let changed = match prove(app, Some(&me), input.current_password, slots.known()).await? {
        Some(proven) => {
            app.rate_limits.attempts.succeeded(attempt);
            let hash = password::hash(input.new_password.clone(), slots.known()).await?;
            match replace(app, by, &proven, &hash).await? {
                true => return Ok(true),
                // Another call changed the password a moment ago. It may have been the same call.
                false => was_changed_to(app, &me, input.new_password).await?,
            }
        }
        None => {
            let changed = was_changed_to(app, &me, input.new_password).await?;
            if changed {
                app.rate_limits.attempts.succeeded(attempt);
            }
            changed
        }
    };
    if changed { Ok(false) } else { Err(not_present()) }
}

/// Replaces the caller's password. Returns false if the verified one is no longer the current one.
async fn replace(app: &App, by: &Viewer, proven: &str, hash: &str) -> Result<bool> {
    app.transaction(|tx| {
        Box::pin(async move {
            // The lock prevents a sign-in or another change in the meantime.
            let me = people::lock_self(tx, by).await?;
            let Some(row) = still(tx, &me, proven).await? else { return Ok(false) };
            let mut row = row.into_active_model();
            row.password_hash = Set(hash.to_owned());
            row.updated_at = Set(tx.clock().now());
            row.update(tx.db()).await?;
            tokens::delete_all(tx, by.user, Purpose::ResetPassword, None).await?;
            outbox::password_changed(tx, by.user).await?;
            let own = if let Credential::Session(session) = by.proof { Some(session) } else { None };
            sessions::end_all(tx, &me, own).await?;
            Ok(true)
        })
    })
    .await
}

/// Returns true if a user has this password and set it a short time ago, so that a change to it is repeated. At other
/// times nobody gets a second guess.
async fn was_changed_to(app: &App, me: &user::Model, password: String) -> Result<bool> {
    let row = credential::Entity::find_by_id(me.id).one(app.db.read()).await?;
    if row.is_none_or(|row| app.clock.now() - row.updated_at >= REPEATED_WITHIN) {
        return Ok(false);
    }
    Ok(prove(app, Some(me), password, app.rate_limits.hashing_slots.known()).await?.is_some())
}

/// Begins a session with a verified password. Refuses when the password changed since. Activates a deactivated account.
pub(super) async fn begin(app: &App, person: user::Model, proven: &str, call: SessionCall<'_>) -> Result<SignedIn> {
    let (id, resting) = (person.id, person.status == UserStatus::Deactivated);
    let begun = app.transaction(|tx| {
        Box::pin(async move {
            // The lock prevents a session for a user who is suspended, or whose password changes, at this moment.
            if !resting {
                let held = people::lock(tx, id).await?.ok_or_else(no_match)?;
                still(tx, &held, proven).await?.ok_or_else(no_match)?;
                let tokens = sessions::begin(tx, &held, call).await?;
                return Ok((held.into_row(), tokens));
            }
            let mut held = people::lock_any(tx, id).await?.ok_or_else(no_match)?;
            still(tx, &held, proven).await?.ok_or_else(no_match)?;
            match held.status {
                UserStatus::Active => {}
                UserStatus::Deactivated => account_status::set_status(tx, &mut held, UserStatus::Active).await?,
                UserStatus::Suspended | UserStatus::Deleted => return Err(no_match()),
            }
            let tokens = sessions::begin(tx, &held, call).await?;
            Ok((held.into_row(), tokens))
        })
    });
    let (person, handout) = begun.await?;
    sessions::sign(app, person, handout)
}

/// Returns the user's credential if it still has the verified hash.
async fn still(tx: &Tx<'_>, user: &impl LockedRow<user::Model>, proven: &str) -> Result<Option<credential::Model>> {
    let row = credential::Entity::find_by_id(user.id).one(tx.db()).await?;
    Ok(row.filter(|row| row.password_hash == proven))
}

/// Returns true if a user has this password and set it at this time.
pub async fn was_set_at(app: &App, person: &user::Model, password: String, at: Option<DateTime<Utc>>) -> Result<bool> {
    let row = credential::Entity::find_by_id(person.id).one(app.db.read()).await?;
    if row.map(|row| row.updated_at) != at {
        return Ok(false);
    }
    let queued = app.rate_limits.hashing_slots.stranger().map_err(too_soon)?;
    Ok(prove(app, Some(person), password, queued).await?.is_some())
}

/// Returns the user's hash if it matches the password. The same work is done without a user and for an overlong
/// password.
pub(super) async fn prove(
    app: &App,
    person: Option<&user::Model>,
    password: String,
    queued: QueuedSlot,
) -> Result<Option<String>> {
    let user = person.map_or(UserId(uuid::Uuid::nil()), |person| person.id);
    let hash = credential::Entity::find_by_id(user).one(app.db.read()).await?;
    let too_long = password.chars().count() > LONGEST_TYPED;
    let hash = hash.map(|row| row.password_hash).filter(|_| !too_long);
    let matched = password::verify(if too_long { String::new() } else { password }, hash.clone(), queued).await?;
    Ok(hash.filter(|_| matched))
}

/// Refuses with `Invalid` a new password of a user that others could guess.
pub async fn check(db: &impl ConnectionTrait, person: &user::Model, password: &str) -> Result<()> {
    let addresses = user_email::Entity::find()
        .select_only()
        .column(user_email::Column::AddressKey)
        .filter(user_email::Column::UserId.eq(person.id));
    let addresses: Result<Vec<String>, DbErr> = addresses.into_tuple().all(db).await;
    let addresses = addresses?;
    let names = [&person.given_name, &person.family_name, &person.additional_name];
    let names = names.into_iter().flatten().chain([&person.handle, &person.display_name]).chain(&addresses);
    let names: Vec<&str> = names.map(String::as_str).collect();
    password_strength::check(password, &names, &["input", "newPassword"])
}

/// Counts an attempt of an authenticated caller, apart from the attempts of others.
fn begin_own_attempt(app: &App, me: &user::Model, by: &Viewer, origin: &Origin) -> Result<Attempt> {
    let place = match by.proof {
        Credential::Session(session) => AttemptOrigin::Device(session),
        Credential::Token | Credential::Key(_) => app.rate_limits.attempts.origin(origin.address),
    };
    app.rate_limits.attempts.begin(&me.handle, place, true).map_err(too_soon)
}

pub(super) fn too_soon(RateLimited(wait): RateLimited) -> Error {
    Error::too_many_attempts(wait)
}
