//! GraphQL types of agents and their desktops. Only agents and API keys with the scope AGENTS_READ see them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    agent::{self, AgentState},
    agent_interval,
    channel::Channel,
    id::{AgentId, UserId},
    task::TaskStatus,
};

use super::{
    loader::{AgentById, IntervalsOf, ProfileById, SkillsOf},
    profile_types::{AgentSkill, MultimediaProfile},
    statistics_types::AgentStatistics,
};
use crate::{
    agents::{
        agent_state,
        assignments::{self, AssignedTask},
        capacity,
    },
    auth::request_context::ContextExt as _,
    auth::{
        guard::Needs,
        viewer::{Scope, Viewer},
    },
    conversations::graphql::loader::{ConversationById, ReferredCustomer},
    error::{Error, Result},
    events::cursor::{Cursor, desk_of},
    instant::Instant,
    memory_budget::LongText,
    pagination::{PageArguments, list_size},
    queues::{
        graphql::{loader::QueuesOf, types::Queue},
        statistics,
    },
    reason_codes::graphql::{loader::IdleReasonById, types::IdleReason},
    tasks::{
        graphql::{
            list_types::{TaskConnection, TaskOrder},
            loader::OwnAssignment,
            offer_types::Offer,
            supervision::may_supervise,
            types::Task,
        },
        offers,
        task_pages::TaskOwner,
    },
    users::graphql::{loader::ReferredPerson, types::User},
};

/// A user who answers customers.
#[derive(Clone)]
pub struct Agent(pub Arc<agent::Model>);

/// A user who answers customers.
#[Object]
impl Agent {
    /// The agent's id, `agent_…`.
    pub async fn id(&self) -> ID {
        AgentId(self.0.user_id.0).into()
    }

    /// The agent's user account. Null when the user no longer has an account. Needs the scope PROFILE_READ.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        User::find(ctx, self.0.user_id).await.transpose()
    }

    /// The display name of the agent's user account.
    async fn display_name(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        let person = ctx.load(ReferredPerson(self.0.user_id)).await?;
        Ok(LongText(person.map(|person| person.display_name.clone()).unwrap_or_default()))
    }

    /// The agent's state. Only AVAILABLE agents are offered tasks. The state does not depend on a connected client.
    async fn state(&self) -> AgentState {
        self.0.state
    }

    /// The time of the last change of the state or its reason.
    async fn state_since(&self) -> Instant {
        Instant(self.0.state_since)
    }

    /// The reason of the state IDLE or RONA. Null in other states.
    async fn idle_reason(&self, ctx: &Context<'_>) -> Option<Result<IdleReason>> {
        Some(ctx.load(IdleReasonById(self.0.idle_reason_id?)).await.transpose()?.map(IdleReason))
    }

    /// The agent's states in a period without gaps, the earliest first, at most 1,000. For supervisors and the agent,
    /// null for other viewers.
    #[graphql(directive = list_size::apply(20))]
    async fn intervals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The start, at most 31 days ago. Default: 24 hours ago.")] since: Option<Instant>,
        #[graphql(desc = "The end of the period. Without it the current state is included.")] until: Option<Instant>,
    ) -> Result<Option<Vec<AgentInterval>>> {
        if !self.may_see_history(ctx).await? {
            return Ok(None);
        }
        let app = ctx.app()?;
        let (since, until) = (since.map(|since| since.0), until.map(|until| until.0));
        statistics::check_period(app, since)?;
        let rows = ctx.load(IntervalsOf { agent: self.0.user_id, since, until }).await?.unwrap_or_default();
        Ok(Some(rows.into_iter().map(AgentInterval).collect()))
    }

    /// Figures of the agent over a period that ends now. For supervisors, organization keys and the agent, null for
    /// other viewers.
    async fn statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The start, at most 31 days ago. Default: 24 hours ago.")] since: Option<Instant>,
    ) -> Result<Option<AgentStatistics>> {
        if !self.may_see_history(ctx).await? {
            return Ok(None);
        }
        let since = since.map(|since| since.0);
        statistics::check_period(ctx.app()?, since)?;
        Ok(Some(AgentStatistics::of(ctx, self.0.user_id, since).await?))
    }

    /// The tasks in which the agent has or had a part, as far as the viewer may see them: the present and the past
    /// work. Needs the scope CONVERSATIONS_READ.
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The states of the tasks. All states when left out.")] statuses: Option<Vec<TaskStatus>>,
        #[graphql(desc = "The order.", default_with = "TaskOrder::NewestFirst")] order_by: TaskOrder,
        #[graphql(desc = "The number of tasks from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of tasks from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<TaskConnection>> {
        let arguments = PageArguments { first, after, last, before };
        Some(TaskConnection::of_owner(ctx, TaskOwner::Agent(self.0.user_id), statuses, order_by, arguments).await)
    }

    /// The channels on which the agent is idle although the state is AVAILABLE.
    async fn idle_channels(&self) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| self.0.idle_channels & channel.bit() != 0).collect()
    }

    /// The agent's capacity on each channel. Messenger, SMS and WhatsApp share one capacity. A task counts from the
    /// offer to the end of its wrap-up.
    #[graphql(directive = list_size::apply(5))]
    async fn capacity(&self) -> Vec<ChannelCapacity> {
        let capacity = |channel| {
            let (limit, used) = capacity::limit_and_used(&self.0, channel);
            let has_room = self.0.offerable_channels & channel.bit() != 0;
            ChannelCapacity { channel, limit: limit.into(), used: used.into(), has_room }
        };
        Channel::ALL.into_iter().map(capacity).collect()
    }

    /// The agent's multimedia profile, which sets the capacity.
    async fn profile(&self, ctx: &Context<'_>) -> Result<MultimediaProfile> {
        let profile = ctx.load(ProfileById(self.0.profile_id)).await?;
        profile.map(MultimediaProfile).ok_or_else(|| Error::internal(anyhow::anyhow!("an agent has no profile")))
    }

    /// The agent's skills with their levels, ordered by the names of the skills.
    #[graphql(directive = list_size::apply(4))]
    async fn skills(&self, ctx: &Context<'_>) -> Result<Vec<AgentSkill>> {
        let skills = ctx.load(SkillsOf(self.0.user_id)).await?.unwrap_or_default();
        Ok(skills.iter().map(|(skill, level)| AgentSkill::of(skill, *level)).collect())
    }

    /// The queues in use for which the agent is eligible at any skill step, ordered by name.
    #[graphql(directive = list_size::apply(10))]
    async fn queues(&self, ctx: &Context<'_>) -> Result<Vec<Queue>> {
        let queues = ctx.load(QueuesOf(self.0.user_id)).await?.unwrap_or_default();
        Ok(queues.iter().map(|row| Queue(Arc::clone(row))).collect())
    }
}

