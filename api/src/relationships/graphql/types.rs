//! Schema types of relationships and connection requests. They never reveal that the other person blocks the viewer.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    connection_request::{self, RequestStatus},
    id::{ConnectionRequestId, UserId},
    relationship::Mutes,
    user::{self, Audience},
};

use super::loader::{NoteAbout, RequestById, SharesConnection, ViewOf};
use crate::relationships::{
    pair::{ConnectionView, OrientedRelationship},
    requests::{self, RequestList},
};
use crate::{
    app::App,
    auth::{
        request_context::ContextExt,
        viewer::{Caller, Scope, Viewer},
    },
    error::Result,
    events::cursor::Cursor,
    instant::Instant,
    memory_budget::LongText,
    pagination::{ByAge, PageInfo, PageSlice},
    users::graphql::types::User,
};

/// The connection of two people, seen from the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ConnectionState {
    /// The two are not connected, and no request is pending.
    None,
    /// A request of the viewer is pending.
    RequestSent,
    /// A request of the other person is pending.
    RequestReceived,
    /// The two are connected.
    Connected,
}

/// An action that the viewer can take on a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RelationshipAction {
    /// Asks the person to connect: `requestConnection`.
    RequestConnection,
    /// Withdraws the viewer's request: `withdrawConnectionRequest`.
    WithdrawRequest,
    /// Accepts the person's request: `acceptConnectionRequest`.
    AcceptRequest,
    /// Ignores the person's request: `ignoreConnectionRequest`.
    IgnoreRequest,
    /// Ends the connection: `disconnect`.
    Disconnect,
    /// Follows the person: `followUser`.
    Follow,
    /// Stops following the person: `unfollowUser`.
    Unfollow,
    /// Makes the person stop following the viewer: `removeFollower`.
    RemoveFollower,
    /// Blocks the person: `blockUser`.
    Block,
    /// Ends the block: `unblockUser`.
    Unblock,
    /// Mutes the person: `muteUser`.
    Mute,
    /// Ends the mute: `unmuteUser`.
    Unmute,
    /// Writes to the person: `startDirectConversation`.
    Message,
    /// Downloads the person's vCard: `User.vCardUrl`.
    #[graphql(name = "VCARD")]
    VCard,
}

/// The viewer's mute of a person.
#[derive(SimpleObject)]
pub struct Mute {
    /// The end of the mute. Null when it lasts until it is taken back.
    until: Option<Instant>,
    /// True when the person is left out of the feed.
    feed: bool,
    /// True when the person's acts cause no notifications.
    notifications: bool,
}

/// The relationship between the viewer and another person, as far as the viewer may know it. A block by the other
/// person is never shown: it looks like settings that let no user ask or follow.
pub struct Relationship {
    other: UserId,
    view: OrientedRelationship,
    now: DateTime<Utc>,
    actions: Vec<RelationshipAction>,
}

impl Relationship {
    /// Loads the viewer's relationship with a person. The person must not be the viewer.
    pub async fn between(ctx: &Context<'_>, viewer: &Viewer, other: &Arc<user::Model>) -> Result<Self> {
        debug_assert!(viewer.user != other.id);
        let view = ctx.load(ViewOf(other.id)).await?.unwrap_or_else(OrientedRelationship::strangers);
        let now = ctx.app()?.clock.now();
        let actions = available(ctx, &view, other, now).await?;
        Ok(Self { other: other.id, view, now, actions })
    }

    fn visible_connection(&self) -> (ConnectionState, Option<ConnectionRequestId>) {
        visible_connection(&self.view, self.now)
    }
}

