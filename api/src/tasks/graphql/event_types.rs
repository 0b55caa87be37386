//! What happens to tasks, offers and agents, as the log tells it.

use std::sync::Arc;

use async_graphql::{ID, Union};
use entity::event::EventKind;

use super::{offer_types::Offer, types::Task};
use crate::{
    agents::graphql::types::Agent,
    events::{
        cursor::Cursor,
        graphql::types::{UnknownEvent, event},
        log::LoggedEvent,
    },
};

/// Writes the type of an event that carries a row as it was then, and how it is read.
macro_rules! row_event {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $type:ident }) => {
        event! { $(#[$doc])* $name { $(#[$field_doc])* $field: $type } }

        impl $name {
            /// Reads an entry of the log; `cursor` is the position as the reader counts.
            #[must_use]
            pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
                let row = entry.subject()?;
                let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
                Some(Self { id, cursor, occurred_at, sequence, $field: $type(Arc::new(row)) })
            }
        }
    };
}

row_event! {
    /// A task is held out to the viewer.
    OfferCreated {
        /// The offer as it was then.
        offer: Offer
    }
}
row_event! {
    /// An offer to the viewer was accepted, declined, withdrawn, or not answered in time.
    OfferEnded {
        /// The offer as it was then.
        offer: Offer
    }
}
row_event! {
    /// Something about a task has changed.
    TaskChanged {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// The viewer's state as an agent, or how much they hold, has changed.
    AgentChanged {
        /// The agent as they were then.
        agent: Agent
    }
}
row_event! {
    /// A task has begun to wait in a queue: it came, came back, or was handed to it.
    TaskQueued {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// A task waits no more: it is held out to an agent, was moved, or the customer has gone.
    TaskDequeued {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// An agent has accepted a task of a queue.
    TaskAccepted {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// A task has left a queue or the agent who served it: it has ended, or was handed over.
    TaskReleased {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// An agent has turned to another state.
    AgentStateChanged {
        /// The agent as they were then.
        agent: Agent
    }
}

/// An entry of the log about an agent's desk.
#[derive(Union)]
pub enum AgentDesktopLogEvent {
    OfferCreated(OfferCreated),
    OfferEnded(OfferEnded),
    TaskChanged(TaskChanged),
    AgentChanged(AgentChanged),
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
            _ => return None,
        })
    }
}

/// An entry of the log about a queue.
#[derive(Union)]
pub enum QueueLogEvent {
    TaskQueued(TaskQueued),
    TaskDequeued(TaskDequeued),
    TaskAccepted(TaskAccepted),
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

/// An entry of the log about the states of all agents.
#[derive(Union)]
pub enum AgentStateLogEvent {
    /// An agent went to another state.
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
