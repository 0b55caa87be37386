//! The GraphQL face of activities and feeds. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod query;
pub mod mutation;
pub mod subscription;
