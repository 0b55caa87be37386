//! Making queues, entry points and who serves them.

use entity::{
    agent_skill,
    channel::Channel,
    entry_point::{self, Form, Origins},
    floor,
    id::{EntryPointId, QueueId, SkillId, UserId, WrapUpReasonId},
    queue::{self, BusinessHours, SkillSteps, UnacceptedTransfer},
    queue_agent, skill, wrap_up_reason,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter, QuerySelect as _,
    sea_query::OnConflict,
};

use super::{members, states};
use crate::{
    app::Tx,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::{Named as _, named::keys},
};

/// A queue to be made.
#[derive(Clone, Debug)]
pub struct NewQueue {
    pub name: String,
    pub channel: Channel,
    pub offer_seconds: Option<i32>,
    pub on_unaccepted_transfer: UnacceptedTransfer,
    pub auto_wrap_up_seconds: Option<i32>,
    pub inactivity_seconds: Option<i32>,
    pub service_level_seconds: Option<i32>,
    pub skills: SkillSteps,
    pub hours: Option<BusinessHours>,
}

impl NewQueue {
    /// A queue of a channel with nothing of its own.
    #[must_use]
    pub fn of(channel: Channel, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            channel,
            offer_seconds: None,
            on_unaccepted_transfer: UnacceptedTransfer::Drop,
            auto_wrap_up_seconds: None,
            inactivity_seconds: None,
            service_level_seconds: None,
            skills: SkillSteps::default(),
            hours: None,
        }
    }
}

/// Comes before anything that says who serves what is changed: one such change is made at a time, over all instances, so that
/// what it has looked at stays so. Before conversations, agents and the routers' lock.
pub async fn hold(tx: &Tx<'_>) -> Result<()> {
    floor::Entity::find().lock_exclusive().one(tx.db()).await?;
    Ok(())
}

/// Makes a queue.
pub async fn queue(tx: &Tx<'_>, new: NewQueue) -> Result<queue::Model> {
    hold(tx).await?;
    let mut row = queue::Model {
        id: QueueId(tx.clock().uuid()),
        name: new.name,
        name_key: Vec::new(),
        search_text: String::new(),
        channel: new.channel,
        offer_seconds: new.offer_seconds,
        on_unaccepted_transfer: new.on_unaccepted_transfer,
        auto_wrap_up_seconds: new.auto_wrap_up_seconds,
        inactivity_seconds: new.inactivity_seconds,
        service_level_seconds: new.service_level_seconds,
        skills: new.skills,
        hours: new.hours,
        created_at: tx.clock().now(),
        archived_at: None,
        successor_id: None,
    };
    row.refresh_keys();
    add_queue(tx, &row).await?;
    Ok(row)
}

/// Adds a queue. The floor is held.
pub async fn add_queue(tx: &Tx<'_>, row: &queue::Model) -> Result<()> {
    let insert = queue::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await;
    insert
        .on_unique(|| Error::refused(UserErrorCode::Duplicate, &["input", "name"], "A queue has this name already."))?;
    members::refresh(tx, row).await
}

/// Names the agents of a queue, in place of all whom it named.
pub async fn name_agents(tx: &Tx<'_>, queue: &queue::Model, agents: &[UserId]) -> Result<()> {
    hold(tx).await?;
    queue_agent::Entity::delete_many().filter(queue_agent::Column::QueueId.eq(queue.id)).exec(tx.db()).await?;
    for agent in agents {
        states::enrol(tx, *agent).await?;
        let row = queue_agent::ActiveModel { queue_id: Set(queue.id), agent_id: Set(*agent) };
        queue_agent::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx.db()).await?;
    }
    members::refresh(tx, queue).await
}

/// Makes a skill.
pub async fn skill(tx: &Tx<'_>, name: &str) -> Result<skill::Model> {
    skill_with(tx, SkillId(tx.clock().uuid()), name).await
}

/// Makes the skill with an id.
pub async fn skill_with(tx: &Tx<'_>, id: SkillId, name: &str) -> Result<skill::Model> {
    let (name_key, search_text) = keys(name);
    let row = skill::Model { id, name: name.to_owned(), name_key, search_text };
    let insert = skill::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await;
    insert
        .on_unique(|| Error::refused(UserErrorCode::Duplicate, &["input", "name"], "A skill has this name already."))?;
    Ok(row)
}

/// Says how good an agent is at something, and works out anew whom the queues may offer tasks to that ask for it.
pub async fn rate(tx: &Tx<'_>, agent: UserId, skill: SkillId, level: i16) -> Result<()> {
    hold(tx).await?;
    states::enrol(tx, agent).await?;
    let row = agent_skill::ActiveModel { agent_id: Set(agent), skill_id: Set(skill), level: Set(level) };
    let again = OnConflict::columns([agent_skill::Column::AgentId, agent_skill::Column::SkillId])
        .update_column(agent_skill::Column::Level)
        .to_owned();
    agent_skill::Entity::insert(row).on_conflict(again).exec_without_returning(tx.db()).await?;
    members::refresh_asking(tx, &[skill]).await
}

/// Makes a reason of wrap-ups.
pub async fn wrap_up_reason(tx: &Tx<'_>, name: &str) -> Result<wrap_up_reason::Model> {
    let id = WrapUpReasonId(tx.clock().uuid());
    let (name_key, search_text) = keys(name);
    let name = name.to_owned();
    let row = wrap_up_reason::Model { id, name, name_key, search_text, is_default: false, archived_at: None };
    let insert = wrap_up_reason::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await;
    insert.on_unique(|| {
        Error::refused(UserErrorCode::Duplicate, &["input", "name"], "A reason has this name already.")
    })?;
    Ok(row)
}

/// An entry point to be made.
#[derive(Clone, Debug)]
pub struct NewEntryPoint {
    pub name: String,
    pub channel: Channel,
    pub address: String,
    pub queue: QueueId,
    /// 1 to 9; none: the lowest.
    pub priority: Option<i16>,
    pub form: Form,
    pub origins: Origins,
    pub identity_secret: Option<String>,
}

/// Makes an entry point.
pub async fn entry_point(tx: &Tx<'_>, new: NewEntryPoint) -> Result<entry_point::Model> {
    let mut row = entry_point::Model {
        id: EntryPointId(tx.clock().uuid()),
        name: new.name,
        name_key: Vec::new(),
        search_text: String::new(),
        channel: new.channel,
        address: new.address,
        queue_id: new.queue,
        priority: new.priority.filter(|priority| (1..=9).contains(priority)).unwrap_or(super::tasks::NO_PRIORITY),
        form: new.form,
        origins: new.origins,
        identity_secret: new.identity_secret,
        created_at: tx.clock().now(),
        archived_at: None,
    };
    row.refresh_keys();
    let insert = entry_point::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await;
    insert.on_unique(|| {
        Error::refused(UserErrorCode::Duplicate, &["input", "address"], "Another entry point has this name or address.")
    })?;
    Ok(row)
}
