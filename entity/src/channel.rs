//! The channels on which customers write.

use async_graphql::Enum;
use sea_orm::entity::prelude::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

/// The way messages travel between a customer and the organization.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Channel {
    /// Messages of Facebook Messenger.
    #[sea_orm(num_value = 1)]
    Messenger = 1,
    /// Text messages of mobile phones.
    #[sea_orm(num_value = 2)]
    Sms = 2,
    /// The chat on a web site.
    #[sea_orm(num_value = 3)]
    Webchat = 3,
    /// Mail to an address of the organization.
    #[sea_orm(num_value = 4)]
    Email = 4,
    /// Messages of WhatsApp.
    #[sea_orm(num_value = 5)]
    Whatsapp = 5,
}

impl Channel {
    /// Every channel, in the order of the schema.
    pub const ALL: [Self; 5] = [Self::Messenger, Self::Sms, Self::Webchat, Self::Email, Self::Whatsapp];

    /// Returns the channel's bit in a set of channels.
    #[must_use]
    pub fn bit(self) -> i16 {
        1 << self as i16
    }
}
