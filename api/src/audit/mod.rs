//! The audit log: actions of administrators and organization keys. Each action writes one entry in its own transaction.
//! A refused action writes none, and neither does one that changes nothing. An entry never changes and outlives the
//! user and the object that it names.

pub mod entries;
pub mod graphql;
