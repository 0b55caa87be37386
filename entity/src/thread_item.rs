//! An entry of a conversation: a message, an announcement or a note.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::{
    announcement::AnnouncementData,
    id::{ConversationId, ParticipantId, TaskId, ThreadItemId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "thread_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ThreadItemId,
    pub conversation_id: ConversationId,
    /// The position in the conversation, counted from 1 without gaps.
    pub sequence: i64,
    /// The position among the items that the customer may see, counted from 1 without gaps.
    pub customer_sequence: Option<i64>,
    pub kind: ItemKind,
    pub visibility: ItemVisibility,
    /// The author, or the participant whose action an announcement reports.
    pub author_id: Option<ParticipantId>,
    pub inbound: bool,
    pub announcement: Option<AnnouncementKind>,
    /// The text of a message or note. Empty for an announcement.
    pub body: String,
    pub format: TextFormat,
    pub reply_to_id: Option<ThreadItemId>,
    pub task_id: Option<TaskId>,
    /// The id that the author's client gave. Unique for its author.
    pub client_message_id: Option<String>,
    /// The digest of the input that came with `client_message_id`.
    pub digest: Option<Vec<u8>>,
    /// The time of sending that a provider reported.
    pub sent_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub edited_at: Option<DateTimeUtc>,
    pub deleted_at: Option<DateTimeUtc>,
    /// The facts of an announcement.
    #[sea_orm(column_type = "Json", nullable)]
    pub announcement_data: Option<AnnouncementData>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of a thread item.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ItemKind {
    /// A participant wrote it for the other side.
    #[sea_orm(num_value = 1)]
    Message = 1,
    /// The system reports what happened.
    #[sea_orm(num_value = 2)]
    Announcement = 2,
    /// An agent wrote it for the organization's side only.
    #[sea_orm(num_value = 3)]
    Note = 3,
}

/// The audience of a thread item.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ItemVisibility {
    /// Only the organization's side sees it.
    #[sea_orm(num_value = 1)]
    Agent = 1,
    /// Only the customer sees it, because the organization's side knows it already.
    #[sea_orm(num_value = 2)]
    Customer = 2,
    /// Everyone in the conversation sees it.
    #[sea_orm(num_value = 3)]
    Both = 3,
}

// Numbers are never used again.
/// The fact that an announcement reports.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum AnnouncementKind {
    /// An agent has joined.
    #[sea_orm(num_value = 1)]
    AgentJoined = 1,
    /// An agent has left, or was removed.
    #[sea_orm(num_value = 2)]
    AgentLeft = 2,
    /// The customer has left, and the conversation has ended.
    #[sea_orm(num_value = 3)]
    CustomerLeft = 3,
    /// The conversation was transferred.
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
    /// The queue is closed at this time.
    #[sea_orm(num_value = 12)]
    OutOfHours = 12,
    /// The conversation has ended because of inactivity.
    #[sea_orm(num_value = 13)]
    Inactive = 13,
    /// The customer's answers to the pre-chat form, with the page of the chat.
    #[sea_orm(num_value = 15)]
    FormAnswered = 15,
    /// The invitation of another agent was withdrawn.
    #[sea_orm(num_value = 16)]
    ConferenceCancelled = 16,
    /// An agent has ended the conversation.
    #[sea_orm(num_value = 17)]
    EndedByAgent = 17,
    /// A supervisor has joined. Customers see AGENT_JOINED.
    #[sea_orm(num_value = 18)]
    SupervisorJoined = 18,
    /// The customer was merged with another one, and continues in that customer's conversation.
    #[sea_orm(num_value = 19)]
    Merged = 19,
    /// The customer was told to wait for another agent, because the conversation was transferred.
    #[sea_orm(num_value = 20)]
    Transferring = 20,
}

/// The markup of a text.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum TextFormat {
    /// The text has no markup.
    #[sea_orm(num_value = 1)]
    Plain = 1,
    /// The text has limited Markdown: emphasis, strong emphasis, strike-through, code, links, lists and quotes.
    #[sea_orm(num_value = 2)]
    Markdown = 2,
    /// The text is sanitized HTML.
    #[sea_orm(num_value = 3)]
    Html = 3,
}
