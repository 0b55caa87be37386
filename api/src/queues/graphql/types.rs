//! GraphQL types of queues. Only agents and API keys with the scope AGENTS_READ see them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    channel::Channel,
    id::QueueId,
    queue::{self, UnacceptedTransfer},
    task::TaskStatus,
};

use super::loader::{CountsOf, EstimateOf, LineOf, NamedBy, QueueById, ServersOf};
use crate::{
    agents::graphql::{
        loader::{AgentById, SkillById},
        profile_types::Skill,
        query::among,
        types::Agent,
    },
    auth::request_context::ContextExt as _,
    auth::viewer::Scope,
    contact_center::graphql::loading::may_see_agents,
    contacts::search::Search as NameSearch,
    conversations::channel_capabilities::TargetKind,
    error::Result,
    instant::Instant,
    pagination::list_size,
    pagination::{Page, PageArguments, PageBound, PageInfo, PageSlice},
    queues::{
        opening_hours::{self, Weekday},
        statistics::{self, QueueStatistics},
    },
    tasks::{
        graphql::{
            list_types::{TaskConnection, TaskOrder},
            supervision::may_supervise,
        },
        target_search::{QueueList, SearchScope, TargetPurpose},
        task_pages::TaskOwner,
    },
};

/// An ordered list of tasks of one channel, served by its eligible agents.
#[derive(Clone)]
pub struct Queue(pub Arc<queue::Model>);

/// An ordered list of tasks of one channel, served by its eligible agents.
#[Object]
impl Queue {
    /// The queue's id, `queue_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The queue's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The channel of the queue's tasks.
    async fn channel(&self) -> Channel {
        self.0.channel
    }

    /// The number of waiting tasks, including tasks on offer to an agent.
    async fn waiting(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(ctx.load(LineOf(self.0.id)).await?.map(|line| line.count).unwrap_or_default())
    }

    /// The longest wait of a task in the queue, in seconds. Null when no task waits.
    async fn longest_wait_seconds(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        let line = ctx.load(LineOf(self.0.id)).await.transpose()?;
        Some(line.and_then(|line| Ok((ctx.app()?.clock.now() - line.first).num_seconds().max(0))))
    }

    /// The estimated wait in seconds, from the waits of the last hour. Null when these are too few or differ too much.
    async fn estimated_wait_seconds(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        let estimate = ctx.load(EstimateOf(self.0.id)).await.transpose()?;
        Some(estimate.map(|wait| wait.num_seconds()))
    }

    /// The agents who are eligible at any skill step, at most 500.
    #[graphql(directive = list_size::apply(20))]
    async fn agents(&self, ctx: &Context<'_>) -> Result<Vec<Agent>> {
        let serving = ctx.load(ServersOf(self.0.id)).await?.unwrap_or_default();
        let agents = futures_util::future::try_join_all(serving.into_iter().map(|id| ctx.load(AgentById(id)))).await?;
        Ok(agents.into_iter().flatten().map(Agent).collect())
    }

    /// The time that an agent has to accept an offer, in seconds. Null means the default of the channel.
    async fn offer_seconds(&self) -> Option<i32> {
        self.0.offer_seconds
    }

    /// The time after which a required wrap-up completes automatically, in seconds. Null means never.
    async fn auto_wrap_up_seconds(&self) -> Option<i32> {
        self.0.auto_wrap_up_seconds
    }

    /// The time without messages after which a conversation with an agent ends automatically, in seconds. Null means
    /// never.
    async fn inactivity_seconds(&self) -> Option<i32> {
        self.0.inactivity_seconds
    }

    /// The time within which a task should be accepted, in seconds. Null when the queue has no service level.
    async fn service_level_seconds(&self) -> Option<i32> {
        self.0.service_level_seconds
    }

    /// The agents that the queue names. Those of them with the required skills are eligible. When empty, every agent
    /// with the required skills is eligible.
    #[graphql(directive = list_size::apply(20))]
    async fn assigned_agents(&self, ctx: &Context<'_>) -> Result<Vec<Agent>> {
        let named = ctx.load(NamedBy(self.0.id)).await?.unwrap_or_default();
        let agents = futures_util::future::try_join_all(named.iter().map(|id| ctx.load(AgentById(*id)))).await?;
        Ok(agents.into_iter().flatten().map(Agent).collect())
    }

    /// The required skills in steps. Each step applies once a task has waited for a time.
    #[graphql(directive = list_size::apply(2))]
    async fn skill_relaxation(&self) -> Vec<SkillStep> {
        let required = |required: &queue::RequiredSkill| RequiredSkill(*required);
        let step = |step: &queue::SkillStep| SkillStep {
            after_seconds: step.after_seconds,
            required: step.required.iter().map(required).collect(),
        };
        self.0.skills.0.iter().map(step).collect()
    }

    /// The opening hours. Null means always open.
    async fn hours(&self) -> Option<QueueHours> {
        self.0.hours.as_ref().map(QueueHours::of)
    }

    /// The time since which the queue is out of use. No more tasks begin to wait in it. Null while it is in use.
    async fn archived_at(&self) -> Option<Instant> {
        self.0.archived_at.map(Instant)
    }

    /// The result of a transfer that an agent of the queue does not accept.
    async fn on_unaccepted_transfer(&self) -> UnacceptedTransfer {
        self.0.on_unaccepted_transfer
    }

