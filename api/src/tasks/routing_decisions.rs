//! Routing decisions: the agent who was offered a task and the cause, or the cause for nobody. Each row refers to its
//! task.

use entity::{
    id::{RoutingDecisionId, TaskId, UserId},
    routing_decision::{self, Candidates, RoutingCause},
    task,
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};

use super::candidates;
use crate::{
    app::Tx,
    auth::viewer::Caller,
    conversations::conversation_rows,
    database::sql::{Sql, columns},
    error::Result,
};

/// Maximum number of candidates that a decision names.
const MAX_NAMED_CANDIDATES: usize = 10;

/// Maximum number of decisions that are returned for a task.
const MAX_DECISIONS: u64 = 100;

/// Returns the newest decisions about tasks, at most 100 for each, the oldest first. Decisions beyond the caller's
/// visibility of the conversation are left out.
pub async fn for_tasks(
    db: &impl ConnectionTrait,
    caller: &Caller,
    tasks: &[TaskId],
) -> Result<Vec<routing_decision::Model>, DbErr> {
    let mut sql = Sql::new("SELECT * FROM (");
    for (part, task) in tasks.iter().enumerate() {
        sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        sql.push(&format!(
            "SELECT {} FROM routing_decision d WHERE d.task_id = ",
            columns::<routing_decision::Entity>("d")
        ));
        sql.bind(*task);
        sql.push(&format!(" ORDER BY d.id DESC LIMIT {MAX_DECISIONS}) AS part_{part}"));
    }
    sql.push(
        ") AS d WHERE EXISTS (SELECT 1 FROM task t JOIN conversation c ON c.id = t.conversation_id WHERE t.id = d.task_id AND ",
    );
    conversation_rows::write_visible(&mut sql, caller);
    sql.push(" AND ");
    conversation_rows::reaches_time(&mut sql, caller, "d.decided_at");
    sql.push(") ORDER BY d.id");
    sql.models::<routing_decision::Entity>(db).await
}

/// Records that no agent is free for a task that has just been enqueued. Records nothing if one is free.
pub async fn record_no_agent(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    let decision = decision(tx, task, RoutingCause::NoAgentAvailable, &[]);
    if candidates::eligible_agents(tx.db(), task, task.queue_id).await?.is_empty() {
        routing_decision::Entity::insert(decision).exec_without_returning(tx.db()).await?;
    }
    Ok(())
}

/// Records that a person named the agent who is offered a task.
pub async fn record_direct_assignment(tx: &Tx<'_>, task: &task::Model, agent: UserId) -> Result<()> {
    record(tx, task, RoutingCause::DirectAssignment, &[agent]).await
}

/// Records a decision. The first of `candidates` is the chosen agent. Without candidates nobody is chosen.
pub async fn record(tx: &Tx<'_>, task: &task::Model, cause: RoutingCause, candidates: &[UserId]) -> Result<()> {
    let decision = decision(tx, task, cause, candidates);
    routing_decision::Entity::insert(decision).exec_without_returning(tx.db()).await?;
    Ok(())
}

fn decision(
    tx: &Tx<'_>,
    task: &task::Model,
    cause: RoutingCause,
    candidates: &[UserId],
) -> routing_decision::ActiveModel {
    routing_decision::ActiveModel {
        id: Set(RoutingDecisionId(tx.clock().uuid())),
        task_id: Set(task.id),
        decided_at: Set(tx.clock().now()),
        chosen_id: Set(candidates.first().copied()),
        cause: Set(cause),
        step: Set(task.step),
        candidates: Set(i32::try_from(candidates.len()).unwrap_or(i32::MAX)),
        first: Set(Candidates(candidates.iter().take(MAX_NAMED_CANDIDATES).copied().collect())),
    }
}
