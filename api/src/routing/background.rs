//! The background work of the contact center: routing tasks and handling due timers. Every instance does both. Another
//! instance takes over what a stopped one left.

use std::time::Duration;

use entity::{
    id::{AssignmentId, ConversationId, OfferId, TaskId},
    timer::{self, TimerKind},
};

use super::router;
use crate::{
    app::App,
    background::{Next, Work},
    contact_center::timers,
    error::Result,
    tasks::{closing, offer_outcomes, skill_steps, wrap_ups},
};

/// The longest sleep of the router. It finds tasks within this time that a stopped instance left.
const LONGEST_ROUTING_SLEEP: Duration = Duration::from_secs(1);
/// The longest sleep before due timers. It finds timers within this time that a stopped instance left.
const LONGEST_TIMER_SLEEP: Duration = Duration::from_secs(1);

/// Routes tasks and completes timers until the instance stops.
pub async fn run(app: App) {
    let app = &app;
    let route = || async move { router::run(app).await.map(|()| Next::Idle) };
    let routing = Work { name: "routing", longest_sleep: LONGEST_ROUTING_SLEEP, wake: &app.wakes.routing };
    let time = || async move {
        if step(app).await? {
            return Ok(Next::Now);
        }
        Ok(timers::next(app.db.read()).await?.map_or(Next::Idle, Next::At))
    };
    let timing = Work { name: "timers", longest_sleep: LONGEST_TIMER_SLEEP, wake: &app.wakes.timers };
    tokio::join!(app.background.run(routing, route), app.background.run(timing, time));
}

/// Completes the due timers. Returns true if there were any.
pub async fn step(app: &App) -> Result<bool> {
    let due = timers::due(app.db.read(), app.clock.now()).await?;
    for deadline in &due {
        app.transaction(|tx| Box::pin(async move { finish(tx, deadline).await })).await?;
    }
    Ok(!due.is_empty())
}

async fn finish(tx: &crate::app::Tx<'_>, due: &timer::Model) -> Result<()> {
    match due.kind {
        TimerKind::Offer => offer_outcomes::expire(tx, OfferId(due.target)).await,
        TimerKind::WrapUp => wrap_ups::finish_due(tx, AssignmentId(due.target)).await,
        TimerKind::Step => skill_steps::advance(tx, TaskId(due.target)).await,
        TimerKind::Inactivity => closing::end_inactive(tx, ConversationId(due.target)).await,
    }
}
