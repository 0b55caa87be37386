//! The GraphQL face of tasks, offers and supervision. Its files may name any other feature, because GraphQL is a graph.

pub mod types;
pub mod offer_types;
pub mod event_types;
pub mod mutation;
pub mod transfer_mutation;
pub mod supervision;
pub mod supervision_mutation;
pub mod supervision_subscription;
pub mod loader;
