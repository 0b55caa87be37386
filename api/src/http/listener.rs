//! Connections: so many at once, so many of one address; none may dawdle over its headers or over reading its answer.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::Request, http::HeaderValue};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::{REQUEST_ID, peer::Peer};
use crate::{address::Networks, app::App, config::Connections};

/// How long the head of a request may take, and how long a connection may wait for the next one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
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
    loop {
        let accepted = tokio::select! {
            () = app.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(cause = %error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // One too many is let go at once, which costs less than telling why.
        let Some(place) = Places::take(&places, peer.ip()) else { continue };
        let (app, router) = (app.clone(), router.clone());
        let peer = Peer { address: peer, place: Arc::new(place) };
        connections.spawn(async move { connection(&app, stream, peer, router).await });
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
    let clock = app.clock.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer.clone());
        let given = request.headers().get(REQUEST_ID).filter(|id| id.len() <= LONGEST_ID).cloned();
        let id = given.or_else(|| HeaderValue::from_str(&clock.uuid().simple().to_string()).ok());
        let answer = router.clone().oneshot(request);
        async move {
            let mut answer = answer.await?;
            if let Some(id) = id {
                answer.headers_mut().insert(REQUEST_ID, id);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // A client who is gone, or was too slow, is no fault.
        served = serving.as_mut() => drop(served),
        () = app.shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            drop(serving.await);
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
