//! The targets of transfers and conferences. A list of targets may be outdated, so the target is checked again under
//! its lock.

use entity::{
    agent::{self, AgentState},
    announcement::AnnouncementTarget,
    channel::Channel,
    id::{AgentId, QueueId, UserId},
    offer::OfferKind,
    queue,
    task::{self, TaskStatus},
    user::{self, Role, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::offers;
use crate::{
    agents::{agent_state, assignments, capacity},
    app::{Locked, SharedLock, Tx},
    contact_center::locks,
    conversations::channel_capabilities::{self, TargetKind},
    error::{Error, Result, UserErrorCode},
    queues::queue_rows,
};

/// The input field of refusals about a target.
pub const FIELD: &[&str] = &["input", "to"];
const AGENT: &[&str] = &["input", "to", "agentId"];
const QUEUE: &[&str] = &["input", "to", "queueId"];

/// The target of a transfer or of a conference invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferTarget {
    /// One agent.
    Agent(UserId),
    /// The agents of a queue.
    Queue(QueueId),
}

impl TransferTarget {
    /// Parses the id of an agent. Refuses with `NOT_FOUND`.
    pub fn agent(id: &str) -> Result<Self> {
        let id = AgentId::parse(id).ok_or_else(|| Error::not_found(AGENT))?;
        Ok(Self::Agent(UserId(id.0)))
    }

    /// Parses the id of a queue. Refuses with `NOT_FOUND`.
    pub fn queue(id: &str) -> Result<Self> {
        QueueId::parse(id).map(Self::Queue).ok_or_else(|| Error::not_found(QUEUE))
    }

    /// Returns the kind of the target.
    #[must_use]
    pub fn kind(self) -> TargetKind {
        match self {
            Self::Agent(_) => TargetKind::Agent,
            Self::Queue(_) => TargetKind::Queue,
        }
    }
}

impl From<TransferTarget> for AnnouncementTarget {
    fn from(target: TransferTarget) -> Self {
        match target {
            TransferTarget::Agent(user) => Self::Agent(user),
            TransferTarget::Queue(queue) => Self::Queue(queue),
        }
    }
}

/// A target that can take a task until the transaction ends.
pub enum LockedTarget {
    /// A queue in use. The routing lock keeps it from being archived.
    Queue(queue::Model),
    /// A free agent.
    Agent(Locked<agent::Model>),
}

impl LockedTarget {
    /// Returns the status of a task that the target gets.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        match self {
            Self::Queue(_) => TaskStatus::Queued,
            Self::Agent(_) => TaskStatus::Offered,
        }
    }
}

/// Locks the target of a transfer. `person` is the target's person, or `None` for a queue. Takes the routing lock in
/// shared mode or locks the agent. Refuses with `NOT_FOUND`, `TRANSFER_TARGET_REFUSED`, `AGENT_NOT_AVAILABLE` or
/// `OVER_CAPACITY`.
pub async fn lock(
    tx: &Tx<'_>,
    task: &task::Model,
    to: TransferTarget,
    person: Option<&SharedLock<user::Model>>,
) -> Result<LockedTarget> {
    match (to, person) {
        (TransferTarget::Queue(id), _) => {
            locks::lock_routing_shared(tx).await?;
            find_queue(tx, task, id).await.map(LockedTarget::Queue)
        }
        (TransferTarget::Agent(_), Some(person)) => lock_agent(tx, task, person).await.map(LockedTarget::Agent),
        (TransferTarget::Agent(_), None) => Err(agent_unavailable()),
    }
}

/// Returns true if a task waits in the queue of a target already, or is offered to its agent by a transfer.
pub async fn has_task(tx: &Tx<'_>, task: &task::Model, to: TransferTarget) -> Result<bool> {
    match (to, task.status) {
        (TransferTarget::Queue(id), TaskStatus::Queued) => Ok(task.queue_id == id),
        (TransferTarget::Agent(user), TaskStatus::Offered) => {
            let pending = offers::find_pending(tx.db(), task).await?;
            Ok(pending.is_some_and(|offer| offer.kind == OfferKind::Transfer && offer.agent_id == user))
        }
        _ => Ok(false),
    }
}

