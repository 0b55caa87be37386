//! Queries of queues. Only agents and API keys with the scope AGENTS_READ see them.

use async_graphql::{Context, ID, Object};
use entity::{channel::Channel, id::QueueId};

use super::types::{Queue, QueueConnection};
use crate::{
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    pagination::PageArguments,
};

/// Root queries of queues.
#[derive(Default)]
pub struct QueuesQuery;

#[Object]
impl QueuesQuery {
    /// A queue. Null when no queue has the id, or when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queue(&self, ctx: &Context<'_>, #[graphql(desc = "The queue's id.")] id: ID) -> Option<Result<Queue>> {
        Queue::find(ctx, QueueId::parse(&id)?).await.transpose()
    }

    /// The queues in use, ordered by name. With `includeArchived` also the archived ones. Empty when the viewer is not
    /// an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    #[expect(clippy::too_many_arguments, reason = "filters, and four for the page")]
    async fn queues(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The words to find. The name must contain every word. Case and accents are ignored.")]
        search: Option<String>,
        #[graphql(desc = "Selects queues of this channel.")] channel: Option<Channel>,
        #[graphql(
            desc = "Selects possible targets for a transfer of this task. Empty unless the viewer owns the task."
        )]
        for_transfer_of: Option<ID>,
        #[graphql(default, desc = "True to include archived queues. Has no effect with `forTransferOf`.")]
        include_archived: bool,
        #[graphql(desc = "The number of queues from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same search.")] after: Option<String>,
        #[graphql(desc = "The number of queues from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same search.")] before: Option<String>,
    ) -> Result<QueueConnection> {
        let archived = include_archived && for_transfer_of.is_none();
        let arguments = PageArguments { first, after, last, before };
        QueueConnection::read(ctx, search, channel, for_transfer_of.as_ref(), archived, arguments).await
    }
}
