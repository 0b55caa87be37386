//! `/graphql` over HTTP: POST with JSON for everything, GET for queries and for opening a socket; server-sent events for
//! whoever accepts them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_graphql::{Response as Answer, parser::types::OperationType};
use axum::{
    body::Bytes,
    extract::{FromRequestParts as _, Query, Request, State, rejection::BytesRejection, ws::WebSocketUpgrade},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use super::{
    execution::{Executor, Params, fault, is_request_error, refusal},
    socket,
};
use crate::auth::viewer::Viewer;

const JSON: &str = "application/json";
const GRAPHQL_JSON: &str = "application/graphql-response+json";
const EVENT_STREAM: &str = "text/event-stream";

/// What is answered in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    GraphqlJson,
    EventStream,
}

impl Media {
    /// The first known type the client accepts; JSON for who accepts anything.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
            return Some(Self::Json);
        };
        accept.split(',').find_map(|part| match part.split(';').next().unwrap_or_default().trim() {
            GRAPHQL_JSON => Some(Self::GraphqlJson),
            EVENT_STREAM => Some(Self::EventStream),
            JSON | "application/*" | "*/*" => Some(Self::Json),
            _ => None,
        })
    }
}

/// The parameters of a GET.
#[derive(Deserialize)]
struct GetParams {
    query: String,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<String>,
}

pub async fn get(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")) {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => socket::open(executor, upgrade, &parts.headers),
            Err(rejection) => rejection.into_response(),
        };
    }
    let Some(media) = Media::accepted(&parts.headers) else { return not_acceptable() };
    let Ok(Query(params)) = Query::<GetParams>::try_from_uri(&parts.uri) else {
        return render(media, StatusCode::BAD_REQUEST, &refusal("The parameter query is missing.", "BAD_REQUEST"));
    };
    let variables = params.variables.as_deref().filter(|text| !text.is_empty()).map(serde_json::from_str);
    let Ok(variables) = variables.transpose() else {
        return render(media, StatusCode::BAD_REQUEST, &refusal("The parameter variables is not JSON.", "BAD_REQUEST"));
    };
    let body = serde_json::json!({
        "query": params.query,
        "operationName": params.operation_name,
        "variables": variables.unwrap_or(serde_json::Value::Null),
    });
    serve(&executor, &parts.headers, media, &body.to_string().into(), true).await
}

pub async fn post(
    State(executor): State<Arc<Executor>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    // Only JSON: a browser asks before it sends that to another site, so no page can act for its visitor.
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON) {
        let answer = refusal("Send application/json.", "UNSUPPORTED_MEDIA_TYPE");
        return render(media, StatusCode::UNSUPPORTED_MEDIA_TYPE, &answer);
    }
    match body {
        Ok(body) => serve(&executor, &headers, media, &body, false).await,
        Err(_) => {
            let answer = refusal("The body is longer than is served.", "LIMIT_EXCEEDED");
            render(media, StatusCode::PAYLOAD_TOO_LARGE, &answer)
        }
    }
}

async fn serve(executor: &Arc<Executor>, headers: &HeaderMap, media: Media, body: &Bytes, get: bool) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let viewer = match executor.viewer(authorization) {
        Ok(viewer) => viewer,
        Err(error) => return render(media, StatusCode::UNAUTHORIZED, &fault(error)),
    };
    let Ok(params) = serde_json::from_slice::<Params>(body) else {
        let answer = refusal("The body is not a GraphQL request in JSON with a query.", "BAD_REQUEST");
        return render(media, StatusCode::BAD_REQUEST, &answer);
    };
    let operation = match executor.prepare(params, viewer) {
        Ok(operation) => operation,
        Err(answer) => return render(media, request_error(media), &answer),
    };
    match (operation.kind, media) {
        (OperationType::Mutation | OperationType::Subscription, _) if get => {
            let answer = refusal("GET is for queries; use POST.", "METHOD_NOT_ALLOWED");
            let mut response = render(media, StatusCode::METHOD_NOT_ALLOWED, &answer);
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            response
        }
        (_, Media::EventStream) => events(executor, operation, viewer),
        (OperationType::Subscription, _) => {
            let message = "Subscriptions are served over WebSocket (graphql-transport-ws) and to those who accept \
                           text/event-stream.";
            render(media, StatusCode::BAD_REQUEST, &refusal(message, "BAD_REQUEST"))
        }
        _ => {
            let answer = executor.run(operation).await;
            let status = if is_request_error(&answer) { request_error(media) } else { StatusCode::OK };
            render(media, status, &answer)
        }
    }
}

/// Under `application/json` a client may take any other status for a broken server, so a request error is 200 there.
fn request_error(media: Media) -> StatusCode {
    if media == Media::GraphqlJson { StatusCode::BAD_REQUEST } else { StatusCode::OK }
}

/// The answers as server-sent events: `next` for each, then `complete`. Ends when the token ends.
fn events(executor: &Arc<Executor>, operation: super::execution::Operation, viewer: Option<Viewer>) -> Response {
    let app = executor.app();
    let shutdown = app.shutdown.clone();
    let lifetime = viewer.map(|viewer| (viewer.expires_at - app.clock.now()).to_std().unwrap_or_default());
    let end = async move {
        let expiry = async {
            match lifetime {
                Some(lifetime) => tokio::time::sleep(lifetime).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { () = shutdown.cancelled() => {}, () = expiry => {} }
    };
    let answers = executor
        .stream(operation)
        .map(|answer| Event::default().event("next").data(body_of(&answer)))
        .chain(stream::once(async { Event::default().event("complete").data("") }))
        .take_until(Box::pin(end))
        .map(Ok::<_, Infallible>);
    Sse::new(answers).keep_alive(KeepAlive::new().interval(Duration::from_secs(12))).into_response()
}

fn not_acceptable() -> Response {
    let message = format!("Accept {JSON}, {GRAPHQL_JSON} or {EVENT_STREAM}.");
    render(Media::Json, StatusCode::NOT_ACCEPTABLE, &refusal(&message, "NOT_ACCEPTABLE"))
}

/// The JSON of an answer; a request error has no `data`.
pub fn body_of(answer: &Answer) -> String {
    let body = if is_request_error(answer) {
        serde_json::to_string(&serde_json::json!({ "errors": answer.errors }))
    } else {
        serde_json::to_string(answer)
    };
    body.unwrap_or_else(|_| r#"{"errors":[{"message":"Something went wrong on our side."}]}"#.to_owned())
}

fn render(media: Media, status: StatusCode, answer: &Answer) -> Response {
    let content_type = match media {
        Media::GraphqlJson => "application/graphql-response+json; charset=utf-8",
        Media::Json | Media::EventStream => "application/json; charset=utf-8",
    };
    (status, [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")], body_of(answer))
        .into_response()
}
