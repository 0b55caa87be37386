//! Queues and entry points as the API shows them to those who answer customers.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    entry_point::{self, FormField, FormFieldKind},
    id::{EntryPointId, QueueId},
    queue::{self, UnacceptedTransfer},
    user::Role,
};

use super::{
    counts::{self, QueueCounts},
    hours::{self, Weekday},
    loader::{AgentById, CountsOf, EntryPointById, EstimateOf, LineOf, NamedBy, QueueById, ServersOf, SkillById},
    profile_types::Skill,
    tasks,
    types::Agent,
    watching::supervises,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Error, Result},
    instant::Instant,
    page::{PageInfo, Place, Slice},
    users::loader::PersonById,
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

    /// Within how many seconds a task should be accepted; null where nothing is promised.
    async fn service_level_seconds(&self) -> Option<i32> {
        self.0.service_level_seconds
    }

    /// The agents whom it names; of them those serve it who have the skills that it asks for. None: whoever has the skills does.
    async fn named_agents(&self, ctx: &Context<'_>) -> Result<Vec<Agent>> {
        let named = ctx.load(NamedBy(self.0.id)).await?.unwrap_or_default();
        let agents = futures_util::future::try_join_all(named.iter().map(|id| ctx.load(AgentById(*id)))).await?;
        Ok(agents.into_iter().flatten().map(Agent).collect())
    }

    /// What agents must be good at, in steps: each holds once a task has waited so long.
    async fn skill_steps(&self) -> Vec<SkillStep> {
        let required = |required: &queue::RequiredSkill| RequiredSkill(*required);
        let step = |step: &queue::SkillStep| SkillStep {
            after_seconds: step.after_seconds,
            required: step.required.iter().map(required).collect(),
        };
        self.0.skills.0.iter().map(step).collect()
    }

    /// When it is served; null: always.
    async fn hours(&self) -> Option<QueueHours> {
        self.0.hours.as_ref().map(QueueHours::of)
    }

    /// Since when it is out of use: nothing begins to wait in it any more. Null while it is in use.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.0.archived_at
    }

    /// What becomes of a transfer to a named agent of it who does not accept.
    async fn on_unaccepted_transfer(&self) -> UnacceptedTransfer {
        self.0.on_unaccepted_transfer
    }

    /// How it is doing, for supervisors; null for others.
    async fn counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From when to count what has happened, at most 31 days back; 24 hours back when left out.")]
        since: Option<Instant>,
    ) -> Result<Option<QueueCounts>> {
        if !supervises(ctx).await? {
            return Ok(None);
        }
        let app = ctx.app()?;
        let since = since.map(|since| since.0);
        counts::check(app, since)?;
        let counts = ctx.load(CountsOf { queue: self.0.id, since }).await?;
        Ok(counts.map(|(since, counts)| QueueCounts::of(app, &self.0, since, &counts)))
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

/// What agents of a queue must be good at once a task has waited so long.
#[derive(SimpleObject)]
pub struct SkillStep {
    /// After how many seconds of waiting it holds; 0 for the first.
    after_seconds: i32,
    /// All of these, each to its level. Nothing: whoever the queue names will do.
    required: Vec<RequiredSkill>,
}

/// A skill and the least level of it.
pub struct RequiredSkill(queue::RequiredSkill);

/// A skill and the least level of it.
#[Object]
impl RequiredSkill {
    /// The skill. Null for one that is gone, which only a queue that is archived may ask for.
    async fn skill(&self, ctx: &Context<'_>) -> Option<Result<Skill>> {
        ctx.load(SkillById(self.0.skill_id)).await.map(|row| row.map(Skill)).transpose()
    }

    /// The least level, 1 to 10.
    async fn level(&self) -> i32 {
        self.0.level.into()
    }
}

/// When a queue is served, and what a customer is told who writes at other times.
#[derive(SimpleObject)]
pub struct QueueHours {
    /// The time zone by its IANA name, such as `Europe/Berlin`. All times are of it, also when its clocks change.
    time_zone: String,
    /// The hours of each week.
    open: Vec<OpenHours>,
    /// Days on which it is not served, such as `2026-12-25`.
    closed_on: Vec<String>,
    /// What a customer is told who writes at other times; null: a sentence of Rapport's.
    answer: Option<String>,
}

impl QueueHours {
    fn of(row: &queue::BusinessHours) -> Self {
        let open = |open: &queue::OpenHours| {
            let weekday = Weekday::numbered(open.weekday)?;
            Some(OpenHours { weekday, from: hours::time(open.from), to: hours::time(open.to) })
        };
        Self {
            time_zone: row.time_zone.clone(),
            open: row.open.iter().filter_map(open).collect(),
            closed_on: row.closed_on.clone(),
            answer: row.answer.clone(),
        }
    }
}

/// Hours of a day of the week.
#[derive(SimpleObject)]
pub struct OpenHours {
    /// The day.
    weekday: Weekday,
    /// From when, such as `09:00`.
    from: String,
    /// Up to when, such as `17:30`, at most `24:00`.
    to: String,
}

/// A page of queues, by name.
pub struct QueueConnection(pub Slice<queue::Model>);

/// A page of queues, by name.
#[Object]
impl QueueConnection {
    /// The queues with their cursors.
    async fn edges(&self) -> Vec<QueueEdge> {
        let edge = |row: &queue::Model| QueueEdge {
            cursor: self.0.cursor(&Place::Name(row.name_key.clone(), row.id.0)),
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
        self.0.info(|row| Place::Name(row.name_key.clone(), row.id.0))
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

    /// The priority of its tasks, 1, the highest, to 9; null where none is set, which comes after all others.
    async fn priority(&self) -> Option<i32> {
        (self.0.priority != tasks::NO_PRIORITY).then(|| self.0.priority.into())
    }

    /// What a visitor is asked for before a chat begins, in this order: WEBCHAT.
    async fn fields(&self) -> Vec<EntryPointField> {
        self.0.form.0.iter().map(EntryPointField::of).collect()
    }

    /// The web sites from which a chat may be begun, such as `https://example.com`: WEBCHAT. Null for all but administrators,
    /// with an error. Needs the scope ADMIN.
    async fn origins(&self, ctx: &Context<'_>) -> Option<Result<Vec<String>>> {
        Some(administers(ctx).await.map(|()| self.0.origins.0.clone()))
    }

    /// Whether there is a secret with which the site signs who its visitors are. Nothing shows the secret itself. Null for all
    /// but administrators, with an error. Needs the scope ADMIN.
    async fn has_identity_secret(&self, ctx: &Context<'_>) -> Option<Result<bool>> {
        let has = self.0.identity_secret.as_ref().is_some_and(|secret| !secret.is_empty());
        Some(administers(ctx).await.map(|()| has))
    }

    /// Since when it is out of use: nothing is begun there any more, and conversations of before go on. Null while it is in use.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.0.archived_at
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

/// A field of the form before a chat.
#[derive(SimpleObject)]
pub struct EntryPointField {
    /// By this an answer names it.
    name: String,
    /// What to show beside it.
    label: String,
    /// What it takes.
    kind: FormFieldKind,
    /// Whether a chat begins only with an answer.
    required: bool,
    /// Of a CHOICE, what can be chosen; else nothing.
    options: Vec<String>,
}

impl EntryPointField {
    fn of(field: &FormField) -> Self {
        let FormField { name, label, kind, required, options } = field.clone();
        Self { name, label, kind, required, options }
    }
}

/// Refuses a token without the scope ADMIN, and whoever is no administrator of this moment whatever their token says.
async fn administers(ctx: &Context<'_>) -> Result<()> {
    let refusal = || Error::Forbidden(Scope::Admin.name());
    if !ctx.caller()?.scopes().has(Scope::Admin) {
        return Err(refusal());
    }
    let person = ctx.load(PersonById(ctx.viewer()?.user)).await?;
    person.filter(|person| person.role == Role::Admin).map(drop).ok_or_else(refusal)
}