/// Returns the connection as the viewer may know it, with its request. A hidden request looks pending.
fn visible_connection(
    view: &OrientedRelationship,
    now: DateTime<Utc>,
) -> (ConnectionState, Option<ConnectionRequestId>) {
    match view.state {
        ConnectionView::Connected => (ConnectionState::Connected, view.request),
        ConnectionView::Sent => (ConnectionState::RequestSent, view.request),
        ConnectionView::Received => (ConnectionState::RequestReceived, view.request),
        ConnectionView::None => match view.mine.hidden_request_at(now) {
            Some(id) => (ConnectionState::RequestSent, Some(id)),
            None => (ConnectionState::None, None),
        },
    }
}

async fn available(
    ctx: &Context<'_>,
    view: &OrientedRelationship,
    other: &user::Model,
    now: DateTime<Utc>,
) -> Result<Vec<RelationshipAction>> {
    let muting = view.mine.mutes_at(now) != Mutes::Nothing;
    let mute = if muting { RelationshipAction::Unmute } else { RelationshipAction::Mute };
    if view.mine.blocks {
        return Ok(vec![RelationshipAction::Unblock, mute]);
    }
    let mut actions = Vec::new();
    match visible_connection(view, now).0 {
        ConnectionState::None => {
            if !view.mine.is_cooling_down_at(now) && admits(ctx, view, other, other.who_may_request_connection).await? {
                actions.push(RelationshipAction::RequestConnection);
            }
        }
        ConnectionState::RequestSent => actions.push(RelationshipAction::WithdrawRequest),
        ConnectionState::RequestReceived => {
            actions.extend([RelationshipAction::AcceptRequest, RelationshipAction::IgnoreRequest]);
        }
        ConnectionState::Connected => actions.extend([RelationshipAction::Disconnect, RelationshipAction::Message]),
    }
    if view.mine.follows {
        actions.push(RelationshipAction::Unfollow);
    } else if admits(ctx, view, other, other.who_may_follow).await? {
        actions.push(RelationshipAction::Follow);
    }
    if view.theirs.follows {
        actions.push(RelationshipAction::RemoveFollower);
    }
    actions.extend([RelationshipAction::Block, mute, RelationshipAction::VCard]);
    Ok(actions)
}

/// Checks an audience like [`Pair::is_allowed`](crate::relationships::pair::Pair::is_allowed), but without a lock and
/// batched for many people.
async fn admits(
    ctx: &Context<'_>,
    view: &OrientedRelationship,
    other: &user::Model,
    audience: Audience,
) -> Result<bool> {
    let audience = if view.theirs.blocks { Audience::Nobody } else { audience };
    Ok(match audience {
        Audience::Everyone => true,
        Audience::Nobody => false,
        Audience::Mutual => {
            view.state == ConnectionView::Connected || ctx.load(SharesConnection(other.id)).await?.is_some()
        }
    })
}

/// The relationship between the viewer and another person, as far as the viewer may know it. A block by the other
/// person is never shown: it looks like settings that let no user ask or follow.
#[Object]
impl Relationship {
    /// The state of the connection between the two.
    async fn connection(&self) -> ConnectionState {
        self.visible_connection().0
    }

    /// True when the viewer follows the person.
    async fn following(&self) -> bool {
        self.view.mine.follows
    }

    /// True when the person follows the viewer.
    async fn followed_by(&self) -> bool {
        self.view.theirs.follows
    }

    /// True when the viewer blocks the person.
    async fn blocking(&self) -> bool {
        self.view.mine.blocks
    }

    /// The viewer's mute of the person. Null when there is none. The person never learns of it.
    async fn mute(&self) -> Option<Mute> {
        let mutes = self.view.mine.mutes_at(self.now);
        let mute = Mute {
            until: self.view.mine.mutes_until.map(Instant),
            feed: mutes.feed(),
            notifications: mutes.notifications(),
        };
        (mutes != Mutes::Nothing).then_some(mute)
    }

    /// The viewer's private note about the person. No other user ever sees it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        Some(ctx.load(NoteAbout(self.other)).await.transpose()?.map(LongText))
    }

    /// The pending request between the two, or the request that led to their connection.
    async fn request(&self, ctx: &Context<'_>) -> Option<Result<ConnectionRequest>> {
        ConnectionRequest::find(ctx, self.visible_connection().1?).await.transpose()
    }

    /// The actions that the viewer can take on the person now. Any other action is refused or changes nothing.
    async fn available_actions(&self) -> &[RelationshipAction] {
        &self.actions
    }
}

