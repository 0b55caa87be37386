//! The subscription `supervisorDesktop`: the states and loads of all agents, their tasks, and the queues with their
//! counts.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Subscription, Union};
use entity::{event::EventKind, id::QueueId, stream::StreamKind};
use futures_util::{Stream, StreamExt as _};
use uuid::Uuid;

use super::{
    event_types::{AgentChanged, AgentStateChanged, TaskAccepted, TaskChanged, TaskDequeued, TaskQueued, TaskReleased},
    event_types::{AgentDesktopLogEvent, AgentStateLogEvent, QueueLogEvent},
    supervision::may_supervise,
};
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    clock::Clock,
    conversations::graphql::event_types::{CustomerChanged, CustomerLogEvent},
    error::{Error, Result},
    events::{
        cursor::Cursor,
        graphql::{
            subscription::{follow, recheck_role, resync, started},
            types::{ResyncRequired, SubscriptionStarted, UnknownEvent},
        },
        log::LoggedEvent,
        log_feed::{FeedItem, SharedEntry},
        selection::Selection,
    },
    instant::Instant,
    queues::graphql::types::Queue,
};

/// Maximum number of queues in one call of `supervisorDesktop`.
const MAX_QUEUES: usize = 200;

/// The counts of a queue may have changed, because tasks entered it or left it. The event is not part of the log: it
/// has no number, and several changes may come as one.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct QueueCountsChanged {
    /// The cursor to resume after this event.
    pub cursor: Cursor,
    /// The time of the last change.
    pub occurred_at: Instant,
    /// The id of the queue.
    pub queue_id: ID,
    #[graphql(skip)]
    of: QueueId,
}

#[ComplexObject]
impl QueueCountsChanged {
    /// The queue as it is now, with its counts.
    async fn queue(&self, ctx: &Context<'_>) -> Option<Result<Queue>> {
        Queue::find(ctx, self.of).await.transpose()
    }
}

/// An item of the subscription `supervisorDesktop`.
#[derive(Union)]
enum SupervisorDesktopEvent {
    SubscriptionStarted(SubscriptionStarted),
    AgentStateChanged(AgentStateChanged),
    AgentChanged(AgentChanged),
    TaskChanged(TaskChanged),
    TaskQueued(TaskQueued),
    TaskDequeued(TaskDequeued),
    TaskAccepted(TaskAccepted),
    TaskReleased(TaskReleased),
    QueueCountsChanged(QueueCountsChanged),
    CustomerChanged(CustomerChanged),
    UnknownEvent(UnknownEvent),
    ResyncRequired(ResyncRequired),
}

