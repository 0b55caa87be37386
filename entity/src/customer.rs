//! A person outside the organization who writes to it. `customer_identity` stores the customer's addresses.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::id::CustomerId;

/// The name of a customer of a web site who gave none.
pub const NAMELESS: &str = "Visitor";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CustomerId,
    /// The name that the customer gave, or that an agent entered.
    pub display_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// The id of the customer in another system of the organization. Unique.
    pub external_id: Option<String>,
    /// The sort key of the name, and the text by which the customer is found.
    pub name_key: Vec<u8>,
    pub search_text: String,
    /// The customer who has this customer's addresses and conversations since the two were found to be one person. It
    /// names a customer who is not merged.
    pub merged_into_id: Option<CustomerId>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
