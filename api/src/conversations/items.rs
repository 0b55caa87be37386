//! The entries of a conversation. Each takes the next number of those who serve and, if the customer may see it, the next
//! number of the customer; both under the conversation's lock, so neither has holes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{
    conversation::{self, ConversationKind},
    event::EventKind,
    id::{ConversationId, ParticipantId, TaskId, ThreadItemId},
    thread_item::{self, AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};
use sea_orm::{ActiveEnum as _, ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _};
use uuid::Uuid;

use super::threads::{self, Side};
use crate::{
    app::Tx,
    auth::viewer::Caller,
    database::sql::{Places, Sql},
    error::{Error, Result},
    events::{
        cursor::{conversation_of, customer_side_of},
        log::{NewEvent, Stream},
    },
    page::{ByNumber, Page, Slice},
};

pub mod types;

/// An entry to be made.
#[derive(Clone, Debug)]
pub struct NewItem {
    pub kind: ItemKind,
    pub visibility: ItemVisibility,
    pub author: Option<ParticipantId>,
    /// From the customer.
    pub inbound: bool,
    pub announcement: Option<AnnouncementKind>,
    pub body: String,
    pub format: TextFormat,
    pub reply_to: Option<ThreadItemId>,
    pub task: Option<TaskId>,
    pub client_message_id: Option<String>,
    pub digest: Option<Vec<u8>>,
    /// When a provider says it was sent.
    pub sent_at: Option<DateTime<Utc>>,
}

impl NewItem {
    /// A text of somebody that everybody sees.
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

/// Adds an entry to a conversation that is held.
pub async fn append(tx: &Tx<'_>, conversation: &mut conversation::Model, new: NewItem) -> Result<thread_item::Model> {
    let now = tx.clock().now();
    conversation.last_sequence += 1;
    let to_customer = new.visibility != ItemVisibility::Agent;
    if to_customer {
        conversation.last_customer_sequence += 1;
    }
    conversation.last_item_at = conversation.last_item_at.max(now);
    let row = thread_item::Model {
        id: ThreadItemId(tx.clock().uuid()),
        conversation_id: conversation.id,
        sequence: conversation.last_sequence,
        customer_sequence: to_customer.then_some(conversation.last_customer_sequence),
        kind: new.kind,
        visibility: new.visibility,
        author_id: new.author,
        inbound: new.inbound,
        announcement: new.announcement,
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
    };
    thread_item::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    threads::count(tx, conversation).await?;
    tell(tx, conversation, EventKind::ItemAdded, &row)?;
    Ok(row)
}

/// Writes an entry of a held conversation that has changed.
pub async fn change(tx: &Tx<'_>, conversation: &conversation::Model, row: &thread_item::Model) -> Result<()> {
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    tell(tx, conversation, EventKind::ItemChanged, row)
}

fn tell(tx: &Tx<'_>, conversation: &conversation::Model, kind: EventKind, row: &thread_item::Model) -> Result<()> {
    tx.append(NewEvent::new(kind, row, streams(conversation, row.visibility))?);
    Ok(())
}

/// The streams of a conversation in which something stands that such people may see.
#[must_use]
pub fn streams(conversation: &conversation::Model, seen_by: ItemVisibility) -> Vec<Stream> {
    let (staff, customer) = (conversation_of(conversation.id), customer_side_of(conversation.id));
    match (conversation.kind, seen_by) {
        (ConversationKind::Direct, _) | (_, ItemVisibility::Agent) => vec![staff],
        // Those who serve see everything.
        (_, ItemVisibility::Customer | ItemVisibility::Both) => vec![staff, customer],
    }
}

/// The items with some ids that a caller may see.
pub async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[ThreadItemId],
) -> Result<Vec<thread_item::Model>, DbErr> {
    let mut sql =
        Sql::new("SELECT i.* FROM thread_item i JOIN conversation c ON c.id = i.conversation_id WHERE i.id IN ");
    sql.bind_list(ids);
    sql.push(&format!(" AND {} IS NOT NULL AND ", Side::of(caller).number()));
    threads::visible(&mut sql, caller);
    sql.push(" AND ");
    threads::reaches_item(&mut sql, caller, "i.sequence");
    sql.models::<thread_item::Entity>(db).await
}

/// The number of an item, as a side counts.
#[must_use]
pub fn number(row: &thread_item::Model, side: Side) -> Option<i64> {
    match side {
        Side::Staff => Some(row.sequence),
        Side::Customer => row.customer_sequence,
    }
}

/// A page of a conversation's items in the order of their numbers, as a side sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageOf {
    pub conversation: ConversationId,
    pub side: Side,
    /// The last item that may be seen, in the numbers of the whole conversation; none where there is no such limit.
    pub until: Option<i64>,
    pub page: Page<ByNumber>,
}

/// The columns of the item `i`, in the places where [`read`] reads them.
const COLUMNS: &str = "i.id, i.conversation_id, i.sequence, i.customer_sequence, i.kind, i.visibility, i.author_id, i.inbound, \
                       i.announcement, i.body, i.format, i.reply_to_id, i.task_id, i.client_message_id, i.digest, i.sent_at, \
                       i.created_at, i.edited_at, i.deleted_at";
/// How many they are: what is selected beside them stands after.
const WIDTH: usize = 19;

fn read(row: &Places<'_>) -> Result<thread_item::Model, DbErr> {
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
    })
}

/// Several pages in one statement, in the order in which they were asked for.
pub async fn pages(db: &impl ConnectionTrait, asked: &[PageOf]) -> Result<Vec<Slice<Arc<thread_item::Model>>>, DbErr> {
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
    let mut parts: Vec<Vec<Arc<thread_item::Model>>> = asked.iter().map(|_| Vec::new()).collect();
    for (row, part) in sql.places(db, |row| Ok((read(row)?, row.get::<i64>(WIDTH)?))).await? {
        if let Some(part) = usize::try_from(part).ok().and_then(|part| parts.get_mut(part)) {
            part.push(Arc::new(row));
        }
    }
    Ok(asked
        .iter()
        .zip(parts)
        .map(|(one, mut rows)| {
            // The parts of a statement may come in any order.
            rows.sort_by_key(|row| number(row, one.side));
            if one.page.is_backwards() {
                rows.reverse();
            }
            one.page.slice(rows)
        })
        .collect())
}

/// A message about which a caller wants to do something, if they may see it.
pub async fn named(
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

/// An item of a held conversation as it is now.
pub async fn reread(tx: &Tx<'_>, id: ThreadItemId) -> Result<thread_item::Model> {
    let row = thread_item::Entity::find_by_id(id).one(tx.db()).await?;
    row.ok_or_else(|| Error::internal(anyhow::anyhow!("an item is gone")))
}
