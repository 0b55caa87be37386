//! The files of messages. PUT `/attachments/{id}/upload` receives the bytes of an announced file. GET
//! `/attachments/{id}` sends a file, or a range of it, and GET `/attachments/{id}/thumbnail` its small picture. Neither
//! direction keeps a file in memory.

use std::{ops::Range, sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use entity::{attachment, id::AttachmentId};
use futures_util::{Stream, StreamExt as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::AsyncWriteExt as _,
    time::{Instant, timeout},
};

use super::{
    client_ip,
    executor::Executor,
    file_answers::{FileRefusal, answer, bad, is_identity, unsupported},
    reader::{FileReader, too_soon},
};
use crate::{
    app::App,
    attachments::{
        attachment_rows, file_names,
        inspection::Unacceptable,
        storing::{self, StoreOutcome},
    },
    auth::viewer::{Caller, Scope},
    conversations::message_files,
    error::Error,
};

/// The cost of an upload or a download, and the bytes that one more unit of cost pays for.
const COST: u64 = 50;
const BYTES_PER_COST: u64 = 64 << 10;
/// The longest pause between two parts of an upload.
const PAUSE: Duration = Duration::from_secs(30);
/// The time that an upload has beside its length, and the slowest rate, in bytes per second.
const UPLOAD_WITHIN: Duration = Duration::from_secs(60);
const SLOWEST: u64 = 16 << 10;
/// A signed path is its own secret. A browser may keep what it showed for a while, a shared cache may not.
const KEPT: &str = "private, max-age=300";
/// The policy for a browser that opens a file as a page: it may load and run nothing.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";
/// Pages of other sites may show a picture whose signed path they have.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// `PUT /attachments/{id}/upload`: stores the body as the bytes of an announced file.
pub async fn upload(State(executor): State<Arc<Executor>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    answer(async {
        let app = executor.app().clone();
        let reader = FileReader::of(&executor, &parts, Scope::ConversationsWrite).await?;
        let place = reader.place(&app)?;
        let slot = executor.upload_slots.take_in_parts()?;
        reader.pay(&app, COST)?;
        let row = find_own(&app, &reader.caller, &id).await?;
        if row.stored_at.is_some() {
            return Ok(stored(&row, "NO_CHANGE"));
        }
        let address = client_ip::origin(&app, &parts).address;
        let length = u64::try_from(row.byte_size).unwrap_or_default();
        app.rate_limits.upload(reader.caller.limit_subject(), address, length).map_err(too_soon)?;
        let file = receive(&parts, body, &row).await?;
        // The upload is completed when its caller hangs up, as a mutation is.
        let tasks = app.tasks.clone();
        let storing = tasks.spawn(async move {
            let _held = (place, slot);
            storing::store(&app, &row, file).await
        });
        match storing.await.map_err(Error::internal)?? {
            StoreOutcome::Stored(row) => Ok(stored(&row, "APPLIED")),
            StoreOutcome::Refused(Unacceptable::OtherContent) => {
                Err(unsupported("The bytes are not those of a file of this type."))
            }
            StoreOutcome::Refused(Unacceptable::TooManyPixels) => {
                let message = "The picture has too many pixels. A side has at most 16,384, and all have 100 million.";
                Err(FileRefusal::Problem(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", message))
            }
            StoreOutcome::Infected => {
                let message = "The virus scanner refuses the file.";
                Err(FileRefusal::Problem(StatusCode::UNPROCESSABLE_ENTITY, "FILE_INFECTED", message))
            }
            StoreOutcome::Removed => Err(missing()),
        }
    })
    .await
}

fn stored(row: &attachment::Model, outcome: &str) -> Response {
    Json(json!({ "outcome": outcome, "attachmentId": row.id.to_string() })).into_response()
}

fn missing() -> FileRefusal {
    FileRefusal::Problem(StatusCode::NOT_FOUND, "NOT_FOUND", "File not found.")
}

/// Returns the announced file with an id, if the caller announced it.
async fn find_own(app: &App, caller: &Caller, id: &str) -> Result<attachment::Model, FileRefusal> {
    let id = AttachmentId::parse(id).ok_or_else(missing)?;
    let row = attachment_rows::by_ids(app.db.read(), &[id]).await?.pop();
    row.filter(|row| row.uploader == message_files::uploader(caller)).ok_or_else(missing)
}

/// Receives the bytes of an announced file in a temporary file without a name, which ends with the process. Refuses
/// bytes of another length or digest.
async fn receive(parts: &Parts, body: Body, row: &attachment::Model) -> Result<File, FileRefusal> {
    if !is_identity(&parts.headers) {
        return Err(FileRefusal::Encoded);
    }
    let length = u64::try_from(row.byte_size).unwrap_or_default();
    let receiving = async {
        let mut file = File::from_std(tempfile::tempfile().map_err(Error::internal)?);
        let (mut digest, mut received, begun) = (Sha256::new(), 0, Instant::now());
        let mut body = body.into_data_stream();
        loop {
            let next = timeout(PAUSE, body.next()).await.map_err(|_| too_slow())?;
            let Some(part) = next.transpose().map_err(|_| bad("The body could not be read."))? else { break };
            received += part.len() as u64;
            if received > length {
                let message = "The body is longer than the announced file.";
                return Err(FileRefusal::Problem(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", message));
            }
            // A sender that keeps a slot busy with a trickle is cut off early.
            if received < begun.elapsed().saturating_sub(PAUSE).as_secs() * SLOWEST {
                return Err(too_slow());
            }
            digest.update(&part);
            file.write_all(&part).await.map_err(Error::internal)?;
        }
        file.flush().await.map_err(Error::internal)?;
        if received < length {
            return Err(bad("The body is shorter than the announced file."));
        }
        if digest.finalize()[..] != row.sha256[..] {
            return Err(bad("The body has another SHA-256 than the announced file."));
        }
        Ok(file)
    };
    let within = UPLOAD_WITHIN + Duration::from_secs(length / SLOWEST);
    timeout(within, receiving).await.map_err(|_| too_slow())?
}

fn too_slow() -> FileRefusal {
    FileRefusal::Problem(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", "The body took too long to arrive.")
}

/// `GET /attachments/{id}`: sends a file.
pub async fn serve(State(executor): State<Arc<Executor>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(async {
        let (reader, row) = find_visible(&executor, &parts, &id).await?;
        let length = u64::try_from(row.byte_size).unwrap_or_default();
        let key = attachment_rows::key(row.id);
        let wanted = Wanted::of(&parts.headers, length, &row.sha256);
        let media_type = HeaderValue::from_str(&row.media_type).map_err(Error::internal)?;
        send(executor, reader, &key, wanted, length, &row, media_type).await
    })
    .await
}

/// `GET /attachments/{id}/thumbnail`: sends the small picture of a file.
pub async fn thumbnail(State(executor): State<Arc<Executor>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(async {
        let (reader, row) = find_visible(&executor, &parts, &id).await?;
        if !row.has_thumbnail {
            return Err(missing());
        }
        let key = attachment_rows::thumbnail_key(row.id);
        let length = executor.app().files.length(&key).await.map_err(unavailable)?.ok_or_else(missing)?;
        let media_type = HeaderValue::from_static("image/jpeg");
        send(executor, reader, &key, Wanted::Whole, length, &row, media_type).await
    })
    .await
}

fn unavailable(error: anyhow::Error) -> Error {
    Error::Unavailable(Arc::new(error))
}

/// Returns the caller and a stored file, if the caller sees its message, or announced it and has not sent it.
async fn find_visible(
    executor: &Executor,
    parts: &Parts,
    id: &str,
) -> Result<(FileReader, attachment::Model), FileRefusal> {
    let app = executor.app();
    let reader = FileReader::of(executor, parts, Scope::ConversationsRead).await?;
    reader.pay(app, COST)?;
    let id = AttachmentId::parse(id).ok_or_else(missing)?;
    let row = message_files::find(app.db.read(), &reader.caller, &[id]).await?.pop();
    let row = row.filter(|row| row.stored_at.is_some()).ok_or_else(missing)?;
    Ok((reader, row))
}

/// The part of a file that a client wants.
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// The client has the file already.
    Nothing,
    /// The file has no such part.
    OutOfRange,
}

impl Wanted {
    /// Reads `If-None-Match`, `Range` and `If-Range` (RFC 9110, sections 13 and 14). A range that is not understood is
    /// ignored, and so are several ranges.
    fn of(headers: &HeaderMap, length: u64, sha256: &[u8]) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let tag = entity_tag(sha256);
        if text(header::IF_NONE_MATCH).is_some_and(|tags| tags == "*" || tags.contains(&tag)) {
            return Self::Nothing;
        }
        let unchanged = text(header::IF_RANGE).is_none_or(|given| given == tag);
        match text(header::RANGE).filter(|_| unchanged).and_then(|given| given.strip_prefix("bytes=")) {
            Some(given) => Self::of_range(given.trim(), length),
            None => Self::Whole,
        }
    }

    fn of_range(given: &str, length: u64) -> Self {
        let Some((first, last)) = given.split_once('-') else { return Self::Whole };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(first) || !digits(last) {
            return Self::Whole;
        }
        // A number that is too long for its type is beyond every file.
        let number = |text: &str| text.parse().unwrap_or(u64::MAX);
        match (first.is_empty(), last.is_empty()) {
            (true, true) => Self::Whole,
            (true, false) if number(last) == 0 => Self::OutOfRange,
            (true, false) => Self::Part(length.saturating_sub(number(last))..length),
            (false, _) if number(first) >= length => Self::OutOfRange,
            (false, true) => Self::Part(number(first)..length),
            (false, false) if number(last) < number(first) => Self::Whole,
            (false, false) => Self::Part(number(first)..number(last).saturating_add(1).min(length)),
        }
    }
}

fn entity_tag(sha256: &[u8]) -> String {
    format!("\"{}\"", hex::encode(sha256))
}

/// Sends a stored file or a part of it.
async fn send(
    executor: Arc<Executor>,
    reader: FileReader,
    key: &str,
    wanted: Wanted,
    length: u64,
    row: &attachment::Model,
    media_type: HeaderValue,
) -> Result<Response, FileRefusal> {
    let app = executor.app();
    let (status, range) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0..length),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => (StatusCode::NOT_MODIFIED, 0..0),
        Wanted::OutOfRange => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let sent = range.end - range.start;
    let body = if sent == 0 {
        Body::empty()
    } else {
        let place = reader.place(app)?;
        app.rate_limits.settle(reader.caller.limit_subject(), sent / BYTES_PER_COST);
        let parts = app.files.read(key, range.clone()).await.map_err(unavailable)?.ok_or_else(missing)?;
        Body::from_stream(watched(Arc::clone(&executor), reader, place, parts))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let text = |text: String| HeaderValue::from_str(&text).map_err(Error::internal);
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let shown = format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
            headers.insert(header::CONTENT_RANGE, text(shown)?);
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            headers.insert(header::CONTENT_RANGE, text(format!("bytes */{length}"))?);
        }
        _ => {}
    }
    if status.is_success() {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(sent));
        headers.insert(header::CONTENT_TYPE, media_type);
        headers.insert(header::CONTENT_DISPOSITION, text(file_names::disposition(&row.name))?);
    }
    headers.insert(header::ETAG, text(entity_tag(&row.sha256))?);
    for (name, value) in [
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, KEPT),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (RESOURCE_POLICY, "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Passes the parts of a file on while the caller may read it.
fn watched(
    executor: Arc<Executor>,
    reader: FileReader,
    place: crate::quotas::QuotaPermit,
    parts: impl Stream<Item = std::io::Result<Bytes>>,
) -> impl Stream<Item = std::io::Result<Bytes>> {
    parts.map(move |part| {
        let _held = &place;
        if reader.may_continue(executor.app()) { part } else { Err(std::io::Error::other("broken off")) }
    })
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        let of = |given: &str| match Wanted::of_range(given, 10_000) {
            Wanted::Whole => "whole".to_owned(),
            Wanted::Part(range) => format!("{range:?}"),
            Wanted::Nothing => "nothing".to_owned(),
            Wanted::OutOfRange => "416".to_owned(),
        };
        // The examples of RFC 9110, section 14.1.2, for a length of 10000.
        for (given, read) in [
            ("0-499", "0..500"),
            ("500-999", "500..1000"),
            ("-500", "9500..10000"),
            ("9500-", "9500..10000"),
            ("0-0,-1", "whole"),
            ("9999-20000", "9999..10000"),
            ("-20000", "0..10000"),
            ("10000-", "416"),
            ("-0", "416"),
            ("5-4", "whole"),
            ("a-b", "whole"),
            ("-", "whole"),
            ("99999999999999999999999-", "416"),
            ("0-99999999999999999999999", "0..10000"),
        ] {
            assert_eq!(of(given), read, "{given}");
        }
    }
}
