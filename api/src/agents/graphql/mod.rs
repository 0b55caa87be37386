//! The GraphQL API of agents, profiles and skills. Its files may name any other feature, because GraphQL is a graph.

pub mod statistics_types;
pub mod types;
pub mod list_types;
pub mod profile_types;
pub mod payloads;
pub mod query;
pub mod mutation;
pub mod admin_mutation;
pub mod subscription;
pub mod loader;
