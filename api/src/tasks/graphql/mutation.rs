//! The mutations of offers, of the end of a conversation and of wrap-ups.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{
    offer_types::Offer,
    payloads::{ExtendWrapUpPayload, WrapUpTaskPayload},
    types::Task,
};
use crate::{
    agents::graphql::types::Agent,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    conversations::graphql::types::Conversation,
    error::{Error, Result, UserError, UserErrorCode, into_user_errors},
    events::graphql::effect::Effect,
    pagination::list_size,
    tasks::{
        closing, offer_outcomes,
        wrap_ups::{self, WrapUpSubmission},
    },
};

/// Maximum number of offers in one call.
const MAX_OFFERS: usize = 20;

/// The offer to accept.
#[derive(InputObject)]
struct AcceptOfferInput {
    /// The id of the offer to accept.
    offer_id: ID,
}

/// The offers to accept.
#[derive(InputObject)]
struct AcceptOffersInput {
    /// The ids of the offers to accept, 1 to 20.
    offer_ids: Vec<ID>,
}

/// The offer to decline.
#[derive(InputObject)]
struct DeclineOfferInput {
    /// The id of the offer to decline.
    offer_id: ID,
}

/// The conversation to end, and the customer's consent.
#[derive(InputObject)]
struct EndConversationInput {
    /// The id of the conversation to end.
    conversation_id: ID,
    /// True when the customer agreed to the end. Required of agents on MESSENGER and SMS. It is kept with the task.
    #[graphql(default)]
    customer_agreed: bool,
}

/// The wrap-up that the viewer submits.
#[derive(InputObject)]
struct WrapUpTaskInput {
    /// The id of the task to wrap up.
    task_id: ID,
    /// The reasons: one, or 1 to 10 on a channel that allows several.
    reason_ids: Vec<ID>,
    /// The note, at most 2,000 characters.
    note: Option<String>,
}

/// The task whose wrap-up is extended.
#[derive(InputObject)]
struct ExtendWrapUpInput {
    /// The id of the task.
    task_id: ID,
}

/// Root mutations of tasks.
#[derive(Default)]
pub struct TasksMutation;

#[Object]
impl TasksMutation {
    /// Accepts an offer to the viewer. Accepting it again changes nothing. Refuses with NOT_FOUND, or with NOT_ALLOWED
    /// when the viewer is not an agent. Refuses with OFFER_EXPIRED, or with OFFER_ALREADY_ACCEPTED when another agent
    /// has the task. `acceptedBy` is then that agent.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn accept_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The offer to accept.")] input: AcceptOfferInput,
    ) -> Result<AcceptOfferPayload> {
        accept(ctx, &input.offer_id).await
    }

    /// Accepts several offers to the viewer in the given order. Each succeeds or is refused separately, as in
    /// `acceptOffer`.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn accept_offers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The offers to accept.")] input: AcceptOffersInput,
    ) -> Result<AcceptOffersPayload> {
        if input.offer_ids.is_empty() || input.offer_ids.len() > MAX_OFFERS {
            return Err(Error::invalid("offerIds", format!("Name 1 to {MAX_OFFERS} offers.")));
        }
        let mut results = Vec::new();
        for id in &input.offer_ids {
            results.push(accept(ctx, id).await?);
        }
        let effect = Effect::of_all(results.iter().map(|result| &result.effect));
        Ok(AcceptOffersPayload { results, effect })
    }

    /// Declines an offer to the viewer. The viewer becomes IDLE, until they choose another state. A task from a queue
    /// returns to its place there. Declining it again changes nothing. Refuses with NOT_FOUND or OFFER_EXPIRED, or with
    /// NOT_ALLOWED when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn decline_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The offer to decline.")] input: DeclineOfferInput,
    ) -> Result<DeclineOfferPayload> {
        let (row, effect) = Effect::split(offer_outcomes::decline(ctx.app()?, ctx.viewer()?, &input.offer_id).await)?;
        Ok(DeclineOfferPayload { offer: row.map(|row| Offer(Arc::new(row))), effect })
    }

    /// Ends a conversation with a customer. Its customer can end it, and the agent who owns its task. Each agent in it
    /// must then submit a wrap-up. The same call again changes nothing. Refuses with NOT_FOUND, CONVERSATION_ENDED,
    /// NOT_A_PARTICIPANT, CUSTOMER_CONSENT_REQUIRED, or CONFERENCE_IN_PROGRESS.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn end_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation to end, and the customer's consent.")] input: EndConversationInput,
    ) -> Result<EndConversationPayload> {
        let ended = closing::end(ctx.app()?, ctx.caller()?, &input.conversation_id, input.customer_agreed).await;
        let (row, effect) = Effect::split(ended)?;
        let conversation = match &row {
            Some(row) => Conversation::find(ctx, row.conversation_id).await?,
            None => None,
        };
        Ok(EndConversationPayload { conversation, task: row.map(Task::from), effect })
    }

    /// Submits the viewer's pending wrap-up of a task. The viewer then has room for another task. Refuses with
    /// NOT_FOUND, INVALID_REASON, INVALID, TOO_LONG, or NOTHING_TO_WRAP_UP. Submitting the same again changes nothing.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn wrap_up_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task, the reasons and the note.")] input: WrapUpTaskInput,
    ) -> Result<WrapUpTaskPayload> {
        let reasons = input.reason_ids.iter().map(|id| id.to_string()).collect();
        let said = WrapUpSubmission { reasons, note: input.note };
        WrapUpTaskPayload::of(wrap_ups::submit(ctx.app()?, ctx.viewer()?, &input.task_id, &said).await)
    }

    /// Doubles the time before the viewer's pending wrap-up completes automatically. Possible once: a further call
    /// changes nothing. Refuses with NOT_FOUND, NOTHING_TO_WRAP_UP, or NOT_ALLOWED when the wrap-up has no due time.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn extend_wrap_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task whose wrap-up is extended.")] input: ExtendWrapUpInput,
    ) -> Result<ExtendWrapUpPayload> {
        ExtendWrapUpPayload::of(wrap_ups::extend(ctx.app()?, ctx.viewer()?, &input.task_id).await)
    }
}

