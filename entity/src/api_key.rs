//! An API key. Its text is shown once. The table stores the public prefix and the SHA-256 of the secret.

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
    /// The public part of the key, used to find the row.
    #[sea_orm(unique)]
    pub prefix: String,
    pub secret_hash: Vec<u8>,
    /// The secret before the last rotation. It is accepted until `previous_until`.
    pub previous_hash: Option<Vec<u8>>,
    pub previous_until: Option<DateTimeUtc>,
    pub kind: ApiKeyKind,
    pub name: String,
    /// The owner of a personal key, or the creator of an organization key.
    pub owner_id: UserId,
    /// The names of the scopes, separated by spaces.
    pub scopes: String,
    /// True for a key that runs only registered documents.
    pub trusted_documents_only: bool,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    /// Accurate to the minute.
    pub last_used_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The identity that an API key acts for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ApiKeyKind {
    /// The key acts for its owner, with the same or fewer scopes.
    #[sea_orm(num_value = 1)]
    Personal,
    /// The key acts for the organization, as a service account without relationships.
    #[sea_orm(num_value = 2)]
    Organization,
}
