//! Retention: removes old events from the front of each stream and never from its middle. The counters keep the last
//! pruned number, so that a subscriber behind it gets a resync.

use std::time::Duration;

use entity::event;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::sequencer;
use crate::{
    background::Runner,
    clock::Clock,
    database::{Database, sql::Sql},
};

const EVERY: Duration = Duration::from_secs(60);
/// The events that one transaction removes.
const BATCH: u64 = 500;

/// Prunes once a minute, on one of all instances, until the instance stops.
pub async fn run(runner: &Runner, db: &Database, clock: &Clock, retention: Duration) {
    let prune = || async move { Ok(prune(db, clock, retention).await.map(drop)?) };
    runner.run_every("event retention", EVERY, prune).await;
}

/// Removes all events older than `retention` and returns their number. Sequences the waiting events first.
pub async fn prune(db: &Database, clock: &Clock, retention: Duration) -> Result<usize, DbErr> {
    let retention = chrono::Duration::from_std(retention).unwrap_or(chrono::Duration::MAX);
    let Some(border) = clock.now().checked_sub_signed(retention) else { return Ok(0) };
    // Without a position, the removed event would leave no trace for clients that pull, so it gets a position first.
    sequencer::drain(db).await?;
    let mut removed = 0;
    loop {
        let numbers: Vec<i64> = event::Entity::find()
            .select_only()
            .column(event::Column::Number)
            .filter(event::Column::OccurredAt.lt(border))
            .order_by_asc(event::Column::OccurredAt)
            .order_by_asc(event::Column::Number)
            .limit(BATCH)
            .into_tuple()
            .all(db.read())
            .await?;
        if numbers.is_empty() {
            return Ok(removed);
        }
        let tx = db.begin().await?;
        forget(&tx, &numbers).await?;
        tx.commit().await?;
        removed += numbers.len();
    }
}

/// Removes events. Moves the pruned numbers first and deletes everything before them, so that no stream gets a gap.
async fn forget(tx: &impl ConnectionTrait, numbers: &[i64]) -> Result<(), DbErr> {
    let mut sql = Sql::new(
        "UPDATE log_head SET pruned_position = gone.position FROM (SELECT max(position) AS position FROM event_entry \
         WHERE event_number IN ",
    );
    sql.bind_list(numbers);
    sql.push(") AS gone WHERE gone.position > pruned_position");
    sql.run(tx).await?;
    let mut sql = Sql::new(
        "UPDATE stream SET pruned_sequence = gone.sequence FROM (SELECT stream_kind, owner_id, max(sequence) AS sequence \
         FROM event_entry WHERE event_number IN ",
    );
    sql.bind_list(numbers);
    sql.push(
        " GROUP BY stream_kind, owner_id) AS gone WHERE stream.kind = gone.stream_kind \
         AND stream.owner_id = gone.owner_id AND gone.sequence > stream.pruned_sequence",
    );
    sql.run(tx).await?;
    let mut sql = Sql::new("DELETE FROM event_entry WHERE event_number IN ");
    sql.bind_list(numbers);
    sql.run(tx).await?;
    let mut sql = Sql::new("DELETE FROM event WHERE number IN ");
    sql.bind_list(numbers);
    sql.run(tx).await?;
    Ok(())
}
