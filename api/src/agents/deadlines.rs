//! What is due at a time, as rows: set and cleared with what they are about, so they outlive the process and any instance
//! may find them due. Whoever does so looks at the thing again under its lock, so it is done once.

use chrono::{DateTime, Utc};
use entity::deadline::{self, DeadlineKind};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{app::Tx, error::Result};

/// How many are looked at together.
const TOGETHER: u64 = 100;

/// Makes something due at a time, in place of any earlier one of the kind.
pub async fn set(tx: &Tx<'_>, kind: DeadlineKind, target: Uuid, due_at: DateTime<Utc>) -> Result<()> {
    let row = deadline::ActiveModel { kind: Set(kind), target: Set(target), due_at: Set(due_at) };
    let again = OnConflict::columns([deadline::Column::Kind, deadline::Column::Target])
        .update_column(deadline::Column::DueAt)
        .to_owned();
    deadline::Entity::insert(row).on_conflict(again).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Makes something due no more.
pub async fn clear(tx: &Tx<'_>, kind: DeadlineKind, target: Uuid) -> Result<()> {
    deadline::Entity::delete_by_id((kind, target)).exec(tx.db()).await?;
    Ok(())
}

/// What is due, the longest first.
pub async fn due(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<deadline::Model>, DbErr> {
    deadline::Entity::find()
        .filter(deadline::Column::DueAt.lte(now))
        .order_by_asc(deadline::Column::DueAt)
        .limit(TOGETHER)
        .all(db)
        .await
}
