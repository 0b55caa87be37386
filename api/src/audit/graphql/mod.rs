//! The GraphQL face of the audit log. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod query;
pub mod loader;
