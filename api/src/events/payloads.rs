//! The payloads of events: a format for each subject, apart from the tables. A row becomes a payload when an event is
//! written and a row again when it is read, so the log outlives changes of the tables.
//!
//! A format changes by these rules. A new field is an `Option`, or has a default in `since`, which applies to older
//! events. A field is never renamed and never changes its meaning. Instead the version is raised, and
//! [`Logged::from_payload`] reads both versions. A reader ignores unknown fields. `tests/it/golden/events` keeps an
//! example of every version.

use entity::{
    activity, agent,
    announcement::AnnouncementData,
    channel::Channel,
    connection_request, customer,
    id::{
        ActivityId, ApiKeyId, ConnectionRequestId, ConversationId, CustomerId, IdleReasonId, MultimediaProfileId,
        NotificationId, OfferId, ParticipantId, QueueId, TaskId, ThreadItemId, UserId,
    },
    multimedia_profile::ProfileMode,
    notification, offer, participant, receipt, task, thread_item,
};
use sea_orm::prelude::DateTimeUtc;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

/// The field of a payload that holds the version of its format.
pub const VERSION: &str = "version";

/// A subject of events.
pub trait Logged: Sized {
    /// The version of the format that is written now.
    const VERSION: u16;

    /// Writes the payload.
    fn to_payload(&self) -> Result<Value, serde_json::Error>;

    /// Reads a payload of this version or of an earlier one.
    fn from_payload(payload: &Value) -> Result<Self, serde_json::Error>;
}

/// Adds the version of a format to its payload.
fn versioned(payload: Value, version: u16) -> Value {
    match payload {
        Value::Object(mut fields) => {
            fields.insert(VERSION.to_owned(), version.into());
            Value::Object(fields)
        }
        other => other,
    }
}

/// Writes a type that is its own payload.
pub fn write(subject: &impl Serialize, version: u16) -> Result<Value, serde_json::Error> {
    Ok(versioned(serde_json::to_value(subject)?, version))
}

/// Reads a type that is its own payload.
pub fn read<T: DeserializeOwned>(payload: &Value) -> Result<T, serde_json::Error> {
    T::deserialize(payload)
}

/// Says that a type is its own payload, in a version.
macro_rules! own_payload {
    ($subject:ty, $version:literal) => {
        impl $crate::events::payloads::Logged for $subject {
            const VERSION: u16 = $version;

            fn to_payload(&self) -> Result<serde_json::Value, serde_json::Error> {
                $crate::events::payloads::write(self, Self::VERSION)
            }

            fn from_payload(payload: &serde_json::Value) -> Result<Self, serde_json::Error> {
                $crate::events::payloads::read(payload)
            }
        }
    };
}

pub(crate) use own_payload;

