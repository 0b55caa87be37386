//! `conversationEvents`. Whether the follower may still see the conversation is asked again whenever something is delivered.

use std::{pin::Pin, sync::Arc};

use async_graphql::{Context, ID, Object, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use entity::{
    conversation,
    event::EventKind,
    id::{ConversationId, ParticipantId},
    stream::StreamKind,
    thread_item::ItemVisibility,
};
use futures_util::{Stream, StreamExt as _};

use super::{
    items::types::{Message, Receipt, ThreadItem},
    leaving::{self, Leaving},
    participants::{
        self, Who,
        types::{Participant, actor_of},
    },
    receipts::Advance,
    threads::{self, Seen, Side},
};
use crate::{
    agents::{event_types::TaskChanged, waiting},
    app::App,
    auth::{
        context::ContextExt,
        guard::Needs,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    events::{
        cursor::Cursor,
        follow::insist,
        log::Entry,
        rechecks::Recheck,
        types::{self as events, Live, ResyncRequired, SubscriptionStarted, event},
        whispers::Whisper,
    },
    users::types::Actor,
};

/// Events that are delivered after one look at whether the follower may see them, when many wait.
const TOGETHER: usize = 64;

event! {
    /// Something was written, or the system tells something.
    ItemAdded {
        /// The entry as it was then.
        item: ThreadItem,
    }
}
event! {
    /// A message was changed or taken back.
    ItemChanged {
        /// The entry as it is after that.
        item: ThreadItem,
    }
}
event! {
    /// Messages have come further to somebody: every message of others than the participant from `fromSequence` to `message`.
    ReceiptAdvanced {
        /// The newest of them.
        message: Message,
        /// To whom, and how far.
        receipt: Receipt,
        /// The `sequence` from which on it holds, as the viewer counts.
        from_sequence: i64,
    }
}
event! {
    /// Somebody came or left.
    ParticipantChanged {
        /// The participant as it is after that.
        participant: Participant,
    }
}

/// Somebody begins to write or stops. Not part of the stream: without cursor and number, it may be lost. Forget it after a few
/// seconds.
pub struct TypingHint {
    participant: ParticipantId,
    side: Side,
    typing: bool,
}

/// Somebody begins to write or stops. Not part of the stream: without cursor and number, it may be lost. Forget it after a few
/// seconds.
#[Object]
impl TypingHint {
    /// Who. Customers are shown agents as Representative.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, self.participant, self.side).await
    }

    /// Whether they write.
    async fn typing(&self) -> bool {
        self.typing
    }
}

/// How long the customer still waits, whenever that changes. Not part of the stream: without cursor and number; what it says is
/// what `task` says too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub struct WaitHint {
    /// The place in the queue, from 1.
    position: i64,
    /// How long one may have to wait, in seconds, by what others have waited in the last hour; null where too little is known.
    estimated_wait_seconds: Option<i64>,
}

/// An entry of the log about a conversation.
#[derive(Union)]
pub enum ThreadEvent {
    ItemAdded(ItemAdded),
    ItemChanged(ItemChanged),
    ReceiptAdvanced(ReceiptAdvanced),
    ParticipantChanged(ParticipantChanged),
    TaskChanged(TaskChanged),
}

