//! Relationships and connection requests as the API shows them: never that the other blocks.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};
use entity::{
    connection_request::{self, RequestStatus},
    event::EventKind,
    id::{ConnectionRequestId, UserId},
    relationship::Mutes,
    user::{self, Audience},
};

use super::{
    loader::{NoteAbout, RequestById, SharesConnection, ViewOf},
    pairs::{State, View},
    requests::{self, Requests},
};
use crate::{
    agents::event_types::{OfferEnded, OfferMade},
    app::App,
    auth::{
        context::ContextExt,
        viewer::{Caller, Scope, Viewer},
    },
    error::{Error, Result},
    events::{cursor::Cursor, log::Entry, types::event},
    page::{ByAge, PageInfo, Slice},
    users::types::User,
    weight::LongText,
};

/// How far two people are connected, seen from the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ConnectionState {
    /// Not connected, and neither waits for the other.
    None,
    /// The viewer asked and waits.
    RequestSent,
    /// The other asked and waits.
    RequestReceived,
    /// Connected.
    Connected,
}

/// Something the viewer may do about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RelationshipAction {
    /// `requestConnection`
    RequestConnection,
    /// `withdrawConnectionRequest`
    WithdrawRequest,
    /// `acceptConnectionRequest`
    AcceptRequest,
    /// `ignoreConnectionRequest`
    IgnoreRequest,
    /// `disconnect`
    Disconnect,
    /// `followUser`
    Follow,
    /// `unfollowUser`
    Unfollow,
    /// `removeFollower`
    RemoveFollower,
    /// `blockUser`
    Block,
    /// `unblockUser`
    Unblock,
    /// `muteUser`
    Mute,
    /// `unmuteUser`
    Unmute,
    /// `startDirectConversation`
    Message,
}

/// What the viewer does not want to hear of a person.
#[derive(SimpleObject)]
pub struct Mute {
    /// Until when; null for as long as it is not taken back.
    until: Option<DateTime<Utc>>,
    /// Whether the person is left out of the feed.
    feed: bool,
    /// Whether what the person does makes no notifications.
    notifications: bool,
}

/// What stands between the viewer and another person, as the viewer may know it. That the other blocks the viewer is
/// never shown: it looks like a person whom nobody may approach.
pub struct Relationship {
    other: UserId,
    view: View,
    now: DateTime<Utc>,
    actions: Vec<RelationshipAction>,
}

impl Relationship {
    /// Between the viewer and a person.
    pub async fn between(ctx: &Context<'_>, viewer: &Viewer, other: &Arc<user::Model>) -> Result<Self> {
        debug_assert!(viewer.user != other.id);
        let view = ctx.load(ViewOf(other.id)).await?.unwrap_or_else(View::strangers);
        let now = ctx.app()?.clock.now();
        let actions = available(ctx, &view, other, now).await?;
        Ok(Self { other: other.id, view, now, actions })
    }

    fn seen(&self) -> (ConnectionState, Option<ConnectionRequestId>) {
        seen(&self.view, self.now)
    }
}

/// The connection as the viewer may know it, and the request that is behind it.
fn seen(view: &View, now: DateTime<Utc>) -> (ConnectionState, Option<ConnectionRequestId>) {
    match view.state {
        State::Connected => (ConnectionState::Connected, view.request),
        State::Sent => (ConnectionState::RequestSent, view.request),
        State::Received => (ConnectionState::RequestReceived, view.request),
        State::None => match view.mine.shadow_at(now) {
            Some(id) => (ConnectionState::RequestSent, Some(id)),
            None => (ConnectionState::None, None),
        },
    }
}

