//! How a queue is doing: what waits, what is talked about, and what became of what came. Everything is counted from the rows,
//! by indexes, so it equals what the log tells.

use async_graphql::SimpleObject;
use chrono::{DateTime, Duration, Utc};
use entity::{id::QueueId, queue};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{
    app::App,
    database::sql::Sql,
    error::{Error, Result},
    events::{
        cursor::{Cursor, queue_of},
        log,
    },
};

/// How far back is counted where nothing is said, and at most.
pub const USUAL_PERIOD: Duration = Duration::hours(24);
pub const LONGEST_PERIOD: Duration = Duration::days(31);

/// The counts of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Counts {
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

/// The start of a period that somebody asks for.
pub fn period(app: &App, since: Option<DateTime<Utc>>) -> Result<DateTime<Utc>> {
    let now = app.clock.now();
    let since = since.unwrap_or(now - USUAL_PERIOD);
    if since < now - LONGEST_PERIOD {
        return Err(Error::invalid("since", format!("At most {} days back.", LONGEST_PERIOD.num_days())));
    }
    Ok(since)
}

/// How a queue is doing, for supervisors.
pub async fn show(app: &App, queue: &queue::Model, since: DateTime<Utc>) -> Result<QueueCounts> {
    let stream = queue_of(queue.id);
    let at = log::extent(app.db.read(), stream).await?.last;
    let counts = of(app.db.read(), queue, since).await?;
    let all = counts.accepted + counts.abandoned;
    let service_level = (queue.service_level_seconds.is_some() && all > 0).then(|| {
        #[expect(clippy::cast_precision_loss, reason = "counts of a month")]
        let part = counts.accepted_in_time as f64 / all as f64;
        part
    });
    Ok(QueueCounts {
        stream_cursor: Cursor::in_stream(stream, at),
        since,
        waiting: counts.waiting,
        longest_wait_seconds: counts.first_since.map(|since| (app.clock.now() - since).num_seconds().max(0)),
        in_service: counts.in_service,
        accepted: counts.accepted,
        abandoned: counts.abandoned,
        service_level,
    })
}

/// Counts a queue; what has happened since a time.
pub async fn of(db: &impl ConnectionTrait, queue: &queue::Model, since: DateTime<Utc>) -> Result<Counts, DbErr> {
    let mut sql = Sql::new("SELECT (SELECT count(*) FROM task WHERE status < 3 AND queue_id = ");
    sql.bind(queue.id);
    sql.push(") AS waiting, (SELECT min(enqueued_at) FROM task WHERE status < 3 AND queue_id = ");
    sql.bind(queue.id);
    sql.push(") AS first_since, (SELECT count(*) FROM task WHERE status IN (3, 4, 5) AND queue_id = ");
    sql.bind(queue.id);
    sql.push(") AS in_service, ");
    accepted(&mut sql, queue.id, since);
    sql.push(") AS accepted, ");
    accepted(&mut sql, queue.id, since);
    sql.push(
        " AND ended_at <= due_at) AS accepted_in_time, (SELECT count(*) FROM task WHERE status = 8 AND queue_id = ",
    );
    sql.bind(queue.id);
    sql.push(" AND ended_at >= ");
    sql.bind(since);
    sql.push(") AS abandoned");
    Ok(sql.all(db).await?.pop().unwrap_or_default())
}

fn accepted(sql: &mut Sql, queue: QueueId, since: DateTime<Utc>) {
    sql.push("(SELECT count(*) FROM offer WHERE status = 2 AND kind < 3 AND queue_id = ");
    sql.bind(queue);
    sql.push(" AND ended_at >= ");
    sql.bind(since);
}
