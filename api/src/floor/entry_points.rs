//! Entry points. One in use feeds a queue in use of its own channel. What was begun there goes on when it is archived.

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
    administrators::{self, By, Made, written},
    doors::{self, EntryPointFieldInput},
    names::{self, invalid},
    queues,
};
use crate::{
    agents::tasks::NO_PRIORITY,
    app::{App, Tx},
    auth::{once, secret},
    contacts::fields::Field,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    visitors::{sites, tokens},
};

/// Random bytes of a secret that is made here.
const SECRET: usize = 32;

const ENTRY_POINT: Field = &["input", "entryPointId"];
const QUEUE: Field = &["input", "queueId"];

/// An entry point to be made.
#[derive(Clone, Debug, InputObject)]
pub struct CreateEntryPointInput {
    /// What it is called, 1 to 80 characters. Unique among those in use.
    pub name: String,
    /// The channel, for ever.
    pub channel: Channel,
    /// The address on the channel, 1 to 200 characters: a page, a number, a mailbox, a web site. Unique on the channel among
    /// those in use.
    pub address: String,
    /// The queue of the same channel in which its tasks wait.
    pub queue_id: ID,
    /// The priority of its tasks, 1, the highest, to 9; after all others where left out.
    pub priority: Option<i32>,
    /// What a visitor is asked for before a chat begins, at most 20 fields: WEBCHAT only.
    #[graphql(default)]
    pub fields: Vec<EntryPointFieldInput>,
    /// The web sites from which a chat may be begun, such as `https://example.com`, at most 50: WEBCHAT only. Programs, which
    /// are of no site, and pages of this server may always.
    #[graphql(default)]
    pub origins: Vec<String>,
    /// The secret with which the site signs who its visitors are, 16 to 200 characters: WEBCHAT only. Nothing shows it again;
    /// `rotateIdentitySecret` makes one.
    #[graphql(secret)]
    pub identity_secret: Option<String>,
    /// A key that the client makes up, 1 to 100 characters: a call repeated with it makes one entry point, for ever.
    pub idempotency_key: Option<String>,
}

/// What to change of an entry point; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateEntryPointInput {
    /// The entry point.
    pub entry_point_id: ID,
    /// What it is called, 1 to 80 characters. Unique among those in use.
    pub name: Option<String>,
    /// The address on the channel, 1 to 200 characters. Unique on the channel among those in use.
    pub address: Option<String>,
    /// The queue of the same channel in which its tasks wait that begin from now on.
    pub queue_id: Option<ID>,
    /// The priority of its tasks, 1, the highest, to 9; null: after all others. Of those that begin from now on.
    pub priority: MaybeUndefined<i32>,
    /// What a visitor is asked for, in place of what was, at most 20 fields: WEBCHAT only.
    pub fields: Option<Vec<EntryPointFieldInput>>,
    /// The web sites from which a chat may be begun, in place of those that were listed, at most 50: WEBCHAT only. They count
    /// within five seconds.
    pub origins: Option<Vec<String>>,
    /// The secret with which the site signs who its visitors are, 16 to 200 characters, in place of the one before, which counts
    /// no more; null: none. WEBCHAT only.
    #[graphql(secret)]
    pub identity_secret: MaybeUndefined<String>,
}

/// Which entry point to take out of use.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveEntryPointInput {
    /// The entry point.
    pub entry_point_id: ID,
}

/// Which entry point to give a new secret.
#[derive(Clone, Debug, InputObject)]
pub struct RotateIdentitySecretInput {
    /// The entry point, of WEBCHAT.
    pub entry_point_id: ID,
}

/// Makes an entry point.
pub async fn create(app: &App, by: By<'_>, input: &CreateEntryPointInput) -> Result<Made<entry_point::Model>> {
    let wish = &wish(input);
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let mut row = entry_point::Model {
                id: EntryPointId(tx.clock().uuid()),
                name: String::new(),
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
            apply(tx, &mut row, wish).await?;
            let told = told(&row);
            let digest = row.identity_secret.as_deref().map(secret::name);
            let asked = format!("createEntryPoint {told} {digest:?}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = once::claim(tx, by.viewer.user, key, &asked, row.id.0).await? {
                let made = entry_point::Entity::find_by_id(EntryPointId(id)).one(tx.db()).await?;
                let row = made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
                return Ok(Made { row, replayed: true });
            }
            let of_channel = entry_point::Entity::find()
                .filter(entry_point::Column::Channel.eq(row.channel))
                .filter(entry_point::Column::ArchivedAt.is_null());
            names::one_more(tx.db(), of_channel).await?;
            unique(tx, &row).await?;
            let insert = entry_point::Entity::insert(row.clone().into_active_model());
            insert.exec_without_returning(tx.db()).await.on_unique(names::taken)?;
            administrators::made(tx, &by, "createEntryPoint", &row.id, told).await?;
            Ok(Made { row, replayed: false })
        })
    })
    .await
}

