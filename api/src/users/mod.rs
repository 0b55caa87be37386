//! People: profiles, settings and lookup. Every member sees a person while the account is active. A block hides no
//! public profile.

pub mod index;
pub mod people;
pub mod profile_changes;
pub mod avatar_pictures;
pub mod avatars;
pub mod profiles;
pub mod graphql;
