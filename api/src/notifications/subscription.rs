//! `notifications`, live.

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::types::{
    NotificationAdded, NotificationEvent, NotificationsRead, NotificationsRemoved, NotificationsUnread,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, notifications_of},
        follow::Followed,
        types::{ResyncRequired, SubscriptionStarted},
    },
};

/// What the subscription `notifications` delivers.
#[derive(Union)]
enum NotificationStreamEvent {
    SubscriptionStarted(SubscriptionStarted),
    NotificationAdded(NotificationAdded),
    NotificationsRead(NotificationsRead),
    NotificationsUnread(NotificationsUnread),
    NotificationsRemoved(NotificationsRemoved),
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
        let (app, user) = (ctx.app()?.clone(), ctx.viewer()?.user);
        let stream = notifications_of(user);
        let after = after.map(|cursor| cursor.sequence_in(stream)).transpose()?;
        let clock = app.clock.clone();
        Ok(app.follow(stream, after).map(move |item| {
            let cursor = |sequence| Cursor::in_stream(stream, sequence);
            Ok(match item? {
                Followed::Started(at) => NotificationStreamEvent::SubscriptionStarted(SubscriptionStarted {
                    cursor: cursor(at),
                    occurred_at: clock.now(),
                }),
                Followed::Entry(entry) => match NotificationEvent::read(&entry, cursor(entry.sequence))? {
                    NotificationEvent::NotificationAdded(event) => NotificationStreamEvent::NotificationAdded(event),
                    NotificationEvent::NotificationsRead(event) => NotificationStreamEvent::NotificationsRead(event),
                    NotificationEvent::NotificationsUnread(event) => {
                        NotificationStreamEvent::NotificationsUnread(event)
                    }
                    NotificationEvent::NotificationsRemoved(event) => {
                        NotificationStreamEvent::NotificationsRemoved(event)
                    }
                },
                Followed::Resync { at, reason } => NotificationStreamEvent::ResyncRequired(ResyncRequired {
                    cursor: cursor(at),
                    occurred_at: clock.now(),
                    reason: reason.to_owned(),
                }),
            })
        }))
    }
}
