//! Signing up, signing in and changing a password. A wrong password and an unknown handle look alike, in words and in
//! time; tries are counted by account, whether it exists or not, and by address.

use async_graphql::InputObject;
use entity::{
    credential,
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait, IntoActiveModel as _};

use super::{
    sessions::{self, SignedIn},
    standing,
};
use crate::{
    app::{App, Tx},
    auth::{
        context::Origin,
        password,
        viewer::{Proof, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    throttle::TooSoon,
    users::{
        people,
        profiles::{self, NewPerson},
    },
};

/// The shortest and longest password, in characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=200;

/// Whom to make an account for.
#[derive(InputObject)]
pub struct SignUpInput {
    /// 2 to 32 characters of `a-z 0-9 . _ -`, unique in the organisation. Upper case is taken as lower case.
    pub handle: String,
    /// 8 to 200 characters.
    #[graphql(secret)]
    pub password: String,
    /// The name to show, 1 to 200 characters.
    pub display_name: String,
    /// At most 200 characters.
    pub given_name: Option<String>,
    /// At most 200 characters. People stand in lists by family name; without one, by display name.
    pub family_name: Option<String>,
}

/// Who signs in.
#[derive(InputObject)]
pub struct SignInInput {
    /// The handle, in any case of letters.
    pub handle: String,
    /// The password.
    #[graphql(secret)]
    pub password: String,
    /// Whether to take part again where the account was put to rest by `deactivateAccount`.
    #[graphql(default)]
    pub reactivate: bool,
}

/// A new password in place of the present one.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The password until now.
    #[graphql(secret)]
    pub current_password: String,
    /// 8 to 200 characters.
    #[graphql(secret)]
    pub new_password: String,
}

/// Makes an account for a member and signs in.
pub async fn sign_up(app: &App, input: SignUpInput, origin: &Origin) -> Result<SignedIn> {
    if !app.config.sign_up_open || app.config.tokens.outside.is_some() {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "This organisation makes accounts itself."));
    }
    check(&input.password, &["input", "password"])?;
    count_attempt(app, &input.handle, origin)?;
    let person = NewPerson {
        handle: input.handle,
        display_name: input.display_name,
        given_name: input.given_name,
        family_name: input.family_name,
        role: Role::Member,
    };
    let (person, proven) = create(app, person, input.password).await?;
    begin(app, person, &proven, origin).await
}

/// Makes an account with a password; the person and the hash that is kept.
pub async fn create(app: &App, person: NewPerson, password: String) -> Result<(user::Model, String)> {
    let password_hash = password::hash(password).await?;
    let (person, password_hash) = (&person, &password_hash);
    app.transaction(|tx| {
        Box::pin(async move {
            let person = profiles::create(tx, person.clone()).await?;
            let row = credential::ActiveModel {
                user_id: Set(person.id),
                password_hash: Set(password_hash.clone()),
                updated_at: Set(tx.clock().now()),
            };
            credential::Entity::insert(row).exec_without_returning(tx.db()).await?;
            Ok((person, password_hash.clone()))
        })
    })
    .await
}

/// Signs in by handle and password.
pub async fn sign_in(app: &App, input: SignInInput, origin: &Origin) -> Result<SignedIn> {
    if app.config.tokens.outside.is_some() {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "Sign in where your organisation signs in."));
    }
    count_attempt(app, &input.handle, origin)?;
    let person = match input.handle.contains('\0') {
        true => None,
        false => people::who_may_sign_in(app.db.read(), &input.handle).await?,
    };
    let proven = prove(app, person.as_ref(), input.password).await?;
    let (person, proven) = person.zip(proven).ok_or_else(no_match)?;
    // Told only to who has the password.
    if person.status == UserStatus::Deactivated && !input.reactivate {
        let why = "This account was put to rest. Sign in with reactivate to take part again.";
        return Err(Error::refused(UserErrorCode::AccountDeactivated, &["input", "reactivate"], why));
    }
    begin(app, person, &proven, origin).await
}

fn no_match() -> Error {
    Error::refused(UserErrorCode::NotAllowed, &[], "Handle and password do not match.")
}

/// Proves by their password that it is the caller who calls, for what a stolen token must not do; the hash by which it was
/// proven, to be asked for again by [`insist`] when the person is held.
pub async fn prove_again(app: &App, by: &Viewer, password: Option<String>, origin: &Origin) -> Result<String> {
    const FIELD: &[&str] = &["input", "password"];
    if let Proof::Key(_) = by.proof {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "Sign in: this cannot be done by a key."));
    }
    let me = people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?;
    let password = password.ok_or_else(|| Error::refused(UserErrorCode::Invalid, FIELD, "The password is needed."))?;
    count_attempt(app, &me.handle, origin)?;
    prove(app, Some(&me), password).await?.ok_or_else(|| not_the_password(FIELD))
}

