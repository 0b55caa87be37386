//! Queries, locks and state changes of conversation rows. A constraint guarantees that a customer has one
//! conversation for each topic at an entry point.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    conversation::{self, ConversationKind, ConversationStatus},
    id::{ConversationId, CustomerId, EntryPointId, QueueId, TaskId, UserId},
    offer::PENDING,
    participant,
    stream::StreamKind,
    user::{Role, UserStatus},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryResult};

use super::channel_capabilities;
use crate::{
    app::{Locked, Tx},
    auth::viewer::Caller,
    database::sql::{Sql, columns},
    error::{Error, Result, UserErrorCode},
};

/// The path of the input field that names a conversation, for refusals.
pub const FIELD: &[&str] = &["input", "conversationId"];

/// The side from which a caller sees a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConversationSide {
    /// The organization's side, and both users of a direct conversation. This side sees every item.
    Staff,
    /// The customer.
    Customer,
}

impl ConversationSide {
    /// Returns `Customer` for a visitor and `Staff` for every other caller.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Visitor(_) => Self::Customer,
            Caller::Person(_) | Caller::Service(_) => Self::Staff,
        }
    }

    /// Returns the column in which this side counts items.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::Staff => "i.sequence",
            Self::Customer => "i.customer_sequence",
        }
    }
}

/// A conversation and the end of its stream, both read at the same moment. Later events come after that end.
#[derive(Clone, Debug)]
pub struct VisibleConversation {
    /// The conversation. Its `last_sequence` does not exceed the caller's visibility.
    pub row: conversation::Model,
    /// The number of the last event in the caller's stream.
    pub stream_at: i64,
    /// The end of the visibility, if the caller has left the conversation.
    pub until: Option<VisibilityEnd>,
}

/// The last item of a conversation that a caller who has left it may see, and the time at which they left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VisibilityEnd {
    /// The number of the last visible item.
    pub sequence: i64,
    /// The time at which the caller left.
    pub at: DateTime<Utc>,
}

impl FromQueryResult for VisibleConversation {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let stream_at = row.try_get(prefix, "stream_at")?;
        let (sequence, at): (Option<i64>, Option<_>) =
            (row.try_get(prefix, "until_sequence")?, row.try_get(prefix, "until_at")?);
        let until = sequence.zip(at).map(|(sequence, at)| VisibilityEnd { sequence, at });
        let mut row = conversation::Model::from_query_result(row, prefix)?;
        if let Some(until) = until {
            // Pages that count from the end must begin at the last visible item.
            row.last_sequence = row.last_sequence.min(until.sequence);
        }
        Ok(Self { row, stream_at, until })
    }
}

/// Begins a SELECT of conversations `c` as a caller sees them: rows, ends of streams and ends of visibility, all of
/// one moment. The FROM clause must come next.
pub fn select_visible(sql: &mut Sql, caller: &Caller) {
    sql.push(&format!("SELECT {}, ", columns::<conversation::Entity>("c")));
    select_visible_columns(sql, caller, "");
    sql.push(" ");
}

/// Writes the columns that [`select_visible`] adds to those of the row. Their names begin with `prefix`.
pub fn select_visible_columns(sql: &mut Sql, caller: &Caller, prefix: &str) {
    sql.push(&format!("{} AS {prefix}stream_at, ", stream_at(ConversationSide::of(caller))));
    write_visibility_end(sql, caller, "left_sequence", "bigint");
    sql.push(&format!(" AS {prefix}until_sequence, "));
    write_visibility_end(sql, caller, "left_at", "timestamptz");
    sql.push(&format!(" AS {prefix}until_at"));
}

