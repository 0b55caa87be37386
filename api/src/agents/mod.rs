//! Agents: their state, capacity, skills, profiles, and the queues that they are eligible for. An offer never exceeds
//! an agent's capacity. The lock of an agent's row guards the agent's state and assignments.

pub mod capacity;
pub mod assignments;
pub mod state_history;
pub mod agent_statistics;
pub mod agent_state;
pub mod eligibility;
pub mod skills;
pub mod profiles;
pub mod agent_admin;
pub mod graphql;
