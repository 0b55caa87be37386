//! Tokens of visitors who do not come any more are forgotten.

use std::time::Duration;

use super::tokens;
use crate::app::App;

const EVERY: Duration = Duration::from_secs(600);

/// Forgets them every ten minutes.
pub async fn run(app: App) {
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = tokens::forget_ended(&app).await {
            tracing::warn!(code = error.code(), "tokens of visitors could not be forgotten; it will be tried again");
        }
    }
}