/// Writes a column of the participant that marks the end of the caller's visibility of the conversation `c`.
/// Visibility ends when the caller has left a conversation with a customer. It does not end for supervisors, for
/// agents who serve the queue, and while the task is offered to the caller. The column is null if the visibility does
/// not end.
fn write_visibility_end(sql: &mut Sql, caller: &Caller, column: &str, kind: &str) {
    let Caller::Person(viewer) = caller else { return sql.push(&format!("CAST(NULL AS {kind})")) };
    sql.push(&format!(
        "(SELECT l.{column} FROM participant l WHERE l.conversation_id = c.id AND l.left_sequence IS NOT NULL AND l.user_id = "
    ));
    sql.bind(viewer.user);
    sql.push(" AND NOT EXISTS (SELECT 1 FROM \"user\" u WHERE u.id = l.user_id AND u.role >= ");
    sql.bind(Role::Supervisor);
    sql.push(&format!(
        ") AND NOT EXISTS (SELECT 1 FROM queue_member m WHERE m.queue_id = c.queue_id AND m.agent_id = l.user_id) \
         AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.task_id = c.task_id AND o.status {PENDING} \
         AND o.agent_id = l.user_id))",
    ));
}

/// Adds the condition that the caller's visibility of the conversation `c` reaches an item's number.
pub fn reaches_item(sql: &mut Sql, caller: &Caller, number: &str) {
    reaches(sql, caller, "left_sequence", number);
}

/// Adds the condition that the caller's visibility of the conversation `c` reaches a time.
pub fn reaches_time(sql: &mut Sql, caller: &Caller, time: &str) {
    reaches(sql, caller, "left_at", time);
}

fn reaches(sql: &mut Sql, caller: &Caller, column: &str, what: &str) {
    if let Caller::Person(_) = caller {
        sql.push(&format!("{what} <= COALESCE("));
        write_visibility_end(sql, caller, column, "");
        sql.push(&format!(", {what})"));
    } else {
        sql.push("TRUE");
    }
}

/// Returns an SQL expression for the end of a side's stream of the conversation `c`.
#[must_use]
pub fn stream_at(side: ConversationSide) -> String {
    let kind = match side {
        ConversationSide::Staff => format!(
            "CASE WHEN c.kind = {} THEN {} ELSE {} END",
            ConversationKind::Direct as i16,
            StreamKind::DirectConversation.code(),
            StreamKind::Conversation.code()
        ),
        ConversationSide::Customer => StreamKind::CustomerSide.code().to_string(),
    };
    format!("COALESCE((SELECT s.last_sequence FROM stream s WHERE s.kind = {kind} AND s.owner_id = c.id), 0)")
}

/// Returns the conversations with the given ids that the caller may see, with the ends of their streams.
pub async fn find_visible(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[ConversationId],
) -> Result<Vec<VisibleConversation>, DbErr> {
    let mut sql = Sql::default();
    select_visible(&mut sql, caller);
    sql.push("FROM conversation c WHERE c.id IN ");
    sql.bind_list(ids);
    sql.push(" AND ");
    write_visible(&mut sql, caller);
    sql.all(db).await
}

/// Returns the rows of the conversations with the given ids that the caller may see. If the caller has left,
/// `last_sequence` is the last visible number.
pub async fn find_rows(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[ConversationId],
) -> Result<Vec<conversation::Model>, DbErr> {
    Ok(find_visible(db, caller, ids).await?.into_iter().map(|seen| seen.row).collect())
}

/// Returns a conversation by its API id. Refuses with `NOT_FOUND` if the caller may not see it.
pub async fn find_by_id(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: &str,
    field: &'static [&'static str],
) -> Result<conversation::Model> {
    let id = ConversationId::parse(id).ok_or_else(|| Error::not_found(field))?;
    find_rows(db, caller, &[id]).await?.pop().ok_or_else(|| Error::not_found(field))
}

/// Adds the condition that the caller may see the conversation `c`. Visitors see their own conversations at their
/// entry point. Users see their direct conversations. Agents see the conversations in which they take or took part,
/// those of the queues that they serve, and those that are offered to them. Supervisors and organization keys see all
/// conversations with customers.
pub fn write_visible(sql: &mut Sql, caller: &Caller) {
    match caller {
        Caller::Visitor(visitor) => {
            sql.push("(c.customer_id = ");
            sql.bind(visitor.customer);
            sql.push(" AND c.entry_point_id = ");
            sql.bind(visitor.entry_point);
            sql.push(")");
        }
        Caller::Service(_) => {
            of_kind(sql, ConversationKind::Customer);
        }
        Caller::Person(viewer) => visible_to_person(sql, viewer.user),
    }
}

