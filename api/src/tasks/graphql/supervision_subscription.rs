//! `agentStates`, `queueEvents`.

use async_graphql::{Context, ID, Subscription, Union};
use entity::{id::QueueId, user::Role};
use futures_util::{Stream, StreamExt as _, stream::BoxStream};

use super::{
    event_types::{AgentStateLogEvent, QueueLogEvent},
    supervision::{is_supervisor, still_has_role},
};
use crate::{
    app::App,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::{Error, Result},
    events::{
        access_rechecks::{AccessRecheck, while_allowed},
        cursor::{Cursor, all_agents, queue_of},
        graphql::{
            types as events,
            types::{LiveEvent, ResyncRequired, SubscriptionStarted},
        },
    },
    queues::queue_rows,
};

/// What `agentStates` delivers.
#[derive(Union)]
enum AgentStateEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(AgentStateLogEvent),
    ResyncRequired(ResyncRequired),
}

/// What `queueEvents` delivers.
#[derive(Union)]
enum QueueEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(QueueLogEvent),
    ResyncRequired(ResyncRequired),
}

/// Lets those in who supervise, and waits for that to end, from before it is looked at.
async fn check_supervisor(ctx: &Context<'_>) -> Result<(App, AccessRecheck)> {
    let app = ctx.app()?;
    let Ok(viewer) = ctx.viewer() else { return Err(Error::SupervisorsOnly) };
    let recheck = app.access_rechecks.of(viewer.user.0);
    if is_supervisor(ctx).await? { Ok((app.clone(), recheck)) } else { Err(Error::SupervisorsOnly) }
}

/// Hands on what comes until the viewer no longer supervises.
fn while_supervising<T: Send + 'static>(
    ctx: &Context<'_>,
    live: BoxStream<'static, T>,
    recheck: AccessRecheck,
) -> Result<BoxStream<'static, T>> {
    let (app, user) = (ctx.app()?.clone(), ctx.viewer()?.user);
    Ok(while_allowed(live, recheck, move || still_has_role(&app, user, Role::Supervisor)))
}

#[derive(Default)]
pub struct SupervisionSubscription;

#[Subscription]
impl SupervisionSubscription {
    /// The states to which agents turn, of all agents. For supervisors. Begins with SubscriptionStarted; with `after` everything
    /// since that cursor comes first, without gap or repeat, and sequence numbers have no holes. A cursor that the log no
    /// longer reaches gets ResyncRequired, and the stream completes. It completes too when the viewer no longer supervises.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn agent_states(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last event that was received; without it, from now on.")] after: Option<
            Cursor,
        >,
    ) -> Result<impl Stream<Item = Result<AgentStateEvent>> + use<>> {
        let (app, recheck) = check_supervisor(ctx).await?;
        let live = events::live_events(&app, all_agents(), after.as_ref(), AgentStateLogEvent::read)?;
        Ok(while_supervising(ctx, live, recheck)?.map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => AgentStateEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => AgentStateEvent::Event(event),
                LiveEvent::Resync(event) => AgentStateEvent::ResyncRequired(event),
            })
        }))
    }

    /// What comes into a queue, is accepted and leaves it. For supervisors. Begins with SubscriptionStarted; with `after`, such
    /// as the queue's `streamCursor`, everything since that cursor comes first, without gap or repeat, and sequence numbers
    /// have no holes. A cursor that the log no longer reaches gets ResyncRequired, and the stream completes. It completes too
    /// when the viewer no longer supervises.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queue_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which queue.")] queue_id: ID,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<QueueEvent>> + use<>> {
        let (app, recheck) = check_supervisor(ctx).await?;
        let unknown = || Error::invalid("queueId", "There is no such queue.");
        let id = QueueId::parse(&queue_id).ok_or_else(unknown)?;
        queue_rows::find(app.db.read(), id).await?.ok_or_else(unknown)?;
        let live = events::live_events(&app, queue_of(id), after.as_ref(), QueueLogEvent::read)?;
        Ok(while_supervising(ctx, live, recheck)?.map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => QueueEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => QueueEvent::Event(event),
                LiveEvent::Resync(event) => QueueEvent::ResyncRequired(event),
            })
        }))
    }
}
