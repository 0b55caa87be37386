//! The rows of entry points in use.

use entity::{entry_point, id::EntryPointId};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::error::Result;

/// Returns the entry point with an id, if it is in use.
pub async fn find(db: &impl ConnectionTrait, id: EntryPointId) -> Result<Option<entry_point::Model>, DbErr> {
    Ok(entry_point::Entity::find_by_id(id).one(db).await?.filter(|row| row.archived_at.is_none()))
}
