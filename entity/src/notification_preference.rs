//! How a user wants to be told of a kind of thing. Without a row: in the app, and not by e-mail.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use async_graphql::Enum;

use crate::{id::UserId, notification::NotificationKind};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_preference")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: NotificationKind,
    pub in_app: bool,
    pub email: EmailFrequency,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How often e-mail tells of a kind of thing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum EmailFrequency {
    /// Never.
    #[sea_orm(num_value = 0)]
    Off,
    /// At once, one mail each.
    #[sea_orm(num_value = 1)]
    Instant,
    /// Together, after each full hour.
    #[sea_orm(num_value = 2)]
    Hourly,
    /// Together, once a day after 07:00 UTC.
    #[sea_orm(num_value = 3)]
    Daily,
}
