//! A participant's receipt of a message. Its state never goes back.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::{ParticipantId, ThreadItemId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ThreadItemId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub participant_id: ParticipantId,
    pub state: ReceiptState,
    pub at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The progress of a message towards a participant.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ReceiptState {
    /// The message waits to be sent.
    #[sea_orm(num_value = 1)]
    Queued = 1,
    /// The message was passed to the channel.
    #[sea_orm(num_value = 2)]
    Sent = 2,
    /// The message could not be delivered.
    #[sea_orm(num_value = 3)]
    Failed = 3,
    /// The message has arrived.
    #[sea_orm(num_value = 4)]
    Delivered = 4,
    /// The participant has read the message.
    #[sea_orm(num_value = 5)]
    Read = 5,
}
