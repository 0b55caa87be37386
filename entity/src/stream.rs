//! The counter of a stream. Locked by the transaction that writes an event, so that sequence order is commit order and
//! has no holes.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: StreamKind,
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    pub last_sequence: i64,
    /// Everything up to here has left the log.
    pub pruned_sequence: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kinds of stream.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum StreamKind {
    /// What is asked of a user.
    #[sea_orm(num_value = 1)]
    Requests,
}
