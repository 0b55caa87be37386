//! In which state an agent was, and when: intervals without holes. One ends at the moment the next begins, also when the
//! clock was set back meanwhile.

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
    app::Tx,
    database::sql::Sql,
    error::{Error, Result},
    events::{cursor::all_agents, log::NewEvent},
};

/// What an agent turns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub state: AgentState,
    pub reason: Option<IdleReasonId>,
    /// Channels, as bits, on which they are idle although available.
    pub idle_channels: i16,
}

impl Turn {
    /// How an agent stands.
    #[must_use]
    pub fn of(agent: &agent::Model) -> Self {
        Self { state: agent.state, reason: agent.idle_reason_id, idle_channels: agent.idle_channels }
    }
}

/// Turns an agent who is held to another state; whether it was another. The row is not saved.
pub async fn turn(tx: &Tx<'_>, agent: &mut agent::Model, to: Turn) -> Result<bool> {
    let from = Turn::of(agent);
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
        agent.free_since = now;
    }
    begin(tx, agent, now).await?;
    let turned = agent::Model { takes: capacity::takes(agent), ..agent.clone() };
    tx.append(NewEvent::new(EventKind::AgentTurned, &turned, vec![all_agents()])?);
    Ok(true)
}

/// How many intervals of an agent are shown at most.
const SHOWN: i32 = 1_000;

/// The intervals of some agents that lie in a period, wholly or in part, of each the earliest first, at most 1,000.
pub async fn between(
    db: &impl ConnectionTrait,
    agents: &[UserId],
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> Result<Vec<agent_interval::Model>, DbErr> {
    // Intervals are numbered without holes and end in the order of their numbers, so the first says which are shown; where none
    // has ended in the period, only the one that lasts is.
    let mut sql = Sql::new(
        "SELECT i.* FROM (SELECT a.user_id, COALESCE((SELECT f.number FROM agent_interval f \
                            WHERE f.agent_id = a.user_id AND f.ended_at > ",
    );
    sql.bind(since);
    sql.push(" ORDER BY f.ended_at, f.number LIMIT 1), a.\"interval\") AS first FROM agent a WHERE a.user_id IN ");
    sql.bind_list(agents);
    sql.push(&format!(
        ") part JOIN agent_interval i ON i.agent_id = part.user_id AND i.number >= part.first AND i.number < part.first + {SHOWN}"
    ));
    // After a clock was set back the one that lasts may have begun later than now.
    if let Some(until) = until {
        sql.push(" WHERE i.started_at < ");
        sql.bind(until);
    }
    sql.push(" ORDER BY i.agent_id, i.number");
    sql.models::<agent_interval::Entity>(db).await
}

/// Writes the interval that an agent is in.
pub async fn begin(tx: &Tx<'_>, agent: &agent::Model, started_at: DateTime<Utc>) -> Result<()> {
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
