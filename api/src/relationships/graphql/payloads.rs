//! Payloads of the mutations of relationships. Each mutation has its own type. All payloads about a person have the
//! same fields, and so have all payloads about a request.

use std::collections::{BTreeMap, HashSet};

use async_graphql::{Context, ID, SimpleObject};
use entity::id::{ConnectionRequestId, UserId};

use super::types::ConnectionRequest;
use crate::relationships::{
    actions::{ActionResult, parse_user},
    bulk::BulkResult,
};
use crate::{
    error::{Error, Result, UserError},
    events::graphql::effect::Effect,
    outcome::Outcome,
    pagination::list_size,
    users::graphql::types::User,
};

/// The common parts of every payload: person, request and effect.
pub struct ActionPayload {
    user: Option<User>,
    request: Option<ConnectionRequest>,
    effect: Effect,
}

/// The subject of a call, so that the payload of a refused call can still show it.
pub enum PayloadSubject<'a> {
    /// The id of a person, as given.
    User(&'a str),
    /// The id of a connection request, as given.
    Request(&'a str),
}

impl ActionPayload {
    /// Builds the payload of a result. A refused call still shows its subject, if the caller may see it.
    pub async fn of(ctx: &Context<'_>, result: Result<ActionResult>, about: PayloadSubject<'_>) -> Result<Self> {
        let (done, effect) = Effect::split(result.map(|done| ((done.other, done.request), done.outcome)))?;
        if let Some((other, request)) = done {
            return Ok(Self { user: Some(other.into()), request: request.map(ConnectionRequest), effect });
        }
        let (mut user, mut request) = (None, None);
        match about {
            PayloadSubject::User(id) => {
                if let Ok(id) = parse_user(id) {
                    user = User::find(ctx, id).await?;
                }
            }
            PayloadSubject::Request(id) => {
                if let Some(id) = ConnectionRequestId::parse(id) {
                    request = ConnectionRequest::find(ctx, id).await?;
                }
            }
        }
        Ok(Self { user, request, effect })
    }
}

macro_rules! about_a_user {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The other person, with their current relationship to the viewer. Null when the viewer may see no person
            /// with the id.
            user: Option<User>,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }

        impl From<ActionPayload> for $name {
            fn from(answer: ActionPayload) -> Self {
                Self { user: answer.user, effect: answer.effect }
            }
        }
    )*};
}

macro_rules! about_a_request {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The request in its current state. Null when the viewer may see no such request.
            request: Option<ConnectionRequest>,
            /// The other person, with their current relationship to the viewer. Null when the viewer may see no such
            /// person, or when the call was refused and named a request.
            user: Option<User>,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }

        impl From<ActionPayload> for $name {
            fn from(answer: ActionPayload) -> Self {
                let ActionPayload { user, request, effect } = answer;
                Self { request, user, effect }
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

/// The result of `updateContacts`.
#[derive(SimpleObject)]
pub struct UpdateContactsPayload {
    /// One result for each person, in the order of the input and without repetition. Empty when the whole call was
    /// refused.
    #[graphql(directive = list_size::apply(20))]
    pub results: Vec<ContactUpdate>,
    /// The effect of the whole call. It is APPLIED if the call had an effect on at least one person.
    #[graphql(flatten)]
    pub effect: Effect,
}

impl UpdateContactsPayload {
    /// Builds the payload with one result for each person, in the order of `ids`.
    pub async fn of(ctx: &Context<'_>, ids: &[ID], updated: Result<BTreeMap<UserId, BulkResult>>) -> Result<Self> {
        let with_outcome = updated.map(|updated| {
            let outcomes = updated.values().map(|done| done.as_ref().map_or(Outcome::Refused, |done| done.outcome));
            let outcome = Outcome::of_all(outcomes);
            (updated, outcome)
        });
        let (updated, effect) = Effect::split(with_outcome)?;
        let Some(mut updated) = updated else { return Ok(Self { results: vec![], effect }) };
        let mut named = HashSet::new();
        let ids = ids.iter().filter(|id| named.insert(id.as_str()));
        let each: Vec<_> = ids.map(|id| (id, UserId::parse(id).and_then(|user| updated.remove_entry(&user)))).collect();
        // The results are built together, so that all refused people load in one batch.
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
        Ok(Self { results, effect })
    }
}

/// The result of `updateContacts` for one person.
#[derive(SimpleObject)]
pub struct ContactUpdate {
    /// The id as given in the input.
    pub user_id: ID,
    /// The person, with their current relationship to the viewer. Null when the viewer may see no person with the id.
    pub user: Option<User>,
    /// The effect on this person.
    pub outcome: Outcome,
    /// The refusals for this person. Empty when the action succeeded.
    #[graphql(directive = list_size::apply(1))]
    pub user_errors: Vec<UserError>,
}
