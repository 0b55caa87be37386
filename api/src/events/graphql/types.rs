//! Events in the API: the same types for every way of reading them.

use async_graphql::{ID, Interface, SimpleObject};
use futures_util::{StreamExt as _, stream::BoxStream};

use crate::events::{
    cursor::Cursor,
    log::{LoggedEvent, Stream},
    subscribe::StreamItem,
};
use crate::{
    activities::graphql::types::{ActivityPosted, ActivityRemoved},
    app::App,
    contacts::graphql::subscription::{ContactAdded, ContactRemoved},
    conversations::graphql::event_types::{
        ConversationChanged, CustomerChanged, ItemAdded, ItemChanged, ParticipantChanged, ReceiptAdvanced,
    },
    error::Result,
    instant::Instant,
    notifications::graphql::{
        types::{NotificationAdded, NotificationsRead, NotificationsRemoved, NotificationsUnread},
        unread_types::UnreadChanged,
    },
    relationships::graphql::event_types::{ConnectionRequestChanged, ConnectionRequestReceived},
    tasks::graphql::event_types::{
        AgentChanged, AgentStateChanged, OfferCreated, OfferEnded, TaskAccepted, TaskChanged, TaskDequeued, TaskQueued,
        TaskReleased,
    },
    tasks::graphql::{supervisor_desktop::QueueCountsChanged, target_subscription::TargetsChanged},
    users::graphql::subscription::{UserChanged, UserUpdate},
};

