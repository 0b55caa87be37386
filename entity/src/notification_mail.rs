//! A notification that waits to be sent by e-mail. It is written together with its cause. A delivery sends the due
//! notifications of one user in one mail.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::{
    id::{ConnectionRequestId, DeliveryId, NotificationId, UserId},
    notification::NotificationKind,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_mail")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NotificationId,
    pub user_id: UserId,
    pub kind: NotificationKind,
    pub actor_id: Option<UserId>,
    pub request_id: Option<ConnectionRequestId>,
    pub text: Option<String>,
    pub created_at: DateTimeUtc,
    pub due_at: DateTimeUtc,
    /// The delivery that last took it.
    pub delivery_id: Option<DeliveryId>,
    /// Sent rows stay for a day, so that repeating an action does not cause the same mail again.
    pub sent_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
