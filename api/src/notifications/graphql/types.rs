//! The schema's types of notifications.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use entity::{
    event::EventKind,
    id::NotificationId,
    notification::{self, NotificationKind},
    notification_preference::EmailFrequency,
};

use crate::notifications::{
    notification_rows::{self, GroupedNotification, NotificationList},
    preferences::{self, ChannelPreference},
};
use crate::{
    auth::{
        request_context::ContextExt,
        viewer::{Scope, Viewer},
    },
    conversations::graphql::types::Conversation,
    error::Result,
    events::graphql::types::UnknownEvent,
    events::{cursor::Cursor, graphql::types::event, log::LoggedEvent},
    instant::Instant,
    memory_budget::LongText,
    pagination::{ByAge, PageInfo, PageSlice},
    relationships::graphql::types::ConnectionRequest,
    users::graphql::{interfaces::Actor, types::User},
};

/// The part of the notifications to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationFilter {
    /// Every notification.
    All,
    /// The unread notifications only.
    Unread,
    /// The read notifications only.
    Read,
}

impl NotificationFilter {
    /// Returns the read state to filter by, or `None` for all notifications.
    #[must_use]
    pub fn read(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::Unread => Some(false),
            Self::Read => Some(true),
        }
    }
}

/// The order of a list of notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum NotificationOrder {
    /// The newest notification first.
    NewestFirst,
    /// The oldest notification first.
    OldestFirst,
}

/// A message of the product to the viewer about something that happened. Reading or removing it changes nothing else.
#[derive(Clone)]
pub struct Notification(pub notification::Model);

/// A message of the product to the viewer about something that happened. Reading or removing it changes nothing else.
#[Object]
impl Notification {
    /// The notification's id, `notification_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The kind of event that it reports.
    async fn kind(&self) -> NotificationKind {
        self.0.kind
    }

    /// The user who caused it. Null for the organization, and for a user who is no longer visible.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Result<Actor>> {
        let found = User::find(ctx, self.0.actor_id?).await.transpose()?;
        Some(found.map(Actor::User))
    }

    /// The connection request that it reports, in its present state. A request that is not PENDING needs no answer.
    /// Needs the scope CONTACTS_READ.
    async fn request(&self, ctx: &Context<'_>) -> Option<Result<ConnectionRequest>> {
        ConnectionRequest::find(ctx, self.0.request_id?).await.transpose()
    }

    /// The conversation that it reports. Needs the scope CONVERSATIONS_READ.
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

    /// The organization's text, for the kind SYSTEM.
    async fn text(&self) -> Option<LongText<&str>> {
        self.0.text.as_deref().map(LongText)
    }

    /// The time at which it was read. Null while it is unread.
    async fn read_at(&self) -> Option<Instant> {
        self.0.read_at.map(Instant)
    }

    /// The time of creation.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }
}

impl Notification {
    /// Returns the notification with an id if it belongs to the viewer.
    pub async fn find(ctx: &Context<'_>, id: NotificationId) -> Result<Option<Self>> {
        let (app, Ok(viewer)) = (ctx.app()?, ctx.viewer()) else { return Ok(None) };
        Ok(notification_rows::find(app.db.read(), viewer.user, id).await?.map(Self))
    }
}

/// A page of the viewer's notifications.
pub struct NotificationConnection {
    /// The list that the page belongs to.
    pub notices: NotificationList,
    /// The rows of the page.
    pub slice: PageSlice<notification::Model>,
    /// The end of the stream before the page was read.
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

    /// The notifications without their cursors.
    async fn nodes(&self) -> Vec<Notification> {
        self.slice.items.iter().cloned().map(Notification).collect()
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// The number of notifications in the whole list. It is counted on demand.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.notices.count(ctx.app()?.db.read()).await?)
    }

    /// The position of the subscription `notifications` before this page was read. Pass it as `after` to miss no event.
    /// Events about notifications on this page may arrive once more.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// A notification in a page.
#[derive(SimpleObject)]
pub struct NotificationEdge {
    /// The position in the list, for `after` and `before`.
    pub cursor: String,
    /// The notification at this position.
    pub node: Notification,
}

/// The viewer's preference for one kind of notification.
#[derive(SimpleObject)]
pub struct NotificationPreference {
    /// The kind of notification.
    pub kind: NotificationKind,
    /// True when such notifications appear in the app. Connection requests are in the list of requests in any case.
    pub in_app: bool,
    /// The frequency of e-mail about such notifications. It goes to the preferred confirmed address of the viewer's
    /// profile, if the organization sends mail.
    pub email: EmailFrequency,
}

impl From<ChannelPreference> for NotificationPreference {
    fn from(wish: ChannelPreference) -> Self {
        Self { kind: wish.kind, in_app: wish.in_app, email: wish.email }
    }
}

impl NotificationPreference {
    /// Returns the preferences of a user, one for each kind.
    pub async fn of(ctx: &Context<'_>, viewer: &Viewer) -> Result<Vec<Self>> {
        let wishes = preferences::all(ctx.app()?.db.read(), viewer.user).await?;
        Ok(wishes.into_iter().map(Self::from).collect())
    }
}

event! {
    /// The viewer got a notification.
    NotificationAdded {
        /// The notification at the time of the event.
        notification: Notification,
    }
}
event! {
    /// Notifications were marked as read.
    NotificationsRead {
        /// The ids of the notifications, at most 500.
        notification_ids: Vec<ID>,
        /// The time of reading.
        read_at: Instant,
    }
}
event! {
    /// Notifications were marked as unread.
    NotificationsUnread {
        /// The ids of the notifications, at most 500.
        notification_ids: Vec<ID>,
    }
}
event! {
    /// Notifications were removed by the viewer, withdrawn, or deleted because of their age.
    NotificationsRemoved {
        /// The ids of the notifications, at most 500.
        notification_ids: Vec<ID>,
    }
}

/// An event of the log about notifications.
#[derive(Union)]
pub enum NotificationLogEvent {
    /// A notification was created.
    NotificationAdded(NotificationAdded),
    /// Notifications were marked as read.
    NotificationsRead(NotificationsRead),
    /// Notifications were marked as unread.
    NotificationsUnread(NotificationsUnread),
    /// Notifications were removed.
    NotificationsRemoved(NotificationsRemoved),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl NotificationLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
        let kind = entry.kind.0?;
        if kind == EventKind::NotificationAdded {
            let notification = Notification(entry.subject()?);
            return Some(Self::NotificationAdded(NotificationAdded {
                id,
                cursor,
                occurred_at: Instant(occurred_at),
                sequence,
                notification,
            }));
        }
        let several: GroupedNotification = entry.subject()?;
        let notification_ids = several.ids.into_iter().map(ID::from).collect();
        Some(match kind {
            EventKind::NotificationsRead => {
                let read_at = several.read_at.unwrap_or(occurred_at);
                Self::NotificationsRead(NotificationsRead {
                    id,
                    cursor,
                    occurred_at: Instant(occurred_at),
                    sequence,
                    notification_ids,
                    read_at: Instant(read_at),
                })
            }
            EventKind::NotificationsUnread => Self::NotificationsUnread(NotificationsUnread {
                id,
                cursor,
                occurred_at: Instant(occurred_at),
                sequence,
                notification_ids,
            }),
            EventKind::NotificationsRemoved => Self::NotificationsRemoved(NotificationsRemoved {
                id,
                cursor,
                occurred_at: Instant(occurred_at),
                sequence,
                notification_ids,
            }),
            _ => return None,
        })
    }
}
