//! `notifications`.

use async_graphql::{Context, Object};
use entity::notification::NotificationKind;

use super::{
    notices::Notices,
    types::{NotificationConnection, NotificationFilter, NotificationOrder},
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, notifications_of},
        log,
    },
    page::{Page, PageArguments},
};

#[derive(Default)]
pub struct NotificationsQuery;

#[Object]
impl NotificationsQuery {
    /// The viewer's notifications. They are kept for as long as the organisation decides, 90 days if it does not.
    #[graphql(guard = "Needs(Scope::NotificationsRead)")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "NotificationFilter::All", desc = "Which of them.")] filter: NotificationFilter,
        #[graphql(desc = "Only those about this kind of thing.")] kind: Option<NotificationKind>,
        #[graphql(default_with = "NotificationOrder::NewestFirst", desc = "In which order.")]
        order_by: NotificationOrder,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same filter and order.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same filter and order.")] before: Option<String>,
    ) -> Result<NotificationConnection> {
        let (app, user) = (ctx.app()?, ctx.viewer()?.user);
        let oldest_first = order_by == NotificationOrder::OldestFirst;
        let notices = Notices { user, read: filter.read(), kind, oldest_first };
        let page = Page::new(PageArguments { first, after, last, before }, &notices.fingerprint())?;
        // Before the page, so that nothing falls between the two.
        let stream = notifications_of(user);
        let wanted = ctx.look_ahead().field("streamCursor").exists();
        let at = if wanted { log::extent(app.db.read(), stream).await?.last } else { 0 };
        let slice = notices.page(app.db.read(), &page).await?;
        Ok(NotificationConnection { notices, slice, stream_cursor: Cursor::in_stream(stream, at) })
    }
}
