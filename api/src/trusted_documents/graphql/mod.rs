//! The GraphQL API of trusted documents. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod query;
pub mod mutation;
