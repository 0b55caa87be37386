//! The GraphQL face of the event log. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod log_entry;
pub mod topics;
pub mod subscription;
pub mod viewer_events;
pub mod effect;
pub mod query;