impl ThreadEvent {
    /// The event's number in its stream.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        match self {
            Self::ItemAdded(event) => event.sequence,
            Self::ItemChanged(event) => event.sequence,
            Self::ReceiptAdvanced(event) => event.sequence,
            Self::ParticipantChanged(event) => event.sequence,
            Self::TaskChanged(event) => event.sequence,
        }
    }

    /// Reads an entry of the log as those see it whose stream it stands in; `cursor` is the position as the reader counts.
    pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
        let side = if entry.stream_kind == StreamKind::CustomerSide { Side::Customer } else { Side::Staff };
        let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
        let item = || Ok::<_, Error>(ThreadItem::of(Arc::new(subject(entry)?), side));
        Ok(match entry.kind {
            EventKind::ItemAdded => Self::ItemAdded(ItemAdded { id, cursor, occurred_at, sequence, item: item()? }),
            EventKind::ItemChanged => {
                Self::ItemChanged(ItemChanged { id, cursor, occurred_at, sequence, item: item()? })
            }
            EventKind::ReceiptAdvanced => {
                let Advance { item, receipt, from, from_customer } = subject(entry)?;
                Self::ReceiptAdvanced(ReceiptAdvanced {
                    id,
                    cursor,
                    occurred_at,
                    sequence,
                    message: Message { row: Arc::new(item), side },
                    receipt: Receipt {
                        participant: receipt.participant_id,
                        side,
                        state: receipt.state,
                        at: receipt.at,
                    },
                    from_sequence: if side == Side::Staff { from } else { from_customer },
                })
            }
            EventKind::ParticipantChanged => {
                let participant = Participant { row: subject(entry)?, side };
                Self::ParticipantChanged(ParticipantChanged { id, cursor, occurred_at, sequence, participant })
            }
            EventKind::TaskChanged => Self::TaskChanged(TaskChanged::read(entry, cursor)?),
            _ => return Err(Error::internal(anyhow::anyhow!("an event of another stream"))),
        })
    }
}

/// What an event shows.
fn subject<T: serde::de::DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_value(entry.payload.clone()).map_err(Error::internal)
}

/// What the subscription `conversationEvents` delivers.
#[derive(Union)]
enum ConversationEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(ThreadEvent),
    TypingHint(TypingHint),
    WaitHint(WaitHint),
    ResyncRequired(ResyncRequired),
}

impl From<Live<ThreadEvent>> for ConversationEvent {
    fn from(live: Live<ThreadEvent>) -> Self {
        match live {
            Live::Started(event) => Self::SubscriptionStarted(event),
            Live::Event(event) => Self::Event(event),
            Live::Resync(event) => Self::ResyncRequired(event),
        }
    }
}

#[derive(Default)]
pub struct ConversationsSubscription;

