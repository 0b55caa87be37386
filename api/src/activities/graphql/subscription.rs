//! The subscription `activityFeed`. It follows the rules of the query, without gap or repetition.

use std::sync::Arc;

use async_graphql::{Context, Subscription, Union};
use futures_util::{Stream, StreamExt as _};

use super::types::ActivityLogEvent;
use crate::activities::live;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::{
        cursor::Cursor,
        graphql::{
            subscription::{resync, started},
            types::{ResyncRequired, SubscriptionStarted},
        },
        log_feed::{FeedItem, SharedEntry},
    },
};

/// An item of the subscription `activityFeed`.
#[derive(Union)]
enum ActivityFeedEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(ActivityLogEvent),
    ResyncRequired(ResyncRequired),
}

/// Root subscription of the viewer's feed.
#[derive(Default)]
pub struct ActivitiesSubscription;

#[Subscription]
impl ActivitiesSubscription {
    /// Delivers new and deleted activities of the viewer, of the viewer's connections and of people whom the viewer
    /// follows. The rules are those of the query `activityFeed`. The first event is SubscriptionStarted. With `after`,
    /// all events since that cursor come first, as far as the viewer may see them now, without gap or repetition. A
    /// cursor that the log no longer covers gets ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::ActivityRead)")]
    async fn activity_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor`. Without it, events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ActivityFeedEvent>> + use<>> {
        let (app, user) = (ctx.app()?.clone(), ctx.viewer()?.user);
        let after = after.map(|cursor| cursor.position_of(user.0)).transpose()?;
        let clock = app.clock.clone();
        let read = move |item: Result<FeedItem>| -> Vec<Result<ActivityFeedEvent>> {
            match item {
                Err(error) => vec![Err(error)],
                Ok(FeedItem::Started(at)) => {
                    vec![Ok(ActivityFeedEvent::SubscriptionStarted(started(user.0, at, &clock)))]
                }
                Ok(FeedItem::Resync { at, reason }) => {
                    vec![Ok(ActivityFeedEvent::ResyncRequired(resync(user.0, at, reason, &clock)))]
                }
                Ok(FeedItem::Entries(entries)) => {
                    let event =
                        |entry: &Arc<SharedEntry>| ActivityLogEvent::read(entry, Cursor::of_entry(user.0, entry));
                    entries.iter().map(|entry| Ok(ActivityFeedEvent::Event(event(entry)))).collect()
                }
            }
        };
        Ok(live::follow(app, user, after).boxed().map(read).flat_map(futures_util::stream::iter))
    }
}
