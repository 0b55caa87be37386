//! Routing: queued tasks are offered to agents. The order is the priority and then the waiting time. The agent who has
//! been available longest gets the offer. One router of all instances decides at a time.

pub mod requeue;
pub mod queue_changes;
pub mod router;
pub mod background;
