//! A lock that proves that the caller is still active. Every write of the caller's own data takes it first. So no data
//! is left behind when the caller is deleted, suspended or deactivated at the same moment.

use entity::{
    id::UserId,
    user::{self, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect as _};

use crate::{
    app::Tx,
    error::{Error, Result},
};

/// Locks the caller's row, shared, until the transaction ends. Refuses with UNAUTHENTICATED when the caller is not
/// active.
pub async fn lock(tx: &Tx<'_>, caller: UserId) -> Result<()> {
    let active = user::Entity::find_by_id(caller)
        .filter(user::Column::Status.eq(UserStatus::Active))
        .select_only()
        .column(user::Column::Id);
    let held: Vec<UserId> = tx.share_columns(active).await?;
    if held.is_empty() { Err(Error::Unauthenticated) } else { Ok(()) }
}
