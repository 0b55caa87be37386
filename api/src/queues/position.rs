//! Queue positions and estimated waits. The position counts the tasks ahead. The estimate uses the waits of tasks that
//! were accepted recently.

use std::{pin::pin, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use entity::{
    id::{QueueId, TaskId},
    offer::{ACCEPTED, HANDS_OVER, OfferKind, PENDING},
    task::WAITING,
};
use futures_util::StreamExt as _;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use tokio::sync::watch;

use crate::{
    app::App,
    database::sql::Sql,
    events::{
        cursor::queue_of,
        shared_views::{SharedView, SharedViewSender},
        subscribe::StreamItem,
    },
};

/// The period whose accepted tasks the estimate uses.
const LOOK_BACK: Duration = Duration::minutes(60);
/// Maximum standard deviation of the waits of one minute, relative to their mean. Other minutes are not used.
const MAX_DEVIATION: f64 = 0.15;
/// Minimum share of the minutes with accepted tasks that must be usable.
const LEAST_VALID: f64 = 0.8;

#[derive(FromQueryResult)]
struct QueuedRow {
    id: TaskId,
}

/// Returns the tasks that wait in a queue or are on offer to an agent, in the order of service.
pub async fn queued_tasks(db: &impl ConnectionTrait, queue: QueueId) -> Result<Vec<TaskId>, DbErr> {
    let mut sql = Sql::new("SELECT id FROM task WHERE queue_id = ");
    sql.bind(queue);
    sql.push(&format!(" AND status {WAITING} ORDER BY priority, enqueued_at, id"));
    let standing: Vec<QueuedRow> = sql.all(db).await?;
    Ok(standing.into_iter().map(|task| task.id).collect())
}

/// The waiting tasks of a queue at one moment, including tasks on offer to an agent.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct QueueSnapshot {
    /// The queue's id.
    pub queue_id: QueueId,
    /// The number of waiting tasks.
    pub count: i64,
    /// The time since which the first task waits.
    pub first: DateTime<Utc>,
}

/// Returns the snapshots of several queues. Queues without waiting tasks are left out.
pub async fn queue_snapshots(db: &impl ConnectionTrait, queues: &[QueueId]) -> Result<Vec<QueueSnapshot>, DbErr> {
    let mut sql =
        Sql::new("SELECT queue_id, count(*) AS count, min(enqueued_at) AS first FROM task WHERE queue_id IN ");
    sql.bind_list(queues);
    sql.push(&format!(" AND status {WAITING} GROUP BY queue_id"));
    sql.all(db).await
}

#[derive(FromQueryResult)]
struct PositionRow {
    id: TaskId,
    place: i64,
}

/// Returns the positions of tasks in their queues, beginning with 1. Left out are tasks that no longer wait, and those
/// that a transfer offers to one agent.
pub async fn positions(db: &impl ConnectionTrait, tasks: &[TaskId]) -> Result<Vec<(TaskId, i64)>, DbErr> {
    let mut sql = Sql::new(&format!(
        "SELECT t.id, (SELECT count(*) FROM task w WHERE w.queue_id = t.queue_id AND w.status {WAITING} \
         AND (w.priority, w.enqueued_at, w.id) <= (t.priority, t.enqueued_at, t.id)) AS place FROM task t WHERE t.id IN ",
    ));
    sql.bind_list(tasks);
    sql.push(&format!(
        " AND t.status {WAITING} AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.task_id = t.id AND o.status {PENDING} \
         AND o.kind = "
    ));
    sql.bind(OfferKind::Transfer);
    sql.push(")");
    let standing: Vec<PositionRow> = sql.all(db).await?;
    Ok(standing.into_iter().map(|task| (task.id, task.place)).collect())
}

/// The pause between two readings of a queue that keeps changing.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// Watches the positions and the estimated wait of a queue. All watchers of an instance share one view.
pub fn watch_queue(app: &App, queue: QueueId) -> watch::Receiver<Arc<SharedView>> {
    app.shared_views.watch(queue.0, |shown| {
        tokio::spawn(app.shutdown.clone().run_until_cancelled_owned(refresh_until_unwatched(
            app.clone(),
            queue,
            shown,
        )));
    })
}

