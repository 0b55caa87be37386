//! One routed piece of work on a conversation, from its first waiting message to wrap-up.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::{
    channel::Channel,
    id::{ConversationId, QueueId, TaskId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "task")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskId,
    pub conversation_id: ConversationId,
    pub queue_id: QueueId,
    pub channel: Channel,
    pub status: TaskStatus,
    /// 1, the highest, to 9; 10 where none was set.
    pub priority: i16,
    /// What the customer waits for began then.
    pub received_at: DateTimeUtc,
    /// Its place among those of its priority; stays as it is when it comes back to the queue.
    pub enqueued_at: DateTimeUtc,
    /// Which step of the queue's skills holds.
    pub step: i16,
    pub owner_id: Option<UserId>,
    pub joined_id: Option<UserId>,
    pub accepted_at: Option<DateTimeUtc>,
    pub ended_at: Option<DateTimeUtc>,
    pub ended_by: Option<EndedBy>,
    /// The agent says that the customer agreed to the end.
    pub customer_agreed: bool,
    /// The task before, if the conversation was opened again.
    pub previous_id: Option<TaskId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Where a task stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum TaskStatus {
    /// It waits in its queue.
    #[sea_orm(num_value = 1)]
    Queued = 1,
    /// It is held out to an agent.
    #[sea_orm(num_value = 2)]
    Offered = 2,
    /// An agent and the customer talk.
    #[sea_orm(num_value = 3)]
    Connected = 3,
    /// They talk, and another agent was asked to join.
    #[sea_orm(num_value = 4)]
    ConferenceRequested = 4,
    /// Two agents and the customer talk.
    #[sea_orm(num_value = 5)]
    Conference = 5,
    /// The talk is over; somebody owes a wrap-up.
    #[sea_orm(num_value = 6)]
    WrapUp = 6,
    /// It is over and wrapped up.
    #[sea_orm(num_value = 7)]
    Completed = 7,
    /// It ended before an agent accepted it.
    #[sea_orm(num_value = 8)]
    Abandoned = 8,
    /// It ended because nobody took it over.
    #[sea_orm(num_value = 9)]
    Dropped = 9,
}

/// Who ended something.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum EndedBy {
    /// An agent.
    #[sea_orm(num_value = 1)]
    Agent = 1,
    /// The customer.
    #[sea_orm(num_value = 2)]
    Customer = 2,
    /// The system.
    #[sea_orm(num_value = 3)]
    System = 3,
}
