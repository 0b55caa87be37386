//! vCards as files: `/contacts/{id}.vcf`, `/contacts.vcf` with ids or a list, and files coming in by POST. The same
//! `Authorization`, limits and costs as `/graphql`.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use encoding_rs::Encoding;
use futures_util::Stream;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::{
    accept::Media,
    execution::{Executor, fault, refusal},
    graphql::{read, render, status_of},
    media::MediaType,
    params, peer,
    reader::{Reader, too_soon},
    sent,
};
use crate::{
    app::App,
    auth::{
        context::Origin,
        viewer::{Caller, Scope, Viewer},
    },
    cards::{
        export::{self, Export, Style, Whole},
        import::{self, CardOutcome, Outcome},
    },
    error::{Error, Result},
    shares::Share,
    vcard::{encoding, file, write::Version},
};

/// The longest file that comes in, in bytes.
const LONGEST_FILE: usize = 8 << 20;
/// What an export costs beside its cards, and each of them: as much as by GraphQL.
const COST: u64 = 11;
const COST_OF_CARD: u64 = 5;
/// Ids that were left out and are named in the answer.
const MOST_NAMED: usize = 100;

/// How many of the ids were left out, and the first hundred of them.
pub const LEFT_OUT_COUNT: HeaderName = HeaderName::from_static("x-left-out-count");
pub const LEFT_OUT: HeaderName = HeaderName::from_static("x-left-out");

/// The parameters of an export. An empty one counts as absent.
#[derive(Deserialize)]
struct Asked {
    ids: Option<String>,
    list: Option<String>,
    version: Option<String>,
    notes: Option<String>,
}

/// Why a request is not answered with cards.
enum No {
    Fault(Error),
    Problem(StatusCode, &'static str, &'static str),
    /// The body is encoded.
    Encoded,
}

