//! What stands between two people: connection by request, follows, blocks, mutes. One row per unordered pair is the lock of
//! everything the two do to one another, so no race reaches a state that is not one of the nineteen legal ones. A blocked
//! person gets exactly the answers of somebody whom nobody may approach.

pub mod pairs;
pub mod requests;
pub mod connections;
pub mod deeds;
pub mod follows;
pub mod blocks;
pub mod mutes;
pub mod notes;
pub mod bulk;
pub mod types;
pub mod payloads;
pub mod query;
pub mod mutation;
pub mod subscription;
pub mod loader;
