//! `/conversations/{id}/transcript.txt`: a transcript of any length, sent while it is read. The request carries the
//! caller's own token. The query parameter `locale`, or else `Accept-Language`, chooses the language of its
//! announcements. Before each part the server checks that the caller may still see the conversation.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use futures_util::Stream;
use serde::Deserialize;

use super::{
    answer_bodies::{render, status_of},
    content_negotiation::Media,
    executor::Executor,
    failure_responses::{fault, refusal},
    reader::FileReader,
};
use crate::{
    auth::viewer::{Caller, Scope},
    conversations::{
        conversation_rows::{self, ConversationSide},
        transcripts::TranscriptStream,
    },
    error::{Error, Result},
    quotas::QuotaPermit,
    text::locale::Locale,
};

/// The cost of a transcript before its first part, and the bytes that one more unit of cost pays for.
const COST: u64 = 100;
const BYTES_PER_COST: u64 = 256;

/// The query parameters.
#[derive(Deserialize)]
struct TranscriptQuery {
    locale: Option<String>,
}

/// Returns the language that a request asks for: by its query parameter, else by its header. The default is English.
fn requested_locale(uri: &Uri, headers: &HeaderMap) -> Locale {
    let named = Query::<TranscriptQuery>::try_from_uri(uri).ok().and_then(|query| query.0.locale);
    match named.filter(|tag| !tag.is_empty()) {
        Some(tag) => Locale::of(Some(&tag)),
        None => {
            let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
            accepted.and_then(Locale::accepted).unwrap_or_default()
        }
    }
}

/// Sends a transcript.
pub async fn serve(State(executor): State<Arc<Executor>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut response = match begin(&executor, &id, &parts).await {
        Ok(begun) => Body::from_stream(send(executor, begun)).into_response(),
        Err(Error::Refused(_)) => {
            let message = "Conversation not found.";
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

/// The reader, the conversation and the quota share of a transcript.
struct TranscriptResponse {
    reader: FileReader,
    id: String,
    locale: Locale,
    place: QuotaPermit,
}

async fn begin(executor: &Executor, id: &str, parts: &Parts) -> Result<TranscriptResponse> {
    let app = executor.app();
    let reader = FileReader::of(executor, parts, Scope::ConversationsRead).await?;
    reader.pay(app, COST)?;
    conversation_rows::find_by_id(app.db.read(), &reader.caller, id, conversation_rows::FIELD).await?;
    let place = reader.place(app)?;
    let locale = requested_locale(&parts.uri, &parts.headers);
    Ok(TranscriptResponse { reader, id: id.to_owned(), locale, place })
}

/// Streams the parts. Each is read when the one before it is on its way. The stream breaks off when the caller may no
/// longer read, so that no client mistakes a part for the whole.
fn send(executor: Arc<Executor>, begun: TranscriptResponse) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    async_stream::try_stream! {
        let TranscriptResponse { reader, id, locale, place: _place } = begun;
        let (app, caller) = (executor.app(), reader.caller);
        let mut sending = None;
        loop {
            if !reader.may_continue(app) {
                Err(std::io::Error::other("broken off"))?;
            }
            let part = part(&executor, &caller, &id, locale, &mut sending).await;
            let Some(text) = part.map_err(|error| std::io::Error::other(error.code()))? else { break };
            app.rate_limits.settle(caller.limit_subject(), text.len() as u64 / BYTES_PER_COST);
            yield Bytes::from(text);
        }
    }
}

async fn part(
    executor: &Executor,
    caller: &Caller,
    id: &str,
    locale: Locale,
    sending: &mut Option<TranscriptStream>,
) -> Result<Option<String>> {
    let (db, side) = (executor.app().db.read(), ConversationSide::of(caller));
    let conversation = conversation_rows::find_by_id(db, caller, id, conversation_rows::FIELD).await?;
    if sending.is_none() {
        *sending = Some(TranscriptStream::start(db, &conversation, side, locale).await?);
    }
    match sending {
        Some(sending) => sending.next(db, &conversation, side).await,
        None => Ok(None),
    }
}
