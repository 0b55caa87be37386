//! An agent's state and capacity. Locking the row locks the agent's state and workload. The workload counts are stored
//! here, so no race can exceed a limit.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::{
    id::{IdleReasonId, MultimediaProfileId, UserId},
    multimedia_profile::ProfileMode,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub profile_id: MultimediaProfileId,
    /// Copied from the multimedia profile, as are the three limits.
    pub mode: ProfileMode,
    pub chat_limit: i16,
    pub email_limit: i16,
    pub social_limit: i16,
    /// The number of offers and tasks, counted from the offer to the end of the wrap-up.
    pub chat_used: i16,
    pub email_used: i16,
    pub social_used: i16,
    pub state: AgentState,
    pub idle_reason_id: Option<IdleReasonId>,
    pub state_since: DateTimeUtc,
    /// The channels on which an available agent is idle, as bits.
    pub idle_channels: i16,
    /// The channels on which a task may be offered now, as bits. Derived from the state, the limits and the counts.
    pub offerable_channels: i16,
    /// The time since which the agent has waited for a task.
    pub available_since: DateTimeUtc,
    /// The number of the open interval in `agent_interval`.
    pub interval: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An agent's readiness for tasks.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum AgentState {
    /// The agent is not at work.
    #[sea_orm(num_value = 1)]
    Offline = 1,
    /// The agent receives offers, up to the limits of the multimedia profile.
    #[sea_orm(num_value = 2)]
    Available = 2,
    /// The agent is at work, keeps the current tasks and receives no offers.
    #[sea_orm(num_value = 3)]
    Idle = 3,
    /// The agent let an offer expire and receives no offers until they choose AVAILABLE. Only the system sets this
    /// state. It means redirection on no answer.
    #[sea_orm(num_value = 4)]
    Rona = 4,
}
