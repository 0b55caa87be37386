//! Measures many followers of one stream: the memory of an idle follower, and the delay and cost until an event reaches
//! all followers. The measurement is repeated while some followers do not read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::{
    Server, client, cpu,
    memory::resident,
    operations::People,
    sockets::{self, Subscription},
};

const FOLLOW: &str = "subscription { incomingRequests { __typename ... on ConnectionRequestReceived { sequence cursor \
                      request { id } } ... on ConnectionRequestChanged { sequence cursor request { id status } } } }";
/// The number of introspections in an answer of about a megabyte.
const LARGE: usize = 20;

/// The sequence numbers of received events, with the time of each arrival.
type Arrivals = Arc<Mutex<Vec<(i64, Instant)>>>;

/// Opens the subscribers, causes events and prints the results.
pub async fn measure(server: &Server, people: &People, subscribers: usize, stalled: usize) -> anyhow::Result<()> {
    let (arrivals, waiting) = (Arrivals::default(), Arc::new(AtomicUsize::new(0)));
    let token = &people.connected.token;
    let requests = |_| Subscription { token, query: FOLLOW, variables: Value::Null };
    let before = sockets::warm(server, requests).await?;
    for socket in sockets::open_all(server, subscribers, requests).await? {
        let (mut socket, arrivals, waiting) = (socket, Arc::clone(&arrivals), Arc::clone(&waiting));
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let at = Instant::now();
                let Message::Text(text) = message else { continue };
                let parsed: Value = serde_json::from_str(&text).unwrap_or_default();
                if let Some(sequence) = parsed["payload"]["data"]["incomingRequests"]["sequence"].as_i64() {
                    arrivals.lock().push((sequence, at));
                    waiting.fetch_sub(1, Ordering::SeqCst);
                }
            }
        });
    }
    let each = (resident(server.child.id())? - before) / subscribers.max(1) as f64;
    println!("{subscribers} idle subscribers: {:.1} kB each", each / 1024.0);
    events("one event at a time", server, people, subscribers, &arrivals, &waiting).await?;
    if stalled > 0 {
        let mut stalled_sockets = Vec::new();
        for _ in 0..stalled {
            let mut socket = sockets::open(server, requests(0)).await?;
            for number in 0..16 {
                let part =
                    |n| format!("a{n}: __schema {{ types {{ name description fields {{ name description }} }} }}");
                let query = format!("{{ {} }}", (0..LARGE).map(part).collect::<Vec<_>>().join(" "));
                socket.send(sockets::subscribe(&format!("large{number}"), &query, &Value::Null)).await?;
            }
            stalled_sockets.push(socket);
        }
        events(&format!("with {stalled} who never read"), server, people, subscribers, &arrivals, &waiting).await?;
    }
    Ok(())
}

/// Causes events one after another, each after the delivery of the previous one.
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
        arrivals.lock().clear();
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
        let called_at = Instant::now();
        let answer: Value =
            serde_json::from_slice(connection.exchange(&client::post(&people.follower.token, &mutation)).await?)?;
        request = answer["data"]["done"]["request"]["id"].as_str().with_context(|| answer.to_string())?.to_owned();
        let deadline = Instant::now() + Duration::from_secs(30);
        while waiting.load(Ordering::SeqCst) > 0 {
            ensure!(Instant::now() < deadline, "{} never got the event", waiting.load(Ordering::SeqCst));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let arrived = arrivals.lock();
        delays.extend(arrived.iter().map(|(_, at)| at.duration_since(called_at).as_secs_f64() * 1e3));
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