/// Adds the condition that a conversation `c` is of a kind. Its form keeps the database from using an index, because
/// that index would lead to almost every conversation.
pub fn of_kind(sql: &mut Sql, kind: ConversationKind) {
    sql.push("c.kind <> ");
    sql.bind(match kind {
        ConversationKind::Customer => ConversationKind::Direct,
        ConversationKind::Direct => ConversationKind::Customer,
    });
}

fn visible_to_person(sql: &mut Sql, me: UserId) {
    sql.push("(c.lo = ");
    sql.bind(me);
    sql.push(" OR c.hi = ");
    sql.bind(me);
    sql.push(" OR (");
    of_kind(sql, ConversationKind::Customer);
    sql.push(" AND EXISTS (SELECT 1 FROM \"user\" me WHERE me.id = ");
    sql.bind(me);
    sql.push(" AND me.status = ");
    sql.bind(UserStatus::Active);
    sql.push(" AND (me.role >= ");
    sql.bind(Role::Supervisor);
    sql.push(" OR (me.role = ");
    sql.bind(Role::Agent);
    sql.push(&format!(
        " AND (EXISTS (SELECT 1 FROM participant p WHERE p.conversation_id = c.id AND p.user_id = me.id) \
         OR EXISTS (SELECT 1 FROM queue_member m WHERE m.queue_id = c.queue_id AND m.agent_id = me.id) \
         OR EXISTS (SELECT 1 FROM offer o WHERE o.task_id = c.task_id AND o.status {PENDING} \
         AND o.agent_id = me.id)))))))",
    ));
}

/// Returns the ids of a customer's open conversations, in the order in which they are locked.
pub async fn open_of_customer(db: &impl ConnectionTrait, id: CustomerId) -> Result<Vec<ConversationId>, DbErr> {
    let mut sql = Sql::select::<conversation::Entity>("c", "WHERE c.customer_id = ");
    sql.bind(id);
    sql.push(" AND c.status = ");
    sql.bind(ConversationStatus::Open);
    sql.push(" ORDER BY c.id");
    Ok(sql.models::<conversation::Entity>(db).await?.into_iter().map(|row| row.id).collect())
}

#[derive(FromQueryResult)]
struct ConversationOfTask {
    id: TaskId,
    conversation_id: ConversationId,
}

/// Returns the conversations of tasks.
pub async fn of_tasks(db: &impl ConnectionTrait, tasks: &[TaskId]) -> Result<HashMap<TaskId, ConversationId>, DbErr> {
    let mut sql = Sql::new("SELECT t.id, t.conversation_id FROM task t WHERE t.id IN ");
    sql.bind_list(tasks);
    let rows: Vec<ConversationOfTask> = sql.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.conversation_id)).collect())
}

/// Returns the refusal `CONVERSATION_ENDED` for an input field.
#[must_use]
pub fn conversation_ended(field: &'static [&'static str]) -> Error {
    Error::refused(UserErrorCode::ConversationEnded, field, "The conversation has ended.")
}

/// Locks a conversation until the transaction ends, and returns it. Fails if it does not exist.
pub async fn lock(tx: &Tx<'_>, id: ConversationId) -> Result<Locked<conversation::Model>> {
    let held = tx.lock_one(conversation::Entity::find_by_id(id)).await?;
    held.ok_or_else(|| Error::internal(anyhow::anyhow!("the conversation does not exist")))
}

/// Saves a conversation.
pub async fn save(tx: &Tx<'_>, row: &Locked<conversation::Model>) -> Result<()> {
    Ok(tx.save(row).await?)
}

