//! The agents who can be offered a task now.

use entity::{
    id::{QueueId, UserId},
    task,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{database::sql::Sql, error::Result};

#[derive(FromQueryResult)]
struct CandidateAgent {
    user_id: UserId,
}

/// Returns the agents of a queue who can be offered a task now. The agent who has been available longest comes first.
/// An agent with an assignment to the task is left out, also during the wrap-up after a transfer.
pub async fn eligible_agents(
    db: &impl ConnectionTrait,
    task: &task::Model,
    queue: QueueId,
) -> Result<Vec<UserId>, DbErr> {
    let mut sql =
        Sql::new("SELECT a.user_id FROM queue_member m JOIN agent a ON a.user_id = m.agent_id WHERE m.queue_id = ");
    sql.bind(queue);
    // The skill step of a task counts in its own queue only. Another queue asks for its first step.
    sql.push(" AND m.from_step <= ");
    sql.bind(if queue == task.queue_id { task.step } else { 0 });
    sql.push(&format!(
        " AND (a.offerable_channels & {}) <> 0 AND NOT EXISTS (SELECT 1 FROM assignment s WHERE ",
        task.channel.bit()
    ));
    sql.push("s.agent_id = a.user_id AND s.task_id = ");
    sql.bind(task.id);
    sql.push(") ORDER BY a.available_since, a.user_id");
    let found: Vec<CandidateAgent> = sql.all(db).await?;
    Ok(found.into_iter().map(|found| found.user_id).collect())
}
