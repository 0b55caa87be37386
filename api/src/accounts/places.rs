//! From where an account was signed in to before. Somebody who tries passwords elsewhere does not slow those places.

use chrono::Duration;
use entity::{
    id::{SessionId, UserId},
    refresh_token, session,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect as _};
use sha2::{Digest as _, Sha256};

use crate::{
    app::App,
    auth::{
        context::Origin,
        secret,
        viewer::{Caller, Proof},
    },
    error::Result,
    throttle::attempts::Place,
};

/// For how long the network of a sign-in is known.
const KNOWN_FOR: Duration = Duration::days(90);

/// The evidence that a caller has signed in before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// A refresh token of any earlier session, ended or not.
    pub refresh_token: Option<&'a str>,
    /// The caller whom the call's own access token names.
    pub caller: Option<&'a Caller>,
}

/// The place of a try, and whether the account knows it. The work is the same when there is no such account, so that the time
/// taken does not tell.
pub async fn find(app: &App, user: Option<UserId>, shown: Shown<'_>, origin: &Origin) -> Result<(Place, bool)> {
    let user = user.unwrap_or(UserId(uuid::Uuid::nil()));
    if let Some(device) = device(app, user, shown).await? {
        return Ok((Place::Device(device), true));
    }
    let place = app.throttle.attempts.place(origin.address);
    let Some(network) = digest(user, place) else { return Ok((place, false)) };
    let known = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::Network.eq(network))
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

/// What a session keeps of its network: enough to know it again for this account, and no address.
#[must_use]
pub fn digest(user: UserId, place: Place) -> Option<Vec<u8>> {
    let Place::Network(address) = place else { return None };
    let mut hash = Sha256::new();
    hash.update(user.0.as_bytes());
    hash.update(address.to_string());
    Some(hash.finalize().to_vec())
}
