//! Agents, their desks and offers as the API shows them to those who answer customers.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    agent::{self, AgentState},
    agent_interval,
    channel::Channel,
    id::{AgentId, IdleReasonId, UserId},
    idle_reason, wrap_up_reason,
};

use super::{
    assignments::{self, InHand},
    capacity, counts,
    listing::Listed,
    loader::{AgentById, IdleReasonById, IntervalsOf, OwnHold, ProfileById, QueuesOf, SkillsOf, answers},
    offer_types::Offer,
    offers,
    profile_types::{AgentSkill, MultimediaProfile},
    queue_types::Queue,
    states,
    task_types::Task,
    watching::supervises,
};
use crate::{
    auth::{
        context::{ContextExt, Loads},
        guard::Needs,
        viewer::{Scope, Viewer},
    },
    conversations::loader::{ConversationById, ReferredCustomer},
    error::{Error, Result},
    events::cursor::{Cursor, desk_of},
    instant::Instant,
    page::{PageInfo, Slice},
    users::{loader::ReferredPerson, types::User},
    weight::LongText,
};

/// Somebody who answers customers.
#[derive(Clone)]
pub struct Agent(pub Arc<agent::Model>);

/// Somebody who answers customers.
#[Object]
impl Agent {
    /// The agent's id, `agent_…`.
    pub async fn id(&self) -> ID {
        AgentId(self.0.user_id.0).into()
    }

    /// The person who is the agent. Null once they have no account any more. Needs the scope PROFILE_READ.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        User::find(ctx, self.0.user_id).await.transpose()
    }

    /// The name of the person who is the agent.
    async fn display_name(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        let person = ctx.load(ReferredPerson(self.0.user_id)).await?;
        Ok(LongText(person.map(|person| person.display_name.clone()).unwrap_or_default()))
    }

    /// Whether the agent may be offered tasks. Says nothing of whether their client is connected.
    async fn state(&self) -> AgentState {
        self.0.state
    }

    /// Since when the state and its reason are what they are.
    async fn state_since(&self) -> DateTime<Utc> {
        self.0.state_since
    }

    /// Why the agent is IDLE, or RONA.
    async fn idle_reason(&self, ctx: &Context<'_>) -> Option<Result<IdleReason>> {
        Some(ctx.load(IdleReasonById(self.0.idle_reason_id?)).await.transpose()?.map(IdleReason))
    }

    /// In which states the agent was in a period, the earliest first, without holes, at most 1,000. For supervisors, and for the
    /// agent; null for others.
    async fn intervals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From when, at most 31 days back; 24 hours back when left out.")] since: Option<Instant>,
        #[graphql(desc = "Until when; without it, to the one that lasts.")] until: Option<Instant>,
    ) -> Result<Option<Vec<AgentInterval>>> {
        let own = ctx.viewer().is_ok_and(|viewer| viewer.user == self.0.user_id);
        if !own && !supervises(ctx).await? {
            return Ok(None);
        }
        let app = ctx.app()?;
        let (since, until) = (since.map(|since| since.0), until.map(|until| until.0));
        counts::check(app, since)?;
        let rows = ctx.load(IntervalsOf { agent: self.0.user_id, since, until }).await?.unwrap_or_default();
        Ok(Some(rows.into_iter().map(AgentInterval).collect()))
    }

    /// Channels on which the agent is idle although AVAILABLE.
    async fn idle_channels(&self) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| self.0.idle_channels & channel.bit() != 0).collect()
    }

    /// How much the agent may hold on each channel and how much of it is held. Messenger, SMS and WhatsApp share a number. What
    /// is held counts from the offer until it is wrapped up.
    async fn capacity(&self) -> Vec<ChannelCapacity> {
        let capacity = |channel| {
            let (limit, used) = capacity::of(&self.0, channel);
            let open = self.0.takes & channel.bit() != 0;
            ChannelCapacity { channel, limit: limit.into(), used: used.into(), open }
        };
        Channel::ALL.into_iter().map(capacity).collect()
    }

    /// How much the agent does at once, and in which mixture.
    async fn profile(&self, ctx: &Context<'_>) -> Result<MultimediaProfile> {
        let profile = ctx.load(ProfileById(self.0.profile_id)).await?;
        profile.map(MultimediaProfile).ok_or_else(|| Error::internal(anyhow::anyhow!("an agent has no profile")))
    }

    /// What the agent is good at, by the names of the skills.
    async fn skills(&self, ctx: &Context<'_>) -> Result<Vec<AgentSkill>> {
        let skills = ctx.load(SkillsOf(self.0.user_id)).await?.unwrap_or_default();
        Ok(skills.iter().map(|(skill, level)| AgentSkill::of(skill, *level)).collect())
    }

    /// The queues in use that may offer the agent tasks, at the latest when a task has waited for long, by name.
    async fn queues(&self, ctx: &Context<'_>) -> Result<Vec<Queue>> {
        let queues = ctx.load(QueuesOf(self.0.user_id)).await?.unwrap_or_default();
        Ok(queues.iter().map(|row| Queue(Arc::clone(row))).collect())
    }
}

impl Agent {
    /// The agent that a person is, if the viewer is one of those who answer customers.
    pub async fn find(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>> {
        if !ctx.caller()?.scopes().has(Scope::AgentsRead) {
            return Ok(None);
        }
        Ok(ctx.load(AgentById(id)).await?.map(Self))
    }
}

/// A time for which an agent was in one state.
pub struct AgentInterval(pub agent_interval::Model);

/// A time for which an agent was in one state. One ends when the next begins.
#[Object]
impl AgentInterval {
    /// The number of the interval among the agent's: 1, 2, 3, … without holes.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// The state.
    async fn state(&self) -> AgentState {
        self.0.state
    }

