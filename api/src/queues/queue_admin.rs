//! Queues and their changes by administrators. [`queue_changes`] has the effects of a change on waiting tasks.
//!
//! [`queue_changes`]: crate::routing::queue_changes

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{
    channel::Channel,
    id::{AgentId, QueueId, UserId},
    queue::{self, SkillSteps, UnacceptedTransfer},
    queue_agent,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter, QuerySelect,
};
use serde_json::{Value, json};

use super::{
    hours_input::{self, QueueHoursInput},
    queue_rows,
};
use crate::{
    agents::{
        agent_state, eligibility,
        skills::{self, SkillStepInput},
    },
    app::{App, Tx},
    contact_center::{
        admin_change::{self, AdminActor, Created, LockedConfiguration, to_value},
        name_validation::{self, invalid},
    },
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::named::Named as _,
};

/// Maximum time for an offer, in seconds.
const MAX_OFFER: i32 = 6_000;
/// Maximum of all other times of a queue, in seconds.
const MAX_WAIT: i32 = 2_592_000;
/// Maximum number of agents that a queue names.
const MAX_AGENTS: usize = 500;

/// The field of inputs that names a queue.
pub const QUEUE: FieldPath = &["input", "queueId"];
/// The field of inputs that names agents.
pub const AGENTS: FieldPath = &["input", "agentIds"];
/// The queue to create.
#[derive(Clone, Debug, InputObject)]
pub struct CreateQueueInput {
    /// The queue's name, 1 to 80 characters. Unique among queues in use.
    pub name: String,
    /// The channel of the queue's tasks. It can never change.
    pub channel: Channel,
    /// The agents that the queue names, at most 500. Those of them with the required skills are eligible. With an empty
    /// list, every agent with the required skills is eligible, or no agent if no skills are required.
    #[graphql(default)]
    pub agent_ids: Vec<ID>,
    /// The required skills, in at most 10 steps. Each step applies once a task has waited for a time.
    #[graphql(default)]
    pub skill_relaxation: Vec<SkillStepInput>,
    /// The time that an agent has to accept an offer, 1 to 6,000 seconds. The default is the time of the channel.
    pub offer_seconds: Option<i32>,
    /// The time after which a required wrap-up completes automatically, 1 to 2,592,000 seconds. The default is never.
    pub auto_wrap_up_seconds: Option<i32>,
    /// The time without messages after which a conversation with an agent ends automatically, 1 to 2,592,000 seconds.
    /// The default is never.
    pub inactivity_seconds: Option<i32>,
    /// The time within which a task should be accepted, 1 to 2,592,000 seconds. The default is no service level.
    pub service_level_seconds: Option<i32>,
    /// The result of a transfer that an agent of the queue does not accept.
    #[graphql(default_with = "UnacceptedTransfer::Drop")]
    pub on_unaccepted_transfer: UnacceptedTransfer,
    /// The opening hours. The default is always open.
    pub hours: Option<QueueHoursInput>,
    /// A key of the client's choice, 1 to 100 characters. All calls with the same key together create one queue,
    /// without a time limit.
    pub idempotency_key: Option<String>,
}

impl CreateQueueInput {
    /// Describes a queue of a channel without rules of its own.
    #[must_use]
    pub fn new(name: &str, channel: Channel) -> Self {
        Self {
            name: name.to_owned(),
            channel,
            agent_ids: Vec::new(),
            skill_relaxation: Vec::new(),
            offer_seconds: None,
            auto_wrap_up_seconds: None,
            inactivity_seconds: None,
            service_level_seconds: None,
            on_unaccepted_transfer: UnacceptedTransfer::Drop,
            hours: None,
            idempotency_key: None,
        }
    }
}

