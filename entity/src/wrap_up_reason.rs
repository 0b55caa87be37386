//! A reason that agents give in a wrap-up: the subject or the result of a conversation.

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
    /// The sort key of the name.
    pub name_key: Vec<u8>,
    /// The folded name for searches. Unique among the wrap-up reasons in use.
    pub search_text: String,
    /// True for the reason of automatic wrap-ups. Exactly one reason has it.
    pub is_default: bool,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
