//! How long a customer still waits: how many stand before them, and what others have waited of late.

use std::{pin::pin, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use entity::id::{QueueId, TaskId};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use futures_util::StreamExt as _;
use tokio::sync::watch;

use crate::{
    app::App,
    database::sql::Sql,
    events::{
        boards::{Board, Shown},
        cursor::queue_of,
        follow::Followed,
    },
};

/// How far back is looked for what others have waited.
const LOOK_BACK: Duration = Duration::minutes(60);
/// By how much the waits of one minute may differ, in parts of their mean, for the minute to tell anything.
const MOST_DEVIATION: f64 = 0.15;
/// Which part of the minutes in which somebody was served must tell something.
const LEAST_VALID: f64 = 0.8;

#[derive(FromQueryResult)]
struct Standing {
    id: TaskId,
}

/// The tasks that wait in a queue, or are held out to an agent, in the order in which they will be served.
pub async fn order(db: &impl ConnectionTrait, queue: QueueId) -> Result<Vec<TaskId>, DbErr> {
    let mut sql = Sql::new("SELECT id FROM task WHERE queue_id = ");
    sql.bind(queue);
    sql.push(" AND status < 3 ORDER BY priority, enqueued_at, id");
    let standing: Vec<Standing> = sql.all(db).await?;
    Ok(standing.into_iter().map(|task| task.id).collect())
}

/// How many tasks wait in a queue, those included that are held out to an agent, and since when the first of them.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct Line {
    pub queue_id: QueueId,
    pub count: i64,
    pub first: DateTime<Utc>,
}

/// Who waits in some queues; those in which nobody waits are left out.
pub async fn lines(db: &impl ConnectionTrait, queues: &[QueueId]) -> Result<Vec<Line>, DbErr> {
    let mut sql =
        Sql::new("SELECT queue_id, count(*) AS count, min(enqueued_at) AS first FROM task WHERE queue_id IN ");
    sql.bind_list(queues);
    sql.push(" AND status < 3 GROUP BY queue_id");
    sql.all(db).await
}

#[derive(FromQueryResult)]
struct Stands {
    id: TaskId,
    place: i64,
}

/// Which places some tasks have in their queues, from 1; those that wait no more are left out.
pub async fn positions(db: &impl ConnectionTrait, tasks: &[TaskId]) -> Result<Vec<(TaskId, i64)>, DbErr> {
    let mut sql = Sql::new(
        "SELECT t.id, (SELECT count(*) FROM task w WHERE w.queue_id = t.queue_id AND w.status < 3 \
         AND (w.priority, w.enqueued_at, w.id) <= (t.priority, t.enqueued_at, t.id)) AS place FROM task t WHERE t.id IN ",
    );
    sql.bind_list(tasks);
    sql.push(" AND t.status < 3");
    let standing: Vec<Stands> = sql.all(db).await?;
    Ok(standing.into_iter().map(|task| (task.id, task.place)).collect())
}

/// Between two looks at a queue that goes on changing.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// Shows how long those in a queue still wait, now and whenever it changes.
pub fn look(app: &App, queue: QueueId) -> watch::Receiver<Arc<Board>> {
    app.boards.look(queue.0, |shown| {
        tokio::spawn(app.shutdown.clone().run_until_cancelled_owned(keep(app.clone(), queue, shown)));
    })
}

async fn keep(app: App, queue: QueueId, shown: Arc<Shown>) {
    let mut changes = pin!(app.follow(queue_of(queue), None));
    // Ends when nobody looks any more, or the log does not go on: whoever looks next begins anew.
    while !app.boards.is_left(queue.0, &shown) {
        match tokio::time::timeout(LOOK_EVERY, changes.next()).await {
            Ok(Some(Ok(Followed::Started(_) | Followed::Entry(_)))) | Err(_) => {}
            Ok(_) => break,
        }
        match board(&app, queue).await {
            Ok(board) => {
                shown.send_if_modified(|now| {
                    let new = **now != board;
                    *now = Arc::new(board);
                    new
                });
            }
            Err(error) => tracing::warn!(cause = %error, "a queue could not be read; it will be tried again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How long a board stays as it is while its queue does not change: the estimate moves with time.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(15);

async fn board(app: &App, queue: QueueId) -> Result<Board, DbErr> {
    let standing = order(app.db.read(), queue).await?;
    let places = standing.into_iter().zip(1..).map(|(task, place)| (task.0, place)).collect();
    let estimate = estimates(app.db.read(), &[queue], app.clock.now()).await?.pop();
    Ok(Board { places, estimate: estimate.map(|(_, wait)| wait.num_seconds()) })
}

#[derive(FromQueryResult)]
struct Served {
    queue_id: QueueId,
    enqueued_at: DateTime<Utc>,
    accepted_at: DateTime<Utc>,
}

/// How long one may have to wait in some queues; those are left out of which too little is known.
pub async fn estimates(
    db: &impl ConnectionTrait,
    queues: &[QueueId],
    now: DateTime<Utc>,
) -> Result<Vec<(QueueId, Duration)>, DbErr> {
    let mut sql = Sql::new("SELECT t.queue_id, t.enqueued_at, t.accepted_at FROM task t WHERE t.queue_id IN ");
    sql.bind_list(queues);
    sql.push(" AND t.accepted_at > ");
    sql.bind(now - LOOK_BACK);
    // What was accepted more than once since it began to wait came back from an agent who left for ever: it kept its place,
    // and was talked about in between.
    sql.push(
        " AND (SELECT count(*) FROM offer o WHERE o.task_id = t.id AND o.status = 2 AND o.kind < 3 \
         AND o.ended_at >= t.enqueued_at) <= 1",
    );
    let served: Vec<Served> = sql.all(db).await?;
    let estimate = |queue: &QueueId| {
        let there = served.iter().filter(|served| served.queue_id == *queue);
        mean(there.map(|served| (served.accepted_at, served.accepted_at - served.enqueued_at)))
    };
    Ok(queues.iter().filter_map(|queue| Some((*queue, estimate(queue)?))).collect())
}

/// The mean of the means of each minute, of those minutes whose waits lie close together.
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
    (deviation <= mean * MOST_DEVIATION).then_some(mean)
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
        // One minute of two in which waits differ widely.
        assert_eq!(waits(&[(1, 10), (1, 100), (2, 60)]), None);
        // One of five is let go.
        assert_eq!(waits(&[(1, 10), (1, 100), (2, 60), (3, 60), (4, 60), (5, 60)]), Some(60));
    }
}