/// The changes of a queue. A field that is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateQueueInput {
    /// The id of the queue to change.
    pub queue_id: ID,
    /// The new name, 1 to 80 characters. Unique among queues in use.
    pub name: Option<String>,
    /// The agents that the queue names, which replace the earlier ones. At most 500. With an empty list, every agent
    /// with the required skills is eligible, or no agent if no skills are required.
    pub agent_ids: Option<Vec<ID>>,
    /// The required skills, which replace the earlier ones, in at most 10 steps.
    pub skill_relaxation: Option<Vec<SkillStepInput>>,
    /// The time that an agent has to accept an offer, 1 to 6,000 seconds. Null means the default of the channel.
    pub offer_seconds: MaybeUndefined<i32>,
    /// The time after which a required wrap-up completes automatically, 1 to 2,592,000 seconds. Null means never.
    pub auto_wrap_up_seconds: MaybeUndefined<i32>,
    /// The time without messages after which a conversation with an agent ends automatically, 1 to 2,592,000 seconds.
    /// Null means never. A shorter time does not shorten a silence that has already begun.
    pub inactivity_seconds: MaybeUndefined<i32>,
    /// The time within which a task should be accepted, 1 to 2,592,000 seconds. Null means no service level.
    pub service_level_seconds: MaybeUndefined<i32>,
    /// The result of a transfer that an agent of the queue does not accept.
    pub on_unaccepted_transfer: Option<UnacceptedTransfer>,
    /// The opening hours, which replace the earlier ones. Null means always open.
    pub hours: MaybeUndefined<QueueHoursInput>,
}

impl UpdateQueueInput {
    /// Describes changes of a queue that change nothing.
    #[must_use]
    pub fn of(queue: QueueId) -> Self {
        Self {
            queue_id: queue.into(),
            name: None,
            agent_ids: None,
            skill_relaxation: None,
            offer_seconds: MaybeUndefined::Undefined,
            auto_wrap_up_seconds: MaybeUndefined::Undefined,
            inactivity_seconds: MaybeUndefined::Undefined,
            service_level_seconds: MaybeUndefined::Undefined,
            on_unaccepted_transfer: None,
            hours: MaybeUndefined::Undefined,
        }
    }
}

/// The queue to archive, and its successor.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveQueueInput {
    /// The id of the queue to archive.
    pub queue_id: ID,
    /// The successor, another queue of the same channel. It takes the waiting tasks and the entry points of the
    /// archived queue. Required while tasks wait in the queue or are on offer, and while an entry point in use feeds
    /// it.
    pub move_to: Option<ID>,
}

/// Creates a queue. Locks the configuration and the named people. Refuses with `INVALID`, `DUPLICATE`, `NOT_FOUND`,
/// `NOT_ALLOWED` or `IDEMPOTENCY_KEY_REUSED`.
pub async fn create(app: &App, by: AdminActor<'_>, input: &CreateQueueInput) -> Result<Created<queue::Model>> {
    let wish = &changes_of(input);
    let agents = &agent_ids(&input.agent_ids)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, agents).await?;
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
            apply(tx, config, &mut row, wish).await?;
            let told = to_audit_value(&row, agents);
            let asked = format!("createQueue {told}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = admin_change::claim_key(tx, &by, key, &asked, row.id.0).await? {
                let made = queue_rows::find(tx.db(), QueueId(id)).await?;
                let row = made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
                return Ok(Created { row, replayed: true });
            }
            if agents.iter().any(|agent| !config.has_agent(*agent)) {
                return Err(Error::not_found(AGENTS));
            }
            let in_use = queue::Entity::find().filter(queue::Column::ArchivedAt.is_null());
            name_validation::check_count(tx.db(), config, in_use).await?;
            add_queue(tx, config, &row).await?;
            assign_agents(tx, config, &row, &sorted(agents)).await?;
            admin_change::record_created(tx, &by, "createQueue", &row.id, told).await?;
            Ok(Created { row, replayed: false })
        })
    })
    .await
}

/// Converts the input of a creation into changes of an empty queue.
fn changes_of(input: &CreateQueueInput) -> UpdateQueueInput {
    let input = input.clone();
    let number = |value: Option<i32>| value.map_or(MaybeUndefined::Null, MaybeUndefined::Value);
    UpdateQueueInput {
        queue_id: ID::default(),
        name: Some(input.name),
        agent_ids: None,
        skill_relaxation: Some(input.skill_relaxation),
        offer_seconds: number(input.offer_seconds),
        auto_wrap_up_seconds: number(input.auto_wrap_up_seconds),
        inactivity_seconds: number(input.inactivity_seconds),
        service_level_seconds: number(input.service_level_seconds),
        on_unaccepted_transfer: None,
        hours: input.hours.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
    }
}

/// Applies changes to a row, except for the agents. Refuses with `INVALID` or
/// `NOT_FOUND`.
pub async fn apply(
    tx: &Tx<'_>,
    config: &LockedConfiguration,
    row: &mut queue::Model,
    wish: &UpdateQueueInput,
) -> Result<()> {
    if let Some(name) = &wish.name {
        row.name = name_validation::check_name(name)?;
        row.refresh_keys();
    }
    if let Some(steps) = &wish.skill_relaxation {
        row.skills = skills::steps(tx, config, steps).await?;
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
        MaybeUndefined::Value(given) => row.hours = Some(hours_input::check_hours(given)?),
    }
    Ok(())
}

