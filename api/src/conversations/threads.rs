//! Finding conversations, holding one, opening and closing. A customer has one conversation for a topic at an entry point;
//! a constraint says so.

use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    conversation::{self, ConversationKind, ConversationStatus},
    id::{ConversationId, CustomerId, EntryPointId, QueueId, UserId},
    user::{Role, UserStatus},
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel as _, QueryResult,
    QuerySelect as _, TryInsertResult, sea_query::OnConflict,
};

use super::channels;
use crate::{
    app::Tx,
    auth::viewer::Caller,
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    events::{
        cursor::{conversation_of, customer_side_of},
        log::Stream,
    },
};

/// How inputs name a conversation.
pub const FIELD: &[&str] = &["input", "conversationId"];

/// From where somebody looks at a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Those who serve the customer, and the two of a direct conversation: they see every item.
    Staff,
    /// The customer.
    Customer,
}

impl Side {
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Visitor(_) => Self::Customer,
            Caller::Person(_) | Caller::Service(_) => Self::Staff,
        }
    }

    /// The stream in which this side follows a conversation.
    #[must_use]
    pub fn stream(self, conversation: ConversationId) -> Stream {
        match self {
            Self::Staff => conversation_of(conversation),
            Self::Customer => customer_side_of(conversation),
        }
    }

    /// The column in which this side counts items.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::Staff => "i.sequence",
            Self::Customer => "i.customer_sequence",
        }
    }
}

/// A conversation as it was read, and where its stream stood at that moment: what happened later comes after that.
#[derive(Clone, Debug)]
pub struct Seen {
    pub row: conversation::Model,
    pub stream_at: i64,
    /// Where the sight of somebody ends who has left it.
    pub until: Option<Until>,
}

/// The last item that somebody may see of a conversation that they have left, and when they left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Until {
    pub sequence: i64,
    pub at: DateTime<Utc>,
}

impl FromQueryResult for Seen {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let stream_at = row.try_get(prefix, "stream_at")?;
        let (sequence, at): (Option<i64>, Option<_>) =
            (row.try_get(prefix, "until_sequence")?, row.try_get(prefix, "until_at")?);
        let until = sequence.zip(at).map(|(sequence, at)| Until { sequence, at });
        let mut row = conversation::Model::from_query_result(row, prefix)?;
        if let Some(until) = until {
            // So whoever counts from the end begins there too.
            row.last_sequence = row.last_sequence.min(until.sequence);
        }
        Ok(Self { row, stream_at, until })
    }
}

/// Begins a statement about conversations `c` as a caller sees them, all of one moment: rows, ends of streams, and where the
/// caller's sight ends. It is to be said next from where the conversations come.
pub fn seen_by(sql: &mut Sql, caller: &Caller) {
    sql.push("SELECT c.*, ");
    seen_as(sql, caller, "");
    sql.push(" ");
}

/// The columns of that beside the row's own, their names after a prefix.
pub fn seen_as(sql: &mut Sql, caller: &Caller, prefix: &str) {
    sql.push(&format!("{} AS {prefix}stream_at, ", stream_at(Side::of(caller))));
    until(sql, caller, "left_sequence", "bigint");
    sql.push(&format!(" AS {prefix}until_sequence, "));
    until(sql, caller, "left_at", "timestamptz");
    sql.push(&format!(" AS {prefix}until_at"));
}

/// A column of the participant that a caller was in the conversation `c`, where their sight ends with it: they have left a
/// customer, do not supervise, do not serve the queue, and are not offered the task. Null where it does not end.
fn until(sql: &mut Sql, caller: &Caller, column: &str, kind: &str) {
    let Caller::Person(viewer) = caller else { return sql.push(&format!("CAST(NULL AS {kind})")) };
    sql.push(&format!(
        "(SELECT l.{column} FROM participant l WHERE l.conversation_id = c.id AND l.left_sequence IS NOT NULL AND l.user_id = "
    ));
    sql.bind(viewer.user);
    sql.push(" AND NOT EXISTS (SELECT 1 FROM \"user\" u WHERE u.id = l.user_id AND u.role >= ");
    sql.bind(Role::Supervisor);
    sql.push(
        ") AND NOT EXISTS (SELECT 1 FROM queue_member m WHERE m.queue_id = c.queue_id AND m.agent_id = l.user_id) \
         AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.task_id = c.task_id AND o.status = 1 AND o.agent_id = l.user_id))",
    );
}

