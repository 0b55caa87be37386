//! People: profiles, settings, and how one is found. A person is visible to every member while the account is active; a
//! block hides nobody's public profile.

pub mod index;
pub mod people;
pub mod profiles;
pub mod types;
pub mod viewer;
pub mod query;
pub mod mutation;
pub mod loader;
