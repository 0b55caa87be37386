//! The states of agents. An agent chooses a state, or the system sets it. The state does not depend on an open socket.
//! Only the system sets RONA, and the agent leaves it by choosing another state.

use entity::{
    agent::{self, AgentState},
    assignment::AssignmentPhase,
    channel::Channel,
    event::EventKind,
    id::{IdleReasonId, UserId},
    idle_reason::{self, SystemReason},
    multimedia_profile,
    user::{self, Role, UserStatus},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryResult};

use super::{
    assignments, capacity,
    state_history::{self, StateInterval},
};
use crate::{
    app::{Locked, LockedRow, SharedLock, Tx},
    auth::viewer::{Caller, Viewer},
    database::sql::{Sql, columns},
    error::{Error, INPUT, Result, UserErrorCode},
    events::{cursor::desk_of, log::NewEvent},
};

/// A state that an agent or a supervisor chose.
#[derive(Clone, Debug)]
pub struct RequestedState {
    /// The chosen state.
    pub state: AgentState,
    /// The idle reason. None chooses the default reason when the state is IDLE.
    pub reason: Option<IdleReasonId>,
    /// The channels to which the choice applies. None: all channels.
    pub channels: Option<Vec<Channel>>,
}

struct AgentSnapshot {
    agent: agent::Model,
    stream_at: i64,
}

impl FromQueryResult for AgentSnapshot {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let stream_at = row.try_get(prefix, "stream_at")?;
        Ok(Self { agent: agent::Model::from_query_result(row, prefix)?, stream_at })
    }
}

/// Returns the agent that a person is by their current role. Also returns the last sequence number of their desktop's
/// stream at that moment.
pub async fn find_snapshot(db: &impl ConnectionTrait, id: UserId) -> Result<Option<(agent::Model, i64)>, DbErr> {
    let kind = desk_of(id).kind.code();
    let mut sql = Sql::new(&format!(
        "SELECT {}, COALESCE((SELECT s.last_sequence FROM stream s WHERE s.kind = {kind} AND s.owner_id = a.user_id), 0) \
         AS stream_at FROM agent a JOIN \"user\" u ON u.id = a.user_id WHERE a.user_id = ",
        columns::<agent::Entity>("a")
    ));
    sql.bind(id);
    // The agent's row outlives the role, because the history refers to it.
    sql.push(" AND u.role >= ");
    sql.bind(Role::Agent);
    let seen: Vec<AgentSnapshot> = sql.all(db).await?;
    Ok(seen.into_iter().next().map(|seen| (seen.agent, seen.stream_at)))
}

/// Returns a person's agent row, if there is one.
pub async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<agent::Model>, DbErr> {
    agent::Entity::find_by_id(id).one(db).await
}

/// Locks and returns a person's agent row, if there is one.
pub async fn lock(tx: &Tx<'_>, id: UserId) -> Result<Option<Locked<agent::Model>>, DbErr> {
    tx.lock_one(agent::Entity::find_by_id(id)).await
}

/// Locks and returns a person's agent row. A missing row is a fault.
pub async fn lock_existing(tx: &Tx<'_>, id: UserId) -> Result<Locked<agent::Model>> {
    lock(tx, id).await?.ok_or_else(|| Error::internal(anyhow::anyhow!("an agent is gone")))
}

/// Creates the agent row of a person, or locks and returns the existing one. A new agent is
/// OFFLINE and has the default profile. Fails with `Error::Again` when another transaction interferes.
pub async fn create_agent(tx: &Tx<'_>, person: &impl LockedRow<user::Model>) -> Result<Locked<agent::Model>> {
    if let Some(agent) = lock(tx, person.id).await? {
        return Ok(agent);
    }
    // A change of a profile updates all its agents. The lock makes it wait for this new agent.
    let profile = tx
        .share_one(multimedia_profile::Entity::find().filter(multimedia_profile::Column::IsDefault.eq(true)))
        .await?
        // No row is found while another profile becomes the default.
        .ok_or(Error::Again)?;
    let now = tx.clock().now();
    let row = agent::Model {
        user_id: person.id,
        profile_id: profile.id,
        mode: profile.mode,
        chat_limit: profile.chat,
        email_limit: profile.email,
        social_limit: profile.social,
        chat_used: 0,
        email_used: 0,
        social_used: 0,
        state: AgentState::Offline,
        idle_reason_id: None,
        state_since: now,
        idle_channels: 0,
        offerable_channels: 0,
        available_since: now,
        interval: 1,
    };
    // Another call may create the row at the same time.
    let row = tx.insert_locked(row).await?.ok_or(Error::Again)?;
    state_history::insert_interval(tx, &row, now).await?;
    Ok(row)
}

/// Saves an agent's row with the channels on which the agent can be offered tasks. Wakes the router when a channel was
/// added. Emits `AgentChanged`.
pub async fn save(tx: &Tx<'_>, agent: &mut Locked<agent::Model>) -> Result<()> {
    let before = agent.offerable_channels;
    agent.offerable_channels = capacity::offerable_channels(agent);
    tx.save(agent).await?;
    if agent.offerable_channels & !before != 0 {
        tx.wake_router_on_commit();
    }
    tx.append(NewEvent::new(EventKind::AgentChanged, &**agent, vec![desk_of(agent.user_id)])?);
    Ok(())
}

