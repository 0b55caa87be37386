//! The query `events`: pulls the viewer's part of the log in the order of the commits, without gaps.

use async_graphql::{Context, Object};

use super::types::{EventBatch, EventTopic, LogEntry, ResyncRequired};
use crate::events::{
    cursor::Cursor,
    log::{self, LoggedEvent},
    sequencer,
};
use crate::{
    activities::graphql::types::ActivityLogEvent,
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    contacts::graphql::subscription::ContactLogEvent,
    error::{Error, Result},
    instant::Instant,
    notifications::graphql::types::NotificationLogEvent,
    pagination::{DEFAULT_PAGE, MAX_PAGE},
    relationships::graphql::event_types::RequestLogEvent,
    tasks::graphql::event_types::AgentDesktopLogEvent,
};
use entity::stream::StreamKind;

/// The root fields that pull events.
#[derive(Default)]
pub struct EventsQuery;

#[Object]
impl EventsQuery {
    /// Returns the viewer's events after a position, in the order in which they were committed. The subscriptions
    /// deliver the same events with the same ids. Without `after` the events start at the beginning of the log. Pull
    /// until `hasMore` is false, keep `endCursor` and pull again later: no event is skipped. This order covers all
    /// streams, so an event may appear here a moment later than in a subscription. A cursor that the log no longer
    /// reaches gets a single ResyncRequired.
    #[graphql(guard = "Needs(Scope::EventsRead)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `endCursor` of the last pull.")] after: Option<Cursor>,
        #[graphql(desc = "The topics to pull; all topics when left out.")] topics: Option<Vec<EventTopic>>,
        #[graphql(desc = "The maximum number of events, 1 to 100; 20 when left out.")] first: Option<i32>,
    ) -> Result<EventBatch> {
        let (app, user) = (ctx.app()?, ctx.viewer()?.user);
        let first = i64::from(first.unwrap_or(DEFAULT_PAGE));
        if !(1..=i64::from(MAX_PAGE)).contains(&first) {
            return Err(Error::invalid("first", format!("first must be from 1 to {MAX_PAGE}.")));
        }
        let after = after.map(|cursor| cursor.position_of(user)).transpose()?;
        // The bounds are read before the events, so that pruning in between cannot hide an event.
        let extent = sequencer::bounds(app.db.read()).await?;
        let at = after.unwrap_or(extent.pruned);
        let kinds: Vec<_> = topics.unwrap_or_default().into_iter().map(Into::into).collect();
        let mut entries = log::pull(app.db.read(), user.0, &kinds, at, first + 1).await?;
        let pruned = sequencer::bounds(app.db.read()).await?.pruned;
        if at > extent.last || (after.is_some() && at < pruned) {
            return Ok(resync(Cursor::global(user, extent.last), app.clock.now(), at > extent.last));
        }
        let has_more = i64::try_from(entries.len()).is_ok_and(|count| count > first);
        entries.truncate(usize::try_from(first).unwrap_or_default());
        // An event in several of the viewer's streams has one position and is returned once.
        entries.dedup_by_key(|entry| entry.position);
        let mut end = entries.last().and_then(|entry| entry.position).unwrap_or(at);
        if !has_more && kinds.is_empty() {
            // Everything up to this position was seen, including other users' events. Moving on keeps the cursor from
            // expiring.
            end = end.max(extent.last);
        }
        let nodes = entries.iter().map(|entry| {
            let cursor = Cursor::global(user, entry.position.unwrap_or(at));
            read(entry, cursor)
        });
        Ok(EventBatch { nodes: nodes.collect::<Result<_>>()?, end_cursor: Cursor::global(user, end), has_more })
    }
}

fn read(entry: &LoggedEvent, cursor: Cursor) -> Result<LogEntry> {
    Ok(match entry.stream_kind {
        StreamKind::Requests => RequestLogEvent::read(entry, cursor).into(),
        StreamKind::Contacts => ContactLogEvent::read(entry, cursor).into(),
        StreamKind::Notifications => NotificationLogEvent::read(entry, cursor).into(),
        StreamKind::Activities => ActivityLogEvent::read(entry, cursor).into(),
        StreamKind::AgentDesktop => AgentDesktopLogEvent::read(entry, cursor).into(),
        StreamKind::Rights
        | StreamKind::Conversation
        | StreamKind::CustomerSide
        | StreamKind::Queue
        | StreamKind::Agents => {
            return Err(Error::internal(anyhow::anyhow!("an event of another stream")));
        }
    })
}

fn resync(cursor: Cursor, occurred_at: chrono::DateTime<chrono::Utc>, ahead: bool) -> EventBatch {
    let reason = if ahead {
        "The log ends before this cursor; it was restored from an older copy."
    } else {
        "The log no longer reaches back to this cursor."
    };
    let event = ResyncRequired { cursor: cursor.clone(), occurred_at: Instant(occurred_at), reason: reason.to_owned() };
    EventBatch { nodes: vec![LogEntry::ResyncRequired(event)], end_cursor: cursor, has_more: false }
}