/// Changes an entry point; whether anything was different. What has begun goes on as it began.
pub async fn update(app: &App, by: By<'_>, input: &UpdateEntryPointInput) -> Result<(entry_point::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let before = in_use(tx, &input.entry_point_id).await?;
            let mut row = before.clone();
            apply(tx, &mut row, input).await?;
            let (was, mut is) = (told(&before), told(&row));
            if row.identity_secret.is_some() && row.identity_secret != before.identity_secret {
                is["identitySecret"] = json!("set anew");
            }
            if !administrators::changed(tx, &by, "updateEntryPoint", &row.id, &was, &is).await? {
                return Ok((row, false));
            }
            unique(tx, &row).await?;
            row.clone().into_active_model().reset_all().update(tx.db()).await.on_unique(names::taken)?;
            // What a page of a site that was taken away holds ends with it.
            let gone = sites::taken_away(&before, &row);
            if !gone.is_empty() {
                // So that nobody who is about to begin there does so after this is answered.
                crate::agents::routing::stop(tx).await?;
                tokens::end_of_sites(tx, row.id, &gone).await?;
            }
            Ok((row, true))
        })
    })
    .await
}

/// Takes an entry point out of use; whether it was in use.
pub async fn archive(app: &App, by: By<'_>, input: &ArchiveEntryPointInput) -> Result<(entry_point::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let row = named(tx, &input.entry_point_id).await?;
            if row.archived_at.is_some() {
                return Ok((row, false));
            }
            // So that nobody who is about to begin there does so after this is answered.
            crate::agents::routing::stop(tx).await?;
            let row = entry_point::Model { archived_at: Some(tx.clock().now()), ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            administrators::made(tx, &by, "archiveEntryPoint", &row.id, json!({ "name": row.name })).await?;
            Ok((row, true))
        })
    })
    .await
}

/// Gives an entry point a new secret, whose text is told this once; the one before counts no more.
pub async fn rotate_secret(
    app: &App,
    by: By<'_>,
    input: &RotateIdentitySecretInput,
) -> Result<(entry_point::Model, String)> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let row = in_use(tx, &input.entry_point_id).await?;
            if row.channel != Channel::Webchat {
                return Err(invalid(ENTRY_POINT, "Only visitors of web sites are signed for."));
            }
            let text = secret::random(SECRET)?;
            let row = entry_point::Model { identity_secret: Some(text.clone()), ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            administrators::made(tx, &by, "rotateIdentitySecret", &row.id, json!({})).await?;
            Ok((row, text))
        })
    })
    .await
}

/// An entry point to be made as what to change of an empty one.
fn wish(input: &CreateEntryPointInput) -> UpdateEntryPointInput {
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

/// Changes a row as somebody wishes. The floor is held.
async fn apply(tx: &Tx<'_>, row: &mut entry_point::Model, wish: &UpdateEntryPointInput) -> Result<()> {
    if let Some(name) = &wish.name {
        row.name = names::check(name)?;
    }
    if let Some(address) = &wish.address {
        row.address = doors::address(row.channel, address)?;
    }
    if let Some(id) = &wish.queue_id {
        let queue = queues::in_use(tx.db(), id, QUEUE).await?;
        if queue.channel != row.channel {
            return Err(invalid(QUEUE, "The queue is of another channel."));
        }
        row.queue_id = queue.id;
    }
    match wish.priority {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.priority = NO_PRIORITY,
        MaybeUndefined::Value(priority) => {
            let priority = names::within(priority, 1, 9, &["input", "priority"])?;
            row.priority = i16::try_from(priority).unwrap_or(NO_PRIORITY);
        }
    }
    if let Some(fields) = &wish.fields {
        row.form = doors::form(fields)?;
    }
    if let Some(origins) = &wish.origins {
        row.origins = doors::origins(origins)?;
    }
    match &wish.identity_secret {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.identity_secret = None,
        MaybeUndefined::Value(text) => row.identity_secret = Some(doors::secret(text)?),
    }
    of_web_chats(row)
}

/// Refuses on other channels what only web chats have.
fn of_web_chats(row: &entry_point::Model) -> Result<()> {
    let given: [(bool, Field); 3] = [
        (!row.form.0.is_empty(), &["input", "fields"]),
        (!row.origins.0.is_empty(), &["input", "origins"]),
        (row.identity_secret.is_some(), &["input", "identitySecret"]),
    ];
    match given.iter().find(|(given, _)| *given && row.channel != Channel::Webchat) {
        Some((_, field)) => Err(invalid(field, "Only entry points of the channel WEBCHAT have this.")),
        None => Ok(()),
    }
}

/// Refuses an address or a name that another in use has, by its field. The floor is held, and a constraint says the same.
async fn unique(tx: &Tx<'_>, row: &entry_point::Model) -> Result<()> {
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

async fn named(tx: &Tx<'_>, id: &str) -> Result<entry_point::Model> {
    let id = EntryPointId::parse(id).ok_or_else(|| Error::not_found(ENTRY_POINT))?;
    entry_point::Entity::find_by_id(id).one(tx.db()).await?.ok_or_else(|| Error::not_found(ENTRY_POINT))
}

async fn in_use(tx: &Tx<'_>, id: &str) -> Result<entry_point::Model> {
    let row = named(tx, id).await?;
    if row.archived_at.is_some() { Err(names::archived(ENTRY_POINT)) } else { Ok(row) }
}

/// An entry point as the audit tells it: of a secret only that there is one.
fn told(row: &entry_point::Model) -> Value {
    json!({
        "name": row.name,
        "channel": written(&row.channel),
        "address": row.address,
        "queueId": row.queue_id.to_string(),
        "priority": (row.priority != NO_PRIORITY).then_some(row.priority),
        "fields": row.form,
        "origins": row.origins,
        "identitySecret": row.identity_secret.as_ref().map(|_| "set"),
    })
}
