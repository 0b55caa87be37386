//! `acceptOffer`, `acceptOffers`, `declineOffer`, `endConversation`, `wrapUpTask`, `extendWrapUp`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{offer_types::Offer, types::Task};
use crate::{
    agents::graphql::types::Agent,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    conversations::graphql::types::Conversation,
    error::{Error, Refusal, Result, UserError, UserErrorCode, into_user_errors},
    tasks::{
        closing, offer_outcomes,
        wrap_ups::{self, WrapUpSubmission},
    },
};

/// The most offers that are accepted together.
const MAX_OFFERS: usize = 20;

/// What `acceptOffer` is about.
#[derive(InputObject)]
struct AcceptOfferInput {
    /// The offer.
    offer_id: ID,
}

/// What `acceptOffers` is about.
#[derive(InputObject)]
struct AcceptOffersInput {
    /// The offers, 1 to 20.
    offer_ids: Vec<ID>,
}

/// What `declineOffer` is about.
#[derive(InputObject)]
struct DeclineOfferInput {
    /// The offer.
    offer_id: ID,
}

/// What `endConversation` is about.
#[derive(InputObject)]
struct EndConversationInput {
    /// The conversation.
    conversation_id: ID,
    /// Of an agent: the customer has agreed to the end. Asked for on MESSENGER and SMS; kept with the task.
    #[graphql(default)]
    customer_agreed: bool,
}

/// What `wrapUpTask` is about.
#[derive(InputObject)]
struct WrapUpTaskInput {
    /// The task.
    task_id: ID,
    /// What it came to: one reason, or 1 to 10 where the channel takes several.
    reason_ids: Vec<ID>,
    /// A note, at most 2,000 characters.
    note: Option<String>,
}

/// What `extendWrapUp` is about.
#[derive(InputObject)]
struct ExtendWrapUpInput {
    /// The task.
    task_id: ID,
}

#[derive(Default)]
pub struct TasksMutation;

#[Object]
impl TasksMutation {
    /// Accepts an offer to the viewer. Accepting again what one has accepted changes nothing. Refused with NOT_FOUND,
    /// OFFER_EXPIRED, or OFFER_ALREADY_ACCEPTED when somebody else has the task: `acceptedBy` says who.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn accept_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which offer.")] input: AcceptOfferInput,
    ) -> Result<AcceptOfferPayload> {
        accept(ctx, &input.offer_id).await
    }

    /// Accepts several offers to the viewer, each for itself, in their order.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn accept_offers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which offers.")] input: AcceptOffersInput,
    ) -> Result<AcceptOffersPayload> {
        if input.offer_ids.is_empty() || input.offer_ids.len() > MAX_OFFERS {
            return Err(Error::invalid("offerIds", format!("Name 1 to {MAX_OFFERS} offers.")));
        }
        let mut results = Vec::new();
        for id in &input.offer_ids {
            results.push(accept(ctx, id).await?);
        }
        Ok(AcceptOffersPayload { results, user_errors: vec![] })
    }

    /// Declines an offer to the viewer, who is IDLE from then on, until they choose otherwise; the task goes back to its place.
    /// Refused with NOT_FOUND or OFFER_EXPIRED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn decline_offer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which offer.")] input: DeclineOfferInput,
    ) -> Result<DeclineOfferPayload> {
        Ok(match into_user_errors(offer_outcomes::decline(ctx.app()?, ctx.viewer()?, &input.offer_id).await)? {
            Ok(row) => DeclineOfferPayload { offer: Some(Offer(Arc::new(row))), user_errors: vec![] },
            Err(user_errors) => DeclineOfferPayload { offer: None, user_errors },
        })
    }

    /// Ends a conversation: for the agent who owns its task, who owes a wrap-up then, and for its customer. Refused with
    /// NOT_FOUND, CONVERSATION_ENDED, NOT_A_PARTICIPANT, CUSTOMER_CONSENT_REQUIRED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn end_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: EndConversationInput,
    ) -> Result<EndConversationPayload> {
        let ended = closing::end(ctx.app()?, ctx.caller()?, &input.conversation_id, input.customer_agreed).await;
        Ok(match into_user_errors(ended)? {
            Ok(row) => {
                let conversation = Conversation::find(ctx, row.conversation_id).await?;
                EndConversationPayload { conversation, task: Some(row.into()), user_errors: vec![] }
            }
            Err(user_errors) => EndConversationPayload { conversation: None, task: None, user_errors },
        })
    }

    /// Does the wrap-up that the viewer owes of a task, and frees them for another. Refused with NOT_FOUND, NOT_ALLOWED when
    /// nothing is owed, INVALID_REASON, INVALID, TOO_LONG.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn wrap_up_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task, and what to say of it.")] input: WrapUpTaskInput,
    ) -> Result<WrapUpTaskPayload> {
        let reasons = input.reason_ids.iter().map(|id| id.to_string()).collect();
        let said = WrapUpSubmission { reasons, note: input.note };
        Ok(match into_user_errors(wrap_ups::submit(ctx.app()?, ctx.viewer()?, &input.task_id, &said).await)? {
            Ok(row) => WrapUpTaskPayload { task: Some(row.into()), user_errors: vec![] },
            Err(user_errors) => WrapUpTaskPayload { task: None, user_errors },
        })
    }

    /// Gives the viewer as long again, once, for a wrap-up that would be done by itself. Refused with NOT_FOUND, NOT_ALLOWED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn extend_wrap_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which task.")] input: ExtendWrapUpInput,
    ) -> Result<WrapUpTaskPayload> {
        Ok(match into_user_errors(wrap_ups::extend(ctx.app()?, ctx.viewer()?, &input.task_id).await)? {
            Ok(row) => WrapUpTaskPayload { task: Some(row.into()), user_errors: vec![] },
            Err(user_errors) => WrapUpTaskPayload { task: None, user_errors },
        })
    }
}

