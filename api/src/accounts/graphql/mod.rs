//! The GraphQL face of accounts and sessions. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod query;
pub mod mutation;
pub mod loader;
