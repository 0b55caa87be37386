//! An action of an administrator or of an organization key. It is written in the transaction of the action and never
//! changes.

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
    /// The administrator, or the creator of the key.
    pub user_id: Option<UserId>,
    /// The organization key that was used, if any.
    pub key_id: Option<ApiKeyId>,
    /// The name of the mutation, or the data that was read.
    pub action: String,
    /// The id of the affected object.
    pub target: Option<String>,
    /// The input of the action, without secrets.
    pub details: Json,
    /// The network address of the client.
    pub address: Option<String>,
    pub occurred_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
