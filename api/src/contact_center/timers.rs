//! Timers, stored as rows. They are set and cleared in the transaction that changes their target, so they outlive the
//! process. Any instance may find a due timer. It checks the target again under its lock, so each timer takes effect
//! once.

use chrono::{DateTime, Utc};
use entity::timer::{self, TimerKind};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{app::Tx, error::Result};

/// Maximum number of timers in one reading.
const TOGETHER: u64 = 100;

/// Sets a timer and replaces an earlier one of the same kind and target.
pub async fn set(tx: &Tx<'_>, kind: TimerKind, target: Uuid, due_at: DateTime<Utc>) -> Result<()> {
    let row = timer::ActiveModel { kind: Set(kind), target: Set(target), due_at: Set(due_at) };
    let again = OnConflict::columns([timer::Column::Kind, timer::Column::Target])
        .update_column(timer::Column::DueAt)
        .to_owned();
    timer::Entity::insert(row).on_conflict(again).exec_without_returning(tx.db()).await?;
    tx.wake_timers_on_commit();
    Ok(())
}

/// Removes a timer, if there is one.
pub async fn clear(tx: &Tx<'_>, kind: TimerKind, target: Uuid) -> Result<()> {
    timer::Entity::delete_by_id((kind, target)).exec(tx.db()).await?;
    Ok(())
}

/// Returns the time of the next timer.
pub async fn next(db: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, DbErr> {
    Ok(timer::Entity::find().order_by_asc(timer::Column::DueAt).limit(1).one(db).await?.map(|next| next.due_at))
}

/// Returns the due timers, at most 100, the longest overdue first.
pub async fn due(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<timer::Model>, DbErr> {
    timer::Entity::find()
        .filter(timer::Column::DueAt.lte(now))
        .order_by_asc(timer::Column::DueAt)
        .limit(TOGETHER)
        .all(db)
        .await
}
