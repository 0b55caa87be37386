//! Thread items of conversations. Each item takes the next number of the organization's side. An item that the
//! customer may see also takes the customer's next number. Both happen under the conversation's lock, so neither
//! numbering has gaps.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{
    announcement::AnnouncementData,
    conversation::{self},
    event::EventKind,
    id::{ConversationId, ParticipantId, TaskId, ThreadItemId},
    thread_item::{self, AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};
use sea_orm::{ActiveEnum as _, ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    conversation_rows::{self, ConversationSide},
    conversation_streams,
};
use crate::{
    app::{Locked, Tx},
    auth::viewer::Caller,
    database::sql::{Columns, Sql},
    error::{Error, Result},
    events::log::NewEvent,
    pagination::{self, ByNumber, Page, PageSlice, PagedRow},
};

/// An entry to be made.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// The kind of item.
    pub kind: ItemKind,
    /// The sides that see the item.
    pub visibility: ItemVisibility,
    /// The participant who wrote the item, or whose action an announcement reports.
    pub author: Option<ParticipantId>,
    /// True if the customer wrote the item.
    pub inbound: bool,
    /// The fact that an announcement states, with its data. `None` for messages and notes.
    pub announcement: Option<(AnnouncementKind, AnnouncementData)>,
    /// The text, as it is stored. Empty for an announcement.
    pub body: String,
    /// The format of `body`.
    pub format: TextFormat,
    /// The message that this one answers, if any.
    pub reply_to: Option<ThreadItemId>,
    /// The task of the item. `None` stands for the conversation's latest task.
    pub task: Option<TaskId>,
    /// The id that the author's client or the provider gave the item.
    pub client_message_id: Option<String>,
    /// Digest of the call's content. It shows that `client_message_id` was used for something else.
    pub digest: Option<Vec<u8>>,
    /// The time at which the item was sent, according to the provider.
    pub sent_at: Option<DateTime<Utc>>,
}

impl NewItem {
    /// Returns a plain text of a participant that both sides see.
    #[must_use]
    pub fn message(author: ParticipantId, body: String) -> Self {
        Self {
            kind: ItemKind::Message,
            visibility: ItemVisibility::Both,
            author: Some(author),
            inbound: false,
            announcement: None,
            body,
            format: TextFormat::Plain,
            reply_to: None,
            task: None,
            client_message_id: None,
            digest: None,
            sent_at: None,
        }
    }
}

/// Adds an item to a conversation, and saves the conversation's counters. Emits `ItemAdded`.
pub async fn append(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    new: NewItem,
) -> Result<thread_item::Model> {
    let now = tx.clock().now();
    conversation.last_sequence += 1;
    let to_customer = new.visibility != ItemVisibility::Agent;
    if to_customer {
        conversation.last_customer_sequence += 1;
    }
    conversation.last_item_at = conversation.last_item_at.max(now);
    let (announcement, announcement_data) = new.announcement.unzip();
    let row = thread_item::Model {
        id: ThreadItemId(tx.clock().uuid()),
        conversation_id: conversation.id,
        sequence: conversation.last_sequence,
        customer_sequence: to_customer.then_some(conversation.last_customer_sequence),
        kind: new.kind,
        visibility: new.visibility,
        author_id: new.author,
        inbound: new.inbound,
        announcement,
        body: new.body,
        format: new.format,
        reply_to_id: new.reply_to,
        task_id: new.task.or(conversation.task_id),
        client_message_id: new.client_message_id,
        digest: new.digest,
        sent_at: new.sent_at,
        created_at: now,
        edited_at: None,
        deleted_at: None,
        announcement_data,
    };
    thread_item::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    conversation_rows::save_counters(tx, conversation).await?;
    let streams = conversation_streams::for_event(tx, conversation, row.visibility, None).await?;
    tx.append(NewEvent::new(EventKind::ItemAdded, &row, streams)?);
    Ok(row)
}

/// Saves an item that has changed. Emits `ItemChanged`.
pub async fn save_changed(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    row: &thread_item::Model,
) -> Result<()> {
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    let streams = conversation_streams::for_event(tx, conversation, row.visibility, None).await?;
    tx.append(NewEvent::new(EventKind::ItemChanged, row, streams)?);
    Ok(())
}

/// Returns the items with the given ids that the caller may see.
pub async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[ThreadItemId],
) -> Result<Vec<thread_item::Model>, DbErr> {
    let mut sql =
        Sql::select::<thread_item::Entity>("i", "JOIN conversation c ON c.id = i.conversation_id WHERE i.id IN ");
    sql.bind_list(ids);
    sql.push(&format!(" AND {} IS NOT NULL AND ", ConversationSide::of(caller).number()));
    conversation_rows::write_visible(&mut sql, caller);
    sql.push(" AND ");
    conversation_rows::reaches_item(&mut sql, caller, "i.sequence");
    sql.models::<thread_item::Entity>(db).await
}