impl Agent {
    /// Returns true if the caller may see what the agent did: the agent and supervisors.
    async fn may_see_history(&self, ctx: &Context<'_>) -> Result<bool> {
        let own = ctx.viewer().is_ok_and(|viewer| viewer.user == self.0.user_id);
        Ok(own || may_supervise(ctx).await?)
    }

    /// Returns a person's agent, if the caller may see agents.
    pub async fn find(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>> {
        if !ctx.caller()?.scopes().has(Scope::AgentsRead) {
            return Ok(None);
        }
        Ok(ctx.load(AgentById(id)).await?.map(Self))
    }
}

/// A period in which an agent had one state.
pub struct AgentInterval(pub agent_interval::Model);

/// A period in which an agent had one state. It ends when the next interval begins.
#[Object]
impl AgentInterval {
    /// The number of the interval among the agent's intervals: 1, 2, 3, … without gaps.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// The agent's state in the interval.
    async fn state(&self) -> AgentState {
        self.0.state
    }

    /// The reason of the state IDLE or RONA. Null in other states.
    async fn idle_reason(&self, ctx: &Context<'_>) -> Option<Result<IdleReason>> {
        Some(ctx.load(IdleReasonById(self.0.idle_reason_id?)).await.transpose()?.map(IdleReason))
    }

    /// The channels on which the agent was idle although the state was AVAILABLE.
    async fn idle_channels(&self) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| self.0.idle_channels & channel.bit() != 0).collect()
    }

    /// The start of the interval.
    async fn started_at(&self) -> Instant {
        Instant(self.0.started_at)
    }

    /// The end of the interval. Null for the current interval.
    async fn ended_at(&self) -> Option<Instant> {
        self.0.ended_at.map(Instant)
    }
}

/// An agent's capacity on one channel.
#[derive(SimpleObject)]
pub struct ChannelCapacity {
    /// The channel of the tasks.
    channel: Channel,
    /// The maximum number of tasks at once.
    limit: i32,
    /// The number of tasks on the channel and on the channels that share its capacity.
    used: i32,
    /// True when the agent can be offered one more task of the channel now.
    has_room: bool,
}

/// Everything an agent works with: the state, the offers and the tasks.
pub struct AgentDesktop {
    /// The agent of the desktop.
    pub agent: Arc<agent::Model>,
    /// The cursor of the desktop's stream, read with the agent.
    pub stream_cursor: Cursor,
}

/// Everything an agent works with: the state, the offers and the tasks.
#[Object]
impl AgentDesktop {
    /// The agent of the desktop, which is the viewer.
    async fn agent(&self) -> Agent {
        Agent(Arc::clone(&self.agent))
    }

    /// The pending offers to the agent, the oldest first.
    #[graphql(directive = list_size::apply(2))]
    async fn offers(&self, ctx: &Context<'_>) -> Result<Vec<Offer>> {
        let rows = offers::pending_for_agent(ctx.app()?.db.read(), self.agent.user_id).await?;
        Ok(rows.into_iter().map(|row| Offer(Arc::new(row))).collect())
    }

    /// The agent's accepted tasks: active ones and ones in wrap-up, the oldest assignment first. Needs the scope
    /// CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ConversationsRead)", directive = list_size::apply(5))]
    async fn tasks(&self, ctx: &Context<'_>) -> Result<Vec<Task>> {
        let in_hand = assignments::assigned_tasks(ctx.app()?.db.read(), ctx.caller()?, self.agent.user_id).await?;
        let mut tasks = Vec::new();
        for AssignedTask { assignment, task, conversation, customer } in in_hand {
            ctx.remember(OwnAssignment(task.id), assignment).await?;
            ctx.remember(ConversationById(conversation.row.id), Arc::new(conversation)).await?;
            if let Some(customer) = customer {
                ctx.remember(ReferredCustomer(customer.id), Arc::new(customer)).await?;
            }
            tasks.push(Task(Arc::new(task)));
        }
        Ok(tasks)
    }

    /// The position of the subscription `agentDesktop` before the desktop was read. A subscription with it as `after`
    /// misses no event.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

impl AgentDesktop {
    /// Returns the viewer's desktop. None when the viewer is not an agent.
    pub async fn of(ctx: &Context<'_>, viewer: &Viewer) -> Result<Option<Self>> {
        let app = ctx.app()?;
        let stream = desk_of(viewer.user);
        let Some((agent, at)) = agent_state::find_snapshot(app.db.read(), viewer.user).await? else { return Ok(None) };
        Ok(Some(Self { agent: Arc::new(agent), stream_cursor: Cursor::in_stream(stream, at) }))
    }
}
