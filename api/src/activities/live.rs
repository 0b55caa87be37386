//! Activities as they happen, and what was missed: each with the position in the global order from which to go on.

use std::collections::HashSet;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use entity::{activity, contact::List, id::UserId, user::UserStatus};
use futures_util::Stream as FuturesStream;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use tokio::sync::broadcast::error::RecvError;

use super::records;
use crate::{
    app::App,
    database::sql::Sql,
    error::{Error, Result},
    events::{
        follow::{AHEAD, PRUNED, insist},
        log::{self, Entry},
        positions::BATCH,
        sequencer,
    },
};

/// What a follower is told.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The first item: the position after which it begins.
    Started(i64),
    /// An activity that was posted or removed, and its position.
    Entry(Box<Entry>, i64),
    /// The last item: the log does not continue from where the follower stood.
    Resync { at: i64, reason: &'static str },
}

/// Follows the activities that a person may see, after a position or from now on.
pub fn follow(app: App, viewer: UserId, after: Option<i64>) -> impl FuturesStream<Item = Result<Seen>> {
    try_stream! {
        let mut batches = app.positions.attach();
        let extent = insist(|| sequencer::extent(app.db.read())).await?;
        let mut at = after.unwrap_or(extent.last);
        yield Seen::Started(at);
        if at < extent.pruned && after.is_some() || at > extent.last {
            let reason = if at > extent.last { AHEAD } else { PRUNED };
            yield Seen::Resync { at: extent.last, reason };
            return;
        }
        let mut behind = extent.last;
        loop {
            // What no batch will bring, from the log.
            while at < behind {
                let (entries, to) = insist(|| log::activities(app.db.read(), at, behind, BATCH)).await?;
                let pruned = insist(|| sequencer::extent(app.db.read())).await?.pruned;
                if at < pruned {
                    yield Seen::Resync { at: behind, reason: PRUNED };
                    return;
                }
                let now = app.clock.now();
                let rows = entries.iter().map(read).collect::<Result<Vec<_>>>()?;
                let near = insist(|| near(app.db.read(), viewer, &rows)).await?;
                for (entry, row) in entries.into_iter().zip(rows) {
                    // Most are of nobody whom the viewer knows.
                    if !records::authors(&row).iter().any(|(author, _)| near.contains(author)) {
                        continue;
                    }
                    let seen = insist(|| audience(app.db.read(), &row, Some(viewer), now)).await?;
                    if let (true, Some(position)) = (seen.contains(&viewer), entry.position) {
                        yield Seen::Entry(Box::new(entry), position);
                    }
                }
                at = to;
            }
            match batches.recv().await {
                Ok(batch) if batch.to <= at => {}
                Ok(batch) if batch.from <= at => {
                    for told in &batch.entries {
                        let Some(position) = told.entry.position.filter(|position| *position > at) else { continue };
                        let who = async || {
                            let row = read(&told.entry)?;
                            insist(|| audience(app.db.read(), &row, None, app.clock.now())).await
                        };
                        if told.audience.get_or_try_init(who).await?.contains(&viewer) {
                            yield Seen::Entry(Box::new(told.entry.clone()), position);
                        }
                    }
                    at = batch.to;
                }
                Ok(batch) => behind = batch.to,
                Err(RecvError::Lagged(_)) => behind = insist(|| sequencer::extent(app.db.read())).await?.last,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

/// The activity that an entry of the log is about.
pub fn read(entry: &Entry) -> Result<activity::Model> {
    serde_json::from_value(entry.payload.clone()).map_err(Error::internal)
}

/// Of those whose activities these are, the ones whom a person is connected with or follows, and the person.
async fn near(db: &impl ConnectionTrait, viewer: UserId, rows: &[activity::Model]) -> Result<HashSet<UserId>, DbErr> {
    let mut authors: Vec<UserId> = rows.iter().flat_map(records::authors).map(|(author, _)| author).collect();
    authors.sort_unstable();
    authors.dedup();
    let mut sql = Sql::new("SELECT c.user_id AS owner_id FROM contact c WHERE c.list IN (");
    sql.bind(List::Connections);
    sql.push(", ");
    sql.bind(List::Following);
    sql.push(") AND c.owner_id = ");
    sql.bind(viewer);
    sql.push(" AND c.user_id IN ");
    sql.bind_list(&authors);
    let known: Vec<Seer> = sql.all(db).await?;
    Ok(known.into_iter().map(|known| known.owner_id).chain([viewer]).collect())
}

#[derive(FromQueryResult)]
struct Seer {
    owner_id: UserId,
}

/// Who may see an activity in their feed; or whether one person may.
pub async fn audience(
    db: &impl ConnectionTrait,
    row: &activity::Model,
    only: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<HashSet<UserId>, DbErr> {
    let mut sql = Sql::default();
    for (author, other) in records::authors(row) {
        sql.push(if sql.is_empty() { "" } else { " UNION " });
        sql.push("SELECT c.owner_id FROM contact c WHERE c.user_id = ");
        sql.bind(author);
        sql.push(" AND c.list IN (");
        sql.bind(List::Connections);
        sql.push(", ");
        sql.bind(if row.connections_only { List::Connections } else { List::Following });
        sql.push(") AND NOT EXISTS (SELECT 1 FROM contact q WHERE q.user_id = c.user_id AND q.list = ");
        sql.bind(List::MutedInFeed);
        sql.push(" AND q.owner_id = c.owner_id AND (q.until IS NULL OR q.until > ");
        sql.bind(now);
        sql.push("))");
        write_unblocked(&mut sql, "c.owner_id", other, only);
        // The author sees it too.
        sql.push(" UNION SELECT u.id AS owner_id FROM \"user\" u WHERE u.id = ");
        sql.bind(author);
        write_unblocked(&mut sql, "u.id", other, only);
    }
    let seers: Vec<Seer> = sql.all(db).await?;
    Ok(seers.into_iter().map(|seer| seer.owner_id).collect())
}

/// Leaves out those who block the other person, and everybody when that person takes no part.
fn write_unblocked(sql: &mut Sql, seer: &str, other: Option<UserId>, only: Option<UserId>) {
    if let Some(only) = only {
        sql.push(&format!(" AND {seer} = "));
        sql.bind(only);
    }
    let Some(other) = other else { return };
    sql.push(&format!(" AND NOT EXISTS (SELECT 1 FROM contact b WHERE b.owner_id = {seer} AND b.list = "));
    sql.bind(List::Blocked);
    sql.push(" AND b.user_id = ");
    sql.bind(other);
    sql.push(") AND EXISTS (SELECT 1 FROM \"user\" o WHERE o.id = ");
    sql.bind(other);
    sql.push(" AND o.status = ");
    sql.bind(UserStatus::Active);
    sql.push(")");
}
