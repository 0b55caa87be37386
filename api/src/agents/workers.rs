//! What goes on by itself: tasks are offered when there is somebody to offer them to, and what is due is done. Every
//! instance does both; whatever one leaves undone another finds.

use std::time::Duration;

use entity::{
    deadline::{self, DeadlineKind},
    id::{AssignmentId, ConversationId, OfferId, TaskId},
};

use super::{deadlines, endings, offers, routing, tasks, wrap_ups};
use crate::{app::App, error::Result};

/// The pause between two looks for due deadlines.
const EVERY: Duration = Duration::from_millis(200);
/// How often is looked for tasks that an instance which is gone may have left.
const ROUTE_EVERY: Duration = Duration::from_secs(1);

/// Runs until the app is shut down.
pub async fn run(app: App) {
    tokio::join!(route(&app), app.work_off(EVERY, "a deadline of an agent", || step(&app)));
}

async fn route(app: &App) {
    while !app.shutdown.is_cancelled() {
        if let Err(error) = routing::run(app).await {
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

/// Does what is due; whether anything was.
pub async fn step(app: &App) -> Result<bool> {
    let due = deadlines::due(app.db.read(), app.clock.now()).await?;
    for deadline in &due {
        app.transaction(|tx| Box::pin(async move { finish(tx, deadline).await })).await?;
    }
    Ok(!due.is_empty())
}

async fn finish(tx: &crate::app::Tx<'_>, due: &deadline::Model) -> Result<()> {
    match due.kind {
        DeadlineKind::Offer => offers::expire(tx, OfferId(due.target)).await,
        DeadlineKind::WrapUp => wrap_ups::finish_due(tx, AssignmentId(due.target)).await,
        DeadlineKind::Step => tasks::relax(tx, TaskId(due.target)).await,
        DeadlineKind::Inactivity => endings::end_inactive(tx, ConversationId(due.target)).await,
    }
}
