//! Refusals as payloads show them: expected, coded, and with the field they are about.

use async_graphql::{Enum, SimpleObject};

use super::{Error, Refusal, Result};

/// A refusal that is part of the answer: the call was understood and nothing was changed.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// What kind of refusal it is. Treat a code you do not know as a plain refusal.
    pub code: UserErrorCode,
    /// A sentence in English for developers; not meant for end users.
    pub message: String,
    /// The path of the input field it is about, from the root of the mutation's arguments. Null when it is about none.
    pub field: Option<Vec<String>>,
    /// After how many seconds the same call can succeed, for TOO_MANY_ATTEMPTS. Null for other codes.
    pub retry_after: Option<u32>,
}

impl UserError {
    /// The answer to an id that names nothing the caller may see.
    #[must_use]
    pub fn not_found(field: &'static [&'static str]) -> Self {
        Refusal::not_found(field).into()
    }
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        let field = refusal.field.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        Self {
            code: refusal.code,
            message: refusal.message.into_owned(),
            field: (!field.is_empty()).then_some(field),
            retry_after: refusal.retry_after,
        }
    }
}

/// Why a call was refused. Grows over time: treat an unknown code as a plain refusal with its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// A value breaks its documented limits.
    Invalid,
    /// The id names nothing, or nothing that the caller may see.
    NotFound,
    /// The other person does not allow it, or name and password do not match.
    NotAllowed,
    /// The target is the caller.
    #[graphql(name = "SELF")]
    Oneself,
    /// The caller blocks the other person: unblock first.
    YouBlocked,
    /// Only the one who made the request may do this.
    NotRequester,
    /// Only the one who was asked may do this.
    NotRecipient,
    /// The request is no longer pending.
    NotPending,
    /// The person takes no connection requests from the caller.
    TakesNoRequests,
    /// An earlier request was not taken up; asking again is possible later.
    CoolingDown,
    /// Something with this unique value exists already.
    Duplicate,
    /// The text is longer than it may be.
    TooLong,
    /// The account was put to rest: sign in with `reactivate` to take part again.
    AccountDeactivated,
    /// The idempotency key was used before, for something else.
    IdempotencyKeyReused,
    /// Too many tries in a short time; `retryAfter` says when to try again.
    TooManyAttempts,
    /// The offer was not answered in time, or was taken back.
    OfferExpired,
    /// Somebody else has taken the task.
    OfferTaken,
    /// The agent holds as much as the profile lets them.
    OverCapacity,
    /// The agent is not available.
    AgentNotAvailable,
    /// The conversation, or the task, has ended.
    ConversationEnded,
    /// The caller does not take part in the conversation.
    NotAParticipant,
    /// The customer has to agree to the end first: say so with `customerAgreed`.
    CustomerConsentRequired,
    /// This state cannot be chosen, or not now.
    StateNotSettable,
    /// There is no such reason to give, or not so many.
    ReasonNotAllowed,
    /// A wrap-up is owed first.
    WrapUpPending,
    /// Another agent cannot be asked to join on this channel.
    ConferenceNotSupported,
    /// The task cannot be handed to this target.
    TransferTargetRefused,
}

/// Makes a payload of a verb's result: a refusal becomes data, a fault stays an error.
pub fn settle<T>(result: Result<T>) -> Result<std::result::Result<T, Vec<UserError>>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Refused(refusal)) => Ok(Err(vec![refusal.into()])),
        Err(fault) => Err(fault),
    }
}
