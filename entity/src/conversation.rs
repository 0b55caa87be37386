//! A durable conversation between a customer and the organization, or between two connected users. Locking the row
//! locks the conversation, its participants and its tasks.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::{
    channel::Channel,
    id::{ConversationId, CustomerId, EntryPointId, QueueId, TaskId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConversationId,
    pub kind: ConversationKind,
    pub channel: Option<Channel>,
    pub entry_point_id: Option<EntryPointId>,
    pub customer_id: Option<CustomerId>,
    /// Distinguishes the conversations of one customer at one entry point. Unique together with both. Null when the
    /// conversation is closed and can never be reopened.
    pub topic: Option<String>,
    /// The two users of a direct conversation, with `lo < hi`.
    pub lo: Option<UserId>,
    pub hi: Option<UserId>,
    pub status: ConversationStatus,
    /// The queue of the latest task, and that task.
    pub queue_id: Option<QueueId>,
    pub task_id: Option<TaskId>,
    /// The sequence number of the newest item, and of the newest item that the customer may see.
    pub last_sequence: i64,
    pub last_customer_sequence: i64,
    pub last_item_at: DateTimeUtc,
    /// The `character_limit` of the entry point when the latest task began.
    pub character_limit: Option<i32>,
    pub created_at: DateTimeUtc,
}

impl Model {
    /// Returns the time from which the conversation counts as settled for the users who take or took part in it. It is
    /// the time of the last item if the conversation is with a customer and closed, else `None`.
    #[must_use]
    pub fn settled_at(&self) -> Option<DateTimeUtc> {
        (self.customer_id.is_some() && self.status == ConversationStatus::Closed).then_some(self.last_item_at)
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of conversation.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ConversationKind {
    /// A conversation between a customer and the organization.
    #[sea_orm(num_value = 1)]
    Customer = 1,
    /// A conversation between two connected users.
    #[sea_orm(num_value = 2)]
    Direct = 2,
}

/// The state of a conversation.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ConversationStatus {
    /// Participants can send messages.
    #[sea_orm(num_value = 1)]
    Open = 1,
    /// The conversation has ended. A new message of the customer reopens it. In web chat such a message begins a new
    /// conversation instead.
    #[sea_orm(num_value = 2)]
    Closed = 2,
}
