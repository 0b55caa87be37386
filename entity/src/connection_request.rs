//! One user's ask to connect. Each side has its own status, because the requester is not told of a refusal.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::{ConnectionRequestId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "connection_request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConnectionRequestId,
    pub requester_id: UserId,
    pub recipient_id: UserId,
    /// The same two people in the order of the pair, for the one-pending-request-per-pair constraint.
    pub lo: UserId,
    pub hi: UserId,
    pub message: Option<String>,
    /// What the requester sees, until `hidden_until` if that is set.
    pub requester_status: RequestStatus,
    /// What the recipient sees; `Pending` here is what makes the pair's state "requested".
    pub recipient_status: RequestStatus,
    /// Set when the recipient ignored or closed the request: the requester sees PENDING before, CLOSED after.
    pub hidden_until: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    /// When each side's status became final, as that side may know.
    pub requester_decided_at: Option<DateTimeUtc>,
    pub recipient_decided_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How far a connection request has come.
///
/// A requester sees a request that was ignored or closed as PENDING until the cool-down ends, then as CLOSED.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[graphql(name = "ConnectionRequestStatus")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum RequestStatus {
    /// Waits for the recipient.
    #[sea_orm(num_value = 1)]
    Pending,
    /// The recipient accepted, or asked too: the two are connected.
    #[sea_orm(num_value = 2)]
    Accepted,
    /// The recipient put it aside. Only the recipient sees this.
    #[sea_orm(num_value = 3)]
    Ignored,
    /// The requester took it back.
    #[sea_orm(num_value = 4)]
    Withdrawn,
    /// It ended without an answer, for example by a block.
    #[sea_orm(num_value = 5)]
    Closed,
}
