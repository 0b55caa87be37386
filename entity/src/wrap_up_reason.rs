//! What a conversation was about or came to, as agents say when they wrap up.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::id::WrapUpReasonId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wrap_up_reason")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WrapUpReasonId,
    pub name: String,
    /// Where it stands in a list by name.
    pub name_key: Vec<u8>,
    /// By this the name is found, and is unique among those in use.
    pub search_text: String,
    /// Given by an automatic wrap-up. One has it.
    pub is_default: bool,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
