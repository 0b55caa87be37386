//! The assignment of a task to an agent, from the offer to the end of the wrap-up. Every row counts against the agent's
//! limits.

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
    /// Unique together with the agent.
    pub task_id: TaskId,
    pub agent_id: UserId,
    pub channel: Channel,
    pub phase: AssignmentPhase,
    /// True when the agent was invited to a conference, and false for the owner of the task.
    pub joined: bool,
    pub since: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The phase of an assignment.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum AssignmentPhase {
    /// The task is offered to the agent.
    #[sea_orm(num_value = 1)]
    Offered = 1,
    /// The agent takes part in the conversation.
    #[sea_orm(num_value = 2)]
    Active = 2,
    /// The agent must submit a wrap-up.
    #[sea_orm(num_value = 3)]
    WrapUp = 3,
}
