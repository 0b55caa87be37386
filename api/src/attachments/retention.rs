//! The deletion of files that nobody sent and of files whose message was deleted.

use std::time::Duration;

use entity::id::AttachmentId;

use super::attachment_rows;
use crate::{app::App, error::Result};

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
/// after a crash still has the row by which it is found. A file that cannot be deleted stays for the next run.
pub async fn prune(app: &App) -> Result<()> {
    let before = app.clock.now() - UNSENT_KEPT;
    while remove_unsent(app, before).await? == BATCH {}
    let mut after = None;
    loop {
        let removed = attachment_rows::removed(app.db.read(), after, BATCH).await?;
        let Some(last) = removed.last() else { return Ok(()) };
        after = Some(*last);
        let mut deleted = Vec::new();
        for file in &removed {
            match delete(app, file.id).await {
                Ok(()) => deleted.push(file.id),
                Err(error) => tracing::warn!(%error, file = %file.id, "a file cannot be deleted"),
            }
        }
        let deleted = &deleted;
        if !deleted.is_empty() {
            app.transaction(|tx| Box::pin(async move { Ok(attachment_rows::forget(tx, deleted).await?) })).await?;
        }
    }
}

async fn delete(app: &App, id: AttachmentId) -> anyhow::Result<()> {
    app.files.delete(&attachment_rows::key(id)).await?;
    app.files.delete(&attachment_rows::thumbnail_key(id)).await
}

async fn remove_unsent(app: &App, before: chrono::DateTime<chrono::Utc>) -> Result<u64> {
    app.transaction(|tx| Box::pin(async move { Ok(attachment_rows::remove_unsent(tx, before, BATCH).await?) })).await
}
