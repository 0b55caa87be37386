//! Signing up and signing in by password. A wrong password and an unknown handle look alike, in words and in time.

use async_graphql::InputObject;
use entity::{
    credential,
    user::{self, Role},
};
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::{
    app::App,
    auth::{
        jwt::{self, AccessToken},
        password,
        viewer::Scopes,
    },
    error::{Error, Result, UserErrorCode},
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
    pub password: String,
}

/// A person who has signed in.
pub struct SignedIn {
    pub person: user::Model,
    pub token: AccessToken,
}

/// Makes an account for a member and signs in.
pub async fn sign_up(app: &App, input: SignUpInput) -> Result<SignedIn> {
    if !app.config.sign_up_open {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "This organisation makes accounts itself."));
    }
    if !PASSWORD.contains(&input.password.chars().count()) {
        let why = format!("A password has {} to {} characters.", PASSWORD.start(), PASSWORD.end());
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "password"], why));
    }
    let person = NewPerson {
        handle: input.handle,
        display_name: input.display_name,
        given_name: input.given_name,
        family_name: input.family_name,
        role: Role::Member,
    };
    let person = create(app, person, input.password).await?;
    signed_in(app, person)
}

/// Makes an account with a password.
pub async fn create(app: &App, person: NewPerson, password: String) -> Result<user::Model> {
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
            Ok(person)
        })
    })
    .await
}

/// Signs in by handle and password.
pub async fn sign_in(app: &App, input: SignInInput) -> Result<SignedIn> {
    let person = match input.handle.contains('\0') {
        true => None,
        false => people::by_handle(app.db.read(), &input.handle).await?,
    };
    let hash = match &person {
        Some(person) => credential::Entity::find_by_id(person.id).one(app.db.read()).await?,
        None => None,
    };
    let too_long = input.password.chars().count() > *PASSWORD.end();
    let hash = hash.map(|row| row.password_hash).filter(|_| !too_long);
    let password = if too_long { String::new() } else { input.password };
    match (password::verify(password, hash).await?, person) {
        (true, Some(person)) => signed_in(app, person),
        _ => Err(Error::refused(UserErrorCode::NotAllowed, &[], "Handle and password do not match.")),
    }
}

fn signed_in(app: &App, person: user::Model) -> Result<SignedIn> {
    let token = jwt::issue(app, person.id, Scopes::all(), app.config.tokens.lifetime)?;
    Ok(SignedIn { person, token })
}
