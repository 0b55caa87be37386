//! That a caller still takes part. Whoever writes something that is the caller's holds them first, so that nothing is left
//! behind by somebody who is deleted, suspended or deactivated at the same moment.

use entity::{
    id::UserId,
    user::{self, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect as _};

use crate::{
    app::Tx,
    error::{Error, Result},
};

/// Holds the caller as they are until the transaction ends; refuses who takes part no more.
pub async fn hold(tx: &Tx<'_>, caller: UserId) -> Result<()> {
    let held = user::Entity::find_by_id(caller)
        .filter(user::Column::Status.eq(UserStatus::Active))
        .select_only()
        .column(user::Column::Id)
        .lock_shared()
        .into_tuple::<UserId>()
        .one(tx.db())
        .await?;
    held.map(drop).ok_or(Error::Unauthenticated)
}
