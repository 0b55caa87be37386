//! The version of the Unicode tables that produced the stored name keys, in one row.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
    Uuid,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "text_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i16,
    /// The version of all keys.
    pub version: String,
    /// The version to which keys are being rebuilt. Empty when no rebuild is running.
    pub building: String,
    /// The kind of rows that the rebuild processes.
    pub stage: i16,
    /// The last rebuilt row of the stage.
    pub reached: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
