//! The query of notifications: `notifications`.

use async_graphql::{Context, Object};
use entity::notification::NotificationKind;

use super::types::{NotificationConnection, NotificationFilter, NotificationOrder};
use crate::notifications::notification_rows::NotificationList;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, notifications_of},
        log,
    },
    pagination::{Page, PageArguments},
};

/// The query of the viewer's notifications.
#[derive(Default)]
pub struct NotificationsQuery;

#[Object]
impl NotificationsQuery {
    /// The viewer's notifications. They are kept for the time that the organization configures, by default 90 days.
    #[graphql(guard = "Needs(Scope::NotificationsRead)")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "NotificationFilter::All", desc = "The part of the notifications to list.")]
        filter: NotificationFilter,
        #[graphql(desc = "The only kind to list.")] kind: Option<NotificationKind>,
        #[graphql(default_with = "NotificationOrder::NewestFirst", desc = "The order of the list.")]
        order_by: NotificationOrder,
        #[graphql(desc = "The number of notifications from the start, 0 to 100. Without `first` and `last` it is 20.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor to begin after, of the same filter and order.")] after: Option<String>,
        #[graphql(desc = "The number of notifications from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor to end before, of the same filter and order.")] before: Option<String>,
    ) -> Result<NotificationConnection> {
        let (app, user) = (ctx.app()?, ctx.viewer()?.user);
        let oldest_first = order_by == NotificationOrder::OldestFirst;
        let notices = NotificationList { user, read: filter.read(), kind, oldest_first };
        let page = Page::new(PageArguments { first, after, last, before }, &notices.fingerprint())?;
        // The bounds are read before the page, so that no event is missed between the two.
        let stream = notifications_of(user);
        let wanted = ctx.look_ahead().field("streamCursor").exists();
        let at = if wanted { log::bounds(app.db.read(), stream).await?.last } else { 0 };
        let slice = notices.page(app.db.read(), &page).await?;
        Ok(NotificationConnection { notices, slice, stream_cursor: Cursor::in_stream(stream, at) })
    }
}
