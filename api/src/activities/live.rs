//! Live activities of a feed, and those that a reader missed. Each item has the position in the global order from which
//! to resume.

use std::collections::HashSet;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use entity::{activity, contact::List, id::UserId, user::UserStatus};
use futures_util::Stream as FuturesStream;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use tokio::sync::broadcast::error::RecvError;

use super::publish;
use crate::{
    app::App,
    database::sql::Sql,
    error::Result,
    events::{
        global_feed::BATCH,
        log::{self, LoggedEvent},
        reading::{AHEAD, PRUNED, retry_while_unavailable},
        sequencer,
    },
};

/// An item for a reader of the feed.
#[derive(Clone, Debug)]
pub enum FeedItem {
    /// The first item: the position after which the stream begins.
    Started(i64),
    /// An activity that was posted or removed, and its position.
    Entry(Box<LoggedEvent>, i64),
    /// The last item: the log does not continue from the reader's position.
    Resync {
        /// The end of the log.
        at: i64,
        /// The reason, for the client.
        reason: &'static str,
    },
}

/// Follows the activities that a person may see, after a position or from now on. The stream ends after `Resync`.
pub fn follow(app: App, viewer: UserId, after: Option<i64>) -> impl FuturesStream<Item = Result<FeedItem>> {
    try_stream! {
        let mut batches = app.global_feed.attach();
        let extent = retry_while_unavailable(|| sequencer::bounds(app.db.read())).await?;
        let mut at = after.unwrap_or(extent.last);
        yield FeedItem::Started(at);
        if at < extent.pruned && after.is_some() || at > extent.last {
            let reason = if at > extent.last { AHEAD } else { PRUNED };
            yield FeedItem::Resync { at: extent.last, reason };
            return;
        }
        let mut behind = extent.last;
        loop {
            // Entries that no batch will bring are read from the log.
            while at < behind {
                let (entries, to) = retry_while_unavailable(|| log::activities(app.db.read(), at, behind, BATCH)).await?;
                let pruned = retry_while_unavailable(|| sequencer::bounds(app.db.read())).await?.pruned;
                if at < pruned {
                    yield FeedItem::Resync { at: behind, reason: PRUNED };
                    return;
                }
                let now = app.clock.now();
                let (entries, rows): (Vec<_>, Vec<_>) =
                    entries.into_iter().filter_map(|entry| read(&entry).map(|row| (entry, row))).unzip();
                let near = retry_while_unavailable(|| near(app.db.read(), viewer, &rows)).await?;
                for (entry, row) in entries.into_iter().zip(rows) {
                    // Most activities belong to people whom the viewer does not know, so the cheap check comes first.
                    if !publish::authors(&row).iter().any(|(author, _)| near.contains(author)) {
                        continue;
                    }
                    let seen = retry_while_unavailable(|| audience(app.db.read(), &row, Some(viewer), now)).await?;
                    if let (true, Some(position)) = (seen.contains(&viewer), entry.position) {
                        yield FeedItem::Entry(Box::new(entry), position);
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
                            let Some(row) = read(&told.entry) else { return Ok(HashSet::new()) };
                            retry_while_unavailable(|| audience(app.db.read(), &row, None, app.clock.now())).await
                        };
                        if told.audience.get_or_try_init(who).await?.contains(&viewer) {
                            yield FeedItem::Entry(Box::new(told.entry.clone()), position);
                        }
                    }
                    at = batch.to;
                }
                Ok(batch) => behind = batch.to,
                Err(RecvError::Lagged(_)) => behind = retry_while_unavailable(|| sequencer::bounds(app.db.read())).await?.last,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

/// Returns the activity of a log entry. None for an event of another version, whose audience cannot be told.
#[must_use]
pub fn read(entry: &LoggedEvent) -> Option<activity::Model> {
    entry.kind.0.and_then(|_| entry.subject())
}

/// Returns the authors of these activities whom a person is connected with or follows, and the person.
async fn near(db: &impl ConnectionTrait, viewer: UserId, rows: &[activity::Model]) -> Result<HashSet<UserId>, DbErr> {
    let mut authors: Vec<UserId> = rows.iter().flat_map(publish::authors).map(|(author, _)| author).collect();
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
    let known: Vec<FeedViewer> = sql.all(db).await?;
    Ok(known.into_iter().map(|known| known.owner_id).chain([viewer]).collect())
}

#[derive(FromQueryResult)]
struct FeedViewer {
    owner_id: UserId,
}

/// Returns the people who may see an activity in their feed. With `only`, it checks that one person.
pub async fn audience(
    db: &impl ConnectionTrait,
    row: &activity::Model,
    only: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<HashSet<UserId>, DbErr> {
    let mut sql = Sql::default();
    for (author, other) in publish::authors(row) {
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
        // The author may see the activity too.
        sql.push(" UNION SELECT u.id AS owner_id FROM \"user\" u WHERE u.id = ");
        sql.bind(author);
        write_unblocked(&mut sql, "u.id", other, only);
    }
    let seers: Vec<FeedViewer> = sql.all(db).await?;
    Ok(seers.into_iter().map(|seer| seer.owner_id).collect())
}

/// Limits the query to `only`, and leaves out people who block the other person. Leaves out everyone when the other
/// account is not active.
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
