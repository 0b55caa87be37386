//! What happens to tasks, offers and agents, as the log tells it.

use std::sync::Arc;

use async_graphql::{ID, Union};
use entity::event::EventKind;

use super::{offer_types::Offer, task_types::Task, types::Agent};
use crate::{
    error::{Error, Result},
    events::{cursor::Cursor, log::Entry, types::event},
};

/// Writes the type of an event that carries a row as it was then, and how it is read.
macro_rules! row_event {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $type:ident }) => {
        event! { $(#[$doc])* $name { $(#[$field_doc])* $field: $type } }

        impl $name {
            /// Reads an entry of the log; `cursor` is the position as the reader counts.
            pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
                let row = serde_json::from_value(entry.payload.clone()).map_err(Error::internal)?;
                let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
                Ok(Self { id, cursor, occurred_at, sequence, $field: $type(Arc::new(row)) })
            }
        }
    };
}

row_event! {
    /// A task is held out to the viewer.
    OfferMade {
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
    TaskUnqueued {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// An agent has accepted a task of a queue.
    TaskServed {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// A task has left a queue or the agent who served it: it has ended, or was handed over.
    TaskLeft {
        /// The task as it was then.
        task: Task
    }
}
row_event! {
    /// An agent has turned to another state.
    AgentTurned {
        /// The agent as they were then.
        agent: Agent
    }
}

/// An entry of the log about an agent's desk.
#[derive(Union)]
pub enum DeskLogEvent {
    OfferMade(OfferMade),
    OfferEnded(OfferEnded),
    TaskChanged(TaskChanged),
    AgentChanged(AgentChanged),
}

impl DeskLogEvent {
    /// Reads an entry of the log; `cursor` is the position as the reader counts.
    pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
        Ok(match entry.kind {
            EventKind::OfferMade => Self::OfferMade(OfferMade::read(entry, cursor)?),
            EventKind::OfferEnded => Self::OfferEnded(OfferEnded::read(entry, cursor)?),
            EventKind::TaskChanged => Self::TaskChanged(TaskChanged::read(entry, cursor)?),
            EventKind::AgentChanged => Self::AgentChanged(AgentChanged::read(entry, cursor)?),
            _ => return Err(Error::internal(anyhow::anyhow!("an event of another stream"))),
        })
    }
}

/// An entry of the log about a queue.
#[derive(Union)]
pub enum QueueLogEvent {
    TaskQueued(TaskQueued),
    TaskUnqueued(TaskUnqueued),
    TaskServed(TaskServed),
    TaskLeft(TaskLeft),
}

impl QueueLogEvent {
    /// Reads an entry of the log; `cursor` is the position as the reader counts.
    pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
        Ok(match entry.kind {
            EventKind::TaskQueued => Self::TaskQueued(TaskQueued::read(entry, cursor)?),
            EventKind::TaskUnqueued => Self::TaskUnqueued(TaskUnqueued::read(entry, cursor)?),
            EventKind::TaskServed => Self::TaskServed(TaskServed::read(entry, cursor)?),
            EventKind::TaskLeft => Self::TaskLeft(TaskLeft::read(entry, cursor)?),
            _ => return Err(Error::internal(anyhow::anyhow!("an event of another stream"))),
        })
    }
}
