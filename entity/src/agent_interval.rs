//! A time for which an agent was in one state. An interval ends when the next begins: there are no holes.

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
    /// From 1, without holes.
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
