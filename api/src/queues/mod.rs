//! Queues: their rules, opening hours, positions and statistics. A queue in use has one channel and its eligible
//! agents.

pub mod queue_rows;
pub mod opening_hours;
pub mod hours_input;
pub mod position;
pub mod statistics;
pub mod queue_admin;
pub mod graphql;
