//! API keys of people and of the organisation. The text of a key is shown once. A key never has more scopes than who
//! makes it, and whoever calls with a key makes none.

use async_graphql::InputObject;
use chrono::Duration;
use entity::{
    api_key::{self, ApiKeyKind},
    id::{ApiKeyId, UserId},
    user::Role,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;

use crate::{
    app::{App, Tx},
    audit::entries::{self, Act},
    auth::{
        context::Origin,
        keys,
        rights::{self, Subject},
        secret,
        viewer::{Proof, Scope, Scopes, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    instant::Instant,
    plain_text, text,
    users::people,
};

/// Random bytes of the public part and of the secret part.
const PUBLIC: usize = 9;
const SECRET: usize = 32;
/// The most keys that one person, or the organisation, has at a time.
const MOST: u64 = 100;
/// The longest time for which the secret before a rotation is still taken.
const LONGEST_OVERLAP: Duration = Duration::days(30);

/// What key to make.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// What the key is for, 1 to 100 characters.
    pub name: String,
    /// PERSONAL acts for the viewer. ORGANISATION is a service account; only administrators make one.
    #[graphql(default_with = "ApiKeyKind::Personal")]
    pub kind: ApiKeyKind,
    /// What the key may be used for: one or more, none that the viewer's own token lacks.
    pub scopes: Vec<Scope>,
    /// When it ends; never when left out.
    pub expires_at: Option<Instant>,
}

/// What to change about a key. What is left out stays.
#[derive(InputObject)]
pub struct UpdateApiKeyInput {
    /// The key.
    pub api_key_id: async_graphql::ID,
    /// What the key is for, 1 to 100 characters.
    pub name: Option<String>,
    /// What the key may be used for: one or more, none that the viewer's own token lacks.
    pub scopes: Option<Vec<Scope>>,
}

/// Which key to give a new secret.
#[derive(InputObject)]
pub struct RotateApiKeyInput {
    /// The key.
    pub api_key_id: async_graphql::ID,
    /// For how many seconds the present secret is still taken, at most 30 days. A day when left out; 0 ends it at once.
    #[graphql(default = 86_400)]
    pub overlap_seconds: i32,
}

/// A key and, where there is a new one, its text.
pub struct Made {
    pub key: api_key::Model,
    pub text: Option<String>,
}

/// Makes a key.
pub async fn create(app: &App, by: &Viewer, input: &CreateApiKeyInput, origin: &Origin) -> Result<Made> {
    let name = &check_name(&input.name)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let scopes = check_scopes(by, &input.scopes)?;
            admit(tx, by, input.kind).await?;
            let now = tx.clock().now();
            if input.expires_at.is_some_and(|end| end.0 <= now) {
                let why = "A key ends in the future.";
                return Err(Error::refused(UserErrorCode::Invalid, &["input", "expiresAt"], why));
            }
            let own = owned(by.user, input.kind).filter(api_key::Column::RevokedAt.is_null());
            if own.count(tx.db()).await? >= MOST {
                let why = format!("There are {MOST} keys already; revoke one first.");
                return Err(Error::refused(UserErrorCode::NotAllowed, &[], why));
            }
            let prefix = format!("{}{}", keys::START, secret::random(PUBLIC)?);
            let given = secret::random(SECRET)?;
            let row = api_key::Model {
                id: ApiKeyId(tx.clock().uuid()),
                prefix,
                secret_hash: secret::digest(&given),
                previous_hash: None,
                previous_until: None,
                kind: input.kind,
                name: name.clone(),
                owner_id: by.user,
                scopes: scopes.to_string(),
                created_at: now,
                expires_at: input.expires_at.map(|end| end.0),
                last_used_at: None,
                revoked_at: None,
            };
            api_key::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
            audit(tx, by, &row, Act::on("createApiKey", &row.id, origin)).await?;
            let text = Some(format!("{}.{given}", row.prefix));
            Ok(Made { key: row, text })
        })
    })
    .await
}

