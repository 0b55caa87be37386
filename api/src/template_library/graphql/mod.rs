//! The GraphQL API of templates.

pub mod types;
pub mod loader;
pub mod payloads;
pub mod query;
pub mod mutation;
