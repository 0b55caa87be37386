//! `events`: the log, pulled.

use async_graphql::{Context, Object};

use super::{
    cursor::Cursor,
    log::{self, Entry},
    sequencer,
    types::{EventBatch, EventTopic, LogEntry, ResyncRequired},
};
use crate::{
    activities::types::ActivityEvent,
    agents::event_types::DeskLogEvent,
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    contacts::subscription::ContactEvent,
    error::{Error, Result},
    notifications::types::NotificationEvent,
    page::{DEFAULT_PAGE, MAX_PAGE},
    relationships::types::RequestEvent,
};
use entity::stream::StreamKind;

#[derive(Default)]
pub struct EventsQuery;

#[Object]
impl EventsQuery {
    /// The viewer's events after a position, in the order in which they were committed, the same events with the same
    /// ids as the subscriptions deliver. Without `after` from the beginning of the log. Pull until `hasMore` is false,
    /// keep `endCursor`, pull again later: nothing is skipped. What a subscription has just delivered may come a moment
    /// later here, because this order is over all streams. A cursor that the log no longer reaches gets a single
    /// ResyncRequired.
    #[graphql(guard = "Needs(Scope::EventsRead)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `endCursor` of the last pull.")] after: Option<Cursor>,
        #[graphql(desc = "Only these topics; all when left out.")] topics: Option<Vec<EventTopic>>,
        #[graphql(desc = "How many at most, 1 to 100; 20 when left out.")] first: Option<i32>,
    ) -> Result<EventBatch> {
        let (app, user) = (ctx.app()?, ctx.viewer()?.user);
        let first = i64::from(first.unwrap_or(DEFAULT_PAGE));
        if !(1..=i64::from(MAX_PAGE)).contains(&first) {
            return Err(Error::invalid("first", format!("first must be from 1 to {MAX_PAGE}.")));
        }
        let after = after.map(|cursor| cursor.position_of(user)).transpose()?;
        // Read before the events, so that none that is pruned meanwhile is passed over in silence.
        let extent = sequencer::extent(app.db.read()).await?;
        let at = after.unwrap_or(extent.pruned);
        let kinds: Vec<_> = topics.unwrap_or_default().into_iter().map(Into::into).collect();
        let mut entries = log::pull(app.db.read(), user.0, &kinds, at, first + 1).await?;
        let pruned = sequencer::extent(app.db.read()).await?.pruned;
        if at > extent.last || (after.is_some() && at < pruned) {
            return Ok(resync(Cursor::global(user, extent.last), app.clock.now(), at > extent.last));
        }
        let has_more = i64::try_from(entries.len()).is_ok_and(|count| count > first);
        entries.truncate(usize::try_from(first).unwrap_or_default());
        // An event that stands in several of the viewer's streams has one position and is pulled once.
        entries.dedup_by_key(|entry| entry.position);
        let mut end = entries.last().and_then(|entry| entry.position).unwrap_or(at);
        if !has_more && kinds.is_empty() {
            // Up to there everything was seen, also where others' events stand: the cursor must not grow old meanwhile.
            end = end.max(extent.last);
        }
        let nodes = entries.iter().map(|entry| {
            let cursor = Cursor::global(user, entry.position.unwrap_or(at));
            read(entry, cursor)
        });
        Ok(EventBatch { nodes: nodes.collect::<Result<_>>()?, end_cursor: Cursor::global(user, end), has_more })
    }
}

fn read(entry: &Entry, cursor: Cursor) -> Result<LogEntry> {
    Ok(match entry.stream_kind {
        StreamKind::Requests => LogEntry::Request(RequestEvent::read(entry, cursor)?),
        StreamKind::Contacts => LogEntry::Contact(ContactEvent::read(entry, cursor)?),
        StreamKind::Notifications => LogEntry::Notification(NotificationEvent::read(entry, cursor)?),
        StreamKind::Activities => LogEntry::Activity(ActivityEvent::read(entry, cursor)?),
        StreamKind::Desk => match DeskLogEvent::read(entry, cursor)? {
            DeskLogEvent::OfferMade(event) => LogEntry::Request(RequestEvent::OfferMade(event)),
            DeskLogEvent::OfferEnded(event) => LogEntry::Request(RequestEvent::OfferEnded(event)),
            DeskLogEvent::TaskChanged(event) => LogEntry::TaskChanged(event),
            DeskLogEvent::AgentChanged(event) => LogEntry::AgentChanged(event),
        },
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
    let event = ResyncRequired { cursor: cursor.clone(), occurred_at, reason: reason.to_owned() };
    EventBatch { nodes: vec![LogEntry::ResyncRequired(event)], end_cursor: cursor, has_more: false }
}