/// Adds the condition that a caller's sight of the conversation `c` does not end before an item's number.
pub fn reaches_item(sql: &mut Sql, caller: &Caller, number: &str) {
    reaches(sql, caller, "left_sequence", number);
}

/// Adds the condition that a caller's sight of the conversation `c` does not end before a time.
pub fn reaches_time(sql: &mut Sql, caller: &Caller, time: &str) {
    reaches(sql, caller, "left_at", time);
}

fn reaches(sql: &mut Sql, caller: &Caller, column: &str, what: &str) {
    if let Caller::Person(_) = caller {
        sql.push(&format!("{what} <= COALESCE("));
        until(sql, caller, column, "");
        sql.push(&format!(", {what})"));
    } else {
        sql.push("TRUE");
    }
}

/// Where the stream of a side ends, of a conversation `c`.
#[must_use]
pub fn stream_at(side: Side) -> String {
    let kind = side.stream(ConversationId(uuid::Uuid::nil())).kind.code();
    format!("COALESCE((SELECT s.last_sequence FROM stream s WHERE s.kind = {kind} AND s.owner_id = c.id), 0)")
}

/// The conversations with some ids that a caller may see, with the ends of their streams.
pub async fn see(db: &impl ConnectionTrait, caller: &Caller, ids: &[ConversationId]) -> Result<Vec<Seen>, DbErr> {
    let mut sql = Sql::default();
    seen_by(&mut sql, caller);
    sql.push("FROM conversation c WHERE c.id IN ");
    sql.bind_list(ids);
    sql.push(" AND ");
    visible(&mut sql, caller);
    sql.all(db).await
}

/// The rows of the conversations with some ids that a caller may see. Who has left one finds its last number where they left.
pub async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[ConversationId],
) -> Result<Vec<conversation::Model>, DbErr> {
    Ok(see(db, caller, ids).await?.into_iter().map(|seen| seen.row).collect())
}

/// The conversation that an id of the API names, if the caller may see it.
pub async fn named(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: &str,
    field: &'static [&'static str],
) -> Result<conversation::Model> {
    let id = ConversationId::parse(id).ok_or_else(|| Error::not_found(field))?;
    find(db, caller, &[id]).await?.pop().ok_or_else(|| Error::not_found(field))
}

/// Adds the condition that a caller may see the conversation `c`: a visitor their own at their entry point; the two of a
/// direct one; of those who answer customers whoever takes part or has taken part, whoever serves its queue, and
/// supervisors; a key of the organisation those with customers.
pub fn visible(sql: &mut Sql, caller: &Caller) {
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

/// Adds the condition that a conversation `c` is of a kind, in words that no index serves: that index would lead to almost
/// every conversation.
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
    sql.push(
        " AND (EXISTS (SELECT 1 FROM participant p WHERE p.conversation_id = c.id AND p.user_id = me.id) \
         OR EXISTS (SELECT 1 FROM queue_member m WHERE m.queue_id = c.queue_id AND m.agent_id = me.id) \
         OR EXISTS (SELECT 1 FROM offer o WHERE o.task_id = c.task_id AND o.status = 1 AND o.agent_id = me.id)))))))",
    );
}

/// What is answered to whoever would go on in a conversation that is over.
#[must_use]
pub fn ended(field: &'static [&'static str]) -> Error {
    Error::refused(UserErrorCode::ConversationEnded, field, "The conversation has ended.")
}

/// The conversation with an id, held until the transaction ends.
pub async fn hold(tx: &Tx<'_>, id: ConversationId) -> Result<conversation::Model> {
    let held = conversation::Entity::find_by_id(id).lock_exclusive().one(tx.db()).await?;
    held.ok_or_else(|| Error::internal(anyhow::anyhow!("a conversation is gone")))
}

/// Writes a conversation that is held.
pub async fn save(tx: &Tx<'_>, row: &conversation::Model) -> Result<()> {
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    Ok(())
}

