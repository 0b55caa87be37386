//! The GraphQL face of relationships. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod event_types;
pub mod payloads;
pub mod query;
pub mod mutation;
pub mod subscription;
pub mod loader;
