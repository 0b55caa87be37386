//! Events as the API shows them, whichever way they are read.

use async_graphql::{Enum, Interface, SimpleObject, Union};
use chrono::{DateTime, Utc};
use entity::stream::StreamKind;

use super::cursor::Cursor;
use crate::{
    activities::types::{ActivityPosted, ActivityRemoved},
    contacts::subscription::{ContactAdded, ContactRemoved},
    notifications::types::{NotificationAdded, NotificationsRead, NotificationsRemoved, NotificationsUnread},
    relationships::types::{ConnectionRequestChanged, ConnectionRequestReceived},
};

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
}

impl From<EventTopic> for StreamKind {
    fn from(topic: EventTopic) -> Self {
        match topic {
            EventTopic::Requests => Self::Requests,
            EventTopic::Contacts => Self::Contacts,
            EventTopic::Notifications => Self::Notifications,
            EventTopic::Activities => Self::Activities,
        }
    }
}

/// An entry of the log as it is pulled. Its cursor is a position of `events`, not of a subscription.
#[derive(Union)]
pub enum LogEntry {
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
