//! The tables as Rust types: one module per table, the ids and the stored enums. Shape only; the rules live in `api`.

pub mod api_key;
pub mod connection_request;
pub mod contact;
pub mod credential;
pub mod directory;
pub mod event;
pub mod event_entry;
pub mod id;
pub mod log_head;
pub mod refresh_token;
pub mod relationship;
pub mod session;
pub mod stream;
pub mod user;
pub mod user_gram;
pub mod user_search;
