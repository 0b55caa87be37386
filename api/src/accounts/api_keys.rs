//! API keys of users and of the organization. The text of a key is shown once. A key never has more scopes than its
//! creator, and a call with a key cannot create keys.

use async_graphql::InputObject;
use chrono::Duration;
use entity::{
    api_key::{self, ApiKeyKind},
    id::{ApiKeyId, UserId},
    user,
    user::Role,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder,
};
use serde_json::json;

use super::key_validation::{check_name, check_scopes};
use crate::{
    app::{App, Locked, Tx},
    audit::entries::{self, AuditedAction},
    auth::{
        api_keys, idempotency,
        request_context::Origin,
        revocation::{self, Subject},
        secret::{self, CallSecret},
        viewer::{Scope, Viewer},
    },
    error::{Error, INPUT, Result, UserErrorCode},
    instant::Instant,
    users::people,
};

/// The random bytes of the public part.
const PUBLIC: usize = 9;
/// The maximum number of unrevoked keys of one user, or of the organization.
const MAX_KEYS: u64 = 100;
/// The maximum time for which the previous secret stays valid after a rotation.
const LONGEST_OVERLAP: Duration = Duration::days(30);

/// The API key to create.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// The purpose of the key, 1 to 100 characters. Customers see the name of an organization key whose program writes
    /// to them.
    pub name: String,
    /// The identity that the key acts for. PERSONAL means the viewer. ORGANIZATION means a service account, which only
    /// administrators can create.
    #[graphql(default_with = "ApiKeyKind::Personal")]
    pub kind: ApiKeyKind,
    /// The permissions of the key: one or more, each of which the viewer's own token has. An organization key can have
    /// PROFILE_READ, CONTACTS_READ, CONVERSATIONS_READ, CONVERSATIONS_WRITE, AGENTS_READ, AGENTS_WRITE, EVENTS_READ and
    /// ADMIN. The other scopes are refused, because they do nothing for it.
    pub scopes: Vec<Scope>,
    /// The time at which the key expires. It never expires when left out.
    pub expires_at: Option<Instant>,
    /// True for a key that runs only trusted documents.
    #[graphql(default)]
    pub trusted_documents_only: bool,
    /// A random text that the client makes up, 22 to 100 characters. All calls with the same text together create one
    /// key. For an hour each of them returns its secret.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

/// The changes of an API key. Fields that are left out keep their values.
#[derive(InputObject)]
pub struct UpdateApiKeyInput {
    /// The id of the key, `key_…`.
    pub api_key_id: async_graphql::ID,
    /// The purpose of the key, 1 to 100 characters.
    pub name: Option<String>,
    /// The permissions of the key: one or more, each of which the viewer's own token has.
    pub scopes: Option<Vec<Scope>>,
    /// True to make the key run only trusted documents.
    pub trusted_documents_only: Option<bool>,
}

