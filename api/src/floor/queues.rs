//! Queues. Archiving one leaves nothing behind: what waits in it and the entry points that feed it move to another queue, or it
//! is refused. Offers and talks stay with whoever has them; what comes back later goes where the queue's tasks went.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{
    channel::Channel,
    entry_point,
    id::{AgentId, QueueId, UserId},
    queue::{self, SkillSteps, UnacceptedTransfer},
    queue_agent,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use serde_json::{Value, json};

use super::{
    administrators::{self, By, Made, written},
    hours::{self, QueueHoursInput},
    names::{self, invalid},
    skills::{self, SkillStepInput},
};
use crate::{
    agents::{members, moves, queues, routing, set_up},
    app::{App, Tx},
    auth::once,
    contacts::fields::Field,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::Named as _,
};

/// The longest time for an offer, and for everything else that has one, in seconds.
const MAX_OFFER: i32 = 6_000;
const MAX_WAIT: i32 = 2_592_000;
/// The most agents whom a queue names.
const MAX_AGENTS: usize = 500;

const QUEUE: Field = &["input", "queueId"];
const AGENTS: Field = &["input", "agentIds"];
const MOVE_TO: Field = &["input", "moveTo"];

/// A queue to be made.
#[derive(Clone, Debug, InputObject)]
pub struct CreateQueueInput {
    /// What it is called, 1 to 80 characters. Unique among those in use.
    pub name: String,
    /// The channel whose tasks wait in it, for ever.
    pub channel: Channel,
    /// The agents who serve it, at most 500; of them those who have the skills that it asks for. None:
    /// whoever has the skills; where none are asked for either, nobody.
    #[graphql(default)]
    pub agent_ids: Vec<ID>,
    /// What agents must be good at, in at most 10 steps, each of which holds once a task has waited so long.
    #[graphql(default)]
    pub skill_steps: Vec<SkillStepInput>,
    /// How long an agent may take to accept an offer, 1 to 6,000 seconds; as long as the channel says where left out.
    pub offer_seconds: Option<i32>,
    /// After how many seconds a wrap-up that is owed is done by itself, 1 to 2,592,000; never where left out.
    pub auto_wrap_up_seconds: Option<i32>,
    /// After how many seconds without a word a conversation with an agent ends by itself, 1 to 2,592,000; never where left out.
    pub inactivity_seconds: Option<i32>,
    /// Within how many seconds a task should be accepted, 1 to 2,592,000; nothing is promised where left out.
    pub service_level_seconds: Option<i32>,
    /// What becomes of a transfer to a named agent of it who does not accept.
    #[graphql(default_with = "UnacceptedTransfer::Drop")]
    pub on_unaccepted_transfer: UnacceptedTransfer,
    /// When it is served; always where left out.
    pub hours: Option<QueueHoursInput>,
    /// A key that the client makes up, 1 to 100 characters: a call repeated with it makes one queue, for ever.
    pub idempotency_key: Option<String>,
}

/// What to change of a queue; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateQueueInput {
    /// The queue.
    pub queue_id: ID,
    /// What it is called, 1 to 80 characters. Unique among those in use.
    pub name: Option<String>,
    /// The agents who serve it, in place of those whom it named, at most 500. An empty list: whoever has the skills; where none
    /// are asked for either, nobody.
    pub agent_ids: Option<Vec<ID>>,
    /// What agents must be good at, in place of what was asked for, in at most 10 steps.
    pub skill_steps: Option<Vec<SkillStepInput>>,
    /// How long an agent may take to accept an offer, 1 to 6,000 seconds; null: as long as the channel says.
    pub offer_seconds: MaybeUndefined<i32>,
    /// After how many seconds a wrap-up that is owed is done by itself, 1 to 2,592,000; null: never.
    pub auto_wrap_up_seconds: MaybeUndefined<i32>,
    /// After how many seconds without a word a conversation with an agent ends by itself, 1 to 2,592,000; null: never. A
    /// silence that has begun ends no sooner for it.
    pub inactivity_seconds: MaybeUndefined<i32>,
    /// Within how many seconds a task should be accepted, 1 to 2,592,000; null: nothing is promised.
    pub service_level_seconds: MaybeUndefined<i32>,
    /// What becomes of a transfer to a named agent of it who does not accept.
    pub on_unaccepted_transfer: Option<UnacceptedTransfer>,
    /// When it is served, in place of what was; null: always.
    pub hours: MaybeUndefined<QueueHoursInput>,
}

