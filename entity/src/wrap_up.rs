//! The wrap-up that an agent must submit after a task ends, with the submitted reasons and note.

use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{
        ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
        PrimaryKeyTrait,
    },
};
use serde::{Deserialize, Serialize};

use crate::id::{AssignmentId, TaskId, UserId, WrapUpReasonId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wrap_up")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    /// The assignment that the wrap-up completes.
    pub id: AssignmentId,
    pub task_id: TaskId,
    pub agent_id: UserId,
    #[sea_orm(column_type = "Json")]
    pub reasons: Reasons,
    pub note: Option<String>,
    pub began_at: DateTimeUtc,
    /// The time at which the wrap-up is completed automatically.
    pub due_at: Option<DateTimeUtc>,
    pub extended: bool,
    pub automatic: bool,
    pub submitted_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The reasons of a wrap-up, in the order that the agent gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Reasons(pub Vec<WrapUpReasonId>);
