//! The HTTP responses of answers: their status, headers and JSON.

use std::io::Write;

use async_graphql::{Response as Answer, Value};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{
    content_negotiation::Media,
    executor::{code_of, is_request_error},
};

/// Returns the HTTP status of an answer. Under `application/json` a client may take any status but 200 for a broken
/// server, so a refused document is 200 there.
pub fn status_of(media: Media, answer: &Answer) -> StatusCode {
    match code_of(answer) {
        Some("RATE_LIMITED") => StatusCode::TOO_MANY_REQUESTS,
        _ if !is_request_error(answer) => StatusCode::OK,
        Some("UNAUTHENTICATED") => StatusCode::UNAUTHORIZED,
        Some("FORBIDDEN" | "DOCUMENT_NOT_TRUSTED") => StatusCode::FORBIDDEN,
        Some("TIMEOUT" | "UNAVAILABLE") => StatusCode::SERVICE_UNAVAILABLE,
        Some("INTERNAL") => StatusCode::INTERNAL_SERVER_ERROR,
        _ if media == Media::GraphqlJson => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// The body when an answer cannot be written as JSON.
const UNWRITABLE: &str = r#"{"errors":[{"message":"Something went wrong on our side."}]}"#;

/// Writes the JSON of an answer. A request error has no `data`.
pub fn write_body(into: impl Write, answer: &Answer) -> serde_json::Result<()> {
    if is_request_error(answer) {
        serde_json::to_writer(into, &serde_json::json!({ "errors": answer.errors }))
    } else {
        serde_json::to_writer(into, answer)
    }
}

/// Returns the JSON of an answer.
pub fn body_of(answer: &Answer) -> String {
    let mut body = Vec::new();
    let written = write_body(&mut body, answer).ok().and_then(|()| String::from_utf8(body).ok());
    written.unwrap_or_else(|| UNWRITABLE.to_owned())
}

/// Creates a response with its body.
///
/// A client that accepts only events gets a refused document as an event, as graphql-sse defines it. Other statuses
/// say on their own that no event comes.
pub fn render(media: Media, status: StatusCode, answer: &Answer) -> Response {
    let mut response = head(media, status, answer);
    let mut body = body_of(answer);
    if media == Media::EventStream && status == StatusCode::OK {
        body = format!("event: next\ndata: {body}\n\nevent: complete\ndata:\n\n");
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    }
    *response.body_mut() = Body::from(body);
    response
}

/// Creates a response without its body.
pub fn head(media: Media, status: StatusCode, answer: &Answer) -> Response {
    let content_type = match media {
        Media::GraphqlJson => "application/graphql-response+json; charset=utf-8",
        Media::Json | Media::EventStream => "application/json; charset=utf-8",
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after(answer)));
        }
        _ => {}
    }
    response
}

/// Returns the seconds after which the client may try again.
fn retry_after(answer: &Answer) -> u64 {
    let extensions = answer.errors.first().and_then(|error| error.extensions.as_ref());
    match extensions.and_then(|extensions| extensions.get("retryAfter")) {
        Some(Value::Number(seconds)) => seconds.as_u64().unwrap_or(1),
        _ => 1,
    }
}
