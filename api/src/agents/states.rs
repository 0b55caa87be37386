//! The states of agents. A state is what the agent chose, or what the system made of them; whether a socket is open says
//! nothing of it. RONA is set by the system alone and left by choosing another.

use entity::{
    agent::{self, AgentState},
    assignment::AssignmentPhase,
    channel::Channel,
    event::EventKind,
    id::{AgentId, IdleReasonId, UserId},
    idle_reason::{self, SystemReason},
    multimedia_profile,
    user::{self, Role, UserStatus},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel as _,
    QueryFilter, QueryResult, QuerySelect, TryInsertResult,
};

use super::{assignments, capacity, ledger, ledger::Turn};
use crate::{
    app::{App, Tx},
    auth::viewer::{Caller, Viewer},
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    events::{cursor::desk_of, log::NewEvent},
};

/// What an agent chooses.
#[derive(Clone, Debug)]
pub struct Choice {
    pub state: AgentState,
    pub reason: Option<IdleReasonId>,
    /// Only for these channels; all when left out.
    pub channels: Option<Vec<Channel>>,
}

struct Seen {
    agent: agent::Model,
    stream_at: i64,
}

impl FromQueryResult for Seen {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let stream_at = row.try_get(prefix, "stream_at")?;
        Ok(Self { agent: agent::Model::from_query_result(row, prefix)?, stream_at })
    }
}

/// The agent that a person is by their role now, and where the stream of their desk stood at that moment.
pub async fn see(db: &impl ConnectionTrait, id: UserId) -> Result<Option<(agent::Model, i64)>, DbErr> {
    let kind = desk_of(id).kind.code();
    let mut sql = Sql::new(&format!(
        "SELECT a.*, COALESCE((SELECT s.last_sequence FROM stream s WHERE s.kind = {kind} AND s.owner_id = a.user_id), 0) \
         AS stream_at FROM agent a JOIN \"user\" u ON u.id = a.user_id WHERE a.user_id = "
    ));
    sql.bind(id);
    // The row of an agent stays for their history when the role is gone.
    sql.push(" AND u.role >= ");
    sql.bind(Role::Agent);
    let seen: Vec<Seen> = sql.all(db).await?;
    Ok(seen.into_iter().next().map(|seen| (seen.agent, seen.stream_at)))
}

/// The agent that a person is.
pub async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<agent::Model>, DbErr> {
    agent::Entity::find_by_id(id).one(db).await
}

/// The agent that a person is, held until the transaction ends.
pub async fn hold(tx: &Tx<'_>, id: UserId) -> Result<Option<agent::Model>, DbErr> {
    agent::Entity::find_by_id(id).lock_exclusive().one(tx.db()).await
}

/// The same of somebody who must be one.
pub async fn held(tx: &Tx<'_>, id: UserId) -> Result<agent::Model> {
    hold(tx, id).await?.ok_or_else(|| Error::internal(anyhow::anyhow!("an agent is gone")))
}

/// Makes an agent of a person whose row is held; the one they are, if they were one before.
pub async fn enrol(tx: &Tx<'_>, id: UserId) -> Result<agent::Model> {
    if let Some(agent) = hold(tx, id).await? {
        return Ok(agent);
    }
    let profile = multimedia_profile::Entity::find()
        .filter(multimedia_profile::Column::IsDefault.eq(true))
        // Whoever changes it changes all agents who have it, this one too.
        .lock_shared()
        .one(tx.db())
        .await?
        // Another one is being made the default.
        .ok_or(Error::Again)?;
    let now = tx.clock().now();
    let row = agent::Model {
        user_id: id,
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
        takes: 0,
        free_since: now,
        interval: 1,
    };
    let insert = agent::Entity::insert(row.clone().into_active_model()).on_conflict_do_nothing();
    let TryInsertResult::Inserted(1) = insert.exec_without_returning(tx.db()).await? else {
        // Another call has made them one at the same time.
        return Err(Error::Again);
    };
    ledger::begin(tx, &row, now).await?;
    Ok(row)
}

/// Writes an agent who is held, with what follows from state and load, and tells their desk.
pub async fn save(tx: &Tx<'_>, agent: &mut agent::Model) -> Result<()> {
    let before = agent.takes;
    agent.takes = capacity::takes(agent);
    agent.clone().into_active_model().reset_all().update(tx.db()).await?;
    if agent.takes & !before != 0 {
        tx.may_route();
    }
    tx.append(NewEvent::new(EventKind::AgentChanged, agent, vec![desk_of(agent.user_id)])?);
    Ok(())
}

/// Sets the caller's own state.
pub async fn choose(app: &App, by: &Viewer, choice: &Choice) -> Result<agent::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            answers_customers(tx, by).await?;
            let mut agent = enrol(tx, by.user).await?;
            set(tx, &mut agent, choice).await?;
            Ok(agent)
        })
    })
    .await
}

/// Sets the state of another agent, as a supervisor may.
pub async fn choose_for(app: &App, by: &Caller, agent: &str, choice: &Choice) -> Result<agent::Model> {
    const FIELD: &[&str] = &["input", "agentId"];
    app.transaction(|tx| {
        Box::pin(async move {
            supervisor(tx, by).await?;
            let id = AgentId::parse(agent).ok_or_else(|| Error::not_found(FIELD))?;
            let mut agent = hold(tx, UserId(id.0)).await?.ok_or_else(|| Error::not_found(FIELD))?;
            set(tx, &mut agent, choice).await?;
            Ok(agent)
        })
    })
    .await
}

