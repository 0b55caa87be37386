//! An event in the log. `number` is drawn while the counters of the event's streams are locked, so it rises within each
//! stream. It is not a position to read from, because transactions may commit out of order.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, Json, PrimaryKeyTrait, StringLen,
};

use crate::id::EventId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    #[sea_orm(unique)]
    pub id: EventId,
    pub kind: EventKind,
    /// The object at the time of the event, as the owner of the stream may see it.
    pub payload: Json,
    pub occurred_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of event.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
pub enum EventKind {
    /// A user received a connection request.
    #[sea_orm(string_value = "connection_request_received")]
    ConnectionRequestReceived,
    /// The status of a connection request changed.
    #[sea_orm(string_value = "connection_request_changed")]
    ConnectionRequestChanged,
    /// A user, session, key or visitor token lost rights.
    #[sea_orm(string_value = "rights_ended")]
    RightsEnded,
    /// A user may act again.
    #[sea_orm(string_value = "rights_restored")]
    RightsRestored,
    /// A user entered a contact list.
    #[sea_orm(string_value = "contact_added")]
    ContactAdded,
    /// A user left a contact list.
    #[sea_orm(string_value = "contact_removed")]
    ContactRemoved,
    /// A user received a notification.
    #[sea_orm(string_value = "notification_added")]
    NotificationAdded,
    /// Notifications were marked as read.
    #[sea_orm(string_value = "notifications_read")]
    NotificationsRead,
    /// Notifications became unread again.
    #[sea_orm(string_value = "notifications_unread")]
    NotificationsUnread,
    /// Notifications were removed.
    #[sea_orm(string_value = "notifications_removed")]
    NotificationsRemoved,
    /// A user did something that related people may see.
    #[sea_orm(string_value = "activity_posted")]
    ActivityPosted,
    /// An activity was removed.
    #[sea_orm(string_value = "activity_removed")]
    ActivityRemoved,
    /// A conversation got a new item.
    #[sea_orm(string_value = "item_added")]
    ItemAdded,
    /// An item of a conversation was edited or deleted.
    #[sea_orm(string_value = "item_changed")]
    ItemChanged,
    /// A receipt reached a further state.
    #[sea_orm(string_value = "receipt_advanced")]
    ReceiptAdvanced,
    /// A task changed.
    #[sea_orm(string_value = "task_changed")]
    TaskChanged,
    /// A participant joined, left or changed.
    #[sea_orm(string_value = "participant_changed")]
    ParticipantChanged,
    /// A task was offered to an agent.
    #[sea_orm(string_value = "offer_created")]
    OfferCreated,
    /// An offer was accepted, declined or withdrawn, or it expired.
    #[sea_orm(string_value = "offer_ended")]
    OfferEnded,
    /// An agent's own desktop changed, for example by a new state.
    #[sea_orm(string_value = "agent_changed")]
    AgentChanged,
    /// A task began to wait in a queue.
    #[sea_orm(string_value = "task_queued")]
    TaskQueued,
    /// A task stopped waiting in a queue.
    #[sea_orm(string_value = "task_dequeued")]
    TaskDequeued,
    /// An agent accepted a task.
    #[sea_orm(string_value = "task_accepted")]
    TaskAccepted,
    /// A task left a queue or its agents, because it ended or went elsewhere.
    #[sea_orm(string_value = "task_released")]
    TaskReleased,
    /// An agent's state changed.
    #[sea_orm(string_value = "agent_state_changed")]
    AgentStateChanged,
    /// A customer is new, or the details of a customer changed.
    #[sea_orm(string_value = "customer_changed")]
    CustomerChanged,
    /// A user is new, or the profile or the account status of a user changed.
    #[sea_orm(string_value = "user_changed")]
    UserChanged,
}
