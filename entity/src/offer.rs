//! A task held out to one agent for a limited time. At most one of a task is pending; a constraint says so.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{OfferId, QueueId, TaskId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "offer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OfferId,
    pub kind: OfferKind,
    pub task_id: TaskId,
    pub queue_id: QueueId,
    /// The invitation of a queue to a conference that it is part of: whoever does not join is followed by the next.
    pub invitation: Option<Uuid>,
    pub agent_id: UserId,
    pub status: OfferStatus,
    /// Until when it should be accepted by the service level that the queue had.
    pub due_at: Option<DateTimeUtc>,
    pub made_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why a task is offered.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum OfferKind {
    /// It waits in a queue.
    #[sea_orm(num_value = 1)]
    Queue = 1,
    /// Another agent hands it over.
    #[sea_orm(num_value = 2)]
    Transfer = 2,
    /// Another agent asks for help.
    #[sea_orm(num_value = 3)]
    Conference = 3,
}

/// What became of an offer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum OfferStatus {
    /// It can be accepted.
    #[sea_orm(num_value = 1)]
    Pending = 1,
    /// The agent took it.
    #[sea_orm(num_value = 2)]
    Accepted = 2,
    /// The agent did not want it.
    #[sea_orm(num_value = 3)]
    Declined = 3,
    /// The agent did not answer in time.
    #[sea_orm(num_value = 4)]
    Expired = 4,
    /// The task is no longer to be had.
    #[sea_orm(num_value = 5)]
    Withdrawn = 5,
}
