//! Requests that leave Rapport reach public addresses and allowed networks only, within limits.

use std::{
    collections::VecDeque,
    env, io,
    net::{IpAddr, SocketAddr},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use api::outgoing::{
    addresses::Reachable,
    client::{Failure, LookUp, OutgoingAnswer, OutgoingClient, OutgoingRequest, SystemLookUp},
};
use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, future::BoxFuture, stream};
use parking_lot::Mutex;
use reqwest::{Method, header::HeaderMap};
use tokio::net::TcpListener;

use crate::support::Expected as _;

/// The address of the permitted server. Linux serves all of 127.0.0.0/8.
const PERMITTED: &str = "127.0.0.2";

/// A listener that nothing may connect to.
struct Canary {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Canary {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expected("a port");
        let address = listener.local_addr().expected("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, connections }
    }

    fn touched(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Gives the addresses of any name from a list, one for each look-up, and the last one for ever.
struct Changing(Mutex<VecDeque<IpAddr>>);

impl LookUp for Changing {
    fn look_up(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut left = self.0.lock();
        let next = if left.len() > 1 { left.pop_front() } else { left.front().copied() };
        Box::pin(async move { Ok(next.into_iter().collect()) })
    }
}

fn client(allowed: &[&str], names: impl LookUp + 'static) -> OutgoingClient {
    let names: Arc<dyn LookUp> = Arc::new(names);
    let allowed = allowed.iter().map(|network| network.parse().expected("a network")).collect();
    OutgoingClient::new(Reachable::new(allowed), &names).expected("a client")
}

/// A client that may reach the permitted server only.
fn guarded() -> OutgoingClient {
    client(&["127.0.0.2/32"], SystemLookUp)
}

fn request(url: &str) -> OutgoingRequest {
    OutgoingRequest {
        method: Method::GET,
        url: url.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        within: Duration::from_secs(10),
        answer_bytes: 1_000,
        redirects: 3,
        media_types: None,
    }
}

async fn body(answer: Result<OutgoingAnswer, Failure>) -> Result<String, Failure> {
    let body = answer?.read().await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Serves routes at the permitted address and returns the origin.
async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind((PERMITTED, 0)).await.expected("a port");
    let address = listener.local_addr().expected("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// Returns forms of the canary's address, all of which a careless client connects to.
fn forms(canary: &Canary) -> Vec<String> {
    let port = canary.address.port();
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0.0.0.0",
        "0",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "[fec0::1]",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "１２７.0.0.1",
        "127。0。0。1",
        "a@127.0.0.1",
        "a:b@127.0.0.1",
    ];
    let mut forms = Vec::new();
    for host in hosts {
        forms.push(format!("http://{host}:{port}/"));
        forms.push(format!("https://{host}:{port}/"));
    }
    forms.extend([format!("//127.0.0.1:{port}/"), format!("http:127.0.0.1:{port}"), format!("http:/127.0.0.1:{port}")]);
    forms.extend([format!("http:\\\\127.0.0.1:{port}"), format!("http://8.8.8.8:80@127.0.0.1:{port}/")]);
    forms.extend(["file:///etc/passwd", "gopher://127.0.0.1:70/", "ftp://127.0.0.1/", "data:,x"].map(str::to_owned));
    forms
}

#[tokio::test]
async fn no_form_of_a_private_address_is_reached() {
    let canary = Canary::start().await;
    let client = guarded();
    for url in forms(&canary) {
        let failure = client.send(&request(&url)).await.map(|answer| answer.status);
        // Not every system knows the name with a full stop.
        let unknown = url.contains("localhost.") && matches!(failure, Err(Failure::NotSent(_)));
        assert!(unknown || matches!(failure, Err(Failure::Forbidden(_))), "{url}: {failure:?}");
    }
    assert_eq!(canary.touched(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed() {
    let canary = Canary::start().await;
    let client = guarded();
    let targets = forms(&canary);
    let routes = targets.iter().enumerate().fold(Router::new(), |routes, (at, target)| {
        let target = target.clone();
        routes.route(&format!("/{at}"), get(move || async move { (StatusCode::FOUND, [(header::LOCATION, target)]) }))
    });
    let origin = serve(routes.route("/end", get(|| async { "end" }))).await;
    for (at, target) in targets.iter().enumerate() {
        // A path without a host stays on the server, and other odd targets are no addresses.
        if let Ok(answer) = client.send(&request(&format!("{origin}/{at}"))).await {
            assert!([StatusCode::NOT_FOUND, StatusCode::FOUND].contains(&answer.status), "{target}");
        }
    }
    assert_eq!(canary.touched(), 0);
}

#[tokio::test]
async fn redirects_to_permitted_addresses_are_followed_up_to_their_maximum() {
    let to = |target: &'static str| move || async move { (StatusCode::FOUND, [(header::LOCATION, target)]) };
    let routes = Router::new().route("/a", get(to("/b"))).route("/b", get(to("c"))).route("/c", get(to("/end")));
    let origin = serve(routes.route("/end", get(|| async { "end" }))).await;
    let client = guarded();
    assert_eq!(body(client.send(&request(&format!("{origin}/a"))).await).await.as_deref(), Ok("end"));
    let fewer = OutgoingRequest { redirects: 2, ..request(&format!("{origin}/a")) };
    assert_eq!(client.send(&fewer).await.map(|answer| answer.status), Ok(StatusCode::FOUND));
    let post = OutgoingRequest { method: Method::POST, ..request(&format!("{origin}/a")) };
    let answer = client.send(&post).await.map(|answer| answer.status);
    assert_eq!(answer, Ok(StatusCode::METHOD_NOT_ALLOWED));
}

#[tokio::test]
async fn a_name_that_changes_its_address_gains_nothing() {
    let canary = Canary::start().await;
    // The same port at both addresses, and no connection is kept from one request to the next.
    let listener = TcpListener::bind((PERMITTED, canary.address.port())).await.expected("the port");
    let routes = Router::new().route("/", get(|| async { ([(header::CONNECTION, "close")], "here") }));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let addresses = [PERMITTED, "127.0.0.1"].map(|address| address.parse().expected("an address"));
    let client = client(&["127.0.0.2/32"], Changing(Mutex::new(addresses.into())));
    let url = format!("http://changes.example:{}/", canary.address.port());
    assert_eq!(body(client.send(&request(&url)).await).await.as_deref(), Ok("here"));
    for _ in 0..3 {
        let failure = client.send(&request(&url)).await.map(|answer| answer.status);
        assert!(matches!(failure, Err(Failure::Forbidden(_))), "{failure:?}");
    }
    assert_eq!(canary.touched(), 0);
}

/// A proxy would connect in Rapport's place, to addresses that nothing checked.
#[tokio::test]
async fn a_proxy_of_the_environment_is_not_used() {
    let canary = Canary::start().await;
    let proxy = format!("http://{}", canary.address);
    let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    // The variables are read once per process, so another process makes the requests of another test.
    let requests = move || {
        Command::new(env::current_exe().expected("this program"))
            .args(["--exact", "outgoing::redirects_to_permitted_addresses_are_followed_up_to_their_maximum"])
            .envs(names.map(|name| (name, &proxy)))
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .output()
    };
    let done = tokio::task::spawn_blocking(requests).await.expected("an end").expected("a result");
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && printed.contains("1 passed"), "{printed}");
    assert_eq!(canary.touched(), 0);
}

#[tokio::test]
async fn a_name_without_addresses_and_a_closed_port_are_told_from_forbidden_ones() {
    let client = guarded();
    let listener = TcpListener::bind((PERMITTED, 0)).await.expected("a port");
    let closed = format!("http://{}", listener.local_addr().expected("an address"));
    drop(listener);
    for url in [closed.as_str(), "https://nothing.invalid/"] {
        let failure = client.send(&request(url)).await.map(|answer| answer.status);
        assert!(matches!(failure, Err(Failure::NotSent(_))), "{url}: {failure:?}");
    }
}

#[tokio::test]
async fn answers_that_are_too_long_too_late_or_of_a_wrong_type_are_cut_off() {
    let endless = || async { Body::from_stream(stream::repeat_with(|| Ok::<_, io::Error>("x".repeat(100)))) };
    let never = || async { Body::from_stream(stream::pending::<io::Result<Bytes>>()) };
    let slow = || async {
        let dripping = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, io::Error>("x")
        });
        Body::from_stream(dripping)
    };
    let html = || async { ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], "<p>").into_response() };
    let routes = Router::new().route("/endless", get(endless)).route("/never", get(never)).route("/slow", get(slow));
    let routes = routes.route("/long", get(|| async { "x".repeat(1_001) })).route("/html", get(html));
    let origin = serve(routes).await;
    let client = guarded();
    let ask = |path: &str| {
        let short = OutgoingRequest { within: Duration::from_millis(400), ..request(&format!("{origin}{path}")) };
        let client = client.clone();
        async move { body(client.send(&short).await).await }
    };
    assert_eq!(ask("/endless").await, Err(Failure::TooLong));
    assert_eq!(ask("/long").await, Err(Failure::TooLong));
    for path in ["/never", "/slow"] {
        assert_eq!(ask(path).await, Err(Failure::Unclear("no answer in time".to_owned())), "{path}");
    }
    let pictures = OutgoingRequest { media_types: Some(&["image/*"]), ..request(&format!("{origin}/html")) };
    assert_eq!(client.send(&pictures).await.map(|answer| answer.status), Err(Failure::WrongType("text/html".into())));
    let pages = OutgoingRequest { media_types: Some(&["text/html"]), ..pictures };
    assert_eq!(body(client.send(&pages).await).await.as_deref(), Ok("<p>"));
}
