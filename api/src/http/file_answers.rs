//! The answers of the routes for files: refusals as JSON, and headers that every answer has.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    answer_bodies::{render, status_of},
    content_negotiation::Media,
    failure_responses::{fault, refusal},
    graphql::read,
    params,
};
use crate::error::Error;

/// The reason why a file is not sent or not accepted.
pub enum FileRefusal {
    /// An error of the work itself.
    Fault(Error),
    /// A status with a code and a message.
    Problem(StatusCode, &'static str, &'static str),
    /// The body has a content encoding.
    Encoded,
}

impl<E: Into<Error>> From<E> for FileRefusal {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl IntoResponse for FileRefusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(status, code, message) => render(Media::Json, status, &refusal(message, code)),
            Self::Encoded => {
                let mut response = unsupported("Send the file uncompressed.").into_response();
                response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
                response
            }
            Self::Fault(error) => {
                let wrong = matches!(error, Error::Invalid { .. } | Error::Refused(_));
                let mut answer = fault(error);
                answer.errors.truncate(1);
                let status = if wrong { StatusCode::BAD_REQUEST } else { status_of(Media::Json, &answer) };
                render(Media::Json, status, &answer)
            }
        }
    }
}

/// Returns the refusal of a request that makes no sense.
#[must_use]
pub fn bad(message: &'static str) -> FileRefusal {
    FileRefusal::Problem(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
}

/// Returns the refusal of a file of another kind.
#[must_use]
pub fn unsupported(message: &'static str) -> FileRefusal {
    FileRefusal::Problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
}

/// Returns true when a body is not compressed.
#[must_use]
pub fn is_identity(headers: &HeaderMap) -> bool {
    params::Encoding::of(headers) == Some(params::Encoding::Identity)
}

/// Reads an uploaded file of at most `most` bytes. Refuses a compressed one, because a limit in bytes would not bound
/// it.
pub async fn receive(parts: &Parts, body: Body, most: usize) -> Result<Bytes, FileRefusal> {
    if !is_identity(&parts.headers) {
        return Err(FileRefusal::Encoded);
    }
    read(body, most).await.map_err(|(status, message)| {
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "LIMIT_EXCEEDED" } else { "BAD_REQUEST" };
        FileRefusal::Problem(status, code, message)
    })
}

/// Returns the answer of a route for files. No cache keeps it, unless it says otherwise.
pub async fn answer(answered: impl Future<Output = Result<Response, FileRefusal>>) -> Response {
    let mut response = answered.await.unwrap_or_else(FileRefusal::into_response);
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not read, so the connection cannot be used again.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