/// Sets the state of an agent to a requested one. Returns false if the state was so. Refuses with
/// `INVALID_STATE_TRANSITION`, `INVALID_REASON`, `INVALID` or `WRAP_UP_PENDING`.
pub async fn set(tx: &Tx<'_>, agent: &mut Locked<agent::Model>, choice: &RequestedState) -> Result<bool> {
    let to = check_requested(tx, agent, choice).await?;
    if to.state == AgentState::Offline {
        check_nothing_assigned(tx, agent).await?;
    }
    let changed = state_history::change_state(tx, agent, to).await?;
    if changed {
        save(tx, agent).await?;
    }
    Ok(changed)
}

/// Sets an agent to IDLE after a declined offer, or to RONA after an unanswered one. An OFFLINE agent stays OFFLINE.
/// The caller saves the row.
pub async fn set_unavailable(tx: &Tx<'_>, agent: &mut Locked<agent::Model>, cause: SystemReason) -> Result<()> {
    // A missed or declined offer must not bring back an agent who has left.
    if agent.state == AgentState::Offline {
        return Ok(());
    }
    let reason = idle_reason::Entity::find().filter(idle_reason::Column::System.eq(cause)).one(tx.db()).await?;
    let state = match cause {
        SystemReason::Declined => AgentState::Idle,
        SystemReason::Rona => AgentState::Rona,
    };
    let to = StateInterval { state, reason: reason.map(|reason| reason.id), idle_channels: agent.idle_channels };
    state_history::change_state(tx, agent, to).await?;
    Ok(())
}

async fn check_requested(tx: &Tx<'_>, agent: &agent::Model, choice: &RequestedState) -> Result<StateInterval> {
    let now = StateInterval::of(agent);
    if choice.state == AgentState::Rona {
        return Err(invalid_transition("Only the system sets RONA, when an offer is not answered."));
    }
    if choice.state != AgentState::Idle && choice.reason.is_some() {
        let why = "Only the state IDLE has a reason.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "idleReasonId"], why));
    }
    if let Some(channels) = &choice.channels {
        let bits = channels.iter().fold(0, |bits, channel| bits | channel.bit());
        let idle_channels = match choice.state {
            AgentState::Available => now.idle_channels & !bits,
            AgentState::Idle => now.idle_channels | bits,
            AgentState::Offline | AgentState::Rona => {
                return Err(invalid_transition("For single channels the state is AVAILABLE or IDLE."));
            }
        };
        return Ok(StateInterval { idle_channels, ..now });
    }
    let reason = match choice.state {
        AgentState::Idle => Some(resolve_reason(tx, choice.reason).await?),
        _ => None,
    };
    Ok(StateInterval { state: choice.state, reason, idle_channels: 0 })
}

/// Returns the chosen reason, or the default one. Reasons of the system and archived reasons are refused.
async fn resolve_reason(tx: &Tx<'_>, chosen: Option<IdleReasonId>) -> Result<IdleReasonId> {
    let reasons = idle_reason::Entity::find();
    let found = match chosen {
        Some(id) => reasons.filter(idle_reason::Column::Id.eq(id)),
        None => reasons.filter(idle_reason::Column::IsDefault.eq(true)),
    };
    let found = found.one(tx.db()).await?.filter(|reason| reason.system.is_none() && reason.archived_at.is_none());
    found.map(|reason| reason.id).ok_or_else(|| {
        let why = "This reason does not exist or cannot be chosen.";
        Error::refused(UserErrorCode::InvalidReason, &["input", "idleReasonId"], why)
    })
}

async fn check_nothing_assigned(tx: &Tx<'_>, agent: &agent::Model) -> Result<()> {
    let held = assignments::for_agent(tx.db(), agent.user_id).await?;
    if held.is_empty() {
        return Ok(());
    }
    if held.iter().all(|held| held.phase == AssignmentPhase::WrapUp) {
        let why = "Complete your pending wrap-ups first.";
        return Err(Error::refused(UserErrorCode::WrapUpPending, &["input", "state"], why));
    }
    Err(invalid_transition("An agent with an active task cannot go OFFLINE."))
}

/// Returns the caller's user id and locks their row as an agent. Refuses with `NOT_ALLOWED`.
pub async fn require_agent(tx: &Tx<'_>, by: &Caller) -> Result<UserId> {
    require_person(tx, by, Role::Agent, "Only agents can do this.").await.map(|person| person.id)
}

/// Returns the caller's user id and locks their row as a supervisor. Refuses with `NOT_ALLOWED`.
pub async fn require_supervisor(tx: &Tx<'_>, by: &Caller) -> Result<UserId> {
    require_person(tx, by, Role::Supervisor, "Only supervisors can do this.").await.map(|person| person.id)
}

/// Locks the viewer's row as an agent. Refuses with `NOT_ALLOWED` if they are not an agent now.
pub async fn lock_person(tx: &Tx<'_>, by: &Viewer) -> Result<SharedLock<user::Model>> {
    require_person(tx, &Caller::Person(*by), Role::Agent, "Only agents can do this.").await
}

/// Returns the person that a caller is, if they have at least `role` now. A shared lock keeps the role until the
/// transaction ends.
pub async fn require_person(
    tx: &Tx<'_>,
    by: &Caller,
    role: Role,
    why: &'static str,
) -> Result<SharedLock<user::Model>> {
    let Caller::Person(viewer) = by else { return Err(Error::PersonsOnly) };
    let held = tx
        .share_one(
            user::Entity::find_by_id(viewer.user)
                .filter(user::Column::Status.eq(UserStatus::Active))
                .filter(user::Column::Role.gte(role)),
        )
        .await?;
    held.ok_or_else(|| Error::refused(UserErrorCode::NotAllowed, INPUT, why))
}

fn invalid_transition(why: &'static str) -> Error {
    Error::refused(UserErrorCode::InvalidStateTransition, &["input", "state"], why)
}
