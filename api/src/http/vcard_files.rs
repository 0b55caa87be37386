//! vCards as files. `/contacts/{id}.vcf` exports one card, `/contacts.vcf` exports cards by ids or a list, and POST
//! imports a file. Authorization, limits and costs are those of `/graphql`.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use encoding_rs::Encoding;
use futures_util::Stream;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::{
    client_ip,
    executor::Executor,
    file_answers::{FileRefusal, answer, bad, receive, unsupported},
    media::MediaType,
    metered_body,
    reader::{FileReader, too_soon},
};
use crate::{
    app::App,
    auth::{
        request_context::Origin,
        viewer::{Caller, Scope, Viewer},
    },
    error::{Error, Result},
    quotas::QuotaPermit,
    vcard::{encoding, file, version::Version},
    vcard_transfer::{
        export::{self, Export, ExportableList, VCardOptions},
        import::{self, ImportedCard, VCardImportOutcome},
    },
};

/// The longest file that is imported, in bytes.
const LONGEST_FILE: usize = 8 << 20;
/// The cost of an export without its cards, and the cost of each card. They are equal to the costs in GraphQL.
const COST: u64 = 11;
const COST_OF_CARD: u64 = 5;
/// The maximum number of omitted ids that an answer names.
const MAX_NAMED: usize = 100;

/// The number of ids that an export omitted.
pub const OMITTED_COUNT: HeaderName = HeaderName::from_static("x-omitted-count");
/// The first hundred of the omitted ids.
pub const OMITTED: HeaderName = HeaderName::from_static("x-omitted");

/// The parameters of an export. An empty parameter counts as absent.
#[derive(Deserialize)]
struct VCardQuery {
    ids: Option<String>,
    list: Option<String>,
    version: Option<String>,
    notes: Option<String>,
}

fn nobody() -> FileRefusal {
    FileRefusal::Problem(StatusCode::NOT_FOUND, "NOT_FOUND", "Contact not found.")
}

/// `GET /contacts/{id}.vcf`: exports the card of one person or one personal contact.
pub async fn one(State(executor): State<Arc<Executor>>, Path(name): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(async {
        let reader = FileReader::of(&executor, &parts, Scope::ContactsRead).await?;
        let asked = VCardQuery::of(&parts)?;
        let style = asked.style()?;
        let id = name.strip_suffix(".vcf").ok_or_else(nobody)?;
        let app = executor.app();
        reader.pay(app, COST + COST_OF_CARD)?;
        let weight = reader.weight(app);
        let (ids, origin) = ([id.to_owned()], client_ip::origin(app, &parts));
        let export = weight.measure(Box::pin(Export::of(app, &reader.caller, &origin, &ids, style))).await?;
        let name = export.first_name.ok_or_else(nobody)?;
        Ok(cards(&file::file_name(&name), metered_body::body(export.text, weight.settle())))
    })
    .await
}

/// `GET /contacts.vcf`: exports many cards, by ids or a whole list.
pub async fn many(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(async {
        let reader = FileReader::of(&executor, &parts, Scope::ContactsRead).await?;
        let asked = VCardQuery::of(&parts)?;
        let style = asked.style()?;
        match (&asked.ids, &asked.list) {
            (Some(ids), None) => {
                by_ids(executor.app(), &reader, &client_ip::origin(executor.app(), &parts), ids, style).await
            }
            (None, Some(list)) => {
                let list = ExportableList::parse(list)
                    .ok_or_else(|| bad("list must be CONNECTIONS, FOLLOWING, FOLLOWERS or PERSONAL."))?;
                whole(&executor, reader, list, style).await
            }
            _ => Err(bad("Give either ids or list.")),
        }
    })
    .await
}

/// `POST /contacts.vcf`: imports a file of cards into the caller's address book.
pub async fn import(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    answer(async {
        let reader = FileReader::of(&executor, &parts, Scope::ContactsWrite).await?;
        let caller = reader.caller;
        let Caller::Person(viewer) = caller else { return Err(Error::PersonsOnly.into()) };
        let kind = MediaType::of_body(&parts.headers);
        if !matches!(kind.name.as_str(), "text/vcard" | "text/x-vcard") {
            return Err(unsupported("Send text/vcard."));
        }
        let held = (reader.place(executor.app())?, executor.upload_slots.take_in_memory()?);
        let file = receive(&parts, body, LONGEST_FILE).await?;
        let charset = charset(&kind, &file)?;
        let address = client_ip::origin(executor.app(), &parts).address;
        executor.app().rate_limits.write(caller.limit_subject(), address, file.len() as u64).map_err(too_soon)?;
        // The import continues when its caller hangs up, as a mutation does. Sending the file again loses nothing.
        let app = executor.app().clone();
        let within = app.config.limits.request_timeout;
        let tasks = app.tasks.clone();
        let running = tasks.spawn(async move {
            let _held = held;
            import::import(&app, &viewer, file.into(), charset).await
        });
        let ended = timeout(within, running).await.map_err(|_| Error::Timeout)?;
        Ok(Json(results(ended.map_err(Error::internal)??)).into_response())
    })
    .await
}

