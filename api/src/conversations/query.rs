//! `conversation`, `conversations`, `channels`.

use async_graphql::{Context, ID, InputObject, Object};
use entity::{
    channel::Channel,
    conversation::{ConversationKind, ConversationStatus},
    id::{ConversationId, CustomerId},
};

use super::{
    listing::{Conversations, Filter},
    types::{ChannelCapabilities, Conversation, ConversationConnection},
};
use crate::{
    auth::{
        context::ContextExt,
        guard::Needs,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    page::PageArguments,
    users::people,
};

/// Which conversations to list. What is left out does not narrow the list.
#[derive(InputObject, Default)]
struct ConversationFilter {
    /// Between whom they are.
    kind: Option<ConversationKind>,
    /// Whether they go on.
    status: Option<ConversationStatus>,
    /// On what the customer writes.
    channel: Option<Channel>,
    /// Those with this customer.
    customer_id: Option<ID>,
    /// Only those in which the viewer takes part now.
    #[graphql(default = false)]
    mine: bool,
}

#[derive(Default)]
pub struct ConversationsQuery;

#[Object]
impl ConversationsQuery {
    /// A conversation. Null when there is none, or none that the viewer may see: the two of a direct one, the customer, whoever
    /// takes part or took part, serves its queue, or supervises.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation's id.")] id: ID,
    ) -> Option<Result<Conversation>> {
        Conversation::find(ctx, ConversationId::parse(&id)?).await.transpose()
    }

    /// The conversations that the viewer may see, the one with the newest entry first.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out.")] filter: Option<ConversationFilter>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Result<ConversationConnection> {
        let (app, caller) = (ctx.app()?, *ctx.caller()?);
        let ConversationFilter { kind, status, channel, customer_id, mine } = filter.unwrap_or_default();
        let customer = match customer_id {
            None => None,
            Some(id) => {
                let id = CustomerId::parse(&id);
                Some(id.ok_or_else(|| Error::invalid("customerId", "This is not the id of a customer."))?)
            }
        };
        let role = match &caller {
            Caller::Person(viewer) => people::role(app.db.read(), viewer.user).await?,
            Caller::Service(_) | Caller::Visitor(_) => None,
        };
        let all = Conversations { caller, role, filter: Filter { kind, status, channel, customer, mine } };
        ConversationConnection::read(ctx, &all, PageArguments { first, after, last, before }).await
    }

    /// What each channel can do, for composers.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn channels(&self) -> Vec<ChannelCapabilities> {
        Channel::ALL.into_iter().map(ChannelCapabilities::of).collect()
    }
}
