//! A reason for which an agent is idle.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::IdleReasonId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idle_reason")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdleReasonId,
    pub name: String,
    /// The sort key of the name.
    pub name_key: Vec<u8>,
    /// The folded name for searches. Unique among the idle reasons in use.
    pub search_text: String,
    /// The cause for which the system sets this reason. Agents cannot choose such a reason.
    pub system: Option<SystemReason>,
    /// True for the reason that applies when an agent gives none. Exactly one reason has it.
    pub is_default: bool,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The cause for which the system made an agent idle.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum SystemReason {
    /// The agent declined an offer.
    #[sea_orm(num_value = 1)]
    Declined = 1,
    /// The agent let an offer expire.
    #[sea_orm(num_value = 2)]
    Rona = 2,
}
