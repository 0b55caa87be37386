//! The GraphQL face of customers' records. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod query;
pub mod mutation;
