//! Entry points and their changes by administrators. An entry point in use feeds a queue in use of its own channel. Its
//! conversations continue after it is archived.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{
    channel::Channel,
    entry_point::{self, Form, Origins},
    id::{EntryPointId, QueueId},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter};
use serde_json::{Value, json};

use super::{
    allowed_origins,
    form_validation::{self, EntryPointFieldInput},
};
use crate::{
    app::{App, Tx},
    auth::{
        idempotency,
        secret::{self, CallSecret},
        visitor_tokens,
    },
    contact_center::{
        admin_change::{self, AdminActor, Created, LockedConfiguration, to_value},
        name_validation::{self, invalid},
    },
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    queues::queue_admin,
    tasks::task_rows::NO_PRIORITY,
    text::named::Named as _,
};

const ENTRY_POINT: FieldPath = &["input", "entryPointId"];
const QUEUE: FieldPath = &["input", "queueId"];

/// The entry point to create.
#[derive(Clone, Debug, InputObject)]
pub struct CreateEntryPointInput {
    /// The entry point's name, 1 to 80 characters. Unique among entry points in use.
    pub name: String,
    /// The channel. It can never change.
    pub channel: Channel,
    /// The address on the channel, 1 to 200 characters: a page, a number, a mailbox or a web site. Unique on the
    /// channel among entry points in use.
    pub address: String,
    /// The queue in which the entry point's tasks wait. It must have the same channel.
    pub queue_id: ID,
    /// The priority of the entry point's tasks, from 1, the highest, to 9. Tasks without a priority come after all
    /// others.
    pub priority: Option<i32>,
    /// The questions of the pre-chat form, at most 20. WEBCHAT only.
    #[graphql(default)]
    pub fields: Vec<EntryPointFieldInput>,
    /// The web sites that may begin a chat, such as `https://example.com`, at most 50. WEBCHAT only. Programs, which
    /// have no site, and pages of this server may always begin one.
    #[graphql(default)]
    pub origins: Vec<String>,
    /// The secret with which the web site signs the identity of its visitors, 16 to 200 characters. WEBCHAT only. No
    /// field shows it again. `rotateIdentitySecret` generates one.
    #[graphql(secret)]
    pub identity_secret: Option<String>,
    /// A key of the client's choice, 1 to 100 characters. All calls with the same key together create one entry point,
    /// without a time limit.
    pub idempotency_key: Option<String>,
}

impl CreateEntryPointInput {
    /// Describes an entry point of a queue, without a form and without web sites.
    #[must_use]
    pub fn new(name: &str, channel: Channel, address: &str, queue: QueueId) -> Self {
        Self {
            name: name.to_owned(),
            channel,
            address: address.to_owned(),
            queue_id: queue.into(),
            priority: None,
            fields: Vec::new(),
            origins: Vec::new(),
            identity_secret: None,
            idempotency_key: None,
        }
    }
}

/// The changes of an entry point. A field that is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateEntryPointInput {
    /// The id of the entry point to change.
    pub entry_point_id: ID,
    /// The new name, 1 to 80 characters. Unique among entry points in use.
    pub name: Option<String>,
    /// The new address on the channel, 1 to 200 characters. Unique on the channel among entry points in use.
    pub address: Option<String>,
    /// The queue in which future tasks of the entry point wait. It must have the same channel.
    pub queue_id: Option<ID>,
    /// The priority of future tasks, from 1, the highest, to 9. Null puts them after all others.
    pub priority: MaybeUndefined<i32>,
    /// The questions of the pre-chat form, which replace the earlier ones. At most 20, WEBCHAT only.
    pub fields: Option<Vec<EntryPointFieldInput>>,
    /// The web sites that may begin a chat, which replace the earlier ones. At most 50, WEBCHAT only. They take effect
    /// within five seconds.
    pub origins: Option<Vec<String>>,
    /// The secret with which the web site signs the identity of its visitors, 16 to 200 characters. It replaces the
    /// earlier secret, which stops working. Null removes the secret. WEBCHAT only.
    #[graphql(secret)]
    pub identity_secret: MaybeUndefined<String>,
}

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
    let wish = &changes_of(input);
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
                form: Form::default(),
                origins: Origins::default(),
                identity_secret: None,
                created_at: tx.clock().now(),
                archived_at: None,
            };
            apply(tx, config, &mut row, wish).await?;
            let told = to_audit_value(&row);
            let digest = row.identity_secret.as_deref().map(secret::name);
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
            apply(tx, config, &mut row, input).await?;
            let (was, mut is) = (to_audit_value(&before), to_audit_value(&row));
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
                        secret.find(|text| row.identity_secret.as_deref() == Some(text))
                    }
                    _ => None,
                };
                return Ok(RotatedSecret { row, text, replayed: true });
            }
            let text = secret.create()?;
            let row = entry_point::Model { identity_secret: Some(text.clone()), ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            admin_change::record_created(tx, &by, "rotateIdentitySecret", &row.id, json!({})).await?;
            Ok(RotatedSecret { row, text: Some(text), replayed: false })
        })
    })
    .await
}