/// The API key to give a new secret.
#[derive(InputObject)]
pub struct RotateApiKeyInput {
    /// The id of the key, `key_…`.
    pub api_key_id: async_graphql::ID,
    /// The seconds for which the present secret stays valid, at most 30 days. The default is a day. With 0 it ends at
    /// once.
    #[graphql(default = 86_400)]
    pub overlap_seconds: i32,
    /// A random text that the client makes up, 22 to 100 characters. All calls with the same text together rotate the
    /// key once. For an hour each of them returns the new secret.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

/// A key with a new secret.
pub struct CreatedApiKey {
    /// The key's row.
    pub key: api_key::Model,
    /// The text of the key. Unset in a repeated answer after an hour, or when the secret was replaced since.
    pub text: Option<String>,
    /// True if an earlier call with the same idempotency key had created the secret.
    pub replayed: bool,
}

impl CreatedApiKey {
    /// Returns the answer to a repeated call. It has the secret for an hour, unless it was replaced.
    async fn replayed(
        tx: &Tx<'_>,
        by: &Viewer,
        key: api_key::Model,
        call: Option<&str>,
        secret: &CallSecret<'_>,
    ) -> Result<Self> {
        let text = match call {
            Some(call) if idempotency::may_repeat_secret(tx, by.user, call).await? => {
                secret.find(|given| secret::matches(given, &key.secret_hash))
            }
            _ => None,
        };
        let text = text.map(|given| format!("{}.{given}", key.prefix));
        Ok(Self { key, text, replayed: true })
    }
}

/// Creates a key. Refuses with `Invalid` or `NotAllowed`. An organization key needs an administrator with the scope
/// `Admin`. It is audited.
pub async fn create(app: &App, by: &Viewer, input: &CreateApiKeyInput, origin: &Origin) -> Result<CreatedApiKey> {
    let name = &check_name(&input.name)?;
    idempotency::check_unguessable(input.idempotency_key.as_deref())?;
    app.transaction(|tx| {
        Box::pin(async move {
            let scopes = check_scopes(by, input.kind, &input.scopes)?;
            admit(tx, by, input.kind).await?;
            let now = tx.clock().now();
            let (id, call) = (ApiKeyId(tx.clock().uuid()), input.idempotency_key.as_deref());
            let keys = &tx.config().tokens.keys;
            let (end, limited) = (input.expires_at.map(|end| end.0), input.trusted_documents_only);
            let asked = format!("createApiKey {:?} {name} {scopes} {end:?} {limited}", input.kind);
            if let Some(earlier) = idempotency::claim(tx, by.user, call, &asked, id.0).await? {
                let key = api_key::Entity::find_by_id(ApiKeyId(earlier)).one(tx.db()).await?;
                let key = key.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
                let secret = CallSecret::new(keys, "createApiKey", by.user, earlier, call);
                return CreatedApiKey::replayed(tx, by, key, call, &secret).await;
            }
            if end.is_some_and(|end| end <= now) {
                let why = "The key must expire in the future.";
                return Err(Error::refused(UserErrorCode::Invalid, &["input", "expiresAt"], why));
            }
            let own = owned(by.user, input.kind).filter(api_key::Column::RevokedAt.is_null());
            if own.count(tx.db()).await? >= MAX_KEYS {
                let why = format!("You already have {MAX_KEYS} keys. Revoke one first.");
                return Err(Error::refused(UserErrorCode::LimitReached, INPUT, why).with_limit(MAX_KEYS));
            }
            let prefix = format!("{}{}", api_keys::START, secret::random(PUBLIC)?);
            let given = CallSecret::new(keys, "createApiKey", by.user, id.0, call).create()?;
            let row = api_key::Model {
                id,
                prefix,
                secret_hash: secret::digest(&given),
                previous_hash: None,
                previous_until: None,
                kind: input.kind,
                name: name.clone(),
                owner_id: by.user,
                scopes: scopes.to_string(),
                created_at: now,
                expires_at: end,
                trusted_documents_only: limited,
                last_used_at: None,
                revoked_at: None,
            };
            api_key::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
            audit(tx, by, &row, AuditedAction::on("createApiKey", &row.id, origin)).await?;
            let text = Some(format!("{}.{given}", row.prefix));
            Ok(CreatedApiKey { key: row, text, replayed: false })
        })
    })
    .await
}

/// Renames a key, or changes its scopes or its limit to trusted documents. Returns false if it had these values. Open
/// connections of the key close and can be opened again with the new scopes. Refuses with `NotFound`, `Invalid` or
/// `NotAllowed`.
pub async fn update(
    app: &App,
    by: &Viewer,
    input: &UpdateApiKeyInput,
    origin: &Origin,
) -> Result<(api_key::Model, bool)> {
    let name = &input.name.as_deref().map(check_name).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            let key = lock(tx, by, &input.api_key_id).await?;
            let scopes = input.scopes.as_deref().map(|scopes| check_scopes(by, key.kind, scopes)).transpose()?;
            let name = name.clone().unwrap_or_else(|| key.name.clone());
            let scopes = scopes.map_or_else(|| key.scopes.clone(), |scopes| scopes.to_string());
            let limited = input.trusted_documents_only.unwrap_or(key.trusted_documents_only);
            if (&name, &scopes, limited) == (&key.name, &key.scopes, key.trusted_documents_only) {
                return Ok((key, false));
            }
            let id = key.id;
            let mut row = key.into_active_model();
            (row.name, row.scopes, row.trusted_documents_only) = (Set(name), Set(scopes), Set(limited));
            let key = row.update(tx.db()).await?;
            revocation::revoke(tx, &Subject::Key(id))?;
            audit(tx, by, &key, AuditedAction::on("updateApiKey", &id, origin)).await?;
            Ok((key, true))
        })
    })
    .await
}

