//! `incomingRequests`.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::types::{ConnectionRequestChanged, ConnectionRequestReceived, RequestEvent};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, requests_of},
        follow::Followed,
        types::{ResyncRequired, SubscriptionStarted},
    },
};

/// What `incomingRequests` delivers.
#[derive(Union)]
enum IncomingRequestEvent {
    SubscriptionStarted(SubscriptionStarted),
    ConnectionRequestReceived(ConnectionRequestReceived),
    ConnectionRequestChanged(ConnectionRequestChanged),
    ResyncRequired(ResyncRequired),
}

#[derive(Default)]
pub struct RelationshipsSubscription;

#[Subscription]
impl RelationshipsSubscription {
    /// What is asked of the viewer: each connection request as it is made, and as it is accepted, ignored, withdrawn or
    /// closed. Begins with SubscriptionStarted. With `after` everything since that cursor comes first, without gap or
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
        let (app, user) = (ctx.app()?.clone(), ctx.viewer()?.user);
        let stream = requests_of(user);
        let after = after.map(|cursor| cursor.sequence_in(stream)).transpose()?;
        let clock = app.clock.clone();
        Ok(app.follow(stream, after).map(move |item| {
            let cursor = |sequence| Cursor::in_stream(stream, sequence);
            Ok(match item? {
                Followed::Started(at) => IncomingRequestEvent::SubscriptionStarted(SubscriptionStarted {
                    cursor: cursor(at),
                    occurred_at: clock.now(),
                }),
                Followed::Entry(entry) => match RequestEvent::read(&entry, cursor(entry.sequence))? {
                    RequestEvent::ConnectionRequestReceived(event) => {
                        IncomingRequestEvent::ConnectionRequestReceived(event)
                    }
                    RequestEvent::ConnectionRequestChanged(event) => {
                        IncomingRequestEvent::ConnectionRequestChanged(event)
                    }
                },
                Followed::Resync { at, reason } => IncomingRequestEvent::ResyncRequired(ResyncRequired {
                    cursor: cursor(at),
                    occurred_at: clock.now(),
                    reason: reason.to_owned(),
                }),
            })
        }))
    }
}
