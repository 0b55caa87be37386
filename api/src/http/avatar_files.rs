//! The pictures of users. PUT `/avatar` stores the caller's own, and `/avatars/{token}/{size}.jpg` sends one to
//! everybody who has its address.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tokio::time::timeout;

use super::{
    client_ip,
    executor::Executor,
    file_answers::{FileRefusal, answer, receive, unsupported},
    metered_body,
    reader::{FileReader, too_soon},
};
use crate::{
    auth::viewer::{Caller, Scope},
    error::Error,
    memory_budget::MemoryBudget,
    pictures::UnusablePicture,
    rate_limit::LimitSubject,
    users::{avatar_pictures, avatars},
};

/// The longest file of a picture, in bytes.
const LONGEST_FILE: usize = 8 << 20;
/// The cost of an upload. It takes as much time as a transcript.
const COST: u64 = 1_000;
/// Another upload has another address, so browsers may keep a picture. Shared caches may not, because a deleted account
/// takes its picture along.
const KEPT: &str = "private, max-age=86400, immutable";
/// Pages of other sites may show the picture, which a policy of theirs could otherwise prevent.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// `PUT /avatar`: stores the body as the caller's picture.
pub async fn upload(State(executor): State<Arc<Executor>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    answer(async {
        let app = executor.app().clone();
        let reader = FileReader::of(&executor, &parts, Scope::ProfileWrite).await?;
        let Caller::Person(viewer) = reader.caller else { return Err(Error::PersonsOnly.into()) };
        let place = reader.place(&app)?;
        let slot = executor.upload_slots.take_in_memory()?;
        reader.pay(&app, COST)?;
        let file = receive(&parts, body, LONGEST_FILE).await?;
        let address = client_ip::origin(&app, &parts).address;
        app.rate_limits.write(reader.caller.limit_subject(), address, file.len() as u64).map_err(too_soon)?;
        let within = app.config.limits.request_timeout;
        // The upload continues when its caller hangs up, as a mutation does.
        let tasks = app.tasks.clone();
        let running = tasks.spawn(async move {
            let _held = (place, slot);
            let pictures = avatar_pictures::make(file.clone()).await?;
            Ok::<_, FileRefusal>(avatars::set(&app, &viewer, &file, pictures).await?)
        });
        let ended = timeout(within, running).await.map_err(|_| Error::Timeout)?;
        let (stored, changed) = ended.map_err(Error::internal)??;
        let outcome = if changed { "APPLIED" } else { "NO_CHANGE" };
        Ok(Json(json!({ "outcome": outcome, "avatarUrl": avatars::address(&stored, 128) })).into_response())
    })
    .await
}

impl From<UnusablePicture> for FileRefusal {
    fn from(unusable: UnusablePicture) -> Self {
        match unusable {
            UnusablePicture::UnknownFormat => {
                unsupported("Send the bytes of a JPEG, PNG, WebP or GIF file as the body.")
            }
            UnusablePicture::TooLarge => Self::Problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "LIMIT_EXCEEDED",
                "The picture has too many pixels. A side has at most 8,192.",
            ),
            UnusablePicture::Damaged => {
                Self::Problem(StatusCode::BAD_REQUEST, "INVALID", "The picture is damaged and cannot be read.")
            }
        }
    }
}

/// `GET /avatars/{token}/{name}`: sends a picture.
pub async fn serve(
    State(executor): State<Arc<Executor>>,
    Path((token, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    answer(async {
        let app = executor.app();
        let address = client_ip::origin(app, &parts).address;
        if let Some(address) = address {
            app.rate_limits.request(address).map_err(too_soon)?;
        }
        let found = avatars::find(app.db.read(), &token, &name).await?;
        let missing = || FileRefusal::Problem(StatusCode::NOT_FOUND, "NOT_FOUND", "Picture not found.");
        let picture = found.ok_or_else(missing)?;
        let weight = MemoryBudget::new(Arc::clone(&app.quotas), address.map(LimitSubject::Address), 0);
        weight.add(picture.len())?;
        let mut response = Response::new(metered_body::body(picture, weight.settle()));
        for (name, value) in [
            (header::CONTENT_TYPE, "image/jpeg"),
            (header::CACHE_CONTROL, KEPT),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (RESOURCE_POLICY, "cross-origin"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    })
    .await
}
