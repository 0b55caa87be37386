//! The template that a message was written with.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{TemplateId, ThreadItemId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "template_use")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ThreadItemId,
    pub template_id: TemplateId,
    pub version: i32,
    /// True if the agent changed the text, before or after sending it.
    pub edited: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