/// Takes a shared lock of the person that a target names, so that they remain an agent. Returns `None` for a queue.
/// Must be locked before any conversation. Refuses with `NOT_FOUND`.
pub async fn lock_person(tx: &Tx<'_>, to: TransferTarget) -> Result<Option<SharedLock<user::Model>>> {
    let TransferTarget::Agent(id) = to else { return Ok(None) };
    let person = tx
        .share_one(
            user::Entity::find_by_id(id)
                .filter(user::Column::Status.eq(UserStatus::Active))
                .filter(user::Column::Role.gte(Role::Agent)),
        )
        .await?;
    person.map(Some).ok_or_else(|| Error::not_found(AGENT))
}

/// Locks and returns the agent who is to get or join a task. Refuses with `TRANSFER_TARGET_REFUSED`,
/// `AGENT_NOT_AVAILABLE` or `OVER_CAPACITY`.
pub async fn lock_agent(
    tx: &Tx<'_>,
    task: &task::Model,
    person: &SharedLock<user::Model>,
) -> Result<Locked<agent::Model>> {
    if person.role >= Role::Supervisor && !channel_capabilities::of(task.channel).supervisors_are_targets {
        return Err(target_refused("This channel does not allow supervisors as targets."));
    }
    let agent = agent_state::lock(tx, person.id).await?.ok_or_else(agent_unavailable)?;
    if assignments::find(tx.db(), task.id, agent.user_id).await?.is_some() {
        return Err(target_refused("The agent is assigned this task or has not wrapped it up yet."));
    }
    match refusal_of(&agent, task.channel) {
        None => Ok(agent),
        Some(UserErrorCode::OverCapacity) => {
            let why = "The agent has no free capacity on this channel.";
            Err(Error::refused(UserErrorCode::OverCapacity, AGENT, why))
        }
        Some(_) => Err(agent_unavailable()),
    }
}

/// Returns the code that refuses an agent as the target of a task on a channel now: `AGENT_NOT_AVAILABLE` or
/// `OVER_CAPACITY`. `None` for an agent who can be chosen.
#[must_use]
pub fn refusal_of(agent: &agent::Model, channel: Channel) -> Option<UserErrorCode> {
    if agent.offerable_channels & channel.bit() != 0 {
        return None;
    }
    let at_work = agent.state == AgentState::Available && agent.idle_channels & channel.bit() == 0;
    let full = at_work && !capacity::has_room(agent, channel);
    Some(if full { UserErrorCode::OverCapacity } else { UserErrorCode::AgentNotAvailable })
}

/// Returns the queue that is to get a task, or whose agents are asked to join it. Refuses with `NOT_FOUND`, or with
/// `TRANSFER_TARGET_REFUSED` for a queue of another channel.
pub async fn find_queue(tx: &Tx<'_>, task: &task::Model, id: QueueId) -> Result<queue::Model> {
    let found = queue_rows::find(tx.db(), id).await?.filter(|queue| queue.archived_at.is_none());
    let queue = found.ok_or_else(|| Error::not_found(QUEUE))?;
    if queue.channel != task.channel {
        return Err(Error::refused(UserErrorCode::TransferTargetRefused, QUEUE, "The queue has another channel."));
    }
    Ok(queue)
}

/// Returns the refusal `AGENT_NOT_AVAILABLE`.
#[must_use]
pub fn agent_unavailable() -> Error {
    Error::refused(UserErrorCode::AgentNotAvailable, FIELD, "The target is not available now.")
}

fn target_refused(why: &'static str) -> Error {
    Error::refused(UserErrorCode::TransferTargetRefused, AGENT, why)
}
