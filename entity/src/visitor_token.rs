//! The credential of a web site's visitor, stored as the SHA-256 of its secret.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::id::{CustomerId, EntryPointId, VisitorTokenId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "visitor_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VisitorTokenId,
    #[sea_orm(unique)]
    pub secret_hash: Vec<u8>,
    pub customer_id: CustomerId,
    pub entry_point_id: EntryPointId,
    /// The origin to which the token was issued. If set, the token is accepted from this origin only.
    pub origin: Option<String>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
