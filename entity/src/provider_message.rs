//! The ids that providers give to messages. The primary key stores each message of an entry point once, however often
//! the provider delivers it, and even if its customer has changed meanwhile. A message that was sent in parts has a row
//! for each part.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{EntryPointId, ThreadItemId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub entry_point_id: EntryPointId,
    /// The provider's id, or the digest of an id that is too long to store.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider_id: String,
    pub thread_item_id: ThreadItemId,
    pub direction: MessageDirection,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The direction in which a message passes the provider.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum MessageDirection {
    /// From the customer.
    #[sea_orm(num_value = 1)]
    Inbound = 1,
    /// From the organization.
    #[sea_orm(num_value = 2)]
    Outbound = 2,
}
