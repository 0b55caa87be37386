//! Visitors of web sites: the form before a chat, the start of a chat, signed identities and tokens. A visitor is a
//! customer at one entry point, and sees only their own conversations there. For a page of a site that is not listed,
//! the entry point does not exist.

pub mod tokens;
pub mod signed_identity;
pub mod start_chat;
pub mod retention;
pub mod graphql;