impl SupervisorDesktopEvent {
    /// Reads an entry of the log. Returns `None` for an entry that is not about the supervisor's desktop.
    fn read(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        Some(match entry.stream_kind {
            StreamKind::Agents => match AgentStateLogEvent::read(entry, cursor) {
                AgentStateLogEvent::AgentStateChanged(event) => Self::AgentStateChanged(event),
                AgentStateLogEvent::UnknownEvent(event) => Self::UnknownEvent(event),
            },
            StreamKind::Queue => match QueueLogEvent::read(entry, cursor) {
                QueueLogEvent::TaskQueued(event) => Self::TaskQueued(event),
                QueueLogEvent::TaskDequeued(event) => Self::TaskDequeued(event),
                QueueLogEvent::TaskAccepted(event) => Self::TaskAccepted(event),
                QueueLogEvent::TaskReleased(event) => Self::TaskReleased(event),
                QueueLogEvent::UnknownEvent(event) => Self::UnknownEvent(event),
            },
            StreamKind::Customer => match CustomerLogEvent::read(entry, cursor) {
                CustomerLogEvent::CustomerChanged(event) => Self::CustomerChanged(event),
                CustomerLogEvent::UnknownEvent(event) => Self::UnknownEvent(event),
            },
            StreamKind::AgentDesktop
                if matches!(entry.kind.0, Some(EventKind::AgentChanged | EventKind::TaskChanged)) =>
            {
                match AgentDesktopLogEvent::read(entry, cursor) {
                    AgentDesktopLogEvent::AgentChanged(event) => Self::AgentChanged(event),
                    AgentDesktopLogEvent::TaskChanged(event) => Self::TaskChanged(event),
                    AgentDesktopLogEvent::UnknownEvent(event) => Self::UnknownEvent(event),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

/// Returns the events of a batch, and one event for each queue whose counts may have changed.
fn read_batch(owner: Uuid, queues: Option<&[QueueId]>, entries: &[Arc<SharedEntry>]) -> Vec<SupervisorDesktopEvent> {
    let mut events = Vec::new();
    let mut changed: Vec<(QueueId, &LoggedEvent)> = Vec::new();
    for entry in entries {
        if entry.stream_kind == StreamKind::Queue {
            let queue = QueueId(entry.owner_id);
            if queues.is_some_and(|queues| !queues.contains(&queue)) {
                continue;
            }
            changed.retain(|(known, _)| *known != queue);
            changed.push((queue, entry));
        }
        events.extend(SupervisorDesktopEvent::read(entry, Cursor::of_entry(owner, entry)));
    }
    // The counts come last, with the position of the whole batch: a client that resumes there gets no queue twice.
    let end = entries.last().and_then(|entry| entry.position).unwrap_or_default();
    events.extend(changed.into_iter().map(|(of, entry)| {
        SupervisorDesktopEvent::QueueCountsChanged(QueueCountsChanged {
            cursor: Cursor::global(owner, end),
            occurred_at: Instant(entry.occurred_at),
            queue_id: of.into(),
            of,
        })
    }));
    events
}

fn read_item(
    owner: Uuid,
    queues: Option<&[QueueId]>,
    item: Result<FeedItem>,
    clock: &Clock,
) -> Vec<Result<SupervisorDesktopEvent>> {
    match item {
        Err(error) => vec![Err(error)],
        Ok(FeedItem::Started(at)) => vec![Ok(SupervisorDesktopEvent::SubscriptionStarted(started(owner, at, clock)))],
        Ok(FeedItem::Resync { at, reason }) => {
            vec![Ok(SupervisorDesktopEvent::ResyncRequired(resync(owner, at, reason, clock)))]
        }
        Ok(FeedItem::Entries(entries)) => read_batch(owner, queues, &entries).into_iter().map(Ok).collect(),
    }
}

/// Root subscription of a supervisor's desktop.
#[derive(Default)]
pub struct SupervisorDesktopSubscription;

#[Subscription]
impl SupervisorDesktopSubscription {
    /// Delivers in one stream what a supervisor watches: the states of all agents, their loads and tasks, tasks that
    /// enter queues, are accepted, or leave, the counts of each queue after its changes, and with the scope
    /// CONVERSATIONS_READ new and changed customers. For supervisors and organization keys. Begins with
    /// SubscriptionStarted. With `after`, all events since that cursor come first, without gaps or repetitions. A
    /// cursor that the log no longer covers gets ResyncRequired, and the stream completes. It also completes when the
    /// viewer stops being a supervisor.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn supervisor_desktop(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last received event, or the `streamCursor` of the viewer. Without it, events \
                    begin now."
        )]
        after: Option<Cursor>,
        #[graphql(
            desc = "The queues whose waiting tasks and counts to deliver, at most 200. Those of all queues when left out. The states, \
                    loads and tasks of agents are those of all agents."
        )]
        queue_ids: Option<Vec<ID>>,
    ) -> Result<impl Stream<Item = Result<SupervisorDesktopEvent>> + use<>> {
        let (app, caller) = (ctx.app()?.clone(), *ctx.caller()?);
        let owner = caller.cursor_owner();
        let after = after.map(|cursor| cursor.position_of(owner)).transpose()?;
        let unknown = || Error::invalid("queueIds", "These are not ids of at most 200 queues.");
        let queues: Option<Vec<QueueId>> = match queue_ids {
            None => None,
            Some(ids) if ids.len() > MAX_QUEUES => return Err(unknown()),
            Some(ids) => Some(ids.iter().map(|id| QueueId::parse(id).ok_or_else(unknown)).collect::<Result<_>>()?),
        };
        let mut everywhere = vec![StreamKind::Agents, StreamKind::AgentDesktop, StreamKind::Queue];
        if caller.scopes().has(Scope::ConversationsRead) {
            everywhere.push(StreamKind::Customer);
        }
        let selection = Selection { everywhere, ..Selection::default() };
        let live = follow(&app, recheck_role(&app, &caller), selection, after);
        if !may_supervise(ctx).await? {
            return Err(Error::SupervisorsOnly);
        }
        let read = move |item| read_item(owner, queues.as_deref(), item, &app.clock);
        Ok(live.map(read).flat_map(futures_util::stream::iter))
    }
}
