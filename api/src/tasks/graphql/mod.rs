//! The GraphQL types, mutations and subscriptions of tasks, offers and supervision.

pub mod types;
pub mod wrap_up_types;
pub mod intake_types;
pub mod payloads;
pub mod offer_types;
pub mod event_types;
pub mod list_types;
pub mod query;
pub mod mutation;
pub mod transfer_mutation;
pub mod supervision;
pub mod supervision_mutation;
pub mod supervision_subscription;
pub mod supervisor_desktop;
pub mod target_subscription;
pub mod loader;