#[Subscription]
impl ConversationsSubscription {
    /// What happens in a conversation, as the viewer may see it: entries added and changed, receipts, who comes and goes,
    /// who is writing, and to a customer who waits for how long still. Begins with SubscriptionStarted. With `after` everything since that cursor comes first, without gap or
    /// repeat; sequence numbers have no holes, which proves it. Those who serve and the customer follow streams of their own,
    /// each with its own numbers. When the viewer may no longer see the conversation, or has left it and may see no more of it,
    /// the stream completes. A cursor that the
    /// log no longer reaches gets ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversation_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] conversation_id: ID,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ConversationEvent>> + use<>> {
        let (app, caller) = (ctx.app()?.clone(), *ctx.caller()?);
        let unknown = || Error::invalid("conversationId", "There is no such conversation, or it is not yours to see.");
        let id = ConversationId::parse(&conversation_id).ok_or_else(unknown)?;
        let mut recheck = match &caller {
            Caller::Person(viewer) => Some(app.rechecks.of(viewer.user.0)),
            Caller::Service(_) | Caller::Visitor(_) => None,
        };
        // Who has left it, and may see no more, has nothing to follow.
        let seen = find(&app, &caller, id).await?.filter(|seen| seen.until.is_none()).ok_or_else(unknown)?.row;
        let side = Side::of(&caller);
        let live = events::live(&app, side.stream(id), after.as_ref(), ThreadEvent::read)?;
        let mut said = app.whispers.listen(id.0);
        let mut waits = waits_of(&app, &seen, side);
        let mut waits_in = (seen.queue_id, seen.task_id);
        Ok(try_stream! {
            let mut live = Box::pin(live.ready_chunks(TOGETHER));
            // No hint comes before SubscriptionStarted.
            let mut started = false;
            let mut leaving: Option<Leaving> = None;
            loop {
                let heard = tokio::select! {
                    () = leaving::over(leaving.as_ref()) => return,
                    () = due(&mut recheck), if leaving.is_none() => Heard::Recheck,
                    told = live.next() => Heard::Told(told),
                    whisper = said.next(), if started && leaving.is_none() => Heard::Said(whisper),
                    Some(hint) = waits.next(), if started => Heard::Waits(hint),
                };
                match heard {
                    Heard::Told(Some(told)) => {
                        if leaving.is_none() {
                            let Some(now) = Box::pin(find(&app, &caller, id)).await? else { return };
                            leaving = now.until.map(|until| Leaving::new(until, now.stream_at));
                            // Whoever was moved to another queue waits there from now on.
                            if waits_in != (now.row.queue_id, now.row.task_id) {
                                waits_in = (now.row.queue_id, now.row.task_id);
                                waits = waits_of(&app, &now.row, side);
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
                    Heard::Said(Some(whisper)) => {
                        let seen = Box::pin(find(&app, &caller, id)).await?;
                        let Some(seen) = seen.filter(|seen| seen.until.is_none()) else { return };
                        if let Some(hint) = Box::pin(hint(&app, &caller, &seen.row, whisper)).await? {
                            yield ConversationEvent::TypingHint(hint);
                        }
                    }
                    // Who has left is told so first.
                    Heard::Recheck => {
                        let Some(now) = Box::pin(find(&app, &caller, id)).await? else { return };
                        leaving = now.until.map(|until| Leaving::new(until, now.stream_at));
                    }
                    Heard::Waits(hint) => yield ConversationEvent::WaitHint(hint),
                    Heard::Told(None) | Heard::Said(None) => return,
                }
            }
        })
    }
}

enum Heard {
    Recheck,
    Told(Option<Vec<Result<Live<ThreadEvent>>>>),
    Said(Option<Whisper>),
    Waits(WaitHint),
}

/// How long the customer of a conversation still waits, each time it changes; nothing for anybody else.
fn waits_of(app: &App, conversation: &conversation::Model, side: Side) -> Pin<Box<dyn Stream<Item = WaitHint> + Send>> {
    let (Side::Customer, Some(queue), Some(task)) = (side, conversation.queue_id, conversation.task_id) else {
        return Box::pin(futures_util::stream::empty());
    };
    let looking = waiting::look(app, queue);
    let boards = futures_util::stream::unfold(looking, |mut looking| async move {
        looking.changed().await.ok()?;
        let board = Arc::clone(&looking.borrow_and_update());
        Some((board, looking))
    });
    let hints = boards.filter_map(move |board| {
        let estimated_wait_seconds = board.estimate;
        let hint = board.places.get(&task.0).map(|place| WaitHint { position: *place, estimated_wait_seconds });
        std::future::ready(hint)
    });
    let mut last = None;
    Box::pin(hints.filter(move |hint| std::future::ready(last.replace(*hint) != Some(*hint))))
}

/// Returns when it has to be looked again whether the follower may see the conversation.
async fn due(recheck: &mut Option<Recheck>) {
    match recheck {
        Some(recheck) => recheck.due().await,
        None => std::future::pending().await,
    }
}

/// The conversation, if the follower may see it now.
async fn find(app: &App, caller: &Caller, id: ConversationId) -> Result<Option<Seen>> {
    Ok(insist(|| async { threads::see(app.db.read(), caller, &[id]).await }).await?.pop())
}

/// What a follower is shown of somebody who writes: nothing of themselves, and nothing of whom they may not know of.
async fn hint(
    app: &App,
    caller: &Caller,
    conversation: &conversation::Model,
    whisper: Whisper,
) -> Result<Option<TypingHint>> {
    let by = ParticipantId(whisper.by);
    let Some(row) = participants::by_ids(app.db.read(), &[by]).await?.pop() else { return Ok(None) };
    let side = Side::of(caller);
    let own = Who::of(caller).is_some_and(|who| who.is(&row));
    let hidden = side == Side::Customer && participants::shown(conversation, &row) == ItemVisibility::Agent;
    if own || hidden || row.left_at.is_some() || row.conversation_id != conversation.id {
        return Ok(None);
    }
    Ok(Some(TypingHint { participant: by, side, typing: whisper.on }))
}
