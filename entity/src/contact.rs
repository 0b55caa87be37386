//! Who stands in whose list: the pair rows seen from one person, kept in name order so that a page is one index range.
//! Written only together with the pair row, in the same transaction; never a source of truth.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use serde::{Deserialize, Serialize};

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub list: List,
    /// The name key of `user_id`, copied so that the list has its order without a join.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name_key: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The entry counts until then; for ever when unset.
    pub until: Option<DateTimeUtc>,
    pub since: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The lists a pair row puts a person into.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum List {
    #[sea_orm(num_value = 1)]
    Connections,
    #[sea_orm(num_value = 2)]
    Following,
    #[sea_orm(num_value = 3)]
    Followers,
    #[sea_orm(num_value = 4)]
    IncomingRequests,
    #[sea_orm(num_value = 5)]
    OutgoingRequests,
    #[sea_orm(num_value = 6)]
    Blocked,
    /// Whom the owner mutes, in whatever.
    #[sea_orm(num_value = 7)]
    Muted,
    /// Whom the owner mutes in the feed: read by the feed and never shown as a list.
    #[sea_orm(num_value = 8)]
    MutedInFeed,
}
