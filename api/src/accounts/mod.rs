//! Accounts: sign-up, sign-in, sessions, passwords, confirmed addresses and API keys. Every secret is stored as a
//! digest.

/// The origins from which an account was signed in to before.
pub mod sign_in_origin;
/// Sessions and their refresh tokens.
pub mod sessions;
/// The status of an account and its consequences.
pub mod account_status;
/// The rules for new passwords.
pub mod password_strength;
/// The rules for the names and scopes of API keys.
pub mod key_validation;
/// API keys of users and of the organization.
pub mod api_keys;
/// Single-use tokens in e-mails.
pub mod tokens;
/// The removal of old sessions, refresh tokens and tokens of e-mails.
pub mod retention;
/// The queue of e-mails to the owners of accounts.
pub mod outbox;
/// Sign-in and changes of password.
pub mod passwords;
/// Sign-up.
pub mod sign_up;
/// Forgotten passwords and confirmation of addresses.
pub mod recovery;
/// The worker that sends e-mails to the owners of accounts.
pub mod account_emails;
pub mod graphql;
