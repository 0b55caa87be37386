//! Removal of expired visitor tokens.

use std::time::Duration;

use super::tokens;
use crate::app::App;

const EVERY: Duration = Duration::from_secs(600);

/// Removes expired visitor tokens every ten minutes.
pub async fn run(app: App) {
    app.background
        .run_every("visitor token retention", EVERY, || async { tokens::forget_ended(&app).await.map(drop) })
        .await;
}
