//! Connections: so many at once, so many of one address; none may take long over its headers or over reading its answer.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::ready,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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
    REQUEST_ID, host,
    patience::{Patient, Serving},
    peer::Peer,
};
use crate::{address::Networks, app::App, config::Connections};

/// How long the head of a request may take once it has begun.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request: longer than what clients and proxies wait by default.
const IDLE_WITHIN: Duration = Duration::from_secs(75);
/// How long a connection is still listened to after the signal to stop: what was sent before it is served.
const LAST_CALL: Duration = Duration::from_millis(500);
/// How long a client may read nothing of an answer that waits for it.
const READ_WITHIN: Duration = Duration::from_secs(20);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 32 << 10;
/// The longest id of a request that is taken from the client.
const LONGEST_ID: usize = 128;
/// After the machine refused a connection, which it does when files run out.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the app is shut down, and lets those that are open finish what they are at.
pub async fn serve(app: &App, listener: TcpListener, router: Router) {
    let limits = app.config.connections;
    let networks = Networks::new(limits.ipv6_prefix);
    let places = Arc::new(Places { limits, networks, taken: Mutex::default() });
    let connections = TaskTracker::new();
    // One too many is let go at once, which costs less than telling why.
    let accept = |stream: TcpStream, peer: SocketAddr| {
        let Some(place) = Places::take(&places, peer.ip()) else { return };
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
    // Connections that the machine had taken before are as good as accepted.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        accept(stream, peer);
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(app: &App, stream: TcpStream, peer: Peer, router: Router) {
    // Answers are whole when they are written: nothing is gained by waiting for more.
    drop(stream.set_nodelay(true));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READ_WITHIN));
    let serving = Serving::default();
    let stream = Patient::new(Box::pin(stream), serving.clone(), HEAD_WITHIN);
    let (clock, shutdown) = (app.clock.clone(), app.shutdown.clone());
    let state = serving.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        serving.begin();
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer.clone());
        let given = request.headers().get(REQUEST_ID).filter(|id| id.len() <= LONGEST_ID).cloned();
        let id = given.or_else(|| HeaderValue::from_str(&clock.uuid().simple().to_string()).ok());
        let answer = match host::settle(&mut request) {
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
        // What can be read is read before it is asked whether to stop.
        biased;
        // A client who is gone, or was too slow, is no fault.
        result = served.as_mut() => drop(result),
        () = stop => {
            served.as_mut().graceful_shutdown();
            // One that has sent nothing is not waited for.
            if !state.is_fresh() {
                drop(served.await);
            }
        }
    }
}

/// The places for connections.
#[derive(Debug)]
struct Places {
    limits: Connections,
    networks: Networks,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place that is given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    fn take(places: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = places.networks.counted(address);
        let mut taken = places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = taken.by_address.get(&address).copied().unwrap_or_default();
        // Behind proxies of ours all clients share their addresses.
        let shared = places.limits.proxies > 0;
        if taken.all >= places.limits.most || (of_address >= places.limits.most_per_address && !shared) {
            return None;
        }
        taken.all += 1;
        *taken.by_address.entry(address).or_default() += 1;
        Some(Place { places: Arc::clone(places), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}