/// Renames a key or changes its scopes. What is live by it ends, and begins again with the new scopes.
pub async fn update(app: &App, by: &Viewer, input: &UpdateApiKeyInput, origin: &Origin) -> Result<Made> {
    let name = &input.name.as_deref().map(check_name).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            let scopes = input.scopes.as_deref().map(|scopes| check_scopes(by, scopes)).transpose()?;
            let key = hold(tx, by, &input.api_key_id).await?;
            let id = key.id;
            let mut row = key.into_active_model();
            if let Some(name) = name {
                row.name = Set(name.clone());
            }
            if let Some(scopes) = scopes {
                row.scopes = Set(scopes.to_string());
            }
            let key = row.update(tx.db()).await?;
            rights::end(tx, &Subject::Key(id))?;
            audit(tx, by, &key, Act::on("updateApiKey", &id, origin)).await?;
            Ok(Made { key, text: None })
        })
    })
    .await
}

/// Gives a key a new secret; the present one is taken a while longer.
pub async fn rotate(app: &App, by: &Viewer, input: &RotateApiKeyInput, origin: &Origin) -> Result<Made> {
    let overlap = Duration::seconds(input.overlap_seconds.into());
    if overlap < Duration::zero() || overlap > LONGEST_OVERLAP {
        let why = "An overlap is from 0 seconds to 30 days.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "overlapSeconds"], why));
    }
    app.transaction(|tx| {
        Box::pin(async move {
            let key = hold(tx, by, &input.api_key_id).await?;
            let given = secret::random(SECRET)?;
            let (id, present) = (key.id, key.secret_hash.clone());
            let mut row = key.into_active_model();
            row.previous_until = Set((overlap > Duration::zero()).then(|| tx.clock().now() + overlap));
            row.previous_hash = Set((overlap > Duration::zero()).then_some(present));
            row.secret_hash = Set(secret::digest(&given));
            let key = row.update(tx.db()).await?;
            // Whoever is connected by the earlier secret has to show one that is still taken.
            rights::end(tx, &Subject::Key(id))?;
            audit(tx, by, &key, Act::on("rotateApiKey", &id, origin)).await?;
            let text = Some(format!("{}.{given}", key.prefix));
            Ok(Made { key, text })
        })
    })
    .await
}

/// Ends a key for ever. Idempotent.
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
            rights::end(tx, &Subject::Key(id))?;
            audit(tx, by, &key, Act::on("revokeApiKey", &id, origin)).await?;
            Ok((key, true))
        })
    })
    .await
}

/// Ends all keys that act for a person, who is held.
pub async fn revoke_all(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let own = owned(user, ApiKeyKind::Personal).filter(api_key::Column::RevokedAt.is_null());
    let own = own.order_by_asc(api_key::Column::Id).lock_exclusive().all(tx.db()).await?;
    for key in own {
        let id = key.id;
        let mut row = key.into_active_model();
        row.revoked_at = Set(Some(tx.clock().now()));
        row.update(tx.db()).await?;
        rights::end(tx, &Subject::Key(id))?;
    }
    Ok(())
}

/// The keys that a person may see: their own, and an administrator those of the organisation. Newest first.
pub async fn visible_to(db: &impl ConnectionTrait, by: &Viewer) -> Result<Vec<api_key::Model>, DbErr> {
    let mut whose = Condition::any().add(
        Condition::all().add(api_key::Column::OwnerId.eq(by.user)).add(api_key::Column::Kind.eq(ApiKeyKind::Personal)),
    );
    if by.scopes.has(Scope::Admin) && people::role(db, by.user).await? == Some(Role::Admin) {
        whose = whose.add(api_key::Column::Kind.eq(ApiKeyKind::Organisation));
    }
    api_key::Entity::find().filter(whose).order_by_desc(api_key::Column::Id).all(db).await
}

