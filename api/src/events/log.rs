//! The log: appends events at the end of a transaction, and reads a stream or the global feed. A read returns entries
//! in order, so that its caller can see a gap.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entity::{event::EventKind, event_entry, id::EventId, stream::StreamKind};
use sea_orm::{
    ActiveEnum as _, ActiveValue::Set, ColIdx, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryResult,
    TryGetError, TryGetable,
};
use uuid::Uuid;

use super::payloads::Logged;
use crate::{clock::Clock, database::sql::Sql, error::Error};

/// A stream, numbered without gaps from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// The kind, which decides what the owner is.
    pub kind: StreamKind,
    /// The id of the user, conversation or queue. It is nil for a stream that all share.
    pub owner: Uuid,
}

/// An event that is written at the end of its transaction.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The kind of the event.
    pub kind: EventKind,
    /// The subject of the event at that time, as JSON.
    pub payload: serde_json::Value,
    /// The streams that get an entry of the event.
    pub streams: Vec<Stream>,
}

impl NewEvent {
    /// Builds an event that stores `subject` as it is now. Fails when `subject` cannot become JSON.
    pub fn new(kind: EventKind, subject: &impl Logged, streams: Vec<Stream>) -> Result<Self, Error> {
        let payload = subject.to_payload().map_err(Error::internal)?;
        Ok(Self { kind, payload, streams })
    }
}

/// The kind of a logged event. None when a newer version of Rapport has written a kind that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedKind(pub Option<EventKind>);

impl TryGetable for LoggedKind {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let name = String::try_get_by(row, index)?;
        Ok(Self(EventKind::try_from_value(&name).ok()))
    }
}

/// An event as one stream shows it.
#[derive(Clone, Debug, FromQueryResult)]
pub struct LoggedEvent {
    /// The kind of the stream.
    pub stream_kind: StreamKind,
    /// The owner of the stream.
    pub owner_id: Uuid,
    /// The number of the entry in its stream, from 1.
    pub sequence: i64,
    /// The position in the global feed. It is none until the event is sequenced.
    pub position: Option<i64>,
    /// The event's id, equal in all its streams.
    pub id: EventId,
    /// The kind of the event.
    pub kind: LoggedKind,
    /// The subject of the event at that time, as JSON.
    pub payload: serde_json::Value,
    /// The time of the event.
    pub occurred_at: DateTime<Utc>,
}

impl LoggedEvent {
    /// Reads the subject of the event. None for a payload that this version cannot read, because a newer one has
    /// written it.
    #[must_use]
    pub fn subject<T: Logged>(&self) -> Option<T> {
        T::from_payload(&self.payload)
            .inspect_err(|cause| tracing::warn!(event = %self.id, %cause, "an event of another version cannot be read"))
            .ok()
    }
}

/// The events that a transaction added to one stream, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The stream that grew.
    pub stream: Stream,
    /// The number of the first added event.
    pub first: i64,
    /// The number of the last added event.
    pub last: i64,
}

/// The last number of a stream and the last number that was pruned. The global feed uses positions instead.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamBounds {
    /// The last number; 0 without any event.
    pub last: i64,
    /// The last number that can no longer be read; 0 when everything can be read.
    pub pruned: i64,
}

/// The maximum number of rows in one statement, because the databases limit the values in it.
const TOGETHER: usize = 2_000;

/// Writes the events of a transaction and returns how its streams grew. It takes three statements, or more for many
/// rows. Locks the counters before the events draw their numbers. All transactions lock counters in one order.
pub(crate) async fn write(db: &impl ConnectionTrait, clock: &Clock, events: &[NewEvent]) -> Result<Vec<Growth>, DbErr> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let first = advance(db, events).await?;
    let mut next = first.clone();
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
    let grown = first.into_iter().zip(next.into_values());
    Ok(grown.map(|((stream, first), next)| Growth { stream, first, last: next - 1 }).collect())
}

#[derive(FromQueryResult)]
struct AdvancedCounter {
    kind: StreamKind,
    owner_id: Uuid,
    last_sequence: i64,
}

/// Advances the counters of the events' streams and keeps them locked until the transaction ends. Returns the first new
/// number of each stream.
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
    let advanced: Vec<AdvancedCounter> = sql.all(db).await?;
    Ok(advanced.into_iter().map(move |row| {
        let stream = Stream { kind: row.kind, owner: row.owner_id };
        (stream, row.last_sequence - by.get(&stream).copied().unwrap_or_default() + 1)
    }))
}

#[derive(FromQueryResult)]
struct NumberedEvent {
    number: i64,
    id: EventId,
}

/// Inserts the events in order and returns the number that each event drew.
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
    let numbered: Vec<NumberedEvent> = sql.all(db).await?;
    Ok(numbered.into_iter().map(|row| (row.id, row.number)).collect())
}

/// Returns the last and the last pruned number of a stream. Both are 0 for a stream without events.
pub async fn bounds(db: &impl ConnectionTrait, stream: Stream) -> Result<StreamBounds, DbErr> {
    let mut sql = Sql::new("SELECT last_sequence, pruned_sequence FROM stream WHERE kind = ");
    sql.bind(stream.kind);
    sql.push(" AND owner_id = ");
    sql.bind(stream.owner);
    match sql.one(db).await? {
        None => Ok(StreamBounds::default()),
        Some(row) => {
            Ok(StreamBounds { last: row.try_get("", "last_sequence")?, pruned: row.try_get("", "pruned_sequence")? })
        }
    }
}

/// A SELECT of entries `n` with their events `e`.
pub(super) const LOGGED_EVENT: &str = "SELECT n.stream_kind, n.owner_id, n.sequence, n.position, e.id, e.kind, e.payload, e.occurred_at \
                     FROM event_entry n JOIN event e ON e.number = n.event_number";

/// Returns the entries of a stream after a sequence number, in order and at most `limit`.
pub async fn read(
    db: &impl ConnectionTrait,
    stream: Stream,
    after: i64,
    limit: i64,
) -> Result<Vec<LoggedEvent>, DbErr> {
    let mut sql = Sql::new(LOGGED_EVENT);
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

/// Returns the newest entries of a stream, the newest first and at most `limit`.
pub async fn read_newest(db: &impl ConnectionTrait, stream: Stream, limit: i64) -> Result<Vec<LoggedEvent>, DbErr> {
    let mut sql = Sql::new(LOGGED_EVENT);
    sql.push(" WHERE n.stream_kind = ");
    sql.bind(stream.kind);
    sql.push(" AND n.owner_id = ");
    sql.bind(stream.owner);
    sql.push(" ORDER BY n.sequence DESC LIMIT ");
    sql.bind(limit);
    sql.all(db).await
}
