//! Shared parts of the GraphQL API of the contact center.

pub mod payloads;
pub mod loading;
