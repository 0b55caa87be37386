//! The GraphQL API of attachments.

pub mod types;
pub mod loader;
pub mod payloads;
pub mod mutation;