impl<E: Into<Error>> From<E> for No {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(status, code, message) => render(Media::Json, status, &refusal(message, code)),
            Self::Encoded => {
                let mut response = unsupported("Send the file as it is, not compressed.").into_response();
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

fn bad(message: &'static str) -> No {
    No::Problem(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
}

fn unsupported(message: &'static str) -> No {
    No::Problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
}

fn nobody() -> No {
    No::Problem(StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such contact, or it is not yours to see.")
}

/// `GET /contacts/{id}.vcf`: the card of one person or of one personal contact.
pub async fn one(State(executor): State<Arc<Executor>>, Path(name): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(async {
        let reader = Reader::of(&executor, &parts, Scope::ContactsRead).await?;
        let asked = Asked::of(&parts)?;
        let style = asked.style()?;
        let id = name.strip_suffix(".vcf").ok_or_else(nobody)?;
        let app = executor.app();
        reader.pay(app, COST + COST_OF_CARD)?;
        let weight = reader.weight(app);
        let (ids, origin) = ([id.to_owned()], peer::origin(app, &parts));
        let export = weight.measure(Box::pin(Export::of(app, &reader.caller, &origin, &ids, style))).await?;
        let name = export.first_name.ok_or_else(nobody)?;
        Ok(cards(&file::file_name(&name), sent::body(export.text, weight.settle())))
    })
    .await
}

/// `GET /contacts.vcf`: the cards of many, by ids or of a whole list.
pub async fn many(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(async {
        let reader = Reader::of(&executor, &parts, Scope::ContactsRead).await?;
        let asked = Asked::of(&parts)?;
        let style = asked.style()?;
        match (&asked.ids, &asked.list) {
            (Some(ids), None) => {
                by_ids(executor.app(), &reader, &peer::origin(executor.app(), &parts), ids, style).await
            }
            (None, Some(list)) => {
                let list =
                    Whole::parse(list).ok_or_else(|| bad("list is CONNECTIONS, FOLLOWING, FOLLOWERS or PERSONAL."))?;
                whole(&executor, reader, list, style).await
            }
            _ => Err(bad("Give either ids or list.")),
        }
    })
    .await
}

/// `POST /contacts.vcf`: a file of cards for the caller's address book.
pub async fn import(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    answer(async {
        let reader = Reader::of(&executor, &parts, Scope::ContactsWrite).await?;
        let caller = reader.caller;
        let Caller::Person(viewer) = caller else { return Err(Error::PersonsOnly.into()) };
        let kind = MediaType::of_body(&parts.headers);
        if !matches!(kind.name.as_str(), "text/vcard" | "text/x-vcard") {
            return Err(unsupported("Send text/vcard."));
        }
        if params::Encoding::of(&parts.headers) != Some(params::Encoding::Identity) {
            return Err(No::Encoded);
        }
        let place = reader.place(executor.app())?;
        let file = read(body, LONGEST_FILE).await.map_err(|(status, message)| {
            let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "LIMIT_EXCEEDED" } else { "BAD_REQUEST" };
            No::Problem(status, code, message)
        })?;
        let charset = charset(&kind, &file)?;
        let address = peer::origin(executor.app(), &parts).address;
        executor.app().throttle.write(caller.payer(), address, file.len() as u64).map_err(too_soon)?;
        // It goes on although its caller hangs up, as a mutation does; whoever sends the file again loses nothing.
        let app = executor.app().clone();
        let within = app.config.limits.request_timeout;
        let tasks = app.tasks.clone();
        let running = tasks.spawn(async move {
            let _place = place;
            import::import(&app, &viewer, file.into(), charset).await
        });
        let ended = timeout(within, running).await.map_err(|_| Error::Timeout)?;
        Ok(Json(results(ended.map_err(Error::internal)??)).into_response())
    })
    .await
}

async fn answer(answered: impl Future<Output = Result<Response, No>>) -> Response {
    let mut response = answered.await.unwrap_or_else(No::into_response);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        // What is still to come of the body is not read, so the connection is of no more use.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl Asked {
    fn of(parts: &Parts) -> Result<Self, No> {
        let read = Query::<Self>::try_from_uri(&parts.uri).map_err(|_| bad("The parameters cannot be read."));
        let Query(Self { ids, list, version, notes }) = read?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self { ids: given(ids), list: given(list), version: given(version), notes: given(notes) })
    }

    fn style(&self) -> Result<Style, No> {
        let version = match self.version.as_deref() {
            None | Some("3.0") => Version::V3,
            Some("4.0") => Version::V4,
            Some(_) => return Err(bad("version is 3.0 or 4.0.")),
        };
        let notes = match self.notes.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(bad("notes is true or false.")),
        };
        Ok(Style { version, notes })
    }
}

async fn by_ids(app: &App, reader: &Reader, origin: &Origin, ids: &str, style: Style) -> Result<Response, No> {
    let ids: Vec<String> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    reader.pay(app, COST + COST_OF_CARD * ids.len() as u64)?;
    // Counted as an operation is, so that a book of large contacts cannot fill the memory.
    let weight = reader.weight(app);
    let export = weight.measure(Box::pin(Export::of(app, &reader.caller, origin, &ids, style))).await?;
    if export.cards == 0 {
        return Err(nobody());
    }
    let mut response = cards(file::MANY, sent::body(export.text, weight.settle()));
    if !export.left_out.is_empty() {
        let headers = response.headers_mut();
        headers.insert(LEFT_OUT_COUNT, HeaderValue::from(export.left_out.len()));
        // Only what can be an id is given back, and never a header of any length.
        let plain =
            |id: &&String| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let named: Vec<&str> = export.left_out.iter().filter(plain).take(MOST_NAMED).map(String::as_str).collect();
        if let Ok(value) = HeaderValue::from_str(&named.join(", ")) {
            headers.insert(LEFT_OUT, value);
        }
    }
    Ok(response)
}

async fn whole(executor: &Arc<Executor>, reader: Reader, list: Whole, style: Style) -> Result<Response, No> {
    let Caller::Person(viewer) = reader.caller else { return Err(Error::PersonsOnly.into()) };
    let size = list.size(executor.app(), &viewer).await?;
    reader.pay(executor.app(), COST + COST_OF_CARD * size.unsigned_abs())?;
    let place = reader.place(executor.app())?;
    Ok(cards(file::MANY, Body::from_stream(pages(Arc::clone(executor), (viewer, reader), list, style, place))))
}

/// The pages of a list, each read when the one before it is on its way. Breaks off when the caller's rights end, or with
/// the instance, so that nobody takes a part for the whole.
fn pages(
    executor: Arc<Executor>,
    (viewer, reader): (Viewer, Reader),
    list: Whole,
    style: Style,
    place: Share,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    async_stream::try_stream! {
        let _place = place;
        let app: &App = executor.app();
        let mut from = None;
        loop {
            if !reader.may_go_on(app) {
                Err(std::io::Error::other("broken off"))?;
            }
            let page = export::page(app, &viewer, list, from, style).await;
            let (text, next) = page.map_err(|error| std::io::Error::other(error.code()))?;
            if !text.is_empty() {
                yield Bytes::from(text);
            }
            if next.is_none() {
                break;
            }
            from = next;
        }
    }
}

fn cards(name: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file::MEDIA_TYPE));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&file::content_disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The character set that a file came with; none where the file says it better itself. RFC 2426 §5 leaves it to the header.
fn charset(kind: &MediaType, file: &[u8]) -> Result<Option<&'static Encoding>, No> {
    let Some(name) = kind.parameter("charset").map(str::trim) else { return Ok(None) };
    if encoding::is_marked(file) {
        return Ok(None);
    }
    let known = encoding::charset(name.as_bytes());
    let tells_itself = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("UTF-16"));
    if known.is_some() || tells_itself || name.is_empty() || std::str::from_utf8(file).is_ok() {
        return Ok(known);
    }
    Err(unsupported("The charset of the Content-Type is not known. Send the file in UTF-8."))
}

/// What became of each card, as `importVCard` answers it.
fn results(outcomes: Vec<Outcome>) -> serde_json::Value {
    let result = |(index, Outcome { outcome, contact, message })| {
        let contact = Option::map(
            contact,
            |row: Arc<entity::personal_contact::Model>| json!({ "id": row.id.to_string(), "displayName": row.display_name }),
        );
        json!({ "index": index, "outcome": name(outcome), "contact": contact, "message": message })
    };
    json!({ "results": outcomes.into_iter().enumerate().map(result).collect::<Vec<_>>() })
}

fn name(outcome: CardOutcome) -> async_graphql::Name {
    match async_graphql::resolver_utils::enum_value(outcome) {
        async_graphql::Value::Enum(name) => name,
        _ => async_graphql::Name::new(""),
    }
}
