//! The subscription to notifications: `notifications`.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::types::NotificationLogEvent;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, notifications_of},
        graphql::{
            types as events,
            types::{LiveEvent, ResyncRequired, SubscriptionStarted},
        },
    },
};

/// An event of the subscription `notifications`.
#[derive(Union)]
enum NotificationEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(NotificationLogEvent),
    ResyncRequired(ResyncRequired),
}

/// The subscription to the viewer's notifications.
#[derive(Default)]
pub struct NotificationsSubscription;

#[Subscription]
impl NotificationsSubscription {
    /// Delivers the viewer's notifications when they are created, read, marked as unread and removed. Begins with
    /// SubscriptionStarted. With `after`, all events since that cursor come first, without gap or repetition. Sequence
    /// numbers without gaps prove it. A cursor that the log no longer reaches gets ResyncRequired, and the stream
    /// completes.
    #[graphql(guard = "Needs(Scope::NotificationsRead)")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor`. Without it, events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<NotificationEvent>> + use<>> {
        let stream = notifications_of(ctx.viewer()?.user);
        let live = events::live_events(ctx.app()?, stream, after.as_ref(), NotificationLogEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => NotificationEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => NotificationEvent::Event(event),
                LiveEvent::Resync(event) => NotificationEvent::ResyncRequired(event),
            })
        }))
    }
}
