//! Relationships of two people: connections by request, follows, blocks and mutes. One row for each unordered pair is
//! the lock of everything that the two do to each other. So no race reaches a state outside the nineteen legal ones. A
//! blocked person gets exactly the answers that settings against every user would give.

pub mod pair;
pub mod actions;
pub mod requests;
pub mod follows;
pub mod blocks;
pub mod mutes;
pub mod notes;
pub mod connections;
pub mod bulk;
pub mod graphql;