/// Which queue to take out of use.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveQueueInput {
    /// The queue.
    pub queue_id: ID,
    /// Another queue of the same channel, in which its tasks wait and which its entry points feed from then on. Needed while
    /// tasks wait in the queue or are held out to agents, and while an entry point in use feeds it.
    pub move_to: Option<ID>,
}

/// Makes a queue.
pub async fn create(app: &App, by: By<'_>, input: &CreateQueueInput) -> Result<Made<queue::Model>> {
    let wish = &wish(input);
    let agents = &agents(&input.agent_ids)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let answering = administrators::hold(tx, &by, agents).await?;
            let mut row = queue::Model {
                id: QueueId(tx.clock().uuid()),
                name: String::new(),
                name_key: Vec::new(),
                search_text: String::new(),
                channel: input.channel,
                offer_seconds: None,
                on_unaccepted_transfer: input.on_unaccepted_transfer,
                auto_wrap_up_seconds: None,
                inactivity_seconds: None,
                service_level_seconds: None,
                skills: SkillSteps::default(),
                hours: None,
                created_at: tx.clock().now(),
                archived_at: None,
                successor_id: None,
            };
            apply(tx, &mut row, wish).await?;
            let told = told(&row, agents);
            let asked = format!("createQueue {told}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = once::claim(tx, by.viewer.user, key, &asked, row.id.0).await? {
                let made = queues::find(tx.db(), QueueId(id)).await?;
                let row = made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
                return Ok(Made { row, replayed: true });
            }
            if agents.iter().any(|agent| !answering.contains(agent)) {
                return Err(Error::not_found(AGENTS));
            }
            set_up::add_queue(tx, &row).await?;
            set_up::name_agents(tx, &row, &sorted(agents)).await?;
            administrators::made(tx, &by, "createQueue", &row.id, told).await?;
            Ok(Made { row, replayed: false })
        })
    })
    .await
}

/// Changes a queue; whether anything was different. What waits in it is looked at anew at once.
pub async fn update(app: &App, by: By<'_>, input: &UpdateQueueInput) -> Result<(queue::Model, bool)> {
    let wanted = &input.agent_ids.as_deref().map(agents).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            let answering = administrators::hold(tx, &by, wanted.as_ref().unwrap_or(&BTreeSet::new())).await?;
            let before = in_use(tx.db(), &input.queue_id, QUEUE).await?;
            let named = named(tx.db(), before.id).await?;
            let agents = wanted.as_ref().unwrap_or(&named);
            if agents.iter().any(|agent| !answering.contains(agent) && !named.contains(agent)) {
                return Err(Error::not_found(AGENTS));
            }
            let mut row = before.clone();
            apply(tx, &mut row, input).await?;
            let (was, is) = (told(&before, &named), told(&row, agents));
            if !administrators::changed(tx, &by, "updateQueue", &row.id, &was, &is).await? {
                return Ok((row, false));
            }
            let asks_anew = row.skills != before.skills;
            if asks_anew {
                routing::stop(tx).await?;
            }
            row.clone().into_active_model().reset_all().update(tx.db()).await.on_unique(names::taken)?;
            if asks_anew {
                moves::look_again(tx, &row).await?;
            }
            if *agents != named {
                set_up::name_agents(tx, &row, &sorted(agents)).await?;
            } else if asks_anew {
                members::refresh(tx, &row).await?;
            }
            Ok((row, true))
        })
    })
    .await
}

