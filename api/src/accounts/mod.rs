//! Accounts: making one, signing in, sessions, passwords and API keys.

pub mod sessions;
pub mod standing;
pub mod passwords;
pub mod api_keys;
pub mod types;
pub mod query;
pub mod mutation;
