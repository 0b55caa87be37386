//! What an agent is ready for. The row is the lock of the agent's state and of how much they hold; the counts of what they hold
//! are kept here, so that no race goes above a limit.

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

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "agent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub profile_id: MultimediaProfileId,
    /// As the profile says.
    pub mode: ProfileMode,
    pub chat_limit: i16,
    pub email_limit: i16,
    pub social_limit: i16,
    /// Offers and tasks that are held, from the offer until they are wrapped up.
    pub chat_used: i16,
    pub email_used: i16,
    pub social_used: i16,
    pub state: AgentState,
    pub idle_reason_id: Option<IdleReasonId>,
    pub state_since: DateTimeUtc,
    /// Channels, as bits, on which the agent is idle although available.
    pub idle_channels: i16,
    /// Channels, as bits, on which a task may be offered now: what state, limits and counts say.
    pub takes: i16,
    /// Since when the agent has waited for a task.
    pub free_since: DateTimeUtc,
    /// The number of the interval of the ledger that is open.
    pub interval: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whether an agent may be offered tasks.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum AgentState {
    /// Not at work.
    #[sea_orm(num_value = 1)]
    Offline = 1,
    /// Is offered tasks, up to the limits of the profile.
    #[sea_orm(num_value = 2)]
    Available = 2,
    /// At work and not offered anything. Keeps what is held.
    #[sea_orm(num_value = 3)]
    Idle = 3,
    /// Did not answer an offer in time (redirection on no answer), and is offered nothing until they choose AVAILABLE. Set by
    /// the system alone.
    #[sea_orm(num_value = 4)]
    Rona = 4,
}
