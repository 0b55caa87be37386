//! Finding people, and locking them while something is written about them.

use std::sync::Arc;

use entity::{
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::{
    app::Tx,
    auth::viewer::Viewer,
    contacts::people::{Extent, whole},
    database::sql::Sql,
    error::{Error, Result},
};

/// Everyone whom a member may see.
pub fn visible() -> Select<user::Entity> {
    user::Entity::find().filter(user::Column::Status.eq(UserStatus::Active))
}

/// The person with a handle, in any case of letters.
pub async fn by_handle(db: &impl ConnectionTrait, handle: &str) -> Result<Option<user::Model>, DbErr> {
    visible().filter(user::Column::Handle.eq(handle.trim().to_lowercase())).one(db).await
}

/// The person with an id.
pub async fn by_id(db: &impl ConnectionTrait, id: UserId) -> Result<Option<user::Model>, DbErr> {
    visible().filter(user::Column::Id.eq(id)).one(db).await
}

/// The people with some ids, in no order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<user::Model>, DbErr> {
    let mut sql = Sql::new(&format!("SELECT {} FROM \"user\" u WHERE u.id IN ", Extent::Whole.columns()));
    sql.bind_list(ids);
    sql.push(" AND u.status = ");
    sql.bind(UserStatus::Active);
    sql.places(db, whole).await
}

/// What a person is in the organisation now; none for who does not take part.
pub async fn role(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Role>, DbErr> {
    Ok(by_id(db, id).await?.map(|person| person.role))
}

/// Who may have the password of a handle: also somebody who has put their account to rest.
pub async fn who_may_sign_in(db: &impl ConnectionTrait, handle: &str) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find()
        .filter(user::Column::Status.is_in([UserStatus::Active, UserStatus::Deactivated]))
        .filter(user::Column::Handle.eq(handle.trim().to_lowercase()))
        .one(db)
        .await
}

/// Everyone who is an administrator now.
pub async fn administrators(db: &impl ConnectionTrait) -> Result<Vec<UserId>, DbErr> {
    let administrators = visible().filter(user::Column::Role.eq(Role::Admin)).select_only().column(user::Column::Id);
    administrators.into_tuple().all(db).await
}

/// Some people, whether or not they take part, held so that nobody else reads or changes their rows in a transaction until
/// this one ends. Locked in the order of their ids, as by all who hold several.
pub async fn hold_several(tx: &Tx<'_>, ids: &[UserId]) -> Result<Vec<user::Model>, DbErr> {
    user::Entity::find()
        .filter(user::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(user::Column::Id)
        .lock_exclusive()
        .all(tx.db())
        .await
}

/// The person with an id, held as they are until the transaction ends.
pub async fn hold(tx: &Tx<'_>, id: UserId) -> Result<Option<user::Model>, DbErr> {
    visible().filter(user::Column::Id.eq(id)).lock_shared().one(tx.db()).await
}

/// The person with an id, whether or not they take part, held so that nobody else reads or changes the row in a
/// transaction until this one ends.
pub async fn hold_any(tx: &Tx<'_>, id: UserId) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find_by_id(id).lock_exclusive().one(tx.db()).await
}

/// The caller and one other person, both held as they are until the transaction ends: neither can be renamed or removed
/// meanwhile. Refuses the caller as the other, and whom the caller may not see.
pub async fn hold_both(
    tx: &Tx<'_>,
    by: &Viewer,
    other: UserId,
    field: &'static [&'static str],
) -> Result<(Arc<user::Model>, Arc<user::Model>)> {
    let both = visible()
        .filter(user::Column::Id.is_in([by.user, other]))
        .order_by_asc(user::Column::Id)
        .lock_shared()
        .all(tx.db())
        .await?;
    let find = |id: UserId| both.iter().find(|person| person.id == id).cloned().map(Arc::new);
    let me = find(by.user).ok_or(Error::Unauthenticated)?;
    let other = find(other).ok_or_else(|| Error::not_found(field))?;
    Ok((me, other))
}

/// The caller, held so that nobody else reads or changes the row in a transaction until this one ends.
pub async fn hold_self(tx: &Tx<'_>, by: &Viewer) -> Result<user::Model> {
    let me = visible().filter(user::Column::Id.eq(by.user)).lock_exclusive().one(tx.db()).await?;
    me.ok_or(Error::Unauthenticated)
}