/// Takes a queue out of use; whether it was in use.
pub async fn archive(app: &App, by: By<'_>, input: &ArchiveQueueInput) -> Result<(queue::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let id = QueueId::parse(&input.queue_id).ok_or_else(|| Error::not_found(QUEUE))?;
            let row = queues::find(tx.db(), id).await?.ok_or_else(|| Error::not_found(QUEUE))?;
            if row.archived_at.is_some() {
                return Ok((row, false));
            }
            // From here on nothing begins to wait in it.
            routing::stop(tx).await?;
            let target = target(tx, &row, input.move_to.as_ref()).await?;
            let successor_id = target.as_ref().map(|target| target.id);
            let row = queue::Model { archived_at: Some(tx.clock().now()), successor_id, ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            match &target {
                Some(target) => hand_over(tx, &row, target).await?,
                None => nothing_depends_on(tx, &row).await?,
            }
            let told = json!({ "moveTo": successor_id.map(|id| id.to_string()) });
            administrators::made(tx, &by, "archiveQueue", &row.id, told).await?;
            Ok((row, true))
        })
    })
    .await
}

/// The queue that takes the place of another.
async fn target(tx: &Tx<'_>, from: &queue::Model, id: Option<&ID>) -> Result<Option<queue::Model>> {
    let Some(id) = id else { return Ok(None) };
    let found = in_use(tx.db(), id, MOVE_TO).await?;
    if found.id == from.id || found.channel != from.channel {
        return Err(invalid(MOVE_TO, "Name another queue of the same channel."));
    }
    Ok(Some(found))
}

/// Moves all that belongs to a queue to another. Routers are stopped.
async fn hand_over(tx: &Tx<'_>, from: &queue::Model, to: &queue::Model) -> Result<()> {
    // Those of entry points and queues that are archived too: something of theirs may still come back.
    entry_point::Entity::update_many()
        .col_expr(entry_point::Column::QueueId, Expr::value(to.id))
        .filter(entry_point::Column::QueueId.eq(from.id))
        .exec(tx.db())
        .await?;
    queue::Entity::update_many()
        .col_expr(queue::Column::SuccessorId, Expr::value(to.id))
        .filter(queue::Column::SuccessorId.eq(from.id))
        .exec(tx.db())
        .await?;
    moves::all(tx, from.id, to).await
}

/// Refuses to archive without a successor what tasks wait in or an entry point feeds. Routers are stopped.
async fn nothing_depends_on(tx: &Tx<'_>, row: &queue::Model) -> Result<()> {
    let refused = |why: &'static str| Err(Error::refused(UserErrorCode::NotAllowed, MOVE_TO, why));
    let feeding = entry_point::Entity::find()
        .filter(entry_point::Column::QueueId.eq(row.id))
        .filter(entry_point::Column::ArchivedAt.is_null());
    if feeding.one(tx.db()).await?.is_some() {
        return refused("An entry point feeds this queue: say which takes its place.");
    }
    if moves::standing(tx.db(), row.id).await? > 0 {
        return refused("Tasks wait in this queue: say where they go.");
    }
    Ok(())
}

/// A queue to be made as what to change of an empty one.
fn wish(input: &CreateQueueInput) -> UpdateQueueInput {
    let input = input.clone();
    let number = |value: Option<i32>| value.map_or(MaybeUndefined::Null, MaybeUndefined::Value);
    UpdateQueueInput {
        queue_id: ID::default(),
        name: Some(input.name),
        agent_ids: None,
        skill_steps: Some(input.skill_steps),
        offer_seconds: number(input.offer_seconds),
        auto_wrap_up_seconds: number(input.auto_wrap_up_seconds),
        inactivity_seconds: number(input.inactivity_seconds),
        service_level_seconds: number(input.service_level_seconds),
        on_unaccepted_transfer: None,
        hours: input.hours.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
    }
}

