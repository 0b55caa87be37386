//! A customer's address on a channel. The primary key makes each address belong to one customer. `api` has the forms of
//! addresses in `conversations::addresses`.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::{channel::Channel, id::CustomerId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_identity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel: Channel,
    #[sea_orm(primary_key, auto_increment = false)]
    /// The canonical form of the address, such as `tel:+4930123456`. It names the kind and the scope of the address.
    pub address: String,
    pub customer_id: CustomerId,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
