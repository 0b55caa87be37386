//! Accounts: making one and signing in.

pub mod sessions;
pub mod mutation;
