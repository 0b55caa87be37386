//! `notifications`, live.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::types::NotificationEvent;
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, notifications_of},
        types::{self as events, Live, ResyncRequired, SubscriptionStarted},
    },
};

/// What the subscription `notifications` delivers.
#[derive(Union)]
enum NotificationStreamEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(NotificationEvent),
    ResyncRequired(ResyncRequired),
}

#[derive(Default)]
pub struct NotificationsSubscription;

#[Subscription]
impl NotificationsSubscription {
    /// The viewer's notifications as they are made, read, marked as unread, and removed. Begins with SubscriptionStarted.
    /// With `after` everything since that cursor comes first, without gap or repeat; sequence numbers have no holes, which
    /// proves it. A cursor that the log no longer reaches gets ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::NotificationsRead)")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<NotificationStreamEvent>> + use<>> {
        let stream = notifications_of(ctx.viewer()?.user);
        let live = events::live(ctx.app()?, stream, after.as_ref(), NotificationEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                Live::Started(event) => NotificationStreamEvent::SubscriptionStarted(event),
                Live::Event(event) => NotificationStreamEvent::Event(event),
                Live::Resync(event) => NotificationStreamEvent::ResyncRequired(event),
            })
        }))
    }
}
