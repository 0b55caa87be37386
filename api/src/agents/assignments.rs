//! Assignments: the tasks of each agent, from the offer to the end of the wrap-up. The counts in the agent's row always
//! match. Both change under the lock of that row.

use entity::{
    agent,
    assignment::{self, AssignmentPhase},
    conversation, customer,
    id::{AssignmentId, TaskId, UserId},
    task,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic as _,
    IntoActiveModel as _, Iterable as _, QueryFilter, QueryOrder, QueryResult,
};

use super::capacity;
use crate::{
    app::{Locked, Tx},
    auth::viewer::Caller,
    conversations::conversation_rows::{self, VisibleConversation},
    database::sql::Sql,
    error::Result,
};

/// Returns all assignments of an agent, the oldest first.
pub async fn for_agent(db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::AgentId.eq(agent))
        .order_by_asc(assignment::Column::Id)
        .all(db)
        .await
}

/// An accepted task of an agent, with everything that a desktop shows of it. One statement reads all of it.
pub struct AssignedTask {
    /// The agent's assignment to the task.
    pub assignment: assignment::Model,
    /// The assigned task.
    pub task: task::Model,
    /// The task's conversation, as the caller sees it.
    pub conversation: VisibleConversation,
    /// The customer of the conversation. None in a conversation without a customer.
    pub customer: Option<customer::Model>,
}

impl FromQueryResult for AssignedTask {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            assignment: assignment::Model::from_query_result(row, &format!("{prefix}h_"))?,
            task: task::Model::from_query_result(row, &format!("{prefix}t_"))?,
            conversation: VisibleConversation::from_query_result(row, &format!("{prefix}c_"))?,
            customer: customer::Model::from_query_result_optional(row, &format!("{prefix}k_"))?,
        })
    }
}

/// Returns the tasks that an agent has accepted and that the caller may see, the oldest assignment first.
pub async fn assigned_tasks(
    db: &impl ConnectionTrait,
    caller: &Caller,
    agent: UserId,
) -> Result<Vec<AssignedTask>, DbErr> {
    let mut sql = Sql::new("SELECT ");
    sql.push(&prefixed_columns::<assignment::Entity>("h"));
    sql.push(&prefixed_columns::<task::Entity>("t"));
    sql.push(&prefixed_columns::<conversation::Entity>("c"));
    sql.push(&prefixed_columns::<customer::Entity>("k"));
    conversation_rows::select_visible_columns(&mut sql, caller, "c_");
    sql.push(
        " FROM assignment h JOIN task t ON t.id = h.task_id JOIN conversation c ON c.id = t.conversation_id \
         LEFT JOIN customer k ON k.id = c.customer_id WHERE h.agent_id = ",
    );
    sql.bind(agent);
    sql.push(" AND h.phase <> ");
    sql.bind(AssignmentPhase::Offered);
    sql.push(" AND ");
    conversation_rows::write_visible(&mut sql, caller);
    sql.push(" ORDER BY h.id");
    sql.all(db).await
}

/// Writes all columns of a table with an alias of one letter. Each column is named by that letter and its own name.
fn prefixed_columns<E: EntityTrait>(letter: &str) -> String {
    let named = |column: E::Column| format!("{letter}.{name} AS {letter}_{name}, ", name = column.as_str());
    E::Column::iter().map(named).collect::<Vec<_>>().concat()
}

/// Returns all assignments of a task in the order of the agents' ids, which is the order of their locks.
pub async fn for_task(db: &impl ConnectionTrait, task: TaskId) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::TaskId.eq(task))
        .order_by_asc(assignment::Column::AgentId)
        .all(db)
        .await
}

/// Returns the assignment of an agent to a task, if there is one.
pub async fn find(db: &impl ConnectionTrait, task: TaskId, agent: UserId) -> Result<Option<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::TaskId.eq(task))
        .filter(assignment::Column::AgentId.eq(agent))
        .one(db)
        .await
}

/// Returns the assignments of one agent to several tasks.
pub async fn find_several(
    db: &impl ConnectionTrait,
    tasks: &[TaskId],
    agent: UserId,
) -> Result<Vec<assignment::Model>, DbErr> {
    let mut sql = Sql::select::<assignment::Entity>("h", "WHERE h.agent_id = ");
    sql.bind(agent);
    sql.push(" AND h.task_id IN ");
    sql.bind_list(tasks);
    sql.models::<assignment::Entity>(db).await
}

/// Counts the wrap-ups that an agent has to submit.
pub async fn count_wrap_ups(db: &impl ConnectionTrait, agent: UserId) -> Result<i64, DbErr> {
    let mut sql = Sql::new("SELECT count(*) AS count FROM assignment h WHERE h.agent_id = ");
    sql.bind(agent);
    sql.push(" AND h.phase = ");
    sql.bind(AssignmentPhase::WrapUp);
    sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
}

/// Creates the assignment of an agent to an offered task and counts it. The caller saves the row.
pub async fn create(tx: &Tx<'_>, agent: &mut Locked<agent::Model>, task: &task::Model, joined: bool) -> Result<()> {
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
    capacity::adjust_used(agent, task.channel, 1);
    Ok(())
}

/// Sets the phase of an assignment, from now on.
pub async fn set_phase(tx: &Tx<'_>, row: assignment::Model, phase: AssignmentPhase) -> Result<assignment::Model> {
    let row = assignment::Model { phase, since: tx.clock().now(), ..row };
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    Ok(row)
}

/// Deletes an assignment and stops counting it. From now on the agent waits for a task. The caller saves the row.
pub async fn release(tx: &Tx<'_>, agent: &mut Locked<agent::Model>, row: &assignment::Model) -> Result<()> {
    assignment::Entity::delete_by_id(row.id).exec(tx.db()).await?;
    capacity::adjust_used(agent, row.channel, -1);
    agent.available_since = tx.clock().now();
    Ok(())
}
