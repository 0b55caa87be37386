//! `sendMessage`, `editMessage`, `deleteMessage`, `addNote`, `markConversationRead`, `setTyping`, `startDirectConversation`.

use async_graphql::{Context, Object};

use super::{
    direct, messages,
    payloads::{
        AddNoteInput, AddNotePayload, DeleteMessageInput, DeleteMessagePayload, EditMessageInput, EditMessagePayload,
        MarkConversationReadInput, MarkConversationReadPayload, SendMessageInput, SendMessagePayload, SetTypingInput,
        SetTypingPayload, StartDirectConversationInput, StartDirectConversationPayload,
    },
    receipts,
    threads::Side,
    types::Conversation,
    typing,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Result, settle},
    relationships::deeds::Outcome,
};

#[derive(Default)]
pub struct ConversationsMutation;

#[Object]
impl ConversationsMutation {
    /// Sends a message in a conversation in which the viewer takes part, and marks the conversation as read up to it. Idempotent for ever by `clientMessageId`: a retry
    /// answers with the message and `replayed: true`, also when the conversation has ended since. Refused with NOT_FOUND,
    /// NOT_A_PARTICIPANT, CONVERSATION_ENDED, NOT_ALLOWED (a direct conversation of people who are not connected), TOO_LONG,
    /// INVALID, or IDEMPOTENCY_KEY_REUSED when the id came with another text, format or answered message.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to send.")] input: SendMessageInput,
    ) -> Result<SendMessagePayload> {
        let (caller, id) = (ctx.caller()?, input.conversation_id.clone());
        SendMessagePayload::of(messages::send(ctx.app()?, caller, &id, &input.draft()).await, Side::of(caller))
    }

    /// Changes the text of a message of the viewer, where the channel lets it be changed. Idempotent. Refused with NOT_FOUND,
    /// NOT_ALLOWED (of somebody else, taken back, or not on this channel), NOT_A_PARTICIPANT, CONVERSATION_ENDED, TOO_LONG or
    /// INVALID.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn edit_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: EditMessageInput,
    ) -> Result<EditMessagePayload> {
        let (app, caller) = (ctx.app()?, ctx.caller()?);
        let edited = messages::edit(app, caller, &input.message_id, &input.body, input.format).await;
        EditMessagePayload::of(edited, Side::of(caller))
    }

    /// Takes a message of the viewer back, where the channel lets it be taken back: its place stays, without its text.
    /// The other's notification goes with the last message that they have not read. Idempotent. Refused with NOT_FOUND, NOT_ALLOWED, NOT_A_PARTICIPANT or CONVERSATION_ENDED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn delete_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to take back.")] input: DeleteMessageInput,
    ) -> Result<DeleteMessagePayload> {
        let (app, caller) = (ctx.app()?, ctx.caller()?);
        DeleteMessagePayload::of(messages::delete(app, caller, &input.message_id).await, Side::of(caller))
    }

    /// Writes a note in a conversation with a customer, who sees no trace of it. For those who take part, and for supervisors.
    /// Idempotent by `clientMessageId`, as `sendMessage` is. Refused with NOT_FOUND, NOT_A_PARTICIPANT, NOT_ALLOWED (a direct
    /// conversation), TOO_LONG, INVALID or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn add_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write down.")] input: AddNoteInput,
    ) -> Result<AddNotePayload> {
        let (viewer, id) = (ctx.viewer()?, input.conversation_id.clone());
        AddNotePayload::of(messages::note(ctx.app()?, viewer, &id, &input.draft()).await)
    }

    /// Says how far the viewer has read; it only rises. Messages of others up to there get the receipt READ, if the viewer
    /// takes part now. Idempotent. Refused with NOT_FOUND, NOT_A_PARTICIPANT or INVALID.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn mark_conversation_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How far.")] input: MarkConversationReadInput,
    ) -> Result<MarkConversationReadPayload> {
        let (app, caller) = (ctx.app()?, ctx.caller()?);
        let read = receipts::mark_read(app, caller, &input.conversation_id, input.up_to_sequence).await;
        Ok(match settle(read)? {
            Ok((id, changed)) => MarkConversationReadPayload {
                conversation: Conversation::find(ctx, id).await?,
                outcome: Outcome::of(changed),
                user_errors: vec![],
            },
            Err(user_errors) => {
                MarkConversationReadPayload { conversation: None, outcome: Outcome::Refused, user_errors }
            }
        })
    }

    /// Says that the viewer begins or stops writing, to the others who look at the conversation now. It is stored nowhere and
    /// may be lost; who receives it should forget it after a few seconds. Refused with NOT_FOUND, NOT_A_PARTICIPANT or
    /// CONVERSATION_ENDED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn set_typing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and whether.")] input: SetTypingInput,
    ) -> Result<SetTypingPayload> {
        let said = typing::set(ctx.app()?, ctx.caller()?, &input.conversation_id, input.typing).await;
        Ok(match settle(said)? {
            Ok(said) => SetTypingPayload { outcome: Outcome::of(said), user_errors: vec![] },
            Err(user_errors) => SetTypingPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// The one conversation of the viewer with a person they are connected with: made when there is none, opened again when it
    /// was closed. Idempotent. Refused with SELF, NOT_FOUND, YOU_BLOCKED, or NOT_ALLOWED when the two are not connected.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn start_direct_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With whom.")] input: StartDirectConversationInput,
    ) -> Result<StartDirectConversationPayload> {
        let started = direct::start(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        Ok(match settle(started)? {
            Ok((id, changed)) => StartDirectConversationPayload {
                conversation: Conversation::find(ctx, id).await?,
                outcome: Outcome::of(changed),
                user_errors: vec![],
            },
            Err(user_errors) => {
                StartDirectConversationPayload { conversation: None, outcome: Outcome::Refused, user_errors }
            }
        })
    }
}
