//! The waiting tasks of a queue that changes. They move to another queue or get a new skill step, and keep their
//! priority and waiting time. The exclusive routing lock stops all routers meanwhile.

use entity::{
    id::QueueId,
    queue,
    task::{self, QUEUED, TaskStatus, WAITING},
};
use sea_orm::{ConnectionTrait, DbErr};

use crate::{
    app::Tx,
    conversations::conversation_rows,
    database::sql::Sql,
    error::Result,
    queues::position,
    tasks::{queueing, skill_steps, task_rows},
};

/// Returns the number of waiting tasks in a queue, including tasks on offer to an agent.
pub async fn count_queued(db: &impl ConnectionTrait, queue: QueueId) -> Result<i64, DbErr> {
    Ok(position::queue_snapshots(db, &[queue]).await?.first().map(|line| line.count).unwrap_or_default())
}

/// Moves the queued tasks of a queue to another. Tasks on offer stay with their agents. If one returns, it waits in the
/// successor of its queue. The routing lock must be taken in exclusive mode. Locks the conversations. Emits
/// `TaskDequeued`, `TaskQueued` and `TaskChanged`.
pub async fn move_all(tx: &Tx<'_>, from: QueueId, to: &queue::Model) -> Result<()> {
    for seen in queued_tasks(tx.db(), from).await? {
        let mut conversation = conversation_rows::lock(tx, seen.conversation_id).await?;
        let task = task_rows::require(tx.db(), seen.id).await?;
        if task.status != TaskStatus::Queued || task.queue_id != from {
            continue;
        }
        task_rows::emit_dequeued(tx, &task)?;
        queueing::move_to_queue(tx, &mut conversation, task, to).await?;
    }
    Ok(())
}

/// Computes the skill steps of the queued tasks again, after the queue's skills changed. The routing lock must be taken
/// in exclusive mode. Locks the conversations.
pub async fn recompute_skill_steps(tx: &Tx<'_>, queue: &queue::Model) -> Result<()> {
    for seen in queued_tasks(tx.db(), queue.id).await? {
        let conversation = &conversation_rows::lock(tx, seen.conversation_id).await?;
        let task = task_rows::require(tx.db(), seen.id).await?;
        if task.status == TaskStatus::Queued && task.queue_id == queue.id {
            let task = skill_steps::reset(tx, conversation, task, queue).await?;
            task_rows::save(tx, conversation, &task).await?;
            tx.wake_router_on_commit();
        }
    }
    Ok(())
}

/// Returns the queued tasks of a queue in the order of service.
async fn queued_tasks(db: &impl ConnectionTrait, queue: QueueId) -> Result<Vec<task::Model>, DbErr> {
    let mut sql = Sql::select::<task::Entity>("t", "WHERE t.queue_id = ");
    sql.bind(queue);
    sql.push(&format!(" AND t.status {WAITING} AND t.status {QUEUED} ORDER BY t.priority, t.enqueued_at, t.id"));
    sql.models::<task::Entity>(db).await
}
