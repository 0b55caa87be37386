//! How a queue is doing: what waits, what is talked about, and what became of what came. Everything is counted from the rows,
//! by indexes, so it equals what the log tells.

use async_graphql::SimpleObject;
use chrono::{DateTime, Duration, Utc};
use entity::{id::QueueId, queue, stream::StreamKind};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{
    app::App,
    database::sql::Sql,
    error::{Error, Result},
    events::cursor::{Cursor, queue_of},
};

/// How far back is counted where nothing is said, and at most.
pub const USUAL_PERIOD: Duration = Duration::hours(24);
pub const LONGEST_PERIOD: Duration = Duration::days(31);

/// The counts of a queue, and where its stream stood at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Counts {
    pub queue_id: QueueId,
    pub stream_at: i64,
    /// Tasks that wait or are held out to an agent.
    pub waiting: i64,
    /// Since when the task waits that has waited longest.
    pub first_since: Option<DateTime<Utc>>,
    /// Tasks that are talked about.
    pub in_service: i64,
    /// How often an agent accepted a task of the queue in the period.
    pub accepted: i64,
    /// How often within the service level that the queue had.
    pub accepted_in_time: i64,
    /// How many customers went in the period before anybody accepted.
    pub abandoned: i64,
}

/// How a queue is doing now, and what became of what came in a period.
#[derive(SimpleObject)]
pub struct QueueCounts {
    /// Where the queue's stream stood before it was counted: `queueEvents` from there tells what has changed since.
    stream_cursor: Cursor,
    /// From when it is counted what has happened.
    since: DateTime<Utc>,
    /// How many tasks wait, those included that are held out to an agent.
    waiting: i64,
    /// How long the task has waited that has waited longest, in seconds; null when none waits.
    longest_wait_seconds: Option<i64>,
    /// About how many tasks agents and customers talk.
    in_service: i64,
    /// How often an agent has accepted a task of the queue in the period; a task that was handed over counts again.
    accepted: i64,
    /// How many customers have gone in the period before anybody accepted.
    abandoned: i64,
    /// Which part of what was accepted or abandoned in the period was accepted within the queue's service level, from 0 to 1;
    /// null where the queue has none, and when nothing was.
    service_level: Option<f64>,
}

impl QueueCounts {
    /// What the counts of a queue come to; what has happened since a time.
    #[must_use]
    pub fn of(app: &App, queue: &queue::Model, since: DateTime<Utc>, counts: &Counts) -> Self {
        let all = counts.accepted + counts.abandoned;
        let service_level = (queue.service_level_seconds.is_some() && all > 0).then(|| {
            #[expect(clippy::cast_precision_loss, reason = "counts of a month")]
            let part = counts.accepted_in_time as f64 / all as f64;
            part
        });
        Self {
            stream_cursor: Cursor::in_stream(queue_of(queue.id), counts.stream_at),
            since,
            waiting: counts.waiting,
            longest_wait_seconds: counts.first_since.map(|since| (app.clock.now() - since).num_seconds().max(0)),
            in_service: counts.in_service,
            accepted: counts.accepted,
            abandoned: counts.abandoned,
            service_level,
        }
    }
}

/// The start of a period that somebody asks for, or of the usual one.
#[must_use]
pub fn begin(app: &App, since: Option<DateTime<Utc>>) -> DateTime<Utc> {
    since.unwrap_or_else(|| app.clock.now() - USUAL_PERIOD)
}

/// Refuses a period that reaches back too far.
pub fn check(app: &App, since: Option<DateTime<Utc>>) -> Result<()> {
    if begin(app, since) < app.clock.now() - LONGEST_PERIOD {
        return Err(Error::invalid("since", format!("At most {} days back.", LONGEST_PERIOD.num_days())));
    }
    Ok(())
}

/// Counts some queues in one statement; what has happened since a time.
pub async fn of(db: &impl ConnectionTrait, queues: &[QueueId], since: DateTime<Utc>) -> Result<Vec<Counts>, DbErr> {
    let kind = StreamKind::Queue.code();
    let mut sql = Sql::new(&format!(
        "SELECT q.id AS queue_id, \
         COALESCE((SELECT s.last_sequence FROM stream s WHERE s.kind = {kind} AND s.owner_id = q.id), 0) AS stream_at, \
         (SELECT count(*) FROM task t WHERE t.queue_id = q.id AND t.status < 3) AS waiting, \
         (SELECT min(t.enqueued_at) FROM task t WHERE t.queue_id = q.id AND t.status < 3) AS first_since, \
         (SELECT count(*) FROM task t WHERE t.queue_id = q.id AND t.status IN (3, 4, 5)) AS in_service, "
    ));
    accepted(&mut sql, since);
    sql.push(") AS accepted, ");
    accepted(&mut sql, since);
    sql.push(" AND o.ended_at <= o.due_at) AS accepted_in_time, ");
    sql.push("(SELECT count(*) FROM task t WHERE t.queue_id = q.id AND t.status = 8 AND t.ended_at >= ");
    sql.bind(since);
    sql.push(") AS abandoned FROM queue q WHERE q.id IN ");
    sql.bind_list(queues);
    sql.all(db).await
}

fn accepted(sql: &mut Sql, since: DateTime<Utc>) {
    sql.push(
        "(SELECT count(*) FROM offer o WHERE o.queue_id = q.id AND o.status = 2 AND o.kind < 3 AND o.ended_at >= ",
    );
    sql.bind(since);
}
