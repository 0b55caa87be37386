//! What the mutations of conversations take and answer.

use std::sync::Arc;

use async_graphql::{ID, InputObject, SimpleObject};
use entity::thread_item::TextFormat;

use super::{
    items::types::{Message, Note},
    messages::{Draft, Sent},
    threads::Side,
    types::Conversation,
};
use crate::{
    error::{Result, UserError, settle},
    relationships::deeds::Outcome,
};

/// What to send.
#[derive(InputObject)]
pub struct SendMessageInput {
    /// In which conversation.
    pub conversation_id: ID,
    /// An id that the client makes up for this message, 1 to 100 printable characters, such as a UUID: sent again with the
    /// same one, the message is not sent again, but answered once more.
    pub client_message_id: String,
    /// The text: not empty, at most as long as `replyCapability.characterLimit` says, in Unicode scalar values; 32,768 where
    /// it says nothing, and 8,192 of MARKDOWN. Without control characters but for tabs and new lines.
    pub body: String,
    /// How it is written: PLAIN, or MARKDOWN where `replyCapability.formats` has it.
    #[graphql(default_with = "TextFormat::Plain")]
    pub format: TextFormat,
    /// The message of the same conversation that it answers.
    pub reply_to_id: Option<ID>,
}

/// What to write down.
#[derive(InputObject)]
pub struct AddNoteInput {
    /// In which conversation.
    pub conversation_id: ID,
    /// An id that the client makes up for this note, as for `sendMessage`.
    pub client_message_id: String,
    /// The text: not empty, at most 4,096 Unicode scalar values.
    pub body: String,
}

/// What to change.
#[derive(InputObject)]
pub struct EditMessageInput {
    /// Which message.
    pub message_id: ID,
    /// The new text, within the limits of `sendMessage`.
    pub body: String,
    /// How it is written.
    #[graphql(default_with = "TextFormat::Plain")]
    pub format: TextFormat,
}

/// What to take back.
#[derive(InputObject)]
pub struct DeleteMessageInput {
    /// Which message.
    pub message_id: ID,
}

/// How far the viewer has read.
#[derive(InputObject)]
pub struct MarkConversationReadInput {
    /// In which conversation.
    pub conversation_id: ID,
    /// Up to the entry with this `sequence`, as the viewer counts. One beyond the last stands for the last.
    pub up_to_sequence: i64,
}

/// Whether the viewer is writing.
#[derive(InputObject)]
pub struct SetTypingInput {
    /// In which conversation.
    pub conversation_id: ID,
    /// True when the viewer begins to write, false when they stop.
    pub typing: bool,
}

/// With whom to talk.
#[derive(InputObject)]
pub struct StartDirectConversationInput {
    /// The other person.
    pub user_id: ID,
}

impl SendMessageInput {
    /// The text as the verb takes it.
    #[must_use]
    pub fn draft(self) -> Draft {
        Draft {
            client_message_id: self.client_message_id,
            body: self.body,
            format: self.format,
            reply_to: self.reply_to_id.map(|id| id.0),
        }
    }
}

impl AddNoteInput {
    /// The text as the verb takes it.
    #[must_use]
    pub fn draft(self) -> Draft {
        Draft { client_message_id: self.client_message_id, body: self.body, format: TextFormat::Plain, reply_to: None }
    }
}

/// The answer to `sendMessage`.
#[derive(SimpleObject)]
pub struct SendMessagePayload {
    /// The message; null when refused.
    message: Option<Message>,
    /// Whether an earlier call with the same `clientMessageId` had sent it.
    replayed: bool,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl SendMessagePayload {
    pub fn of(sent: Result<Sent>, side: Side) -> Result<Self> {
        Ok(match settle(sent)? {
            Ok(Sent { item, replayed }) => {
                Self { message: Some(Message { row: Arc::new(item), side }), replayed, user_errors: vec![] }
            }
            Err(user_errors) => Self { message: None, replayed: false, user_errors },
        })
    }
}

/// The answer to `addNote`.
#[derive(SimpleObject)]
pub struct AddNotePayload {
    /// The note; null when refused.
    note: Option<Note>,
    /// Whether an earlier call with the same `clientMessageId` had written it.
    replayed: bool,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl AddNotePayload {
    pub fn of(sent: Result<Sent>) -> Result<Self> {
        Ok(match settle(sent)? {
            Ok(Sent { item, replayed }) => {
                let note = Note { row: Arc::new(item), side: Side::Staff };
                Self { note: Some(note), replayed, user_errors: vec![] }
            }
            Err(user_errors) => Self { note: None, replayed: false, user_errors },
        })
    }
}

macro_rules! about_a_message {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The message as it is now; null when refused.
            message: Option<Message>,
            /// What the call did.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }

        impl $name {
            pub fn of(done: Result<(entity::thread_item::Model, bool)>, side: Side) -> Result<Self> {
                Ok(match settle(done)? {
                    Ok((item, changed)) => Self {
                        message: Some(Message { row: Arc::new(item), side }),
                        outcome: Outcome::of(changed),
                        user_errors: vec![],
                    },
                    Err(user_errors) => Self { message: None, outcome: Outcome::Refused, user_errors },
                })
            }
        }
    )*};
}

about_a_message! {
    EditMessagePayload "editMessage",
    DeleteMessagePayload "deleteMessage",
}

macro_rules! about_a_conversation {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The conversation as it is now; null when refused.
            pub conversation: Option<Conversation>,
            /// What the call did.
            pub outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            pub user_errors: Vec<UserError>,
        }
    )*};
}

about_a_conversation! {
    MarkConversationReadPayload "markConversationRead",
    StartDirectConversationPayload "startDirectConversation",
}

/// The answer to `setTyping`.
#[derive(SimpleObject)]
pub struct SetTypingPayload {
    /// APPLIED when it was said on, NO_CHANGE when there were too many hints in a short time and this one was let go.
    pub outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    pub user_errors: Vec<UserError>,
}
