//! The relationship of two users, one row for each unordered pair, with `lo < hi`. Every action between the two users
//! locks this row.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{ConnectionRequestId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "relationship")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub lo: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub hi: UserId,
    pub connection: Connection,
    /// The pending request, or the request whose acceptance connected the two users.
    pub request_id: Option<ConnectionRequestId>,
    pub lo_follows: bool,
    pub hi_follows: bool,
    pub lo_blocks: bool,
    pub hi_blocks: bool,
    /// A request of `lo` that `hi` ignored or closed and that `lo` still sees as pending. The next field is its mirror.
    pub lo_hidden_request_id: Option<ConnectionRequestId>,
    pub hi_hidden_request_id: Option<ConnectionRequestId>,
    /// The time until which `lo` may not ask again.
    pub lo_cooldown_until: Option<DateTimeUtc>,
    pub hi_cooldown_until: Option<DateTimeUtc>,
    /// The things of `hi` that `lo` mutes.
    pub lo_mutes: Mutes,
    pub hi_mutes: Mutes,
    /// The time at which the mute ends. Unset when it does not end.
    pub lo_mutes_until: Option<DateTimeUtc>,
    pub hi_mutes_until: Option<DateTimeUtc>,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The connection state of a pair.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Connection {
    /// No connection and no pending request.
    #[sea_orm(num_value = 0)]
    None,
    /// A request of `lo` is pending.
    #[sea_orm(num_value = 1)]
    LoAsked,
    /// A request of `hi` is pending.
    #[sea_orm(num_value = 2)]
    HiAsked,
    /// The two users are connected.
    #[sea_orm(num_value = 3)]
    Connected,
}

/// The things that a mute hides.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Mutes {
    /// No mute.
    #[default]
    #[sea_orm(num_value = 0)]
    Nothing,
    /// The person's activities in the feed.
    #[sea_orm(num_value = 1)]
    Feed,
    /// Notifications that the person causes.
    #[sea_orm(num_value = 2)]
    Notifications,
    /// Activities and notifications.
    #[sea_orm(num_value = 3)]
    Both,
}

impl Mutes {
    /// Returns the mute that hides the chosen things.
    #[must_use]
    pub fn of(feed: bool, notifications: bool) -> Self {
        match (feed, notifications) {
            (false, false) => Self::Nothing,
            (true, false) => Self::Feed,
            (false, true) => Self::Notifications,
            (true, true) => Self::Both,
        }
    }

    /// Returns true when the mute hides activities in the feed.
    #[must_use]
    pub fn feed(self) -> bool {
        matches!(self, Self::Feed | Self::Both)
    }

    /// Returns true when the mute hides notifications.
    #[must_use]
    pub fn notifications(self) -> bool {
        matches!(self, Self::Notifications | Self::Both)
    }
}