fn seconds(column: &mut Option<i32>, change: MaybeUndefined<i32>, most: i32, field: FieldPath) -> Result<()> {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *column = None,
        MaybeUndefined::Value(value) => *column = Some(name_validation::check_range(value, 1, most, field)?),
    }
    Ok(())
}

/// Reads the ids of agents, at most 500. Refuses with `NOT_FOUND` or `INVALID`.
pub fn agent_ids(ids: &[ID]) -> Result<BTreeSet<UserId>> {
    let parse = |id: &ID| AgentId::parse(id).map(|id| UserId(id.0)).ok_or_else(|| Error::not_found(AGENTS));
    let found: BTreeSet<UserId> = ids.iter().map(parse).collect::<Result<_>>()?;
    if found.len() > MAX_AGENTS {
        return Err(invalid(AGENTS, format!("A queue names at most {MAX_AGENTS} agents.")));
    }
    Ok(found)
}

/// Returns the agents in the order of their locks.
pub fn sorted(agents: &BTreeSet<UserId>) -> Vec<UserId> {
    agents.iter().copied().collect()
}

/// Returns the agents that a queue names.
pub async fn assigned_agents(db: &impl ConnectionTrait, queue: QueueId) -> Result<BTreeSet<UserId>, DbErr> {
    let named = queue_agent::Entity::find()
        .filter(queue_agent::Column::QueueId.eq(queue))
        .select_only()
        .column(queue_agent::Column::AgentId);
    Ok(named.into_tuple().all(db).await?.into_iter().collect())
}

/// Returns the queue with an id of the API. Refuses with `NOT_FOUND`, or with
/// `NOT_ALLOWED` when the queue is archived.
pub async fn in_use(
    db: &impl ConnectionTrait,
    _config: &LockedConfiguration,
    id: &str,
    field: FieldPath,
) -> Result<queue::Model> {
    let id = QueueId::parse(id).ok_or_else(|| Error::not_found(field))?;
    let found = queue_rows::find(db, id).await?.ok_or_else(|| Error::not_found(field))?;
    if found.archived_at.is_some() { Err(name_validation::is_archived(field)) } else { Ok(found) }
}

/// Returns a queue in the form of the audit log.
pub fn to_audit_value(row: &queue::Model, agents: &BTreeSet<UserId>) -> Value {
    json!({
        "name": row.name,
        "channel": to_value(&row.channel),
        "agentIds": agents.iter().map(|agent| AgentId(agent.0).to_string()).collect::<Vec<_>>(),
        "skillRelaxation": skills::to_audit_value(&row.skills),
        "offerSeconds": row.offer_seconds,
        "autoWrapUpSeconds": row.auto_wrap_up_seconds,
        "inactivitySeconds": row.inactivity_seconds,
        "serviceLevelSeconds": row.service_level_seconds,
        "onUnacceptedTransfer": to_value(&row.on_unaccepted_transfer),
        "hours": row.hours,
    })
}

/// Inserts a queue and computes its eligible agents. Refuses with `DUPLICATE`.
async fn add_queue(tx: &Tx<'_>, config: &LockedConfiguration, row: &queue::Model) -> Result<()> {
    let insert = queue::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await;
    insert
        .on_unique(|| Error::refused(UserErrorCode::Duplicate, &["input", "name"], "Another queue has this name."))?;
    eligibility::refresh(tx, config, row).await
}

/// Replaces the agents that a queue names and computes its eligible agents. Creates missing agent rows.
pub async fn assign_agents(
    tx: &Tx<'_>,
    config: &LockedConfiguration,
    queue: &queue::Model,
    agents: &[UserId],
) -> Result<()> {
    queue_agent::Entity::delete_many().filter(queue_agent::Column::QueueId.eq(queue.id)).exec(tx.db()).await?;
    // Whoever was an agent before has a row.
    for person in config.agents.iter().filter(|person| agents.contains(&person.id)) {
        agent_state::create_agent(tx, person).await?;
    }
    for agent in agents {
        let row = queue_agent::ActiveModel { queue_id: Set(queue.id), agent_id: Set(*agent) };
        queue_agent::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx.db()).await?;
    }
    eligibility::refresh(tx, config, queue).await
}
