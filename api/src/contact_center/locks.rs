//! The two locks that come before all rows of the contact center: the configuration lock and the routing lock.
//! `docs/architecture.md` states the order of all locks.

use entity::{config_lock, routing_lock};
use sea_orm::EntityTrait;

use crate::{
    app::{Locked, Tx},
    error::{Error, Result},
};

/// Locks the configuration of the contact center until the transaction ends. Only one transaction of all instances can
/// change queues, their agents or their skills at a time. Must be locked before the routing lock, conversations and
/// agents.
pub async fn lock_configuration(tx: &Tx<'_>) -> Result<Locked<config_lock::Model>> {
    let row = tx.lock_one(config_lock::Entity::find()).await?;
    row.ok_or_else(|| Error::internal(anyhow::anyhow!("the configuration lock is missing")))
}

/// Takes the routing lock in shared mode, before a task begins to wait. No router decides before the task is visible.
/// So routers see tasks in the order in which they began to wait.
pub async fn lock_routing_shared(tx: &Tx<'_>) -> Result<()> {
    tx.share_one(routing_lock::Entity::find()).await?;
    Ok(())
}

/// Takes the routing lock in exclusive mode. All routers, and all transactions that enqueue a task, wait until this
/// transaction ends. Queued tasks stay as they are. Must be locked before conversations, so only conversations with
/// waiting tasks may be locked after it.
pub async fn lock_routing_exclusive(tx: &Tx<'_>) -> Result<()> {
    tx.lock_one(routing_lock::Entity::find()).await?;
    Ok(())
}