/// A user's request to connect with another user. The requester sees an ignored or closed request as PENDING until the
/// cooldown ends, then as CLOSED.
#[derive(Clone)]
pub struct ConnectionRequest(pub connection_request::Model);

/// A user's request to connect with another user. The requester sees an ignored or closed request as PENDING until the
/// cooldown ends, then as CLOSED.
#[Object]
impl ConnectionRequest {
    /// The request's id, `request_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The user who asks.
    async fn requester(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.0.requester_id).await
    }

    /// The user whom the requester asks.
    async fn recipient(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.0.recipient_id).await
    }

    /// The state of the request, as the viewer may know it.
    async fn status(&self, ctx: &Context<'_>) -> Result<RequestStatus> {
        Ok(requests::status_for(&self.0, ctx.viewer()?.user, ctx.app()?.clock.now()))
    }

    /// The requester's message, at most 500 characters.
    async fn message(&self) -> Option<LongText<&str>> {
        self.0.message.as_deref().map(LongText)
    }

    /// The time when the request was made.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// The time when the status became final, as the viewer may know it. Null while the request is pending.
    async fn decided_at(&self, ctx: &Context<'_>) -> Option<Result<Instant>> {
        let known = |viewer: &Viewer, app: &App| requests::decided_for(&self.0, viewer.user, app.clock.now());
        match (ctx.viewer(), ctx.app()) {
            (Ok(viewer), Ok(app)) => known(viewer, app).map(|at| Ok(Instant(at))),
            (Err(fault), _) | (_, Err(fault)) => Some(Err(fault)),
        }
    }
}

impl ConnectionRequest {
    /// Returns the request with an id, if the viewer sent or received it and the token has the scope CONTACTS_READ.
    pub async fn find(ctx: &Context<'_>, id: ConnectionRequestId) -> Result<Option<Self>> {
        match ctx.caller()? {
            Caller::Person(viewer) if viewer.scopes.has(Scope::ContactsRead) => {}
            _ => return Ok(None),
        }
        Ok(ctx.load(RequestById(id)).await?.map(Self))
    }
}

/// A page of connection requests, newest first.
pub struct ConnectionRequestConnection {
    /// The list that the page is from.
    pub requests: RequestList,
    /// The rows of the page.
    pub slice: PageSlice<connection_request::Model>,
    /// The position of `incomingRequests` before the page was read.
    pub stream_cursor: Cursor,
}

impl ConnectionRequestConnection {
    fn edge(&self, row: &connection_request::Model) -> ConnectionRequestEdge {
        ConnectionRequestEdge { cursor: self.slice.cursor(&ByAge(row.id.0)), node: ConnectionRequest(row.clone()) }
    }
}

/// A page of connection requests, newest first.
#[Object]
impl ConnectionRequestConnection {
    /// The requests with their cursors.
    async fn edges(&self) -> Vec<ConnectionRequestEdge> {
        self.slice.items.iter().map(|row| self.edge(row)).collect()
    }

    /// The requests on this page.
    async fn nodes(&self) -> Vec<ConnectionRequest> {
        self.slice.items.iter().cloned().map(ConnectionRequest).collect()
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// The number of requests in the whole list. Computed only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.requests.count(ctx.app()?.db.read()).await?)
    }

    /// The position of the subscription `incomingRequests` before this page was read. A subscription with it as `after`
    /// misses nothing. It can repeat what the page already shows.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// A connection request on a page, with its cursor.
#[derive(SimpleObject)]
pub struct ConnectionRequestEdge {
    /// The request's position in the list.
    pub cursor: String,
    /// The request.
    pub node: ConnectionRequest,
}
