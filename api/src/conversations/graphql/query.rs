//! The queries `conversation`, `conversations` and `channels`.

use async_graphql::{Context, ID, InputObject, Object};
use entity::{
    channel::Channel,
    conversation::{ConversationKind, ConversationStatus},
    id::{ConversationId, CustomerId},
};

use super::{
    capability_types::ChannelCapabilities,
    types::{Conversation, ConversationConnection},
};
use crate::conversations::listing::{ConversationListFilter, Conversations};
use crate::{
    auth::{
        guard::Needs,
        request_context::ContextExt,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    pagination::PageArguments,
    pagination::list_size,
    users::people,
};

/// A selection of conversations. A field that is left out does not narrow the list.
#[derive(InputObject, Default)]
struct ConversationFilter {
    /// The parties of the conversations: a customer and the organization, or two users.
    kind: Option<ConversationKind>,
    /// The state of the conversations.
    status: Option<ConversationStatus>,
    /// The channel on which the customer writes.
    channel: Option<Channel>,
    /// The customer of the conversations.
    customer_id: Option<ID>,
    /// True to list only the conversations in which the viewer takes part now.
    #[graphql(default = false)]
    mine: bool,
}

/// Root of the conversation queries.
#[derive(Default)]
pub struct ConversationsQuery;

#[Object]
impl ConversationsQuery {
    /// A conversation. Null if there is none, or if the viewer may not see it. Visible to both users of a direct
    /// conversation, the customer, current and earlier participants, agents who serve the queue, and supervisors.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation's id.")] id: ID,
    ) -> Option<Result<Conversation>> {
        Conversation::find(ctx, ConversationId::parse(&id)?).await.transpose()
    }

    /// The conversations that the viewer may see, the one with the newest item first.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The selection. Without it, all are listed.")] filter: Option<ConversationFilter>,
        #[graphql(
            desc = "The number of conversations from the start, 0 to 100. The default is 20 if `last` is not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of conversations from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<ConversationConnection> {
        let (app, caller) = (ctx.app()?, *ctx.caller()?);
        let ConversationFilter { kind, status, channel, customer_id, mine } = filter.unwrap_or_default();
        let customer = match customer_id {
            None => None,
            Some(id) => {
                let id = CustomerId::parse(&id);
                Some(id.ok_or_else(|| Error::invalid("customerId", "This is not a customer id."))?)
            }
        };
        let role = match &caller {
            Caller::Person(viewer) => people::role(app.db.read(), viewer.user).await?,
            Caller::Service(_) | Caller::Visitor(_) => None,
        };
        let all =
            Conversations { caller, role, filter: ConversationListFilter { kind, status, channel, customer, mine } };
        ConversationConnection::read(ctx, &all, PageArguments { first, after, last, before }).await
    }

    /// The capabilities of each channel, for composers.
    #[graphql(guard = "Needs(Scope::ConversationsRead)", directive = list_size::apply(5))]
    async fn channels(&self) -> Vec<ChannelCapabilities> {
        Channel::ALL.into_iter().map(ChannelCapabilities::of).collect()
    }
}
