//! How long a customer still waits: how many stand before them, and what others have waited of late.

use std::{pin::pin, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use entity::{
    id::{QueueId, TaskId},
    task::{self, TaskStatus},
};
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

/// How many seconds the task has waited that has waited longest.
pub async fn longest(app: &App, queue: QueueId) -> Result<Option<i64>, DbErr> {
    let mut sql = Sql::new("SELECT min(enqueued_at) AS first FROM task WHERE queue_id = ");
    sql.bind(queue);
    sql.push(" AND status < 3");
    let Some(row) = sql.one(app.db.read()).await? else { return Ok(None) };
    let first: Option<DateTime<Utc>> = row.try_get("", "first")?;
    Ok(first.map(|first| (app.clock.now() - first).num_seconds().max(0)))
}

/// Which place a task has in its queue, from 1; none once it waits no more.
pub async fn position(db: &impl ConnectionTrait, task: &task::Model) -> Result<Option<i64>, DbErr> {
    if !matches!(task.status, TaskStatus::Queued | TaskStatus::Offered) {
        return Ok(None);
    }
    let mut sql = Sql::new("SELECT count(*) AS count FROM task WHERE queue_id = ");
    sql.bind(task.queue_id);
    sql.push(" AND status < 3 AND (priority, enqueued_at, id) <= (");
    sql.bind(task.priority);
    sql.push(", ");
    sql.bind(task.enqueued_at);
    sql.push(", ");
    sql.bind(task.id);
    sql.push(")");
    sql.one(db).await?.map(|row| row.try_get("", "count")).transpose()
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
    let estimate = estimate(app.db.read(), queue, app.clock.now()).await?.map(|wait| wait.num_seconds());
    Ok(Board { places, estimate })
}

#[derive(FromQueryResult)]
struct Served {
    enqueued_at: DateTime<Utc>,
    accepted_at: DateTime<Utc>,
}

/// How long one may have to wait in a queue; none where too little is known.
pub async fn estimate(
    db: &impl ConnectionTrait,
    queue: QueueId,
    now: DateTime<Utc>,
) -> Result<Option<Duration>, DbErr> {
    let mut sql = Sql::new("SELECT enqueued_at, accepted_at FROM task WHERE queue_id = ");
    sql.bind(queue);
    sql.push(" AND accepted_at > ");
    sql.bind(now - LOOK_BACK);
    sql.push(" ORDER BY accepted_at");
    let served: Vec<Served> = sql.all(db).await?;
    Ok(mean(served.iter().map(|served| (served.accepted_at, served.accepted_at - served.enqueued_at))))
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
