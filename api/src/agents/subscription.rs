//! `desk`.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::event_types::DeskLogEvent;
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, desk_of},
        types::{self as events, Live, ResyncRequired, SubscriptionStarted},
    },
};

/// What `desk` delivers.
#[derive(Union)]
enum DeskEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(DeskLogEvent),
    ResyncRequired(ResyncRequired),
}

#[derive(Default)]
pub struct AgentsSubscription;

#[Subscription]
impl AgentsSubscription {
    /// Everything on the viewer's desk: offers as they are made and ended, tasks in hand as they change, and the viewer's own
    /// state as an agent. Begins with SubscriptionStarted. With `after` everything since that cursor comes first, without gap or
    /// repeat; sequence numbers have no holes, which proves it. A cursor that the log no longer reaches gets ResyncRequired, and
    /// the stream completes.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn desk(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<DeskEvent>> + use<>> {
        let live = events::live(ctx.app()?, desk_of(ctx.viewer()?.user), after.as_ref(), DeskLogEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                Live::Started(event) => DeskEvent::SubscriptionStarted(event),
                Live::Event(event) => DeskEvent::Event(event),
                Live::Resync(event) => DeskEvent::ResyncRequired(event),
            })
        }))
    }
}
