//! An agent's hold on a task, from the offer until it is wrapped up. What stands here counts against the agent's limits.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::{
    channel::Channel,
    id::{AssignmentId, TaskId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "assignment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AssignmentId,
    /// Unique with the agent.
    pub task_id: TaskId,
    pub agent_id: UserId,
    pub channel: Channel,
    pub phase: AssignmentPhase,
    pub joined: bool,
    pub since: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How far an agent's hold has come.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum AssignmentPhase {
    /// The task is held out to the agent.
    #[sea_orm(num_value = 1)]
    Offered = 1,
    /// The agent talks.
    #[sea_orm(num_value = 2)]
    Active = 2,
    /// The agent owes a wrap-up.
    #[sea_orm(num_value = 3)]
    WrapUp = 3,
}