async fn available(
    ctx: &Context<'_>,
    view: &View,
    other: &user::Model,
    now: DateTime<Utc>,
) -> Result<Vec<RelationshipAction>> {
    let muting = view.mine.mutes_at(now) != Mutes::Nothing;
    let mute = if muting { RelationshipAction::Unmute } else { RelationshipAction::Mute };
    if view.mine.blocks {
        return Ok(vec![RelationshipAction::Unblock, mute]);
    }
    let mut actions = Vec::new();
    match seen(view, now).0 {
        ConnectionState::None => {
            if !view.mine.cools_at(now) && admits(ctx, view, other, other.who_may_request_connection).await? {
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
    actions.extend([RelationshipAction::Block, mute]);
    Ok(actions)
}

/// The same question as the verbs ask under the lock, here of many people at once.
async fn admits(ctx: &Context<'_>, view: &View, other: &user::Model, audience: Audience) -> Result<bool> {
    let audience = if view.theirs.blocks { Audience::Nobody } else { audience };
    Ok(match audience {
        Audience::Everyone => true,
        Audience::Nobody => false,
        Audience::Mutual => view.state == State::Connected || ctx.load(SharesConnection(other.id)).await?.is_some(),
    })
}

/// What stands between the viewer and another person, as the viewer may know it. That the other blocks the viewer is
/// never shown: it looks like a person whom nobody may approach.
#[Object]
impl Relationship {
    /// How far the two are connected.
    async fn connection(&self) -> ConnectionState {
        self.seen().0
    }

    /// Whether the viewer follows the person.
    async fn following(&self) -> bool {
        self.view.mine.follows
    }

    /// Whether the person follows the viewer.
    async fn followed_by(&self) -> bool {
        self.view.theirs.follows
    }

    /// Whether the viewer blocks the person.
    async fn blocking(&self) -> bool {
        self.view.mine.blocks
    }

    /// What the viewer does not want to hear of the person; null when nothing. The person is never told.
    async fn mute(&self) -> Option<Mute> {
        let mutes = self.view.mine.mutes_at(self.now);
        let mute = Mute { until: self.view.mine.mutes_until, feed: mutes.feed(), notifications: mutes.notifications() };
        (mutes != Mutes::Nothing).then_some(mute)
    }

    /// What the viewer wrote about the person; nobody else ever sees it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        Some(ctx.load(NoteAbout(self.other)).await.transpose()?.map(LongText))
    }

    /// The request that waits between the two, or the one by which they were connected.
    async fn request(&self, ctx: &Context<'_>) -> Option<Result<ConnectionRequest>> {
        ConnectionRequest::find(ctx, self.seen().1?).await.transpose()
    }

    /// What the viewer may do about the person now. A call that is not listed is refused or changes nothing.
    async fn available_actions(&self) -> &[RelationshipAction] {
        &self.actions
    }
}

/// One user's ask to connect. The requester sees a request that was ignored or closed as PENDING until the cool-down
/// ends, then as CLOSED.
#[derive(Clone)]
pub struct ConnectionRequest(pub connection_request::Model);

/// One user's ask to connect. The requester sees a request that was ignored or closed as PENDING until the cool-down
/// ends, then as CLOSED.
#[Object]
impl ConnectionRequest {
    /// The request's id, `request_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Who asks.
    async fn requester(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.0.requester_id).await
    }

    /// Who is asked.
    async fn recipient(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.0.recipient_id).await
    }

    /// How far it has come, as the viewer may know it.
    async fn status(&self, ctx: &Context<'_>) -> Result<RequestStatus> {
        Ok(requests::status_for(&self.0, ctx.viewer()?.user, ctx.app()?.clock.now()))
    }

    /// What the requester wrote, at most 500 characters.
    async fn message(&self) -> Option<LongText<&str>> {
        self.0.message.as_deref().map(LongText)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When its status became final, as the viewer may know it; null while it is pending.
    async fn decided_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        let known = |viewer: &Viewer, app: &App| requests::decided_for(&self.0, viewer.user, app.clock.now());
        match (ctx.viewer(), ctx.app()) {
            (Ok(viewer), Ok(app)) => known(viewer, app).map(Ok),
            (Err(fault), _) | (_, Err(fault)) => Some(Err(fault)),
        }
    }
}

impl ConnectionRequest {
    /// The request with an id, if the viewer made or got it and the token may see relationships.
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
    pub requests: Requests,
    pub slice: Slice<connection_request::Model>,
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

    /// The requests.
    async fn nodes(&self) -> Vec<ConnectionRequest> {
        self.slice.items.iter().cloned().map(ConnectionRequest).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// How many requests the list holds in all. Counted when asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.requests.count(ctx.app()?.db.read()).await?)
    }

    /// Where `incomingRequests` stood before this page was read: subscribe with it as `after` and nothing is missed. What
    /// the page shows already may come once more.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// A connection request in a page.
#[derive(SimpleObject)]
pub struct ConnectionRequestEdge {
    /// The place in the list.
    pub cursor: String,
    /// The request.
    pub node: ConnectionRequest,
}

event! {
    /// Somebody asks the viewer to connect.
    ConnectionRequestReceived {
        /// The request as it was then.
        request: ConnectionRequest,
    }
}

event! {
    /// A request to the viewer was accepted, ignored, withdrawn or closed.
    ConnectionRequestChanged {
        /// The request as it was then.
        request: ConnectionRequest,
    }
}

/// An entry of the log about requests.
#[derive(Union)]
pub enum RequestEvent {
    ConnectionRequestReceived(ConnectionRequestReceived),
    ConnectionRequestChanged(ConnectionRequestChanged),
    OfferMade(OfferMade),
    OfferEnded(OfferEnded),
}

impl RequestEvent {
    /// Reads an entry of the log; `cursor` is the position as the reader counts.
    pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
        match entry.kind {
            EventKind::OfferMade => return Ok(Self::OfferMade(OfferMade::read(entry, cursor)?)),
            EventKind::OfferEnded => return Ok(Self::OfferEnded(OfferEnded::read(entry, cursor)?)),
            _ => {}
        }
        let request = serde_json::from_value(entry.payload.clone()).map_err(Error::internal)?;
        let request = ConnectionRequest(request);
        let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
        Ok(match entry.kind {
            EventKind::ConnectionRequestReceived => Self::ConnectionRequestReceived(ConnectionRequestReceived {
                id,
                cursor,
                occurred_at,
                sequence,
                request,
            }),
            EventKind::ConnectionRequestChanged => {
                Self::ConnectionRequestChanged(ConnectionRequestChanged { id, cursor, occurred_at, sequence, request })
            }
            _ => return Err(Error::internal(anyhow::anyhow!("an event of another stream"))),
        })
    }
}
