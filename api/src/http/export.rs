//! `/account/export`: the archive that a ticket opens, sent while it is read.

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

use super::execution::Executor;
use crate::{
    administration::{archive, export},
    error::Error,
    shares::Resource,
    throttle::Payer,
};

/// How many archives are sent at once.
const AT_ONCE: usize = 4;

/// How long sending one may take.
const WITHIN: Duration = Duration::from_secs(300);

static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

/// The parameters of the address.
#[derive(Deserialize)]
pub struct Params {
    ticket: String,
}

/// Sends an archive. A ticket that is no longer good, or never was, opens nothing, and looks like no address at all.
pub async fn serve(State(executor): State<Arc<Executor>>, params: Result<Query<Params>, QueryRejection>) -> Response {
    let Ok(Query(Params { ticket })) = params else { return StatusCode::NOT_FOUND.into_response() };
    let app = executor.app().clone();
    let person = match export::redeem(&app, &ticket).await {
        Ok(person) => person,
        Err(Error::Unauthenticated | Error::Refused(_)) => return StatusCode::NOT_FOUND.into_response(),
        Err(_) => return busy(),
    };
    let place = app.shares.take(Payer::Caller(person.id.0), Resource::Transfer, 1);
    let Ok(place) = place else { return busy() };
    let Ok(turn) = Arc::clone(&TURNS).try_acquire_owned() else { return busy() };
    // The turn ends with the archive, or without it: who reads slowly does not keep others waiting.
    let sent = CancellationToken::new();
    let guard = sent.clone().drop_guard();
    let until = Instant::now() + WITHIN;
    tokio::spawn(async move {
        drop(timeout_at(until, sent.cancelled()).await);
        drop(turn);
    });
    let parts = archive::write(app, person).map(move |part| {
        let _held = (&guard, &place);
        let part = if Instant::now() < until { part } else { Err(Error::Timeout) };
        part.map_err(|error| {
            tracing::warn!(code = error.code(), "an archive was broken off");
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