/// Changes a row as somebody wishes. The floor is held.
async fn apply(tx: &Tx<'_>, row: &mut queue::Model, wish: &UpdateQueueInput) -> Result<()> {
    if let Some(name) = &wish.name {
        row.name = names::check(name)?;
        row.refresh_keys();
    }
    if let Some(steps) = &wish.skill_steps {
        row.skills = skills::steps(tx, steps).await?;
    }
    seconds(&mut row.offer_seconds, wish.offer_seconds, MAX_OFFER, &["input", "offerSeconds"])?;
    seconds(&mut row.auto_wrap_up_seconds, wish.auto_wrap_up_seconds, MAX_WAIT, &["input", "autoWrapUpSeconds"])?;
    seconds(&mut row.inactivity_seconds, wish.inactivity_seconds, MAX_WAIT, &["input", "inactivitySeconds"])?;
    seconds(&mut row.service_level_seconds, wish.service_level_seconds, MAX_WAIT, &["input", "serviceLevelSeconds"])?;
    if let Some(what) = wish.on_unaccepted_transfer {
        row.on_unaccepted_transfer = what;
    }
    match &wish.hours {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.hours = None,
        MaybeUndefined::Value(given) => row.hours = Some(hours::check(given)?),
    }
    Ok(())
}

fn seconds(column: &mut Option<i32>, change: MaybeUndefined<i32>, most: i32, field: Field) -> Result<()> {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *column = None,
        MaybeUndefined::Value(value) => *column = Some(names::within(value, 1, most, field)?),
    }
    Ok(())
}

/// The agents that ids of the API name.
fn agents(ids: &[ID]) -> Result<BTreeSet<UserId>> {
    let parse = |id: &ID| AgentId::parse(id).map(|id| UserId(id.0)).ok_or_else(|| Error::not_found(AGENTS));
    let found: BTreeSet<UserId> = ids.iter().map(parse).collect::<Result<_>>()?;
    if found.len() > MAX_AGENTS {
        return Err(invalid(AGENTS, format!("At most {MAX_AGENTS} agents.")));
    }
    Ok(found)
}

/// In the order of their locks.
fn sorted(agents: &BTreeSet<UserId>) -> Vec<UserId> {
    agents.iter().copied().collect()
}

async fn named(db: &impl ConnectionTrait, queue: QueueId) -> Result<BTreeSet<UserId>, DbErr> {
    let named = queue_agent::Entity::find()
        .filter(queue_agent::Column::QueueId.eq(queue))
        .select_only()
        .column(queue_agent::Column::AgentId);
    Ok(named.into_tuple().all(db).await?.into_iter().collect())
}

/// The queue that an id of the API names, if it is in use. The floor is held.
pub async fn in_use(db: &impl ConnectionTrait, id: &str, field: Field) -> Result<queue::Model> {
    let id = QueueId::parse(id).ok_or_else(|| Error::not_found(field))?;
    let found = queues::find(db, id).await?.ok_or_else(|| Error::not_found(field))?;
    if found.archived_at.is_some() { Err(names::archived(field)) } else { Ok(found) }
}

/// A queue as the audit tells it.
fn told(row: &queue::Model, agents: &BTreeSet<UserId>) -> Value {
    json!({
        "name": row.name,
        "channel": written(&row.channel),
        "agentIds": agents.iter().map(|agent| AgentId(agent.0).to_string()).collect::<Vec<_>>(),
        "skillSteps": skills::told(&row.skills),
        "offerSeconds": row.offer_seconds,
        "autoWrapUpSeconds": row.auto_wrap_up_seconds,
        "inactivitySeconds": row.inactivity_seconds,
        "serviceLevelSeconds": row.service_level_seconds,
        "onUnacceptedTransfer": written(&row.on_unaccepted_transfer),
        "hours": row.hours,
    })
}
