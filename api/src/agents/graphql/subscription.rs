//! The subscription `agentDesktop`.

use async_graphql::{Context, Subscription, Union};
use entity::user::Role;
use futures_util::{Stream, StreamExt as _};

use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::{Error, Result},
    events::{
        access_rechecks::while_allowed,
        cursor::{Cursor, desk_of},
        graphql::{
            types as events,
            types::{LiveEvent, ResyncRequired, SubscriptionStarted},
        },
    },
    tasks::graphql::{event_types::AgentDesktopLogEvent, supervision::still_has_role},
};

/// An event of `agentDesktop`.
#[derive(Union)]
enum AgentDesktopEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(AgentDesktopLogEvent),
    ResyncRequired(ResyncRequired),
}

/// Root subscriptions of agents.
#[derive(Default)]
pub struct AgentsSubscription;

#[Subscription]
impl AgentsSubscription {
    /// Events of the viewer's desktop: offers as they begin and end, changes of accepted tasks, and the viewer's agent
    /// state. The first event is SubscriptionStarted. With `after`, all events since that cursor come first, without
    /// gaps or repetitions. The sequence numbers have no gaps. An expired cursor gets ResyncRequired, and the stream
    /// completes. The stream also completes when the viewer stops being an agent. Refuses with FORBIDDEN when the
    /// viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn agent_desktop(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last received event, or a `streamCursor`. Without it the stream begins now."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<AgentDesktopEvent>> + use<>> {
        let (app, user) = (ctx.app()?.clone(), ctx.viewer()?.user);
        let recheck = app.access_rechecks.of(user.0);
        if !still_has_role(&app, user, Role::Agent).await? {
            return Err(Error::AgentsOnly);
        }
        let live = events::live_events(&app, desk_of(user), after.as_ref(), AgentDesktopLogEvent::read)?;
        let live = while_allowed(live, recheck, move || still_has_role(&app, user, Role::Agent));
        Ok(live.map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => AgentDesktopEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => AgentDesktopEvent::Event(event),
                LiveEvent::Resync(event) => AgentDesktopEvent::ResyncRequired(event),
            })
        }))
    }
}