/// Gives a key a new secret. The present secret stays valid for the overlap. Refuses with `NotFound`, `Invalid` or
/// `NotAllowed`.
pub async fn rotate(app: &App, by: &Viewer, input: &RotateApiKeyInput, origin: &Origin) -> Result<CreatedApiKey> {
    let overlap = Duration::seconds(input.overlap_seconds.into());
    if overlap < Duration::zero() || overlap > LONGEST_OVERLAP {
        let why = "The overlap must be between 0 seconds and 30 days.";
        let limit = if overlap < Duration::zero() { 0 } else { LONGEST_OVERLAP.num_seconds() };
        let refused = Error::refused(UserErrorCode::OutOfRange, &["input", "overlapSeconds"], why);
        return Err(refused.with_excess(limit, input.overlap_seconds));
    }
    idempotency::check_unguessable(input.idempotency_key.as_deref())?;
    app.transaction(|tx| {
        Box::pin(async move {
            let key = lock(tx, by, &input.api_key_id).await?;
            let call = input.idempotency_key.as_deref();
            let secret = CallSecret::new(&tx.config().tokens.keys, "rotateApiKey", by.user, key.id.0, call);
            let asked = format!("rotateApiKey {} {}", key.id, input.overlap_seconds);
            if idempotency::claim(tx, by.user, call, &asked, key.id.0).await?.is_some() {
                return CreatedApiKey::replayed(tx, by, key, call, &secret).await;
            }
            let given = secret.create()?;
            let (id, present) = (key.id, key.secret_hash.clone());
            let mut row = key.into_active_model();
            row.previous_until = Set((overlap > Duration::zero()).then(|| tx.clock().now() + overlap));
            row.previous_hash = Set((overlap > Duration::zero()).then_some(present));
            row.secret_hash = Set(secret::digest(&given));
            let key = row.update(tx.db()).await?;
            // Connections that were opened with the earlier secret must show a valid one again.
            revocation::revoke(tx, &Subject::Key(id))?;
            audit(tx, by, &key, AuditedAction::on("rotateApiKey", &id, origin)).await?;
            let text = Some(format!("{}.{given}", key.prefix));
            Ok(CreatedApiKey { key, text, replayed: false })
        })
    })
    .await
}

/// Revokes a key for good. Returns the key, and false when it was revoked before. Refuses with `NotFound`.
pub async fn revoke(app: &App, by: &Viewer, id: &str, origin: &Origin) -> Result<(api_key::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let key = find(tx, by, id).await?;
            if key.revoked_at.is_some() {
                return Ok((key, false));
            }
            let id = key.id;
            let mut row = key.into_active_model();
            row.revoked_at = Set(Some(tx.clock().now()));
            let key = row.update(tx.db()).await?;
            revocation::revoke(tx, &Subject::Key(id))?;
            audit(tx, by, &key, AuditedAction::on("revokeApiKey", &id, origin)).await?;
            Ok((key, true))
        })
    })
    .await
}

/// Revokes all personal keys of a user.
pub async fn revoke_all(tx: &Tx<'_>, user: &Locked<user::Model>) -> Result<()> {
    let own = owned(user.id, ApiKeyKind::Personal).filter(api_key::Column::RevokedAt.is_null());
    let own = tx.lock_all(own.order_by_asc(api_key::Column::Id)).await?;
    for key in own {
        let id = key.id;
        let mut row = key.into_row().into_active_model();
        row.revoked_at = Set(Some(tx.clock().now()));
        row.update(tx.db()).await?;
        revocation::revoke(tx, &Subject::Key(id))?;
    }
    Ok(())
}

