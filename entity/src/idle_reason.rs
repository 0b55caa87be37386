//! Why an agent is idle.

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
    /// Where it stands in a list by name.
    pub name_key: Vec<u8>,
    /// By this the name is found, and is unique among those in use.
    pub search_text: String,
    /// Set by the system alone, for this cause.
    pub system: Option<SystemReason>,
    /// Given where an agent gives none. One has it.
    pub is_default: bool,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why the system made an agent idle.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum SystemReason {
    /// The agent declined an offer.
    #[sea_orm(num_value = 1)]
    Declined = 1,
    /// The agent did not answer an offer in time.
    #[sea_orm(num_value = 2)]
    Rona = 2,
}
