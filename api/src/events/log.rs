//! The log itself: appending at the end of a transaction, reading a stream or the global order. A read that does not
//! continue where the caller stands says so; it never skips.

use chrono::{DateTime, Utc};
use entity::{
    event::{self, EventKind},
    event_entry,
    id::{EventId, UserId},
    stream::StreamKind,
};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult};
use serde::Serialize;

use crate::{clock::Clock, database::sql::Sql, error::Error};

/// A stream: numbered without gaps from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    pub kind: StreamKind,
    pub owner: UserId,
}

/// An event that waits for the end of its transaction.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub kind: EventKind,
    pub payload: serde_json::Value,
    pub streams: Vec<Stream>,
}

impl NewEvent {
    /// An event that shows `subject` as it is now.
    pub fn new(kind: EventKind, subject: &impl Serialize, streams: Vec<Stream>) -> Result<Self, Error> {
        let payload = serde_json::to_value(subject).map_err(Error::internal)?;
        Ok(Self { kind, payload, streams })
    }
}

/// An event as it stands in one stream.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Entry {
    pub stream_kind: StreamKind,
    pub owner_id: UserId,
    pub sequence: i64,
    pub position: Option<i64>,
    pub id: EventId,
    pub kind: EventKind,
    pub payload: serde_json::Value,
    pub occurred_at: DateTime<Utc>,
}

/// Where a stream ends and from where it can still be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    pub last: i64,
    pub pruned: i64,
}

/// Writes the events of a transaction and returns the streams that grew. The counters are locked in one order by all,
/// and before the events draw their numbers.
pub(crate) async fn write(db: &impl ConnectionTrait, clock: &Clock, events: &[NewEvent]) -> Result<Vec<Stream>, DbErr> {
    let mut streams: Vec<Stream> = events.iter().flat_map(|event| event.streams.iter().copied()).collect();
    streams.sort_unstable();
    let mut next = std::collections::BTreeMap::<Stream, i64>::new();
    for run in streams.chunk_by(|a, b| a == b) {
        let grown = i64::try_from(run.len()).unwrap_or(i64::MAX);
        next.insert(run[0], advance(db, run[0], grown).await? - grown + 1);
    }
    let now = clock.now();
    for event in events {
        let row = event::ActiveModel {
            number: NotSet,
            id: Set(EventId(clock.uuid())),
            kind: Set(event.kind),
            payload: Set(event.payload.clone()),
            occurred_at: Set(now),
        };
        let number = event::Entity::insert(row).exec(db).await?.last_insert_id;
        let entries = event.streams.iter().filter_map(|stream| {
            let counter = next.get_mut(stream)?;
            let sequence = *counter;
            *counter += 1;
            Some(event_entry::ActiveModel {
                stream_kind: Set(stream.kind),
                owner_id: Set(stream.owner),
                sequence: Set(sequence),
                event_number: Set(number),
                position: Set(None),
            })
        });
        event_entry::Entity::insert_many(entries).exec_without_returning(db).await?;
    }
    Ok(next.into_keys().collect())
}

/// Moves the counter of a stream and holds it locked until the transaction ends.
async fn advance(db: &impl ConnectionTrait, stream: Stream, by: i64) -> Result<i64, DbErr> {
    let mut sql = Sql::new("INSERT INTO stream (kind, owner_id, last_sequence, pruned_sequence) VALUES (");
    sql.bind(stream.kind);
    sql.push(", ");
    sql.bind(stream.owner);
    sql.push(", ");
    sql.bind(by);
    sql.push(", 0) ON CONFLICT (kind, owner_id) DO UPDATE SET last_sequence = stream.last_sequence + ");
    sql.bind(by);
    sql.push(" RETURNING last_sequence");
    let row = sql.one(db).await?.ok_or(DbErr::RecordNotInserted)?;
    row.try_get("", "last_sequence")
}

/// Where a stream ends; a stream that never had an event ends at 0.
pub async fn extent(db: &impl ConnectionTrait, stream: Stream) -> Result<Extent, DbErr> {
    let mut sql = Sql::new("SELECT last_sequence, pruned_sequence FROM stream WHERE kind = ");
    sql.bind(stream.kind);
    sql.push(" AND owner_id = ");
    sql.bind(stream.owner);
    match sql.one(db).await? {
        None => Ok(Extent::default()),
        Some(row) => {
            Ok(Extent { last: row.try_get("", "last_sequence")?, pruned: row.try_get("", "pruned_sequence")? })
        }
    }
}

const ENTRY: &str = "SELECT n.stream_kind, n.owner_id, n.sequence, n.position, e.id, e.kind, e.payload, e.occurred_at \
                     FROM event_entry n JOIN event e ON e.number = n.event_number";

/// The entries of a stream after a sequence number, in order, at most `limit` of them.
pub async fn read(db: &impl ConnectionTrait, stream: Stream, after: i64, limit: i64) -> Result<Vec<Entry>, DbErr> {
    let mut sql = Sql::new(ENTRY);
    sql.push(" WHERE n.stream_kind = ");
    sql.bind(stream.kind);
    sql.push(" AND n.owner_id = ");
    sql.bind(stream.owner);
    sql.push(" AND n.sequence > ");
    sql.bind(after);
    sql.push(" ORDER BY n.sequence LIMIT ");
    sql.bind(limit);
    sql.all(db).await
}

/// The entries of all streams of a user after a global position, in order, at most `limit` of them.
pub async fn pull(
    db: &impl ConnectionTrait,
    owner: UserId,
    kinds: &[StreamKind],
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbErr> {
    let mut sql = Sql::new(ENTRY);
    sql.push(" WHERE n.owner_id = ");
    sql.bind(owner);
    sql.push(" AND n.position > ");
    sql.bind(after);
    if !kinds.is_empty() {
        sql.push(" AND n.stream_kind IN ");
        sql.bind_list(kinds);
    }
    sql.push(" ORDER BY n.position LIMIT ");
    sql.bind(limit);
    sql.all(db).await
}
