//! From where an account was signed in to before. Somebody who tries passwords elsewhere does not slow those places.

use aws_lc_rs::hmac;
use chrono::Duration;
use entity::{
    id::{SessionId, UserId},
    refresh_token, session,
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter, QuerySelect as _};

use crate::{
    app::{App, Tx},
    auth::{
        context::Origin,
        secret,
        viewer::{Caller, Proof},
    },
    error::Result,
    throttle::attempts::Place,
};

/// For how long the network of a sign-in is known, and a device after its session has ended.
pub const KNOWN_FOR: Duration = Duration::days(90);

/// The evidence that a caller has signed in before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// A refresh token of an earlier session, ended or not.
    pub refresh_token: Option<&'a str>,
    /// The caller whom the call's own access token names.
    pub caller: Option<&'a Caller>,
}

impl Shown<'_> {
    /// True without any evidence.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let session = matches!(self.caller, Some(Caller::Person(viewer)) if matches!(viewer.proof, Proof::Session(_)));
        self.refresh_token.is_none() && !session
    }
}

/// The place of a try, and whether the account knows it. The work is the same when there is no such account, so that the time
/// taken does not tell.
pub async fn find(app: &App, user: Option<UserId>, shown: Shown<'_>, origin: &Origin) -> Result<(Place, bool)> {
    let user = user.unwrap_or(UserId(uuid::Uuid::nil()));
    if let Some(device) = device(app, user, shown).await? {
        return Ok((Place::Device(device), true));
    }
    let place = app.throttle.attempts.place(origin.address);
    let keys = &app.config.tokens.keys.hiding;
    let networks: Vec<Vec<u8>> = keys.iter().filter_map(|key| digest(key, user, place)).collect();
    if networks.is_empty() {
        return Ok((place, false));
    }
    let known = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::Network.is_not_null())
        .filter(session::Column::Network.is_in(networks))
        .filter(session::Column::UsedAt.gt(app.clock.now() - KNOWN_FOR));
    let known: Option<SessionId> = known.into_tuple().one(app.db.read()).await?;
    Ok((place, known.is_some()))
}

async fn device(app: &App, user: UserId, shown: Shown<'_>) -> Result<Option<SessionId>> {
    if let Some(Caller::Person(viewer)) = shown.caller
        && viewer.user == user
        && let Proof::Session(session) = viewer.proof
    {
        return Ok(Some(session));
    }
    let Some(text) = shown.refresh_token else { return Ok(None) };
    let token = refresh_token::Entity::find_by_id(secret::digest(text)).one(app.db.read()).await?;
    let session = token.map_or(SessionId(uuid::Uuid::nil()), |token| token.session_id);
    let session = session::Entity::find_by_id(session).one(app.db.read()).await?;
    Ok(session.filter(|session| session.user_id == user).map(|session| session.id))
}

/// The digest of a network that a new session stores. It recognises the network for this account and hides the address.
#[must_use]
pub fn kept(tx: &Tx<'_>, user: UserId, place: Place) -> Option<Vec<u8>> {
    digest(tx.config().tokens.keys.hiding.first()?, user, place)
}

/// Keeps a place to which a person proved themselves otherwise than by a password: a session that has ended as it began,
/// without a token.
pub async fn remember(tx: &Tx<'_>, user: UserId, place: Place) -> Result<()> {
    let Some(network) = kept(tx, user, place) else { return Ok(()) };
    let now = tx.clock().now();
    let row = session::Model {
        id: SessionId(tx.clock().uuid()),
        user_id: user,
        created_at: now,
        used_at: now,
        expires_at: now,
        ended_at: Some(now),
        user_agent: None,
        network: Some(network),
    };
    session::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Under a key that is not in the database, because there are so few addresses that all of them can be tried.
fn digest(key: &hmac::Key, user: UserId, place: Place) -> Option<Vec<u8>> {
    let Place::Network(address) = place else { return None };
    let mut digest = hmac::Context::with_key(key);
    digest.update(user.0.as_bytes());
    digest.update(address.to_string().as_bytes());
    Some(digest.sign().as_ref().to_vec())
}
