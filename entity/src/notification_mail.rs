//! What is still to be told by e-mail. Written with the thing it tells of; a worker claims what is due, sends it, removes it.

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
    /// A worker has it in hand until then.
    pub claimed_until: Option<DateTimeUtc>,
    /// Kept for a day after it was sent, so that the same is not told again by who does and undoes it.
    pub sent_at: Option<DateTimeUtc>,
    /// How often sending it failed.
    pub failures: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
