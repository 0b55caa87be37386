//! Who holds what: an agent's hold on a task, from the offer until it is wrapped up. The agent's counts say the same, and
//! both change under the agent's lock.

use entity::{
    agent,
    assignment::{self, AssignmentPhase},
    id::{AssignmentId, TaskId, UserId},
    task,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel as _,
    QueryFilter, QueryOrder, QueryResult,
};

use super::capacity;
use crate::{app::Tx, auth::viewer::Caller, conversations::threads, database::sql::Sql, error::Result};

/// Everything an agent holds, in the order in which it came.
pub async fn of_agent(db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::AgentId.eq(agent))
        .order_by_asc(assignment::Column::Id)
        .all(db)
        .await
}

struct InHand {
    hold: assignment::Model,
    task: task::Model,
}

impl FromQueryResult for InHand {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let task = task::Model::from_query_result(row, prefix)?;
        let hold = assignment::Model {
            id: row.try_get(prefix, "hold_id")?,
            task_id: task.id,
            agent_id: row.try_get(prefix, "holder_id")?,
            channel: task.channel,
            phase: row.try_get(prefix, "phase")?,
            joined: row.try_get(prefix, "joins")?,
            since: row.try_get(prefix, "since")?,
        };
        Ok(Self { hold, task })
    }
}

/// What an agent has in hand, as far as a caller may see it, in the order in which it came: the tasks that were accepted.
pub async fn in_hand(
    db: &impl ConnectionTrait,
    caller: &Caller,
    agent: UserId,
) -> Result<Vec<(assignment::Model, task::Model)>, DbErr> {
    let mut sql = Sql::new(
        "SELECT t.*, h.id AS hold_id, h.agent_id AS holder_id, h.phase, h.joined AS joins, h.since FROM assignment h \
         JOIN task t ON t.id = h.task_id JOIN conversation c ON c.id = t.conversation_id WHERE h.agent_id = ",
    );
    sql.bind(agent);
    sql.push(" AND h.phase <> ");
    sql.bind(AssignmentPhase::Offered);
    sql.push(" AND ");
    threads::visible(&mut sql, caller);
    sql.push(" ORDER BY h.id");
    let rows: Vec<InHand> = sql.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.hold, row.task)).collect())
}

/// Everybody who holds a task, in the order of their ids, which is that of their locks.
pub async fn of_task(db: &impl ConnectionTrait, task: TaskId) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::TaskId.eq(task))
        .order_by_asc(assignment::Column::AgentId)
        .all(db)
        .await
}

/// An agent's hold on a task.
pub async fn find(db: &impl ConnectionTrait, task: TaskId, agent: UserId) -> Result<Option<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::TaskId.eq(task))
        .filter(assignment::Column::AgentId.eq(agent))
        .one(db)
        .await
}

/// An agent's holds on some tasks.
pub async fn find_several(
    db: &impl ConnectionTrait,
    tasks: &[TaskId],
    agent: UserId,
) -> Result<Vec<assignment::Model>, DbErr> {
    let mut sql = Sql::new("SELECT h.* FROM assignment h WHERE h.agent_id = ");
    sql.bind(agent);
    sql.push(" AND h.task_id IN ");
    sql.bind_list(tasks);
    sql.models::<assignment::Entity>(db).await
}

/// Lets an agent who is held hold a task that is offered to them. The agent's row is not saved.
pub async fn take(tx: &Tx<'_>, agent: &mut agent::Model, task: &task::Model, joined: bool) -> Result<()> {
    let row = assignment::Model {
        id: AssignmentId(tx.clock().uuid()),
        task_id: task.id,
        agent_id: agent.user_id,
        channel: task.channel,
        phase: AssignmentPhase::Offered,
        joined,
        since: tx.clock().now(),
    };
    assignment::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    capacity::count(agent, task.channel, 1);
    Ok(())
}

/// Moves a hold on.
pub async fn advance(tx: &Tx<'_>, row: assignment::Model, phase: AssignmentPhase) -> Result<assignment::Model> {
    let row = assignment::Model { phase, since: tx.clock().now(), ..row };
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    Ok(row)
}

/// Ends a hold of an agent who is held, who has waited for a task from now on. The agent's row is not saved.
pub async fn release(tx: &Tx<'_>, agent: &mut agent::Model, row: &assignment::Model) -> Result<()> {
    assignment::Entity::delete_by_id(row.id).exec(tx.db()).await?;
    capacity::count(agent, row.channel, -1);
    agent.free_since = tx.clock().now();
    Ok(())
}
