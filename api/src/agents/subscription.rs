//! `desk`.

use async_graphql::{Context, Subscription, Union};
use entity::user::Role;
use futures_util::{Stream, StreamExt as _};

use super::{event_types::DeskLogEvent, watching::is_still};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Error, Result},
    events::{
        cursor::{Cursor, desk_of},
        rechecks::while_allowed,
        types::{self as events, Live, ResyncRequired, SubscriptionStarted},
    },
};

/// What `desk` delivers.
#[derive(Union)]
enum DeskEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(DeskLogEvent),
    ResyncRequired(ResyncRequired),
}

#[derive(Default)]
pub struct AgentsSubscription;

#[Subscription]
impl AgentsSubscription {
    /// Everything on the viewer's desk: offers as they are made and ended, tasks in hand as they change, and the viewer's own
    /// state as an agent. Begins with SubscriptionStarted. With `after` everything since that cursor comes first, without gap or
    /// repeat; sequence numbers have no holes, which proves it. A cursor that the log no longer reaches gets ResyncRequired, and
    /// the stream completes. It completes too when the viewer no longer answers customers; who does not is answered `FORBIDDEN`.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn desk(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<DeskEvent>> + use<>> {
        let (app, user) = (ctx.app()?.clone(), ctx.viewer()?.user);
        let recheck = app.rechecks.of(user.0);
        if !is_still(&app, user, Role::Agent).await? {
            return Err(Error::AgentsOnly);
        }
        let live = events::live(&app, desk_of(user), after.as_ref(), DeskLogEvent::read)?;
        let live = while_allowed(live, recheck, move || is_still(&app, user, Role::Agent));
        Ok(live.map(|item| {
            Ok(match item? {
                Live::Started(event) => DeskEvent::SubscriptionStarted(event),
                Live::Event(event) => DeskEvent::Event(event),
                Live::Resync(event) => DeskEvent::ResyncRequired(event),
            })
        }))
    }
}
