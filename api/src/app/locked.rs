//! Rows that a transaction has locked, as types. Only the functions of [`Tx`] here make them, and they run the
//! statement that locks. A function that changes a row, or relies on a row to stay as it is, takes one of these types.
//! So a caller that has forgotten the lock does not compile. `docs/architecture.md` states the order in which rows are
//! locked.

use std::ops::{Deref, DerefMut};

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait as _, DbErr, EntityTrait, IntoActiveModel, ModelTrait, QuerySelect as _,
    Select, TryGetableMany, TryInsertResult, sea_query::OnConflict,
};

use super::Tx;

/// A row that no other transaction can lock, change or delete until this one ends. It must not leave its transaction:
/// [`Self::into_row`] gives the row alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked<T>(T);

impl<T> Locked<T> {
    /// Returns the row without the proof of its lock. The lock stays until the transaction ends.
    pub fn into_row(self) -> T {
        self.0
    }
}

impl<T> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A row that no other transaction can change or delete until this one ends. Others may read it under the same lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedLock<T>(T);

impl<T> SharedLock<T> {
    /// Returns the row without the proof of its lock. The lock stays until the transaction ends.
    pub fn into_row(self) -> T {
        self.0
    }
}

impl<T> Deref for SharedLock<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A row under either lock, which no other transaction can change or delete until this one ends.
pub trait LockedRow<T>: Deref<Target = T> + Send + Sync {}

impl<T: Send + Sync> LockedRow<T> for Locked<T> {}
impl<T: Send + Sync> LockedRow<T> for SharedLock<T> {}

impl Tx<'_> {
    /// Locks the selected row, if there is one.
    pub async fn lock_one<E: EntityTrait>(&self, select: Select<E>) -> Result<Option<Locked<E::Model>>, DbErr> {
        Ok(select.lock_exclusive().one(self.db()).await?.map(Locked))
    }

    /// Locks the selected rows. They must be ordered, because a transaction locks rows of one kind in one order.
    pub async fn lock_all<E: EntityTrait>(&self, select: Select<E>) -> Result<Vec<Locked<E::Model>>, DbErr> {
        Ok(select.lock_exclusive().all(self.db()).await?.into_iter().map(Locked).collect())
    }

    /// Takes a shared lock of the selected row, if there is one.
    pub async fn share_one<E: EntityTrait>(&self, select: Select<E>) -> Result<Option<SharedLock<E::Model>>, DbErr> {
        Ok(select.lock_shared().one(self.db()).await?.map(SharedLock))
    }

    /// Takes shared locks of the selected rows. They must be ordered, because a transaction locks rows of one kind in
    /// one order.
    pub async fn share_all<E: EntityTrait>(&self, select: Select<E>) -> Result<Vec<SharedLock<E::Model>>, DbErr> {
        Ok(select.lock_shared().all(self.db()).await?.into_iter().map(SharedLock).collect())
    }

    /// Locks the selected rows, and returns the selected columns of each. They must be ordered.
    pub async fn lock_columns<E, T>(&self, select: Select<E>) -> Result<Vec<T>, DbErr>
    where
        E: EntityTrait,
        T: TryGetableMany,
    {
        select.lock_exclusive().into_tuple().all(self.db()).await
    }

    /// Takes shared locks of the selected rows, and returns the selected columns of each. They must be ordered.
    pub async fn share_columns<E, T>(&self, select: Select<E>) -> Result<Vec<T>, DbErr>
    where
        E: EntityTrait,
        T: TryGetableMany,
    {
        select.lock_shared().into_tuple().all(self.db()).await
    }

    /// Saves all columns of a locked row.
    pub async fn save<M>(&self, row: &Locked<M>) -> Result<(), DbErr>
    where
        M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
        M::Entity: EntityTrait<Model = M>,
        <M::Entity as EntityTrait>::ActiveModel: ActiveModelBehavior + Send,
    {
        row.clone().into_row().into_active_model().reset_all().update(self.db()).await.map(drop)
    }

    /// Inserts a row, which nobody else can change before the commit. Returns `None` if a constraint finds that it
    /// exists already.
    pub async fn insert_locked<M>(&self, row: M) -> Result<Option<Locked<M>>, DbErr>
    where
        M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    {
        // The clause names no column, so that a conflict with any constraint counts, not only one of the id.
        let insert = M::Entity::insert(row.clone().into_active_model());
        let insert = insert.on_conflict(OnConflict::new().do_nothing().to_owned()).try_insert();
        let inserted = matches!(insert.exec_without_returning(self.db()).await?, TryInsertResult::Inserted(1));
        Ok(inserted.then_some(Locked(row)))
    }
}
