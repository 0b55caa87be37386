//! The effect of a mutation, for its payload.

use async_graphql::Enum;

/// The effect of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Outcome {
    /// The call had its effect.
    Applied,
    /// The state was already as requested. The call wrote nothing and emitted no event.
    NoChange,
    /// The other user had also sent a request, so the two users are now connected.
    ConnectedByMutualRequest,
    /// The call was refused. `userErrors` has the reasons.
    Refused,
}

impl Outcome {
    /// Returns `Applied` for a change, and otherwise `NoChange`.
    #[must_use]
    pub fn of(changed: bool) -> Self {
        if changed { Self::Applied } else { Self::NoChange }
    }
}