    /// The tasks that wait in the queue or last waited there, as far as the viewer may see them. Needs the scope
    /// CONVERSATIONS_READ.
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
        Some(TaskConnection::of_owner(ctx, TaskOwner::Queue(self.0.id), statuses, order_by, arguments).await)
    }

    /// The queue's statistics. For supervisors, null for other viewers.
    async fn statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The start of the period that is counted, at most 31 days ago. The default is 24 hours ago.")]
        since: Option<Instant>,
    ) -> Result<Option<QueueStatistics>> {
        if !may_supervise(ctx).await? {
            return Ok(None);
        }
        let app = ctx.app()?;
        let since = since.map(|since| since.0);
        statistics::check_period(app, since)?;
        let counts = ctx.load(CountsOf { queue: self.0.id, since }).await?;
        Ok(counts.map(|(since, counts)| QueueStatistics::of(app, &self.0, since, &counts)))
    }

    /// True when the queue is open now.
    async fn open_now(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(opening_hours::is_open(self.0.hours.as_ref(), ctx.app()?.clock.now()))
    }
}

impl Queue {
    /// Returns the queue with an id, if the caller may see agents.
    pub async fn find(ctx: &Context<'_>, id: QueueId) -> Result<Option<Self>> {
        if !ctx.caller()?.scopes().has(Scope::AgentsRead) {
            return Ok(None);
        }
        Ok(ctx.load(QueueById(id)).await?.map(Self))
    }
}

/// The skills that agents need once a task has waited for a time.
#[derive(SimpleObject)]
pub struct SkillStep {
    /// The wait in seconds after which the step applies. It is 0 for the first step.
    after_seconds: i32,
    /// The required skills. An agent needs all of them. An empty list accepts every agent that the queue names.
    #[graphql(directive = list_size::apply(2))]
    required: Vec<RequiredSkill>,
}

/// A skill that agents need, with its minimum level.
pub struct RequiredSkill(queue::RequiredSkill);

/// A skill that agents need, with its minimum level.
#[Object]
impl RequiredSkill {
    /// The required skill. Null for a deleted skill, which only an archived queue can require.
    async fn skill(&self, ctx: &Context<'_>) -> Option<Result<Skill>> {
        ctx.load(SkillById(self.0.skill_id)).await.map(|row| row.map(Skill)).transpose()
    }

    /// The minimum level, 1 to 10.
    async fn level(&self) -> i32 {
        self.0.level.into()
    }
}

/// The opening hours of a queue, and the message to customers at other times.
#[derive(SimpleObject)]
pub struct QueueHours {
    /// The IANA name of the time zone, such as `Europe/Berlin`. All times are in this zone, including its clock
    /// changes.
    time_zone: String,
    /// The opening hours of each week.
    #[graphql(directive = list_size::apply(7))]
    weekly_hours: Vec<OpenHours>,
    /// The days on which the queue is closed, such as `2026-12-25`.
    closed_on: Vec<String>,
    /// The message to customers who write at other times. Null means a message of Rapport in the
    /// reader's language.
    closed_message: Option<String>,
}

impl QueueHours {
    fn of(row: &queue::BusinessHours) -> Self {
        let open = |open: &queue::OpenHours| {
            let weekday = Weekday::numbered(open.weekday)?;
            Some(OpenHours { weekday, from: opening_hours::time(open.from), to: opening_hours::time(open.to) })
        };
        Self {
            time_zone: row.time_zone.clone(),
            weekly_hours: row.open.iter().filter_map(open).collect(),
            closed_on: row.closed_on.clone(),
            closed_message: row.answer.clone(),
        }
    }
}

/// A period of opening hours on one day of the week.
#[derive(SimpleObject)]
pub struct OpenHours {
    /// The day of the week.
    weekday: Weekday,
    /// The opening time, such as `09:00`.
    from: String,
    /// The closing time, such as `17:30`, at most `24:00`.
    to: String,
}

/// A page of queues, ordered by name.
pub struct QueueConnection {
    list: QueueList,
    slice: PageSlice<queue::Model>,
}

impl QueueConnection {
    /// Reads a page of all queues, or of the possible targets for a transfer of a task. The page is empty when the
    /// viewer is not an agent.
    pub async fn read(
        ctx: &Context<'_>,
        search: Option<String>,
        channel: Option<Channel>,
        for_transfer_of: Option<&ID>,
        archived: bool,
        arguments: PageArguments,
    ) -> Result<Self> {
        let target = for_transfer_of.map(|task| ("transfer", task));
        let page = Page::new(arguments, &format!("queues {search:?} {channel:?} {target:?} {archived}"))?;
        let task = for_transfer_of.map(|task| (task.as_str(), TargetPurpose::Transfer));
        let among = match may_see_agents(ctx).await? {
            true => among(ctx, task, TargetKind::Queue).await?,
            false => SearchScope::Nobody,
        };
        let list = QueueList { search: NameSearch::new(search.as_deref(), None)?, channel, archived, among };
        Ok(Self { slice: list.page(ctx.app()?.db.read(), &page).await?, list })
    }

    fn place(row: &queue::Model) -> PageBound {
        PageBound::Name(row.name_key.clone(), row.id.0)
    }
}

/// A page of queues, ordered by name.
#[Object]
impl QueueConnection {
    /// The queues with their cursors.
    async fn edges(&self) -> Vec<QueueEdge> {
        let edge = |row: &queue::Model| QueueEdge {
            cursor: self.slice.cursor(&Self::place(row)),
            node: Queue(Arc::new(row.clone())),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The queues of the page, without cursors.
    async fn nodes(&self) -> Vec<Queue> {
        self.slice.items.iter().map(|row| Queue(Arc::new(row.clone()))).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(Self::place)
    }

    /// The number of all queues in the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.list.count(ctx.app()?.db.read()).await?)
    }
}

/// A queue in a page.
#[derive(SimpleObject)]
pub struct QueueEdge {
    /// The position of the queue in the list.
    pub cursor: String,
    /// The queue at this position.
    pub node: Queue,
}
