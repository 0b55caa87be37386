//! `/conversations/{id}/transcript.txt`: a transcript of any length, sent while it is read, with the caller's own token.
//! Whether the caller may still see the conversation is asked before each part.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use futures_util::Stream;

use super::{
    accept::Media,
    execution::{Executor, fault, refusal},
    graphql::{render, status_of},
    reader::Reader,
};
use crate::{
    auth::viewer::{Caller, Scope},
    conversations::{
        threads::{self, Side},
        transcripts::Sending,
    },
    error::{Error, Result},
    shares::Share,
};

/// What a transcript costs before its first part, and each byte of it.
const COST: u64 = 100;
const BYTES_PER_COST: u64 = 256;

/// Sends a transcript.
pub async fn serve(State(executor): State<Arc<Executor>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut response = match begin(&executor, &id, &parts).await {
        Ok(begun) => Body::from_stream(send(executor, begun)).into_response(),
        Err(Error::Refused(_)) => {
            let message = "There is no such conversation, or it is not yours to see.";
            render(Media::Json, StatusCode::NOT_FOUND, &refusal(message, "NOT_FOUND"))
        }
        Err(error) => {
            let answer = fault(error);
            render(Media::Json, status_of(Media::Json, &answer), &answer)
        }
    };
    let headers = response.headers_mut();
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let name = "attachment; filename=\"transcript.txt\"";
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Who reads which conversation, and their place among the files under way.
struct Begun {
    reader: Reader,
    id: String,
    place: Share,
}

async fn begin(executor: &Executor, id: &str, parts: &Parts) -> Result<Begun> {
    let app = executor.app();
    let reader = Reader::of(executor, parts, Scope::ConversationsRead).await?;
    reader.pay(app, COST)?;
    threads::named(app.db.read(), &reader.caller, id, threads::FIELD).await?;
    let place = reader.place(app)?;
    Ok(Begun { reader, id: id.to_owned(), place })
}

/// The parts, each read when the one before it is on its way. Breaks off when the caller may no longer read on, so that
/// nobody takes a part for the whole.
fn send(executor: Arc<Executor>, begun: Begun) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    async_stream::try_stream! {
        let Begun { reader, id, place: _place } = begun;
        let (app, caller) = (executor.app(), reader.caller);
        let side = Side::of(&caller);
        let mut sending = None;
        loop {
            if !reader.may_go_on(app) {
                Err(std::io::Error::other("broken off"))?;
            }
            let part = part(&executor, &caller, &id, side, &mut sending).await;
            let Some(text) = part.map_err(|error| std::io::Error::other(error.code()))? else { break };
            app.throttle.settle(caller.payer(), text.len() as u64 / BYTES_PER_COST);
            yield Bytes::from(text);
        }
    }
}

async fn part(
    executor: &Executor,
    caller: &Caller,
    id: &str,
    side: Side,
    sending: &mut Option<Sending>,
) -> Result<Option<String>> {
    let db = executor.app().db.read();
    let conversation = threads::named(db, caller, id, threads::FIELD).await?;
    if sending.is_none() {
        *sending = Some(Sending::start(db, &conversation, side).await?);
    }
    match sending {
        Some(sending) => sending.next(db, &conversation, side).await,
        None => Ok(None),
    }
}
