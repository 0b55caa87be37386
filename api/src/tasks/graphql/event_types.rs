//! GraphQL types of the events about tasks, offers and agents, and the unions of their streams.

use std::sync::Arc;

use async_graphql::{ID, Union};
use entity::event::EventKind;

use super::{offer_types::Offer, types::Task};
use crate::{
    agents::graphql::types::Agent,
    conversations::graphql::event_types::ConversationChanged,
    events::{
        cursor::Cursor,
        graphql::types::{UnknownEvent, event},
        log::LoggedEvent,
    },
    instant::Instant,
};

/// Defines an event type that carries a row as it was at the event, and its reader.
macro_rules! row_event {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $type:ident }) => {
        event! { $(#[$doc])* $name { $(#[$field_doc])* $field: $type } }

        impl $name {
            /// Reads a log entry. `cursor` is its position for the reader. Returns `None` if the entry has no such row.
            #[must_use]
            pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
                let row = entry.subject()?;
                let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
                Some(Self { id, cursor, occurred_at: Instant(occurred_at), sequence, $field: $type(Arc::new(row)) })
            }
        }
    };
}

row_event! {
    /// A new offer to the viewer.
    OfferCreated {
        /// The offer at the time of the event.
        offer: Offer
    }
}
row_event! {
    /// An offer to the viewer was accepted, declined or withdrawn, or it expired.
    OfferEnded {
        /// The offer at the time of the event.
        offer: Offer
    }
}
row_event! {
    /// A task changed.
    TaskChanged {
        /// The task at the time of the event.
        task: Task
    }
}
row_event! {
    /// The viewer's agent state or assigned tasks changed.
    AgentChanged {
        /// The agent at the time of the event.
        agent: Agent
    }
}
row_event! {
    /// A task began to wait in a queue. It is new, has returned, or was transferred.
    TaskQueued {
        /// The task at the time of the event.
        task: Task
    }
}
row_event! {
    /// A task stopped waiting. It was offered to an agent, was moved, or its conversation ended.
    TaskDequeued {
        /// The task at the time of the event.
        task: Task
    }
}
row_event! {
    /// An agent accepted a task of the queue.
    TaskAccepted {
        /// The task at the time of the event.
        task: Task
    }
}
row_event! {
    /// A task left the queue or its agent. It ended, was transferred, or returned to the queue without its agent.
    TaskReleased {
        /// The task at the time of the event.
        task: Task
    }
}
row_event! {
    /// An agent changed to another state.
    AgentStateChanged {
        /// The agent at the time of the event.
        agent: Agent
    }
}

/// An event of the log about an agent's desktop.
#[derive(Union)]
pub enum AgentDesktopLogEvent {
    /// A new offer to the agent.
    OfferCreated(OfferCreated),
    /// The end of an offer to the agent.
    OfferEnded(OfferEnded),
    /// A change of a task of the agent.
    TaskChanged(TaskChanged),
    /// A change of the agent's state or assigned tasks.
    AgentChanged(AgentChanged),
    /// A change of a conversation in which the agent takes part, such as a new message.
    ConversationChanged(ConversationChanged),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl AgentDesktopLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        Some(match entry.kind.0? {
            EventKind::OfferCreated => Self::OfferCreated(OfferCreated::read(entry, cursor)?),
            EventKind::OfferEnded => Self::OfferEnded(OfferEnded::read(entry, cursor)?),
            EventKind::TaskChanged => Self::TaskChanged(TaskChanged::read(entry, cursor)?),
            EventKind::AgentChanged => Self::AgentChanged(AgentChanged::read(entry, cursor)?),
            _ => Self::ConversationChanged(ConversationChanged::read(entry, cursor)?),
        })
    }
}

/// An event of the log about a queue.
#[derive(Union)]
pub enum QueueLogEvent {
    /// A task that began to wait.
    TaskQueued(TaskQueued),
    /// A task that stopped waiting.
    TaskDequeued(TaskDequeued),
    /// A task that an agent accepted.
    TaskAccepted(TaskAccepted),
    /// A task that left the queue or its agent.
    TaskReleased(TaskReleased),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl QueueLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        Some(match entry.kind.0? {
            EventKind::TaskQueued => Self::TaskQueued(TaskQueued::read(entry, cursor)?),
            EventKind::TaskDequeued => Self::TaskDequeued(TaskDequeued::read(entry, cursor)?),
            EventKind::TaskAccepted => Self::TaskAccepted(TaskAccepted::read(entry, cursor)?),
            EventKind::TaskReleased => Self::TaskReleased(TaskReleased::read(entry, cursor)?),
            _ => return None,
        })
    }
}

/// An event of the log about the states of all agents.
#[derive(Union)]
pub enum AgentStateLogEvent {
    /// A new state of an agent.
    AgentStateChanged(AgentStateChanged),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl AgentStateLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        Some(match entry.kind.0? {
            EventKind::AgentStateChanged => Self::AgentStateChanged(AgentStateChanged::read(entry, cursor)?),
            _ => return None,
        })
    }
}