async fn refresh_until_unwatched(app: App, queue: QueueId, shown: Arc<SharedViewSender>) {
    let mut changes = pin!(app.follow(queue_of(queue), None));
    // The loop ends when the view has no subscriber or the log fails. The next subscriber starts a new one.
    while !app.shared_views.is_unwatched(queue.0, &shown) {
        match tokio::time::timeout(LOOK_EVERY, changes.next()).await {
            Ok(Some(Ok(StreamItem::Started(_) | StreamItem::Entry(_)))) | Err(_) => {}
            Ok(_) => break,
        }
        match compute_view(&app, queue).await {
            Ok(compute_view) => {
                shown.send_if_modified(|now| {
                    let new = **now != compute_view;
                    *now = Arc::new(compute_view);
                    new
                });
            }
            Err(error) => tracing::warn!(cause = %error, "the queue could not be read and will be tried again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The interval between readings of a queue without changes. The estimate changes with time alone.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(15);

async fn compute_view(app: &App, queue: QueueId) -> Result<SharedView, DbErr> {
    let standing = queued_tasks(app.db.read(), queue).await?;
    let places = standing.into_iter().zip(1..).map(|(task, place)| (task.0, place)).collect();
    let estimate = estimated_waits(app.db.read(), &[queue], app.clock.now()).await?.pop();
    Ok(SharedView { places, estimate: estimate.map(|(_, wait)| wait.num_seconds()) })
}

#[derive(FromQueryResult)]
struct AcceptedWait {
    queue_id: QueueId,
    enqueued_at: DateTime<Utc>,
    accepted_at: DateTime<Utc>,
}

/// Returns the estimated waits in several queues. Queues with too few steady waits are left out.
pub async fn estimated_waits(
    db: &impl ConnectionTrait,
    queues: &[QueueId],
    now: DateTime<Utc>,
) -> Result<Vec<(QueueId, Duration)>, DbErr> {
    let mut sql = Sql::new("SELECT t.queue_id, t.enqueued_at, t.accepted_at FROM task t WHERE t.queue_id IN ");
    sql.bind_list(queues);
    sql.push(" AND t.accepted_at > ");
    sql.bind(now - LOOK_BACK);
    // A task that was accepted more than once came back from an agent who left for ever. It kept its position, so its
    // wait includes a conversation.
    sql.push(&format!(
        " AND (SELECT count(*) FROM offer o WHERE o.task_id = t.id AND o.status {ACCEPTED} AND o.kind {HANDS_OVER} \
         AND o.ended_at >= t.enqueued_at) <= 1",
    ));
    let served: Vec<AcceptedWait> = sql.all(db).await?;
    let estimate = |queue: &QueueId| {
        let there = served.iter().filter(|served| served.queue_id == *queue);
        mean(there.map(|served| (served.accepted_at, served.accepted_at - served.enqueued_at)))
    };
    Ok(queues.iter().filter_map(|queue| Some((*queue, estimate(queue)?))).collect())
}

/// Returns the mean of the means of all minutes with steady waits. None when too few minutes are steady.
fn mean(waits: impl Iterator<Item = (DateTime<Utc>, Duration)>) -> Option<Duration> {
    let mut minutes: std::collections::BTreeMap<i64, Vec<f64>> = std::collections::BTreeMap::new();
    for (at, waited) in waits {
        minutes.entry(at.timestamp().div_euclid(60)).or_default().push(waited.num_milliseconds().max(0) as f64);
    }
    let all = minutes.len() as f64;
    let valid: Vec<f64> = minutes.into_values().filter_map(|waits| steady_mean(&waits)).collect();
    if valid.is_empty() || (valid.len() as f64) < all * LEAST_VALID {
        return None;
    }
    let mean = valid.iter().sum::<f64>() / valid.len() as f64;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of an hour")]
    Some(Duration::milliseconds(mean.round() as i64))
}

fn steady_mean(waits: &[f64]) -> Option<f64> {
    let count = waits.len() as f64;
    let mean = waits.iter().sum::<f64>() / count;
    let deviation = (waits.iter().map(|wait| (wait - mean).powi(2)).sum::<f64>() / count).sqrt();
    (deviation <= mean * MAX_DEVIATION).then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::{DateTime, Duration, mean};

    fn waits(seconds: &[(i64, i64)]) -> Option<i64> {
        let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap_or_default();
        mean(seconds.iter().map(|(minute, wait)| (at(*minute), Duration::seconds(*wait))))
            .map(|mean| mean.num_seconds())
    }

    #[test]
    fn the_estimate_is_the_mean_of_steady_minutes_and_none_where_most_are_not() {
        assert_eq!(waits(&[]), None);
        assert_eq!(waits(&[(1, 30)]), Some(30));
        assert_eq!(waits(&[(1, 30), (1, 32), (2, 60)]), Some(45));
        // The waits of one minute in two differ widely.
        assert_eq!(waits(&[(1, 10), (1, 100), (2, 60)]), None);
        // One minute in five is left out.
        assert_eq!(waits(&[(1, 10), (1, 100), (2, 60), (3, 60), (4, 60), (5, 60)]), Some(60));
    }
}
