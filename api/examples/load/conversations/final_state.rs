//! The final states of generated conversations.

/// The final state of a generated conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalState {
    /// The conversation is closed and wrapped up.
    Closed,
    /// The conversation is closed, and its agent has not submitted the wrap-up yet.
    WrapUpPending,
    /// The agent and the customer are in conversation.
    Connected,
    /// The task is offered to an agent.
    Offered,
}
