//! The rows of entry points. A transaction that begins a conversation or a task at an entry point locks its row in
//! shared mode. So the row is read once and stays as it was read.

use entity::{entry_point, id::EntryPointId, sealed::Sealed};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::{
    app::{SharedLock, Tx},
    config::Config,
    error::{Error, Result},
    sealing::IDENTITY_SECRET,
};

/// Locks an entry point in shared mode, and returns it, also an archived one. Must be locked before the routing lock,
/// customers and conversations. No administrator changes the entry point until the transaction ends.
pub async fn lock(tx: &Tx<'_>, id: EntryPointId) -> Result<Option<SharedLock<entry_point::Model>>> {
    Ok(tx.share_one(entry_point::Entity::find_by_id(id)).await?)
}

/// Returns the entry point with an id, if it is in use.
pub async fn find(db: &impl ConnectionTrait, id: EntryPointId) -> Result<Option<entry_point::Model>, DbErr> {
    Ok(entry_point::Entity::find_by_id(id).one(db).await?.filter(|row| row.archived_at.is_none()))
}

/// Returns the secret of an entry point in plain text, if it has one.
#[must_use]
pub fn identity_secret(config: &Config, row: &entry_point::Model) -> Option<String> {
    config.sealing.open(IDENTITY_SECRET, row.id.0, row.identity_secret.as_ref()?)
}

/// Seals the secret of an entry point.
pub fn seal_identity_secret(config: &Config, id: EntryPointId, text: &str) -> Result<Sealed> {
    let sealed = config.sealing.seal(IDENTITY_SECRET, id.0, text);
    sealed.ok_or_else(|| Error::internal(anyhow::anyhow!("no random numbers")))
}
