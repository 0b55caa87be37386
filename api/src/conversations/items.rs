//! The entries of a conversation. Each takes the next number of those who serve and, if the customer may see it, the next
//! number of the customer; both under the conversation's lock, so neither has holes.

use entity::{
    conversation::{self, ConversationKind},
    event::EventKind,
    id::{ConversationId, ParticipantId, TaskId, ThreadItemId},
    thread_item::{self, AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel as _, QueryResult,
};

use super::threads::{self, Side};
use crate::{
    app::Tx,
    auth::viewer::Caller,
    database::sql::Sql,
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
        sent_at: None,
        created_at: now,
        edited_at: None,
        deleted_at: None,
    };
    thread_item::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    threads::save(tx, conversation).await?;
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
    pub page: Page<ByNumber>,
}

struct InPart {
    row: thread_item::Model,
    part: i64,
}

impl FromQueryResult for InPart {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let part = row.try_get(prefix, "part")?;
        Ok(Self { row: thread_item::Model::from_query_result(row, prefix)?, part })
    }
}

/// Several pages in one statement, in the order in which they were asked for.
pub async fn pages(db: &impl ConnectionTrait, asked: &[PageOf]) -> Result<Vec<Slice<thread_item::Model>>, DbErr> {
    let mut sql = Sql::default();
    for (part, one) in asked.iter().enumerate() {
        sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        let number = one.side.number();
        sql.push(&format!("SELECT i.*, CAST({part} AS bigint) AS part FROM thread_item i WHERE i.conversation_id = "));
        sql.bind(one.conversation);
        sql.push(&format!(" AND {number} IS NOT NULL"));
        one.page.write(&mut sql, &[number], false);
        sql.push(&format!(") AS part_{part}"));
    }
    let mut parts: Vec<Vec<thread_item::Model>> = asked.iter().map(|_| Vec::new()).collect();
    for InPart { row, part } in sql.all::<InPart>(db).await? {
        if let Some(part) = usize::try_from(part).ok().and_then(|part| parts.get_mut(part)) {
            part.push(row);
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
