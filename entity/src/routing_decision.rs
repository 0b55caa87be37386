//! Why a task was offered to an agent, or to nobody.

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
    /// How many agents could have taken it.
    pub candidates: i32,
    /// The first of them, in the order in which they would have been chosen.
    #[sea_orm(column_type = "Json")]
    pub first: Candidates,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why a task was offered to somebody or left waiting.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum RoutingCause {
    /// Of those who could take it, the agent had waited longest.
    #[sea_orm(num_value = 1)]
    LongestAvailable = 1,
    /// Nobody who could take it was free.
    #[sea_orm(num_value = 2)]
    NobodyFree = 2,
    /// The agent was chosen by whoever handed the task over.
    #[sea_orm(num_value = 3)]
    Named = 3,
}

/// Agents who could have taken a task, at most ten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Candidates(pub Vec<UserId>);
