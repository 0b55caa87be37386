//! Gives committed events their global position. Whoever sequences holds the head of the log locked, so positions are
//! given once and in order, by any instance; an event that commits late gets a later position, so nothing is skipped.

use std::{sync::Arc, time::Duration};

use entity::log_head;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QuerySelect};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::log::Extent;
use crate::database::{Database, sql::Sql};

/// How many events one transaction sequences.
const BATCH: i64 = 500;

/// Sequences whenever it is woken, and after each `poll` without being woken; says so by `sequenced`.
pub(crate) async fn run(
    db: Database,
    wake: Arc<Notify>,
    poll: Duration,
    sequenced: impl Fn(),
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tokio::time::timeout(poll, wake.notified()) => {}
        }
        match drain(&db).await {
            Ok(true) => sequenced(),
            Ok(false) => {}
            Err(error) => tracing::warn!(cause = %error, "the log could not be sequenced; it will be tried again"),
        }
    }
}

/// Sequences until nothing is left; whether there was anything.
pub async fn drain(db: &Database) -> Result<bool, DbErr> {
    let mut any = false;
    // A cheap look first: on SQLite it spares the writer, on PostgreSQL the lock.
    while waiting(db.read()).await? {
        step(db).await?;
        any = true;
    }
    Ok(any)
}

async fn waiting(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    // The column and the order are those of the index of what waits. Asked for nothing but a row, SQLite takes an index that
    // holds every entry there is, as long as it has no statistics.
    let sql = "SELECT event_number FROM event_entry WHERE position IS NULL ORDER BY event_number LIMIT 1";
    Ok(Sql::new(sql).one(db).await?.is_some())
}

#[derive(FromQueryResult)]
struct Given {
    position: i64,
}

/// Sequences one batch. An event that stands in several streams gets one position. Within the batch the order is that of
/// the event numbers, which agrees with the order of every stream.
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
        // The entries of an event get their position together, so none of them has one yet. To ask for that here would lead
        // PostgreSQL to look through everything that waits for each event, once little has waited when it last counted.
        ") AS waiting) AS given WHERE event_entry.event_number = given.event_number \
         RETURNING event_entry.position AS position",
    );
    let given: Vec<Given> = sql.all(&tx).await?;
    if let Some(last) = given.iter().map(|row| row.position).max() {
        let mut sql = Sql::new("UPDATE log_head SET position = ");
        sql.bind(last);
        sql.push(" WHERE id = 1");
        sql.run(&tx).await?;
    }
    tx.commit().await
}

/// How far the global order reaches, and from where it can still be read.
pub async fn extent(db: &impl ConnectionTrait) -> Result<Extent, DbErr> {
    let head = log_head::Entity::find_by_id(1_i16).one(db).await?;
    Ok(head.map(|head| Extent { last: head.position, pruned: head.pruned_position }).unwrap_or_default())
}
