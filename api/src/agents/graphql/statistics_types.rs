//! Statistics of agents in the API.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{agent::AgentState, id::UserId};

use super::loader::{CountsOf, TimesOf};
use crate::{
    agents::agent_statistics::AgentCounts,
    auth::request_context::ContextExt as _,
    error::{Error, Result},
    instant::Instant,
    pagination::list_size,
};

/// Figures of an agent over a period that ends now.
pub struct AgentStatistics {
    agent: UserId,
    since: DateTime<Utc>,
    counts: AgentCounts,
}

impl AgentStatistics {
    /// Counts the figures of an agent, in one batch with those of other agents.
    pub async fn of(ctx: &Context<'_>, agent: UserId, since: Option<DateTime<Utc>>) -> Result<Self> {
        let counts = ctx.load(CountsOf { agent, since }).await?;
        let (since, counts) = counts.ok_or_else(|| Error::internal(anyhow::anyhow!("an agent is gone")))?;
        Ok(Self { agent, since, counts })
    }
}

/// Figures of an agent over a period that ends now.
#[Object]
impl AgentStatistics {
    /// The start of the period.
    async fn since(&self) -> Instant {
        Instant(self.since)
    }

    /// The number of offers of queues and transfers that the agent accepted.
    async fn accepted(&self) -> i64 {
        self.counts.accepted
    }

    /// The number of offers of queues and transfers that the agent declined.
    async fn declined(&self) -> i64 {
        self.counts.declined
    }

    /// The number of offers of queues and transfers that the agent did not answer in time.
    async fn missed(&self) -> i64 {
        self.counts.missed
    }

    /// The number of conversations that ended with the agent, or that the agent left.
    async fn handled(&self) -> i64 {
        self.counts.handled
    }

    /// The number of handled conversations that went on without the agent: transferred ones, and conferences that the
    /// agent left.
    async fn passed_on(&self) -> i64 {
        self.counts.passed_on
    }

    /// The mean time from the acceptance to the submitted wrap-up, in seconds, of the conversations handled in the
    /// period. Null when none was accepted and wrapped up.
    async fn average_handle_seconds(&self) -> Option<i64> {
        self.counts.handle_seconds.map(whole)
    }

    /// The time that the agent spent in each state in the period, without states that the agent did not have.
    #[graphql(directive = list_size::apply(4))]
    async fn time_in_states(&self, ctx: &Context<'_>) -> Result<Vec<AgentStateTime>> {
        let times = ctx.load(TimesOf { agent: self.agent, since: self.since }).await?.unwrap_or_default();
        Ok(times.iter().map(|time| AgentStateTime { state: time.state, seconds: whole(time.seconds) }).collect())
    }
}

/// The time that an agent spent in one state.
#[derive(SimpleObject)]
pub struct AgentStateTime {
    /// The state.
    state: AgentState,
    /// The time in the state, in whole seconds.
    seconds: i64,
}

/// Returns the nearest whole number of seconds.
fn whole(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "at most a month")]
    let whole = seconds.round() as i64;
    whole
}
