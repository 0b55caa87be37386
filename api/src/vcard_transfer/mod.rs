//! vCards of people and of personal contacts, out and in. A card holds what its reader may see at that instant and nothing
//! else; what comes in passes the same limits as what is written by hand, and coming in twice changes nothing.

pub mod card;
pub mod export;
pub mod validate;
pub mod import;
pub mod graphql;
