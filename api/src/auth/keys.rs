//! API keys, `rk_PREFIX.SECRET`: found by prefix, compared by digest in constant time. Anything wrong with one is the same
//! refusal.

use chrono::{DateTime, Duration, Utc};
use entity::{
    api_key::{self, ApiKeyKind},
    id::ApiKeyId,
    user::{self, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    secret,
    viewer::{Caller, Proof, Scopes, ServiceViewer, Viewer},
};
use crate::{
    app::App,
    database::sql::Sql,
    error::{Error, Result},
};

/// What every key begins with.
pub const START: &str = "rk_";

/// How old a key's last use may be before it is written again.
const USE_KEPT_FOR: Duration = Duration::minutes(1);

/// The parts of a key: the public one with its start, and the secret one.
#[must_use]
pub fn parts(text: &str) -> Option<(&str, &str)> {
    text.split_once('.').filter(|(prefix, _)| prefix.starts_with(START))
}

/// Who calls with a key.
pub async fn verify(app: &App, text: &str) -> Result<Caller> {
    let (prefix, given) = parts(text).filter(|_| !text.contains('\0')).ok_or(Error::Unauthenticated)?;
    let found = api_key::Entity::find().filter(api_key::Column::Prefix.eq(prefix)).one(app.db.read()).await?;
    let key = found.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    let end = end_of(&key, given, now).filter(|end| *end > now && key.revoked_at.is_none());
    let expires_at = end.ok_or(Error::Unauthenticated)?;
    let owner = user::Entity::find_by_id(key.owner_id).one(app.db.read()).await?;
    let owner = owner.ok_or(Error::Unauthenticated)?;
    if key.last_used_at.is_none_or(|at| now - at >= USE_KEPT_FOR) {
        note_use(app, key.id, now);
    }
    let scopes = Scopes::parse(&key.scopes);
    match key.kind {
        // A key of the organisation outlives who made it.
        ApiKeyKind::Organisation => Ok(Caller::Service(ServiceViewer { key: key.id, scopes, expires_at })),
        ApiKeyKind::Personal if owner.status != UserStatus::Active => Err(Error::Unauthenticated),
        ApiKeyKind::Personal => Ok(Caller::Person(Viewer {
            user: owner.id,
            scopes: scopes.and(Scopes::of(owner.role)),
            expires_at,
            proof: Proof::Key(key.id),
        })),
    }
}

/// Until when a secret is taken for a key; none when it is not the key's.
fn end_of(key: &api_key::Model, given: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let end = key.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
    if secret::matches(given, &key.secret_hash) {
        return Some(end);
    }
    let (earlier, until) = (key.previous_hash.as_ref()?, key.previous_until?);
    (until > now && secret::matches(given, earlier)).then_some(end.min(until))
}

/// Writes when a key was used, apart from the call that uses it.
fn note_use(app: &App, key: ApiKeyId, now: DateTime<Utc>) {
    let noting = app.clone();
    app.tasks.spawn(async move {
        let noted = noting.transaction(|tx| {
            Box::pin(async move {
                let mut sql = Sql::new("UPDATE api_key SET last_used_at = ");
                sql.bind(now);
                sql.push(" WHERE id = ");
                sql.bind(key);
                sql.run(tx.db()).await?;
                Ok(())
            })
        });
        if let Err(error) = noted.await {
            tracing::warn!(cause = error.code(), "the use of a key could not be noted");
        }
    });
}
