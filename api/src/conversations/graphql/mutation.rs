//! The mutations `sendMessage`, `editMessage`, `deleteMessage`, `addNote`, `markConversationRead`, `setTyping` and
//! `startDirectConversation`.

use async_graphql::{Context, Object};

use super::payloads::{
    AddNoteInput, AddNotePayload, DeleteMessageInput, DeleteMessagePayload, EditMessageInput, EditMessagePayload,
    MarkConversationReadInput, MarkConversationReadPayload, SendMessageInput, SendMessagePayload, SetTypingInput,
    SetTypingPayload, StartDirectConversationInput, StartDirectConversationPayload,
};
use crate::conversations::{
    conversation_rows::ConversationSide, direct_messages, message_changes, messages, receipts, typing,
};
use crate::{
    auth::{
        guard::Needs,
        request_context::ContextExt,
        viewer::{Caller, Scope},
    },
    error::Result,
    events::graphql::effect::Effect,
    inbound,
};

/// Root of the conversation mutations.
#[derive(Default)]
pub struct ConversationsMutation;

#[Object]
impl ConversationsMutation {
    /// Sends a message in a conversation in which the viewer is a participant. Marks the conversation as read up to
    /// that message. Idempotent by `clientMessageId` without a time limit: a retry returns the message with `replayed:
    /// true`, even after the conversation has ended. Refuses with NOT_FOUND, NOT_A_PARTICIPANT, CONVERSATION_ENDED,
    /// TOO_LONG, FORMAT_NOT_SUPPORTED, REQUIRED or INVALID. Refuses with NOT_ALLOWED if the two users of a direct
    /// conversation are not connected. Refuses with IDEMPOTENCY_KEY_REUSED if the id came with another text, format or
    /// answered message.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message to send.")] input: SendMessageInput,
    ) -> Result<SendMessagePayload> {
        let (app, caller, id) = (ctx.app()?, ctx.caller()?, input.conversation_id.clone());
        let sent = match caller {
            Caller::Visitor(visitor) => inbound::messages::send(app, visitor, &id, &input.draft()).await,
            Caller::Person(_) | Caller::Service(_) => messages::send(app, caller, &id, &input.draft()).await,
        };
        SendMessagePayload::of(sent, ConversationSide::of(caller))
    }

    /// Changes the text of the viewer's own message, if the channel supports edits. Idempotent. Refuses with NOT_FOUND,
    /// NOT_A_PARTICIPANT, CONVERSATION_ENDED, TOO_LONG, FORMAT_NOT_SUPPORTED, REQUIRED or INVALID. Refuses with
    /// NOT_ALLOWED if another user wrote the message, if it was deleted, or if the channel has no edits. Refuses with
    /// TEMPLATE_LOCKED or PARAMETER_MISSING for a message with a template.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn edit_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message and its new text.")] input: EditMessageInput,
    ) -> Result<EditMessagePayload> {
        let (app, caller) = (ctx.app()?, ctx.caller()?);
        let edited = message_changes::edit(app, caller, &input.message_id, &input.body, input.format).await;
        EditMessagePayload::of(edited, ConversationSide::of(caller))
    }

    /// Deletes the viewer's own message, if the channel supports edits. The message keeps its place and loses its
    /// text. In a direct conversation, the other user's notification is removed if this was their last unread
    /// message. Idempotent. Refuses with NOT_FOUND, NOT_ALLOWED, NOT_A_PARTICIPANT or CONVERSATION_ENDED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn delete_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message to delete.")] input: DeleteMessageInput,
    ) -> Result<DeleteMessagePayload> {
        let (app, caller) = (ctx.app()?, ctx.caller()?);
        DeleteMessagePayload::of(
            message_changes::delete(app, caller, &input.message_id).await,
            ConversationSide::of(caller),
        )
    }

    /// Writes a note in a conversation with a customer. The customer sees no trace of it. Participants, supervisors and
    /// organization keys may write notes. Idempotent by `clientMessageId`, as `sendMessage` is. Refuses with NOT_FOUND,
    /// NOT_A_PARTICIPANT, NOT_ALLOWED (a direct conversation), TOO_LONG, REQUIRED, INVALID or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn add_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note to write.")] input: AddNoteInput,
    ) -> Result<AddNotePayload> {
        let (caller, id) = (ctx.caller()?, input.conversation_id.clone());
        AddNotePayload::of(messages::note(ctx.app()?, caller, &id, &input.draft()).await)
    }

    /// Marks a conversation as read up to an item. The read position only rises. If the viewer is a participant now,
    /// messages of others up to there get the receipt READ. Idempotent. Refuses with NOT_FOUND, NOT_A_PARTICIPANT or
    /// OUT_OF_RANGE.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn mark_conversation_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation, and the last item that the viewer has read.")]
        input: MarkConversationReadInput,
    ) -> Result<MarkConversationReadPayload> {
        let (app, caller) = (ctx.app()?, ctx.caller()?);
        let read = receipts::mark_read(app, caller, &input.conversation_id, input.up_to_sequence).await;
        MarkConversationReadPayload::of(ctx, read).await
    }

    /// Signals to the conversation's current subscribers that the viewer begins or stops typing. The signal is not
    /// stored and may be lost. Clients should drop it after a few seconds. Refuses with NOT_FOUND, NOT_A_PARTICIPANT
    /// or CONVERSATION_ENDED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn set_typing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation, and the viewer's typing state.")] input: SetTypingInput,
    ) -> Result<SetTypingPayload> {
        let said = typing::set(ctx.app()?, ctx.caller()?, &input.conversation_id, input.typing).await;
        Ok(SetTypingPayload { effect: Effect::split(said.map(|said| ((), said)))?.1 })
    }

    /// Starts the viewer's direct conversation with a connected person. Two users have one conversation: it is
    /// created if there is none, and reopened if it was closed. Idempotent. Refuses with CANNOT_TARGET_SELF,
    /// NOT_FOUND, BLOCKED_BY_VIEWER or NOT_ALLOWED (the two are not connected).
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn start_direct_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to write to.")] input: StartDirectConversationInput,
    ) -> Result<StartDirectConversationPayload> {
        let started = direct_messages::start(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        StartDirectConversationPayload::of(ctx, started).await
    }
}
