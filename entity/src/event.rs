//! One entry of the log. `number` is drawn while the counters of the event's streams are locked, so that of two events
//! of one stream the later has the larger; it is no position to read by, because numbers may commit out of order.

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
    /// The thing as it was when the event was written, as the owner of the stream may see it.
    pub payload: Json,
    pub occurred_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What happened.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
pub enum EventKind {
    #[sea_orm(string_value = "connection_request_received")]
    ConnectionRequestReceived,
    #[sea_orm(string_value = "connection_request_changed")]
    ConnectionRequestChanged,
    #[sea_orm(string_value = "rights_ended")]
    RightsEnded,
    #[sea_orm(string_value = "rights_restored")]
    RightsRestored,
    #[sea_orm(string_value = "contact_added")]
    ContactAdded,
    #[sea_orm(string_value = "contact_removed")]
    ContactRemoved,
    #[sea_orm(string_value = "notification_added")]
    NotificationAdded,
    #[sea_orm(string_value = "notifications_read")]
    NotificationsRead,
    #[sea_orm(string_value = "notifications_unread")]
    NotificationsUnread,
    #[sea_orm(string_value = "notifications_removed")]
    NotificationsRemoved,
    #[sea_orm(string_value = "activity_posted")]
    ActivityPosted,
    #[sea_orm(string_value = "activity_removed")]
    ActivityRemoved,
    #[sea_orm(string_value = "item_added")]
    ItemAdded,
    #[sea_orm(string_value = "item_changed")]
    ItemChanged,
    #[sea_orm(string_value = "receipt_advanced")]
    ReceiptAdvanced,
    #[sea_orm(string_value = "task_changed")]
    TaskChanged,
    #[sea_orm(string_value = "participant_changed")]
    ParticipantChanged,
    #[sea_orm(string_value = "offer_made")]
    OfferMade,
    #[sea_orm(string_value = "offer_ended")]
    OfferEnded,
    #[sea_orm(string_value = "agent_changed")]
    AgentChanged,
    #[sea_orm(string_value = "task_queued")]
    TaskQueued,
    #[sea_orm(string_value = "task_unqueued")]
    TaskUnqueued,
    #[sea_orm(string_value = "task_served")]
    TaskServed,
    #[sea_orm(string_value = "task_left")]
    TaskLeft,
    #[sea_orm(string_value = "agent_turned")]
    AgentTurned,
}
