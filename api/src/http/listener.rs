//! The connections of the server. Their number is limited, in total and for each address. A connection must send its
//! headers and read its answers in time.

use std::{convert::Infallible, future::ready, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse as _,
};
use futures_util::{FutureExt as _, future::Either};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::{
    REQUEST_ID,
    client_ip::Peer,
    connection_slots::ConnectionSlots,
    head_timeout::{ConnectionPhase, HeadTimeoutStream},
    host,
};
use crate::app::App;

/// The time limit for the head of a request once it has begun.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The time that a connection may wait for its next request. It is longer than the default waits of clients and
/// proxies.
const IDLE_WITHIN: Duration = Duration::from_secs(75);
/// The time that a connection is still read after the signal to stop. Requests sent before the signal are served.
const LAST_CALL: Duration = Duration::from_millis(500);
/// The time that a client may read nothing of a pending answer.
const READ_WITHIN: Duration = Duration::from_secs(20);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 32 << 10;
/// The longest request id that is accepted from a client, in bytes.
const LONGEST_ID: usize = 128;
/// The pause after the machine refused a connection, which it does when it runs out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the app is shut down. Then open connections finish their requests.
pub async fn serve(app: &App, listener: TcpListener, router: Router) {
    let slots = ConnectionSlots::new(app.config.connections);
    let connections = TaskTracker::new();
    // A surplus connection is closed at once, which costs less than an answer.
    let accept = |stream: TcpStream, peer: SocketAddr| {
        let Some(place) = ConnectionSlots::take(&slots, peer.ip()) else { return };
        let (app, router) = (app.clone(), router.clone());
        let peer = Peer { address: peer, place: Arc::new(place) };
        connections.spawn(async move { connection(&app, stream, peer, router).await });
    };
    loop {
        let accepted = tokio::select! {
            () = app.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => accept(stream, peer),
            Err(error) => {
                tracing::warn!(cause = %error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // The machine has already accepted these connections.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        accept(stream, peer);
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(app: &App, stream: TcpStream, peer: Peer, router: Router) {
    // Answers are written whole, so waiting for more data gains nothing.
    drop(stream.set_nodelay(true));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READ_WITHIN));
    let serving = ConnectionPhase::default();
    let stream = HeadTimeoutStream::new(Box::pin(stream), serving.clone(), HEAD_WITHIN);
    let (clock, shutdown) = (app.clock.clone(), app.shutdown.clone());
    let state = serving.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        serving.begin();
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer.clone());
        let given = request.headers().get(REQUEST_ID).filter(|id| id.len() <= LONGEST_ID).cloned();
        let id = given.or_else(|| HeaderValue::from_str(&clock.uuid().simple().to_string()).ok());
        let answer = match host::resolve_host(&mut request) {
            Ok(()) => Either::Left(router.clone().oneshot(request)),
            Err(why) => Either::Right(ready(Ok((StatusCode::BAD_REQUEST, format!("{why}\n")).into_response()))),
        };
        let (serving, shutdown) = (serving.clone(), shutdown.clone());
        async move {
            let mut answer = answer.await?;
            let headers = answer.headers_mut();
            if let Some(id) = id {
                headers.insert(REQUEST_ID, id);
            }
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                serving.end();
                if shutdown.is_cancelled() {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let stop = async {
        app.shutdown.cancelled().await;
        tokio::time::sleep(LAST_CALL).await;
    };
    tokio::select! {
        // Data that can be read is read before the stop signal is checked.
        biased;
        // A client that is gone or too slow is no fault.
        result = served.as_mut() => drop(result),
        () = stop => {
            served.as_mut().graceful_shutdown();
            // A connection that has sent nothing is not waited for.
            if !state.is_fresh() {
                drop(served.await);
            }
        }
    }
}
