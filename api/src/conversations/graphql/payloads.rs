//! Input and result types of the conversation mutations.

use std::sync::Arc;

use async_graphql::{ID, InputObject, SimpleObject};
use entity::thread_item::TextFormat;

use super::{
    item_types::{Message, Note},
    types::Conversation,
};
use crate::conversations::{
    conversation_rows::ConversationSide,
    message_content::{Draft, MessageFields},
    messages::SentMessage,
};
use crate::{
    error::{Result, UserError, into_user_errors},
    outcome::Outcome,
};

/// The message to send.
#[derive(InputObject)]
pub struct SendMessageInput {
    /// The conversation in which to send it.
    pub conversation_id: ID,
    /// An id that the client creates for this message, 1 to 100 printable characters, such as a UUID. A second call
    /// with the same id does not send the message again and returns the first one.
    pub client_message_id: String,
    /// The text, not empty. Its maximum length in Unicode scalar values is `replyCapability.characterLimit`, or
    /// 32,768 if that is null. A MARKDOWN text has at most 8,192. Tabs and new lines are the only control characters
    /// that are allowed.
    pub body: String,
    /// The format of the text: PLAIN, or MARKDOWN if `replyCapability.formats` has it.
    #[graphql(default_with = "TextFormat::Plain")]
    pub format: TextFormat,
    /// The message to answer, from the same conversation.
    pub reply_to_id: Option<ID>,
}

/// The note to write.
#[derive(InputObject)]
pub struct AddNoteInput {
    /// The conversation in which to write it.
    pub conversation_id: ID,
    /// An id that the client creates for this note, as for `sendMessage`.
    pub client_message_id: String,
    /// The text: not empty, at most 4,096 Unicode scalar values.
    pub body: String,
}

/// The message and its new text.
#[derive(InputObject)]
pub struct EditMessageInput {
    /// The viewer's own message.
    pub message_id: ID,
    /// The new text, within the limits of `sendMessage`.
    pub body: String,
    /// The format of the new text.
    #[graphql(default_with = "TextFormat::Plain")]
    pub format: TextFormat,
}

/// The message to delete.
#[derive(InputObject)]
pub struct DeleteMessageInput {
    /// The viewer's own message.
    pub message_id: ID,
}

/// The conversation, and the last item that the viewer has read.
#[derive(InputObject)]
pub struct MarkConversationReadInput {
    /// The conversation that the viewer has read.
    pub conversation_id: ID,
    /// The `sequence` of the last item that the viewer has read, as the viewer counts. A number beyond the last item
    /// stands for the last.
    pub up_to_sequence: i64,
}

/// The viewer's typing state in a conversation.
#[derive(InputObject)]
pub struct SetTypingInput {
    /// The conversation in which the viewer is typing.
    pub conversation_id: ID,
    /// True when the viewer begins typing, false when they stop.
    pub typing: bool,
}

/// The person to write to.
#[derive(InputObject)]
pub struct StartDirectConversationInput {
    /// The person, who must be connected with the viewer.
    pub user_id: ID,
}

impl SendMessageInput {
    /// Returns the message as a [`Draft`].
    #[must_use]
    pub fn draft(self) -> Draft {
        Draft {
            client_message_id: self.client_message_id,
            body: self.body,
            format: self.format,
            reply_to: self.reply_to_id.map(|id| id.0),
            fields: MessageFields::OF_INPUT,
        }
    }
}

impl AddNoteInput {
    /// Returns the note as a [`Draft`].
    #[must_use]
    pub fn draft(self) -> Draft {
        Draft {
            client_message_id: self.client_message_id,
            body: self.body,
            format: TextFormat::Plain,
            reply_to: None,
            fields: MessageFields::OF_INPUT,
        }
    }
}

/// The result of `sendMessage`.
#[derive(SimpleObject)]
pub struct SendMessagePayload {
    /// The message that was sent. Null when refused.
    message: Option<Message>,
    /// True if an earlier call with the same `clientMessageId` had sent it.
    replayed: bool,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl SendMessagePayload {
    /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
    pub fn of(sent: Result<SentMessage>, side: ConversationSide) -> Result<Self> {
        Ok(match into_user_errors(sent)? {
            Ok(SentMessage { item, replayed }) => {
                Self { message: Some(Message { row: Arc::new(item), side }), replayed, user_errors: vec![] }
            }
            Err(user_errors) => Self { message: None, replayed: false, user_errors },
        })
    }
}

/// The result of `addNote`.
#[derive(SimpleObject)]
pub struct AddNotePayload {
    /// The note that was written. Null when refused.
    note: Option<Note>,
    /// True if an earlier call with the same `clientMessageId` had written it.
    replayed: bool,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl AddNotePayload {
    /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
    pub fn of(sent: Result<SentMessage>) -> Result<Self> {
        Ok(match into_user_errors(sent)? {
            Ok(SentMessage { item, replayed }) => {
                let note = Note { row: Arc::new(item), side: ConversationSide::Staff };
                Self { note: Some(note), replayed, user_errors: vec![] }
            }
            Err(user_errors) => Self { note: None, replayed: false, user_errors },
        })
    }
}

macro_rules! about_a_message {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The message after the call. Null when refused.
            message: Option<Message>,
            /// The effect of the call.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }

        impl $name {
            /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
            pub fn of(done: Result<(entity::thread_item::Model, bool)>, side: ConversationSide) -> Result<Self> {
                Ok(match into_user_errors(done)? {
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
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The conversation after the call. Null when refused.
            pub conversation: Option<Conversation>,
            /// The effect of the call.
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

/// The result of `setTyping`.
#[derive(SimpleObject)]
pub struct SetTypingPayload {
    /// APPLIED if the signal was sent. NO_CHANGE if it was dropped because there were too many signals in a short
    /// time.
    pub outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    pub user_errors: Vec<UserError>,
}