/// Returns the keys that a user may see, newest first: their own, and for administrators those of the organization.
pub async fn visible_to(db: &impl ConnectionTrait, by: &Viewer) -> Result<Vec<api_key::Model>, DbErr> {
    let mut whose = Condition::any().add(
        Condition::all().add(api_key::Column::OwnerId.eq(by.user)).add(api_key::Column::Kind.eq(ApiKeyKind::Personal)),
    );
    if by.scopes.has(Scope::Admin) && people::role(db, by.user).await? == Some(Role::Admin) {
        whose = whose.add(api_key::Column::Kind.eq(ApiKeyKind::Organization));
    }
    api_key::Entity::find().filter(whose).order_by_desc(api_key::Column::Id).all(db).await
}

/// Records an action on an organization key in the audit log. Actions on personal keys are not audited.
async fn audit(tx: &Tx<'_>, by: &Viewer, key: &api_key::Model, act: AuditedAction<'_>) -> Result<()> {
    if key.kind == ApiKeyKind::Personal {
        return Ok(());
    }
    let details = json!({
        "name": key.name,
        "scopes": key.scopes.split(' ').collect::<Vec<_>>(),
        "trustedDocumentsOnly": key.trusted_documents_only,
    });
    entries::record(tx, by, act.with(details)).await
}

/// Deletes all personal keys of a user.
pub async fn forget_all(tx: &Tx<'_>, user: &Locked<user::Model>) -> Result<()> {
    api_key::Entity::delete_many()
        .filter(api_key::Column::OwnerId.eq(user.id))
        .filter(api_key::Column::Kind.eq(ApiKeyKind::Personal))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// Returns the name of a key. Fails with `Unauthenticated` when there is no such key.
pub async fn name(db: &impl ConnectionTrait, id: ApiKeyId) -> Result<String> {
    let key = api_key::Entity::find_by_id(id).one(db).await?;
    key.map(|key| key.name).ok_or(Error::Unauthenticated)
}

fn owned(user: UserId, kind: ApiKeyKind) -> sea_orm::Select<api_key::Entity> {
    let keys = api_key::Entity::find().filter(api_key::Column::Kind.eq(kind));
    match kind {
        ApiKeyKind::Personal => keys.filter(api_key::Column::OwnerId.eq(user)),
        ApiKeyKind::Organization => keys,
    }
}

/// Checks that the caller may create a key of this kind. Locks the caller's row, so that two calls cannot both create
/// the last key.
async fn admit(tx: &Tx<'_>, by: &Viewer, kind: ApiKeyKind) -> Result<()> {
    let me = people::lock_self(tx, by).await?;
    let allowed = kind == ApiKeyKind::Personal || (me.role == Role::Admin && by.scopes.has(Scope::Admin));
    if allowed { Ok(()) } else { Err(Error::Forbidden(Scope::Admin.name())) }
}

/// Returns one of the caller's keys, locked. Refuses with `NotFound`.
async fn find(tx: &Tx<'_>, by: &Viewer, id: &str) -> Result<api_key::Model> {
    let not_found = || Error::not_found(&["input", "apiKeyId"]);
    let id = ApiKeyId::parse(id).ok_or_else(not_found)?;
    let key = tx.lock_one(api_key::Entity::find_by_id(id)).await?.ok_or_else(not_found)?;
    match key.kind {
        ApiKeyKind::Personal if key.owner_id == by.user => Ok(key.into_row()),
        ApiKeyKind::Organization if by.scopes.has(Scope::Admin) => {
            let role = people::role(tx.db(), by.user).await?;
            if role == Some(Role::Admin) { Ok(key.into_row()) } else { Err(not_found()) }
        }
        _ => Err(not_found()),
    }
}

/// Returns one of the caller's unrevoked keys, locked. Refuses with `NotFound` or `NotAllowed`.
async fn lock(tx: &Tx<'_>, by: &Viewer, id: &str) -> Result<api_key::Model> {
    let key = find(tx, by, id).await?;
    if key.revoked_at.is_some() {
        let why = "This key was revoked. Create a new one.";
        return Err(Error::refused(UserErrorCode::NotAllowed, &["input", "apiKeyId"], why));
    }
    Ok(key)
}
