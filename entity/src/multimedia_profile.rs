//! A named set of capacities, given to agents.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::MultimediaProfileId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "multimedia_profile")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MultimediaProfileId,
    pub name: String,
    /// The sort key of the name.
    pub name_key: Vec<u8>,
    /// The folded name for searches. Unique among the profiles in use.
    pub search_text: String,
    pub mode: ProfileMode,
    /// The maximum number of simultaneous tasks for each kind of channel, from 0 to 5.
    pub chat: i16,
    pub email: i16,
    pub social: i16,
    /// True for the profile of agents without an explicit profile.
    pub is_default: bool,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The way in which an agent combines tasks of several kinds of channel.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ProfileMode {
    /// The agent handles tasks of all kinds of channel at once.
    #[sea_orm(num_value = 1)]
    Blended = 1,
    /// The agent handles one real-time kind of channel at a time, with e-mail and social tasks beside it. Chat is the
    /// only real-time kind.
    #[sea_orm(num_value = 2)]
    BlendedRealtime = 2,
    /// The agent handles one task at a time over all channels.
    #[sea_orm(num_value = 3)]
    Exclusive = 3,
}
