//! `/health/live`: the process runs. `/health/ready`: it can serve, that is, it is not shutting down, and its database
//! answers and takes what is written.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};

use super::execution::Executor;

const PATIENCE: Duration = Duration::from_secs(2);

pub async fn live() -> &'static str {
    "live\n"
}

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
            (StatusCode::SERVICE_UNAVAILABLE, "nothing can be saved just now\n")
        }
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
