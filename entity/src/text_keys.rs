//! With which version of the Unicode tables the stored keys of names were made; one row.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
    Uuid,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "text_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i16,
    /// Of all keys.
    pub version: String,
    /// The version to which keys are being rebuilt; empty when none are.
    pub building: String,
    /// Which kind of rows the rebuild is at.
    pub stage: i16,
    /// The last row of the stage that was rebuilt.
    pub reached: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
