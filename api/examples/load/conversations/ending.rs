//! Where the conversations of the load stand.

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is over, and wrapped up.
    Over,
    /// It is over, and its agent owes a wrap-up.
    WrapUpOwed,
    /// Customer and agent talk.
    Talking,
    /// It waits, held out to an agent.
    Offered,
}