/// Writes the payload of a row. `without` names the columns that an event does not carry, and the values they have when
/// a row is made of an event again.
macro_rules! row_payload {
    (
        $(#[$doc:meta])*
        $name:ident of $row:ident, $version:literal {
            $($field:ident: $type:ty),* $(,)?
        } since { $($later:ident: $later_type:ty),* $(,)? } without { $($left:ident = $value:expr),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct $name {
            $($field: $type,)*
            $(#[serde(default)] $later: $later_type,)*
        }

        impl Logged for $row::Model {
            const VERSION: u16 = $version;

            fn to_payload(&self) -> Result<Value, serde_json::Error> {
                let row = self.clone();
                let payload = $name { $($field: row.$field,)* $($later: row.$later,)* };
                write(&payload, Self::VERSION)
            }

            fn from_payload(payload: &Value) -> Result<Self, serde_json::Error> {
                let payload: $name = read(payload)?;
                Ok(Self { $($field: payload.$field,)* $($later: payload.$later,)* $($left: $value,)* })
            }
        }
    };
}

row_payload! {
    /// A task.
    TaskPayload of task, 1 {
        id: TaskId,
        conversation_id: ConversationId,
        queue_id: QueueId,
        channel: Channel,
        status: task::TaskStatus,
        priority: i16,
        received_at: DateTimeUtc,
        enqueued_at: DateTimeUtc,
        step: i16,
        owner_id: Option<UserId>,
        conference_agent_id: Option<UserId>,
        accepted_at: Option<DateTimeUtc>,
        ended_at: Option<DateTimeUtc>,
        ended_by: Option<task::EndedBy>,
        customer_agreed: bool,
        previous_id: Option<TaskId>,
    } since { continued_in_id: Option<ConversationId> } without { intake = None }
}

row_payload! {
    /// An offer.
    OfferPayload of offer, 1 {
        id: OfferId,
        kind: offer::OfferKind,
        task_id: TaskId,
        queue_id: QueueId,
        invitation: Option<Uuid>,
        agent_id: UserId,
        status: offer::OfferStatus,
        due_at: Option<DateTimeUtc>,
        created_at: DateTimeUtc,
        expires_at: DateTimeUtc,
        ended_at: Option<DateTimeUtc>,
    } since {} without {}
}

row_payload! {
    /// An agent.
    AgentPayload of agent, 1 {
        user_id: UserId,
        profile_id: MultimediaProfileId,
        mode: ProfileMode,
        chat_limit: i16,
        email_limit: i16,
        social_limit: i16,
        chat_used: i16,
        email_used: i16,
        social_used: i16,
        state: agent::AgentState,
        idle_reason_id: Option<IdleReasonId>,
        state_since: DateTimeUtc,
        idle_channels: i16,
        offerable_channels: i16,
        available_since: DateTimeUtc,
        interval: i32,
    } since {} without {}
}

row_payload! {
    /// A participant of a conversation.
    ParticipantPayload of participant, 2 {
        id: ParticipantId,
        conversation_id: ConversationId,
        user_id: Option<UserId>,
        customer_id: Option<CustomerId>,
        role: participant::ParticipantRole,
        joined_at: DateTimeUtc,
        left_at: Option<DateTimeUtc>,
        read_up_to: i64,
    } since { key_id: Option<ApiKeyId> } without { left_sequence = None, settled_at = None }
}

row_payload! {
    /// A customer. The keys of sorting and search stay in the table.
    CustomerPayload of customer, 1 {
        id: CustomerId,
        display_name: String,
        email: Option<String>,
        phone: Option<String>,
        external_id: Option<String>,
        merged_into_id: Option<CustomerId>,
        created_at: DateTimeUtc,
        updated_at: DateTimeUtc,
    } since {} without { name_key = Vec::new(), search_text = String::new() }
}

row_payload! {
    /// A thread item. The digest of a message stays in the table.
    ThreadItemPayload of thread_item, 1 {
        id: ThreadItemId,
        conversation_id: ConversationId,
        sequence: i64,
        customer_sequence: Option<i64>,
        kind: thread_item::ItemKind,
        visibility: thread_item::ItemVisibility,
        author_id: Option<ParticipantId>,
        inbound: bool,
        announcement: Option<thread_item::AnnouncementKind>,
        body: String,
        format: thread_item::TextFormat,
        reply_to_id: Option<ThreadItemId>,
        task_id: Option<TaskId>,
        client_message_id: Option<String>,
        sent_at: Option<DateTimeUtc>,
        created_at: DateTimeUtc,
        edited_at: Option<DateTimeUtc>,
        deleted_at: Option<DateTimeUtc>,
    } since { announcement_data: Option<AnnouncementData> } without { digest = None }
}

row_payload! {
    /// A notification.
    NotificationPayload of notification, 1 {
        id: NotificationId,
        user_id: UserId,
        kind: notification::NotificationKind,
        actor_id: Option<UserId>,
        request_id: Option<ConnectionRequestId>,
        conversation_id: Option<ConversationId>,
        text: Option<String>,
        created_at: DateTimeUtc,
        read_at: Option<DateTimeUtc>,
    } since {} without {}
}

row_payload! {
    /// An activity.
    ActivityPayload of activity, 2 {
        id: ActivityId,
        kind: activity::ActivityKind,
        actor_id: UserId,
        subject_id: Option<UserId>,
        text: Option<String>,
        connections_only: bool,
        created_at: DateTimeUtc,
    } since { application: Option<String>, url: Option<String> } without {}
}

row_payload! {
    /// A connection request.
    ConnectionRequestPayload of connection_request, 1 {
        id: ConnectionRequestId,
        requester_id: UserId,
        recipient_id: UserId,
        lo: UserId,
        hi: UserId,
        message: Option<String>,
        requester_status: connection_request::RequestStatus,
        recipient_status: connection_request::RequestStatus,
        hidden_until: Option<DateTimeUtc>,
        created_at: DateTimeUtc,
        requester_decided_at: Option<DateTimeUtc>,
        recipient_decided_at: Option<DateTimeUtc>,
    } since {} without {}
}

row_payload! {
    /// A receipt.
    ReceiptPayload of receipt, 1 {
        item_id: ThreadItemId,
        participant_id: ParticipantId,
        state: receipt::ReceiptState,
        at: DateTimeUtc,
    } since {} without {}
}
