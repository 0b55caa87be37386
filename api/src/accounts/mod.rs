//! Accounts: making one, signing in, sessions, passwords, addresses that were confirmed, and API keys.

pub mod places;
pub mod sessions;
pub mod standing;
pub mod retention;
pub mod strength;
pub mod api_keys;
pub mod tokens;
pub mod outbox;
pub mod passwords;
pub mod recovery;
pub mod mails;
pub mod types;
pub mod query;
pub mod mutation;
