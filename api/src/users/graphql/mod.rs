//! The GraphQL face of users and the viewer. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod interfaces;
pub mod viewer_types;
pub mod node;
pub mod query;
pub mod mutation;
pub mod subscription;
pub mod loader;