/// Sets the state of an agent who is held, as somebody chose it.
pub async fn set(tx: &Tx<'_>, agent: &mut agent::Model, choice: &Choice) -> Result<()> {
    let to = wanted(tx, agent, choice).await?;
    if to.state == AgentState::Offline {
        nothing_held(tx, agent).await?;
    }
    if ledger::turn(tx, agent, to).await? {
        save(tx, agent).await?;
    }
    Ok(())
}

/// Makes an agent who is held idle or RONA, for a cause of the system's. The row is not saved.
pub async fn stand_down(tx: &Tx<'_>, agent: &mut agent::Model, cause: SystemReason) -> Result<()> {
    // Who has left already does not come back by it.
    if agent.state == AgentState::Offline {
        return Ok(());
    }
    let reason = idle_reason::Entity::find().filter(idle_reason::Column::System.eq(cause)).one(tx.db()).await?;
    let state = match cause {
        SystemReason::Declined => AgentState::Idle,
        SystemReason::Rona => AgentState::Rona,
    };
    let to = Turn { state, reason: reason.map(|reason| reason.id), idle_channels: agent.idle_channels };
    ledger::turn(tx, agent, to).await?;
    Ok(())
}

async fn wanted(tx: &Tx<'_>, agent: &agent::Model, choice: &Choice) -> Result<Turn> {
    let now = Turn::of(agent);
    if choice.state == AgentState::Rona {
        return Err(refusal("RONA is set by the system when an offer is not answered."));
    }
    if choice.state != AgentState::Idle && choice.reason.is_some() {
        let why = "Only IDLE has a reason.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "idleReasonId"], why));
    }
    if let Some(channels) = &choice.channels {
        let bits = channels.iter().fold(0, |bits, channel| bits | channel.bit());
        let idle_channels = match choice.state {
            AgentState::Available => now.idle_channels & !bits,
            AgentState::Idle => now.idle_channels | bits,
            AgentState::Offline | AgentState::Rona => {
                return Err(refusal("On single channels one is AVAILABLE or IDLE."));
            }
        };
        return Ok(Turn { idle_channels, ..now });
    }
    let reason = match choice.state {
        AgentState::Idle => Some(reason(tx, choice.reason).await?),
        _ => None,
    };
    Ok(Turn { state: choice.state, reason, idle_channels: 0 })
}

/// The reason that was chosen, or the default one. Those of the system and those that are archived cannot be chosen.
async fn reason(tx: &Tx<'_>, chosen: Option<IdleReasonId>) -> Result<IdleReasonId> {
    let reasons = idle_reason::Entity::find();
    let found = match chosen {
        Some(id) => reasons.filter(idle_reason::Column::Id.eq(id)),
        None => reasons.filter(idle_reason::Column::IsDefault.eq(true)),
    };
    let found = found.one(tx.db()).await?.filter(|reason| reason.system.is_none() && reason.archived_at.is_none());
    found.map(|reason| reason.id).ok_or_else(|| {
        let why = "There is no such reason to choose.";
        Error::refused(UserErrorCode::ReasonNotAllowed, &["input", "idleReasonId"], why)
    })
}

async fn nothing_held(tx: &Tx<'_>, agent: &agent::Model) -> Result<()> {
    let held = assignments::of_agent(tx.db(), agent.user_id).await?;
    if held.is_empty() {
        return Ok(());
    }
    if held.iter().all(|held| held.phase == AssignmentPhase::WrapUp) {
        let why = "Wrap up what has ended first.";
        return Err(Error::refused(UserErrorCode::WrapUpPending, &["input", "state"], why));
    }
    Err(refusal("Nobody goes OFFLINE with an offer or a task in hand."))
}

/// The agent that a caller is.
pub async fn agent(tx: &Tx<'_>, by: &Caller) -> Result<UserId> {
    with_role(tx, by, Role::Agent, "The caller is no agent.").await
}

/// The supervisor that a caller is.
pub async fn supervisor(tx: &Tx<'_>, by: &Caller) -> Result<UserId> {
    with_role(tx, by, Role::Supervisor, "Only supervisors do this.").await
}

/// Refuses who does not answer customers.
pub async fn answers_customers(tx: &Tx<'_>, by: &Viewer) -> Result<()> {
    agent(tx, &Caller::Person(*by)).await.map(drop)
}

/// The person that a caller is, if they have at least a role now; it stays theirs until the transaction ends.
async fn with_role(tx: &Tx<'_>, by: &Caller, role: Role, why: &'static str) -> Result<UserId> {
    let Caller::Person(viewer) = by else { return Err(Error::PersonsOnly) };
    let held = user::Entity::find_by_id(viewer.user)
        .filter(user::Column::Status.eq(UserStatus::Active))
        .filter(user::Column::Role.gte(role))
        .lock_shared()
        .one(tx.db())
        .await?;
    held.map(|person| person.id).ok_or_else(|| Error::refused(UserErrorCode::NotAllowed, &[], why))
}

fn refusal(why: &'static str) -> Error {
    Error::refused(UserErrorCode::StateNotSettable, &["input", "state"], why)
}
