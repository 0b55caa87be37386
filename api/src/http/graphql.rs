//! `/graphql` over HTTP. POST with JSON runs every operation, GET runs queries or opens a socket. A client that
//! accepts server-sent events or multipart responses gets the events of a subscription in them.

use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
    time::Duration,
};

use async_graphql::parser::types::OperationType;
use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts as _, Query, Request, State, ws::WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use tokio::time::timeout;

use super::{
    answer_bodies::{body_of, head, render, status_of, write_body},
    client_ip,
    content_negotiation::{AcceptedMedia, EVENT_STREAM, GRAPHQL_JSON, JSON, Media},
    executor::{ExecutedResponse, Executor, RequestOrigin},
    failure_responses::{fault, refusal},
    live_response::{self, LiveFormat},
    metered_body,
    params::{self, DecompressionError, ENCODINGS, Encoding, GetParams, InvalidRequest},
    public_fields::{self, NeededToken},
    room::room,
    socket,
};
use crate::error::{Error, Excess};

/// The time limit for a body to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// Handles GET: runs a query, or opens a socket for an upgrade to WebSocket.
pub async fn get(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")) {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => socket::open(executor, upgrade, &parts).await,
            Err(rejection) => rejection.into_response(),
        };
    }
    let accepted = AcceptedMedia::of(&parts.headers);
    // Links, pictures and scripts of other sites also send GET requests. They name none of these media types, and the
    // browser does not mark them as calls that CORS governs.
    if accepted.nothing() || !(accepted.by_name || is_fetch(&parts.headers)) {
        return not_acceptable();
    }
    // A body is meaningless here, and unusual content types have been used to avoid preflight requests.
    if parts.headers.contains_key(header::CONTENT_TYPE) && !params::is_json(&parts.headers) {
        return unsupported(accepted.answer(), "A GET request has no body.");
    }
    let refuse = |message: &str| render(accepted.answer(), StatusCode::BAD_REQUEST, &refusal(message, "BAD_REQUEST"));
    let Ok(Query(given)) = Query::<GetParams>::try_from_uri(&parts.uri) else {
        return refuse("The parameters cannot be read.");
    };
    match given.body() {
        Ok(body) => serve(&executor, &parts, accepted, body.as_bytes(), true).await,
        Err(name) => refuse(&format!("The parameter {name} is not JSON.")),
    }
}

/// Handles POST: runs an operation from a JSON body.
pub async fn post(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let accepted = AcceptedMedia::of(&parts.headers);
    if accepted.nothing() {
        return not_acceptable();
    }
    // Only JSON is accepted: a browser asks before it sends JSON to another site, so no page can act for its visitor.
    if !params::is_json(&parts.headers) {
        return unsupported(accepted.answer(), "Send application/json.");
    }
    let Some(encoding) = Encoding::of(&parts.headers) else {
        let message = format!("Send the body uncompressed, or compressed with {ENCODINGS}.");
        let mut response = unsupported(accepted.answer(), &message);
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ENCODINGS));
        return response;
    };
    let held = match room(&executor, &parts) {
        Ok(held) => held,
        Err(excess) => return no_room(accepted.answer(), excess),
    };
    let most = executor.app().config.limits.body_bytes;
    let body = read(body, most).await.and_then(|body| match encoding {
        Encoding::Identity => Ok(body),
        Encoding::Gzip => params::unpack(&body, most).map(Bytes::from).map_err(|why| match why {
            DecompressionError::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too long."),
            DecompressionError::Broken => (StatusCode::BAD_REQUEST, "The body is not valid gzip."),
        }),
    });
    let response = match body {
        Ok(body) => serve(&executor, &parts, accepted, &body, false).await,
        Err((status, message)) => {
            let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "LIMIT_EXCEEDED" } else { "BAD_REQUEST" };
            let mut response = render(accepted.answer(), status, &refusal(message, code));
            // The rest of the body is not read, so the connection cannot be used again.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    };
    drop(held);
    response
}

/// Returns true when the browser marks the call as a script's call that CORS governs.
fn is_fetch(headers: &HeaderMap) -> bool {
    let mode = headers.get("sec-fetch-mode").and_then(|value| value.to_str().ok());
    matches!(mode, Some("cors" | "same-origin"))
}

/// Creates the answer when memory for the body is exhausted. The body is not read.
fn no_room(media: Media, excess: Excess) -> Response {
    let status =
        if excess == Excess::Everybody { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::TOO_MANY_REQUESTS };
    let mut response = render(media, status, &fault(Error::TooLarge(excess)));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Reads the whole body. Fails when it is longer than `most` bytes or arrives too late.
pub async fn read(body: Body, most: usize) -> Result<Bytes, (StatusCode, &'static str)> {
    match timeout(BODY_WITHIN, axum::body::to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            if cause.contains("length limit") {
                return Err((StatusCode::PAYLOAD_TOO_LARGE, "The body is too long."));
            }
            Err((StatusCode::BAD_REQUEST, "The body could not be read."))
        }
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.")),
    }
}

