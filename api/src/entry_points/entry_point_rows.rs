//! The rows of entry points. A transaction that begins a conversation or a task at an entry point locks its row in shared
//! mode. So the row is read once and stays as it was read.

use std::ops::Deref;

use entity::{entry_point, id::EntryPointId};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QuerySelect as _};

use crate::{app::Tx, error::Result};

/// An entry point whose row is locked in shared mode until the transaction ends. It may be archived.
#[derive(Clone, Debug)]
pub struct LockedEntryPoint(entry_point::Model);

impl Deref for LockedEntryPoint {
    type Target = entry_point::Model;

    fn deref(&self) -> &entry_point::Model {
        &self.0
    }
}

/// Locks an entry point in shared mode, and returns it, also an archived one. Must be locked before the routing lock,
/// customers and conversations. No administrator changes the entry point until the transaction ends.
pub async fn lock(tx: &Tx<'_>, id: EntryPointId) -> Result<Option<LockedEntryPoint>> {
    Ok(entry_point::Entity::find_by_id(id).lock_shared().one(tx.db()).await?.map(LockedEntryPoint))
}

/// Returns the entry point with an id, if it is in use.
pub async fn find(db: &impl ConnectionTrait, id: EntryPointId) -> Result<Option<entry_point::Model>, DbErr> {
    Ok(entry_point::Entity::find_by_id(id).one(db).await?.filter(|row| row.archived_at.is_none()))
}
