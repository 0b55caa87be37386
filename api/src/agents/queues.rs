//! Finding queues and entry points, and where a task waits whose queue is no longer in use.

use entity::{
    entry_point,
    id::{EntryPointId, QueueId},
    queue,
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::error::{Error, Result};

/// The queue with an id, also one that is archived.
pub async fn find(db: &impl ConnectionTrait, id: QueueId) -> Result<Option<queue::Model>, DbErr> {
    queue::Entity::find_by_id(id).one(db).await
}

/// A queue that must be there.
pub async fn known(db: &impl ConnectionTrait, id: QueueId) -> Result<queue::Model> {
    find(db, id).await?.ok_or_else(|| Error::internal(anyhow::anyhow!("a queue is gone")))
}

/// Where a task waits, within its conversation, that belongs to a queue: there while the queue is in use; else where its tasks
/// went when it was archived, or in the queue that the entry point feeds now. Whoever asks has entered (`routing::enter`), so
/// no queue is archived meanwhile. Should none be left, the archived one keeps it, whose agents are offered it as before.
pub async fn home(
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
        Some(door) => successor(db, known(db, door.queue_id).await?).await?,
        None => None,
    };
    Ok(fed.unwrap_or(queue))
}

/// The queue itself if it is in use, or the one that took its place, if there is one.
async fn successor(db: &impl ConnectionTrait, mut queue: queue::Model) -> Result<Option<queue::Model>> {
    while queue.archived_at.is_some() {
        let Some(next) = queue.successor_id else { return Ok(None) };
        queue = known(db, next).await?;
    }
    Ok(Some(queue))
}

/// The queue that an entry point feeds at this moment, as one who has entered sees it, however long ago the entry point was
/// read.
pub async fn fed_by(db: &impl ConnectionTrait, entry_point: &entry_point::Model) -> Result<queue::Model> {
    let now = entry_point::Entity::find_by_id(entry_point.id).one(db).await?;
    let queue = now.map_or(entry_point.queue_id, |row| row.queue_id);
    home(db, known(db, queue).await?, None).await
}

/// The entry point with an id, if it is in use.
pub async fn entry_point(db: &impl ConnectionTrait, id: EntryPointId) -> Result<Option<entry_point::Model>, DbErr> {
    Ok(entry_point::Entity::find_by_id(id).one(db).await?.filter(|row| row.archived_at.is_none()))
}