/// Writes down what was done to a key of the organisation; one's own keys are one's own matter.
async fn audit(tx: &Tx<'_>, by: &Viewer, key: &api_key::Model, act: Act<'_>) -> Result<()> {
    if key.kind == ApiKeyKind::Personal {
        return Ok(());
    }
    let details = json!({ "name": key.name, "scopes": key.scopes.split(' ').collect::<Vec<_>>() });
    entries::record(tx, by, act.with(details)).await
}

/// Removes all keys that act for a person, who is held.
pub async fn forget_all(tx: &Tx<'_>, user: UserId) -> Result<()> {
    api_key::Entity::delete_many()
        .filter(api_key::Column::OwnerId.eq(user))
        .filter(api_key::Column::Kind.eq(ApiKeyKind::Personal))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// What a key is called.
pub async fn name(db: &impl ConnectionTrait, id: ApiKeyId) -> Result<String> {
    let key = api_key::Entity::find_by_id(id).one(db).await?;
    key.map(|key| key.name).ok_or(Error::Unauthenticated)
}

fn owned(user: UserId, kind: ApiKeyKind) -> sea_orm::Select<api_key::Entity> {
    let keys = api_key::Entity::find().filter(api_key::Column::Kind.eq(kind));
    match kind {
        ApiKeyKind::Personal => keys.filter(api_key::Column::OwnerId.eq(user)),
        ApiKeyKind::Organisation => keys,
    }
}

/// Holds the maker's row, so that two calls cannot both make the last key; asks for an administrator where one is needed.
async fn admit(tx: &Tx<'_>, by: &Viewer, kind: ApiKeyKind) -> Result<()> {
    let me = people::hold_self(tx, by).await?;
    let allowed = kind == ApiKeyKind::Personal || (me.role == Role::Admin && by.scopes.has(Scope::Admin));
    if allowed { Ok(()) } else { Err(Error::Forbidden(Scope::Admin.name())) }
}

/// A key of the caller's, locked.
async fn find(tx: &Tx<'_>, by: &Viewer, id: &str) -> Result<api_key::Model> {
    let not_found = || Error::not_found(&["input", "apiKeyId"]);
    let id = ApiKeyId::parse(id).ok_or_else(not_found)?;
    let key = api_key::Entity::find_by_id(id).lock_exclusive().one(tx.db()).await?.ok_or_else(not_found)?;
    match key.kind {
        ApiKeyKind::Personal if key.owner_id == by.user => Ok(key),
        ApiKeyKind::Organisation if by.scopes.has(Scope::Admin) => {
            let role = people::role(tx.db(), by.user).await?;
            if role == Some(Role::Admin) { Ok(key) } else { Err(not_found()) }
        }
        _ => Err(not_found()),
    }
}

/// A key of the caller's that is still in force, locked.
async fn hold(tx: &Tx<'_>, by: &Viewer, id: &str) -> Result<api_key::Model> {
    let key = find(tx, by, id).await?;
    if key.revoked_at.is_some() {
        let why = "The key was revoked; make a new one.";
        return Err(Error::refused(UserErrorCode::NotAllowed, &["input", "apiKeyId"], why));
    }
    Ok(key)
}

fn check_name(name: &str) -> Result<String> {
    let name = plain_text::line(name);
    if !text::is_blank(&name) && name.chars().count() <= 100 && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    let why = "A name has 1 to 100 characters, none of them a control character.";
    Err(Error::refused(UserErrorCode::Invalid, &["input", "name"], why))
}

fn check_scopes(by: &Viewer, scopes: &[Scope]) -> Result<Scopes> {
    if let Proof::Key(_) = by.proof {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "Sign in: a key makes and changes no keys."));
    }
    let why = match scopes.iter().find(|scope| !by.scopes.has(**scope)) {
        None if !scopes.is_empty() => return Ok(scopes.iter().copied().collect()),
        None => "A key has at least one scope.".to_owned(),
        Some(lacking) => format!("Your own token lacks the scope {}.", lacking.name()),
    };
    Err(Error::refused(UserErrorCode::Invalid, &["input", "scopes"], why))
}
