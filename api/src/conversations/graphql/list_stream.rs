//! Follows everything that changes a user's lists of conversations, and the numbers of things that wait for the user.

use std::sync::Arc;

use async_graphql::Context;
use async_stream::try_stream;
use entity::{
    customer,
    id::{ConversationId, CustomerId, QueueId},
    stream::StreamKind,
    user::Role,
};
use futures_util::{Stream, StreamExt as _};

use super::event_types::conversation_of;
use crate::{
    app::App,
    auth::{
        request_context::ContextExt as _,
        revocation,
        viewer::{Caller, Scope, Viewer},
    },
    conversations::{customers, listing, participants},
    error::{Error, Result},
    events::{
        access_rechecks::AccessRecheck,
        cursor::Cursor,
        graphql::{
            subscription::{resync, started},
            types::{ResyncRequired, SubscriptionStarted},
        },
        log_feed::{self, FeedItem, SharedEntry},
        reading::retry_while_unavailable,
        selection::{FOR_EVERYONE, Selection},
        sequencer,
    },
    instant::Instant,
    notifications::graphql::unread_types::{UnreadChanged, UnreadCounts},
    users::people,
};

/// The reason of a resync when the viewer's lists contain other conversations than before.
const OTHER_LISTS: &str = "The viewer's role or queues changed, so the lists contain other conversations now.";

/// An item for a subscription that follows the viewer's lists.
pub enum ListItem {
    /// The first item.
    Started(SubscriptionStarted),
    /// The next entries of the log that the viewer may see, in order.
    Entries(Vec<Arc<SharedEntry>>),
    /// New numbers of things that wait for the viewer.
    Unread(UnreadChanged),
    /// The last item: the viewer must read the lists again.
    Resync(ResyncRequired),
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

    /// Returns the streams of the lists and of the numbers, and the caller's own streams of these kinds.
    fn selection(self, caller: &Caller, more: &[StreamKind]) -> Selection {
        let owned = match caller {
            Caller::Person(viewer) => {
                let mut kinds = vec![StreamKind::DirectInbox, StreamKind::AgentDesktop];
                if viewer.scopes.has(Scope::NotificationsRead) {
                    kinds.extend([StreamKind::Notifications, StreamKind::Requests]);
                }
                kinds.extend(more.iter().filter(|kind| !FOR_EVERYONE.contains(kind)));
                kinds.sort_unstable();
                kinds.dedup();
                vec![(viewer.user.0, kinds)]
            }
            Caller::Service(_) | Caller::Visitor(_) => Vec::new(),
        };
        let (queues, mut everywhere) = match self {
            Self::Own => (Vec::new(), Vec::new()),
            Self::Queues(queues) => (queues, vec![StreamKind::Customer]),
            Self::All => (Vec::new(), vec![StreamKind::Conversation, StreamKind::Customer]),
        };
        everywhere.extend(more.iter().filter(|kind| FOR_EVERYONE.contains(kind)));
        Selection { owned, queues, everywhere, ..Selection::default() }
    }
}

/// Returns true if the caller's lists may contain other conversations now than at a position of the log.
async fn lists_changed_since(app: &App, caller: &Caller, position: Option<i64>) -> Result<bool> {
    let (Caller::Person(viewer), Some(position)) = (caller, position) else { return Ok(false) };
    retry_while_unavailable(|| revocation::changed_since(app.db.read(), viewer.user, position)).await
}

/// Returns a position that all events have reached which are committed now. A reader who continues there does not meet
/// the change of rights again that ended the subscription.
async fn end_of_log(app: &App) -> Result<i64> {
    retry_while_unavailable(|| sequencer::drain(&app.db)).await?;
    Ok(retry_while_unavailable(|| sequencer::bounds(app.db.read())).await?.last)
}

/// Returns the entries without the customers whom the caller may not see. Entries about other objects stay.
async fn visible_customers(
    app: &App,
    caller: &Caller,
    entries: Vec<Arc<SharedEntry>>,
) -> Result<Vec<Arc<SharedEntry>>> {
    let customer_of = |entry: &SharedEntry| match entry.stream_kind {
        StreamKind::Customer => Some(CustomerId(entry.owner_id)),
        _ => None,
    };
    let changed: Vec<CustomerId> = entries.iter().filter_map(|entry| customer_of(entry)).collect();
    if changed.is_empty() {
        return Ok(entries);
    }
    let visible = retry_while_unavailable(|| customers::find(app.db.read(), caller, &changed)).await?;
    let is_visible = |id: CustomerId| visible.iter().any(|row: &customer::Model| row.id == id);
    Ok(entries.into_iter().filter(|entry| customer_of(entry).is_none_or(is_visible)).collect())
}

