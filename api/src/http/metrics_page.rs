//! The page `/metrics`. Requests without permission get NOT_FOUND.

use std::sync::Arc;

use axum::response::IntoResponse as _;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use subtle::ConstantTimeEq as _;

use super::executor::Executor;
use crate::config::Environment;

/// Serves `/metrics`. With a configured token the request must send it. Without one the page is only open in
/// development.
pub async fn serve(State(executor): State<Arc<Executor>>, headers: HeaderMap) -> Response {
    let app = executor.app();
    let allowed = match &app.config.monitoring.metrics_token {
        Some(token) => {
            let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let given = given.strip_prefix("Bearer ").unwrap_or_default();
            bool::from(given.as_bytes().ct_eq(token.expose().as_bytes()))
        }
        None => app.config.environment == Environment::Development,
    };
    if !allowed {
        return StatusCode::NOT_FOUND.into_response();
    }
    match executor.metrics.render(app) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(cause = %error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
