//! The rows of queues, and the successors of archived queues.

use entity::{
    entry_point,
    id::{EntryPointId, QueueId},
    queue,
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::error::{Error, Result};

/// Returns the queue with an id, also an archived one.
pub async fn find(db: &impl ConnectionTrait, id: QueueId) -> Result<Option<queue::Model>, DbErr> {
    queue::Entity::find_by_id(id).one(db).await
}

/// Returns the queue with an id. A missing queue is a fault.
pub async fn require(db: &impl ConnectionTrait, id: QueueId) -> Result<queue::Model> {
    find(db, id).await?.ok_or_else(|| Error::internal(anyhow::anyhow!("a queue is gone")))
}

/// Returns the queue in which a task of `queue` waits now. That is the queue itself while it is in use. Otherwise it is
/// its successor, or the queue that the entry point feeds now. Without either the archived queue keeps the task, and
/// its agents are offered it as before. The routing lock must be taken, so that no queue is archived meanwhile.
pub async fn current_queue(
    db: &impl ConnectionTrait,
    queue: queue::Model,
    entry_point: Option<EntryPointId>,
) -> Result<queue::Model> {
    if let Some(found) = successor(db, queue.clone()).await? {
        return Ok(found);
    }
    let door = match entry_point {
        Some(id) => entry_point::Entity::find_by_id(id).one(db).await?,
        None => None,
    };
    let fed = match door {
        Some(door) => successor(db, require(db, door.queue_id).await?).await?,
        None => None,
    };
    Ok(fed.unwrap_or(queue))
}

/// Returns the queue itself if it is in use, or its successor in use, if there is one.
async fn successor(db: &impl ConnectionTrait, mut queue: queue::Model) -> Result<Option<queue::Model>> {
    while queue.archived_at.is_some() {
        let Some(next) = queue.successor_id else { return Ok(None) };
        queue = require(db, next).await?;
    }
    Ok(Some(queue))
}