/// Defines the type of an event in a stream: the fields that all events have, and the event's own fields.
macro_rules! event {
    ($(#[$attribute:meta])* $name:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[derive(async_graphql::SimpleObject)]
        $(#[$attribute])*
        pub struct $name {
            /// The event's id, `event_…`, equal for every way of reading the event.
            pub id: async_graphql::ID,
            /// The cursor to resume after this event.
            pub cursor: $crate::events::cursor::Cursor,
            /// The time of the event.
            pub occurred_at: $crate::instant::Instant,
            /// The event's number in its stream: 1, 2, 3, … without gaps.
            pub sequence: i64,
            $($(#[$field_attribute])* pub $field: $type,)*
        }
    };
}

pub(crate) use event;

/// A fact with its position in a stream.
#[derive(Interface)]
#[graphql(
    field(name = "cursor", ty = "&Cursor", desc = "The cursor to resume after this event."),
    field(name = "occurred_at", ty = "&Instant", desc = "The time of the event.")
)]
pub enum Event {
    /// A subscription started.
    SubscriptionStarted(SubscriptionStarted),
    /// The log does not continue from the client's cursor.
    ResyncRequired(ResyncRequired),
    /// A user asked the viewer to connect.
    ConnectionRequestReceived(ConnectionRequestReceived),
    /// A connection request changed.
    ConnectionRequestChanged(ConnectionRequestChanged),
    /// A person came into a contact list.
    ContactAdded(ContactAdded),
    /// A person left a contact list.
    ContactRemoved(ContactRemoved),
    /// The viewer got a notification.
    NotificationAdded(NotificationAdded),
    /// Notifications were marked as read.
    NotificationsRead(NotificationsRead),
    /// Notifications were marked as unread.
    NotificationsUnread(NotificationsUnread),
    /// Notifications were removed.
    NotificationsRemoved(NotificationsRemoved),
    /// An activity was posted.
    ActivityPosted(ActivityPosted),
    /// An activity was removed.
    ActivityRemoved(ActivityRemoved),
    /// A task was offered to the viewer.
    OfferCreated(OfferCreated),
    /// An offer to the viewer ended.
    OfferEnded(OfferEnded),
    /// A task changed.
    TaskChanged(TaskChanged),
    /// The viewer's own state or load as an agent changed.
    AgentChanged(AgentChanged),
    /// An agent went to another agent state.
    AgentStateChanged(AgentStateChanged),
    /// A task began to wait in a queue.
    TaskQueued(TaskQueued),
    /// A task stopped waiting in a queue.
    TaskDequeued(TaskDequeued),
    /// An agent accepted a task of a queue.
    TaskAccepted(TaskAccepted),
    /// A task left a queue or its agents.
    TaskReleased(TaskReleased),
    /// A conversation got a new thread item.
    ItemAdded(ItemAdded),
    /// A thread item changed.
    ItemChanged(ItemChanged),
    /// A message was delivered to a participant, or read by them.
    ReceiptAdvanced(ReceiptAdvanced),
    /// A participant changed.
    ParticipantChanged(ParticipantChanged),
    /// A customer is new, or the details of a customer changed.
    CustomerChanged(CustomerChanged),
    /// A conversation of the viewer's lists changed.
    ConversationChanged(ConversationChanged),
    /// The numbers of things that wait for the viewer changed.
    UnreadChanged(UnreadChanged),
    /// The counts of a queue changed.
    QueueCountsChanged(QueueCountsChanged),
    /// The possible targets of a task changed.
    TargetsChanged(TargetsChanged),
    /// A user is new, or the profile of a user changed.
    UserChanged(UserChanged),
    /// The profile of a user may have changed for the viewer.
    UserUpdate(UserUpdate),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

/// The first event of every subscription: from here on no event is missed.
#[derive(SimpleObject)]
pub struct SubscriptionStarted {
    /// The position at which the subscription starts.
    pub cursor: Cursor,
    /// The time at which the subscription started.
    pub occurred_at: Instant,
}

/// A notice that the log does not continue from the given cursor. Read the state again, then subscribe from its
/// `streamCursor`. The stream completes after this event.
#[derive(SimpleObject)]
pub struct ResyncRequired {
    /// The present end of the stream.
    pub cursor: Cursor,
    /// The time at which the gap was found.
    pub occurred_at: Instant,
    /// An English sentence for developers.
    pub reason: String,
}

event! {
    /// An event of a newer version of Rapport, which this instance cannot show. It occurs while instances of two
    /// versions serve one database. Read the objects again to see its effect.
    UnknownEvent {}
}

impl UnknownEvent {
    /// Reads an entry of the log. `cursor` is the position of the entry in the reader's stream.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let LoggedEvent { id, occurred_at, sequence, .. } = entry;
        Self { id: ID::from(*id), cursor, occurred_at: Instant(*occurred_at), sequence: *sequence }
    }
}

/// An item of a live subscription in the API.
pub enum LiveEvent<E> {
    /// The first item: the position at which the subscription starts.
    Started(SubscriptionStarted),
    /// An event of the stream.
    Event(E),
    /// The last item: the log does not continue from the given cursor.
    Resync(ResyncRequired),
}

/// Subscribes to a stream after a cursor, or from now on. `read` turns an entry into an event. Refuses a cursor of
/// another stream. The result is boxed, because every wrapper around an unboxed stream would add its size again.
pub fn live_events<E>(
    app: &App,
    stream: Stream,
    after: Option<&Cursor>,
    read: fn(&LoggedEvent, Cursor) -> E,
) -> Result<BoxStream<'static, Result<LiveEvent<E>>>>
where
    E: Send + 'static,
{
    let after = after.map(|cursor| cursor.sequence_in(stream)).transpose()?;
    let clock = app.clock.clone();
    let followed = app.follow(stream, after).map(move |item| {
        let cursor = |sequence| Cursor::in_stream(stream, sequence);
        Ok(match item? {
            StreamItem::Started(at) => {
                LiveEvent::Started(SubscriptionStarted { cursor: cursor(at), occurred_at: Instant(clock.now()) })
            }
            StreamItem::Entry(entry) => LiveEvent::Event(read(&entry, cursor(entry.sequence))),
            StreamItem::Resync { at, reason } => LiveEvent::Resync(ResyncRequired {
                cursor: cursor(at),
                occurred_at: Instant(clock.now()),
                reason: reason.to_owned(),
            }),
        })
    });
    Ok(followed.boxed())
}
