//! The GraphQL face of contact lists. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod query;
pub mod subscription;
pub mod loader;
