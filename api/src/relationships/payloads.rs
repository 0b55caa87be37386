//! What the mutations of relationships answer. Each has a payload type of its own; those about a person and those about a
//! request have the same fields.

use std::collections::{BTreeMap, HashSet};

use async_graphql::{Context, ID, SimpleObject};
use entity::id::{ConnectionRequestId, UserId};

use super::{
    deeds::{Done, Each, Outcome, target},
    types::ConnectionRequest,
};
use crate::{
    error::{Error, Result, UserError, settle},
    users::types::User,
};

/// The parts of every answer: the person, the request, the outcome, the refusals.
pub struct Answer {
    user: Option<User>,
    request: Option<ConnectionRequest>,
    outcome: Outcome,
    user_errors: Vec<UserError>,
}

/// Which thing a refused call was about, so that the answer can show it as it is.
pub enum About<'a> {
    User(&'a str),
    Request(&'a str),
}

impl Answer {
    /// Makes the answer of a verb's result. A refused call still shows what it was about, if the caller may see it.
    pub async fn of(ctx: &Context<'_>, result: Result<Done>, about: About<'_>) -> Result<Self> {
        let user_errors = match settle(result)? {
            Ok(done) => {
                let request = done.request.map(ConnectionRequest);
                return Ok(Self { user: Some(done.other.into()), request, outcome: done.outcome, user_errors: vec![] });
            }
            Err(user_errors) => user_errors,
        };
        let (mut user, mut request) = (None, None);
        match about {
            About::User(id) => {
                if let Ok(id) = target(id) {
                    user = User::find(ctx, id).await?;
                }
            }
            About::Request(id) => {
                if let Some(id) = ConnectionRequestId::parse(id) {
                    request = ConnectionRequest::find(ctx, id).await?;
                }
            }
        }
        Ok(Self { user, request, outcome: Outcome::Refused, user_errors })
    }
}

macro_rules! about_a_user {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The other person, with what stands between the viewer and them now. Null when the id names nobody the
            /// viewer may see.
            user: Option<User>,
            /// What the call did.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }

        impl From<Answer> for $name {
            fn from(answer: Answer) -> Self {
                Self { user: answer.user, outcome: answer.outcome, user_errors: answer.user_errors }
            }
        }
    )*};
}

macro_rules! about_a_request {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The request as it is now. Null when there is none the viewer may see.
            request: Option<ConnectionRequest>,
            /// The other person, with what stands between the viewer and them now. Null when the call was refused and
            /// named a request.
            user: Option<User>,
            /// What the call did.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }

        impl From<Answer> for $name {
            fn from(answer: Answer) -> Self {
                let Answer { user, request, outcome, user_errors } = answer;
                Self { request, user, outcome, user_errors }
            }
        }
    )*};
}

about_a_user! {
    DisconnectPayload "disconnect",
    FollowUserPayload "followUser",
    UnfollowUserPayload "unfollowUser",
    RemoveFollowerPayload "removeFollower",
    BlockUserPayload "blockUser",
    UnblockUserPayload "unblockUser",
    MuteUserPayload "muteUser",
    UnmuteUserPayload "unmuteUser",
    SaveNotePayload "saveNote",
}

about_a_request! {
    RequestConnectionPayload "requestConnection",
    WithdrawConnectionRequestPayload "withdrawConnectionRequest",
    AcceptConnectionRequestPayload "acceptConnectionRequest",
    IgnoreConnectionRequestPayload "ignoreConnectionRequest",
}

/// The answer to `updateContacts`.
#[derive(SimpleObject)]
pub struct UpdateContactsPayload {
    /// What became of each person, in the order of the input, each once. Empty when the whole call was refused.
    pub results: Vec<ContactUpdate>,
    /// Why the whole call was refused; empty when it was not.
    pub user_errors: Vec<UserError>,
}

impl UpdateContactsPayload {
    /// Makes the answer of what became of each, in the order in which they were named.
    pub async fn of(ctx: &Context<'_>, ids: &[ID], updated: Result<BTreeMap<UserId, Each>>) -> Result<Self> {
        let mut updated = match settle(updated)? {
            Ok(updated) => updated,
            Err(user_errors) => return Ok(Self { results: vec![], user_errors }),
        };
        let mut named = HashSet::new();
        let ids = ids.iter().filter(|id| named.insert(id.as_str()));
        let each: Vec<_> = ids.map(|id| (id, UserId::parse(id).and_then(|user| updated.remove_entry(&user)))).collect();
        // Together, so that all who were refused are loaded at once.
        let results = each.into_iter().map(async |(id, of_person)| {
            Ok::<_, Error>(match of_person {
                Some((_, Ok(done))) => ContactUpdate {
                    user_id: id.clone(),
                    user: Some(done.other.into()),
                    outcome: done.outcome,
                    user_errors: vec![],
                },
                Some((user, Err(refusal))) => ContactUpdate {
                    user_id: id.clone(),
                    user: User::find(ctx, user).await?,
                    outcome: Outcome::Refused,
                    user_errors: vec![refusal.into()],
                },
                None => ContactUpdate {
                    user_id: id.clone(),
                    user: None,
                    outcome: Outcome::Refused,
                    user_errors: vec![UserError::not_found(&["input", "userIds"])],
                },
            })
        });
        let results = futures_util::future::try_join_all(results).await?;
        Ok(Self { results, user_errors: vec![] })
    }
}

/// What `updateContacts` did about one person.
#[derive(SimpleObject)]
pub struct ContactUpdate {
    /// The id as it was given.
    pub user_id: ID,
    /// The person, with what stands between the viewer and them now. Null when the id names nobody the viewer may see.
    pub user: Option<User>,
    /// What was done.
    pub outcome: Outcome,
    /// Why it was refused; empty when it was not.
    pub user_errors: Vec<UserError>,
}
