//! Common parts of all readers of the log: the wait for the database, and the reasons of a resync.

use std::time::Duration;

use sea_orm::DbErr;

use crate::error::Error;

/// The pause between two tries while the database is unavailable.
const PAUSE: Duration = Duration::from_millis(500);

/// The reason of a resync when entries after the cursor were pruned.
pub const PRUNED: &str = "The log no longer reaches back to this cursor.";
/// The reason of a resync when the cursor is beyond the end of the log.
pub const AHEAD: &str = "The log ends before this cursor; it was restored from an older copy.";

/// Runs `ask` again while the database is unavailable. A subscription therefore survives an outage and misses nothing.
pub async fn retry_while_unavailable<T, F: Future<Output = Result<T, DbErr>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, Error> {
    loop {
        match ask().await.map_err(Error::from) {
            Err(Error::Unavailable(cause)) => {
                tracing::warn!(cause = format!("{cause:#}"), "a subscription waits for the database");
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}
