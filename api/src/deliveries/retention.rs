//! The removal of old deliveries.

use std::time::Duration;

use entity::delivery::{DEAD, DONE};

use crate::{app::App, database::sql::Sql, error::Result};

/// The pause between two runs.
const EVERY: Duration = Duration::from_secs(600);
/// The time for which deliveries are kept that were sent or became unnecessary.
const DONE_KEPT: chrono::Duration = chrono::Duration::days(1);
/// The time for which deliveries are kept that failed or whose outcome is unknown.
const DEAD_KEPT: chrono::Duration = chrono::Duration::days(14);
/// The maximum number of rows in one transaction.
const BATCH: u64 = 500;

/// Removes old deliveries every ten minutes until the instance stops.
pub async fn run(app: App) {
    app.background.run_every("delivery retention", EVERY, || prune(&app)).await;
}

/// Removes all old deliveries.
pub async fn prune(app: &App) -> Result<()> {
    for (states, kept) in [(DONE, DONE_KEPT), (DEAD, DEAD_KEPT)] {
        while remove(app, states, kept).await? == BATCH {}
    }
    Ok(())
}

async fn remove(app: &App, states: &str, kept: chrono::Duration) -> Result<u64> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE settled_at < ");
            sql.bind(tx.clock().now() - kept);
            sql.push(&format!(" AND status {states} ORDER BY settled_at LIMIT "));
            sql.bind(BATCH);
            sql.push(")");
            Ok(sql.run(tx.db()).await?)
        })
    })
    .await
}
