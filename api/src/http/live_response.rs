//! Answers that go on: the events of a subscription as server-sent events, or as parts of a multipart response.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{
        IntoResponse as _, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt as _, stream};

use super::{
    answer_bodies::{body_of, render, status_of},
    content_negotiation::Media,
    executor::{Executor, Operation},
    failure_responses::{fault, refusal},
};
use crate::{auth::request_context::Site, quotas::Resource, rate_limit::LimitSubject};

/// The time between two signs of life of a quiet answer. Proxies close connections that are quiet for longer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(12);
/// The media type of a multipart response, with the boundary of its parts.
const MULTIPART: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0";
/// The boundary before the first part. Each part ends with the boundary of the next one, because clients read a part
/// only when its end has arrived.
const FIRST: &str = "\r\n--graphql";
/// The part that says that the connection lives.
const HEARTBEAT: &str = "\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql";
/// The end of a multipart response, after the last boundary.
const LAST: &str = "--\r\n";

/// The format of an answer that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveFormat {
    /// Server-sent events: `next` for each answer, then `complete`.
    Events,
    /// A multipart response: `{"payload": …}` for each answer, `{}` as a sign of life.
    Multipart,
}

/// Sends the answers of an operation. The stream ends when the caller's rights end. A subscription takes a quota share
/// of its payer until the connection ends.
pub async fn send(
    executor: &Arc<Executor>,
    operation: Operation,
    payer: Option<LimitSubject>,
    authorization: Option<&str>,
    site: Option<&Site>,
    format: LiveFormat,
) -> Response {
    let app = executor.app();
    let place = payer.map(|payer| app.quotas.take(payer, Resource::Subscription, 1));
    let Ok(place) = place.transpose() else {
        let answer = refusal("You have too many open subscriptions.", "LIMIT_EXCEEDED");
        return render(Media::Json, StatusCode::TOO_MANY_REQUESTS, &answer);
    };
    // Authenticated again with a watch, to see rights that ended since the first check.
    let watched = match executor.authenticator.watched(authorization, site).await {
        Ok(watched) => watched,
        Err(error) => {
            let answer = fault(error);
            return render(Media::Json, status_of(Media::Json, &answer), &answer);
        }
    };
    let shutdown = app.shutdown.clone();
    let clock = app.clock.clone();
    let end = async move {
        let rights = async {
            match &watched {
                Some((caller, watch)) => watch.ended_or_expired(caller, &clock).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { () = shutdown.cancelled() => {}, () = rights => {} }
    };
    let answers = executor.stream(operation).map(move |answered| {
        let _ = &place;
        body_of(&answered.answer)
    });
    match format {
        LiveFormat::Events => events(answers, Box::pin(end)),
        LiveFormat::Multipart => multipart(answers, Box::pin(end)),
    }
}

fn events(
    answers: impl Stream<Item = String> + Send + 'static,
    end: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let events = answers
        .map(|answer| Event::default().event("next").data(answer))
        .chain(stream::once(async { Event::default().event("complete").data("") }))
        .take_until(end)
        .map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)).into_response()
}

fn multipart(
    answers: impl Stream<Item = String> + Send + 'static,
    end: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let parts = answers
        .map(|answer| format!("\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{answer}}}\r\n--graphql"));
    let first = stream::once(async { FIRST.to_owned() });
    let parts = with_signs_of_life(first.chain(parts.take_until(end))).chain(stream::once(async { LAST.to_owned() }));
    let body = Body::from_stream(parts.map(|part| Ok::<_, Infallible>(Bytes::from(part))));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MULTIPART));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Adds a sign of life whenever the parts pause.
fn with_signs_of_life(parts: impl Stream<Item = String> + Send + 'static) -> impl Stream<Item = String> + Send {
    async_stream::stream! {
        let mut parts = Box::pin(parts);
        loop {
            match tokio::time::timeout(SIGN_OF_LIFE, parts.next()).await {
                Ok(Some(part)) => yield part,
                Ok(None) => return,
                Err(_) => yield HEARTBEAT.to_owned(),
            }
        }
    }
}
