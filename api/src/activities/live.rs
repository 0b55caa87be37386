//! Live activities of a feed, and those that a reader missed. Each item has the position in the global order from which
//! to resume.

use std::{collections::HashSet, sync::Arc};

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use entity::{activity, contact::List, id::UserId, stream::StreamKind, user::UserStatus};
use futures_util::Stream as FuturesStream;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::publish;
use crate::{
    app::App,
    database::sql::Sql,
    error::Result,
    events::{
        log::LoggedEvent,
        log_feed::{self, FeedItem, SharedEntry},
        reading::retry_while_unavailable,
        selection::Selection,
    },
};

/// Follows the activities that a person may see, after a position or from now on. The stream ends after a resync.
pub fn follow(app: App, viewer: UserId, after: Option<i64>) -> impl FuturesStream<Item = Result<FeedItem>> {
    let selection = Selection { everywhere: vec![StreamKind::Activities], ..Selection::default() };
    let live = log_feed::follow(Arc::clone(&app.log_feed), app.db.clone(), selection, after);
    try_stream! {
        for await item in live {
            match item? {
                FeedItem::Entries(entries) => {
                    let seen = visible(&app, viewer, entries).await?;
                    if !seen.is_empty() {
                        yield FeedItem::Entries(seen);
                    }
                }
                other => yield other,
            }
        }
    }
}

/// Returns the entries without the activities that a person may not see. Entries of other streams stay.
pub async fn visible(app: &App, viewer: UserId, entries: Vec<Arc<SharedEntry>>) -> Result<Vec<Arc<SharedEntry>>> {
    let stored = |entry: &&Arc<SharedEntry>| entry.stream_kind == StreamKind::Activities && entry.audience.is_none();
    let rows: Vec<activity::Model> = entries.iter().filter(stored).filter_map(|entry| read(entry)).collect();
    // Most activities belong to people whom the viewer does not know, so the cheap check comes first.
    let near = match rows.is_empty() {
        true => HashSet::new(),
        false => retry_while_unavailable(|| near(app.db.read(), viewer, &rows)).await?,
    };
    let mut seen = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.stream_kind != StreamKind::Activities || is_visible(app, viewer, &entry, &near).await? {
            seen.push(entry);
        }
    }
    Ok(seen)
}

async fn is_visible(app: &App, viewer: UserId, entry: &SharedEntry, near: &HashSet<UserId>) -> Result<bool> {
    let Some(row) = read(entry) else { return Ok(false) };
    let audience = async |only| retry_while_unavailable(|| audience(app.db.read(), &row, only, app.clock.now())).await;
    Ok(match &entry.audience {
        Some(shared) => shared.get_or_try_init(|| audience(None)).await?.contains(&viewer),
        None if publish::authors(&row).iter().any(|(author, _)| near.contains(author)) => {
            audience(Some(viewer)).await?.contains(&viewer)
        }
        None => false,
    })
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
    people_who_see(db, row, only, Some(now)).await
}

/// Returns true if a person may see an activity on the profile of its author, where mutes do not count.
pub async fn is_on_profile(db: &impl ConnectionTrait, row: &activity::Model, viewer: UserId) -> Result<bool, DbErr> {
    Ok(people_who_see(db, row, Some(viewer), None).await?.contains(&viewer))
}

/// Returns the people who may see an activity. Without the time `mutes_at`, mutes do not count.
async fn people_who_see(
    db: &impl ConnectionTrait,
    row: &activity::Model,
    only: Option<UserId>,
    mutes_at: Option<DateTime<Utc>>,
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
        sql.push(")");
        if let Some(now) = mutes_at {
            sql.push(" AND NOT EXISTS (SELECT 1 FROM contact q WHERE q.user_id = c.user_id AND q.list = ");
            sql.bind(List::MutedInFeed);
            sql.push(" AND q.owner_id = c.owner_id AND (q.until IS NULL OR q.until > ");
            sql.bind(now);
            sql.push("))");
        }
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
