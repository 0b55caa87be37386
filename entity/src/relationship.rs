//! What stands between two users: one row per unordered pair, `lo < hi`. The row is the lock of everything the two do
//! to one another.

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
    /// The request that is pending, or the one whose acceptance connected the two.
    pub request_id: Option<ConnectionRequestId>,
    pub lo_follows: bool,
    pub hi_follows: bool,
    pub lo_blocks: bool,
    pub hi_blocks: bool,
    /// A request of `lo` that the other has ignored or closed and that `lo` still sees as pending.
    pub lo_shadow_id: Option<ConnectionRequestId>,
    pub hi_shadow_id: Option<ConnectionRequestId>,
    /// Until then `lo` may not ask again.
    pub lo_cooling_until: Option<DateTimeUtc>,
    pub hi_cooling_until: Option<DateTimeUtc>,
    /// What `lo` does not want to hear of `hi`.
    pub lo_mutes: Mutes,
    pub hi_mutes: Mutes,
    /// Until then; for ever when unset.
    pub lo_mutes_until: Option<DateTimeUtc>,
    pub hi_mutes_until: Option<DateTimeUtc>,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The connection part of a pair's state.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Connection {
    #[sea_orm(num_value = 0)]
    None,
    #[sea_orm(num_value = 1)]
    LoAsked,
    #[sea_orm(num_value = 2)]
    HiAsked,
    #[sea_orm(num_value = 3)]
    Connected,
}

/// What a mute keeps away.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Mutes {
    #[default]
    #[sea_orm(num_value = 0)]
    Nothing,
    #[sea_orm(num_value = 1)]
    Feed,
    #[sea_orm(num_value = 2)]
    Notifications,
    #[sea_orm(num_value = 3)]
    Both,
}

impl Mutes {
    #[must_use]
    pub fn of(feed: bool, notifications: bool) -> Self {
        match (feed, notifications) {
            (false, false) => Self::Nothing,
            (true, false) => Self::Feed,
            (false, true) => Self::Notifications,
            (true, true) => Self::Both,
        }
    }

    #[must_use]
    pub fn feed(self) -> bool {
        matches!(self, Self::Feed | Self::Both)
    }

    #[must_use]
    pub fn notifications(self) -> bool {
        matches!(self, Self::Notifications | Self::Both)
    }
}
