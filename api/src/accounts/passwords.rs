//! Signing up, signing in and changing a password. A wrong password and an unknown handle look alike, in words and in
//! time. Wrong tries are counted by account, whether it exists or not, and by place ([`crate::throttle::attempts`]).

use async_graphql::InputObject;
use entity::{
    credential,
    id::UserId,
    mail_token::Purpose,
    user::{self, Role, UserStatus},
    user_email,
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _,
    QueryFilter, QuerySelect as _,
};

use super::{
    outbox,
    places::{self, Shown},
    sessions::{self, SignedIn},
    standing, strength, tokens,
};
use crate::{
    app::{App, Tx},
    auth::{
        context::Origin,
        password,
        viewer::{Caller, Proof, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    throttle::{
        TooSoon,
        attempts::{Attempt, Place},
        turns::Queued,
    },
    users::{
        people,
        profiles::{self, NewPerson},
    },
};

/// The longest password that is tried, in characters as they were typed. A composed letter may be typed as several.
const LONGEST_TYPED: usize = 4 * *strength::LENGTH.end();

/// Whom to make an account for.
#[derive(InputObject)]
pub struct SignUpInput {
    /// 2 to 32 characters of `a-z 0-9 . _ -`, unique in the organisation. Upper case is taken as lower case.
    pub handle: String,
    /// 8 to 200 characters. Common passwords and the person's own names are refused.
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
    /// A refresh token from an earlier sign-in on this device, whether or not its session has ended. The device then need not
    /// wait while somebody tries passwords elsewhere.
    #[graphql(secret)]
    pub refresh_token: Option<String>,
}

/// A new password in place of the present one.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The password until now.
    #[graphql(secret)]
    pub current_password: String,
    /// 8 to 200 characters. Common passwords and the person's own names are refused.
    #[graphql(secret)]
    pub new_password: String,
}

/// Makes an account for a member and signs in.
pub async fn sign_up(app: &App, input: SignUpInput, origin: &Origin) -> Result<SignedIn> {
    if !app.config.sign_up_open || app.config.tokens.outside.is_some() {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "This organisation makes accounts itself."));
    }
    let names = [Some(&input.handle), Some(&input.display_name), input.given_name.as_ref(), input.family_name.as_ref()];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    strength::check(&input.password, &names, &["input", "password"])?;
    let queued = app.throttle.turns.stranger().map_err(too_soon)?;
    app.throttle.attempts.count_network(origin.address).map_err(too_soon)?;
    let person = NewPerson {
        handle: input.handle,
        display_name: input.display_name,
        given_name: input.given_name,
        family_name: input.family_name,
        role: Role::Member,
    };
    let (person, proven) = create(app, person, input.password, queued).await?;
    begin(app, person, &proven, origin).await
}

/// Makes an account with a password; the person and the hash that is kept.
pub async fn create(app: &App, person: NewPerson, password: String, queued: Queued) -> Result<(user::Model, String)> {
    let password_hash = password::hash(password, queued).await?;
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

/// Signs in by handle and password. `caller`: the person whom the call's access token names, if it has one.
pub async fn sign_in(app: &App, input: SignInInput, caller: Option<&Caller>, origin: &Origin) -> Result<SignedIn> {
    if app.config.tokens.outside.is_some() {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "Sign in where your organisation signs in."));
    }
    let attempts = &app.throttle.attempts;
    let shown = Shown { refresh_token: input.refresh_token.as_deref(), caller };
    // Whoever has to wait here anyway is told before the database is asked.
    if shown.is_nothing() {
        attempts.look(&input.handle, attempts.place(origin.address)).map_err(too_soon)?;
    }
    let person = match input.handle.contains('\0') {
        true => None,
        false => people::who_may_sign_in(app.db.read(), &input.handle).await?,
    };
    let (place, known) = places::find(app, person.as_ref().map(|person| person.id), shown, origin).await?;
    let turns = &app.throttle.turns;
    // The queue first: who finds it full has not tried.
    let queued = if known { turns.known() } else { turns.stranger().map_err(too_soon)? };
    let attempt = attempts.begin(&input.handle, place, known).map_err(too_soon)?;
    let proven = prove(app, person.as_ref(), input.password, queued).await?;
    let (person, proven) = person.zip(proven).ok_or_else(no_match)?;
    attempts.succeeded(attempt);
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
    let attempt = begin_own_attempt(app, &me, by, origin)?;
    let proven =
        prove(app, Some(&me), password, app.throttle.turns.known()).await?.ok_or_else(|| not_the_password(FIELD))?;
    app.throttle.attempts.succeeded(attempt);
    Ok(proven)
}

fn not_the_password(field: &'static [&'static str]) -> Error {
    Error::refused(UserErrorCode::NotAllowed, field, "This is not the present password.")
}

/// Refuses a password that was changed since it was proven. The person is held.
pub async fn insist(tx: &Tx<'_>, user: UserId, proven: &str) -> Result<()> {
    still(tx, user, proven).await?.map(drop).ok_or_else(|| not_the_password(&["input", "password"]))
}

/// Changes the caller's password and ends all their other sessions. Tokens that were mailed for a new one are of no use then.
pub async fn change(app: &App, by: &Viewer, input: ChangePasswordInput, origin: &Origin) -> Result<()> {
    let me = people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?;
    check(app.db.read(), &me, &input.new_password).await?;
    let attempt = begin_own_attempt(app, &me, by, origin)?;
    let not_present = || not_the_password(&["input", "currentPassword"]);
    let turns = &app.throttle.turns;
    let proven = prove(app, Some(&me), input.current_password, turns.known()).await?;
    let proven = &proven.ok_or_else(not_present)?;
    app.throttle.attempts.succeeded(attempt);
    let hash = &password::hash(input.new_password, turns.known()).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            // Nobody signs in meanwhile, and nobody else changes it.
            people::hold_self(tx, by).await?;
            let row = still(tx, by.user, proven).await?.ok_or_else(not_present)?;
            let mut row = row.into_active_model();
            row.password_hash = Set(hash.clone());
            row.updated_at = Set(tx.clock().now());
            row.update(tx.db()).await?;
            tokens::forget(tx, by.user, Purpose::ResetPassword).await?;
            outbox::password_changed(tx, by.user).await?;
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
async fn prove(app: &App, person: Option<&user::Model>, password: String, queued: Queued) -> Result<Option<String>> {
    let user = person.map_or(UserId(uuid::Uuid::nil()), |person| person.id);
    let hash = credential::Entity::find_by_id(user).one(app.db.read()).await?;
    let too_long = password.chars().count() > LONGEST_TYPED;
    let hash = hash.map(|row| row.password_hash).filter(|_| !too_long);
    let matched = password::verify(if too_long { String::new() } else { password }, hash.clone(), queued).await?;
    Ok(hash.filter(|_| matched))
}

/// Refuses a new password of a person that others could guess.
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
    strength::check(password, &names, &["input", "newPassword"])
}

/// Counts a try of a caller who has proven already who they are, apart from the tries of everybody else.
fn begin_own_attempt(app: &App, me: &user::Model, by: &Viewer, origin: &Origin) -> Result<Attempt> {
    let place = match by.proof {
        Proof::Session(session) => Place::Device(session),
        Proof::Token | Proof::Key(_) => app.throttle.attempts.place(origin.address),
    };
    app.throttle.attempts.begin(&me.handle, place, true).map_err(too_soon)
}

fn too_soon(TooSoon(wait): TooSoon) -> Error {
    Error::too_many_attempts(wait)
}
