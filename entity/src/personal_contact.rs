//! A private entry of one user's address book.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::{
    details::Details,
    id::{PersonalContactId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "personal_contact")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PersonalContactId,
    pub owner_id: UserId,
    pub display_name: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub additional_name: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    pub title: Option<String>,
    pub organization: Option<String>,
    pub note: Option<String>,
    pub details: Details,
    /// The sort key of the entry, in the same form as a user's.
    pub name_key: Vec<u8>,
    /// The folded words for searches.
    pub search_text: String,
    /// The `UID` of the vCard that the entry was imported from.
    pub card_uid: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
