//! Routing: queued tasks are offered by priority and then by how long they wait, to the agent who has been available longest. One
//! router decides at a time, over all instances.

pub mod requeue;
pub mod queue_changes;
pub mod router;
pub mod background;