async fn accept(ctx: &Context<'_>, id: &str) -> Result<AcceptOfferPayload> {
    let refused =
        |user_errors| AcceptOfferPayload { task: None, accepted_by: None, effect: Effect::refused(user_errors) };
    Ok(match into_user_errors(offer_outcomes::accept(ctx.app()?, ctx.viewer()?, id).await)? {
        Ok(Ok(accepted)) => {
            let effect = Effect::of(accepted.changed);
            AcceptOfferPayload { task: Some(accepted.task.into()), accepted_by: None, effect }
        }
        Ok(Err(lost)) => {
            let accepted_by = match lost.accepted_by {
                Some(agent) => Agent::find(ctx, agent).await?,
                None => None,
            };
            let (code, message) = match lost.accepted_by {
                Some(_) => (UserErrorCode::OfferAlreadyAccepted, "Another agent has accepted the task."),
                None => (UserErrorCode::OfferExpired, "The offer is no longer available."),
            };
            let refusal = UserError::new(code, &["input", "offerId"], message);
            AcceptOfferPayload { accepted_by, ..refused(vec![refusal]) }
        }
        Err(user_errors) => refused(user_errors),
    })
}

/// The result of `acceptOffer`.
#[derive(SimpleObject)]
struct AcceptOfferPayload {
    /// The accepted task. Null when the call was refused.
    task: Option<Task>,
    /// The agent who has the task instead. Null without the scope AGENTS_READ.
    accepted_by: Option<Agent>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `acceptOffers`.
#[derive(SimpleObject)]
struct AcceptOffersPayload {
    /// The result of each offer, in the order of the ids.
    #[graphql(directive = list_size::apply(5))]
    results: Vec<AcceptOfferPayload>,
    /// The effect of the whole call. Each result has its own refusals.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `declineOffer`.
#[derive(SimpleObject)]
struct DeclineOfferPayload {
    /// The offer after the call. Null when the call was refused.
    offer: Option<Offer>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `endConversation`.
#[derive(SimpleObject)]
struct EndConversationPayload {
    /// The conversation after the call. Null when the call was refused.
    conversation: Option<Conversation>,
    /// The ended task. Null when the call was refused.
    task: Option<Task>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
