//! A partner's key. The text is shown once; kept are its public prefix and the SHA-256 of its secret.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{ApiKeyId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiKeyId,
    /// The public part, by which a key is found.
    #[sea_orm(unique)]
    pub prefix: String,
    pub secret_hash: Vec<u8>,
    /// The secret before the last rotation, and until when it is still taken.
    pub previous_hash: Option<Vec<u8>>,
    pub previous_until: Option<DateTimeUtc>,
    pub kind: ApiKeyKind,
    pub name: String,
    /// Whose key it is; for a key of the organisation, who made it.
    pub owner_id: UserId,
    /// Scopes by name, parted by spaces.
    pub scopes: String,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    /// To the minute.
    pub last_used_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whom a key acts for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ApiKeyKind {
    /// Its owner, with fewer scopes.
    #[sea_orm(num_value = 1)]
    Personal,
    /// The organisation, as a service account, which has no relationships.
    #[sea_orm(num_value = 2)]
    Organisation,
}
