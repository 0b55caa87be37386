//! The mutations `startWebChat` and `revokeVisitorToken`.

use async_graphql::{Context, Object, SimpleObject};

use crate::{
    auth::request_context::ContextExt as _,
    auth::viewer::Caller,
    conversations::graphql::types::Conversation,
    error::{Error, Result},
    events::graphql::effect::Effect,
    instant::Instant,
    visitors::{
        start_chat::{self, StartWebChatInput, StartedChat},
        tokens,
    },
};

/// Root of the visitor mutations.
#[derive(Default)]
pub struct VisitorsMutation;

#[Object]
impl VisitorsMutation {
    /// Starts a chat at a web site's entry point, and gives the visitor a token. Send the token as `Authorization:
    /// Bearer rv_…` or in `connection_init`, from the same web site. Needs no token. A visitor who has a token sends it
    /// and remains the same customer. If the customer has an open chat there, the call continues it and adds the
    /// message if it is new. After the end of a chat, the call begins another. Refuses with NOT_FOUND if the entry
    /// point does not exist for the page's web site. Refuses with REQUIRED if a required answer or the text of the
    /// message is missing. Refuses with INVALID if an answer, a page or a key breaks its limits. Refuses with
    /// NOT_ALLOWED if an identity is not signed correctly, or if the caller is not a visitor. Also refuses with
    /// TOO_LONG, IDEMPOTENCY_KEY_REUSED or TOO_MANY_ATTEMPTS.
    async fn start_web_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry point, the answers of its form and the first message.")] input: StartWebChatInput,
    ) -> Result<StartWebChatPayload> {
        let by = match ctx.caller() {
            Ok(caller) => Some(caller),
            Err(Error::Unauthenticated) => None,
            Err(fault) => return Err(fault),
        };
        let started = start_chat::start(ctx.app()?, by, ctx.origin()?, &input).await;
        let (started, effect) = Effect::split(started.map(|started| {
            let changed = started.changed;
            (started, changed)
        }))?;
        let Some(StartedChat { conversation, visitor, token, replayed, .. }) = started else {
            return Ok(StartWebChatPayload::refused(effect));
        };
        ctx.let_in(visitor)?;
        Ok(StartWebChatPayload {
            conversation: Conversation::find(ctx, conversation.id).await?,
            visitor_token: token,
            expires_at: Some(Instant(visitor.expires_at)),
            replayed,
            effect,
        })
    }

    /// Ends the visitor token of this call permanently. The token is no longer accepted, and its sockets close. An open
    /// chat stays open; `endConversation` ends it. Returns NO_CHANGE if the caller is not a visitor and for an ended
    /// token, so a repeated call is not refused.
    async fn revoke_visitor_token(&self, ctx: &Context<'_>) -> Result<RevokeVisitorTokenPayload> {
        let ended = match ctx.caller() {
            Ok(Caller::Visitor(visitor)) => tokens::end(ctx.app()?, visitor).await?,
            Ok(Caller::Person(_) | Caller::Service(_)) | Err(Error::Unauthenticated) => false,
            Err(fault) => return Err(fault),
        };
        Ok(RevokeVisitorTokenPayload { effect: Effect::of(ended) })
    }
}

/// The result of `startWebChat`. The outcome is APPLIED if a chat has begun or the message was added, and
/// NO_CHANGE otherwise.
#[derive(SimpleObject)]
struct StartWebChatPayload {
    /// The conversation, as the visitor sees it. Null when refused. Follow it with `conversationEvents` after its
    /// `streamCursor`.
    conversation: Option<Conversation>,
    /// The visitor token, `rv_…`. It is shown only once; keep it as safe as a password. Null when refused, and if the
    /// call's own token opens the chat.
    visitor_token: Option<String>,
    /// The time at which the token ends if it is not used before. Each use extends it. Null when refused.
    expires_at: Option<Instant>,
    /// True if an earlier call with the same key has started it.
    replayed: bool,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

impl StartWebChatPayload {
    /// Makes the payload of a refused call.
    fn refused(effect: Effect) -> Self {
        Self { conversation: None, visitor_token: None, expires_at: None, replayed: false, effect }
    }
}

/// The result of `revokeVisitorToken`.
#[derive(SimpleObject)]
struct RevokeVisitorTokenPayload {
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
