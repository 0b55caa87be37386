//! Entries of the log as `events` delivers them.

use async_graphql::{SimpleObject, Union};
use entity::stream::StreamKind;

use super::types::{ResyncRequired, UnknownEvent};
use crate::{
    activities::graphql::types::{ActivityLogEvent, ActivityPosted, ActivityRemoved},
    contacts::graphql::subscription::{ContactAdded, ContactLogEvent, ContactRemoved},
    conversations::graphql::event_types::{
        ConversationChanged, ConversationLogEvent, CustomerChanged, CustomerLogEvent, ItemAdded, ItemChanged,
        ParticipantChanged, ReceiptAdvanced,
    },
    error::{Error, Result},
    events::{cursor::Cursor, log::LoggedEvent},
    notifications::graphql::types::{
        NotificationAdded, NotificationLogEvent, NotificationsRead, NotificationsRemoved, NotificationsUnread,
    },
    relationships::graphql::event_types::{ConnectionRequestChanged, ConnectionRequestReceived, RequestLogEvent},
    tasks::graphql::event_types::{
        AgentChanged, AgentDesktopLogEvent, AgentStateChanged, AgentStateLogEvent, OfferCreated, OfferEnded,
        QueueLogEvent, TaskAccepted, TaskChanged, TaskDequeued, TaskQueued, TaskReleased,
    },
    users::graphql::subscription::{UserChanged, UserLogEvent},
};

/// An entry of the log in the order of the commits. Its cursor is a position for `events`, not for a stream.
#[derive(Union)]
pub enum LogEntry {
    /// A user asked the viewer to connect.
    ConnectionRequestReceived(ConnectionRequestReceived),
    /// A connection request changed.
    ConnectionRequestChanged(ConnectionRequestChanged),
    /// A task was offered to an agent.
    OfferCreated(OfferCreated),
    /// An offer to an agent ended.
    OfferEnded(OfferEnded),
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
    /// An agent's state or load changed.
    AgentChanged(AgentChanged),
    /// A task changed.
    TaskChanged(TaskChanged),
    /// A conversation of the viewer's lists changed.
    ConversationChanged(ConversationChanged),
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
    /// A user is new, or a user's profile changed.
    UserChanged(UserChanged),
    /// A task began to wait in a queue.
    TaskQueued(TaskQueued),
    /// A task stopped waiting in a queue.
    TaskDequeued(TaskDequeued),
    /// An agent accepted a task of a queue.
    TaskAccepted(TaskAccepted),
    /// A task left a queue or its agents.
    TaskReleased(TaskReleased),
    /// An agent went to another agent state.
    AgentStateChanged(AgentStateChanged),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
    /// The log does not continue from the given cursor.
    ResyncRequired(ResyncRequired),
}

/// Lets the events of one union be entries of the log.
macro_rules! entries {
    ($($union:ident { $($event:ident),* $(,)? })*) => {$(
        impl From<$union> for LogEntry {
            fn from(event: $union) -> Self {
                match event {
                    $($union::$event(event) => Self::$event(event),)*
                }
            }
        }
    )*};
}

entries! {
    RequestLogEvent { ConnectionRequestReceived, ConnectionRequestChanged, OfferCreated, OfferEnded, UnknownEvent }
    ContactLogEvent { ContactAdded, ContactRemoved, UnknownEvent }
    NotificationLogEvent { NotificationAdded, NotificationsRead, NotificationsUnread, NotificationsRemoved, UnknownEvent }
    ActivityLogEvent { ActivityPosted, ActivityRemoved, UnknownEvent }
    AgentDesktopLogEvent { OfferCreated, OfferEnded, TaskChanged, AgentChanged, ConversationChanged, UnknownEvent }
    ConversationLogEvent { ItemAdded, ItemChanged, ReceiptAdvanced, ParticipantChanged, TaskChanged, UnknownEvent }
    CustomerLogEvent { CustomerChanged, UnknownEvent }
    UserLogEvent { UserChanged, UnknownEvent }
    QueueLogEvent { TaskQueued, TaskDequeued, TaskAccepted, TaskReleased, UnknownEvent }
    AgentStateLogEvent { AgentStateChanged, UnknownEvent }
}

impl LogEntry {
    /// Reads an entry. `cursor` is its position for the reader.
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Result<Self> {
        Ok(match entry.stream_kind {
            StreamKind::Requests => RequestLogEvent::read(entry, cursor).into(),
            StreamKind::Contacts => ContactLogEvent::read(entry, cursor).into(),
            StreamKind::Notifications => NotificationLogEvent::read(entry, cursor).into(),
            StreamKind::Activities => ActivityLogEvent::read(entry, cursor).into(),
            StreamKind::AgentDesktop => AgentDesktopLogEvent::read(entry, cursor).into(),
            StreamKind::Conversation | StreamKind::DirectInbox => ConversationLogEvent::read(entry, cursor).into(),
            StreamKind::Customer => CustomerLogEvent::read(entry, cursor).into(),
            StreamKind::Profile => UserLogEvent::read(entry, cursor).into(),
            StreamKind::Queue => QueueLogEvent::read(entry, cursor).into(),
            StreamKind::Agents => AgentStateLogEvent::read(entry, cursor).into(),
            StreamKind::Rights | StreamKind::CustomerSide | StreamKind::DirectConversation => {
                return Err(Error::internal(anyhow::anyhow!("an event of another stream")));
            }
        })
    }
}

/// Events in the order in which they were committed.
#[derive(SimpleObject)]
pub struct EventBatch {
    /// The events. A single ResyncRequired when the log does not continue from the given cursor.
    pub nodes: Vec<LogEntry>,
    /// The cursor for the next pull as `after`, also when `nodes` is empty.
    pub end_cursor: Cursor,
    /// True when more events can be pulled immediately.
    pub has_more: bool,
}