    /// Why the agent was IDLE, or RONA.
    async fn idle_reason(&self, ctx: &Context<'_>) -> Option<Result<IdleReason>> {
        Some(ctx.load(IdleReasonById(self.0.idle_reason_id?)).await.transpose()?.map(IdleReason))
    }

    /// Channels on which the agent was idle although AVAILABLE.
    async fn idle_channels(&self) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| self.0.idle_channels & channel.bit() != 0).collect()
    }

    /// When it began.
    async fn started_at(&self) -> DateTime<Utc> {
        self.0.started_at
    }

    /// When the next began; null for the one that lasts.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }
}

/// A page of agents, by name.
pub struct AgentConnection(pub Slice<Listed>);

/// A page of agents, by name.
#[Object]
impl AgentConnection {
    /// The agents with their cursors.
    async fn edges(&self) -> Vec<AgentEdge> {
        let edge =
            |row: &Listed| AgentEdge { cursor: self.0.cursor(&row.place()), node: Agent(Arc::new(row.agent.clone())) };
        self.0.items.iter().map(edge).collect()
    }

    /// The agents.
    async fn nodes(&self) -> Vec<Agent> {
        self.0.items.iter().map(|row| Agent(Arc::new(row.agent.clone()))).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        self.0.info(Listed::place)
    }
}

/// An agent in a page.
#[derive(SimpleObject)]
pub struct AgentEdge {
    /// The place in the list.
    pub cursor: String,
    /// The agent.
    pub node: Agent,
}

/// How much of a channel an agent may hold.
#[derive(SimpleObject)]
pub struct ChannelCapacity {
    /// The channel.
    channel: Channel,
    /// How many tasks at once.
    limit: i32,
    /// How many are held on it and on those that share the number.
    used: i32,
    /// Whether the agent may be offered a task of the channel now.
    open: bool,
}

/// Why an agent is idle.
#[derive(Clone)]
pub struct IdleReason(pub Arc<idle_reason::Model>);

/// Why an agent is idle.
#[Object]
impl IdleReason {
    /// The reason's id, `idle_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether only the system gives it: after an offer was declined, or not answered.
    async fn system(&self) -> bool {
        self.0.system.is_some()
    }

    /// Whether it is given where an agent gives none. One is.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// Since when it can no longer be chosen; null while it can.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.0.archived_at
    }
}

/// What a conversation came to.
#[derive(Clone)]
pub struct WrapUpReason(pub Arc<wrap_up_reason::Model>);

/// What a conversation came to.
#[Object]
impl WrapUpReason {
    /// The reason's id, `reason_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it is given by an automatic wrap-up. One is.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// Since when it can no longer be given; null while it can.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.0.archived_at
    }
}

/// Everything on an agent's desk.
pub struct Desk {
    pub agent: Arc<agent::Model>,
    pub stream_cursor: Cursor,
}

/// Everything on an agent's desk.
#[Object]
impl Desk {
    /// The agent whose desk it is: the viewer.
    async fn agent(&self) -> Agent {
        Agent(Arc::clone(&self.agent))
    }

    /// What is held out to the agent, the oldest first.
    async fn offers(&self, ctx: &Context<'_>) -> Result<Vec<Offer>> {
        let rows = offers::of_agent(ctx.app()?.db.read(), self.agent.user_id).await?;
        Ok(rows.into_iter().map(|row| Offer(Arc::new(row))).collect())
    }

    /// What the agent has in hand: talks, and what has ended and is to be wrapped up, in the order in which it came. Needs the
    /// scope CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn tasks(&self, ctx: &Context<'_>) -> Result<Vec<Task>> {
        let in_hand = assignments::in_hand(ctx.app()?.db.read(), ctx.caller()?, self.agent.user_id).await?;
        let mut tasks = Vec::new();
        for InHand { hold, task, conversation, customer } in in_hand {
            ctx.remember(OwnHold(task.id), hold).await?;
            ctx.remember(ConversationById(conversation.row.id), Arc::new(conversation)).await?;
            if let Some(customer) = customer {
                ctx.remember(ReferredCustomer(customer.id), Arc::new(customer)).await?;
            }
            tasks.push(Task(Arc::new(task)));
        }
        Ok(tasks)
    }

    /// Where the subscription `desk` stood before the desk was read: subscribe with it as `after` and nothing is missed.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

impl Desk {
    /// The desk of the viewer; none for who is no agent.
    pub async fn of(ctx: &Context<'_>, viewer: &Viewer) -> Result<Option<Self>> {
        let app = ctx.app()?;
        let stream = desk_of(viewer.user);
        let Some((agent, at)) = states::see(app.db.read(), viewer.user).await? else { return Ok(None) };
        Ok(Some(Self { agent: Arc::new(agent), stream_cursor: Cursor::in_stream(stream, at) }))
    }
}

/// Reads the id of a reason to be idle.
pub fn idle_reason_id(text: Option<&ID>) -> Result<Option<IdleReasonId>> {
    let Some(text) = text else { return Ok(None) };
    // An id of nothing names no reason; the verb says so.
    Ok(Some(IdleReasonId::parse(text).unwrap_or(IdleReasonId(uuid::Uuid::nil()))))
}

/// Whether the caller may see those who answer customers.
pub async fn may_see(ctx: &Context<'_>) -> Result<bool> {
    let reads = ctx.data::<Loads>();
    let reads = reads.map_err(|error| Error::internal(anyhow::anyhow!("{}", error.message)))?;
    answers(reads.loader()).await
}
