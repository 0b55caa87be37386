//! How much an agent does at once.

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
    /// Where it stands in a list by name.
    pub name_key: Vec<u8>,
    /// By this the name is found, and is unique among those in use.
    pub search_text: String,
    pub mode: ProfileMode,
    /// Tasks of each kind of channel at once, 0 to 5.
    pub chat: i16,
    pub email: i16,
    pub social: i16,
    /// What an agent gets to whom nothing else was given.
    pub is_default: bool,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How tasks of several kinds of channel go together.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ProfileMode {
    /// Tasks of all kinds of channel at once.
    #[sea_orm(num_value = 1)]
    Blended = 1,
    /// One real-time kind of channel at a time, which here is chat, and e-mail and social beside it.
    #[sea_orm(num_value = 2)]
    BlendedRealtime = 2,
    /// One task at a time, over all channels.
    #[sea_orm(num_value = 3)]
    Exclusive = 3,
}
