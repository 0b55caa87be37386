//! Refusals in payloads. Each is expected, and has a code and the refused field.

use std::borrow::Cow;

use async_graphql::{Enum, SimpleObject};

use super::{Error, Refusal, Result};

/// A refusal that is part of the answer. The server understood the call and changed nothing.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// The kind of refusal. Treat an unknown code as a plain refusal.
    pub code: UserErrorCode,
    /// A sentence in English for developers. It is not meant for end users.
    pub message: String,
    /// The path of the refused input field, from the root of the mutation's arguments. `input` alone when the call is
    /// refused as a whole. Null for a mutation without arguments.
    pub field: Option<Vec<String>>,
    /// The number of seconds after which the same call can succeed, for TOO_MANY_ATTEMPTS and,
    /// rounded up to whole days, for REQUEST_COOLDOWN. Null for other codes.
    pub retry_after: Option<u32>,
    /// The limit that the call breaks, in the unit of the field, for TOO_LONG, OUT_OF_RANGE, LIMIT_REACHED and
    /// INVALID for a long text. Null for other refusals.
    pub limit: Option<i64>,
    /// The actual length of a text that is too long, or the number that is out of range. Null for other refusals.
    pub actual: Option<i64>,
}

impl UserError {
    /// Creates a refusal with a code, the path of the refused field and a message.
    #[must_use]
    pub fn new(code: UserErrorCode, field: &'static [&'static str], message: &'static str) -> Self {
        Refusal::new(code, field, message).into()
    }

    /// Creates the refusal of an id that names nothing visible to the caller.
    #[must_use]
    pub fn not_found(field: &'static [&'static str]) -> Self {
        Self::new(UserErrorCode::NotFound, field, "Not found.")
    }
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        let field: Vec<String> = refusal.field.into_iter().map(Cow::into_owned).collect();
        Self {
            code: refusal.code,
            message: refusal.message.into_owned(),
            field: (!field.is_empty()).then_some(field),
            retry_after: refusal.retry_after,
            limit: refusal.limit,
            actual: refusal.actual,
        }
    }
}

/// The reason of a refusal. New codes may come: treat an unknown code as a plain refusal with its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// A value breaks its documented limits.
    Invalid,
    /// A value that is needed is missing or empty.
    Required,
    /// A number is too small or too large. `limit` has the limit that it breaks.
    OutOfRange,
    /// The id names nothing, or nothing that the caller may see.
    NotFound,
    /// The caller may not do this, or not in the present state. `message` says why.
    NotAllowed,
    /// An API key may not do this. Sign in.
    NotForKeys,
    /// The handle or the password is wrong.
    WrongPassword,
    /// The maximum number is reached. `limit` has it.
    LimitReached,
    /// The object is the default, which must exist. Make another one the default first.
    IsDefault,
    /// The object is archived and can no longer change.
    Archived,
    /// The last administrator must remain one.
    LastAdministrator,
    /// A conference or an invitation to one must end first.
    ConferenceInProgress,
    /// The caller has no pending wrap-up of this task.
    NothingToWrapUp,
    /// The channel does not support this format of a text.
    FormatNotSupported,
    /// The target is the caller.
    #[graphql(name = "CANNOT_TARGET_SELF")]
    CannotTargetSelf,
    /// The caller blocks the other person. Unblock the person first.
    BlockedByViewer,
    /// Only the requester may do this.
    NotRequester,
    /// Only the recipient of the request may do this.
    NotRecipient,
    /// The request is no longer pending.
    NotPending,
    /// The person takes no connection requests from the caller.
    RequestsDisabled,
    /// An earlier request was ignored or closed. The caller may ask again later.
    RequestCooldown,
    /// A thing with this unique value already exists.
    Duplicate,
    /// The text exceeds its maximum length. `limit` and `actual` have the lengths.
    TooLong,
    /// The account is deactivated. Sign in with `reactivate` to take part again.
    AccountDeactivated,
    /// The idempotency key was used before, for another call.
    IdempotencyKeyReused,
    /// Too many attempts in a short time. `retryAfter` says when to try again.
    TooManyAttempts,
    /// Messages of this side may not carry files of this type here.
    FileTypeNotAllowed,
    /// The file, or all files of the message together, are too large. `limit` and `actual` have the bytes.
    FileTooLarge,
    /// The text of the template cannot be changed.
    TemplateLocked,
    /// A value of the template is missing. `message` names the parameters.
    ParameterMissing,
    /// The bytes of the file have not been uploaded.
    FileNotUploaded,
    /// The offer expired or was withdrawn.
    OfferExpired,
    /// Another agent accepted the task.
    OfferAlreadyAccepted,
    /// The agent has no free capacity.
    OverCapacity,
    /// The agent is not available.
    AgentNotAvailable,
    /// The conversation or the task has ended.
    ConversationEnded,
    /// The caller is not a participant of the conversation.
    NotAParticipant,
    /// The customer must agree to the end first. Confirm it with `customerAgreed`.
    CustomerConsentRequired,
    /// This state cannot be chosen, or not now.
    InvalidStateTransition,
    /// The reason does not exist, or too many or too few reasons are given.
    InvalidReason,
    /// A required wrap-up is pending and must be completed first.
    WrapUpPending,
    /// The channel does not support conferences, so no second agent can join.
    ConferenceNotSupported,
    /// The task cannot be transferred to this target.
    TransferTargetRefused,
}

/// Turns the result of a verb into the parts of a payload. A refusal becomes data, and a fault stays an error.
pub fn into_user_errors<T>(result: Result<T>) -> Result<std::result::Result<T, Vec<UserError>>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Refused(refusal)) => Ok(Err(vec![refusal.into()])),
        Err(fault) => Err(fault),
    }
}
