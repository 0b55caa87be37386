//! Lookup of people, and locks on their rows. Several rows are always locked in the order of their ids.

use std::sync::Arc;

use entity::{
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::{
    app::{Locked, SharedLock, Tx},
    auth::viewer::{Caller, Scope, Viewer},
    contacts::user_rows::{RowDetail, whole},
    database::sql::Sql,
    error::{Error, Result},
};

/// Returns a query of the people whom a member may see: those with an active account.
pub fn visible() -> Select<user::Entity> {
    user::Entity::find().filter(user::Column::Status.eq(UserStatus::Active))
}

/// Returns the active person with a handle, in upper or lower case.
pub async fn by_handle(db: &impl ConnectionTrait, handle: &str) -> Result<Option<user::Model>, DbErr> {
    visible().filter(user::Column::Handle.eq(handle.trim().to_lowercase())).one(db).await
}

/// Returns the active person with an id.
pub async fn by_id(db: &impl ConnectionTrait, id: UserId) -> Result<Option<user::Model>, DbErr> {
    visible().filter(user::Column::Id.eq(id)).one(db).await
}

/// Returns the active people with some ids, in no order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<user::Model>, DbErr> {
    let mut sql = Sql::new(&format!("SELECT {} FROM \"user\" u WHERE u.id IN ", RowDetail::Whole.columns()));
    sql.bind_list(ids);
    sql.push(" AND u.status = ");
    sql.bind(UserStatus::Active);
    sql.columns(db, whole).await
}

/// Returns a person's current role, or `None` when the account is not active.
pub async fn role(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Role>, DbErr> {
    Ok(by_id(db, id).await?.map(|person| person.role))
}

/// Fails with `Forbidden` when the caller is not an administrator now.
pub async fn check_admin(db: &impl ConnectionTrait, by: &Viewer) -> Result<()> {
    if role(db, by.user).await? == Some(Role::Admin) { Ok(()) } else { Err(Error::Forbidden(Scope::Admin.name())) }
}

/// Returns the current role of the person who makes a call. `None` for programs, visitors and inactive accounts.
pub async fn role_of_caller(db: &impl ConnectionTrait, caller: &Caller) -> Result<Option<Role>, DbErr> {
    match caller {
        Caller::Person(viewer) => role(db, viewer.user).await,
        Caller::Service(_) | Caller::Visitor(_) => Ok(None),
    }
}

/// Returns the person who may sign in with a handle. The account can be active or deactivated.
pub async fn who_may_sign_in(db: &impl ConnectionTrait, handle: &str) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find()
        .filter(user::Column::Status.is_in([UserStatus::Active, UserStatus::Deactivated]))
        .filter(user::Column::Handle.eq(handle.trim().to_lowercase()))
        .one(db)
        .await
}

/// Returns the ids of all active administrators.
pub async fn administrators(db: &impl ConnectionTrait) -> Result<Vec<UserId>, DbErr> {
    let administrators = visible().filter(user::Column::Role.eq(Role::Admin)).select_only().column(user::Column::Id);
    administrators.into_tuple().all(db).await
}

/// Locks some people's rows until the transaction ends, whether or not the accounts are active. No other transaction
/// can lock or change them meanwhile. Rows are locked in the order of their ids, as in every transaction that locks
/// several.
pub async fn lock_several(tx: &Tx<'_>, ids: &[UserId]) -> Result<Vec<Locked<user::Model>>, DbErr> {
    tx.lock_all(user::Entity::find().filter(user::Column::Id.is_in(ids.iter().copied())).order_by_asc(user::Column::Id))
        .await
}

/// Locks an active person's row in shared mode until the transaction ends, so that it cannot change.
pub async fn lock(tx: &Tx<'_>, id: UserId) -> Result<Option<SharedLock<user::Model>>, DbErr> {
    tx.share_one(visible().filter(user::Column::Id.eq(id))).await
}

/// Locks a person's row until the transaction ends, whether or not the account is active. No other transaction can lock
/// or change it meanwhile.
pub async fn lock_any(tx: &Tx<'_>, id: UserId) -> Result<Option<Locked<user::Model>>, DbErr> {
    tx.lock_one(user::Entity::find_by_id(id)).await
}

/// Locks the active rows of the caller and another person in shared mode until the transaction ends. Neither can be
/// renamed or removed meanwhile. `other` must not be the caller. Refuses with NOT_FOUND when the caller may not see the
/// other person.
pub async fn lock_both(
    tx: &Tx<'_>,
    by: &Viewer,
    other: UserId,
    field: &'static [&'static str],
) -> Result<(Arc<user::Model>, Arc<user::Model>)> {
    let both =
        tx.share_all(visible().filter(user::Column::Id.is_in([by.user, other])).order_by_asc(user::Column::Id)).await?;
    let find =
        |id: UserId| both.iter().find(|person| person.id == id).cloned().map(|person| Arc::new(person.into_row()));
    let me = find(by.user).ok_or(Error::Unauthenticated)?;
    let other = find(other).ok_or_else(|| Error::not_found(field))?;
    Ok((me, other))
}

/// Locks the caller's row until the transaction ends. No other transaction can lock or change it meanwhile. Returns
/// [`Error::Unauthenticated`] when the caller's account is not active.
pub async fn lock_self(tx: &Tx<'_>, by: &Viewer) -> Result<Locked<user::Model>> {
    let me = tx.lock_one(visible().filter(user::Column::Id.eq(by.user))).await?;
    me.ok_or(Error::Unauthenticated)
}
