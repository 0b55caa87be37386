//! The subscription `inbox`: every change of the viewer's lists of conversations and of the numbers of things that
//! wait for the viewer.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Subscription, Union};
use async_stream::try_stream;
use entity::{
    event::EventKind,
    id::{ConversationId, QueueId, TaskId},
    offer,
    stream::StreamKind,
    user::Role,
};
use futures_util::{Stream, StreamExt as _};
use uuid::Uuid;

use super::event_types::{ConversationChanged, conversation_of};
use crate::{
    app::App,
    auth::{
        guard::Needs,
        request_context::ContextExt as _,
        revocation,
        viewer::{Caller, Scope, Viewer},
    },
    conversations::{conversation_rows, listing},
    error::{Error, Result},
    events::{
        access_rechecks::AccessRecheck,
        cursor::Cursor,
        graphql::{
            subscription::{resync, started},
            types::{ResyncRequired, SubscriptionStarted},
        },
        log::LoggedEvent,
        log_feed::{self, FeedItem},
        reading::retry_while_unavailable,
        selection::Selection,
        sequencer,
    },
    instant::Instant,
    notifications::graphql::unread_types::{UnreadChanged, UnreadCounts},
    users::people,
};

/// The reason of a resync when the viewer's lists contain other conversations than before.
const OTHER_LISTS: &str = "The viewer's role or queues changed, so the lists contain other conversations now.";

/// An item of the subscription `inbox`.
#[derive(Union)]
enum InboxEvent {
    SubscriptionStarted(SubscriptionStarted),
    ConversationChanged(ConversationChanged),
    UnreadChanged(UnreadChanged),
    ResyncRequired(ResyncRequired),
}

/// The conversations that a caller's lists contain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ListScope {
    /// The conversations in which the caller takes part.
    Own,
    /// The conversations in which the caller takes part, and those of the queues that the caller serves.
    Queues(Vec<QueueId>),
    /// All conversations with customers, and the caller's direct conversations.
    All,
}

impl ListScope {
    async fn of(app: &App, caller: &Caller) -> Result<Self> {
        let user = match caller {
            Caller::Person(viewer) => viewer.user,
            Caller::Service(_) => return Ok(Self::All),
            Caller::Visitor(_) => return Err(Error::PersonsOnly),
        };
        let db = app.db.read();
        Ok(match retry_while_unavailable(|| people::role(db, user)).await? {
            Some(Role::Supervisor | Role::Admin) => Self::All,
            Some(Role::Agent) => {
                Self::Queues(retry_while_unavailable(|| listing::queues_of_agent(db, user, &[])).await?)
            }
            Some(Role::Member) | None => Self::Own,
        })
    }

    fn selection(self, caller: &Caller) -> Selection {
        let owned = match caller {
            Caller::Person(viewer) => {
                let mut kinds = vec![StreamKind::DirectInbox, StreamKind::AgentDesktop];
                if viewer.scopes.has(Scope::NotificationsRead) {
                    kinds.extend([StreamKind::Notifications, StreamKind::Requests]);
                }
                Some((viewer.user.0, kinds))
            }
            Caller::Service(_) | Caller::Visitor(_) => None,
        };
        let (queues, everywhere) = match self {
            Self::Own => (Vec::new(), Vec::new()),
            Self::Queues(queues) => (queues, Vec::new()),
            Self::All => (Vec::new(), vec![StreamKind::Conversation]),
        };
        Selection { owned, queues, everywhere }
    }
}

/// Returns true if the caller's lists may contain other conversations now than at a position of the log.
async fn lists_changed_since(app: &App, caller: &Caller, position: Option<i64>) -> Result<bool> {
    let (Caller::Person(viewer), Some(position)) = (caller, position) else { return Ok(false) };
    retry_while_unavailable(|| revocation::changed_since(app.db.read(), viewer.user, position)).await
}

/// The numbers that a subscriber was told last.
struct UnreadWatch {
    viewer: Option<Viewer>,
    told: Option<UnreadCounts>,
}

impl UnreadWatch {
    fn of(caller: &Caller) -> Self {
        let viewer = match caller {
            Caller::Person(viewer) if viewer.scopes.has(Scope::NotificationsRead) => Some(*viewer),
            Caller::Person(_) | Caller::Service(_) | Caller::Visitor(_) => None,
        };
        Self { viewer, told: None }
    }

    /// Counts again, and returns the event if the numbers changed.
    async fn news(&mut self, app: &App, cursor: Cursor) -> Result<Option<UnreadChanged>> {
        let Some(viewer) = self.viewer else { return Ok(None) };
        let now = Instant(app.clock.now());
        let unread = match UnreadCounts::read(app, &viewer).await {
            // The next event counts again.
            Err(Error::Unavailable(_)) => return Ok(None),
            counted => counted?,
        };
        if self.told.replace(unread) == Some(unread) {
            return Ok(None);
        }
        Ok(Some(UnreadChanged { cursor, occurred_at: now, unread }))
    }
}

