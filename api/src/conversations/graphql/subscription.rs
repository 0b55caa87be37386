//! The subscription `conversationEvents`. Every delivery checks again that the subscriber may still see the
//! conversation.

use std::{pin::Pin, sync::Arc};

use async_graphql::{Context, ID, Object, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use entity::{
    conversation,
    event::EventKind,
    id::{ConversationId, CustomerId, ParticipantId},
    stream::StreamKind,
    thread_item::ItemVisibility,
};
use futures_util::{Stream, StreamExt as _};

use super::{
    departure::{self, Departure},
    event_types::ConversationLogEvent,
    participant_types::{Customer, actor_of},
};
use crate::conversations::{
    conversation_rows::{self, ConversationSide, VisibleConversation},
    customers,
    participants::{self, ParticipantRef},
};
use crate::{
    app::App,
    auth::{
        guard::Needs,
        request_context::ContextExt,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    events::{
        access_rechecks::AccessRecheck,
        cursor::Cursor,
        graphql::{
            types as events,
            types::{LiveEvent, ResyncRequired, SubscriptionStarted},
        },
        log_feed::{self, FeedItem, SharedEntry},
        reading::retry_while_unavailable,
        selection::Selection,
        signals::Signal,
    },
    queues::position,
    users::graphql::interfaces::Actor,
};

/// Maximum number of waiting events that are delivered after one access check.
const TOGETHER: usize = 64;

/// A participant begins or stops typing. The signal is not part of the stream: it has no cursor and no number, and
/// may be lost. Clients should drop it after a few seconds.
pub struct TypingIndicator {
    participant: ParticipantId,
    side: ConversationSide,
    typing: bool,
}

/// A participant begins or stops typing. The signal is not part of the stream: it has no cursor and no number, and
/// may be lost. Clients should drop it after a few seconds.
#[Object]
impl TypingIndicator {
    /// The participant who is typing. Customers see agents as Representative.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, self.participant, self.side).await
    }

    /// True if the participant begins typing, false if they stop.
    async fn typing(&self) -> bool {
        self.typing
    }
}

/// The customer's queue position and estimated wait, whenever they change. The update is not part of the stream: it
/// has no cursor and no number. `task` gives the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub struct QueuePositionUpdate {
    /// The queue position, from 1.
    position: i64,
    /// The estimated wait in seconds, based on the waits of the last hour. Null if too little is known.
    estimated_wait_seconds: Option<i64>,
}

/// The customer of the conversation, and the customer's other conversations, may have changed. Comes first after
/// SubscriptionStarted. The update is not part of the stream: it has no cursor and no number.
#[derive(SimpleObject)]
struct CustomerUpdate {
    /// The customer as they are now.
    customer: Customer,
}

/// An event of `conversationEvents`.
#[derive(Union)]
enum ConversationEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(ConversationLogEvent),
    TypingIndicator(TypingIndicator),
    QueuePositionUpdate(QueuePositionUpdate),
    CustomerUpdate(CustomerUpdate),
    ResyncRequired(ResyncRequired),
}

impl From<LiveEvent<ConversationLogEvent>> for ConversationEvent {
    fn from(live: LiveEvent<ConversationLogEvent>) -> Self {
        match live {
            LiveEvent::Started(event) => Self::SubscriptionStarted(event),
            LiveEvent::Event(event) => Self::Event(event),
            LiveEvent::Resync(event) => Self::ResyncRequired(event),
        }
    }
}

/// Root of the conversation subscriptions.
#[derive(Default)]
pub struct ConversationsSubscription;

