//! The GraphQL face of notifications. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod unread_types;
pub mod query;
pub mod mutation;
pub mod subscription;
