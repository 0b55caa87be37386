//! Tokens of visitors who do not come any more are forgotten.

use std::time::Duration;

use super::tokens;
use crate::app::App;

const EVERY: Duration = Duration::from_secs(600);

/// Forgets them every ten minutes.
pub async fn run(app: App) {
    app.repeat(EVERY, "the removal of visitors' tokens", || tokens::forget_ended(&app)).await;
}
