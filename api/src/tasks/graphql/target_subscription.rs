//! The subscription `targetEvents`: the possible targets of the viewer's task, for an open dialog of a transfer or a
//! conference.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use entity::{
    event::EventKind,
    id::{TaskId, UserId},
    stream::StreamKind,
};
use futures_util::Stream;

use crate::{
    agents::graphql::list_types::AgentConnection,
    app::App,
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    error::{Error, Result},
    events::{
        cursor::Cursor,
        graphql::{
            subscription::{resync, started},
            types::{ResyncRequired, SubscriptionStarted},
        },
        log::LoggedEvent,
        log_feed::{self, FeedItem},
        reading::retry_while_unavailable,
        selection::Selection,
    },
    instant::Instant,
    pagination::PageArguments,
    queues::graphql::types::QueueConnection,
    tasks::{target_search::TargetPurpose, task_rows},
};

/// The possible targets of a task may have changed: the state or load of an agent, or the tasks of a queue. The event
/// is not part of the log: it has no number, and several changes may come as one.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct TargetsChanged {
    /// The cursor to resume after this event.
    pub cursor: Cursor,
    /// The time of the last change.
    pub occurred_at: Instant,
    #[graphql(skip)]
    task: ID,
}

#[ComplexObject]
impl TargetsChanged {
    /// The agents who are possible targets now, ordered by name, as `agents` lists them.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The purpose for which the agents are listed.")] purpose: TargetPurpose,
        #[graphql(desc = "The words to find, as in `agents`.")] search: Option<String>,
        #[graphql(desc = "The number of agents from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same search.")] after: Option<String>,
        #[graphql(desc = "The number of agents from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same search.")] before: Option<String>,
    ) -> Result<AgentConnection> {
        let target = Some((self.task.as_str(), purpose));
        AgentConnection::read(ctx, search, None, target, PageArguments { first, after, last, before }).await
    }

    /// The queues that are possible targets of a transfer now, ordered by name, as `queues` lists them.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queues(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The words to find, as in `queues`.")] search: Option<String>,
        #[graphql(desc = "The number of queues from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same search.")] after: Option<String>,
        #[graphql(desc = "The number of queues from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same search.")] before: Option<String>,
    ) -> Result<QueueConnection> {
        let arguments = PageArguments { first, after, last, before };
        QueueConnection::read(ctx, search, None, Some(&self.task), false, arguments).await
    }
}

/// An item of the subscription `targetEvents`.
#[derive(Union)]
enum TargetEvent {
    SubscriptionStarted(SubscriptionStarted),
    TargetsChanged(TargetsChanged),
    ResyncRequired(ResyncRequired),
}

/// Returns true if the entry can change the targets of a task or their order of choice.
fn concerns(entry: &LoggedEvent) -> bool {
    entry.stream_kind != StreamKind::AgentDesktop || matches!(entry.kind.0, Some(EventKind::AgentChanged))
}

/// Returns true if the user owns the task and the task has not ended.
async fn is_owner(app: &App, task: TaskId, user: UserId) -> Result<bool> {
    let found = retry_while_unavailable(|| task_rows::find(app.db.read(), task)).await?;
    Ok(found.is_some_and(|task| task.owner_id == Some(user) && task_rows::is_live(task.status)))
}

/// Root subscription of the targets of a task.
#[derive(Default)]
pub struct TargetsSubscription;

#[Subscription]
impl TargetsSubscription {
    /// Delivers an event whenever the state or the load of an agent or the tasks of a queue change, with the possible
    /// targets for a transfer or a conference of the viewer's task as they are then. For an open dialog, so that nobody
    /// has to press a button to refresh it. Begins with SubscriptionStarted. With `after`, the changes since that
    /// cursor come first, several of them as one. The stream completes at the next change when the task has ended or
    /// is no longer the viewer's. A cursor that the log no longer covers gets
    /// ResyncRequired, and the stream completes. Refuses a task that is not the viewer's with BAD_USER_INPUT.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn target_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task, which the viewer owns.")] task_id: ID,
        #[graphql(desc = "The cursor of the last received event, or the `streamCursor` of the viewer. Without it, \
                    events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<TargetEvent>> + use<>> {
        let (app, viewer) = (ctx.app()?.clone(), ctx.viewer()?.user);
        let not_own = || Error::invalid("taskId", "This is not your task.");
        let task = TaskId::parse(&task_id).ok_or_else(not_own)?;
        if !is_owner(&app, task, viewer).await? {
            return Err(not_own());
        }
        let after = after.map(|cursor| cursor.position_of(viewer.0)).transpose()?;
        let everywhere = vec![StreamKind::Agents, StreamKind::AgentDesktop, StreamKind::Queue];
        let selection = Selection { everywhere, ..Selection::default() };
        let live = log_feed::follow(Arc::clone(&app.log_feed), app.db.clone(), selection, after);
        Ok(try_stream! {
            for await item in live {
                match item? {
                    FeedItem::Started(at) => {
                        yield TargetEvent::SubscriptionStarted(started(viewer.0, at, &app.clock));
                    }
                    FeedItem::Resync { at, reason } => {
                        yield TargetEvent::ResyncRequired(resync(viewer.0, at, reason, &app.clock));
                    }
                    FeedItem::Entries(entries) => {
                        let Some(last) = entries.iter().rfind(|entry| concerns(entry)) else { continue };
                        if !Box::pin(is_owner(&app, task, viewer)).await? {
                            return;
                        }
                        yield TargetEvent::TargetsChanged(TargetsChanged {
                            cursor: Cursor::of_entry(viewer.0, last),
                            occurred_at: Instant(last.occurred_at),
                            task: task_id.clone(),
                        });
                    }
                }
            }
        })
    }
}
