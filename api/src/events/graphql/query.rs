//! The query `events`: pulls the caller's part of the log in the order of the commits, without gaps.

use async_graphql::{Context, Object};

use super::{
    log_entry::{EventBatch, LogEntry},
    topics::{EventTopic, ReaderSelection, select},
    types::ResyncRequired,
};
use crate::events::{
    cursor::Cursor,
    reading::{AHEAD, PRUNED},
    sequencer,
};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::{Error, Result},
    instant::Instant,
    pagination::{DEFAULT_PAGE, MAX_PAGE},
};

/// The root fields that pull events.
#[derive(Default)]
pub struct EventsQuery;

#[Object]
impl EventsQuery {
    /// Returns the caller's events after a position, in the order in which they were committed. The subscriptions
    /// deliver the same events with the same ids, and the subscription `events` continues from the same cursors.
    /// Without `after` the events start at the beginning of the log. Pull until `hasMore` is false, keep `endCursor`
    /// and pull again later: no event is skipped. This order covers all streams, so an event may appear here a moment
    /// later than in another subscription. A cursor that the log no longer reaches gets a single ResyncRequired.
    #[graphql(guard = "Needs(Scope::EventsRead)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `endCursor` of the last pull, or the cursor of the last received event.")] after: Option<
            Cursor,
        >,
        #[graphql(
            desc = "The topics to pull. All topics that the caller may read when left out. Refuses others with FORBIDDEN."
        )]
        topics: Option<Vec<EventTopic>>,
        #[graphql(desc = "The maximum number of events, 1 to 100; 20 when left out.")] first: Option<i32>,
    ) -> Result<EventBatch> {
        let app = ctx.app()?;
        let first = i64::from(first.unwrap_or(DEFAULT_PAGE));
        if !(1..=i64::from(MAX_PAGE)).contains(&first) {
            return Err(Error::invalid("first", format!("first must be from 1 to {MAX_PAGE}.")));
        }
        let all = topics.is_none();
        let ReaderSelection { selection, owner } = select(ctx, topics).await?;
        let after = after.map(|cursor| cursor.position_of(owner)).transpose()?;
        // The bounds are read before the events, so that pruning in between cannot hide an event.
        let extent = sequencer::bounds(app.db.read()).await?;
        let at = after.unwrap_or(extent.pruned);
        let (mut entries, has_more) = selection.read(app.db.read(), at, None, first + 1).await?;
        let pruned = sequencer::bounds(app.db.read()).await?.pruned;
        if at > extent.last || (after.is_some() && at < pruned) {
            let reason = if at > extent.last { AHEAD } else { PRUNED };
            let (cursor, occurred_at) = (Cursor::global(owner, extent.last), Instant(app.clock.now()));
            let event = ResyncRequired { cursor: cursor.clone(), occurred_at, reason: reason.to_owned() };
            let nodes = vec![LogEntry::ResyncRequired(event)];
            return Ok(EventBatch { nodes, end_cursor: cursor, has_more: false });
        }
        entries.truncate(usize::try_from(first).unwrap_or_default());
        let mut end = entries.last().and_then(|entry| entry.position).unwrap_or(at);
        if !has_more && all {
            // Everything up to this position was seen, including other users' events. Moving on keeps the cursor from
            // expiring.
            end = end.max(extent.last);
        }
        let nodes = entries.iter().map(|entry| {
            let cursor = Cursor::global(owner, entry.position.unwrap_or(at));
            LogEntry::read(entry, cursor)
        });
        Ok(EventBatch { nodes: nodes.collect::<Result<_>>()?, end_cursor: Cursor::global(owner, end), has_more })
    }
}
