//! Finding queues and entry points.

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

/// The entry point with an id, if it is in use.
pub async fn entry_point(db: &impl ConnectionTrait, id: EntryPointId) -> Result<Option<entry_point::Model>, DbErr> {
    Ok(entry_point::Entity::find_by_id(id).one(db).await?.filter(|row| row.archived_at.is_none()))
}
