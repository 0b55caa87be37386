//! The final states of generated conversations.

/// The final state of a generated conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The conversation is closed and wrapped up.
    Over,
    /// The conversation is closed, and its agent has not submitted the wrap-up yet.
    WrapUpOwed,
    /// The agent and the customer are in conversation.
    Talking,
    /// The task is offered to an agent.
    Offered,
}