#[Subscription]
impl ConversationsSubscription {
    /// Delivers what happens in a conversation, as the viewer may see it: new and changed items, receipts,
    /// participants, typing indicators, and the queue position to a waiting customer. Begins with
    /// SubscriptionStarted. With `after`, all events since that cursor come first, without gaps or repetitions.
    /// Sequence numbers have no gaps, which proves it. The organization's side and the customer follow separate
    /// streams with their own numbers. The stream completes when the viewer may no longer see the conversation, or
    /// has left it and may see no more of it. If the log no longer reaches the cursor, the stream delivers
    /// ResyncRequired and completes.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversation_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation to follow.")] conversation_id: ID,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor`. Without it, events begin now.")]
        after: Option<Cursor>,
        #[graphql(
            default,
            desc = "True to deliver CustomerUpdate too: once at the start, and whenever the customer's details or the \
                    task of one of the customer's conversations change. Has no effect for customers and on direct \
                    conversations."
        )]
        with_customer: bool,
    ) -> Result<impl Stream<Item = Result<ConversationEvent>> + use<>> {
        let (app, caller) = (ctx.app()?.clone(), *ctx.caller()?);
        let unknown = || Error::invalid("conversationId", "This conversation does not exist, or you cannot see it.");
        let id = ConversationId::parse(&conversation_id).ok_or_else(unknown)?;
        let mut recheck = match &caller {
            Caller::Person(viewer) => Some(app.access_rechecks.of(viewer.user.0)),
            Caller::Service(_) | Caller::Visitor(_) => None,
        };
        // A caller who has left and may see no more has nothing to follow.
        let seen = find_visible(&app, &caller, id).await?.filter(|seen| seen.until.is_none()).ok_or_else(unknown)?.row;
        let side = ConversationSide::of(&caller);
        let live = events::live_events(&app, side.stream(&seen), after.as_ref(), ConversationLogEvent::read)?;
        let mut said = app.signals.subscribe(id.0);
        let mut waits = queue_position_updates(&app, &seen, side);
        let followed = seen.customer_id.filter(|_| with_customer && side == ConversationSide::Staff);
        let mut customers = customer_updates(&app, caller, followed);
        let mut waits_in = (seen.queue_id, seen.task_id);
        Ok(try_stream! {
            let mut live = Box::pin(live.ready_chunks(TOGETHER));
            // No signal comes before SubscriptionStarted.
            let mut started = false;
            let mut leaving: Option<Departure> = None;
            loop {
                let heard = tokio::select! {
                    () = departure::over(leaving.as_ref()) => return,
                    () = recheck_due(&mut recheck), if leaving.is_none() => SubscriptionItem::Recheck,
                    told = live.next() => SubscriptionItem::Told(told),
                    signal = said.next(), if started && leaving.is_none() => SubscriptionItem::Said(signal),
                    Some(typing_indicator) = waits.next(), if started => SubscriptionItem::Waits(typing_indicator),
                    Some(customer) = customers.next(), if started && leaving.is_none() => SubscriptionItem::Customer(customer),
                };
                match heard {
                    SubscriptionItem::Told(Some(told)) => {
                        if leaving.is_none() {
                            let Some(now) = Box::pin(find_visible(&app, &caller, id)).await? else { return };
                            leaving = now.until.map(|until| Departure::new(until, now.stream_at));
                            // A customer who was moved to another queue waits there from now on.
                            if waits_in != (now.row.queue_id, now.row.task_id) {
                                waits_in = (now.row.queue_id, now.row.task_id);
                                waits = queue_position_updates(&app, &now.row, side);
                            }
                        }
                        let deliver = match &mut leaving {
                            None => Some(told),
                            Some(leaving) => leaving.take(told, &caller),
                        };
                        let Some(deliver) = deliver else { continue };
                        started = true;
                        for item in deliver {
                            yield ConversationEvent::from(item?);
                        }
                        if leaving.is_some() {
                            return;
                        }
                    }
                    SubscriptionItem::Said(Some(signal)) => {
                        let seen = Box::pin(find_visible(&app, &caller, id)).await?;
                        let Some(seen) = seen.filter(|seen| seen.until.is_none()) else { return };
                        if let Some(typing_indicator) = Box::pin(typing_indicator(&app, &caller, &seen.row, signal)).await? {
                            yield ConversationEvent::TypingIndicator(typing_indicator);
                        }
                    }
                    // A subscriber who has left first gets the event of their departure.
                    SubscriptionItem::Recheck => {
                        let Some(now) = Box::pin(find_visible(&app, &caller, id)).await? else { return };
                        leaving = now.until.map(|until| Departure::new(until, now.stream_at));
                    }
                    SubscriptionItem::Waits(typing_indicator) => yield ConversationEvent::QueuePositionUpdate(typing_indicator),
                    SubscriptionItem::Customer(update) => {
                        let seen = Box::pin(find_visible(&app, &caller, id)).await?;
                        if seen.is_some_and(|seen| seen.until.is_none()) {
                            yield ConversationEvent::CustomerUpdate(update?);
                        }
                    }
                    SubscriptionItem::Told(None) | SubscriptionItem::Said(None) => return,
                }
            }
        })
    }
}

enum SubscriptionItem {
    Recheck,
    Told(Option<Vec<Result<LiveEvent<ConversationLogEvent>>>>),
    Said(Option<Signal>),
    Waits(QueuePositionUpdate),
    Customer(Result<CustomerUpdate>),
}

