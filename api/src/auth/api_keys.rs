//! API keys, `rk_PREFIX.SECRET`. A key is found by its prefix and its secret is compared by digest in constant time.
//! Every fault of a key gets the same refusal.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use entity::{
    api_key::{self, ApiKeyKind},
    id::ApiKeyId,
    user::{self, UserStatus},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{
    secret,
    viewer::{Caller, Credential, Scopes, ServiceViewer, Viewer},
};
use crate::{
    app::App,
    database::sql::Sql,
    error::{Error, Result},
};

/// The start of every API key.
pub const START: &str = "rk_";

/// The age at which the time of a key's last use is written again.
const USE_KEPT_FOR: Duration = Duration::minutes(1);

/// Splits a key into its public part with the start, and its secret part.
#[must_use]
pub fn parts(text: &str) -> Option<(&str, &str)> {
    text.split_once('.').filter(|(prefix, _)| prefix.starts_with(START))
}

/// Returns the caller of an API key. Refuses with UNAUTHENTICATED.
pub async fn verify(app: &App, text: &str) -> Result<Caller> {
    let (prefix, given) = parts(text).filter(|_| !text.contains('\0')).ok_or(Error::Unauthenticated)?;
    let found = api_key::Entity::find().filter(api_key::Column::Prefix.eq(prefix)).one(app.db.read()).await?;
    let key = found.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    let end = secret_expiry(&key, given, now).filter(|end| *end > now && key.revoked_at.is_none());
    let expires_at = end.ok_or(Error::Unauthenticated)?;
    if key.last_used_at.is_none_or(|at| now - at >= USE_KEPT_FOR) {
        record_use(app, key.id, now);
    }
    caller_of(app, &key, expires_at).await
}

/// Returns the caller of a key that a signed link names. Refuses with UNAUTHENTICATED when the key is revoked or has
/// expired.
pub async fn holder(app: &App, id: ApiKeyId, expires_at: DateTime<Utc>) -> Result<Caller> {
    let key = api_key::Entity::find_by_id(id).one(app.db.read()).await?.ok_or(Error::Unauthenticated)?;
    if key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= app.clock.now()) {
        return Err(Error::Unauthenticated);
    }
    caller_of(app, &key, expires_at).await
}

async fn caller_of(app: &App, key: &api_key::Model, expires_at: DateTime<Utc>) -> Result<Caller> {
    let owner = user::Entity::find_by_id(key.owner_id).one(app.db.read()).await?;
    let owner = owner.ok_or(Error::Unauthenticated)?;
    let (scopes, trusted_documents_only) = (Scopes::parse(&key.scopes), key.trusted_documents_only);
    match key.kind {
        // An organization key outlives the account of its creator.
        ApiKeyKind::Organization => {
            Ok(Caller::Service(ServiceViewer { key: key.id, scopes, expires_at, trusted_documents_only }))
        }
        ApiKeyKind::Personal if owner.status != UserStatus::Active => Err(Error::Unauthenticated),
        ApiKeyKind::Personal => Ok(Caller::Person(Viewer {
            user: owner.id,
            scopes: scopes.and(Scopes::of(owner.role)),
            expires_at,
            proof: Credential::Key(key.id),
            trusted_documents_only,
        })),
    }
}

/// Returns the time until which the secret is valid for the key, or none when the secret does not belong to the key.
fn secret_expiry(key: &api_key::Model, given: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let end = key.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
    if secret::matches(given, &key.secret_hash) {
        return Some(end);
    }
    let (earlier, until) = (key.previous_hash.as_ref()?, key.previous_until?);
    (until > now && secret::matches(given, earlier)).then_some(end.min(until))
}

/// Returns the names of several keys.
pub async fn names(db: &impl ConnectionTrait, ids: &[ApiKeyId]) -> Result<HashMap<ApiKeyId, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = api_key::Entity::find().filter(api_key::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    Ok(keys.into_iter().map(|key| (key.id, key.name)).collect())
}

/// Saves the time of a key's last use, in a task apart from the call that uses the key.
fn record_use(app: &App, key: ApiKeyId, now: DateTime<Utc>) {
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
            tracing::warn!(cause = error.code(), "the last use of an API key could not be saved");
        }
    });
}
