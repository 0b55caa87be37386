//! Shared parts of the contact center's features: the locks that come before all rows, timers, and administrators'
//! changes.

pub mod locks;
pub mod timers;
pub mod admin_change;
pub mod name_validation;
pub mod graphql;
