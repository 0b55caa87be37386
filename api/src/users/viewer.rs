//! Whoever calls: a person, or a key of the organisation.

pub mod types;
