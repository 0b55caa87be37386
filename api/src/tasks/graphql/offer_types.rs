//! GraphQL types of offers. Only the agent who is offered a task sees its offer.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    channel::Channel,
    id::OfferId,
    offer::{self, OfferKind, OfferStatus},
};

use super::{
    intake_types::Intake,
    loader::{DetailsOf, OwnOffer},
    types::Task,
};
use crate::{
    agents::graphql::types::Agent,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    instant::{Instant, seconds_until},
    queues::graphql::types::Queue,
};

/// An offer of a task to the viewer for a limited time.
#[derive(Clone)]
pub struct Offer(pub Arc<offer::Model>);

/// An offer of a task to the viewer for a limited time.
#[Object]
impl Offer {
    /// The offer's id, `offer_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The reason of the offer.
    async fn kind(&self) -> OfferKind {
        self.0.kind
    }

    /// The offered task. Null when the viewer can no longer see it. Needs the scope CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn task(&self, ctx: &Context<'_>) -> Option<Result<Task>> {
        Task::find(ctx, self.0.task_id).await.transpose()
    }

    /// The state of the offer.
    async fn status(&self) -> OfferStatus {
        self.0.status
    }

    /// The time at which the offer was made.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// The time until which the agent can accept, by the server's clock. After it the agent becomes RONA.
    async fn expires_at(&self) -> Instant {
        Instant(self.0.expires_at)
    }

    /// The seconds until `expiresAt`, for clients whose clock is wrong. 0 when the time is over.
    async fn expires_in_seconds(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(seconds_until(self.0.expires_at, ctx.app()?.clock.now()))
    }

    /// The time at which the offer was accepted, declined, withdrawn or found expired. Null while it is PENDING.
    async fn ended_at(&self) -> Option<Instant> {
        self.0.ended_at.map(Instant)
    }

    /// The details to show before the agent accepts. Null when the viewer can no longer see the task. Needs the scope
    /// CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn preview(&self, ctx: &Context<'_>) -> Option<Result<OfferPreview>> {
        OfferPreview::of(ctx, &self.0).await.transpose()
    }
}

impl Offer {
    /// Returns the offer with an id, if it was made to the viewer and the scope AGENTS_READ allows it.
    pub async fn find(ctx: &Context<'_>, id: OfferId) -> Result<Option<Self>> {
        if ctx.viewer().is_err() || !ctx.caller()?.scopes().has(Scope::AgentsRead) {
            return Ok(None);
        }
        Ok(ctx.load(OwnOffer(id)).await?.map(Self))
    }
}

/// An offer that waits for an agent's answer, as everybody sees it who may see the task.
#[derive(Clone)]
pub struct PendingOffer(pub offer::Model);

/// An offer that waits for an agent's answer, as everybody sees it who may see the task.
#[Object]
impl PendingOffer {
    /// The reason of the offer.
    async fn kind(&self) -> OfferKind {
        self.0.kind
    }

    /// The agent who is asked. Null without the scope AGENTS_READ.
    async fn agent(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.agent_id).await.transpose()
    }

    /// The queue through which the agent is asked. Null for an agent who was chosen by name.
    async fn queue(&self, ctx: &Context<'_>) -> Option<Result<Queue>> {
        if self.0.kind != OfferKind::Queue && self.0.invitation.is_none() {
            return None;
        }
        Queue::find(ctx, self.0.queue_id).await.transpose()
    }

    /// The time until which the agent can accept, by the server's clock.
    async fn expires_at(&self) -> Instant {
        Instant(self.0.expires_at)
    }

    /// The seconds until `expiresAt`, for clients whose clock is wrong. 0 when the time is over.
    async fn expires_in_seconds(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(seconds_until(self.0.expires_at, ctx.app()?.clock.now()))
    }
}

/// The details of an offered task. The channel decides which fields are set.
#[derive(SimpleObject)]
pub struct OfferPreview {
    /// The task's channel.
    channel: Channel,
    /// The name of the task's queue.
    queue_name: String,
    /// The time at which the customer began to wait. A timer of the wait counts from it.
    received_at: Instant,
    /// The customer's name. Set on WEBCHAT, EMAIL, WHATSAPP and MESSENGER, and on SMS for a customer without a
    /// telephone number.
    customer_name: Option<String>,
    /// The customer's email address. Set on WEBCHAT and EMAIL.
    customer_email: Option<String>,
    /// The customer's telephone number. Set on SMS and WHATSAPP.
    customer_phone: Option<String>,
    /// The page to which the customer wrote. Set on MESSENGER.
    source_page: Option<String>,
    /// The number to which the customer wrote. Set on SMS and WHATSAPP.
    source_number: Option<String>,
    /// The facts that the web site gave, such as the page and the answers to the form. Set on WEBCHAT.
    intake: Option<Intake>,
}

impl OfferPreview {
    async fn of(ctx: &Context<'_>, offer: &offer::Model) -> Result<Option<Self>> {
        let Some(row) = ctx.load(DetailsOf(offer.task_id)).await? else { return Ok(None) };
        let on = |channels: &[Channel]| channels.contains(&row.channel);
        let phone = on(&[Channel::Sms, Channel::Whatsapp]);
        let by_number = row.channel == Channel::Sms && row.customer_phone.is_some();
        Ok(Some(Self {
            channel: row.channel,
            queue_name: row.queue_name.clone(),
            received_at: Instant(row.received_at),
            customer_name: row.customer_name.clone().filter(|_| !by_number),
            customer_email: row.customer_email.clone().filter(|_| on(&[Channel::Webchat, Channel::Email])),
            customer_phone: row.customer_phone.clone().filter(|_| phone),
            source_page: row.source_page.clone().filter(|_| row.channel == Channel::Messenger),
            source_number: row.source_number.clone().filter(|_| phone),
            intake: row.intake.clone().map(Intake::from),
        }))
    }
}
