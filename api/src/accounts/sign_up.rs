//! Sign-up. A call with an idempotency key can be repeated: it signs in to the account that the first one created.

use async_graphql::InputObject;
use entity::{
    credential,
    user::{self, Role},
};
use sea_orm::{ActiveValue::Set, EntityTrait as _};

use super::{
    password_strength,
    passwords::{begin, not_the_password, prove, too_soon},
    sessions::{self, SessionCall, SignedIn},
};
use crate::{
    app::{App, Tx},
    auth::{idempotency, password, request_context::Origin},
    error::{Error, INPUT, Result, UserErrorCode},
    rate_limit::hashing::QueuedSlot,
    users::{
        people,
        profiles::{self, NewPerson},
    },
};

/// The account to create.
#[derive(InputObject)]
pub struct SignUpInput {
    /// The unique handle, 2 to 32 characters of `a-z 0-9 . _ -`. Upper case is converted to lower case.
    pub handle: String,
    /// The password, 8 to 200 characters. Common passwords and the user's own names are refused.
    #[graphql(secret)]
    pub password: String,
    /// The name to show, 1 to 200 characters.
    pub display_name: String,
    /// The given name, at most 200 characters.
    pub given_name: Option<String>,
    /// The family name, at most 200 characters. Lists are ordered by family name, or by display name without one.
    pub family_name: Option<String>,
    /// A random text that the client makes up, 22 to 100 characters. All calls with the same text and content together
    /// create one account and begin one session.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

/// Creates an account of a member and signs in. A repeated call signs in to the account that the first one created.
/// Refuses with `NotAllowed`, `Invalid`, `Duplicate` or `TooManyAttempts`.
pub async fn sign_up(app: &App, input: SignUpInput, origin: &Origin) -> Result<SignedIn> {
    if !app.config.sign_up_open || app.config.tokens.outside.is_some() {
        return Err(Error::refused(UserErrorCode::NotAllowed, INPUT, "Sign-up is closed. Ask an administrator."));
    }
    let names = [Some(&input.handle), Some(&input.display_name), input.given_name.as_ref(), input.family_name.as_ref()];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    password_strength::check(&input.password, &names, &["input", "password"])?;
    let queued = app.rate_limits.hashing_slots.stranger().map_err(too_soon)?;
    app.rate_limits.attempts.count_network(origin.address).map_err(too_soon)?;
    let person = NewPerson {
        handle: input.handle,
        display_name: input.display_name,
        given_name: input.given_name,
        family_name: input.family_name,
        role: Role::Member,
    };
    idempotency::check_unguessable(input.idempotency_key.as_deref())?;
    let (asked, key) = (&format!("signUp {person:?}"), input.idempotency_key.as_deref());
    let call = SessionCall { origin, key, asked };
    if let Some(person) = find_signed_up(app, &person.handle, call).await? {
        return repeat_sign_up(app, person, input.password, queued, call).await;
    }
    let password_hash = password::hash(input.password.clone(), queued).await?;
    let (new, password_hash) = (&person, &password_hash);
    let begun = app.transaction(|tx| {
        Box::pin(async move {
            let person = insert_account(tx, new, password_hash).await?;
            let held = people::lock(tx, person.id).await?.ok_or(Error::Again)?;
            let tokens = sessions::begin(tx, &held, call).await?;
            Ok((held.into_row(), tokens))
        })
    });
    match begun.await {
        Ok((person, handout)) => sessions::sign(app, person, handout),
        // The same call may have run at the same time, and have created the account.
        Err(refusal) => match find_signed_up(app, &new.handle, call).await? {
            Some(person) => {
                let queued = app.rate_limits.hashing_slots.stranger().map_err(too_soon)?;
                repeat_sign_up(app, person, input.password, queued, call).await
            }
            None => Err(refusal),
        },
    }
}

/// Signs in to the account that an earlier call of `signUp` created, if the password is right.
async fn repeat_sign_up(
    app: &App,
    person: user::Model,
    password: String,
    queued: QueuedSlot,
    call: SessionCall<'_>,
) -> Result<SignedIn> {
    // Whoever has learned the key must not get more guesses than anybody else.
    let attempts = &app.rate_limits.attempts;
    let attempt = attempts.begin(&person.handle, attempts.origin(call.origin.address), false).map_err(too_soon)?;
    let proven = prove(app, Some(&person), password, queued).await?;
    let proven = proven.ok_or_else(|| not_the_password(&["input", "password"]))?;
    attempts.succeeded(attempt);
    begin(app, person, &proven, call).await
}

/// Returns the account that an earlier call of `signUp` with the same key and content created.
async fn find_signed_up(app: &App, handle: &str, call: SessionCall<'_>) -> Result<Option<user::Model>> {
    let Some(key) = call.key else { return Ok(None) };
    let found = match handle.contains('\0') {
        true => None,
        false => people::who_may_sign_in(app.db.read(), handle).await?,
    };
    let Some(person) = found else { return Ok(None) };
    let used = idempotency::was_used(app.db.read(), person.id, key, call.asked).await?;
    Ok(used.then_some(person))
}

/// Creates an account with a password.
pub async fn create(app: &App, person: NewPerson, password: String, queued: QueuedSlot) -> Result<user::Model> {
    let password_hash = password::hash(password, queued).await?;
    let (person, password_hash) = (&person, &password_hash);
    app.transaction(|tx| Box::pin(async move { insert_account(tx, person, password_hash).await })).await
}

async fn insert_account(tx: &Tx<'_>, person: &NewPerson, password_hash: &str) -> Result<user::Model> {
    let person = profiles::create(tx, person.clone()).await?;
    let row = credential::ActiveModel {
        user_id: Set(person.id),
        password_hash: Set(password_hash.to_owned()),
        updated_at: Set(tx.clock().now()),
    };
    credential::Entity::insert(row).exec_without_returning(tx.db()).await?;
    Ok(person)
}
