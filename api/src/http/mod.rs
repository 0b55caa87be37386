//! The routes of the server: `/graphql` over HTTP, server-sent events and WebSocket, vCards, pictures and transcripts
//! as files, and account archives. It also serves GraphiQL, the web chat's page, the schema, health and metrics. This
//! module has no product rules.

pub mod priced_fields;
pub mod cost;
pub mod document_limits;
pub mod validation;
mod failure_responses;
pub mod write_size;
pub mod cors;
pub mod metrics;
pub mod known_documents;
pub mod upload_slots;
pub mod executor;
pub mod metrics_page;
pub mod connection_slots;
mod closes;
mod media;
pub mod content_negotiation;
pub mod params;
pub mod requested_documents;
pub mod public_fields;
pub mod host;
pub mod head_timeout;
pub mod client_ip;
pub mod listener;
mod reader;
mod room;
pub mod metered_body;
pub mod answer_bodies;
pub mod live_response;
pub mod graphql;
mod file_answers;
pub mod vcard_files;
pub mod avatar_files;
pub mod attachment_files;
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
    routing::{get, put},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::executor::Executor;
use crate::{account_lifecycle, app::App, schema, users::avatars};

/// The time that a browser may remember the permissions of other sites.
const CORS_KEPT: Duration = Duration::from_secs(3_600);

/// The id of a request: the client's own, or a new one. The answer carries it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Builds the router with all routes. It has only the layers it needs, because each costs every request a microsecond
/// or two.
pub async fn router(app: App) -> anyhow::Result<Router> {
    let open = app.config.limits.introspection;
    let executor = Arc::new(Executor::start(app).await?);
    let cors = cors(&executor);
    let mut router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/contacts.vcf", get(vcard_files::many).post(vcard_files::import))
        .route("/contacts/{name}", get(vcard_files::one))
        .route(avatars::UPLOAD_PATH, put(avatar_files::upload))
        .route("/avatars/{token}/{name}", get(avatar_files::serve))
        .route("/attachments/{id}/upload", put(attachment_files::upload))
        .route("/attachments/{id}", get(attachment_files::serve))
        .route("/attachments/{id}/thumbnail", get(attachment_files::thumbnail))
        .route("/conversations/{id}/transcript.txt", get(transcripts::serve))
        .route("/webchat/{name}", get(webchat::page))
        .route("/webchat/files/{name}", get(webchat::file))
        .route("/.well-known/jwks.json", get(jwks))
        .route(account_lifecycle::export::PATH, get(export::serve))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics_page::serve));
    if open {
        router = router
            .route("/schema.graphql", get(schema_file))
            .route("/", get(graphiql::page))
            .route("/graphiql/{file}", get(graphiql::file));
    }
    Ok(router.layer(cors).with_state(executor))
}

/// The CORS headers for pages of allowed sites. Pages of other sites get none, so browsers do not let them read
/// answers.
fn cors(executor: &Arc<Executor>) -> CorsLayer {
    let executor = Arc::clone(executor);
    let may_call = move |_: HeaderValue, parts: &Parts| {
        let site = client_ip::site(&parts.headers);
        async move { matches!(site, Some(site) if executor.sites.may_call(&site).await) }
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::async_predicate(may_call))
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::ACCEPT,
            REQUEST_ID,
            // Headers of trace propagation (W3C Trace Context), and of Apollo's clients to name themselves.
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
            HeaderName::from_static("apollographql-client-name"),
            HeaderName::from_static("apollographql-client-version"),
        ])
        .expose_headers([
            REQUEST_ID,
            header::RETRY_AFTER,
            header::CONTENT_DISPOSITION,
            vcard_files::OMITTED,
            vcard_files::OMITTED_COUNT,
        ])
        .max_age(CORS_KEPT)
}

async fn schema_file() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], schema::sdl())
}

/// Serves the public keys of this server's tokens. Answers 404 when a shared secret signs them.
async fn jwks(State(executor): State<Arc<Executor>>) -> Result<Json<serde_json::Value>, StatusCode> {
    let keys = executor.app().config.tokens.keys.jwks();
    if keys["keys"].as_array().is_none_or(Vec::is_empty) {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(keys))
}
