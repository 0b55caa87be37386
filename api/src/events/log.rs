//! The log itself: appending at the end of a transaction, reading a stream or the global order. A read that does not
//! continue where the caller stands says so; it never skips.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entity::{event::EventKind, event_entry, id::EventId, stream::StreamKind};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult};
use serde::Serialize;
use uuid::Uuid;

use crate::{clock::Clock, database::sql::Sql, error::Error};

/// A stream: numbered without gaps from 1. Its owner is a user, a conversation or a queue, by the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    pub kind: StreamKind,
    pub owner: Uuid,
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
    pub owner_id: Uuid,
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

/// Rows of one statement: the databases take only so many values at once.
const TOGETHER: usize = 2_000;

/// Writes the events of a transaction and returns the streams that grew: three statements, or three for each so many. The
/// counters are locked in one order by all, and before the events draw their numbers.
pub(crate) async fn write(db: &impl ConnectionTrait, clock: &Clock, events: &[NewEvent]) -> Result<Vec<Stream>, DbErr> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut next = advance(db, events).await?;
    let ids: Vec<EventId> = events.iter().map(|_| EventId(clock.uuid())).collect();
    let mut numbers = HashMap::new();
    for (events, ids) in events.chunks(TOGETHER).zip(ids.chunks(TOGETHER)) {
        numbers.extend(insert(db, clock, events, ids).await?);
    }
    let mut entries = Vec::new();
    for (event, id) in events.iter().zip(&ids) {
        let number = *numbers.get(id).ok_or(DbErr::RecordNotInserted)?;
        for stream in &event.streams {
            let counter = next.get_mut(stream).ok_or(DbErr::RecordNotInserted)?;
            entries.push(event_entry::ActiveModel {
                stream_kind: Set(stream.kind),
                owner_id: Set(stream.owner),
                sequence: Set(*counter),
                event_number: Set(number),
                position: Set(None),
            });
            *counter += 1;
        }
    }
    let mut entries = entries.into_iter().peekable();
    while entries.peek().is_some() {
        let together: Vec<_> = entries.by_ref().take(TOGETHER).collect();
        event_entry::Entity::insert_many(together).exec_without_returning(db).await?;
    }
    Ok(next.into_keys().collect())
}

#[derive(FromQueryResult)]
struct Advanced {
    kind: StreamKind,
    owner_id: Uuid,
    last_sequence: i64,
}

/// Moves the counters of the events' streams and holds them locked until the transaction ends; the first new number of
/// each.
async fn advance(db: &impl ConnectionTrait, events: &[NewEvent]) -> Result<BTreeMap<Stream, i64>, DbErr> {
    let mut grown = BTreeMap::<Stream, i64>::new();
    for stream in events.iter().flat_map(|event| &event.streams) {
        *grown.entry(*stream).or_default() += 1;
    }
    let mut first = BTreeMap::new();
    let streams: Vec<(Stream, i64)> = grown.into_iter().collect();
    for together in streams.chunks(TOGETHER) {
        first.extend(advance_some(db, together).await?);
    }
    Ok(first)
}

async fn advance_some(
    db: &impl ConnectionTrait,
    grown: &[(Stream, i64)],
) -> Result<impl Iterator<Item = (Stream, i64)>, DbErr> {
    let mut sql = Sql::new("INSERT INTO stream (kind, owner_id, last_sequence, pruned_sequence) VALUES ");
    for (index, (stream, by)) in grown.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { ", (" });
        sql.bind(stream.kind);
        sql.push(", ");
        sql.bind(stream.owner);
        sql.push(", ");
        sql.bind(*by);
        sql.push(", 0)");
    }
    sql.push(
        " ON CONFLICT (kind, owner_id) DO UPDATE SET last_sequence = stream.last_sequence + excluded.last_sequence \
         RETURNING kind, owner_id, last_sequence",
    );
    let by: HashMap<Stream, i64> = grown.iter().copied().collect();
    let advanced: Vec<Advanced> = sql.all(db).await?;
    Ok(advanced.into_iter().map(move |row| {
        let stream = Stream { kind: row.kind, owner: row.owner_id };
        (stream, row.last_sequence - by.get(&stream).copied().unwrap_or_default() + 1)
    }))
}

#[derive(FromQueryResult)]
struct Numbered {
    number: i64,
    id: EventId,
}

/// Inserts the events in their order; the number that each drew.
async fn insert(
    db: &impl ConnectionTrait,
    clock: &Clock,
    events: &[NewEvent],
    ids: &[EventId],
) -> Result<HashMap<EventId, i64>, DbErr> {
    let now = clock.now();
    let mut sql = Sql::new("INSERT INTO event (id, kind, payload, occurred_at) VALUES ");
    for (index, (event, id)) in events.iter().zip(ids).enumerate() {
        sql.push(if index == 0 { "(" } else { ", (" });
        sql.bind(*id);
        sql.push(", ");
        sql.bind(event.kind);
        sql.push(", ");
        sql.bind(event.payload.clone());
        sql.push(", ");
        sql.bind(now);
        sql.push(")");
    }
    sql.push(" RETURNING number, id");
    let numbered: Vec<Numbered> = sql.all(db).await?;
    Ok(numbered.into_iter().map(|row| (row.id, row.number)).collect())
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

/// The entries of all streams of an owner after a global position, in order, at most `limit` of them.
pub async fn pull(
    db: &impl ConnectionTrait,
    owner: Uuid,
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

/// The entries about activities after one global position and up to another, in order, and up to where they were read.
pub async fn activities(
    db: &impl ConnectionTrait,
    after: i64,
    to: i64,
    limit: i64,
) -> Result<(Vec<Entry>, i64), DbErr> {
    let mut sql = Sql::new(ENTRY);
    // As a literal, so that the index over these entries alone serves it.
    sql.push(&format!(" WHERE n.stream_kind = {} AND n.position > ", StreamKind::Activities.code()));
    sql.bind(after);
    sql.push(" AND n.position <= ");
    sql.bind(to);
    sql.push(" ORDER BY n.position LIMIT ");
    sql.bind(limit);
    let mut entries: Vec<Entry> = sql.all(db).await?;
    let mut reached = to;
    if i64::try_from(entries.len()).is_ok_and(|count| count == limit) {
        // An event that stands in two streams has two entries; the last one's other may have been cut off.
        reached = entries.last().and_then(|entry| entry.position).unwrap_or(to) - 1;
        entries.retain(|entry| entry.position.is_some_and(|position| position <= reached));
    }
    entries.dedup_by_key(|entry| entry.position);
    Ok((entries, reached))
}
