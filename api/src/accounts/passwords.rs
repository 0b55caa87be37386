//! Signing up, signing in and changing a password. A wrong password and an unknown handle look alike, in words and in
//! time; tries are counted by account, whether it exists or not, and by address.

use async_graphql::InputObject;
use entity::{
    credential,
    id::UserId,
    user::{self, Role},
};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait, IntoActiveModel as _};

use super::sessions::{self, SignedIn};
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
        false => people::by_handle(app.db.read(), &input.handle).await?,
    };
    let proven = prove(app, person.as_ref(), input.password).await?;
    match person.zip(proven) {
        Some((person, proven)) => begin(app, person, &proven, origin).await,
        None => Err(no_match()),
    }
}

fn no_match() -> Error {
    Error::refused(UserErrorCode::NotAllowed, &[], "Handle and password do not match.")
}

/// Changes the caller's password and ends all their other sessions.
pub async fn change(app: &App, by: &Viewer, input: ChangePasswordInput, origin: &Origin) -> Result<()> {
    check(&input.new_password, &["input", "newPassword"])?;
    let me = people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?;
    count_attempt(app, &me.handle, origin)?;
    let not_present = || {
        let why = "This is not the present password.";
        Error::refused(UserErrorCode::NotAllowed, &["input", "currentPassword"], why)
    };
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

/// Begins a session by a password that was proven; refused if it was changed since.
async fn begin(app: &App, person: user::Model, proven: &str, origin: &Origin) -> Result<SignedIn> {
    let id = person.id;
    let handout = app.transaction(|tx| {
        Box::pin(async move {
            // Held, so that whoever is suspended, or whose password is changed, at this moment gets no session of before.
            people::hold(tx, id).await?.ok_or_else(no_match)?;
            still(tx, id, proven).await?.ok_or_else(no_match)?;
            sessions::begin(tx, id, origin).await
        })
    });
    let handout = handout.await?;
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
