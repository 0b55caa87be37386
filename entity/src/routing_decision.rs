//! A decision of the router about a task: the chosen agent and the cause, or the cause for choosing none.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{
        ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
        EntityTrait, EnumIter, PrimaryKeyTrait,
    },
};
use serde::{Deserialize, Serialize};

use crate::id::{RoutingDecisionId, TaskId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "routing_decision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RoutingDecisionId,
    pub task_id: TaskId,
    pub decided_at: DateTimeUtc,
    pub chosen_id: Option<UserId>,
    pub cause: RoutingCause,
    pub step: i16,
    /// The number of agents who could have taken the task.
    pub candidates: i32,
    /// The first candidates, in the order of choice.
    #[sea_orm(column_type = "Json")]
    pub first: Candidates,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The cause of a routing decision.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum RoutingCause {
    /// The chosen agent had waited longest of the agents who could take the task.
    #[sea_orm(num_value = 1)]
    LongestAvailable = 1,
    /// No agent who could take the task was free.
    #[sea_orm(num_value = 2)]
    NoAgentAvailable = 2,
    /// A person named the agent when they transferred the task.
    #[sea_orm(num_value = 3)]
    DirectAssignment = 3,
}

/// Agents who could have taken a task. The list has at most ten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Candidates(pub Vec<UserId>);
