//! A user's choice of delivery for one kind of notification. Without a row, notifications appear in the app and not by
//! e-mail.

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

/// The frequency of e-mail about one kind of notification.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum EmailFrequency {
    /// The user gets no e-mail.
    #[sea_orm(num_value = 0)]
    Off,
    /// The user gets one e-mail for each notification at once.
    #[sea_orm(num_value = 1)]
    Instant,
    /// The user gets one e-mail after each full hour.
    #[sea_orm(num_value = 2)]
    Hourly,
    /// The user gets one e-mail a day, after 07:00 UTC.
    #[sea_orm(num_value = 3)]
    Daily,
}
