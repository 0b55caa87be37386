//! The deletion of files that nobody sent and of files whose message was deleted.

use std::time::Duration;

use super::attachment_rows;
use crate::{
    app::App,
    error::{Error, Result},
};

/// The pause between two runs.
const EVERY: Duration = Duration::from_secs(600);
/// The time for which an announced file can be uploaded and sent.
pub const UNSENT_KEPT: chrono::Duration = chrono::Duration::days(1);
/// The maximum number of files in one transaction.
const BATCH: u64 = 100;

/// Deletes files every ten minutes until the instance stops.
pub async fn run(app: App) {
    app.background.run_every("attachment retention", EVERY, || prune(&app)).await;
}

/// Deletes all files that are no longer needed. The bytes are deleted before the row, so that a file that is left over
/// after a crash still has the row by which it is found.
pub async fn prune(app: &App) -> Result<()> {
    let before = app.clock.now() - UNSENT_KEPT;
    while remove_unsent(app, before).await? == BATCH {}
    loop {
        let ids = &attachment_rows::removed(app.db.read(), BATCH).await?;
        if ids.is_empty() {
            break;
        }
        for id in ids {
            for key in [attachment_rows::key(*id), attachment_rows::thumbnail_key(*id)] {
                app.files.delete(&key).await.map_err(Error::internal)?;
            }
        }
        app.transaction(|tx| Box::pin(async move { Ok(attachment_rows::forget(tx, ids).await?) })).await?;
    }
    Ok(())
}

async fn remove_unsent(app: &App, before: chrono::DateTime<chrono::Utc>) -> Result<u64> {
    app.transaction(|tx| Box::pin(async move { Ok(attachment_rows::remove_unsent(tx, before, BATCH).await?) })).await
}
