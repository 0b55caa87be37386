//! An entry of a conversation: a message, an announcement of the system, or a note among agents.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, ParticipantId, TaskId, ThreadItemId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "thread_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ThreadItemId,
    pub conversation_id: ConversationId,
    /// Its place in the conversation, from 1 without holes.
    pub sequence: i64,
    /// Its place among the items that the customer may see, from 1 without holes.
    pub customer_sequence: Option<i64>,
    pub kind: ItemKind,
    pub visibility: ItemVisibility,
    /// Who wrote it, or of whom an announcement speaks.
    pub author_id: Option<ParticipantId>,
    pub inbound: bool,
    pub announcement: Option<AnnouncementKind>,
    pub body: String,
    pub format: TextFormat,
    pub reply_to_id: Option<ThreadItemId>,
    pub task_id: Option<TaskId>,
    /// Unique for its author.
    pub client_message_id: Option<String>,
    /// Of what was asked for with the client's id.
    pub digest: Option<Vec<u8>>,
    /// When a provider says it was sent.
    pub sent_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub edited_at: Option<DateTimeUtc>,
    pub deleted_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What an item is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ItemKind {
    /// Somebody wrote it.
    #[sea_orm(num_value = 1)]
    Message = 1,
    /// The system tells what happened.
    #[sea_orm(num_value = 2)]
    Announcement = 2,
    /// Agents tell one another.
    #[sea_orm(num_value = 3)]
    Note = 3,
}

/// Who sees an item.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ItemVisibility {
    /// Those who serve the customer.
    #[sea_orm(num_value = 1)]
    Agent = 1,
    /// The customer, who is told something the others know.
    #[sea_orm(num_value = 2)]
    Customer = 2,
    /// Everybody in the conversation.
    #[sea_orm(num_value = 3)]
    Both = 3,
}

/// What an announcement tells.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum AnnouncementKind {
    /// An agent has joined.
    #[sea_orm(num_value = 1)]
    AgentJoined = 1,
    /// An agent has left.
    #[sea_orm(num_value = 2)]
    AgentLeft = 2,
    /// The customer has left.
    #[sea_orm(num_value = 3)]
    CustomerLeft = 3,
    /// The conversation was handed over.
    #[sea_orm(num_value = 4)]
    Transferred = 4,
    /// A transfer was not accepted, and the conversation has ended.
    #[sea_orm(num_value = 5)]
    TransferDropped = 5,
    /// Another agent was asked to join.
    #[sea_orm(num_value = 6)]
    ConferenceRequested = 6,
    /// The agent who was asked did not join.
    #[sea_orm(num_value = 7)]
    ConferenceNotAccepted = 7,
    /// The customer waits for an agent.
    #[sea_orm(num_value = 8)]
    Queued = 8,
    /// What a workflow did.
    #[sea_orm(num_value = 9)]
    WorkflowResult = 9,
    /// An attachment was not taken.
    #[sea_orm(num_value = 10)]
    AttachmentDropped = 10,
    /// The customer is back.
    #[sea_orm(num_value = 11)]
    Reconnected = 11,
    /// Nobody serves the queue at this time.
    #[sea_orm(num_value = 12)]
    OutOfHours = 12,
    /// The conversation has ended because nobody wrote.
    #[sea_orm(num_value = 13)]
    Inactive = 13,
    /// The conversation has ended.
    #[sea_orm(num_value = 14)]
    EndedBySystem = 14,
    /// What the customer answered before the chat began, and from which page.
    #[sea_orm(num_value = 15)]
    FormAnswered = 15,
}

/// How a text is written.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum TextFormat {
    /// As it stands.
    #[sea_orm(num_value = 1)]
    Plain = 1,
    /// With a little Markdown: emphasis, strong emphasis, strike-through, code, links, lists, quotes.
    #[sea_orm(num_value = 2)]
    Markdown = 2,
    /// Sanitised HTML.
    #[sea_orm(num_value = 3)]
    Html = 3,
}
