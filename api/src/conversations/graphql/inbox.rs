//! The subscription `inbox`: every change of the viewer's lists of conversations and of the numbers of things that
//! wait for the viewer.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Subscription, Union};
use async_stream::try_stream;
use entity::{
    event::EventKind,
    id::{ConversationId, TaskId},
    offer,
    stream::StreamKind,
};
use futures_util::Stream;
use uuid::Uuid;

use super::{
    event_types::{ConversationChanged, CustomerChanged, CustomerLogEvent, conversation_of},
    list_stream::{self, ListItem},
};
use crate::{
    app::App,
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    conversations::conversation_rows,
    error::Result,
    events::{
        cursor::Cursor,
        graphql::types::{ResyncRequired, SubscriptionStarted},
        log::LoggedEvent,
        log_feed::SharedEntry,
        reading::retry_while_unavailable,
    },
    notifications::graphql::unread_types::UnreadChanged,
};

/// An item of the subscription `inbox`.
#[derive(Union)]
enum InboxEvent {
    SubscriptionStarted(SubscriptionStarted),
    ConversationChanged(ConversationChanged),
    CustomerChanged(CustomerChanged),
    UnreadChanged(UnreadChanged),
    ResyncRequired(ResyncRequired),
}

/// Returns the conversations that the entries are about, each with the index of its last entry, in that order.
pub async fn changed_conversations(app: &App, entries: &[Arc<SharedEntry>]) -> Result<Vec<(ConversationId, usize)>> {
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
    Ok(last)
}

/// Returns the events of a batch, in the order of the log.
async fn read_batch(app: &App, owner: Uuid, entries: &[Arc<SharedEntry>]) -> Result<Vec<InboxEvent>> {
    let mut changed = changed_conversations(app, entries).await?.into_iter().peekable();
    let mut events = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        if let Some((of, _)) = changed.next_if(|(_, last)| *last == index) {
            let event = ConversationChanged::of(of, entry, Cursor::of_entry(owner, entry));
            events.push(InboxEvent::ConversationChanged(event));
        } else if let (StreamKind::Customer, CustomerLogEvent::CustomerChanged(event)) =
            (entry.stream_kind, CustomerLogEvent::read(entry, Cursor::of_entry(owner, entry)))
        {
            events.push(InboxEvent::CustomerChanged(event));
        }
    }
    Ok(events)
}

/// Returns the conversations whose offers ended, by the task. The event of an offer does not name its conversation,
/// and an agent who no longer sees the conversation gets no other event about it.
async fn conversations_of_ended_offers(
    app: &App,
    entries: &[Arc<SharedEntry>],
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

/// Root subscription of the viewer's lists of conversations.
#[derive(Default)]
pub struct InboxSubscription;

#[Subscription]
impl InboxSubscription {
    /// Delivers every change of the conversations in the viewer's lists: new and changed items, receipts, participants
    /// and tasks. Read the conversation of the event again: `lastItem`, `unreadCount`, `status` and `task`. Changes
    /// that come together are delivered as one. Also delivers changed details of the customers of these conversations,
    /// and the numbers of `viewer.unread` whenever they change, and once at the beginning, with the scope
    /// NOTIFICATIONS_READ. The lists are those of `conversations`: a user's own, for agents also those of the queues
    /// that they serve, for supervisors and organization keys all conversations with customers. Begins with
    /// SubscriptionStarted. With `after`, all changes since that cursor come first. When the log no longer reaches the
    /// cursor, or the viewer's role or queues change, the stream delivers ResyncRequired and completes. Refuses
    /// customers with FORBIDDEN.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn inbox(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor` of the viewer or of a page of \
                    conversations. Without it, events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<InboxEvent>> + use<>> {
        let (app, owner) = (ctx.app()?.clone(), ctx.caller()?.cursor_owner());
        let live = list_stream::follow(ctx, after, &[]).await?;
        Ok(try_stream! {
            for await item in live {
                match item? {
                    ListItem::Started(event) => yield InboxEvent::SubscriptionStarted(event),
                    ListItem::Entries(entries) => {
                        for event in Box::pin(read_batch(&app, owner, &entries)).await? {
                            yield event;
                        }
                    }
                    ListItem::Unread(event) => yield InboxEvent::UnreadChanged(event),
                    ListItem::Resync(event) => yield InboxEvent::ResyncRequired(event),
                }
            }
        })
    }
}
