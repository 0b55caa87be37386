//! `/account/export`: the archive of an account, which a ticket opens. It is sent while it is read.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::executor::Executor;
use crate::{
    account_lifecycle::{export, export_zip},
    error::Error,
    quotas::Resource,
    rate_limit::LimitSubject,
};

/// The number of archives that are sent at once.
const AT_ONCE: usize = 4;

/// The time limit for sending an archive.
const WITHIN: Duration = Duration::from_secs(300);

static EXPORT_SLOTS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

/// The query parameters.
#[derive(Deserialize)]
pub struct Params {
    ticket: String,
}

/// Sends an archive. An expired or invalid ticket gets 404, as an unknown address does.
pub async fn serve(State(executor): State<Arc<Executor>>, params: Result<Query<Params>, QueryRejection>) -> Response {
    let Ok(Query(Params { ticket })) = params else { return StatusCode::NOT_FOUND.into_response() };
    let app = executor.app().clone();
    let person = match export::redeem(&app, &ticket).await {
        Ok(person) => person,
        Err(Error::Unauthenticated | Error::Refused(_)) => return StatusCode::NOT_FOUND.into_response(),
        Err(_) => return busy(),
    };
    let place = app.quotas.take(LimitSubject::Caller(person.id.0), Resource::Transfer, 1);
    let Ok(place) = place else { return busy() };
    let Ok(turn) = Arc::clone(&EXPORT_SLOTS).try_acquire_owned() else { return busy() };
    // The slot is freed at the time limit at the latest, so a slow reader does not keep others waiting.
    let sent = CancellationToken::new();
    let guard = sent.clone().drop_guard();
    let until = Instant::now() + WITHIN;
    tokio::spawn(async move {
        drop(timeout_at(until, sent.cancelled()).await);
        drop(turn);
    });
    let parts = export_zip::write(app, person).map(move |part| {
        let _held = (&guard, &place);
        let part = if Instant::now() < until { part } else { Err(Error::Timeout) };
        part.map_err(|error| {
            tracing::warn!(code = error.code(), "an archive was cut off");
            std::io::Error::other(error.code())
        })
    });
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"rapport-export.zip\""),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Body::from_stream(parts)).into_response()
}

fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, HeaderValue::from_static("10"))]).into_response()
}
