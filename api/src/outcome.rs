//! The effect of a mutation, for its payload.

use async_graphql::Enum;

/// The effect of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Outcome {
    /// The call had its effect.
    Applied,
    /// The state was already as requested, or an earlier call with the same key had the effect. The call emitted no
    /// event.
    NoChange,
    /// The other user had also sent a request, so the two users are now connected.
    ConnectedByMutualRequest,
    /// The call was refused. `userErrors` has the reasons, or the result for each object, if a call has several.
    Refused,
}

impl Outcome {
    /// Returns `Applied` for a change, and otherwise `NoChange`.
    #[must_use]
    pub fn of(changed: bool) -> Self {
        if changed { Self::Applied } else { Self::NoChange }
    }

    /// Returns the outcome of a call with a result for each of several objects: `Applied` if one was changed, `Refused`
    /// if all were refused, and otherwise `NoChange`.
    #[must_use]
    pub fn of_all(each: impl IntoIterator<Item = Self>) -> Self {
        let (mut changed, mut refused, mut count) = (false, 0, 0);
        for outcome in each {
            changed |= matches!(outcome, Self::Applied | Self::ConnectedByMutualRequest);
            refused += usize::from(outcome == Self::Refused);
            count += 1;
        }
        if count > 0 && refused == count { Self::Refused } else { Self::of(changed) }
    }
}

impl From<bool> for Outcome {
    fn from(changed: bool) -> Self {
        Self::of(changed)
    }
}
