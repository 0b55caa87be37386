//! Queues and entry points as the API shows them to those who answer customers.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    channel::Channel,
    entry_point,
    id::{EntryPointId, QueueId},
    queue::{self, UnacceptedTransfer},
};

use super::{
    counts::{self, QueueCounts},
    hours,
    loader::{AgentById, EntryPointById, EstimateOf, LineOf, QueueById, ServersOf},
    types::Agent,
    watching::supervises,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    page::{ByName, PageInfo, Slice},
};

/// Where tasks of one channel wait for the agents who serve it.
#[derive(Clone)]
pub struct Queue(pub Arc<queue::Model>);

/// Where tasks of one channel wait for the agents who serve it.
#[Object]
impl Queue {
    /// The queue's id, `queue_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The channel whose tasks wait in it.
    async fn channel(&self) -> Channel {
        self.0.channel
    }

    /// How many tasks wait in it, those included that are held out to an agent.
    async fn waiting(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(ctx.load(LineOf(self.0.id)).await?.map(|line| line.count).unwrap_or_default())
    }

    /// How long the task has waited that has waited longest, in seconds; null when none waits.
    async fn longest_wait_seconds(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        let line = ctx.load(LineOf(self.0.id)).await.transpose()?;
        Some(line.and_then(|line| Ok((ctx.app()?.clock.now() - line.first).num_seconds().max(0))))
    }

    /// How long one may have to wait now, in seconds, by what others have waited in the last hour; null where too little is
    /// known.
    async fn estimated_wait_seconds(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        let estimate = ctx.load(EstimateOf(self.0.id)).await.transpose()?;
        Some(estimate.map(|wait| wait.num_seconds()))
    }

    /// The agents whom it may offer tasks to, at the latest when a task has waited for long, at most 500.
    async fn agents(&self, ctx: &Context<'_>) -> Result<Vec<Agent>> {
        let serving = ctx.load(ServersOf(self.0.id)).await?.unwrap_or_default();
        let agents = futures_util::future::try_join_all(serving.into_iter().map(|id| ctx.load(AgentById(id)))).await?;
        Ok(agents.into_iter().flatten().map(Agent).collect())
    }

    /// How long an agent may take to accept an offer, in seconds; null: as long as the channel says.
    async fn offer_seconds(&self) -> Option<i32> {
        self.0.offer_seconds
    }

    /// After how many seconds a wrap-up that is owed is done by itself; null: never.
    async fn auto_wrap_up_seconds(&self) -> Option<i32> {
        self.0.auto_wrap_up_seconds
    }

    /// After how many seconds without a word a conversation with an agent ends by itself; null: never.
    async fn inactivity_seconds(&self) -> Option<i32> {
        self.0.inactivity_seconds
    }

    /// What becomes of a transfer to a named agent of it who does not accept.
    async fn on_unaccepted_transfer(&self) -> UnacceptedTransfer {
        self.0.on_unaccepted_transfer
    }

    /// After how many seconds at most customers should be accepted; null where nothing is set.
    async fn service_level_seconds(&self) -> Option<i32> {
        self.0.service_level_seconds
    }

    /// How it is doing, for supervisors; null for others.
    async fn counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From when to count what has happened, at most 31 days back; 24 hours back when left out.")]
        since: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<Option<QueueCounts>> {
        if !supervises(ctx).await? {
            return Ok(None);
        }
        let app = ctx.app()?;
        Ok(Some(counts::show(app, &self.0, counts::period(app, since)?).await?))
    }

    /// Whether it is served at this time.
    async fn open(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(hours::is_open(self.0.hours.as_ref(), ctx.app()?.clock.now()))
    }
}

impl Queue {
    /// The queue with an id, if the viewer is one of those who answer customers.
    pub async fn find(ctx: &Context<'_>, id: QueueId) -> Result<Option<Self>> {
        if !ctx.caller()?.scopes().has(Scope::AgentsRead) {
            return Ok(None);
        }
        Ok(ctx.load(QueueById(id)).await?.map(Self))
    }
}

/// A page of queues, by name.
pub struct QueueConnection(pub Slice<queue::Model>);

/// A page of queues, by name.
#[Object]
impl QueueConnection {
    /// The queues with their cursors.
    async fn edges(&self) -> Vec<QueueEdge> {
        let edge = |row: &queue::Model| QueueEdge {
            cursor: self.0.cursor(&ByName(row.name.clone(), row.id.0)),
            node: Queue(Arc::new(row.clone())),
        };
        self.0.items.iter().map(edge).collect()
    }

    /// The queues.
    async fn nodes(&self) -> Vec<Queue> {
        self.0.items.iter().map(|row| Queue(Arc::new(row.clone()))).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        self.0.info(|row| ByName(row.name.clone(), row.id.0))
    }
}

/// A queue in a page.
#[derive(SimpleObject)]
pub struct QueueEdge {
    /// The place in the list.
    pub cursor: String,
    /// The queue.
    pub node: Queue,
}

/// An address of the organisation on a channel.
#[derive(Clone)]
pub struct EntryPoint(pub Arc<entry_point::Model>);

/// An address of the organisation on a channel.
#[Object]
impl EntryPoint {
    /// The entry point's id, `entry_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The channel.
    async fn channel(&self) -> Channel {
        self.0.channel
    }

    /// The address on the channel: a page, a number, a mailbox, a web site.
    async fn address(&self) -> &str {
        &self.0.address
    }

    /// Where its tasks wait. Null for who does not answer customers. Needs the scope AGENTS_READ.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queue(&self, ctx: &Context<'_>) -> Option<Result<Queue>> {
        Queue::find(ctx, self.0.queue_id).await.transpose()
    }
}

impl EntryPoint {
    /// The entry point that something visible names.
    pub async fn named(ctx: &Context<'_>, id: EntryPointId) -> Result<Option<Self>> {
        Ok(ctx.load(EntryPointById(id)).await?.map(Self))
    }
}
