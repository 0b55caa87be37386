//! Visitors of web sites: what they see before a chat, how one begins, what they are known by. A visitor is a customer at one
//! entry point, who sees their own conversations there and nothing else; a page of a site that the entry point does not list
//! finds nothing.

pub mod tokens;
pub mod sites;
pub mod forms;
pub mod identities;
pub mod chats;
pub mod retention;
pub mod types;
pub mod query;
pub mod mutation;
