//! Answers that say more of a failure: that the request failed as a whole, that it took too long, that something was saved before.

use async_graphql::{Response, Value, parser::types::OperationType};

use super::execution::refusal;

/// The answer to an operation that took too long.
pub fn late(kind: OperationType) -> Response {
    let message = match kind {
        OperationType::Mutation => "This took too long to wait for. It may still be done: look before you try again.",
        _ => "This took too long.",
    };
    refusal(message, "TIMEOUT")
}

/// Says of a fault of the database that something was saved before it: the same call is not simply to be made again.
pub fn warn_of_changes(answer: &mut Response) {
    for error in &mut answer.errors {
        let extensions = error.extensions.get_or_insert_default();
        if matches!(extensions.get("code"), Some(Value::String(code)) if code == "UNAVAILABLE" || code == "TIMEOUT") {
            extensions.set("retryable", false);
            "The change is saved, but its answer could not be read. Look before you try again."
                .clone_into(&mut error.message);
        }
    }
}

/// When the one field of an operation was refused for who asks, the operation was: it answers like any other request that
/// was not run, without data.
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
