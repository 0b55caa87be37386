//! What an administrator or a key of the organisation did. Written with the deed, in the same transaction; never changed.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, Json,
    PrimaryKeyTrait,
};

use crate::id::{ApiKeyId, AuditEntryId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEntryId,
    /// The administrator, or the one who made the key.
    pub user_id: Option<UserId>,
    /// The key of the organisation, if one was used.
    pub key_id: Option<ApiKeyId>,
    /// The mutation's name, or what was read.
    pub action: String,
    /// The id of what it was done to.
    pub target: Option<String>,
    /// What was asked for, without secrets.
    pub details: Json,
    /// The address it came from.
    pub address: Option<String>,
    pub occurred_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
