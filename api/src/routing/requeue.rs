//! What waits in a queue when the queue changes: it goes to another queue, or is looked at anew, and keeps its place by priority
//! and by how long it has waited. Routers are stopped meanwhile, so nothing slips past.

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

/// How many tasks stand in a queue, those included that are held out to an agent.
pub async fn count_queued(db: &impl ConnectionTrait, queue: QueueId) -> Result<i64, DbErr> {
    Ok(position::queue_snapshots(db, &[queue]).await?.first().map(|line| line.count).unwrap_or_default())
}

/// Moves what waits in a queue to another. Routers are stopped. What is held out to an agent stays so: whoever takes it has
/// it, and what comes back goes where the queue's tasks go from now on.
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

/// Works out anew which step of a queue's skills holds for what waits in it, because they are others now. Routers are stopped.
pub async fn recompute_skill_steps(tx: &Tx<'_>, queue: &queue::Model) -> Result<()> {
    for seen in queued_tasks(tx.db(), queue.id).await? {
        conversation_rows::lock(tx, seen.conversation_id).await?;
        let task = task_rows::require(tx.db(), seen.id).await?;
        if task.status == TaskStatus::Queued && task.queue_id == queue.id {
            skill_steps::reset(tx, task, queue).await?;
        }
    }
    Ok(())
}

/// In the order in which it is served.
async fn queued_tasks(db: &impl ConnectionTrait, queue: QueueId) -> Result<Vec<task::Model>, DbErr> {
    let mut sql = Sql::select::<task::Entity>("t", "WHERE t.queue_id = ");
    sql.bind(queue);
    sql.push(&format!(" AND t.status {WAITING} AND t.status {QUEUED} ORDER BY t.priority, t.enqueued_at, t.id"));
    sql.models::<task::Entity>(db).await
}
