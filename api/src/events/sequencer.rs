//! The sequencer: gives committed events their positions in the global feed. It locks the head of the log, so any
//! instance can do it and each position is given once and in order. An event that commits late gets a later position,
//! so no event is skipped.

use std::time::Duration;

use entity::log_head;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QuerySelect};
use tokio::sync::Notify;

use super::log::StreamBounds;
use crate::{
    background::{Next, Runner, Work},
    database::{Database, sql::Sql},
};

/// The events that one transaction sequences.
const BATCH: i64 = 500;

/// Sequences after each wake-up and after each `poll` without one. Calls `sequenced` when it gave positions.
pub(crate) async fn run(runner: &Runner, db: &Database, wake: &Notify, poll: Duration, sequenced: impl Fn()) {
    let sequenced = &sequenced;
    let step = || async move {
        if drain(db).await? {
            sequenced();
        }
        Ok(Next::Idle)
    };
    runner.run(Work { name: "sequencing", longest_sleep: poll, wake }, step).await;
}

/// Sequences until no event waits. Returns true if any event waited.
pub async fn drain(db: &Database) -> Result<bool, DbErr> {
    let mut any = false;
    // The check is cheap: it saves the writer of SQLite and the lock of PostgreSQL.
    while waiting(db.read()).await? {
        step(db).await?;
        any = true;
    }
    Ok(any)
}

async fn waiting(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    // The column and the order fit the index over waiting entries. With a plain existence check and no statistics,
    // SQLite picks an index that contains all entries.
    let sql = "SELECT event_number FROM event_entry WHERE position IS NULL ORDER BY event_number LIMIT 1";
    Ok(Sql::new(sql).one(db).await?.is_some())
}

#[derive(FromQueryResult)]
struct AssignedPosition {
    position: i64,
}

/// Sequences one batch. An event in several streams gets one position. The batch follows the event numbers, which agree
/// with the order of each stream.
async fn step(db: &Database) -> Result<(), DbErr> {
    let tx = db.begin().await?;
    let head = log_head::Entity::find_by_id(1_i16).lock_exclusive().one(&tx).await?;
    let Some(head) = head.map(|head| head.position) else {
        return Err(DbErr::RecordNotFound("log_head".to_owned()));
    };
    let mut sql = Sql::new("UPDATE event_entry SET position = given.position FROM (SELECT event_number, ");
    sql.bind(head);
    sql.push(
        " + row_number() OVER (ORDER BY event_number) AS position FROM (SELECT DISTINCT event_number FROM event_entry \
         WHERE position IS NULL ORDER BY event_number LIMIT ",
    );
    sql.bind(BATCH);
    sql.push(
        // The entries of an event get their position together, so no entry of a waiting event has one. Checking that
        // here is slow on PostgreSQL: if few entries waited at its last statistics, it scans all waiting entries for
        // each event.
        ") AS waiting) AS given WHERE event_entry.event_number = given.event_number \
         RETURNING event_entry.position AS position",
    );
    let given: Vec<AssignedPosition> = sql.all(&tx).await?;
    if let Some(last) = given.iter().map(|row| row.position).max() {
        let mut sql = Sql::new("UPDATE log_head SET position = ");
        sql.bind(last);
        sql.push(" WHERE id = 1");
        sql.run(&tx).await?;
    }
    tx.commit().await
}

/// Returns the last position of the global feed and the last pruned position.
pub async fn bounds(db: &impl ConnectionTrait) -> Result<StreamBounds, DbErr> {
    let head = log_head::Entity::find_by_id(1_i16).one(db).await?;
    Ok(head.map(|head| StreamBounds { last: head.position, pruned: head.pruned_position }).unwrap_or_default())
}
