//! The pictures that users have uploaded of themselves, one row for each size.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "avatar")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The width and the height, in pixels.
    #[sea_orm(primary_key, auto_increment = false)]
    pub size: i16,
    /// The name of the upload in addresses: 32 hexadecimal digits of its digest. It is the same for all sizes.
    pub token: String,
    /// The picture, as a JPEG file.
    pub jpeg: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
