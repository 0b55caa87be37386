//! The fields of an entry point that administrators set, and their checks.

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{channel::Channel, entry_point, id::QueueId};
use serde_json::{Value, json};

use super::{
    attachment_overrides::AttachmentOverridesInput,
    entry_point_rows,
    form_validation::{self, EntryPointFieldInput},
};
use crate::{
    app::Tx,
    contact_center::{
        admin_change::{LockedConfiguration, to_value},
        name_validation::{self, invalid},
    },
    contacts::detail_validation::FieldPath,
    conversations::channel_capabilities,
    error::Result,
    queues::queue_admin,
    tasks::task_rows::NO_PRIORITY,
    text::named::Named as _,
};

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
    /// The maximum length of a message of either side, in Unicode scalar values: 1 to `highestCharacterLimit` of the
    /// channel. Without one, `characterLimit` of the channel applies.
    pub character_limit: Option<i32>,
    /// The rules for files of messages. Without them, those of the channel apply.
    pub attachments: Option<AttachmentOverridesInput>,
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
            character_limit: None,
            attachments: None,
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
    /// The maximum length of a message of either side, in Unicode scalar values: 1 to `highestCharacterLimit` of the
    /// channel. Null for `characterLimit` of the channel. A conversation takes the new limit with its next task.
    pub character_limit: MaybeUndefined<i32>,
    /// The rules for files of messages, which replace the earlier ones. Null for those of the channel. They take effect
    /// at once.
    pub attachments: MaybeUndefined<AttachmentOverridesInput>,
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

/// Converts the input of a creation into changes of an empty entry point.
#[must_use]
pub fn of_creation(input: &CreateEntryPointInput) -> UpdateEntryPointInput {
    let input = input.clone();
    UpdateEntryPointInput {
        entry_point_id: ID::default(),
        name: Some(input.name),
        address: Some(input.address),
        queue_id: Some(input.queue_id),
        priority: input.priority.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
        character_limit: input.character_limit.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
        attachments: input.attachments.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
        fields: Some(input.fields),
        origins: Some(input.origins),
        identity_secret: input.identity_secret.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
    }
}

/// Applies changes to a row. Refuses with `REQUIRED`, `INVALID`, `OUT_OF_RANGE`, `NOT_FOUND` or `ARCHIVED`.
pub async fn apply(
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
    match wish.character_limit {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.character_limit = None,
        MaybeUndefined::Value(limit) => {
            let most = channel_capabilities::of(row.channel).highest_character_limit;
            row.character_limit = Some(name_validation::check_range(limit, 1, most, &["input", "characterLimit"])?);
        }
    }
    match &wish.attachments {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.attachment_overrides = None,
        MaybeUndefined::Value(rules) => row.attachment_overrides = Some(rules.check(row.channel)?),
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
        MaybeUndefined::Value(text) => {
            let text = form_validation::check_secret(text)?;
            if entry_point_rows::identity_secret(tx.config(), row).as_deref() != Some(text.as_str()) {
                row.identity_secret = Some(entry_point_rows::seal_identity_secret(tx.config(), row.id, &text)?);
            }
        }
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

/// Returns an entry point in the form of the audit log. Of a secret it only shows that it is set.
#[must_use]
pub fn to_audit_value(row: &entry_point::Model) -> Value {
    json!({
        "name": row.name,
        "channel": to_value(&row.channel),
        "address": row.address,
        "queueId": row.queue_id.to_string(),
        "priority": (row.priority != NO_PRIORITY).then_some(row.priority),
        "characterLimit": row.character_limit,
        "attachments": row.attachment_overrides,
        "fields": row.form,
        "origins": row.origins,
        "identitySecret": row.identity_secret.as_ref().map(|_| "set"),
    })
}
