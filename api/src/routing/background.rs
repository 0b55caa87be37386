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
    contact_center::timers,
    error::Result,
    tasks::{closing, offer_outcomes, skill_steps, wrap_ups},
};

/// The pause after a look for due timers that found none, and after a failure.
const EVERY: Duration = Duration::from_millis(200);
/// The interval of routing without a wake-up. It finds tasks that a stopped instance left.
const ROUTE_EVERY: Duration = Duration::from_secs(1);

/// Routes tasks and handles due timers until the instance stops.
pub async fn run(app: App) {
    tokio::join!(route(&app), app.run_worker(EVERY, "a deadline of an agent", || step(&app)));
}

async fn route(app: &App) {
    while !app.shutdown.is_cancelled() {
        if let Err(error) = router::run(app).await {
            tracing::warn!(cause = ?error, "tasks could not be offered; it will be tried again");
            tokio::time::sleep(EVERY).await;
            continue;
        }
        tokio::select! {
            () = app.shutdown.cancelled() => {}
            () = app.routing.notified() => {}
            () = tokio::time::sleep(ROUTE_EVERY) => {}
        }
    }
}

/// Handles the due timers, each in its own transaction. Returns true if there were any.
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
