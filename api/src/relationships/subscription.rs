//! `incomingRequests`.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::types::RequestEvent;
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, requests_of},
        types::{self as events, Live, ResyncRequired, SubscriptionStarted},
    },
};

/// What `incomingRequests` delivers.
#[derive(Union)]
enum IncomingRequestEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(RequestEvent),
    ResyncRequired(ResyncRequired),
}

#[derive(Default)]
pub struct RelationshipsSubscription;

#[Subscription]
impl RelationshipsSubscription {
    /// What is asked of the viewer: each connection request as it is made, and as it is accepted, ignored, withdrawn or
    /// closed; for agents each offer of a task as it is made and as it ends. Begins with SubscriptionStarted. With `after` everything since that cursor comes first, without gap or
    /// repeat; sequence numbers have no holes, which proves it. A cursor that the log no longer reaches gets
    /// ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn incoming_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<IncomingRequestEvent>> + use<>> {
        let stream = requests_of(ctx.viewer()?.user);
        let live = events::live(ctx.app()?, stream, after.as_ref(), RequestEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                Live::Started(event) => IncomingRequestEvent::SubscriptionStarted(event),
                Live::Event(event) => IncomingRequestEvent::Event(event),
                Live::Resync(event) => IncomingRequestEvent::ResyncRequired(event),
            })
        }))
    }
}