/// Writes of a conversation that is held how many items it has and when the newest was made. Nothing else: what no index and
/// no other row depends on need not be looked at again for each message. Of one that is closed, which may still get a note, the
/// participants note it too.
pub async fn count(tx: &Tx<'_>, row: &conversation::Model) -> Result<()> {
    let mut sql = Sql::new("UPDATE conversation SET last_sequence = ");
    sql.bind(row.last_sequence);
    sql.push(", last_customer_sequence = ");
    sql.bind(row.last_customer_sequence);
    sql.push(", last_item_at = ");
    sql.bind(row.last_item_at);
    sql.push(" WHERE id = ");
    sql.bind(row.id);
    sql.run(tx.db()).await?;
    if row.status == ConversationStatus::Closed { settle(tx, row).await } else { Ok(()) }
}

/// What is noted of the users who take or took part in a conversation: when it got its last item, if it is one with a customer
/// and closed.
#[must_use]
pub fn settled_at(row: &conversation::Model) -> Option<DateTime<Utc>> {
    let settled = row.customer_id.is_some() && row.status == ConversationStatus::Closed;
    settled.then_some(row.last_item_at)
}

/// Writes that of a conversation with a customer.
async fn settle(tx: &Tx<'_>, row: &conversation::Model) -> Result<()> {
    if row.customer_id.is_none() {
        return Ok(());
    }
    let mut sql = Sql::new("UPDATE participant SET settled_at = ");
    sql.bind(settled_at(row));
    sql.push(" WHERE user_id IS NOT NULL AND conversation_id = ");
    sql.bind(row.id);
    sql.run(tx.db()).await?;
    Ok(())
}

/// Where a conversation with a customer belongs.
#[derive(Clone, Debug)]
pub struct Place {
    pub channel: Channel,
    pub entry_point: EntryPointId,
    pub queue: QueueId,
    pub customer: CustomerId,
    /// What tells conversations of the customer at the entry point apart.
    pub topic: String,
}

/// The conversation of a place, held; whether it is new. It may be closed.
pub async fn open_or_make(tx: &Tx<'_>, place: &Place) -> Result<(conversation::Model, bool)> {
    if let Some(found) = at(tx, place).await? {
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
        created_at: now,
    };
    if insert(tx, &row).await? {
        return Ok((row, true));
    }
    // Another call was quicker; its conversation is there now, unless it has failed.
    at(tx, place).await?.map(|row| (row, false)).ok_or(Error::Again)
}

/// Adds a conversation, unless a constraint says that there is one already; whether it did.
pub async fn insert(tx: &Tx<'_>, row: &conversation::Model) -> Result<bool> {
    // By any of the constraints, not that of the id alone.
    let insert = conversation::Entity::insert(row.clone().into_active_model());
    let insert = insert.on_conflict(OnConflict::new().do_nothing().to_owned()).try_insert();
    Ok(matches!(insert.exec_without_returning(tx.db()).await?, TryInsertResult::Inserted(1)))
}

async fn at(tx: &Tx<'_>, place: &Place) -> Result<Option<conversation::Model>, DbErr> {
    use sea_orm::{ColumnTrait as _, QueryFilter as _};
    conversation::Entity::find()
        .filter(conversation::Column::EntryPointId.eq(place.entry_point))
        .filter(conversation::Column::CustomerId.eq(place.customer))
        .filter(conversation::Column::Topic.eq(place.topic.as_str()))
        .lock_exclusive()
        .one(tx.db())
        .await
}

/// Opens a conversation that is held, if it is closed, and writes it.
pub async fn open(tx: &Tx<'_>, row: &mut conversation::Model) -> Result<()> {
    let before = std::mem::replace(&mut row.status, ConversationStatus::Open);
    save(tx, row).await?;
    if before == ConversationStatus::Closed { settle(tx, row).await } else { Ok(()) }
}

/// Closes a conversation that is held. One that is never opened again gives up its topic, so that the customer's next message
/// begins another.
pub async fn close(tx: &Tx<'_>, row: &mut conversation::Model) -> Result<()> {
    row.status = ConversationStatus::Closed;
    if row.channel.is_some_and(|channel| !channels::of(channel).reopens) {
        row.topic = None;
    }
    save(tx, row).await?;
    settle(tx, row).await
}
