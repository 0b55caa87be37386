//! The health checks. `/health/live` answers when the process runs. `/health/ready` answers 200 when the instance can
//! serve: it is not shutting down, and its database answers and accepts writes.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};

use super::executor::Executor;

/// The time that the database has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers `/health/live`.
pub async fn live() -> &'static str {
    "live\n"
}

/// Answers `/health/ready`: 200 when the instance can serve, else 503 with the reason.
pub async fn ready(State(executor): State<Arc<Executor>>) -> (StatusCode, &'static str) {
    let app = executor.app();
    if app.leaving.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    if !executor.authenticator.is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the keys of the issuer are not known yet\n");
    }
    match tokio::time::timeout(PATIENCE, app.db.ping()).await {
        Ok(Ok(())) if app.db.pulse().is_failing() => {
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not accept changes\n")
        }
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
