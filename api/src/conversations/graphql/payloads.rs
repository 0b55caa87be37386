//! Input and result types of the conversation mutations.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, SimpleObject};
use entity::{id::ConversationId, thread_item::TextFormat};

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
    error::Result,
    events::graphql::effect::Effect,
    templates::{
        parameter_values::TemplateValueInput,
        rendered_template::{TemplateDraft, TemplateFields},
    },
};

/// The message to send.
#[derive(InputObject)]
pub struct SendMessageInput {
    /// The conversation in which to send it.
    pub conversation_id: ID,
    /// An id that the client creates for this message, 1 to 100 printable characters, such as a UUID. A second call
    /// with the same id does not send the message again and returns the first one.
    pub client_message_id: String,
    /// The text, not empty unless the message has files or a template. Its maximum length in Unicode scalar values is
    /// `replyCapability.characterLimit`, or 32,768 if that is null. A MARKDOWN text has at most 8,192. Tabs and new
    /// lines are the only control characters that are allowed.
    #[graphql(default)]
    pub body: String,
    /// The format of the text: PLAIN, or MARKDOWN if `replyCapability.formats` has it.
    #[graphql(default_with = "TextFormat::Plain")]
    pub format: TextFormat,
    /// The message to answer, from the same conversation.
    pub reply_to_id: Option<ID>,
    /// The template that the message is written with. Without a text, the message has the text of `renderTemplate`.
    /// With a text, the agent has changed it, which a locked template does not permit. For agents and organization
    /// keys.
    pub template: Option<TemplateUseInput>,
    /// The files of the message, in order and at most `replyCapability.attachments.maximumCount`. The viewer has
    /// announced them by `createAttachmentUpload` and uploaded their bytes. A message with files may have no text.
    #[graphql(default)]
    pub attachment_ids: Vec<ID>,
}

/// The template of a message, filled in.
#[derive(InputObject)]
pub struct TemplateUseInput {
    /// The template.
    pub template_id: ID,
    /// The version that the agent has seen. If the template has changed since, the message is refused.
    pub version: Option<i32>,
    /// The values of the template's parameters, each at most once.
    #[graphql(default)]
    pub values: Vec<TemplateValueInput>,
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
            template: self.template.map(|used| TemplateDraft {
                template_id: used.template_id.0,
                version: used.version,
                values: used.values,
                fields: TemplateFields::OF_MESSAGE,
            }),
            attachments: self.attachment_ids.into_iter().map(|id| id.0).collect(),
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
            template: None,
            attachments: Vec::new(),
            fields: MessageFields::OF_INPUT,
        }
    }
}

/// The result of `sendMessage`.
#[derive(SimpleObject)]
pub struct SendMessagePayload {
    /// The message that was sent. Null when refused.
    message: Option<Message>,
    /// True if an earlier call with the same `clientMessageId` had sent it. The outcome is then NO_CHANGE.
    replayed: bool,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

impl SendMessagePayload {
    /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
    pub fn of(sent: Result<SentMessage>, side: ConversationSide) -> Result<Self> {
        let (item, effect) = Effect::split(sent.map(SentMessage::into_change))?;
        let replayed = effect.is_repeated();
        Ok(Self { message: item.map(|item| Message { row: Arc::new(item), side }), replayed, effect })
    }
}

/// The result of `addNote`.
#[derive(SimpleObject)]
pub struct AddNotePayload {
    /// The note that was written. Null when refused.
    note: Option<Note>,
    /// True if an earlier call with the same `clientMessageId` had written it. The outcome is then NO_CHANGE.
    replayed: bool,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

impl AddNotePayload {
    /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
    pub fn of(sent: Result<SentMessage>) -> Result<Self> {
        let (item, effect) = Effect::split(sent.map(SentMessage::into_change))?;
        let replayed = effect.is_repeated();
        let note = item.map(|item| Note { row: Arc::new(item), side: ConversationSide::Staff });
        Ok(Self { note, replayed, effect })
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
            #[graphql(flatten)]
            effect: Effect,
        }

        impl $name {
            /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
            pub fn of(done: Result<(entity::thread_item::Model, bool)>, side: ConversationSide) -> Result<Self> {
                let (item, effect) = Effect::split(done)?;
                Ok(Self { message: item.map(|item| Message { row: Arc::new(item), side }), effect })
            }
        }
    )*};
}

about_a_message! {
    EditMessagePayload "editMessage",
    DeleteMessagePayload "deleteMessage",
}

/// Defines the payload types of mutations that return a conversation.
macro_rules! conversation_payloads {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The conversation after the call. Null when refused.
            conversation: Option<Conversation>,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }

        impl $name {
            /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
            pub async fn of(ctx: &Context<'_>, done: Result<(ConversationId, bool)>) -> Result<Self> {
                let (id, effect) = Effect::split(done)?;
                let conversation = match id {
                    Some(id) => Conversation::find(ctx, id).await?,
                    None => None,
                };
                Ok(Self { conversation, effect })
            }
        }
    )*};
}

pub(crate) use conversation_payloads;

conversation_payloads! {
    MarkConversationReadPayload "markConversationRead",
    StartDirectConversationPayload "startDirectConversation",
}

/// The result of `setTyping`. The outcome is NO_CHANGE when the signal was dropped, because the same one was sent
/// within the last second, or because there were too many.
#[derive(SimpleObject)]
pub struct SetTypingPayload {
    /// The effect of the call.
    #[graphql(flatten)]
    pub effect: Effect,
}
