//! Entry points and their changes by administrators. An entry point in use feeds a queue in use of its own channel. Its
//! conversations continue after it is archived.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject};
use entity::{
    channel::Channel,
    entry_point::{self, Form, Origins},
    id::{EntryPointId, QueueId},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter};
use serde_json::json;

use super::{
    allowed_origins,
    entry_point_changes::{self, CreateEntryPointInput, UpdateEntryPointInput},
    entry_point_rows,
};
use crate::{
    app::{App, Tx},
    auth::{
        idempotency,
        secret::{self, CallSecret},
        visitor_tokens,
    },
    contact_center::{
        admin_change::{self, AdminActor, Created, LockedConfiguration},
        name_validation::{self, invalid},
    },
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    tasks::task_rows::NO_PRIORITY,
};

const ENTRY_POINT: FieldPath = &["input", "entryPointId"];

/// The entry point to archive.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveEntryPointInput {
    /// The id of the entry point to archive.
    pub entry_point_id: ID,
}

/// The entry point that gets a new secret.
#[derive(Clone, Debug, InputObject)]
pub struct RotateIdentitySecretInput {
    /// The id of an entry point of the channel WEBCHAT.
    pub entry_point_id: ID,
    /// A random text that the client makes up, 22 to 100 characters. All calls with the same text together generate one
    /// secret. For an hour each of them returns it.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

/// An entry point with a new identity secret.
pub struct RotatedSecret {
    /// The entry point's row.
    pub row: entry_point::Model,
    /// The secret. Unset in a repeated answer after an hour, or when it was replaced since.
    pub text: Option<String>,
    /// True if an earlier call with the same idempotency key had generated it.
    pub replayed: bool,
}

/// Creates an entry point. Locks the configuration. Refuses with `INVALID`, `DUPLICATE`, `NOT_FOUND`, `NOT_ALLOWED` or
/// `IDEMPOTENCY_KEY_REUSED`.
pub async fn create(
    app: &App,
    by: AdminActor<'_>,
    input: &CreateEntryPointInput,
) -> Result<Created<entry_point::Model>> {
    let wish = &entry_point_changes::of_creation(input);
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let mut row = entry_point::Model {
                id: EntryPointId(tx.clock().uuid()),
                name: String::new(),
                name_key: Vec::new(),
                search_text: String::new(),
                channel: input.channel,
                address: String::new(),
                queue_id: QueueId(uuid::Uuid::nil()),
                priority: NO_PRIORITY,
                character_limit: None,
                form: Form::default(),
                origins: Origins::default(),
                identity_secret: None,
                attachment_overrides: None,
                created_at: tx.clock().now(),
                archived_at: None,
            };
            entry_point_changes::apply(tx, config, &mut row, wish).await?;
            let told = entry_point_changes::to_audit_value(&row);
            let digest = input.identity_secret.as_deref().map(secret::name);
            let asked = format!("createEntryPoint {told} {digest:?}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = admin_change::claim_key(tx, &by, key, &asked, row.id.0).await? {
                let made = entry_point::Entity::find_by_id(EntryPointId(id)).one(tx.db()).await?;
                let row = made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
                return Ok(Created { row, replayed: true });
            }
            let of_channel = entry_point::Entity::find()
                .filter(entry_point::Column::Channel.eq(row.channel))
                .filter(entry_point::Column::ArchivedAt.is_null());
            name_validation::check_count(tx.db(), config, of_channel).await?;
            unique(tx, config, &row).await?;
            let insert = entry_point::Entity::insert(row.clone().into_active_model());
            insert.exec_without_returning(tx.db()).await.on_unique(name_validation::name_taken)?;
            admin_change::record_created(tx, &by, "createEntryPoint", &row.id, told).await?;
            Ok(Created { row, replayed: false })
        })
    })
    .await
}

/// Changes an entry point. Returns it, and true if anything changed. Existing conversations continue as they began.
/// Locks the configuration and the entry point. Emits `RightsEnded` for visitors of removed web sites.
pub async fn update(
    app: &App,
    by: AdminActor<'_>,
    input: &UpdateEntryPointInput,
) -> Result<(entry_point::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let before = in_use(tx, &input.entry_point_id).await?;
            let mut row = before.clone();
            entry_point_changes::apply(tx, config, &mut row, input).await?;
            let (was, mut is) =
                (entry_point_changes::to_audit_value(&before), entry_point_changes::to_audit_value(&row));
            if row.identity_secret.is_some() && row.identity_secret != before.identity_secret {
                is["identitySecret"] = json!("set anew");
            }
            if !admin_change::record_changed(tx, &by, "updateEntryPoint", &row.id, &was, &is).await? {
                return Ok((row, false));
            }
            unique(tx, config, &row).await?;
            row.clone().into_active_model().reset_all().update(tx.db()).await.on_unique(name_validation::name_taken)?;
            // Visitor tokens of removed web sites end with the change.
            // Their chats began before the entry point was locked, so no token is missed.
            let gone = allowed_origins::removed_origins(&before, &row);
            visitor_tokens::revoke_for_sites(tx, row.id, &gone).await?;
            Ok((row, true))
        })
    })
    .await
}

