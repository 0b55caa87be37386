//! The history of agent states, as intervals without gaps. Each interval ends at the moment the next begins, even after
//! the clock was set back.

use chrono::{DateTime, Utc};
use entity::{
    agent::{self, AgentState},
    agent_interval,
    event::EventKind,
    id::{IdleReasonId, UserId},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::capacity;
use crate::{
    app::{Locked, Tx},
    database::sql::{Sql, columns},
    error::{Error, Result},
    events::{cursor::all_agents, log::NewEvent},
};

/// An agent's state with everything that one interval records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateInterval {
    /// The agent's state.
    pub state: AgentState,
    /// The reason of the state IDLE or RONA.
    pub reason: Option<IdleReasonId>,
    /// The channels, as bits, on which the agent is idle although AVAILABLE.
    pub idle_channels: i16,
}

impl StateInterval {
    /// Returns the current state of an agent.
    #[must_use]
    pub fn of(agent: &agent::Model) -> Self {
        Self { state: agent.state, reason: agent.idle_reason_id, idle_channels: agent.idle_channels }
    }
}

/// Changes an agent's state and begins a new interval. Returns false if the state is the same. The caller saves the
/// row. Emits `AgentStateChanged`.
pub async fn change_state(tx: &Tx<'_>, agent: &mut Locked<agent::Model>, to: StateInterval) -> Result<bool> {
    let from = StateInterval::of(agent);
    if from == to {
        return Ok(false);
    }
    let open = agent_interval::Entity::find()
        .filter(agent_interval::Column::AgentId.eq(agent.user_id))
        .filter(agent_interval::Column::Number.eq(agent.interval))
        .one(tx.db())
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("an agent has no open interval")))?;
    let now = tx.clock().now().max(open.started_at);
    let mut ended: agent_interval::ActiveModel = open.into();
    ended.ended_at = Set(Some(now));
    ended.update(tx.db()).await?;
    agent.state = to.state;
    agent.idle_reason_id = to.reason;
    agent.idle_channels = to.idle_channels;
    agent.interval += 1;
    if from.state != to.state || from.reason != to.reason {
        agent.state_since = now;
    }
    if to.state == AgentState::Available && from.state != AgentState::Available {
        agent.available_since = now;
    }
    insert_interval(tx, agent, now).await?;
    let turned = agent::Model { offerable_channels: capacity::offerable_channels(agent), ..agent.clone().into_row() };
    tx.append(NewEvent::new(EventKind::AgentStateChanged, &turned, vec![all_agents()])?);
    Ok(true)
}

/// Maximum number of intervals that are shown for one agent.
const SHOWN: i32 = 1_000;

/// Returns the intervals of several agents that overlap a period. Each agent has at most 1,000, the earliest first.
pub async fn between(
    db: &impl ConnectionTrait,
    agents: &[UserId],
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> Result<Vec<agent_interval::Model>, DbErr> {
    // Intervals have numbers without gaps and end in that order, so the first one selects the rest. If no interval
    // ended in the period, only the current interval is read.
    let mut sql = Sql::new(&format!(
        "SELECT {} FROM (SELECT a.user_id, COALESCE((SELECT f.number FROM agent_interval f \
                            WHERE f.agent_id = a.user_id AND f.ended_at > ",
        columns::<agent_interval::Entity>("i")
    ));
    sql.bind(since);
    sql.push(" ORDER BY f.ended_at, f.number LIMIT 1), a.\"interval\") AS first FROM agent a WHERE a.user_id IN ");
    sql.bind_list(agents);
    sql.push(&format!(
        ") part JOIN agent_interval i ON i.agent_id = part.user_id AND i.number >= part.first AND i.number < part.first + {SHOWN}"
    ));
    // After the clock was set back, the current interval can begin later than now.
    if let Some(until) = until {
        sql.push(" WHERE i.started_at < ");
        sql.bind(until);
    }
    sql.push(" ORDER BY i.agent_id, i.number");
    sql.models::<agent_interval::Entity>(db).await
}

/// Inserts the interval of an agent's current state.
pub async fn insert_interval(tx: &Tx<'_>, agent: &agent::Model, started_at: DateTime<Utc>) -> Result<()> {
    let interval = agent_interval::ActiveModel {
        agent_id: Set(agent.user_id),
        number: Set(agent.interval),
        state: Set(agent.state),
        idle_reason_id: Set(agent.idle_reason_id),
        idle_channels: Set(agent.idle_channels),
        started_at: Set(started_at),
        ended_at: Set(None),
    };
    agent_interval::Entity::insert(interval).exec_without_returning(tx.db()).await?;
    Ok(())
}