/// Saves the item counters of a conversation and the time of its newest item. No other column is written, so that a
/// message causes no needless checks of indexes and references. A closed conversation may still get a note, so this
/// also saves `settled_at` for its participants.
pub async fn save_counters(tx: &Tx<'_>, row: &Locked<conversation::Model>) -> Result<()> {
    conversation::Entity::update_many()
        .col_expr(conversation::Column::LastSequence, row.last_sequence.into())
        .col_expr(conversation::Column::LastCustomerSequence, row.last_customer_sequence.into())
        .col_expr(conversation::Column::LastItemAt, row.last_item_at.into())
        .filter(conversation::Column::Id.eq(row.id))
        .exec(tx.db())
        .await?;
    if row.status == ConversationStatus::Closed { save_settled_at(tx, row).await } else { Ok(()) }
}

/// Saves `settled_at` for the participants of a conversation with a customer. Does nothing for a direct conversation.
async fn save_settled_at(tx: &Tx<'_>, row: &Locked<conversation::Model>) -> Result<()> {
    if row.customer_id.is_some() {
        participant::Entity::update_many()
            .col_expr(participant::Column::SettledAt, row.settled_at().into())
            .filter(participant::Column::ConversationId.eq(row.id))
            .filter(participant::Column::UserId.is_not_null())
            .exec(tx.db())
            .await?;
    }
    Ok(())
}

/// The values that identify a conversation with a customer, with its channel and queue.
#[derive(Clone, Debug)]
pub struct ConversationKey {
    /// The channel of the entry point.
    pub channel: Channel,
    /// The entry point to which the customer wrote.
    pub entry_point: EntryPointId,
    /// The queue of a new conversation.
    pub queue: QueueId,
    /// The customer who writes.
    pub customer: CustomerId,
    /// The text that separates conversations of the customer at the entry point.
    pub topic: String,
}

/// Locks the conversation with a key, or creates it. Returns it, and true if it is new. It may be closed.
pub async fn find_or_create(tx: &Tx<'_>, place: &ConversationKey) -> Result<(Locked<conversation::Model>, bool)> {
    if let Some(found) = find_by_key(tx, place).await? {
        return Ok((found, false));
    }
    let now = tx.clock().now();
    let row = conversation::Model {
        id: ConversationId(tx.clock().uuid()),
        kind: ConversationKind::Customer,
        channel: Some(place.channel),
        entry_point_id: Some(place.entry_point),
        customer_id: Some(place.customer),
        topic: Some(place.topic.clone()),
        lo: None,
        hi: None,
        status: ConversationStatus::Open,
        queue_id: Some(place.queue),
        task_id: None,
        last_sequence: 0,
        last_customer_sequence: 0,
        last_item_at: now,
        character_limit: None,
        created_at: now,
    };
    if let Some(row) = tx.insert_locked(row).await? {
        return Ok((row, true));
    }
    // Another call was faster. Its conversation exists now, unless its transaction failed.
    find_by_key(tx, place).await?.map(|row| (row, false)).ok_or(Error::Again)
}

async fn find_by_key(tx: &Tx<'_>, place: &ConversationKey) -> Result<Option<Locked<conversation::Model>>, DbErr> {
    tx.lock_one(
        conversation::Entity::find()
            .filter(conversation::Column::EntryPointId.eq(place.entry_point))
            .filter(conversation::Column::CustomerId.eq(place.customer))
            .filter(conversation::Column::Topic.eq(place.topic.as_str())),
    )
    .await
}

/// Opens a conversation if it is closed, and saves it.
pub async fn open(tx: &Tx<'_>, row: &mut Locked<conversation::Model>) -> Result<()> {
    let before = std::mem::replace(&mut row.status, ConversationStatus::Open);
    save(tx, row).await?;
    if before == ConversationStatus::Closed { save_settled_at(tx, row).await } else { Ok(()) }
}

/// Closes a conversation and saves it. If its channel never reopens conversations, it loses its topic, so that the
/// customer's next message begins another.
pub async fn close(tx: &Tx<'_>, row: &mut Locked<conversation::Model>) -> Result<()> {
    row.status = ConversationStatus::Closed;
    if row.channel.is_some_and(|channel| !channel_capabilities::of(channel).reopens) {
        row.topic = None;
    }
    save(tx, row).await?;
    save_settled_at(tx, row).await
}
