//! Many who follow one stream: what an idle one costs in memory, and how soon and at what cost an event reaches them all,
//! also while some of them do not read.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

use super::{Server, client, cpu, memory::resident, operations::People};

/// A client's side of a socket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const FOLLOW: &str = "subscription { incomingRequests { __typename ... on ConnectionRequestReceived { sequence cursor \
                      request { id } } ... on ConnectionRequestChanged { sequence cursor request { id status } } } }";
/// Subscribers before the first figure.
const FIRST: usize = 50;
/// An answer of about a megabyte.
const LARGE: usize = 20;

/// What somebody follows.
pub struct Subscription<'a> {
    pub token: &'a str,
    pub query: &'a str,
    pub variables: Value,
}

/// When what arrived: the numbers of events with the time of each arrival.
type Arrivals = Arc<Mutex<Vec<(i64, Instant)>>>;

/// Opens the subscribers and tells them of events; prints what was found.
pub async fn measure(server: &Server, people: &People, subscribers: usize, stalled: usize) -> anyhow::Result<()> {
    let (arrivals, waiting) = (Arrivals::default(), Arc::new(AtomicUsize::new(0)));
    let token = &people.connected.token;
    let requests = |_| Subscription { token, query: FOLLOW, variables: Value::Null };
    let before = warm(server, requests).await?;
    for socket in follow(server, subscribers, requests).await? {
        let (mut socket, arrivals, waiting) = (socket, Arc::clone(&arrivals), Arc::clone(&waiting));
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let at = Instant::now();
                let Message::Text(text) = message else { continue };
                let said: Value = serde_json::from_str(&text).unwrap_or_default();
                if let Some(sequence) = said["payload"]["data"]["incomingRequests"]["sequence"].as_i64() {
                    arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((sequence, at));
                    waiting.fetch_sub(1, Ordering::SeqCst);
                }
            }
        });
    }
    let each = (resident(server.child.id())? - before) / subscribers.max(1) as f64;
    println!("{subscribers} idle subscribers: {:.1} kB each", each / 1024.0);
    events("one event at a time", server, people, subscribers, &arrivals, &waiting).await?;
    if stalled > 0 {
        let mut silent = Vec::new();
        for _ in 0..stalled {
            let mut socket = open(server, requests(0)).await?;
            for number in 0..16 {
                let part =
                    |n| format!("a{n}: __schema {{ types {{ name description fields {{ name description }} }} }}");
                let query = format!("{{ {} }}", (0..LARGE).map(part).collect::<Vec<_>>().join(" "));
                socket.send(subscribe(&format!("large{number}"), &query, &Value::Null)).await?;
            }
            silent.push(socket);
        }
        events(&format!("with {stalled} who do not read"), server, people, subscribers, &arrivals, &waiting).await?;
    }
    Ok(())
}

/// What the server has in memory after a few have come and gone: what it needs once is not the price of each.
pub async fn warm<'a>(server: &Server, following: impl Fn(usize) -> Subscription<'a>) -> anyhow::Result<f64> {
    for mut socket in follow(server, FIRST, following).await? {
        socket.close(None).await?;
        while socket.next().await.is_some() {}
    }
    resident(server.child.id())
}

/// So many who follow and have heard where they begin, in order.
pub async fn follow<'a>(
    server: &Server,
    subscribers: usize,
    following: impl Fn(usize) -> Subscription<'a>,
) -> anyhow::Result<Vec<Socket>> {
    let opened = stream::iter(0..subscribers).map(|number| {
        let subscription = following(number);
        async {
            let mut socket = open(server, subscription).await?;
            let started = socket.next().await.context("closed")??;
            ensure!(started.to_text()?.contains("SubscriptionStarted"), "{started}");
            Ok(socket)
        }
    });
    opened.buffered(64).try_collect().await
}

fn subscribe(id: &str, query: &str, variables: &Value) -> Message {
    let payload = json!({ "query": query, "variables": variables });
    Message::Text(json!({ "type": "subscribe", "id": id, "payload": payload }).to_string().into())
}

async fn open(server: &Server, subscription: Subscription<'_>) -> anyhow::Result<Socket> {
    let mut request = format!("ws://{}/graphql", server.address).into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
    let (mut socket, _) = connect_async(request).await?;
    let authorization = format!("Bearer {}", subscription.token);
    let init = json!({ "type": "connection_init", "payload": { "authorization": authorization } });
    socket.send(Message::Text(init.to_string().into())).await?;
    socket.next().await.context("closed")??;
    socket.send(subscribe("1", subscription.query, &subscription.variables)).await?;
    Ok(socket)
}

/// Makes events one after another, each when the one before has reached everyone.
async fn events(
    what: &str,
    server: &Server,
    people: &People,
    subscribers: usize,
    arrivals: &Arrivals,
    waiting: &AtomicUsize,
) -> anyhow::Result<()> {
    const EVENTS: usize = 40;
    let mut connection = client::Connection::open(&server.address).await?;
    let spent = cpu::process(server.child.id());
    let mut delays = Vec::with_capacity(EVENTS * subscribers);
    let mut request = String::new();
    for number in 0..EVENTS {
        arrivals.lock().unwrap_or_else(PoisonError::into_inner).clear();
        waiting.store(subscribers, Ordering::SeqCst);
        let mutation = if number % 2 == 0 {
            format!(
                "mutation {{ done: requestConnection(input: {{ userId: \"{}\" }}) {{ request {{ id }} }} }}",
                people.connected_id
            )
        } else {
            format!(
                "mutation {{ done: withdrawConnectionRequest(input: {{ requestId: \"{request}\" }}) {{ request {{ id }} }} }}"
            )
        };
        let asked = Instant::now();
        let answer: Value =
            serde_json::from_slice(connection.exchange(&client::post(&people.follower.token, &mutation)).await?)?;
        request = answer["data"]["done"]["request"]["id"].as_str().with_context(|| answer.to_string())?.to_owned();
        let patience = Instant::now() + Duration::from_secs(30);
        while waiting.load(Ordering::SeqCst) > 0 {
            ensure!(Instant::now() < patience, "{} never got the event", waiting.load(Ordering::SeqCst));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let arrived = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        delays.extend(arrived.iter().map(|(_, at)| at.duration_since(asked).as_secs_f64() * 1e3));
    }
    let spent = (cpu::process(server.child.id()) - spent) / (EVENTS * subscribers) as f64 * 1e6;
    delays.sort_by(f64::total_cmp);
    let at = |part: usize| delays[(delays.len() - 1) * part / 100];
    println!(
        "{what}: p50 {:.0} ms, p99 {:.0} ms from the call to the socket, {spent:.1} us of CPU a delivery",
        at(50),
        at(99)
    );
    Ok(())
}
