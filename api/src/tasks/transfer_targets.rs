//! To whom a task can be handed over, and who can be asked to join. What a list showed may have changed since, so all of it is
//! looked at again under the target's lock when it is done.

use entity::{
    agent::{self, AgentState},
    channel::Channel,
    id::{AgentId, QueueId, UserId},
    queue, task,
    user::{self, Role, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    agents::{agent_state, assignments, capacity},
    app::Tx,
    conversations::channel_capabilities::{self, TargetKind},
    error::{Error, Result, UserErrorCode},
    queues::queue_rows,
};

/// How inputs name a target.
pub const FIELD: &[&str] = &["input", "to"];
const AGENT: &[&str] = &["input", "to", "agentId"];
const QUEUE: &[&str] = &["input", "to", "queueId"];

/// To whom a task goes, or who is asked to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferTarget {
    Agent(UserId),
    Queue(QueueId),
}

impl TransferTarget {
    /// The agent that an id of the API names.
    pub fn agent(id: &str) -> Result<Self> {
        let id = AgentId::parse(id).ok_or_else(|| Error::not_found(AGENT))?;
        Ok(Self::Agent(UserId(id.0)))
    }

    /// The queue that an id of the API names.
    pub fn queue(id: &str) -> Result<Self> {
        QueueId::parse(id).map(Self::Queue).ok_or_else(|| Error::not_found(QUEUE))
    }

    #[must_use]
    pub fn kind(self) -> TargetKind {
        match self {
            Self::Agent(_) => TargetKind::Agent,
            Self::Queue(_) => TargetKind::Queue,
        }
    }
}

/// Holds the person that a target is, so that they stay the agent they are until the transaction ends. Comes before any
/// conversation is held.
pub async fn lock_person(tx: &Tx<'_>, to: TransferTarget) -> Result<Option<user::Model>> {
    let TransferTarget::Agent(id) = to else { return Ok(None) };
    let person = user::Entity::find_by_id(id)
        .filter(user::Column::Status.eq(UserStatus::Active))
        .filter(user::Column::Role.gte(Role::Agent))
        .lock_shared()
        .one(tx.db())
        .await?;
    person.map(Some).ok_or_else(|| Error::not_found(AGENT))
}

/// The agent who is to take a task or to join in it, held, if they can now. The conversation is held.
pub async fn lock_agent(tx: &Tx<'_>, task: &task::Model, person: &user::Model) -> Result<agent::Model> {
    if person.role >= Role::Supervisor && !channel_capabilities::of(task.channel).supervisors_are_targets {
        return Err(target_refused("On this channel supervisors are not asked."));
    }
    let agent = agent_state::lock(tx, person.id).await?.ok_or_else(agent_unavailable)?;
    if assignments::find(tx.db(), task.id, agent.user_id).await?.is_some() {
        return Err(target_refused("The agent has this task, or has not wrapped it up yet."));
    }
    match agent.offerable_channels & task.channel.bit() {
        0 => Err(refusal_for(&agent, task.channel)),
        _ => Ok(agent),
    }
}

fn refusal_for(agent: &agent::Model, channel: Channel) -> Error {
    let at_work = agent.state == AgentState::Available && agent.idle_channels & channel.bit() == 0;
    if at_work && !capacity::has_room(agent, channel) {
        let why = "The agent holds as much as they may.";
        return Error::refused(UserErrorCode::OverCapacity, AGENT, why);
    }
    agent_unavailable()
}

/// The queue that is to take a task, or whose agents are asked to join in it.
pub async fn find_queue(tx: &Tx<'_>, task: &task::Model, id: QueueId) -> Result<queue::Model> {
    let found = queue_rows::find(tx.db(), id).await?.filter(|queue| queue.archived_at.is_none());
    let queue = found.ok_or_else(|| Error::not_found(QUEUE))?;
    if queue.channel != task.channel {
        return Err(Error::refused(UserErrorCode::TransferTargetRefused, QUEUE, "The queue is of another channel."));
    }
    Ok(queue)
}

/// The refusal of somebody who is not free.
#[must_use]
pub fn agent_unavailable() -> Error {
    Error::refused(UserErrorCode::AgentNotAvailable, FIELD, "Nobody there is free now.")
}

fn target_refused(why: &'static str) -> Error {
    Error::refused(UserErrorCode::TransferTargetRefused, AGENT, why)
}
