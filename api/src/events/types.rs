//! Events as the API shows them, whichever way they are read.

use async_graphql::{Enum, Interface, SimpleObject, Union};
use chrono::{DateTime, Utc};
use entity::stream::StreamKind;
use futures_util::{StreamExt as _, stream::BoxStream};

use super::{
    cursor::Cursor,
    follow::Followed,
    log::{Entry, Stream},
};
use crate::{
    activities::types::{ActivityEvent, ActivityPosted, ActivityRemoved},
    agents::event_types::{
        AgentChanged, AgentTurned, OfferEnded, OfferMade, TaskChanged, TaskLeft, TaskQueued, TaskServed, TaskUnqueued,
    },
    app::App,
    contacts::subscription::{ContactAdded, ContactEvent, ContactRemoved},
    conversations::subscription::{ItemAdded, ItemChanged, ParticipantChanged, ReceiptAdvanced},
    error::Result,
    notifications::types::{
        NotificationAdded, NotificationEvent, NotificationsRead, NotificationsRemoved, NotificationsUnread,
    },
    relationships::types::{ConnectionRequestChanged, ConnectionRequestReceived, RequestEvent},
};

/// Writes the type of an event that stands in a stream: what all of them have, and fields of its own.
macro_rules! event {
    ($(#[$attribute:meta])* $name:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[derive(async_graphql::SimpleObject)]
        $(#[$attribute])*
        pub struct $name {
            /// The event's id, `event_…`; the same however the event is read.
            pub id: async_graphql::ID,
            /// Resume after this event with it.
            pub cursor: $crate::events::cursor::Cursor,
            /// When it happened.
            pub occurred_at: chrono::DateTime<chrono::Utc>,
            /// The event's number in its stream: 1, 2, 3, … without holes.
            pub sequence: i64,
            $($(#[$field_attribute])* pub $field: $type,)*
        }
    };
}

pub(crate) use event;

/// Something that happened, with its place in a stream.
#[derive(Interface)]
#[graphql(
    field(name = "cursor", ty = "&Cursor", desc = "Resume after this event with it."),
    field(name = "occurred_at", ty = "&DateTime<Utc>", desc = "When it happened.")
)]
pub enum Event {
    SubscriptionStarted(SubscriptionStarted),
    ResyncRequired(ResyncRequired),
    ConnectionRequestReceived(ConnectionRequestReceived),
    ConnectionRequestChanged(ConnectionRequestChanged),
    ContactAdded(ContactAdded),
    ContactRemoved(ContactRemoved),
    NotificationAdded(NotificationAdded),
    NotificationsRead(NotificationsRead),
    NotificationsUnread(NotificationsUnread),
    NotificationsRemoved(NotificationsRemoved),
    ActivityPosted(ActivityPosted),
    ActivityRemoved(ActivityRemoved),
    OfferMade(OfferMade),
    OfferEnded(OfferEnded),
    TaskChanged(TaskChanged),
    AgentChanged(AgentChanged),
    AgentTurned(AgentTurned),
    TaskQueued(TaskQueued),
    TaskUnqueued(TaskUnqueued),
    TaskServed(TaskServed),
    TaskLeft(TaskLeft),
    ItemAdded(ItemAdded),
    ItemChanged(ItemChanged),
    ReceiptAdvanced(ReceiptAdvanced),
    ParticipantChanged(ParticipantChanged),
}

/// The first event of every subscription: from here on nothing will be missed.
#[derive(SimpleObject)]
pub struct SubscriptionStarted {
    /// The position from which the subscription begins.
    pub cursor: Cursor,
    /// When the subscription began.
    pub occurred_at: DateTime<Utc>,
}

/// The log does not continue from the given cursor. Read the state again, then subscribe from its `streamCursor`. The
/// stream completes after this.
#[derive(SimpleObject)]
pub struct ResyncRequired {
    /// The present end of the stream.
    pub cursor: Cursor,
    /// When this was found.
    pub occurred_at: DateTime<Utc>,
    /// A sentence in English for developers.
    pub reason: String,
}

/// What every subscription to a stream is given: where it begins, its events, and where it cannot go on.
pub enum Live<E> {
    Started(SubscriptionStarted),
    Event(E),
    Resync(ResyncRequired),
}

/// Follows a stream for a subscription. `read` makes the event of an entry; without `after` it begins now. Boxed,
/// because whatever hands it on would hold room for it a second and a third time.
pub fn live<E>(
    app: &App,
    stream: Stream,
    after: Option<&Cursor>,
    read: fn(&Entry, Cursor) -> Result<E>,
) -> Result<BoxStream<'static, Result<Live<E>>>>
where
    E: Send + 'static,
{
    let after = after.map(|cursor| cursor.sequence_in(stream)).transpose()?;
    let clock = app.clock.clone();
    let followed = app.follow(stream, after).map(move |item| {
        let cursor = |sequence| Cursor::in_stream(stream, sequence);
        Ok(match item? {
            Followed::Started(at) => {
                Live::Started(SubscriptionStarted { cursor: cursor(at), occurred_at: clock.now() })
            }
            Followed::Entry(entry) => Live::Event(read(&entry, cursor(entry.sequence))?),
            Followed::Resync { at, reason } => {
                Live::Resync(ResyncRequired { cursor: cursor(at), occurred_at: clock.now(), reason: reason.to_owned() })
            }
        })
    });
    Ok(followed.boxed())
}

/// What a pulled event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum EventTopic {
    /// What is asked of the viewer, as `incomingRequests` delivers it.
    Requests,
    /// Who comes into the viewer's lists and leaves them, as `contacts` delivers it.
    Contacts,
    /// What the viewer is notified of, as `notifications` delivers it.
    Notifications,
    /// What the viewer did.
    Activities,
    /// What concerns the viewer's desk, as `desk` delivers it.
    Desk,
}

impl From<EventTopic> for StreamKind {
    fn from(topic: EventTopic) -> Self {
        match topic {
            EventTopic::Requests => Self::Requests,
            EventTopic::Contacts => Self::Contacts,
            EventTopic::Notifications => Self::Notifications,
            EventTopic::Activities => Self::Activities,
            EventTopic::Desk => Self::Desk,
        }
    }
}

/// An entry of the log as it is pulled. Its cursor is a position of `events`, not of a subscription.
#[derive(Union)]
pub enum LogEntry {
    #[graphql(flatten)]
    Request(RequestEvent),
    #[graphql(flatten)]
    Contact(ContactEvent),
    #[graphql(flatten)]
    Notification(NotificationEvent),
    #[graphql(flatten)]
    Activity(ActivityEvent),
    AgentChanged(AgentChanged),
    TaskChanged(TaskChanged),
    ResyncRequired(ResyncRequired),
}

/// Events in the order in which they were committed.
#[derive(SimpleObject)]
pub struct EventBatch {
    /// The events. A single ResyncRequired when the log does not continue from the given cursor.
    pub nodes: Vec<LogEntry>,
    /// Give this as `after` to go on, also when `nodes` is empty.
    pub end_cursor: Cursor,
    /// Whether more can be pulled at once.
    pub has_more: bool,
}
