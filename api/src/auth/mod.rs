//! Authentication and authorization. The guard on a field checks the scope of the token. The finder of a row checks
//! that the caller may see it. No other code checks rights.

pub mod load_scheduler;
pub mod viewer;
pub mod request_context;
pub mod jwt;
pub mod issuer;
pub mod secret;
pub mod api_keys;
pub mod revocation;
pub mod visitor_tokens;
pub mod links;
pub mod authenticator;
pub mod guard;
pub mod idempotency;
pub mod password;
pub mod active_caller;
