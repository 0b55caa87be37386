//! The subscription `incomingRequests`. It delivers every request and offer to the viewer, without gap or repetition.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::event_types::RequestLogEvent;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, requests_of},
        graphql::{
            types as events,
            types::{LiveEvent, ResyncRequired, SubscriptionStarted},
        },
    },
};

/// An item of the subscription `incomingRequests`.
#[derive(Union)]
enum IncomingRequestEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(RequestLogEvent),
    ResyncRequired(ResyncRequired),
}

/// Root subscription of requests to the viewer.
#[derive(Default)]
pub struct RelationshipsSubscription;

#[Subscription]
impl RelationshipsSubscription {
    /// Delivers the connection requests and, for agents, the offers of tasks that await the viewer. A connection
    /// request appears when it is created, and when it is accepted, ignored, withdrawn or closed. An offer appears when
    /// it is created and when it ends. The first event is SubscriptionStarted. With `after`, all events since that
    /// cursor come first, without gap or repetition. Sequence numbers have no gaps, so a client can verify this. A
    /// cursor that the log no longer covers gets ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn incoming_requests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor`. Without it, events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<IncomingRequestEvent>> + use<>> {
        let stream = requests_of(ctx.viewer()?.user);
        let live = events::live_events(ctx.app()?, stream, after.as_ref(), RequestLogEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => IncomingRequestEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => IncomingRequestEvent::Event(event),
                LiveEvent::Resync(event) => IncomingRequestEvent::ResyncRequired(event),
            })
        }))
    }
}
