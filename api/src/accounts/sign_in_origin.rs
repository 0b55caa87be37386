//! The origins from which an account was signed in to before. Attempts from elsewhere do not slow these origins down.

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
        request_context::Origin,
        secret,
        viewer::{Caller, Credential},
    },
    error::Result,
    rate_limit::attempts::AttemptOrigin,
};

/// The time for which the network of a sign-in is known, and a device after the end of its session.
pub const KNOWN_FOR: Duration = Duration::days(90);

/// The evidence that a caller has signed in before.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignInEvidence<'a> {
    /// A refresh token of an earlier session. The session may have ended.
    pub refresh_token: Option<&'a str>,
    /// The caller whom the call's own access token names.
    pub caller: Option<&'a Caller>,
}

impl SignInEvidence<'_> {
    /// Returns true when there is no evidence.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let session =
            matches!(self.caller, Some(Caller::Person(viewer)) if matches!(viewer.proof, Credential::Session(_)));
        self.refresh_token.is_none() && !session
    }
}

/// Returns the origin of an attempt, and true when the account knows it. The work is the same for an unknown account,
/// so that the time reveals nothing.
pub async fn find(
    app: &App,
    user: Option<UserId>,
    shown: SignInEvidence<'_>,
    origin: &Origin,
) -> Result<(AttemptOrigin, bool)> {
    let user = user.unwrap_or(UserId(uuid::Uuid::nil()));
    if let Some(device) = device(app, user, shown).await? {
        return Ok((AttemptOrigin::Device(device), true));
    }
    let place = app.rate_limits.attempts.origin(origin.address);
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

async fn device(app: &App, user: UserId, shown: SignInEvidence<'_>) -> Result<Option<SessionId>> {
    if let Some(Caller::Person(viewer)) = shown.caller
        && viewer.user == user
        && let Credential::Session(session) = viewer.proof
    {
        return Ok(Some(session));
    }
    let Some(text) = shown.refresh_token else { return Ok(None) };
    let token = refresh_token::Entity::find_by_id(secret::digest(text)).one(app.db.read()).await?;
    let session = token.map_or(SessionId(uuid::Uuid::nil()), |token| token.session_id);
    let session = session::Entity::find_by_id(session).one(app.db.read()).await?;
    Ok(session.filter(|session| session.user_id == user).map(|session| session.id))
}

/// Returns the digest of a network that a new session stores. It recognizes the network for this account and hides the
/// address.
#[must_use]
pub fn network_digest(tx: &Tx<'_>, user: UserId, place: AttemptOrigin) -> Option<Vec<u8>> {
    digest(tx.config().tokens.keys.hiding.first()?, user, place)
}

/// Remembers the origin of a user who proved their identity without a password. It is stored as a session that ended
/// when it began, without a token.
pub async fn remember(tx: &Tx<'_>, user: UserId, place: AttemptOrigin) -> Result<()> {
    let Some(network) = network_digest(tx, user, place) else { return Ok(()) };
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

/// Uses a key outside the database, because the addresses are few enough to try them all.
fn digest(key: &hmac::Key, user: UserId, place: AttemptOrigin) -> Option<Vec<u8>> {
    let AttemptOrigin::Network(address) = place else { return None };
    let mut digest = hmac::Context::with_key(key);
    digest.update(user.0.as_bytes());
    digest.update(address.to_string().as_bytes());
    Some(digest.sign().as_ref().to_vec())
}
