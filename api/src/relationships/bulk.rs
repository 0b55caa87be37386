//! Bulk updates: one action on up to 100 people in one call, with one result for each person.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Enum, ID};
use chrono::{DateTime, Utc};
use entity::{id::UserId, relationship::Mutes};

use super::{
    actions::ActionResult,
    blocks, connections, follows,
    mutes::{self, Mute},
};
use crate::{
    app::{App, Tx},
    auth::viewer::Viewer,
    error::{Error, Refusal, Result, UserErrorCode},
};

/// Maximum number of people in one call.
const MAX_PEOPLE: usize = 100;

/// An action on each of many people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ContactAction {
    /// Asks each person to connect, like `requestConnection`.
    RequestConnection,
    /// Ends the connection with each person, like `disconnect`.
    Disconnect,
    /// Follows each person, like `followUser`.
    Follow,
    /// Stops following each person, like `unfollowUser`.
    Unfollow,
    /// Makes each person stop following the viewer, like `removeFollower`.
    RemoveFollower,
    /// Blocks each person, like `blockUser`.
    Block,
    /// Ends the block of each person, like `unblockUser`.
    Unblock,
    /// Mutes each person in the feed and in notifications, like `muteUser`.
    Mute,
    /// Ends the mute of each person, like `unmuteUser`.
    Unmute,
}

/// Options of an action besides the users.
#[derive(Clone, Debug, Default)]
pub struct ActionOptions {
    /// The message of connection requests.
    pub message: Option<String>,
    /// The end of mutes. None: they last until they are taken back.
    pub mute_until: Option<DateTime<Utc>>,
}

impl ContactAction {
    async fn apply(self, tx: &Tx<'_>, by: &Viewer, other: UserId, options: &ActionOptions) -> Result<ActionResult> {
        match self {
            Self::RequestConnection => connections::request(tx, by, other, options.message.as_deref()).await,
            Self::Disconnect => connections::disconnect(tx, by, other).await,
            Self::Follow => follows::follow(tx, by, other).await,
            Self::Unfollow => follows::unfollow(tx, by, other).await,
            Self::RemoveFollower => follows::remove_follower(tx, by, other).await,
            Self::Block => blocks::block(tx, by, other).await,
            Self::Unblock => blocks::unblock(tx, by, other).await,
            Self::Mute => mutes::mute(tx, by, other, Mute { what: Mutes::Both, until: options.mute_until }).await,
            Self::Unmute => mutes::unmute(tx, by, other).await,
        }
    }
}

/// The result for one of many users.
pub type BulkResult = std::result::Result<ActionResult, Refusal>;

/// Applies an action to many users in one transaction. A refusal for one user leaves the others as they are, because
/// every action refuses before it writes. The pairs are locked in the order of the users' ids. If two such calls still
/// wait for one another, the database ends one of them and it runs again. Malformed ids are left out of the result.
/// Refuses with `INVALID` for no id or more than 100.
pub async fn update(
    app: &App,
    by: &Viewer,
    ids: &[ID],
    action: ContactAction,
    options: &ActionOptions,
) -> Result<BTreeMap<UserId, BulkResult>> {
    const FIELD: &[&str] = &["input", "userIds"];
    if ids.is_empty() || ids.len() > MAX_PEOPLE {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, format!("Select 1 to {MAX_PEOPLE} people.")));
    }
    let users: &BTreeSet<UserId> = &ids.iter().filter_map(|id| UserId::parse(id)).collect();
    app.transaction(|tx| {
        Box::pin(async move {
            let mut results = BTreeMap::new();
            for user in users.iter().copied() {
                let result = match action.apply(tx, by, user, options).await {
                    Ok(done) => Ok(done),
                    Err(Error::Refused(refusal)) => Err(refusal),
                    Err(fault) => return Err(fault),
                };
                results.insert(user, result);
            }
            Ok(results)
        })
    })
    .await
}
