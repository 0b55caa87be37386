//! Reason codes: idle reasons of agents and reasons of wrap-ups. Exactly one of each kind is the default.

pub mod reasons;
pub mod graphql;
