//! The doors of the server: `/graphql` over HTTP, server-sent events and WebSocket, vCards as files, the archive of an
//! account, GraphiQL, the web chat's page, the schema, health and metrics. No product rule stands here.

pub mod document;
pub mod validation;
mod closes;
pub mod cost;
mod media;
pub mod accept;
pub mod metrics;
mod outcomes;
pub mod written;
pub mod execution;
pub mod params;
pub mod open;
pub mod host;
pub mod patience;
pub mod listener;
pub mod peer;
pub mod sites;
mod reader;
mod room;
pub mod sent;
pub mod graphql;
pub mod cards;
pub mod socket;
pub mod health;
pub mod export;
pub mod transcripts;
pub mod graphiql;
pub mod webchat;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::IntoResponse,
    routing::get,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::execution::Executor;
use crate::{administration, app::App, schema};

/// How long a browser may remember what it was told about another site's calls.
const CORS_KEPT: Duration = Duration::from_secs(3_600);

/// The id of a request: the client's own, or a new one. Its answer carries it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All routes. There are no layers but those that are asked for: each costs every request a microsecond or two.
pub async fn router(app: App) -> anyhow::Result<Router> {
    let open = app.config.limits.introspection;
    let executor = Arc::new(Executor::start(app).await?);
    let cors = cors(&executor);
    let mut router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/contacts.vcf", get(cards::many).post(cards::import))
        .route("/contacts/{name}", get(cards::one))
        .route("/conversations/{id}/transcript.txt", get(transcripts::serve))
        .route("/webchat/{name}", get(webchat::page))
        .route("/webchat/files/{name}", get(webchat::file))
        .route("/.well-known/jwks.json", get(jwks))
        .route(administration::export::PATH, get(export::serve))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::serve));
    if open {
        router = router
            .route("/schema.graphql", get(schema_file))
            .route("/", get(graphiql::page))
            .route("/graphiql/{file}", get(graphiql::file));
    }
    Ok(router.layer(cors).with_state(executor))
}

/// What pages of other sites may do that may call; to all others nothing is said, and browsers do not let them read.
fn cors(executor: &Arc<Executor>) -> CorsLayer {
    let executor = Arc::clone(executor);
    let may_call = move |_: HeaderValue, parts: &Parts| {
        let site = peer::site(&parts.headers);
        async move { matches!(site, Some(site) if executor.sites.may_call(&site).await) }
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::async_predicate(may_call))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::ACCEPT,
            REQUEST_ID,
            // How a page's spans are joined with ours (W3C Trace Context), and how Apollo's clients say who they are.
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
            HeaderName::from_static("apollographql-client-name"),
            HeaderName::from_static("apollographql-client-version"),
        ])
        .expose_headers([
            REQUEST_ID,
            header::RETRY_AFTER,
            header::CONTENT_DISPOSITION,
            cards::LEFT_OUT,
            cards::LEFT_OUT_COUNT,
        ])
        .max_age(CORS_KEPT)
}

async fn schema_file() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], schema::sdl())
}

/// The public keys of our own tokens; none where they are signed with a shared secret.
async fn jwks(State(executor): State<Arc<Executor>>) -> Result<Json<serde_json::Value>, StatusCode> {
    let keys = executor.app().config.tokens.keys.jwks();
    if keys["keys"].as_array().is_none_or(Vec::is_empty) {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(keys))
}