async fn serve(executor: &Arc<Executor>, parts: &Parts, accepted: AcceptedMedia, body: &[u8], get: bool) -> Response {
    let media = accepted.answer();
    let origin = client_ip::origin(executor.app(), parts);
    if let Err(answer) = executor.admit(origin.address) {
        return render(media, StatusCode::TOO_MANY_REQUESTS, &answer);
    }
    let raw = match params::read(body) {
        Ok(raw) => raw,
        Err(unread) => {
            let answer = unread.answer();
            let status =
                if unread == InvalidRequest::Malformed { StatusCode::BAD_REQUEST } else { status_of(media, &answer) };
            return render(media, status, &answer);
        }
    };
    // The request counts for its address, which pays for the search of a document in that way.
    let params = match executor.resolve(raw, None).await {
        Ok(params) => params,
        Err(answer) => return render(media, status_of(media, &answer), &answer),
    };
    let mut authorization =
        parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("unreadable"));
    let caller = match executor.authenticator.caller(authorization, origin.site.as_ref()).await {
        Ok(caller) => caller,
        Err(error) => {
            let passes = match public_fields::needed_token(&params, &executor.app().config.limits) {
                _ if !matches!(error, Error::Unauthenticated) => false,
                NeededToken::Valid => false,
                NeededToken::ValidOrEnded => executor.authenticator.has_ended(authorization).await,
                // A sign-in must work with an expired token in the header.
                NeededToken::None => true,
            };
            if !passes {
                let answer = fault(error);
                return render(media, status_of(media, &answer), &answer);
            }
            authorization = None;
            None
        }
    };
    if let Err(answer) = executor.check_trust(&params, caller.as_ref()).await {
        return render(media, status_of(media, &answer), &answer);
    }
    let site = origin.site.clone();
    let asker = RequestOrigin { caller, origin };
    let payer = asker.limit_subject();
    let operation = match executor.prepare(params, asker) {
        Ok(operation) => operation,
        Err(answer) => return render(media, status_of(media, &answer), &answer),
    };
    match operation.kind {
        OperationType::Mutation | OperationType::Subscription if get => {
            let answer = refusal("GET runs only queries. Use POST.", "METHOD_NOT_ALLOWED");
            let mut response = render(media, StatusCode::METHOD_NOT_ALLOWED, &answer);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            response
        }
        OperationType::Subscription if accepted.event_stream => {
            live_response::send(executor, operation, payer, authorization, site.as_ref(), LiveFormat::Events).await
        }
        OperationType::Subscription if accepted.multipart => {
            live_response::send(executor, operation, payer, authorization, site.as_ref(), LiveFormat::Multipart).await
        }
        OperationType::Subscription => {
            let message = "Subscriptions need WebSocket (graphql-transport-ws), or a client that accepts \
                           text/event-stream or multipart/mixed with subscriptionSpec=1.0.";
            render(media, StatusCode::NOT_ACCEPTABLE, &refusal(message, "NOT_ACCEPTABLE"))
        }
        _ if media == Media::EventStream => {
            live_response::send(executor, operation, None, authorization, site.as_ref(), LiveFormat::Events).await
        }
        _ => {
            let answered = executor.run(operation).await;
            whole(&parts.headers, media, answered)
        }
    }
}

fn not_acceptable() -> Response {
    let message = format!("Accept {JSON}, {GRAPHQL_JSON} or {EVENT_STREAM}.");
    render(Media::Json, StatusCode::NOT_ACCEPTABLE, &refusal(&message, "NOT_ACCEPTABLE"))
}

fn unsupported(media: Media, message: &str) -> Response {
    render(media, StatusCode::UNSUPPORTED_MEDIA_TYPE, &refusal(message, "UNSUPPORTED_MEDIA_TYPE"))
}

/// The length in bytes from which answers are compressed for clients that accept gzip.
const COMPRESSED_FROM: usize = 1_024;
/// The memory from which answers are compressed while they are written, so that the whole text never exists in
/// memory.
const COMPRESSED_AT_ONCE_FROM: usize = 256 << 10;

/// Creates the response to an operation, compressed if it is long and the client accepts gzip.
fn whole(headers: &HeaderMap, media: Media, ExecutedResponse { answer, reserved }: ExecutedResponse) -> Response {
    let mut response = head(media, status_of(media, &answer), &answer);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    let reads_gzip = reads_gzip(headers);
    let compressed = if reads_gzip && reserved.bytes >= COMPRESSED_AT_ONCE_FROM {
        compress(|into| write_body(into, &answer).map_err(io::Error::from)).ok_or_else(|| body_of(&answer))
    } else {
        let body = body_of(&answer);
        let long = reads_gzip && body.len() >= COMPRESSED_FROM;
        let compressed = if long { compress(|into| into.write_all(body.as_bytes())) } else { None };
        compressed.ok_or(body)
    };
    // From here on one copy of the answer exists.
    drop(answer);
    *response.body_mut() = match compressed {
        Ok(shorter) => {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            metered_body::body(shorter, reserved)
        }
        Err(body) => metered_body::body(body, reserved),
    };
    response
}

/// Compresses the written text. Returns none on an error, and the answer is then sent uncompressed.
fn compress(write: impl FnOnce(&mut BufWriter<&mut GzEncoder<Vec<u8>>>) -> io::Result<()>) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut buffered = BufWriter::new(&mut encoder);
    write(&mut buffered).and_then(|()| buffered.flush()).ok()?;
    drop(buffered);
    encoder.finish().ok()
}

/// Returns true when the client accepts gzip.
pub fn reads_gzip(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|part| {
        let mut words = part.split(';').map(str::trim);
        let named = words.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}
