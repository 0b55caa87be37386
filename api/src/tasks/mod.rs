//! Tasks: the work on a conversation from its arrival to the last wrap-up. A conversation has at most one live task. A
//! task has at most one pending offer, and one agent wins it. The lock of the conversation protects its tasks and their
//! offers. It must be taken before the locks of agents.

pub mod task_rows;
pub mod task_list;
pub mod task_pages;
pub mod candidates;
pub mod routing_decisions;
pub mod skill_steps;
pub mod queueing;
pub mod offers;
pub mod wrap_ups;
pub mod earlier_calls;
pub mod closing;
pub mod target_search;
pub mod transfer_targets;
pub mod transfers;
pub mod conferences;
pub mod offer_outcomes;
pub mod availability;
pub mod supervision;
pub mod offboarding;
pub mod graphql;