/// Returns one event for each conversation that the entries are about, in the order of the last entry of each.
async fn changes(app: &App, owner: Uuid, entries: &[Arc<LoggedEvent>]) -> Result<Vec<ConversationChanged>> {
    let offered = conversations_of_ended_offers(app, entries).await?;
    let mut last = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let of_offer = || offered.get(&task_of_ended_offer(entry)?).copied();
        if let Some(of) = conversation_of(entry).or_else(of_offer) {
            last.insert(of, index);
        }
    }
    let mut last: Vec<(ConversationId, usize)> = last.into_iter().collect();
    last.sort_unstable_by_key(|(_, index)| *index);
    let read = |(of, index): (ConversationId, usize)| {
        let entry = &entries[index];
        ConversationChanged::of(of, entry, Cursor::global(owner, entry.position.unwrap_or_default()))
    };
    Ok(last.into_iter().map(read).collect())
}

/// Returns the conversations whose offers ended, by the task. The event of an offer does not name its conversation,
/// and an agent who no longer sees the conversation gets no other event about it.
async fn conversations_of_ended_offers(
    app: &App,
    entries: &[Arc<LoggedEvent>],
) -> Result<HashMap<TaskId, ConversationId>> {
    let ended: Vec<TaskId> = entries.iter().filter_map(|entry| task_of_ended_offer(entry)).collect();
    if ended.is_empty() {
        return Ok(HashMap::new());
    }
    retry_while_unavailable(|| conversation_rows::of_tasks(app.db.read(), &ended)).await
}

fn task_of_ended_offer(entry: &LoggedEvent) -> Option<TaskId> {
    let ended = matches!(entry.kind.0, Some(EventKind::OfferEnded));
    ended.then(|| entry.subject::<offer::Model>().map(|offer| offer.task_id)).flatten()
}

/// Returns a position that all events have reached which are committed now. A reader who continues there does not meet
/// the change of rights again that ended the subscription.
async fn end_of_log(app: &App) -> Result<i64> {
    retry_while_unavailable(|| sequencer::drain(&app.db)).await?;
    Ok(retry_while_unavailable(|| sequencer::bounds(app.db.read())).await?.last)
}

enum Heard {
    Item(Option<Result<FeedItem>>),
    Recheck,
}

async fn due(recheck: &mut Option<AccessRecheck>) {
    match recheck {
        Some(recheck) => recheck.due().await,
        None => std::future::pending().await,
    }
}

/// Root subscription of the viewer's lists of conversations.
#[derive(Default)]
pub struct InboxSubscription;

#[Subscription]
impl InboxSubscription {
    /// Delivers every change of the conversations in the viewer's lists: new and changed items, receipts, participants
    /// and tasks. Read the conversation of the event again: `lastItem`, `unreadCount`, `status` and `task`. Changes
    /// that come together are delivered as one. Also delivers the numbers of `viewer.unread` whenever they change, and
    /// once at the beginning, with the scope NOTIFICATIONS_READ. The lists are those of `conversations`: a user's own,
    /// for agents also those of the queues that they serve, for supervisors and organization keys all conversations
    /// with customers. Begins with SubscriptionStarted. With `after`, all changes since that cursor come first. When
    /// the log no longer reaches the cursor, or the viewer's role or queues change, the stream delivers ResyncRequired
    /// and completes. Refuses customers with FORBIDDEN.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn inbox(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor` of the viewer or of a page of \
                    conversations. Without it, events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<InboxEvent>> + use<>> {
        let (app, caller) = (ctx.app()?.clone(), *ctx.caller()?);
        let owner = caller.cursor_owner();
        let after = after.map(|cursor| cursor.position_of(owner)).transpose()?;
        let mut recheck = ctx.viewer().ok().map(|viewer| app.access_rechecks.of(viewer.user.0));
        let scope = ListScope::of(&app, &caller).await?;
        let changed_before = lists_changed_since(&app, &caller, after).await?;
        let selection = scope.clone().selection(&caller);
        let mut live = log_feed::follow(Arc::clone(&app.log_feed), app.db.clone(), selection, after).boxed();
        Ok(try_stream! {
            let mut unread = UnreadWatch::of(&caller);
            let mut at = 0;
            loop {
                let heard = tokio::select! {
                    () = due(&mut recheck) => Heard::Recheck,
                    item = live.next() => Heard::Item(item),
                };
                match heard {
                    Heard::Item(None) => return,
                    Heard::Item(Some(item)) => match item? {
                        FeedItem::Started(position) => {
                            at = position;
                            yield InboxEvent::SubscriptionStarted(started(owner, at, &app.clock));
                            if changed_before {
                                let end = Box::pin(end_of_log(&app)).await?;
                                yield InboxEvent::ResyncRequired(resync(owner, end, OTHER_LISTS, &app.clock));
                                return;
                            }
                        }
                        FeedItem::Entries(entries) => {
                            at = entries.last().and_then(|entry| entry.position).unwrap_or(at);
                            for event in Box::pin(changes(&app, owner, &entries)).await? {
                                yield InboxEvent::ConversationChanged(event);
                            }
                        }
                        FeedItem::Resync { at, reason } => {
                            yield InboxEvent::ResyncRequired(resync(owner, at, reason, &app.clock));
                            return;
                        }
                    },
                    Heard::Recheck => {
                        if Box::pin(ListScope::of(&app, &caller)).await? != scope {
                            let end = Box::pin(end_of_log(&app)).await?;
                            yield InboxEvent::ResyncRequired(resync(owner, end, OTHER_LISTS, &app.clock));
                            return;
                        }
                        // It may come before the start, which is the first event.
                        continue;
                    }
                }
                if let Some(event) = Box::pin(unread.news(&app, Cursor::global(owner, at))).await? {
                    yield InboxEvent::UnreadChanged(event);
                }
            }
        })
    }
}
