//! Offers as the API shows them to the agent to whom they are made.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    id::OfferId,
    offer::{self, OfferKind, OfferStatus},
};

use super::{
    loader::{DetailsOf, OwnOffer},
    types::Task,
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::Result,
};

/// A task held out to the viewer for a limited time.
#[derive(Clone)]
pub struct Offer(pub Arc<offer::Model>);

/// A task held out to the viewer for a limited time.
#[Object]
impl Offer {
    /// The offer's id, `offer_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Why the task is offered.
    async fn kind(&self) -> OfferKind {
        self.0.kind
    }

    /// The task. Null for one that the viewer can no longer see. Needs the scope CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn task(&self, ctx: &Context<'_>) -> Option<Result<Task>> {
        Task::find(ctx, self.0.task_id).await.transpose()
    }

    /// What became of it.
    async fn status(&self) -> OfferStatus {
        self.0.status
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Until when it can be accepted, by the server's clock. After that the agent becomes RONA.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// When it was accepted, declined, withdrawn or found expired; null while it is PENDING.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }

    /// What to show of the request before it is accepted. Null for a task that the viewer can no longer see. Needs the scope
    /// CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn preview(&self, ctx: &Context<'_>) -> Option<Result<OfferPreview>> {
        OfferPreview::of(ctx, &self.0).await.transpose()
    }
}

impl Offer {
    /// The offer with an id, if it was made to the viewer.
    pub async fn find(ctx: &Context<'_>, id: OfferId) -> Result<Option<Self>> {
        if ctx.viewer().is_err() || !ctx.caller()?.scopes().has(Scope::AgentsRead) {
            return Ok(None);
        }
        Ok(ctx.load(OwnOffer(id)).await?.map(Self))
    }
}

/// What an incoming request shows. Which fields there are is up to the channel.
#[derive(SimpleObject)]
pub struct OfferPreview {
    /// The channel.
    channel: Channel,
    /// The queue the task waits in.
    queue_name: String,
    /// When the customer began to wait: the timer counts from here.
    received_at: DateTime<Utc>,
    /// What the customer is called: WEBCHAT, EMAIL, WHATSAPP, MESSENGER.
    customer_name: Option<String>,
    /// The customer's e-mail address: WEBCHAT, EMAIL.
    customer_email: Option<String>,
    /// The customer's telephone number: SMS, WHATSAPP.
    customer_phone: Option<String>,
    /// The page the customer wrote to: MESSENGER.
    source_page: Option<String>,
    /// The number the customer wrote to: SMS, WHATSAPP.
    source_number: Option<String>,
}

impl OfferPreview {
    async fn of(ctx: &Context<'_>, offer: &offer::Model) -> Result<Option<Self>> {
        let Some(row) = ctx.load(DetailsOf(offer.task_id)).await? else { return Ok(None) };
        let on = |channels: &[Channel]| channels.contains(&row.channel);
        let phone = on(&[Channel::Sms, Channel::Whatsapp]);
        Ok(Some(Self {
            channel: row.channel,
            queue_name: row.queue_name.clone(),
            received_at: row.received_at,
            customer_name: row.customer_name.clone().filter(|_| row.channel != Channel::Sms),
            customer_email: row.customer_email.clone().filter(|_| on(&[Channel::Webchat, Channel::Email])),
            customer_phone: row.customer_phone.clone().filter(|_| phone),
            source_page: row.source_page.clone().filter(|_| row.channel == Channel::Messenger),
            source_number: row.source_number.clone().filter(|_| phone),
        }))
    }
}
