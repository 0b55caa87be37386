//! `startWebChat`, `endVisit`.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    chats::{self, StartWebChatInput, Started},
    tokens,
};
use crate::{
    auth::{
        context::ContextExt,
        guard::Needs,
        viewer::{Caller, Scope},
    },
    conversations::types::Conversation,
    error::{Error, Result, UserError, settle},
    relationships::deeds::Outcome,
};

#[derive(Default)]
pub struct VisitorsMutation;

#[Object]
impl VisitorsMutation {
    /// Begins a chat at a web site's entry point, and gives the visitor a token with which to go on: send it as
    /// `Authorization: Bearer rv_…` or in `connection_init`, from the same web site. Needs no token; whoever has one from
    /// before sends it and is the same customer. While a chat of the customer is open there, it goes on, and what is new of
    /// the message is added; after its end another begins. Refused with NOT_FOUND for an entry point that is not there for
    /// the page's web site; INVALID for an answer, a page or a key that breaks its limits; TOO_LONG; NOT_ALLOWED for an
    /// identity that is not signed as it should be, and for callers who are no visitors; IDEMPOTENCY_KEY_REUSED; or
    /// TOO_MANY_ATTEMPTS.
    async fn start_web_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With what.")] input: StartWebChatInput,
    ) -> Result<StartWebChatPayload> {
        let by = match ctx.caller() {
            Ok(caller) => Some(caller),
            Err(Error::Unauthenticated) => None,
            Err(fault) => return Err(fault),
        };
        Ok(match settle(chats::start(ctx.app()?, by, ctx.origin()?, &input).await)? {
            Ok(Started { conversation, visitor, token, new, replayed }) => {
                ctx.let_in(visitor)?;
                StartWebChatPayload {
                    conversation: Conversation::find(ctx, conversation.id).await?,
                    visitor_token: token,
                    expires_at: Some(visitor.expires_at),
                    outcome: Outcome::of(new),
                    replayed,
                    user_errors: vec![],
                }
            }
            Err(user_errors) => StartWebChatPayload {
                conversation: None,
                visitor_token: None,
                expires_at: None,
                outcome: Outcome::Refused,
                replayed: false,
                user_errors,
            },
        })
    }

    /// Ends the visitor's token of this call for ever: it is taken no more, and its sockets close. A chat that is open stays
    /// open; `endConversation` ends it. NO_CHANGE for a caller who is no visitor.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn end_visit(&self, ctx: &Context<'_>) -> Result<EndVisitPayload> {
        let ended = match ctx.caller()? {
            Caller::Visitor(visitor) => tokens::end(ctx.app()?, visitor).await?,
            Caller::Person(_) | Caller::Service(_) => false,
        };
        Ok(EndVisitPayload { outcome: Outcome::of(ended), user_errors: vec![] })
    }
}

/// The answer to `startWebChat`.
#[derive(SimpleObject)]
struct StartWebChatPayload {
    /// The conversation, as the visitor sees it; null when refused. Follow it by `conversationEvents` after its
    /// `streamCursor`.
    conversation: Option<Conversation>,
    /// The visitor's token, `rv_…`. Shown this once; keep it as safe as a password. Null for a visitor who came with a token
    /// that opens the chat, and when refused.
    visitor_token: Option<String>,
    /// When the token ends unless it is used before; each use puts its end off. Null when refused.
    expires_at: Option<DateTime<Utc>>,
    /// APPLIED when a chat has begun, NO_CHANGE when it was open already.
    outcome: Outcome,
    /// Whether an earlier call with the same key has begun it.
    replayed: bool,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `endVisit`.
#[derive(SimpleObject)]
struct EndVisitPayload {
    /// What the call did.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