/// Converts the input of a creation into changes of an empty entry point.
fn changes_of(input: &CreateEntryPointInput) -> UpdateEntryPointInput {
    let input = input.clone();
    UpdateEntryPointInput {
        entry_point_id: ID::default(),
        name: Some(input.name),
        address: Some(input.address),
        queue_id: Some(input.queue_id),
        priority: input.priority.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
        fields: Some(input.fields),
        origins: Some(input.origins),
        identity_secret: input.identity_secret.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
    }
}

/// Applies changes to a row.
async fn apply(
    tx: &Tx<'_>,
    config: &LockedConfiguration,
    row: &mut entry_point::Model,
    wish: &UpdateEntryPointInput,
) -> Result<()> {
    if let Some(name) = &wish.name {
        row.name = name_validation::check_name(name)?;
        row.refresh_keys();
    }
    if let Some(address) = &wish.address {
        row.address = form_validation::check_address(row.channel, address)?;
    }
    if let Some(id) = &wish.queue_id {
        let queue = queue_admin::in_use(tx.db(), config, id, QUEUE).await?;
        if queue.channel != row.channel {
            return Err(invalid(QUEUE, "The queue has another channel."));
        }
        row.queue_id = queue.id;
    }
    match wish.priority {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.priority = NO_PRIORITY,
        MaybeUndefined::Value(priority) => {
            let priority = name_validation::check_range(priority, 1, 9, &["input", "priority"])?;
            row.priority = i16::try_from(priority).unwrap_or(NO_PRIORITY);
        }
    }
    if let Some(fields) = &wish.fields {
        row.form = form_validation::check_form(fields)?;
    }
    if let Some(origins) = &wish.origins {
        row.origins = form_validation::check_origins(origins)?;
    }
    match &wish.identity_secret {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.identity_secret = None,
        MaybeUndefined::Value(text) => row.identity_secret = Some(form_validation::check_secret(text)?),
    }
    of_web_chats(row)
}

/// Refuses with `INVALID` the fields of web chats on other channels.
fn of_web_chats(row: &entry_point::Model) -> Result<()> {
    let given: [(bool, FieldPath); 3] = [
        (!row.form.0.is_empty(), &["input", "fields"]),
        (!row.origins.0.is_empty(), &["input", "origins"]),
        (row.identity_secret.is_some(), &["input", "identitySecret"]),
    ];
    match given.iter().find(|(given, _)| *given && row.channel != Channel::Webchat) {
        Some((_, field)) => Err(invalid(field, "Only entry points of the channel WEBCHAT have this.")),
        None => Ok(()),
    }
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

/// Returns an entry point in the form of the audit log. Of a secret it only shows that it is set.
fn to_audit_value(row: &entry_point::Model) -> Value {
    json!({
        "name": row.name,
        "channel": to_value(&row.channel),
        "address": row.address,
        "queueId": row.queue_id.to_string(),
        "priority": (row.priority != NO_PRIORITY).then_some(row.priority),
        "fields": row.form,
        "origins": row.origins,
        "identitySecret": row.identity_secret.as_ref().map(|_| "set"),
    })
}