/// Archives an entry point. Returns it, and true if it was in use. Locks the configuration and the entry point. Refuses
/// with `NOT_FOUND`.
pub async fn archive(
    app: &App,
    by: AdminActor<'_>,
    input: &ArchiveEntryPointInput,
) -> Result<(entry_point::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let _config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let row = find_by_id(tx, &input.entry_point_id).await?;
            if row.archived_at.is_some() {
                return Ok((row, false));
            }
            // The row is locked by its change, so no customer begins a conversation here after the answer.
            let row = entry_point::Model { archived_at: Some(tx.clock().now()), ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            admin_change::record_created(tx, &by, "archiveEntryPoint", &row.id, json!({ "name": row.name })).await?;
            Ok((row, true))
        })
    })
    .await
}

/// Generates a new secret for an entry point and returns its text, which is shown only once. The earlier secret stops
/// working. Locks the configuration. Refuses with `NOT_FOUND`, `NOT_ALLOWED` or `INVALID`.
pub async fn rotate_secret(app: &App, by: AdminActor<'_>, input: &RotateIdentitySecretInput) -> Result<RotatedSecret> {
    idempotency::check_unguessable(input.idempotency_key.as_deref())?;
    app.transaction(|tx| {
        Box::pin(async move {
            let _config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let row = in_use(tx, &input.entry_point_id).await?;
            if row.channel != Channel::Webchat {
                return Err(invalid(ENTRY_POINT, "Only entry points of the channel WEBCHAT have a secret."));
            }
            let call = input.idempotency_key.as_deref();
            let user = by.user();
            let secret = CallSecret::new(&tx.config().tokens.keys, "rotateIdentitySecret", user, row.id.0, call);
            let asked = format!("rotateIdentitySecret {}", row.id);
            if admin_change::claim_key(tx, &by, call, &asked, row.id.0).await?.is_some() {
                let text = match call {
                    Some(call) if idempotency::may_repeat_secret(tx, user, call).await? => {
                        let current = entry_point_rows::identity_secret(tx.config(), &row);
                        secret.find(|text| current.as_deref() == Some(text))
                    }
                    _ => None,
                };
                return Ok(RotatedSecret { row, text, replayed: true });
            }
            let text = secret.create()?;
            let sealed = entry_point_rows::seal_identity_secret(tx.config(), row.id, &text)?;
            let row = entry_point::Model { identity_secret: Some(sealed), ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            admin_change::record_created(tx, &by, "rotateIdentitySecret", &row.id, json!({})).await?;
            Ok(RotatedSecret { row, text: Some(text), replayed: false })
        })
    })
    .await
}

/// Refuses with `DUPLICATE` an address that another entry point in use has. A
/// constraint ensures the same.
async fn unique(tx: &Tx<'_>, _config: &LockedConfiguration, row: &entry_point::Model) -> Result<()> {
    let others = entry_point::Entity::find()
        .filter(entry_point::Column::Id.ne(row.id))
        .filter(entry_point::Column::ArchivedAt.is_null());
    let same_address = others
        .filter(entry_point::Column::Channel.eq(row.channel))
        .filter(entry_point::Column::Address.eq(row.address.as_str()));
    if same_address.one(tx.db()).await?.is_some() {
        let why = "Another entry point in use has this address.";
        return Err(Error::refused(UserErrorCode::Duplicate, &["input", "address"], why));
    }
    Ok(())
}

async fn find_by_id(tx: &Tx<'_>, id: &str) -> Result<entry_point::Model> {
    let id = EntryPointId::parse(id).ok_or_else(|| Error::not_found(ENTRY_POINT))?;
    entry_point::Entity::find_by_id(id).one(tx.db()).await?.ok_or_else(|| Error::not_found(ENTRY_POINT))
}

async fn in_use(tx: &Tx<'_>, id: &str) -> Result<entry_point::Model> {
    let row = find_by_id(tx, id).await?;
    if row.archived_at.is_some() { Err(name_validation::is_archived(ENTRY_POINT)) } else { Ok(row) }
}
