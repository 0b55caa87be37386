//! The GraphQL face of conversations. Its files may name any other feature, because GraphQL is a graph.

pub mod capability_types;
pub mod types;
pub mod list_types;
pub mod participant_types;
pub mod announcement_types;
pub mod item_types;
pub mod payloads;
pub mod event_types;
pub mod query;
pub mod mutation;
pub mod subscription;
pub mod list_stream;
pub mod inbox;
pub mod loader;
pub mod departure;
