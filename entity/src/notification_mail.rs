//! A notification that waits to be sent by e-mail. It is written together with its cause. A worker claims the due rows,
//! sends them and removes them.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait,
};

use crate::{
    id::{ConnectionRequestId, NotificationId, UserId},
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
    /// A worker has claimed the row until this time.
    pub claimed_until: Option<DateTimeUtc>,
    /// Sent rows stay for a day, so that repeating an action does not cause the same mail again.
    pub sent_at: Option<DateTimeUtc>,
    /// The number of failed attempts to send it.
    pub failures: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
