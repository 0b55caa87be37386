//! Removal of expired visitor tokens.

use std::time::Duration;

use super::tokens;
use crate::app::App;

const EVERY: Duration = Duration::from_secs(600);

/// Removes expired visitor tokens every ten minutes.
pub async fn run(app: App) {
    app.repeat(EVERY, "the removal of expired visitor tokens", || tokens::forget_ended(&app)).await;
}
