//! The doors of the server: `/graphql` over HTTP, server-sent events and WebSocket, the health endpoints, the schema.
//! No product rule stands here.

pub mod cost;
pub mod memory;
pub mod health;
pub mod execution;
pub mod graphql;
pub mod socket;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};

use self::execution::Executor;
use crate::{app::App, schema};

/// Gives each request an id, which its answer and its log lines carry.
#[derive(Clone)]
struct FromClock(App);

impl MakeRequestId for FromClock {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let id = self.0.clock.uuid().simple().to_string();
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

/// All routes.
pub fn router(app: App) -> anyhow::Result<Router> {
    let limits = app.config.limits;
    let ids = FromClock(app.clone());
    let executor = Arc::new(Executor::new(app)?);
    Ok(Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/schema.graphql", get(schema_file))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(ids))
        .with_state(executor))
}

async fn schema_file(
    axum::extract::State(executor): axum::extract::State<Arc<Executor>>,
) -> Result<impl IntoResponse, axum::http::StatusCode> {
    if !executor.app().config.limits.introspection {
        return Err(axum::http::StatusCode::NOT_FOUND);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], schema::sdl()))
}
