//! Tells a user that something happened. Never owns state: what it is about stands elsewhere.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use crate::id::{ConnectionRequestId, ConversationId, NotificationId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "notification")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NotificationId,
    pub user_id: UserId,
    pub kind: NotificationKind,
    /// Who caused it.
    pub actor_id: Option<UserId>,
    pub request_id: Option<ConnectionRequestId>,
    /// Unique with the user.
    pub conversation_id: Option<ConversationId>,
    /// What the organisation says, in a notification of the system.
    pub text: Option<String>,
    pub created_at: DateTimeUtc,
    pub read_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a notification is about.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum NotificationKind {
    /// Somebody asks to connect.
    #[sea_orm(num_value = 1)]
    ConnectionRequested,
    /// Somebody accepted a request of the user, or asked too.
    #[sea_orm(num_value = 2)]
    ConnectionAccepted,
    /// Somebody follows the user now.
    #[sea_orm(num_value = 3)]
    Followed,
    /// The organisation says something about the user's account.
    #[sea_orm(num_value = 4)]
    System,
    /// Somebody wrote to the user in a direct conversation; told once until it is read.
    #[sea_orm(num_value = 5)]
    Message,
}
