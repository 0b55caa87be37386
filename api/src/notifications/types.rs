//! Notifications as the API shows them.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};
use entity::{
    contact::List,
    event::EventKind,
    id::NotificationId,
    notification::{self, NotificationKind},
    notification_preference::EmailFrequency,
};

use super::{
    notices::{self, Notices, Several},
    preferences::{self, Wish},
};
use crate::{
    auth::{
        context::ContextExt,
        viewer::{Scope, Viewer},
    },
    contacts::loader::SizeOf,
    conversations::types::Conversation,
    error::{Error, Result},
    events::{cursor::Cursor, log::Entry, types::event},
    page::{ByAge, PageInfo, Slice},
    relationships::types::ConnectionRequest,
    users::types::{Actor, User},
    weight::LongText,
};

/// Which notifications to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationFilter {
    /// All of them.
    All,
    /// Those that are not read.
    Unread,
    /// Those that are read.
    Read,
}

impl NotificationFilter {
    /// Which of them are listed, by whether they are read.
    #[must_use]
    pub fn read(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::Unread => Some(false),
            Self::Read => Some(true),
        }
    }
}

/// In which order to list notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationOrder {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// Tells the viewer that something happened. Reading or removing it changes nothing else.
#[derive(Clone)]
pub struct Notification(pub notification::Model);

/// Tells the viewer that something happened. Reading or removing it changes nothing else.
#[Object]
impl Notification {
    /// The notification's id, `notification_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is about.
    async fn kind(&self) -> NotificationKind {
        self.0.kind
    }

