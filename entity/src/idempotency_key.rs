//! The idempotency keys and the deletions of users. A row maps a key to the object that the first call with the key
//! created, or names an object that its owner deleted. Rows are never deleted.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait, Uuid,
};

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    /// "key " and the key of the client, or "deletion " and the id of the deleted object.
    pub key: String,
    /// The digest of the call's input. Empty for a deletion.
    pub digest: Vec<u8>,
    /// The id of the created or deleted object.
    pub target: Uuid,
    /// The time of the first call.
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
