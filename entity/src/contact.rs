//! The contact lists of every user, derived from the pair rows. Rows are stored in name order, so that a page is one
//! index range. A row is written only together with its pair row, in the same transaction. It is never the source of
//! truth.

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
    /// The name key of `user_id`, copied so that reading a list in order needs no join.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name_key: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The time at which the membership expires. Unset when it does not expire.
    pub until: Option<DateTimeUtc>,
    pub since: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The lists that a pair row can put a user into.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum List {
    /// Users who are connected with the owner.
    #[sea_orm(num_value = 1)]
    Connections,
    /// Users whom the owner follows.
    #[sea_orm(num_value = 2)]
    Following,
    /// Users who follow the owner.
    #[sea_orm(num_value = 3)]
    Followers,
    /// Users whose request waits for the owner.
    #[sea_orm(num_value = 4)]
    IncomingRequests,
    /// Users whose answer the owner waits for.
    #[sea_orm(num_value = 5)]
    OutgoingRequests,
    /// Users whom the owner blocks.
    #[sea_orm(num_value = 6)]
    Blocked,
    /// Users whom the owner mutes in the feed, in notifications or in both.
    #[sea_orm(num_value = 7)]
    Muted,
    /// Users whom the owner mutes in the feed. The feed reads this list. It is never shown.
    #[sea_orm(num_value = 8)]
    MutedInFeed,
}
