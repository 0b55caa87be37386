//! Who holds what: an agent's hold on a task, from the offer until it is wrapped up. The agent's counts say the same, and
//! both change under the agent's lock.

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
    app::Tx,
    auth::viewer::Caller,
    conversations::threads::{self, Seen},
    database::sql::Sql,
    error::Result,
};

/// Everything an agent holds, in the order in which it came.
pub async fn of_agent(db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<assignment::Model>, DbErr> {
    assignment::Entity::find()
        .filter(assignment::Column::AgentId.eq(agent))
        .order_by_asc(assignment::Column::Id)
        .all(db)
        .await
}

/// A task that an agent has in hand, with what a desk shows beside it: all of one moment.
pub struct InHand {
    pub hold: assignment::Model,
    pub task: task::Model,
    pub conversation: Seen,
    pub customer: Option<customer::Model>,
}

impl FromQueryResult for InHand {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            hold: assignment::Model::from_query_result(row, &format!("{prefix}h_"))?,
            task: task::Model::from_query_result(row, &format!("{prefix}t_"))?,
            conversation: Seen::from_query_result(row, &format!("{prefix}c_"))?,
            customer: customer::Model::from_query_result_optional(row, &format!("{prefix}k_"))?,
        })
    }
}

/// What an agent has in hand, as far as a caller may see it, in the order in which it came: the tasks that were accepted.
pub async fn in_hand(db: &impl ConnectionTrait, caller: &Caller, agent: UserId) -> Result<Vec<InHand>, DbErr> {
    let mut sql = Sql::new("SELECT ");
    sql.push(&columns::<assignment::Entity>("h"));
    sql.push(&columns::<task::Entity>("t"));
    sql.push(&columns::<conversation::Entity>("c"));
    sql.push(&columns::<customer::Entity>("k"));
    threads::seen_as(&mut sql, caller, "c_");
    sql.push(
        " FROM assignment h JOIN task t ON t.id = h.task_id JOIN conversation c ON c.id = t.conversation_id \
         LEFT JOIN customer k ON k.id = c.customer_id WHERE h.agent_id = ",
    );
    sql.bind(agent);
    sql.push(" AND h.phase <> ");
    sql.bind(AssignmentPhase::Offered);
    sql.push(" AND ");
    threads::visible(&mut sql, caller);
    sql.push(" ORDER BY h.id");
    sql.all(db).await
}

/// All columns of a table that stands under a letter, each called by that letter and its own name.
fn columns<E: EntityTrait>(letter: &str) -> String {
    let named = |column: E::Column| format!("{letter}.{name} AS {letter}_{name}, ", name = column.as_str());
    E::Column::iter().map(named).collect::<Vec<_>>().concat()
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
