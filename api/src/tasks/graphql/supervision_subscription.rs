//! The subscriptions of supervisors: `agentStates` and `queueEvents`.

use async_graphql::{Context, ID, Subscription, Union};
use entity::{
    id::{QueueId, UserId},
    user::Role,
};
use futures_util::{Stream, StreamExt as _, stream::BoxStream};

use super::{
    event_types::{AgentStateLogEvent, QueueLogEvent},
    supervision::{may_supervise, still_has_role},
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

/// An event of `agentStates`.
#[derive(Union)]
enum AgentStateEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(AgentStateLogEvent),
    ResyncRequired(ResyncRequired),
}

/// An event of `queueEvents`.
#[derive(Union)]
enum QueueEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(QueueLogEvent),
    ResyncRequired(ResyncRequired),
}

/// The recheck of a supervisor's role. None for an organization key, whose revocation ends its subscriptions.
type RoleRecheck = Option<(UserId, AccessRecheck)>;

/// Refuses callers who are neither supervisors nor organization keys. The recheck begins before the role is read, so
/// it misses no later change of the role.
async fn check_supervisor(ctx: &Context<'_>) -> Result<(App, RoleRecheck)> {
    let app = ctx.app()?;
    let recheck = ctx.viewer().ok().map(|viewer| (viewer.user, app.access_rechecks.of(viewer.user.0)));
    if may_supervise(ctx).await? { Ok((app.clone(), recheck)) } else { Err(Error::SupervisorsOnly) }
}

/// Passes on the items of `live`, until the viewer is no longer a supervisor.
fn while_supervising<T: Send + 'static>(
    app: App,
    live: BoxStream<'static, T>,
    recheck: RoleRecheck,
) -> BoxStream<'static, T> {
    match recheck {
        None => live,
        Some((user, recheck)) => while_allowed(live, recheck, move || still_has_role(&app, user, Role::Supervisor)),
    }
}

/// Root subscriptions of supervisors.
#[derive(Default)]
pub struct SupervisionSubscription;

#[Subscription]
impl SupervisionSubscription {
    /// Changes of the states of all agents. For supervisors and organization keys. The first event is
    /// SubscriptionStarted. With `after`, all events since that cursor come first, without gaps or repetitions. The
    /// sequence numbers have no gaps. An expired cursor gets ResyncRequired, and the stream completes. The stream also
    /// completes when the viewer stops being a supervisor.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn agent_states(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event. Without it, events begin now.")] after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<AgentStateEvent>> + use<>> {
        let (app, recheck) = check_supervisor(ctx).await?;
        let live = events::live_events(&app, all_agents(), after.as_ref(), AgentStateLogEvent::read)?;
        Ok(while_supervising(app, live, recheck).map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => AgentStateEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => AgentStateEvent::Event(event),
                LiveEvent::Resync(event) => AgentStateEvent::ResyncRequired(event),
            })
        }))
    }

    /// Tasks that enter a queue, are accepted, or leave it. For supervisors and organization keys. The first event is
    /// SubscriptionStarted. With `after`, such as the queue's `streamCursor`, all events since that cursor come first,
    /// without gaps or repetitions. The sequence numbers have no gaps. An expired cursor gets ResyncRequired, and the
    /// stream completes. The stream also completes when the viewer stops being a supervisor.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queue_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue to follow.")] queue_id: ID,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor`. Without it, events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<QueueEvent>> + use<>> {
        let (app, recheck) = check_supervisor(ctx).await?;
        let unknown = || Error::invalid("queueId", "This queue does not exist.");
        let id = QueueId::parse(&queue_id).ok_or_else(unknown)?;
        queue_rows::find(app.db.read(), id).await?.ok_or_else(unknown)?;
        let live = events::live_events(&app, queue_of(id), after.as_ref(), QueueLogEvent::read)?;
        Ok(while_supervising(app, live, recheck).map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => QueueEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => QueueEvent::Event(event),
                LiveEvent::Resync(event) => QueueEvent::ResyncRequired(event),
            })
        }))
    }
}
