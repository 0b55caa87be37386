//! Selections of the log: the streams that one reader follows together, in the order of the commits.

use entity::{
    id::{CustomerId, QueueId},
    stream::StreamKind,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Iterable as _, QueryResult};
use uuid::Uuid;

use super::log::{LOGGED_EVENT, LoggedEvent};
use crate::database::sql::Sql;

/// The kinds of which any user may follow all streams. Readers see what their own rights allow of them.
pub const FOR_EVERYONE: [StreamKind; 2] = [StreamKind::Activities, StreamKind::Profile];

/// The streams that one reader follows together. An entry is selected when one of the fields selects it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Owners, each with the kinds of the streams that are selected. A kind appears once for an owner.
    pub owned: Vec<(Uuid, Vec<StreamKind>)>,
    /// The queues whose streams are selected, with the streams of the conversations in these queues.
    pub queues: Vec<QueueId>,
    /// The customers whose conversations are selected.
    pub customers: Vec<CustomerId>,
    /// The kinds of which all streams are selected.
    pub everywhere: Vec<StreamKind>,
}

/// An entry of the log, with the queue and the customer of its conversation at the time of reading.
#[derive(Clone, Debug)]
pub struct FeedEntry {
    /// The entry.
    pub entry: LoggedEvent,
    /// The present queue of the conversation. None for streams of other kinds.
    pub queue: Option<QueueId>,
    /// The customer of the conversation. None for streams of other kinds, and for direct conversations.
    pub customer: Option<CustomerId>,
}

impl FromQueryResult for FeedEntry {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let (queue, customer) = (row.try_get(prefix, "queue_id")?, row.try_get(prefix, "customer_id")?);
        Ok(Self { entry: LoggedEvent::from_query_result(row, prefix)?, queue, customer })
    }
}

impl FeedEntry {
    /// Returns the queue whose stream it is, or the present queue of its conversation.
    #[must_use]
    pub fn queue_of_entry(&self) -> Option<QueueId> {
        match self.entry.stream_kind {
            StreamKind::Queue => Some(QueueId(self.entry.owner_id)),
            StreamKind::Conversation => self.queue,
            _ => None,
        }
    }
}

impl Selection {
    /// Returns true when the entry is selected.
    #[must_use]
    pub fn has(&self, found: &FeedEntry) -> bool {
        let LoggedEvent { stream_kind, owner_id, .. } = &found.entry;
        let owned = self.owned.iter().any(|(owner, kinds)| owner == owner_id && kinds.contains(stream_kind));
        let queue = found.queue_of_entry();
        owned
            || self.everywhere.contains(stream_kind)
            || queue.is_some_and(|queue| self.queues.contains(&queue))
            || found.customer.is_some_and(|customer| self.customers.contains(&customer))
    }

