//! What waits in a queue when the queue changes: it goes to another queue, or is looked at anew, and keeps its place by priority
//! and by how long it has waited. Routers are stopped meanwhile, so nothing slips past.

use entity::{
    id::QueueId,
    queue,
    task::{self, TaskStatus},
};
use sea_orm::{ConnectionTrait, DbErr};

use super::{tasks, waiting};
use crate::{app::Tx, conversations::threads, database::sql::Sql, error::Result};

/// How many tasks stand in a queue, those included that are held out to an agent.
pub async fn standing(db: &impl ConnectionTrait, queue: QueueId) -> Result<i64, DbErr> {
    Ok(waiting::lines(db, &[queue]).await?.first().map(|line| line.count).unwrap_or_default())
}

/// Moves what waits in a queue to another. Routers are stopped. What is held out to an agent stays so: whoever takes it has
/// it, and what comes back goes where the queue's tasks go from now on.
pub async fn all(tx: &Tx<'_>, from: QueueId, to: &queue::Model) -> Result<()> {
    for seen in queued(tx.db(), from).await? {
        let mut conversation = threads::hold(tx, seen.conversation_id).await?;
        let task = tasks::known(tx.db(), seen.id).await?;
        if task.status != TaskStatus::Queued || task.queue_id != from {
            continue;
        }
        tasks::unqueued(tx, &task)?;
        tasks::put_in(tx, &mut conversation, task, to).await?;
    }
    Ok(())
}

/// Works out anew which step of a queue's skills holds for what waits in it, because they are others now. Routers are stopped.
pub async fn look_again(tx: &Tx<'_>, queue: &queue::Model) -> Result<()> {
    for seen in queued(tx.db(), queue.id).await? {
        threads::hold(tx, seen.conversation_id).await?;
        let task = tasks::known(tx.db(), seen.id).await?;
        if task.status == TaskStatus::Queued && task.queue_id == queue.id {
            tasks::step_anew(tx, task, queue).await?;
        }
    }
    Ok(())
}

/// In the order in which it is served.
async fn queued(db: &impl ConnectionTrait, queue: QueueId) -> Result<Vec<task::Model>, DbErr> {
    let mut sql = Sql::new("SELECT t.* FROM task t WHERE t.queue_id = ");
    sql.bind(queue);
    sql.push(" AND t.status < 3 AND t.status = 1 ORDER BY t.priority, t.enqueued_at, t.id");
    sql.models::<task::Entity>(db).await
}