/// Returns the number of an item as a side counts. `None` if that side does not see the item.
#[must_use]
pub fn number(row: &thread_item::Model, side: ConversationSide) -> Option<i64> {
    match side {
        ConversationSide::Staff => Some(row.sequence),
        ConversationSide::Customer => row.customer_sequence,
    }
}

/// A page of a conversation's items in the order of their numbers, as a side sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ItemPage {
    /// The conversation of the items.
    pub conversation: ConversationId,
    /// The side that reads the page.
    pub side: ConversationSide,
    /// The last visible item, in the numbers of the whole conversation. `None` if there is no such limit.
    pub until: Option<i64>,
    /// The part of the list to read.
    pub page: Page<ByNumber>,
}

/// The columns of the item `i`, in the order in which [`read`] reads them.
const COLUMNS: &str = "i.id, i.conversation_id, i.sequence, i.customer_sequence, i.kind, i.visibility, i.author_id, i.inbound, \
                       i.announcement, i.body, i.format, i.reply_to_id, i.task_id, i.client_message_id, i.digest, i.sent_at, \
                       i.created_at, i.edited_at, i.deleted_at, i.announcement_data";
/// Number of columns in [`COLUMNS`]. Further columns of a statement come after them.
const WIDTH: usize = 20;

fn read(row: &Columns<'_>) -> Result<thread_item::Model, DbErr> {
    let announcement: Option<i16> = row.get(8)?;
    Ok(thread_item::Model {
        id: ThreadItemId(row.get(0)?),
        conversation_id: ConversationId(row.get(1)?),
        sequence: row.get(2)?,
        customer_sequence: row.get(3)?,
        kind: ItemKind::try_from_value(&row.get(4)?)?,
        visibility: ItemVisibility::try_from_value(&row.get(5)?)?,
        author_id: row.get::<Option<Uuid>>(6)?.map(ParticipantId),
        inbound: row.get(7)?,
        announcement: announcement.map(|kind| AnnouncementKind::try_from_value(&kind)).transpose()?,
        body: row.get(9)?,
        format: TextFormat::try_from_value(&row.get(10)?)?,
        reply_to_id: row.get::<Option<Uuid>>(11)?.map(ThreadItemId),
        task_id: row.get::<Option<Uuid>>(12)?.map(TaskId),
        client_message_id: row.get(13)?,
        digest: row.get(14)?,
        sent_at: row.get(15)?,
        created_at: row.get(16)?,
        edited_at: row.get(17)?,
        deleted_at: row.get(18)?,
        announcement_data: row.get::<Option<Json<AnnouncementData>>>(19)?.map(|data| data.0),
    })
}

/// Reads several pages in one statement. Returns them in the order of `asked`.
pub async fn pages(
    db: &impl ConnectionTrait,
    asked: &[ItemPage],
) -> Result<Vec<PageSlice<Arc<thread_item::Model>>>, DbErr> {
    let mut sql = Sql::default();
    for (part, one) in asked.iter().enumerate() {
        sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        let number = one.side.number();
        sql.push(&format!(
            "SELECT {COLUMNS}, CAST({part} AS bigint) AS part FROM thread_item i WHERE i.conversation_id = "
        ));
        sql.bind(one.conversation);
        sql.push(&format!(" AND {number} IS NOT NULL"));
        if let Some(until) = one.until {
            sql.push(" AND i.sequence <= ");
            sql.bind(until);
        }
        one.page.write(&mut sql, &[number], false);
        sql.push(&format!(") AS part_{part}"));
    }
    let read = |row: &Columns<'_>| Ok(PagedRow { part: row.get(WIDTH)?, row: Arc::new(read(row)?) });
    let rows = sql.columns(db, read).await?;
    // Both sides have the same order of items, though each has its own numbers.
    Ok(pagination::slices(asked.iter().map(|one| &one.page), rows, false, |row| row.sequence))
}

/// Returns a message by its id. Refuses with `NOT_FOUND` if the caller may not see it, or if it is not a message.
pub async fn find_message_by_id(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: &str,
    field: &'static [&'static str],
) -> Result<thread_item::Model> {
    let not_found = || Error::not_found(field);
    let id = ThreadItemId::parse(id).ok_or_else(not_found)?;
    let found = find(db, caller, &[id]).await?.pop().filter(|row| row.kind == ItemKind::Message);
    found.ok_or_else(not_found)
}

/// Reads an item again. Fails if the item does not exist.
pub async fn reread(tx: &Tx<'_>, id: ThreadItemId) -> Result<thread_item::Model> {
    let row = thread_item::Entity::find_by_id(id).one(tx.db()).await?;
    row.ok_or_else(|| Error::internal(anyhow::anyhow!("the thread item does not exist")))
}
