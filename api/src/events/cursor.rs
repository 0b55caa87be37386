//! Cursors: the positions in the log that clients keep. A cursor is opaque and stable, and fits only its own stream or
//! user.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::{
    id::{ConversationId, CustomerId, QueueId, UserId},
    stream::StreamKind,
};
use uuid::Uuid;

use super::log::{LoggedEvent, Stream};
use crate::error::{Error, Result};

/// A position in an event stream, as opaque text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A position in an event stream. It is opaque: keep it and send it back as `after`, but never compare two of them.
#[Scalar]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

const STREAM: u8 = 1;
const GLOBAL: u8 = 2;

impl Cursor {
    /// Returns the cursor after the event with this sequence number in `stream`.
    #[must_use]
    pub fn in_stream(stream: Stream, sequence: i64) -> Self {
        let kind = [STREAM, stream.kind.code()];
        Self(URL_SAFE_NO_PAD.encode([&kind, stream.owner.as_bytes().as_slice(), &sequence.to_be_bytes()].concat()))
    }

    /// Returns the cursor of `owner`, a user or a customer, after this position in the global order. All keys of the
    /// organization share one owner, the nil id, so that a new key continues where an earlier one ended.
    #[must_use]
    pub fn global(owner: Uuid, position: i64) -> Self {
        Self(URL_SAFE_NO_PAD.encode([&[GLOBAL, 0], owner.as_bytes().as_slice(), &position.to_be_bytes()].concat()))
    }

    /// Returns the sequence number. Refuses a cursor of another stream with an error on `after`.
    pub fn sequence_in(&self, stream: Stream) -> Result<i64> {
        self.number(STREAM, stream.kind.code(), stream.owner)
    }

    /// Returns the global position. Refuses a cursor of another owner with an error on `after`.
    pub fn position_of(&self, owner: Uuid) -> Result<i64> {
        self.number(GLOBAL, 0, owner)
    }

    /// Returns the cursor of a log entry for a reader of several streams. The entry has a position.
    #[must_use]
    pub fn of_entry(owner: Uuid, entry: &LoggedEvent) -> Self {
        Self::global(owner, entry.position.unwrap_or_default())
    }

    fn number(&self, form: u8, kind: u8, owner: Uuid) -> Result<i64> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(&self.0).ok().filter(|bytes| bytes.len() == 26)?;
            let of_this = bytes[..2] == [form, kind] && Uuid::from_slice(&bytes[2..18]).ok()? == owner;
            let number = i64::from_be_bytes(bytes[18..].try_into().ok()?);
            (of_this && number >= 0).then_some(number)
        };
        read().ok_or_else(|| Error::invalid("after", "This is not a cursor of this stream."))
    }
}

/// Returns the stream of the requests and offers to a user.
#[must_use]
pub fn requests_of(user: UserId) -> Stream {
    Stream { kind: StreamKind::Requests, owner: user.0 }
}

/// Returns the stream of additions to a user's contact lists and removals from them.
#[must_use]
pub fn contacts_of(user: UserId) -> Stream {
    Stream { kind: StreamKind::Contacts, owner: user.0 }
}

/// Returns the stream of a user's notifications.
#[must_use]
pub fn notifications_of(user: UserId) -> Stream {
    Stream { kind: StreamKind::Notifications, owner: user.0 }
}

/// Returns the stream of a user's own activities.
#[must_use]
pub fn activities_of(user: UserId) -> Stream {
    Stream { kind: StreamKind::Activities, owner: user.0 }
}

/// Returns the stream of a direct conversation.
#[must_use]
pub fn direct_conversation_of(conversation: ConversationId) -> Stream {
    Stream { kind: StreamKind::DirectConversation, owner: conversation.0 }
}

/// Returns the stream of all direct conversations of a user.
#[must_use]
pub fn direct_inbox_of(user: UserId) -> Stream {
    Stream { kind: StreamKind::DirectInbox, owner: user.0 }
}

/// Returns the stream of a conversation with a customer for the organization's side.
#[must_use]
pub fn conversation_of(conversation: ConversationId) -> Stream {
    Stream { kind: StreamKind::Conversation, owner: conversation.0 }
}

/// Returns the stream of a conversation for its customer.
#[must_use]
pub fn customer_side_of(conversation: ConversationId) -> Stream {
    Stream { kind: StreamKind::CustomerSide, owner: conversation.0 }
}

/// Returns the stream of a customer's details.
#[must_use]
pub fn customer_of(customer: CustomerId) -> Stream {
    Stream { kind: StreamKind::Customer, owner: customer.0 }
}

/// Returns the stream of a user's profile.
#[must_use]
pub fn profile_of(user: UserId) -> Stream {
    Stream { kind: StreamKind::Profile, owner: user.0 }
}

/// Returns the stream of an agent's desktop.
#[must_use]
pub fn desk_of(agent: UserId) -> Stream {
    Stream { kind: StreamKind::AgentDesktop, owner: agent.0 }
}

/// Returns the stream of the states of all agents.
#[must_use]
pub fn all_agents() -> Stream {
    Stream { kind: StreamKind::Agents, owner: Uuid::nil() }
}

/// Returns the stream of a queue.
#[must_use]
pub fn queue_of(queue: QueueId) -> Stream {
    Stream { kind: StreamKind::Queue, owner: queue.0 }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, UserId, Uuid, requests_of};

    #[test]
    fn a_cursor_is_a_position_of_one_stream_of_one_person() {
        let (ann, ben) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let cursor = Cursor::in_stream(requests_of(ann), 42);
        assert_eq!(cursor.sequence_in(requests_of(ann)).ok(), Some(42));
        assert!(cursor.sequence_in(requests_of(ben)).is_err());
        assert!(cursor.position_of(ann.0).is_err());
        assert_eq!(Cursor::global(ann.0, 7).position_of(ann.0).ok(), Some(7));
        for bad in ["", "AAAA", "☃", &cursor.0[1..], &format!("{}A", cursor.0)] {
            assert!(Cursor(bad.to_owned()).sequence_in(requests_of(ann)).is_err(), "{bad}");
        }
    }
}