    /// Who caused it; null for the organisation, and for who can no longer be seen.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Result<Actor>> {
        let found = User::find(ctx, self.0.actor_id?).await.transpose()?;
        Some(found.map(Actor::User))
    }

    /// The request it is about, as it is now: one that is no longer PENDING needs no answer. Needs the scope CONTACTS_READ.
    async fn request(&self, ctx: &Context<'_>) -> Option<Result<ConnectionRequest>> {
        ConnectionRequest::find(ctx, self.0.request_id?).await.transpose()
    }

    /// The conversation it is about. Needs the scope CONVERSATIONS_READ.
    async fn conversation(&self, ctx: &Context<'_>) -> Option<Result<Conversation>> {
        let id = self.0.conversation_id?;
        match ctx.caller() {
            Ok(caller) if caller.scopes().has(Scope::ConversationsRead) => {
                Conversation::find(ctx, id).await.transpose()
            }
            Ok(_) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// What the organisation says, of SYSTEM.
    async fn text(&self) -> Option<LongText<&str>> {
        self.0.text.as_deref().map(LongText)
    }

    /// When it was read; null while it is not.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.0.read_at
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

impl Notification {
    /// The notification with an id, if it is the viewer's.
    pub async fn find(ctx: &Context<'_>, id: NotificationId) -> Result<Option<Self>> {
        let (app, Ok(viewer)) = (ctx.app()?, ctx.viewer()) else { return Ok(None) };
        Ok(notices::find(app.db.read(), viewer.user, id).await?.map(Self))
    }
}

/// A page of the viewer's notifications.
pub struct NotificationConnection {
    pub notices: Notices,
    pub slice: Slice<notification::Model>,
    pub stream_cursor: Cursor,
}

impl NotificationConnection {
    fn edge(&self, row: &notification::Model) -> NotificationEdge {
        NotificationEdge { cursor: self.slice.cursor(&ByAge(row.id.0)), node: Notification(row.clone()) }
    }
}

/// A page of the viewer's notifications.
#[Object]
impl NotificationConnection {
    /// The notifications with their cursors.
    async fn edges(&self) -> Vec<NotificationEdge> {
        self.slice.items.iter().map(|row| self.edge(row)).collect()
    }

    /// The notifications.
    async fn nodes(&self) -> Vec<Notification> {
        self.slice.items.iter().cloned().map(Notification).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// How many notifications the list holds in all. Counted when asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.notices.count(ctx.app()?.db.read()).await?)
    }

    /// Where the subscription `notifications` stood before this page was read: subscribe with it as `after` and nothing is
    /// missed. What the page shows already may come once more.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// A notification in a page.
#[derive(SimpleObject)]
pub struct NotificationEdge {
    /// The place in the list.
    pub cursor: String,
    /// The notification.
    pub node: Notification,
}

/// How the viewer wants to be told of a kind of thing.
#[derive(SimpleObject)]
pub struct NotificationPreference {
    /// The kind.
    pub kind: NotificationKind,
    /// Whether it makes a notification. A request stands in the list of requests all the same.
    pub in_app: bool,
    /// How often e-mail tells of it: to the preferred address of the viewer's profile, where the organisation sends mail.
    pub email: EmailFrequency,
}

impl From<Wish> for NotificationPreference {
    fn from(wish: Wish) -> Self {
        Self { kind: wish.kind, in_app: wish.in_app, email: wish.email }
    }
}

/// How much waits for the viewer.
#[derive(SimpleObject)]
pub struct UnreadCounts {
    /// Notifications that are not read.
    pub notifications: i64,
    /// Requests to connect that wait for the viewer's answer. Needs the scope CONTACTS_READ; 0 without it.
    pub requests: i64,
}

impl UnreadCounts {
    /// Counts what waits for a person.
    pub async fn of(ctx: &Context<'_>, viewer: &Viewer) -> Result<Self> {
        let app = ctx.app()?;
        let unread = Notices { user: viewer.user, read: Some(false), kind: None, oldest_first: false };
        let requests = if viewer.scopes.has(Scope::ContactsRead) {
            ctx.load(SizeOf(viewer.user, List::IncomingRequests)).await?.unwrap_or_default()
        } else {
            0
        };
        Ok(Self { notifications: unread.count(app.db.read()).await?, requests })
    }
}

impl NotificationPreference {
    /// The wishes of a person.
    pub async fn of(ctx: &Context<'_>, viewer: &Viewer) -> Result<Vec<Self>> {
        let wishes = preferences::all(ctx.app()?.db.read(), viewer.user).await?;
        Ok(wishes.into_iter().map(Self::from).collect())
    }
}

event! {
    /// The viewer is notified of something.
    NotificationAdded {
        /// The notification as it was then.
        notification: Notification,
    }
}
event! {
    /// Notifications were read.
    NotificationsRead {
        /// Which, at most 500.
        notification_ids: Vec<ID>,
        /// When they were read.
        read_at: DateTime<Utc>,
    }
}
event! {
    /// Notifications were marked as unread.
    NotificationsUnread {
        /// Which, at most 500.
        notification_ids: Vec<ID>,
    }
}
event! {
    /// Notifications are gone: removed, withdrawn, or too old.
    NotificationsRemoved {
        /// Which, at most 500.
        notification_ids: Vec<ID>,
    }
}

/// An entry of the log about notifications.
#[derive(Union)]
pub enum NotificationEvent {
    NotificationAdded(NotificationAdded),
    NotificationsRead(NotificationsRead),
    NotificationsUnread(NotificationsUnread),
    NotificationsRemoved(NotificationsRemoved),
}

impl NotificationEvent {
    /// Reads an entry of the log; `cursor` is the position as the reader counts.
    pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
        let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
        if entry.kind == EventKind::NotificationAdded {
            let row = serde_json::from_value(entry.payload.clone()).map_err(Error::internal)?;
            let notification = Notification(row);
            return Ok(Self::NotificationAdded(NotificationAdded { id, cursor, occurred_at, sequence, notification }));
        }
        let several: Several = serde_json::from_value(entry.payload.clone()).map_err(Error::internal)?;
        let notification_ids = several.ids.into_iter().map(ID::from).collect();
        Ok(match entry.kind {
            EventKind::NotificationsRead => {
                let read_at = several.read_at.unwrap_or(occurred_at);
                Self::NotificationsRead(NotificationsRead {
                    id,
                    cursor,
                    occurred_at,
                    sequence,
                    notification_ids,
                    read_at,
                })
            }
            EventKind::NotificationsUnread => {
                Self::NotificationsUnread(NotificationsUnread { id, cursor, occurred_at, sequence, notification_ids })
            }
            EventKind::NotificationsRemoved => {
                Self::NotificationsRemoved(NotificationsRemoved { id, cursor, occurred_at, sequence, notification_ids })
            }
            _ => return Err(Error::internal(anyhow::anyhow!("an event of another stream"))),
        })
    }
}
