//! What one person can do about another: one deed, or the same deed about many people at once. A verb refuses before it
//! writes, so that of many deeds in one transaction a refused one leaves nothing behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_graphql::Enum;
use entity::{connection_request, id::UserId, user};

use super::{
    blocks, connections, follows,
    mutes::{self, Mute},
    notes,
    pairs::Pair,
};
use crate::{
    app::{App, Tx},
    auth::viewer::Viewer,
    error::{Error, Refusal, Result},
};

pub const USER_FIELD: &[&str] = &["input", "userId"];

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Outcome {
    /// It was done.
    Applied,
    /// It was so already; nothing was written and nobody was told.
    NoChange,
    /// The other had asked too, so the two are connected now.
    ConnectedByMutualRequest,
    /// It was refused; `userErrors` says why.
    Refused,
}

impl Outcome {
    #[must_use]
    pub fn of(changed: bool) -> Self {
        if changed { Self::Applied } else { Self::NoChange }
    }
}

/// What a verb about a person did.
pub struct Done {
    pub other: Arc<user::Model>,
    pub request: Option<connection_request::Model>,
    pub outcome: Outcome,
}

impl Done {
    /// Something that was done about the other of a pair.
    #[must_use]
    pub fn about(pair: &Pair, outcome: Outcome) -> Self {
        Self { other: Arc::clone(&pair.other), request: None, outcome }
    }
}

/// What can be done about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// With a word to the other.
    RequestConnection(Option<String>),
    Disconnect,
    Follow,
    Unfollow,
    RemoveFollower,
    Block,
    Unblock,
    Mute(Mute),
    Unmute,
    SaveNote(String),
}

impl Deed {
    async fn run(&self, tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
        match self {
            Self::RequestConnection(message) => connections::request(tx, by, other, message.as_deref()).await,
            Self::Disconnect => connections::disconnect(tx, by, other).await,
            Self::Follow => follows::follow(tx, by, other).await,
            Self::Unfollow => follows::unfollow(tx, by, other).await,
            Self::RemoveFollower => follows::remove_follower(tx, by, other).await,
            Self::Block => blocks::block(tx, by, other).await,
            Self::Unblock => blocks::unblock(tx, by, other).await,
            Self::Mute(mute) => mutes::mute(tx, by, other, *mute).await,
            Self::Unmute => mutes::unmute(tx, by, other).await,
            Self::SaveNote(text) => notes::save(tx, by, other, text).await,
        }
    }
}

/// Does something about one person.
pub async fn one(app: &App, by: &Viewer, user_id: &str, deed: Deed) -> Result<Done> {
    let (other, deed) = (target(user_id)?, &deed);
    app.transaction(|tx| Box::pin(deed.run(tx, by, other))).await
}

/// What became of one of many deeds.
pub type Each = std::result::Result<Done, Refusal>;

/// Does something about many people in one transaction, each for itself: a refusal of one leaves the others. Their pairs
/// are locked in the order of their ids. Where two such calls wait for one another all the same, the database ends one, which is
/// run again.
pub async fn many(app: &App, by: &Viewer, people: &BTreeSet<UserId>, deed: &Deed) -> Result<BTreeMap<UserId, Each>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut all = BTreeMap::new();
            for user in people.iter().copied() {
                let each = match deed.run(tx, by, user).await {
                    Ok(done) => Ok(done),
                    Err(Error::Refused(refusal)) => Err(refusal),
                    Err(fault) => return Err(fault),
                };
                all.insert(user, each);
            }
            Ok(all)
        })
    })
    .await
}

/// Reads the id of the person a verb is about.
pub fn target(id: &str) -> Result<UserId> {
    UserId::parse(id).ok_or_else(|| Error::not_found(USER_FIELD))
}