    /// Returns the selected entries after one global position and, if given, up to another, in order and at most
    /// `limit`. An event in several of the streams is returned once. Also returns true if more entries may follow.
    pub async fn read(
        &self,
        db: &impl ConnectionTrait,
        after: i64,
        to: Option<i64>,
        limit: i64,
    ) -> Result<(Vec<LoggedEvent>, bool), DbErr> {
        let range = Range { after, to, limit };
        let mut sql = Sql::new(LOGGED_EVENT);
        sql.push(" JOIN (SELECT stream_kind, owner_id, sequence FROM (");
        let mut parts = 0;
        let mut part = |sql: &mut Sql, write: &dyn Fn(&mut Sql)| {
            sql.push(if parts == 0 { "SELECT * FROM (" } else { " UNION SELECT * FROM (" });
            sql.push("SELECT s.stream_kind, s.owner_id, s.sequence, s.position FROM event_entry s WHERE ");
            write(sql);
            range.write(sql, "s", "s.position");
            sql.push(&format!(") AS part_{parts}"));
            parts += 1;
        };
        for (owner, kinds) in self.owned.iter().filter(|(_, kinds)| !kinds.is_empty()) {
            part(&mut sql, &|sql| {
                sql.push("s.owner_id = ");
                sql.bind(*owner);
                // The sum keeps the database from the index over kinds, which would lead to the streams of all owners.
                sql.push(" AND s.stream_kind + 0 IN ");
                sql.bind_list(kinds);
            });
        }
        for kind in &self.everywhere {
            part(&mut sql, &|sql| of_kind(sql, *kind));
        }
        if !self.queues.is_empty() {
            part(&mut sql, &|sql| {
                of_kind(sql, StreamKind::Queue);
                sql.push(" AND s.owner_id IN ");
                sql.bind_list(&self.queues);
            });
            part(&mut sql, &|sql| {
                of_kind(sql, StreamKind::Conversation);
                sql.push(" AND EXISTS (SELECT 1 FROM conversation c WHERE c.id = s.owner_id AND c.queue_id IN ");
                sql.bind_list(&self.queues);
                sql.push(")");
            });
        }
        if !self.customers.is_empty() {
            part(&mut sql, &|sql| {
                of_kind(sql, StreamKind::Conversation);
                sql.push(" AND EXISTS (SELECT 1 FROM conversation c WHERE c.id = s.owner_id AND c.customer_id IN ");
                sql.bind_list(&self.customers);
                sql.push(")");
            });
        }
        if parts == 0 {
            return Ok((Vec::new(), false));
        }
        sql.push(") AS few WHERE TRUE");
        range.write(&mut sql, "few", "few.position");
        // The order repeats, because a join need not keep the order of its parts.
        sql.push(
            ") AS shown ON shown.stream_kind = n.stream_kind AND shown.owner_id = n.owner_id \
             AND shown.sequence = n.sequence ORDER BY n.position, n.stream_kind",
        );
        let mut entries: Vec<LoggedEvent> = sql.all(db).await?;
        let more = i64::try_from(entries.len()).is_ok_and(|count| count >= limit);
        entries.dedup_by_key(|entry| entry.position);
        Ok((entries, more))
    }
}

/// The range and the number of entries of one read.
struct Range {
    after: i64,
    to: Option<i64>,
    limit: i64,
}

impl Range {
    fn write(&self, sql: &mut Sql, of: &str, position: &str) {
        sql.push(&format!(" AND {position} > "));
        sql.bind(self.after);
        if let Some(to) = self.to {
            sql.push(&format!(" AND {position} <= "));
            sql.bind(to);
        }
        sql.push(&format!(" ORDER BY {position}, {of}.stream_kind LIMIT "));
        sql.bind(self.limit);
    }
}

/// Writes the kind as a literal, so that the plan is made for this kind.
fn of_kind(sql: &mut Sql, kind: StreamKind) {
    sql.push(&format!("s.stream_kind = {}", kind.code()));
}

/// Returns the kinds of streams that a selection can have, as literals.
fn followed_kinds() -> String {
    // Rights are for the instances, and customers follow their conversations one by one.
    let kinds = StreamKind::iter().filter(|kind| !matches!(kind, StreamKind::Rights | StreamKind::CustomerSide));
    kinds.map(|kind| kind.code().to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns all entries of the streams that selections can have, after one global position and up to another, in order.
/// Also returns the position up to which they are complete.
pub async fn read_all(
    db: &impl ConnectionTrait,
    after: i64,
    to: i64,
    limit: i64,
) -> Result<(Vec<FeedEntry>, i64), DbErr> {
    let mut limit = limit;
    loop {
        let mut sql = Sql::new(
            "SELECT n.stream_kind, n.owner_id, n.sequence, n.position, e.id, e.kind, e.payload, e.occurred_at, \
             c.queue_id, c.customer_id FROM event_entry n JOIN event e ON e.number = n.event_number \
             LEFT JOIN conversation c ON c.id = n.owner_id AND n.stream_kind = ",
        );
        sql.push(&StreamKind::Conversation.code().to_string());
        sql.push(&format!(" WHERE n.stream_kind IN ({}) AND n.position > ", followed_kinds()));
        sql.bind(after);
        sql.push(" AND n.position <= ");
        sql.bind(to);
        sql.push(" ORDER BY n.position, n.stream_kind LIMIT ");
        sql.bind(limit);
        let mut entries: Vec<FeedEntry> = sql.all(db).await?;
        if !i64::try_from(entries.len()).is_ok_and(|count| count == limit) {
            return Ok((entries, to));
        }
        // The limit may have cut off entries of the last event.
        let last = entries.last().and_then(|found| found.entry.position).unwrap_or(to);
        entries.retain(|found| found.entry.position.is_some_and(|position| position < last));
        if !entries.is_empty() {
            return Ok((entries, last - 1));
        }
        limit *= 2;
    }
}
