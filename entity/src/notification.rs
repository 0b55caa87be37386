//! A notification to one user. It stores no state of its subject. Other tables own that state.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use crate::id::{ConnectionRequestId, ConversationId, NotificationId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NotificationId,
    pub user_id: UserId,
    pub kind: NotificationKind,
    /// The user who caused it.
    pub actor_id: Option<UserId>,
    pub request_id: Option<ConnectionRequestId>,
    /// Unique together with the user.
    pub conversation_id: Option<ConversationId>,
    /// The organization's text, in a system notification.
    pub text: Option<String>,
    pub created_at: DateTimeUtc,
    pub read_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of event that a notification reports.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum NotificationKind {
    /// Another user asks to connect.
    #[sea_orm(num_value = 1)]
    ConnectionRequested,
    /// Another user accepted the user's request, or asked too.
    #[sea_orm(num_value = 2)]
    ConnectionAccepted,
    /// Another user began to follow the user.
    #[sea_orm(num_value = 3)]
    Followed,
    /// The organization reports a change of the user's account.
    #[sea_orm(num_value = 4)]
    System,
    /// Another user wrote in a direct conversation. A conversation causes one such notification until it is read.
    #[sea_orm(num_value = 5)]
    Message,
}