fn not_the_password(field: &'static [&'static str]) -> Error {
    Error::refused(UserErrorCode::NotAllowed, field, "This is not the present password.")
}

/// Refuses a password that was changed since it was proven. The person is held.
pub async fn insist(tx: &Tx<'_>, user: UserId, proven: &str) -> Result<()> {
    still(tx, user, proven).await?.map(drop).ok_or_else(|| not_the_password(&["input", "password"]))
}

/// Changes the caller's password and ends all their other sessions.
pub async fn change(app: &App, by: &Viewer, input: ChangePasswordInput, origin: &Origin) -> Result<()> {
    check(&input.new_password, &["input", "newPassword"])?;
    let me = people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?;
    count_attempt(app, &me.handle, origin)?;
    let not_present = || not_the_password(&["input", "currentPassword"]);
    let proven = &prove(app, Some(&me), input.current_password).await?.ok_or_else(not_present)?;
    let hash = &password::hash(input.new_password).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            // Nobody signs in meanwhile, and nobody else changes it.
            people::hold_self(tx, by).await?;
            let row = still(tx, by.user, proven).await?.ok_or_else(not_present)?;
            let mut row = row.into_active_model();
            row.password_hash = Set(hash.clone());
            row.updated_at = Set(tx.clock().now());
            row.update(tx.db()).await?;
            let own = if let Proof::Session(session) = by.proof { Some(session) } else { None };
            sessions::end_all(tx, by.user, own).await
        })
    })
    .await
}

/// Begins a session by a password that was proven; refused if it was changed since. Who had put their account to rest takes
/// part again.
async fn begin(app: &App, person: user::Model, proven: &str, origin: &Origin) -> Result<SignedIn> {
    let (id, resting) = (person.id, person.status == UserStatus::Deactivated);
    let begun = app.transaction(|tx| {
        Box::pin(async move {
            // Held, so that whoever is suspended, or whose password is changed, at this moment gets no session of before.
            let held = if resting { people::hold_any(tx, id).await? } else { people::hold(tx, id).await? };
            let held = held.ok_or_else(no_match)?;
            still(tx, id, proven).await?.ok_or_else(no_match)?;
            let person = match held.status {
                UserStatus::Active => held,
                UserStatus::Deactivated => standing::set(tx, held, UserStatus::Active).await?,
                UserStatus::Suspended | UserStatus::Deleted => return Err(no_match()),
            };
            Ok((person, sessions::begin(tx, id, origin).await?))
        })
    });
    let (person, handout) = begun.await?;
    sessions::sign(app, person, handout)
}

/// The credential of a person, if it is still the one that was proven. The person is held.
async fn still(tx: &Tx<'_>, user: UserId, proven: &str) -> Result<Option<credential::Model>> {
    let row = credential::Entity::find_by_id(user).one(tx.db()).await?;
    Ok(row.filter(|row| row.password_hash == proven))
}

/// The hash by which a password was proven to be the person's. The same work is done for nobody, and for a password that
/// cannot be one.
async fn prove(app: &App, person: Option<&user::Model>, password: String) -> Result<Option<String>> {
    let hash = match person {
        Some(person) => credential::Entity::find_by_id(person.id).one(app.db.read()).await?,
        None => None,
    };
    let too_long = password.chars().count() > *PASSWORD.end();
    let hash = hash.map(|row| row.password_hash).filter(|_| !too_long);
    let matched = password::verify(if too_long { String::new() } else { password }, hash.clone()).await?;
    Ok(hash.filter(|_| matched))
}

fn check(password: &str, field: &'static [&'static str]) -> Result<()> {
    if PASSWORD.contains(&password.chars().count()) {
        return Ok(());
    }
    let why = format!("A password has {} to {} characters.", PASSWORD.start(), PASSWORD.end());
    Err(Error::refused(UserErrorCode::Invalid, field, why))
}

fn count_attempt(app: &App, handle: &str, origin: &Origin) -> Result<()> {
    let account: String = handle.trim().to_lowercase().chars().take(64).collect();
    app.throttle.attempt(&account, origin.address).map_err(|TooSoon(wait)| {
        let why = format!("Too many tries. Try again in {} seconds.", wait.as_secs().max(1));
        Error::refused(UserErrorCode::TooManyAttempts, &[], why)
    })
}
