//! The subscription `events`: the caller's part of the log, live and in the order of the commits.

use std::sync::Arc;

use async_graphql::{Context, Subscription, Union};
use entity::{id::UserId, user::Role};
use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use uuid::Uuid;

use super::{
    log_entry::LogEntry,
    topics::{EventTopic, ReaderSelection, select},
    types::{ResyncRequired, SubscriptionStarted},
};
use crate::{
    app::App,
    auth::{
        guard::Needs,
        request_context::ContextExt as _,
        viewer::{Caller, Scope},
    },
    clock::Clock,
    error::Result,
    events::{
        access_rechecks::{AccessRecheck, while_allowed},
        cursor::Cursor,
        log::LoggedEvent,
        log_feed::{self, FeedItem, SharedEntry},
        selection::{FOR_EVERYONE, Selection},
    },
    instant::Instant,
    tasks::graphql::supervision::still_has_role,
};

/// An item of the subscription `events`.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "the small variant occurs once in a subscription")]
enum EventsEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Entry(LogEntry),
}

/// The repeated check of a person's role. None for callers without a role.
pub type RoleRecheck = Option<(UserId, AccessRecheck)>;

/// Begins the repeated check of the caller's role. Call it before the role is read for the first time, so that no later
/// change is missed.
pub fn recheck_role(app: &App, caller: &Caller) -> RoleRecheck {
    match caller {
        Caller::Person(viewer) => Some((viewer.user, app.access_rechecks.of(viewer.user.0))),
        Caller::Service(_) | Caller::Visitor(_) => None,
    }
}

/// Follows streams together. A selection that needs the role of a supervisor ends with that role.
pub fn follow(
    app: &App,
    recheck: RoleRecheck,
    selection: Selection,
    after: Option<i64>,
) -> BoxStream<'static, Result<FeedItem>> {
    let supervised = !selection.everywhere.iter().all(|kind| FOR_EVERYONE.contains(kind));
    let live = log_feed::follow(Arc::clone(&app.log_feed), app.db.clone(), selection, after).boxed();
    match recheck {
        Some((user, recheck)) if supervised => {
            let app = app.clone();
            while_allowed(live, recheck, move || still_has_role(&app, user, Role::Supervisor))
        }
        Some(_) | None => live,
    }
}

/// Returns the first event of a subscription that starts at a global position.
pub fn started(owner: Uuid, at: i64, clock: &Clock) -> SubscriptionStarted {
    SubscriptionStarted { cursor: Cursor::global(owner, at), occurred_at: Instant(clock.now()) }
}

/// Returns the last event of a subscription whose position the log does not continue.
pub fn resync(owner: Uuid, at: i64, reason: &str, clock: &Clock) -> ResyncRequired {
    let cursor = Cursor::global(owner, at);
    ResyncRequired { cursor, occurred_at: Instant(clock.now()), reason: reason.to_owned() }
}

/// Root subscription of the log.
#[derive(Default)]
pub struct EventsSubscription;

#[Subscription]
impl EventsSubscription {
    /// Delivers the caller's events of all topics in one stream, in the order in which they were committed. The query
    /// `events` pulls the same events, and both continue from the same cursors. The first event is
    /// SubscriptionStarted. With `after`, all events since that cursor come first, without gap or repetition. A cursor
    /// that the log no longer covers gets ResyncRequired, and the stream completes. It also completes when a supervisor
    /// who follows CUSTOMERS, QUEUES or AGENTS loses that role.
    #[graphql(guard = "Needs(Scope::EventsRead)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or an `endCursor`. Without it, events begin now.")]
        after: Option<Cursor>,
        #[graphql(
            desc = "The topics to follow. All topics that the caller may read when left out. Refuses others with FORBIDDEN."
        )]
        topics: Option<Vec<EventTopic>>,
    ) -> Result<impl Stream<Item = Result<EventsEvent>> + use<>> {
        let app = ctx.app()?.clone();
        let recheck = recheck_role(&app, ctx.caller()?);
        let ReaderSelection { selection, owner } = select(ctx, topics).await?;
        let after = after.map(|cursor| cursor.position_of(owner)).transpose()?;
        let live = follow(&app, recheck, selection, after);
        let read = move |item: Result<FeedItem>| -> Vec<Result<EventsEvent>> {
            match item {
                Err(error) => vec![Err(error)],
                Ok(FeedItem::Started(at)) => {
                    vec![Ok(EventsEvent::SubscriptionStarted(started(owner, at, &app.clock)))]
                }
                Ok(FeedItem::Resync { at, reason }) => {
                    let event = resync(owner, at, reason, &app.clock);
                    vec![Ok(EventsEvent::Entry(LogEntry::ResyncRequired(event)))]
                }
                Ok(FeedItem::Entries(entries)) => {
                    let read = |entry: &Arc<SharedEntry>| read_entry(owner, entry);
                    entries.iter().map(read).collect()
                }
            }
        };
        Ok(live.map(read).flat_map(futures_util::stream::iter))
    }
}

fn read_entry(owner: Uuid, entry: &LoggedEvent) -> Result<EventsEvent> {
    let cursor = Cursor::of_entry(owner, entry);
    LogEntry::read(entry, cursor).map(EventsEvent::Entry)
}