async fn accept(ctx: &Context<'_>, id: &str) -> Result<AcceptOfferPayload> {
    let refused = |user_errors| AcceptOfferPayload { task: None, accepted_by: None, user_errors };
    Ok(match into_user_errors(offer_outcomes::accept(ctx.app()?, ctx.viewer()?, id).await)? {
        Ok(Ok(accepted)) => {
            AcceptOfferPayload { task: Some(accepted.task.into()), accepted_by: None, user_errors: vec![] }
        }
        Ok(Err(lost)) => {
            let accepted_by = match lost.accepted_by {
                Some(agent) => Agent::find(ctx, agent).await?,
                None => None,
            };
            let (code, message) = match lost.accepted_by {
                Some(_) => (UserErrorCode::OfferAlreadyAccepted, "Somebody else has taken the task."),
                None => (UserErrorCode::OfferExpired, "The offer is no longer to be had."),
            };
            let refusal = Refusal { code, message: message.into(), field: &["input", "offerId"], retry_after: None };
            AcceptOfferPayload { accepted_by, ..refused(vec![refusal.into()]) }
        }
        Err(user_errors) => refused(user_errors),
    })
}

/// The answer to `acceptOffer`.
#[derive(SimpleObject)]
struct AcceptOfferPayload {
    /// The task, which is the viewer's now; null when refused.
    task: Option<Task>,
    /// Who has the task instead. Needs the scope AGENTS_READ; null without it.
    accepted_by: Option<Agent>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `acceptOffers`.
#[derive(SimpleObject)]
struct AcceptOffersPayload {
    /// What came of each, in the order of the ids.
    results: Vec<AcceptOfferPayload>,
    /// Always empty: each result has its own.
    user_errors: Vec<UserError>,
}

/// The answer to `declineOffer`.
#[derive(SimpleObject)]
struct DeclineOfferPayload {
    /// The offer as it is now; null when refused.
    offer: Option<Offer>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `endConversation`.
#[derive(SimpleObject)]
struct EndConversationPayload {
    /// The conversation as it is now; null when refused.
    conversation: Option<Conversation>,
    /// The task that has ended; null when refused.
    task: Option<Task>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `wrapUpTask` and `extendWrapUp`.
#[derive(SimpleObject)]
struct WrapUpTaskPayload {
    /// The task as it is now; null when refused.
    task: Option<Task>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
