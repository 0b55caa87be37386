//! A period that an agent spent in one state. Each interval ends when the next one begins, so there are no gaps.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::{
    agent::AgentState,
    id::{IdleReasonId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_interval")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    /// Counts from 1 without gaps.
    pub number: i32,
    pub state: AgentState,
    pub idle_reason_id: Option<IdleReasonId>,
    pub idle_channels: i16,
    pub started_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