impl VCardQuery {
    fn of(parts: &Parts) -> Result<Self, FileRefusal> {
        let read = Query::<Self>::try_from_uri(&parts.uri).map_err(|_| bad("The parameters cannot be read."));
        let Query(Self { ids, list, version, notes }) = read?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self { ids: given(ids), list: given(list), version: given(version), notes: given(notes) })
    }

    fn style(&self) -> Result<VCardOptions, FileRefusal> {
        let version = match self.version.as_deref() {
            None | Some("3.0") => Version::V3,
            Some("4.0") => Version::V4,
            Some(_) => return Err(bad("version must be 3.0 or 4.0.")),
        };
        let notes = match self.notes.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(bad("notes must be true or false.")),
        };
        Ok(VCardOptions { version, notes })
    }
}

async fn by_ids(
    app: &App,
    reader: &FileReader,
    origin: &Origin,
    ids: &str,
    style: VCardOptions,
) -> Result<Response, FileRefusal> {
    let ids: Vec<String> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    reader.pay(app, COST + COST_OF_CARD * ids.len() as u64)?;
    // The memory counts as in an operation, so that a book of large contacts cannot fill the memory.
    let weight = reader.weight(app);
    let export = weight.measure(Box::pin(Export::of(app, &reader.caller, origin, &ids, style))).await?;
    if export.cards == 0 {
        return Err(nobody());
    }
    let mut response = cards(file::MANY, metered_body::body(export.text, weight.settle()));
    if !export.omitted_ids.is_empty() {
        let headers = response.headers_mut();
        headers.insert(OMITTED_COUNT, HeaderValue::from(export.omitted_ids.len()));
        // The header repeats only texts that can be ids, and its length is bounded.
        let plain =
            |id: &&String| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let named: Vec<&str> = export.omitted_ids.iter().filter(plain).take(MAX_NAMED).map(String::as_str).collect();
        if let Ok(value) = HeaderValue::from_str(&named.join(", ")) {
            headers.insert(OMITTED, value);
        }
    }
    Ok(response)
}

async fn whole(
    executor: &Arc<Executor>,
    reader: FileReader,
    list: ExportableList,
    style: VCardOptions,
) -> Result<Response, FileRefusal> {
    let Caller::Person(viewer) = reader.caller else { return Err(Error::PersonsOnly.into()) };
    let size = list.size(executor.app(), &viewer).await?;
    reader.pay(executor.app(), COST + COST_OF_CARD * size.unsigned_abs())?;
    let place = reader.place(executor.app())?;
    Ok(cards(file::MANY, Body::from_stream(pages(Arc::clone(executor), (viewer, reader), list, style, place))))
}

/// Streams the pages of a list. Each is read when the one before it is on its way. The stream breaks off when the
/// caller's rights end or the instance stops, so that no client mistakes a part for the whole.
fn pages(
    executor: Arc<Executor>,
    (viewer, reader): (Viewer, FileReader),
    list: ExportableList,
    style: VCardOptions,
    place: QuotaPermit,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    async_stream::try_stream! {
        let _place = place;
        let app: &App = executor.app();
        let mut from = None;
        loop {
            if !reader.may_continue(app) {
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

/// Returns the character set from the `Content-Type`, which RFC 2426 §5 makes responsible for it. Returns none when
/// the file itself marks its encoding.
fn charset(kind: &MediaType, file: &[u8]) -> Result<Option<&'static Encoding>, FileRefusal> {
    let Some(name) = kind.parameter("charset").map(str::trim) else { return Ok(None) };
    if encoding::is_marked(file) {
        return Ok(None);
    }
    let known = encoding::charset(name.as_bytes());
    let tells_itself = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("UTF-16"));
    if known.is_some() || tells_itself || name.is_empty() || std::str::from_utf8(file).is_ok() {
        return Ok(known);
    }
    Err(unsupported("The charset of the Content-Type is unknown. Send the file in UTF-8."))
}

/// Returns the result of each card in the format of `importVCard`.
fn results(outcomes: Vec<ImportedCard>) -> serde_json::Value {
    let result = |(index, ImportedCard { outcome, contact, message })| {
        let contact = Option::map(
            contact,
            |row: Arc<entity::personal_contact::Model>| json!({ "id": row.id.to_string(), "displayName": row.display_name }),
        );
        json!({ "index": index, "outcome": name(outcome), "contact": contact, "message": message })
    };
    json!({ "results": outcomes.into_iter().enumerate().map(result).collect::<Vec<_>>() })
}

fn name(outcome: VCardImportOutcome) -> async_graphql::Name {
    match async_graphql::resolver_utils::enum_value(outcome) {
        async_graphql::Value::Enum(name) => name,
        _ => async_graphql::Name::new(""),
    }
}
