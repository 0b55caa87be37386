//! The durable thread between a customer and an entry point, or between two connected users. The row is the lock of the
//! thread, of its participants and of its tasks.

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
    /// What tells the conversations of one customer with one entry point apart; unique with the two. Null once a conversation is
    /// over that is never opened again.
    pub topic: Option<String>,
    /// The two of a direct conversation, `lo < hi`.
    pub lo: Option<UserId>,
    pub hi: Option<UserId>,
    pub status: ConversationStatus,
    /// Where its latest task waits or waited, and that task.
    pub queue_id: Option<QueueId>,
    pub task_id: Option<TaskId>,
    /// Of the newest item, and of the newest that the customer may see.
    pub last_sequence: i64,
    pub last_customer_sequence: i64,
    pub last_item_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Between whom a conversation is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ConversationKind {
    /// Between a customer and the organisation.
    #[sea_orm(num_value = 1)]
    Customer = 1,
    /// Between two users who are connected.
    #[sea_orm(num_value = 2)]
    Direct = 2,
}

/// Whether a conversation goes on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ConversationStatus {
    /// Messages can be sent.
    #[sea_orm(num_value = 1)]
    Open = 1,
    /// It has ended. A new message of the customer opens it again, but for WebChat, where it begins another.
    #[sea_orm(num_value = 2)]
    Closed = 2,
}
