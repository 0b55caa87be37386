//! Agents and their work: states, queues, routing, offers, tasks and wrap-ups. At most one live offer of a task; one accept
//! wins; no agent above their limits; first in, first out inside a priority. Locks are taken in one order: the conversation,
//! which guards its tasks and their offers, then the agent, who guards their state and how much they hold.

pub mod capacity;
pub mod ledger;
pub mod states;
pub mod hours;
pub mod queues;
pub mod members;
pub mod deadlines;
pub mod tasks;
pub mod waiting;
pub mod assignments;
pub mod offers;
pub mod routing;
pub mod moves;
pub mod wrap_ups;
pub mod endings;
pub mod targets;
pub mod transfers;
pub mod conferences;
pub mod supervision;
pub mod counts;
pub mod retirement;
pub mod set_up;
pub mod workers;
pub mod types;
pub mod offer_types;
pub mod queue_types;
pub mod profile_types;
pub mod task_types;
pub mod event_types;
pub mod query;
pub mod listing;
pub mod mutation;
pub mod teamwork;
pub mod watching;
pub mod subscription;
pub mod loader;
