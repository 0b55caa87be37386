//! The subscription `viewerEvents`: everything that changes on the viewer's own screens, in one stream.

use std::sync::Arc;

use async_graphql::{Context, Subscription, Union};
use async_stream::try_stream;
use entity::{event::EventKind, stream::StreamKind};
use futures_util::Stream;

use super::{
    effect::reads,
    types::{ResyncRequired, SubscriptionStarted},
};
use crate::{
    activities::{graphql::types::ActivityLogEvent, live},
    app::App,
    auth::{
        guard::Needs,
        request_context::ContextExt as _,
        viewer::{Scope, Scopes, Viewer},
    },
    contacts::graphql::subscription::ContactLogEvent,
    conversations::graphql::{
        event_types::{ConversationChanged, CustomerLogEvent},
        inbox::changed_conversations,
        list_stream::{self, ListItem},
    },
    error::Result,
    events::{cursor::Cursor, log_feed::SharedEntry},
    notifications::graphql::{types::NotificationLogEvent, unread_types::UnreadChanged},
    relationships::graphql::event_types::RequestLogEvent,
    tasks::graphql::event_types::AgentChanged,
    users::graphql::subscription::UserLogEvent,
};

/// An item of the subscription `viewerEvents`.
#[derive(Union)]
enum ViewerEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Request(RequestLogEvent),
    #[graphql(flatten)]
    Contact(ContactLogEvent),
    #[graphql(flatten)]
    Notification(NotificationLogEvent),
    #[graphql(flatten)]
    Activity(ActivityLogEvent),
    AgentChanged(AgentChanged),
    ConversationChanged(ConversationChanged),
    #[graphql(flatten)]
    Customer(CustomerLogEvent),
    #[graphql(flatten)]
    User(UserLogEvent),
    UnreadChanged(UnreadChanged),
    ResyncRequired(ResyncRequired),
}

impl ViewerEvent {
    /// Reads an entry of the log. Returns `None` for an entry about a conversation, which has an event of its own, and
    /// without the scope that it needs.
    fn read(entry: &SharedEntry, scopes: Scopes, cursor: Cursor) -> Option<Self> {
        // An offer is in two streams. A reader gets the entry of one of them, so the scope of either is enough.
        let of_offer = matches!(entry.kind.0, Some(EventKind::OfferCreated | EventKind::OfferEnded));
        let scope_of_offer = of_offer && (scopes.has(Scope::AgentsRead) || scopes.has(Scope::ContactsRead));
        if !scopes.has(reads(entry.stream_kind)) && !scope_of_offer {
            return None;
        }
        Some(match entry.stream_kind {
            StreamKind::Requests => Self::Request(RequestLogEvent::read(entry, cursor)),
            StreamKind::Contacts => Self::Contact(ContactLogEvent::read(entry, cursor)),
            StreamKind::Notifications => Self::Notification(NotificationLogEvent::read(entry, cursor)),
            StreamKind::Activities => Self::Activity(ActivityLogEvent::read(entry, cursor)),
            StreamKind::Customer => Self::Customer(CustomerLogEvent::read(entry, cursor)),
            StreamKind::Profile => Self::User(UserLogEvent::read(entry, cursor)),
            StreamKind::AgentDesktop if of_offer => Self::Request(RequestLogEvent::read(entry, cursor)),
            StreamKind::AgentDesktop if matches!(entry.kind.0, Some(EventKind::AgentChanged)) => {
                Self::AgentChanged(AgentChanged::read(entry, cursor)?)
            }
            _ => return None,
        })
    }
}

/// Returns the events of a batch, in the order of the log. Where one entry has two events, the first one has the
/// position before the entry: a client that resumes there gets both again, and loses none.
async fn read_batch(app: &App, viewer: &Viewer, entries: Vec<Arc<SharedEntry>>) -> Result<Vec<ViewerEvent>> {
    let (owner, scopes) = (viewer.user.0, viewer.scopes);
    let entries = live::visible(app, viewer.user, entries).await?;
    let changed = match scopes.has(Scope::ConversationsRead) {
        true => changed_conversations(app, &entries).await?,
        false => Vec::new(),
    };
    let mut changed = changed.into_iter().peekable();
    let mut events = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let event = ViewerEvent::read(entry, scopes, Cursor::of_entry(owner, entry));
        if let Some((of, _)) = changed.next_if(|(_, last)| *last == index) {
            let position = entry.position.unwrap_or_default() - i64::from(event.is_some());
            let event = ConversationChanged::of(of, entry, Cursor::global(owner, position));
            events.push(ViewerEvent::ConversationChanged(event));
        }
        events.extend(event);
    }
    Ok(events)
}

/// The kinds of streams that `viewerEvents` follows besides those of the viewer's lists.
const FOLLOWED: [StreamKind; 5] = [
    StreamKind::Requests,
    StreamKind::Contacts,
    StreamKind::Notifications,
    StreamKind::Activities,
    StreamKind::Profile,
];

/// Root subscription of everything of the viewer.
#[derive(Default)]
pub struct ViewerEventsSubscription;

#[Subscription]
impl ViewerEventsSubscription {
    /// Delivers in one stream every change of the viewer's own screens: connection requests, offers, contact lists,
    /// notifications, activities of the feed, new users and changed profiles, the viewer's state as an agent, and
    /// everything that `inbox` delivers. Each part needs its scope, and is left out without it: CONTACTS_READ,
    /// NOTIFICATIONS_READ, ACTIVITY_READ, AGENTS_READ, CONVERSATIONS_READ and PROFILE_READ. Begins with
    /// SubscriptionStarted. With `after`, all events since that cursor come first. When the log no longer reaches the
    /// cursor, or the viewer's role or queues change, the stream delivers ResyncRequired and completes. For users only.
    #[graphql(guard = "Needs(Scope::EventsRead)")]
    async fn viewer_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or the `streamCursor` of the viewer. Without it, \
                    events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ViewerEvent>> + use<>> {
        let (app, viewer) = (ctx.app()?.clone(), *ctx.viewer()?);
        let kinds: Vec<StreamKind> = FOLLOWED.into_iter().filter(|kind| viewer.scopes.has(reads(*kind))).collect();
        let live = list_stream::follow(ctx, after, &kinds).await?;
        Ok(try_stream! {
            for await item in live {
                match item? {
                    ListItem::Started(event) => yield ViewerEvent::SubscriptionStarted(event),
                    ListItem::Entries(entries) => {
                        for event in Box::pin(read_batch(&app, &viewer, entries)).await? {
                            yield event;
                        }
                    }
                    ListItem::Unread(event) => yield ViewerEvent::UnreadChanged(event),
                    ListItem::Resync(event) => yield ViewerEvent::ResyncRequired(event),
                }
            }
        })
    }
}
