//! `activityFeed`, live.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::{
    live::{self, Seen},
    types::ActivityEvent,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::Cursor,
        types::{ResyncRequired, SubscriptionStarted},
    },
};

/// What `activityFeed` delivers.
#[derive(Union)]
enum ActivityFeedEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(ActivityEvent),
    ResyncRequired(ResyncRequired),
}

#[derive(Default)]
pub struct ActivitiesSubscription;

#[Subscription]
impl ActivitiesSubscription {
    /// What the viewer's connections, those whom the viewer follows and the viewer do, as it happens, by the rules of the
    /// query of the same name. Begins with SubscriptionStarted. With `after` everything since that cursor comes first, as
    /// far as the viewer may see it now, without gap or repeat. A cursor that the log no longer reaches gets ResyncRequired,
    /// and the stream completes.
    #[graphql(guard = "Needs(Scope::ActivityRead)")]
    async fn activity_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ActivityFeedEvent>> + use<>> {
        let (app, user) = (ctx.app()?.clone(), ctx.viewer()?.user);
        let after = after.map(|cursor| cursor.position_of(user)).transpose()?;
        let clock = app.clock.clone();
        Ok(live::follow(app, user, after).boxed().map(move |item| {
            let cursor = |position| Cursor::global(user, position);
            Ok(match item? {
                Seen::Started(at) => ActivityFeedEvent::SubscriptionStarted(SubscriptionStarted {
                    cursor: cursor(at),
                    occurred_at: clock.now(),
                }),
                Seen::Entry(entry, position) => {
                    ActivityFeedEvent::Event(ActivityEvent::read(&entry, cursor(position))?)
                }
                Seen::Resync { at, reason } => ActivityFeedEvent::ResyncRequired(ResyncRequired {
                    cursor: cursor(at),
                    occurred_at: clock.now(),
                    reason: reason.to_owned(),
                }),
            })
        }))
    }
}
