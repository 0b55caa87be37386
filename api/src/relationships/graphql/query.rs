//! The query `connectionRequests`. It shows a viewer only requests that they sent or received.

use async_graphql::{Context, Object};
use entity::connection_request::RequestStatus;

use super::types::ConnectionRequestConnection;
use crate::relationships::requests::{ConnectionRequestDirection, RequestList};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, requests_of},
        log,
    },
    pagination::{Page, PageArguments},
};

/// Root query of connection requests.
#[derive(Default)]
pub struct RelationshipsQuery;

#[Object]
impl RelationshipsQuery {
    /// Lists the viewer's connection requests, newest first.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn connection_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default_with = "ConnectionRequestDirection::Incoming",
            desc = "The side of the requests that the viewer is on."
        )]
        direction: ConnectionRequestDirection,
        #[graphql(desc = "The status to list, as the viewer sees it.")] status: Option<RequestStatus>,
        #[graphql(desc = "The number of requests from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same list.")] after: Option<String>,
        #[graphql(desc = "The number of requests from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same list.")] before: Option<String>,
    ) -> Result<ConnectionRequestConnection> {
        let (app, user) = (ctx.app()?, ctx.viewer()?.user);
        let requests = RequestList { user, direction, status, now: app.clock.now() };
        let page = Page::new(PageArguments { first, after, last, before }, &requests.fingerprint())?;
        // The cursor is read first, so that every event that the page does not reflect comes after it.
        let stream = requests_of(user);
        let stream_cursor = Cursor::in_stream(stream, log::bounds(app.db.read(), stream).await?.last);
        let slice = requests.page(app.db.read(), &page).await?;
        Ok(ConnectionRequestConnection { requests, slice, stream_cursor })
    }
}