/// Returns the customer's queue position and estimated wait, each time they change. The stream is empty for the
/// organization's side.
fn queue_position_updates(
    app: &App,
    conversation: &conversation::Model,
    side: ConversationSide,
) -> Pin<Box<dyn Stream<Item = QueuePositionUpdate> + Send>> {
    let (ConversationSide::Customer, Some(queue), Some(task)) = (side, conversation.queue_id, conversation.task_id)
    else {
        return Box::pin(futures_util::stream::empty());
    };
    let looking = position::watch_queue(app, queue);
    let shared_views = futures_util::stream::unfold(looking, |mut looking| async move {
        looking.changed().await.ok()?;
        let board = Arc::clone(&looking.borrow_and_update());
        Some((board, looking))
    });
    let hints = shared_views.filter_map(move |board| {
        let estimated_wait_seconds = board.estimate;
        let hint =
            board.places.get(&task.0).map(|place| QueuePositionUpdate { position: *place, estimated_wait_seconds });
        std::future::ready(hint)
    });
    let mut last = None;
    Box::pin(hints.filter(move |hint| std::future::ready(last.replace(*hint) != Some(*hint))))
}

/// Returns the customer at once, and whenever the customer's details or the task of one of their conversations change.
/// The stream is empty without a customer.
fn customer_updates(
    app: &App,
    caller: Caller,
    customer: Option<CustomerId>,
) -> Pin<Box<dyn Stream<Item = Result<CustomerUpdate>> + Send>> {
    let Some(id) = customer else { return Box::pin(futures_util::stream::empty()) };
    let selection =
        Selection { owned: vec![(id.0, vec![StreamKind::Customer])], customers: vec![id], ..Selection::default() };
    let app = app.clone();
    Box::pin(try_stream! {
        loop {
            // A reading that the log no longer continues begins again, with the customer as they are then.
            let live = log_feed::follow(Arc::clone(&app.log_feed), app.db.clone(), selection.clone(), None);
            for await item in live {
                let changed = match item? {
                    FeedItem::Started(_) => true,
                    FeedItem::Entries(entries) => Box::pin(concerns_customer(&app, &caller, &entries)).await?,
                    FeedItem::Resync { .. } => break,
                };
                let ids = [id];
                let found = match changed {
                    true => retry_while_unavailable(|| customers::find(app.db.read(), &caller, &ids)).await?.pop(),
                    false => None,
                };
                if let Some(row) = found {
                    yield CustomerUpdate { customer: Customer(Arc::new(row)) };
                }
            }
            if app.shutdown.is_cancelled() {
                return;
            }
        }
    })
}

/// Returns true if the details of a customer changed, or a task of a conversation that the caller may see.
async fn concerns_customer(app: &App, caller: &Caller, entries: &[Arc<SharedEntry>]) -> Result<bool> {
    let of_kind = |kind: EventKind| entries.iter().filter(move |entry| entry.kind.0 == Some(kind));
    if of_kind(EventKind::CustomerChanged).next().is_some() {
        return Ok(true);
    }
    let tasks = of_kind(EventKind::TaskChanged).filter(|entry| entry.stream_kind == StreamKind::Conversation);
    let changed: Vec<ConversationId> = tasks.map(|entry| ConversationId(entry.owner_id)).collect();
    if changed.is_empty() {
        return Ok(false);
    }
    let visible = || conversation_rows::find_visible(app.db.read(), caller, &changed);
    Ok(!retry_while_unavailable(visible).await?.is_empty())
}

/// Returns when the subscriber's access must be checked again. Never returns if `recheck` is `None`.
async fn recheck_due(recheck: &mut Option<AccessRecheck>) {
    match recheck {
        Some(recheck) => recheck.due().await,
        None => std::future::pending().await,
    }
}

/// Returns the conversation, if the subscriber may see it now.
async fn find_visible(app: &App, caller: &Caller, id: ConversationId) -> Result<Option<VisibleConversation>> {
    Ok(retry_while_unavailable(|| async { conversation_rows::find_visible(app.db.read(), caller, &[id]).await })
        .await?
        .pop())
}

/// Returns the typing indicator that a subscriber gets for a signal. Returns `None` for their own typing, and for
/// participants who are hidden from them or have left.
async fn typing_indicator(
    app: &App,
    caller: &Caller,
    conversation: &conversation::Model,
    signal: Signal,
) -> Result<Option<TypingIndicator>> {
    let by = ParticipantId(signal.by);
    let Some(row) = participants::by_ids(app.db.read(), &[by]).await?.pop() else { return Ok(None) };
    let side = ConversationSide::of(caller);
    let own = ParticipantRef::of(caller).is(&row);
    let hidden =
        side == ConversationSide::Customer && participants::visibility(conversation, &row) == ItemVisibility::Agent;
    if own || hidden || row.left_at.is_some() || row.conversation_id != conversation.id {
        return Ok(None);
    }
    Ok(Some(TypingIndicator { participant: by, side, typing: signal.on }))
}
