//! Responses to failures: a request that failed as a whole, took too long, or failed after a change was saved.

use async_graphql::{Response, ServerError, Value, parser::types::OperationType};

use crate::{error::Error, rate_limit::RateLimited};

/// Creates the response to an operation that took too long.
pub fn late(kind: OperationType) -> Response {
    let message = match kind {
        OperationType::Mutation => "The operation took too long. It may still complete. Check before you try again.",
        _ => "The operation took too long.",
    };
    refusal(message, "TIMEOUT")
}

/// Marks the database faults of a response as not retryable, because a change was saved before them.
pub fn warn_of_changes(answer: &mut Response) {
    for error in &mut answer.errors {
        let extensions = error.extensions.get_or_insert_default();
        if matches!(extensions.get("code"), Some(Value::String(code)) if code == "UNAVAILABLE" || code == "TIMEOUT") {
            extensions.set("retryable", false);
            "The change was saved, but its answer could not be read. Check before you try again."
                .clone_into(&mut error.message);
        }
    }
}

/// Turns the refusal of the only field into the refusal of the whole operation. Like any request that did not run, the
/// response then has no data.
pub fn refuse_whole(answer: &mut Response) {
    let nothing = match &answer.data {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(|value| *value == Value::Null),
        _ => false,
    };
    let [error] = &mut answer.errors[..] else { return };
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    let refused = matches!(code, Some(Value::String(code)) if code == "UNAUTHENTICATED" || code == "FORBIDDEN");
    if nothing && refused && error.path.len() == 1 {
        answer.data = Value::Null;
        error.path.clear();
    }
}

/// Creates a request error with a code.
#[must_use]
pub fn refusal(message: &str, code: &str) -> Response {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    Response::from_errors(vec![error])
}

/// Creates the answer to a request that failed as a whole.
#[must_use]
pub fn fault(error: Error) -> Response {
    let error = async_graphql::Error::from(error);
    let mut error = error.into_server_error(async_graphql::Pos::default());
    // The fault has no position in the document.
    error.locations.clear();
    Response::from_errors(vec![error])
}

/// Creates the answer to a request that a rate limit refuses.
#[must_use]
pub fn too_soon(RateLimited(retry_after): RateLimited) -> Box<Response> {
    Box::new(fault(Error::RateLimited { retry_after }))
}
