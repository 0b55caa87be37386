//! Statistics of queues: waiting tasks, tasks with an agent, and the results of a period. All figures are counted from
//! the rows, by indexes, so they agree with the log.

use async_graphql::SimpleObject;
use chrono::{DateTime, Duration, Utc};
use entity::{
    id::QueueId,
    offer::{ACCEPTED, HANDS_OVER},
    queue,
    stream::StreamKind,
    task::{ABANDONED, IN_SERVICE, WAITING},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{
    app::App,
    database::sql::Sql,
    error::{Error, Result},
    events::cursor::{Cursor, queue_of},
    instant::Instant,
};

/// The period of statistics when a call names none.
pub const DEFAULT_PERIOD: Duration = Duration::hours(24);
/// The longest period of statistics.
pub const MAX_PERIOD: Duration = Duration::days(31);

/// The counts of a queue, and the last sequence number of its stream at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct QueueStatisticsRow {
    /// The queue's id.
    pub queue_id: QueueId,
    /// The last sequence number of the queue's stream.
    pub stream_at: i64,
    /// The number of tasks that wait or are on offer to an agent.
    pub waiting: i64,
    /// The time since which the first task waits. None when no task waits.
    pub first_since: Option<DateTime<Utc>>,
    /// The number of tasks in conversation with an agent.
    pub in_service: i64,
    /// The number of times in the period that an agent accepted a task of the queue.
    pub accepted: i64,
    /// The number of times in the period that a task was accepted within the service level of the moment.
    pub accepted_in_time: i64,
    /// The number of customers who left in the period before an agent accepted.
    pub abandoned: i64,
}

/// Figures of a queue now and over a period.
#[derive(SimpleObject)]
pub struct QueueStatistics {
    /// The position of the queue's stream before the count. `queueEvents` from there delivers all later changes.
    stream_cursor: Cursor,
    /// The start of the period.
    since: Instant,
    /// The number of waiting tasks, including tasks on offer to an agent.
    waiting: i64,
    /// The longest wait of a task in the queue, in seconds. Null when no task waits.
    longest_wait_seconds: Option<i64>,
    /// The number of tasks in conversation with an agent.
    in_service: i64,
    /// The number of times in the period that an agent accepted a task of the queue. A transferred task counts again.
    accepted: i64,
    /// The number of customers who left in the period before an agent accepted.
    abandoned: i64,
    /// The share of tasks that were accepted within the service level, from 0 to 1, among all accepted or abandoned in
    /// the period. Null when the queue has no service level, or no task was accepted or abandoned.
    service_level: Option<f64>,
}

impl QueueStatistics {
    /// Computes the statistics from the counts of a queue since a time.
    #[must_use]
    pub fn of(app: &App, queue: &queue::Model, since: DateTime<Utc>, counts: &QueueStatisticsRow) -> Self {
        let all = counts.accepted + counts.abandoned;
        let service_level = (queue.service_level_seconds.is_some() && all > 0).then(|| {
            #[expect(clippy::cast_precision_loss, reason = "counts of a month")]
            let part = counts.accepted_in_time as f64 / all as f64;
            part
        });
        Self {
            stream_cursor: Cursor::in_stream(queue_of(queue.id), counts.stream_at),
            since: Instant(since),
            waiting: counts.waiting,
            longest_wait_seconds: counts.first_since.map(|since| (app.clock.now() - since).num_seconds().max(0)),
            in_service: counts.in_service,
            accepted: counts.accepted,
            abandoned: counts.abandoned,
            service_level,
        }
    }
}

/// Returns the start of a requested period, or of the default one.
#[must_use]
pub fn period_start(app: &App, since: Option<DateTime<Utc>>) -> DateTime<Utc> {
    since.unwrap_or_else(|| app.clock.now() - DEFAULT_PERIOD)
}

/// Refuses a period that begins more than 31 days ago.
pub fn check_period(app: &App, since: Option<DateTime<Utc>>) -> Result<()> {
    if period_start(app, since) < app.clock.now() - MAX_PERIOD {
        return Err(Error::invalid("since", format!("Begin at most {} days ago.", MAX_PERIOD.num_days())));
    }
    Ok(())
}

/// Counts the figures of several queues since a time, in one statement.
pub async fn for_queues(
    db: &impl ConnectionTrait,
    queues: &[QueueId],
    since: DateTime<Utc>,
) -> Result<Vec<QueueStatisticsRow>, DbErr> {
    let kind = StreamKind::Queue.code();
    let mut sql = Sql::new(&format!(
        "SELECT q.id AS queue_id, \
         COALESCE((SELECT s.last_sequence FROM stream s WHERE s.kind = {kind} AND s.owner_id = q.id), 0) AS stream_at, \
         (SELECT count(*) FROM task t WHERE t.queue_id = q.id AND t.status {WAITING}) AS waiting, \
         (SELECT min(t.enqueued_at) FROM task t WHERE t.queue_id = q.id AND t.status {WAITING}) AS first_since, \
         (SELECT count(*) FROM task t WHERE t.queue_id = q.id AND t.status {IN_SERVICE}) AS in_service, "
    ));
    write_accepted(&mut sql, since);
    sql.push(") AS accepted, ");
    write_accepted(&mut sql, since);
    sql.push(" AND o.ended_at <= o.due_at) AS accepted_in_time, ");
    sql.push(&format!(
        "(SELECT count(*) FROM task t WHERE t.queue_id = q.id AND t.status {ABANDONED} AND t.ended_at >= "
    ));
    sql.bind(since);
    sql.push(") AS abandoned FROM queue q WHERE q.id IN ");
    sql.bind_list(queues);
    sql.all(db).await
}

fn write_accepted(sql: &mut Sql, since: DateTime<Utc>) {
    sql.push(&format!(
        "(SELECT count(*) FROM offer o WHERE o.queue_id = q.id AND o.status {ACCEPTED} AND o.kind {HANDS_OVER} \
         AND o.ended_at >= "
    ));
    sql.bind(since);
}
