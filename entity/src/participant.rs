//! Somebody who takes part in a conversation: a user or its customer, once.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, CustomerId, ParticipantId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "participant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ParticipantId,
    pub conversation_id: ConversationId,
    pub user_id: Option<UserId>,
    pub customer_id: Option<CustomerId>,
    pub role: ParticipantRole,
    pub joined_at: DateTimeUtc,
    pub left_at: Option<DateTimeUtc>,
    /// The last item of the conversation when they left; of users in one with a customer. Nobody is told it.
    #[serde(skip)]
    pub left_sequence: Option<i64>,
    /// Everything up to this item is read.
    pub read_up_to: i64,
    /// When the conversation got its last item, of users in one with a customer that is closed: by this, what somebody has
    /// taken part in is found in order. Nobody is told it.
    #[serde(skip)]
    pub settled_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// As what somebody takes part in a conversation.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ParticipantRole {
    /// The customer.
    #[sea_orm(num_value = 1)]
    Customer = 1,
    /// The agent who answers for the task.
    #[sea_orm(num_value = 2)]
    Owner = 2,
    /// An agent who joined in a conference.
    #[sea_orm(num_value = 3)]
    Joined = 3,
    /// One of the two of a direct conversation.
    #[sea_orm(num_value = 4)]
    Member = 4,
    /// A supervisor who joined.
    #[sea_orm(num_value = 5)]
    Supervisor = 5,
}
