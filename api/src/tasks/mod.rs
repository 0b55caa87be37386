//! Tasks: a conversation's work from its arrival to the last wrap-up. A conversation has at most one live task, a task at most one
//! pending offer, and one accept wins. The lock of the conversation guards its tasks and their offers; it comes before the locks of
//! agents.

pub mod task_rows;
pub mod candidates;
pub mod routing_decisions;
pub mod skill_steps;
pub mod queueing;
pub mod offers;
pub mod wrap_ups;
pub mod closing;
pub mod target_search;
pub mod transfer_targets;
pub mod transfers;
pub mod conferences;
pub mod offer_outcomes;
pub mod supervision;
pub mod offboarding;
pub mod graphql;
