//! A connection request. Each side has its own status, because the requester must not learn of a refusal.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::{ConnectionRequestId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection_request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConnectionRequestId,
    pub requester_id: UserId,
    pub recipient_id: UserId,
    /// Both users, in the order of the pair. A constraint on them allows one pending request for a pair.
    pub lo: UserId,
    pub hi: UserId,
    pub message: Option<String>,
    /// The status that the requester sees. After `hidden_until` the requester sees CLOSED instead.
    pub requester_status: RequestStatus,
    /// The status that the recipient sees. `Pending` makes the pair's connection state "requested".
    pub recipient_status: RequestStatus,
    /// Set when the recipient ignored or closed the request. The requester sees PENDING before this time and CLOSED
    /// after it.
    pub hidden_until: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    /// The time at which each side's status became final, as far as that side may know.
    pub requester_decided_at: Option<DateTimeUtc>,
    pub recipient_decided_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The status of a connection request.
///
/// A requester sees an ignored or closed request as PENDING until the cooldown ends, and as CLOSED afterwards.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ConnectionRequestStatus")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum RequestStatus {
    /// The request waits for the recipient.
    #[sea_orm(num_value = 1)]
    Pending,
    /// The two users are connected, because the recipient accepted or asked too.
    #[sea_orm(num_value = 2)]
    Accepted,
    /// The recipient ignored the request. Only the recipient sees this status.
    #[sea_orm(num_value = 3)]
    Ignored,
    /// The requester withdrew the request.
    #[sea_orm(num_value = 4)]
    Withdrawn,
    /// The request ended without an answer, for example because of a block.
    #[sea_orm(num_value = 5)]
    Closed,
}