/// The numbers that a subscriber was told last.
struct UnreadWatch {
    viewer: Option<Viewer>,
    last: Option<UnreadCounts>,
}

impl UnreadWatch {
    fn of(caller: &Caller) -> Self {
        let viewer = match caller {
            Caller::Person(viewer) if viewer.scopes.has(Scope::NotificationsRead) => Some(*viewer),
            Caller::Person(_) | Caller::Service(_) | Caller::Visitor(_) => None,
        };
        Self { viewer, last: None }
    }

    /// Returns true if the entries can have changed the numbers.
    async fn concerns(&self, app: &App, entries: &[Arc<SharedEntry>]) -> Result<bool> {
        let Some(viewer) = self.viewer else { return Ok(false) };
        if entries.iter().any(|entry| entry.owner_id == viewer.user.0) {
            return Ok(true);
        }
        // A conversation's entry stands for the viewer's own entry of the same event.
        let of_conversation = |entry: &&Arc<SharedEntry>| entry.stream_kind == StreamKind::Conversation;
        let changed = entries.iter().filter(of_conversation).filter_map(|entry| conversation_of(entry));
        let mut changed: Vec<ConversationId> = changed.collect();
        changed.sort_unstable();
        changed.dedup();
        retry_while_unavailable(|| participants::ever_took_part_in_one(app.db.read(), viewer.user, &changed)).await
    }

    /// Counts again, and returns the event if the numbers changed.
    async fn news(&mut self, app: &App, cursor: Cursor) -> Result<Option<UnreadChanged>> {
        let Some(viewer) = self.viewer else { return Ok(None) };
        let now = Instant(app.clock.now());
        let unread = match UnreadCounts::read(app, &viewer).await {
            // The next event counts again.
            Err(Error::Unavailable(_)) => {
                self.last = None;
                return Ok(None);
            }
            counted => counted?,
        };
        if self.last.replace(unread) == Some(unread) {
            return Ok(None);
        }
        Ok(Some(UnreadChanged { cursor, occurred_at: now, unread }))
    }
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

/// Follows the caller's lists after a cursor, or from now on, with more kinds of streams than the lists need: the
/// caller's own, and those that everyone may follow. Refuses customers with FORBIDDEN.
pub async fn follow(
    ctx: &Context<'_>,
    after: Option<Cursor>,
    more: &[StreamKind],
) -> Result<impl Stream<Item = Result<ListItem>> + use<>> {
    let (app, caller) = (ctx.app()?.clone(), *ctx.caller()?);
    let owner = caller.cursor_owner();
    let after = after.map(|cursor| cursor.position_of(owner)).transpose()?;
    let mut recheck = ctx.viewer().ok().map(|viewer| app.access_rechecks.of(viewer.user.0));
    let scope = ListScope::of(&app, &caller).await?;
    let changed_before = lists_changed_since(&app, &caller, after).await?;
    let selection = scope.clone().selection(&caller, more);
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
                        yield ListItem::Started(started(owner, at, &app.clock));
                        if changed_before {
                            let end = Box::pin(end_of_log(&app)).await?;
                            yield ListItem::Resync(resync(owner, end, OTHER_LISTS, &app.clock));
                            return;
                        }
                    }
                    FeedItem::Entries(entries) => {
                        at = entries.last().and_then(|entry| entry.position).unwrap_or(at);
                        let counts = unread.last.is_none() || Box::pin(unread.concerns(&app, &entries)).await?;
                        yield ListItem::Entries(Box::pin(visible_customers(&app, &caller, entries)).await?);
                        if !counts {
                            continue;
                        }
                    }
                    FeedItem::Resync { at, reason } => {
                        yield ListItem::Resync(resync(owner, at, reason, &app.clock));
                        return;
                    }
                },
                Heard::Recheck => {
                    if Box::pin(ListScope::of(&app, &caller)).await? != scope {
                        let end = Box::pin(end_of_log(&app)).await?;
                        yield ListItem::Resync(resync(owner, end, OTHER_LISTS, &app.clock));
                        return;
                    }
                    // It may come before the start, which is the first event.
                    continue;
                }
            }
            if let Some(event) = Box::pin(unread.news(&app, Cursor::global(owner, at))).await? {
                yield ListItem::Unread(event);
            }
        }
    })
}
