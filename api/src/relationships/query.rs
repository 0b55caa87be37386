//! `connectionRequests`.

use async_graphql::{Context, Object};
use entity::connection_request::RequestStatus;

use super::{
    requests::{RequestDirection, Requests},
    types::ConnectionRequestConnection,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, requests_of},
        log,
    },
    page::{Page, PageArguments},
};

#[derive(Default)]
pub struct RelationshipsQuery;

#[Object]
impl RelationshipsQuery {
    /// Connection requests to or of the viewer, newest first.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn connection_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "RequestDirection::Incoming", desc = "To or of the viewer.")]
        direction: RequestDirection,
        #[graphql(desc = "Only requests with this status, as the viewer sees it.")] status: Option<RequestStatus>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same list.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same list.")] before: Option<String>,
    ) -> Result<ConnectionRequestConnection> {
        let (app, user) = (ctx.app()?, ctx.viewer()?.user);
        let requests = Requests { user, direction, status, now: app.clock.now() };
        let page = Page::new(PageArguments { first, after, last, before }, &requests.fingerprint())?;
        // Before the page, so that whatever the page has not seen comes after it.
        let stream = requests_of(user);
        let stream_cursor = Cursor::in_stream(stream, log::extent(app.db.read(), stream).await?.last);
        let slice = requests.page(app.db.read(), &page).await?;
        Ok(ConnectionRequestConnection { requests, slice, stream_cursor })
    }
}
