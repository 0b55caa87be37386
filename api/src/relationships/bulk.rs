//! The same about many people in one call.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Enum, ID};
use chrono::{DateTime, Utc};
use entity::{id::UserId, relationship::Mutes};

use super::{
    deeds::{self, Deed, Each},
    mutes::Mute,
};
use crate::{
    app::App,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
};

/// The most people of one call.
const MAX_PEOPLE: usize = 100;

/// What to do about each of many people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ContactAction {
    /// As `requestConnection` does.
    RequestConnection,
    /// As `disconnect` does.
    Disconnect,
    /// As `followUser` does.
    Follow,
    /// As `unfollowUser` does.
    Unfollow,
    /// As `removeFollower` does.
    RemoveFollower,
    /// As `blockUser` does.
    Block,
    /// As `unblockUser` does.
    Unblock,
    /// As `muteUser` does, in the feed and in notifications.
    Mute,
    /// As `unmuteUser` does.
    Unmute,
}

impl ContactAction {
    /// The deed that it stands for.
    #[must_use]
    pub fn deed(self, message: Option<String>, until: Option<DateTime<Utc>>) -> Deed {
        match self {
            Self::RequestConnection => Deed::RequestConnection(message),
            Self::Disconnect => Deed::Disconnect,
            Self::Follow => Deed::Follow,
            Self::Unfollow => Deed::Unfollow,
            Self::RemoveFollower => Deed::RemoveFollower,
            Self::Block => Deed::Block,
            Self::Unblock => Deed::Unblock,
            Self::Mute => Deed::Mute(Mute { what: Mutes::Both, until }),
            Self::Unmute => Deed::Unmute,
        }
    }
}

/// Does it; what became of each whose id can be one. Ids that cannot be are left out.
pub async fn update(app: &App, by: &Viewer, ids: &[ID], deed: Deed) -> Result<BTreeMap<UserId, Each>> {
    const FIELD: &[&str] = &["input", "userIds"];
    if ids.is_empty() || ids.len() > MAX_PEOPLE {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, format!("Name 1 to {MAX_PEOPLE} people.")));
    }
    let people: BTreeSet<UserId> = ids.iter().filter_map(|id| UserId::parse(id)).collect();
    deeds::many(app, by, &people, &deed).await
}
