//! Statistics of agents over a period: offers, conversations, handle time and states. All figures are counted from the
//! rows, by indexes.

use chrono::{DateTime, Utc};
use entity::{
    agent::AgentState,
    id::UserId,
    offer::{HANDS_OVER, OfferStatus},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::database::sql::Sql;

/// The counts of an agent since a time.
#[derive(Clone, Copy, Debug, PartialEq, FromQueryResult)]
pub struct AgentCounts {
    /// The agent's user id.
    pub agent_id: UserId,
    /// The number of offers that the agent accepted, without invitations to conferences.
    pub accepted: i64,
    /// The number of offers that the agent declined.
    pub declined: i64,
    /// The number of offers that the agent did not answer in time.
    pub missed: i64,
    /// The number of conversations that the agent ended or left.
    pub handled: i64,
    /// The number of these conversations that went on without the agent.
    pub passed_on: i64,
    /// The mean time from the acceptance to the submitted wrap-up, in seconds.
    pub handle_seconds: Option<f64>,
}

/// The time that an agent spent in one state since a time.
#[derive(Clone, Copy, Debug, PartialEq, FromQueryResult)]
pub struct TimeInState {
    /// The agent's user id.
    pub agent_id: UserId,
    /// The state.
    pub state: AgentState,
    /// The time in the state, in seconds.
    pub seconds: f64,
}

/// Counts the figures of several agents since a time, in one statement.
pub async fn counts(
    db: &impl ConnectionTrait,
    agents: &[UserId],
    since: DateTime<Utc>,
) -> Result<Vec<AgentCounts>, DbErr> {
    let mut sql = Sql::new("SELECT a.user_id AS agent_id");
    for (name, status) in
        [("accepted", OfferStatus::Accepted), ("declined", OfferStatus::Declined), ("missed", OfferStatus::Expired)]
    {
        sql.push(&format!(
            ", (SELECT count(*) FROM offer o WHERE o.agent_id = a.user_id AND o.status = {} AND o.kind {HANDS_OVER} \
             AND o.ended_at >= ",
            status as i16
        ));
        sql.bind(since);
        sql.push(&format!(") AS {name}"));
    }
    sql.push(", (SELECT count(*) FROM wrap_up w WHERE w.agent_id = a.user_id AND w.began_at >= ");
    sql.bind(since);
    sql.push(
        ") AS handled, (SELECT count(*) FROM wrap_up w JOIN task t ON t.id = w.task_id WHERE w.agent_id = a.user_id \
         AND (t.ended_at IS NULL OR t.ended_at > w.began_at) AND w.began_at >= ",
    );
    sql.bind(since);
    sql.push(") AS passed_on, (SELECT avg(");
    // An agent can take a task several times. The last acceptance before the wrap-up began this part of the work.
    let accepted = format!(
        "(SELECT max(o.ended_at) FROM offer o WHERE o.task_id = w.task_id AND o.agent_id = w.agent_id \
         AND o.status = {} AND o.ended_at <= w.began_at)",
        OfferStatus::Accepted as i16
    );
    sql.push_seconds(db, &accepted, "w.submitted_at");
    // A wrap-up that was submitted after the clock was set back says nothing.
    sql.push(") FROM wrap_up w WHERE w.agent_id = a.user_id AND w.submitted_at >= w.began_at AND w.began_at >= ");
    sql.bind(since);
    sql.push(") AS handle_seconds FROM agent a WHERE a.user_id IN ");
    sql.bind_list(agents);
    sql.all(db).await
}

/// Adds up the times of several agents in each state, from a time to `now`, in one statement.
pub async fn times_in_states(
    db: &impl ConnectionTrait,
    agents: &[UserId],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<TimeInState>, DbErr> {
    // Nothing has happened in a period that begins later than now.
    let now = now.max(since);
    let mut sql = Sql::new("SELECT agent_id, state, sum(");
    sql.push_seconds(db, "started_at", "ended_at");
    sql.push(") AS seconds FROM (SELECT i.agent_id, i.state, CASE WHEN i.started_at < ");
    sql.bind(since);
    sql.push(" THEN ");
    sql.bind(since);
    sql.push(" ELSE i.started_at END AS started_at, i.ended_at FROM agent_interval i WHERE i.ended_at > ");
    sql.bind(since);
    sql.push(" AND i.agent_id IN ");
    sql.bind_list(agents);
    sql.push(" UNION ALL SELECT i.agent_id, i.state, CASE WHEN i.started_at < ");
    sql.bind(since);
    sql.push(" THEN ");
    sql.bind(since);
    sql.push(" ELSE i.started_at END, CASE WHEN i.started_at > ");
    // After the clock was set back, the current interval can begin later than now.
    sql.bind(now);
    sql.push(" THEN i.started_at ELSE ");
    sql.bind(now);
    sql.push(" END FROM agent_interval i WHERE i.ended_at IS NULL AND i.agent_id IN ");
    sql.bind_list(agents);
    sql.push(") AS each_interval GROUP BY agent_id, state ORDER BY agent_id, state");
    sql.all(db).await
}
