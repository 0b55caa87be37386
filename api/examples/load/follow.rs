//! Measures many followers of conversations while agents write messages. Checks that each follower receives each event
//! once and in order, and measures the delay and the cost.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use api::clock::Clock;
use entity::id::ConversationId;
use futures_util::{StreamExt as _, future};
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{
    Server, client, cpu,
    desktops::AgentDesktop,
    memory::resident,
    operations::SEND,
    sockets::{self, Socket, Subscription},
};

const FOLLOW: &str = "subscription($id: ID!) { event: conversationEvents(conversationId: $id) { __typename ... on ResyncRequired { reason } \
    ... on ItemAdded { sequence item { ... on Message { body } } } ... on ItemChanged { sequence } \
    ... on ReceiptAdvanced { sequence } ... on ParticipantChanged { sequence } ... on TaskChanged { sequence } } }";
/// The number of events that are written one at a time, each after the delivery of the previous one. The others follow
/// without pauses.
const SINGLE_EVENTS: usize = 500;
/// The number of simultaneous writers.
const WRITERS: usize = 8;
/// The time without any delivery after which the measurement fails.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// The time to wait for duplicates. It is longer than the interval in which an instance reads the log without a
/// notification.
const DUPLICATE_WAIT: Duration = Duration::from_secs(3);

/// A followed conversation and its agent.
struct FollowedConversation<'a> {
    desktop: &'a AgentDesktop,
    id: ConversationId,
    follower_count: usize,
    /// The number of messages that were written in it.
    written: AtomicU64,
}

/// The events that one follower has received.
#[derive(Debug, Default)]
struct ReceivedEvents {
    /// The sequence number of the last event.
    last: i64,
    /// The time when the last message was written, in microseconds.
    written: u128,
    messages: u64,
    /// The delays from the call to the socket, in microseconds.
    delays: Vec<u32>,
    /// The reason why the follower stopped.
    broken: Option<String>,
}

/// The parts of a socket message that are checked.
#[derive(Deserialize)]
struct SocketMessage<'a> {
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
}
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
}
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    event: Event<'a>,
}
#[derive(Deserialize)]
struct Event<'a> {
    reason: Option<&'a str>,
    sequence: Option<i64>,
    #[serde(borrow)]
    item: Option<Item<'a>>,
}
#[derive(Deserialize)]
struct Item<'a> {
    body: Option<&'a str>,
}

/// Opens subscribers, spread over all current conversations, writes messages and prints the results. Fails if a
/// subscriber misses an event, receives it twice or out of order.
pub async fn measure(
    server: &Server,
    desktops: &[AgentDesktop],
    subscribers: usize,
    events: usize,
) -> anyhow::Result<()> {
    ensure!(subscribers > 0 && events > 0, "give at least one subscriber and one event");
    let mut conversations: Vec<FollowedConversation> = desktops
        .iter()
        .flat_map(|desktop| {
            desktop.conversations.iter().map(move |id| FollowedConversation {
                desktop,
                id: *id,
                follower_count: 0,
                written: AtomicU64::new(0),
            })
        })
        .collect();
    conversations.truncate(subscribers);
    let count = conversations.len();
    for number in 0..subscribers {
        conversations[number % count].follower_count += 1;
    }
    let (began, delivered) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let following = |number: usize| {
        let conversation = &conversations[number % count];
        Subscription {
            token: &conversation.desktop.token,
            query: FOLLOW,
            variables: json!({ "id": conversation.id.to_string() }),
        }
    };
    let before = sockets::warm(server, following).await?;
    let sockets = sockets::open_all(server, subscribers, following).await?;
    let each = (resident(server.child.id())? - before) / subscribers as f64;
    println!("{subscribers} idle subscribers of {count} conversations: {:.1} kB each", each / 1024.0);
    let followers: Vec<Arc<Mutex<ReceivedEvents>>> = sockets
        .into_iter()
        .map(|socket| {
            let received = Arc::default();
            tokio::spawn(receive_events(socket, began, Arc::clone(&received), Arc::clone(&delivered)));
            received
        })
        .collect();

    let measurement = Measurement::begin(server, &delivered);
    let mut connection = client::Connection::open(&server.address).await?;
    let single = SINGLE_EVENTS.min(events);
    for number in 0..single {
        write(&mut connection, &conversations[number % count], began).await?;
        wait_for_delivery(&conversations, &followers, &delivered).await?;
    }
    measurement.print("one event at a time", single, &followers);
    if events > single {
        let measurement = Measurement::begin(server, &delivered);
        let left = AtomicUsize::new(events - single);
        // Each writer has its own conversations, so that the messages of a conversation have one order.
        let writers = (0..WRITERS.min(count)).map(|writer| {
            let (mut own, left) = (conversations.iter().skip(writer).step_by(WRITERS).cycle(), &left);
            async move {
                let mut connection = client::Connection::open(&server.address).await?;
                while let Some(conversation) = own.next()
                    && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
                {
                    write(&mut connection, conversation, began).await?;
                }
                anyhow::Ok(())
            }
        });
        future::try_join_all(writers).await?;
        wait_for_delivery(&conversations, &followers, &delivered).await?;
        measurement.print(&format!("{WRITERS} writers without a pause"), events - single, &followers);
    }

    tokio::time::sleep(DUPLICATE_WAIT).await;
    for (number, received) in followers.iter().enumerate() {
        let (received, written) = (lock(received), conversations[number % count].written.load(Ordering::SeqCst));
        ensure!(
            received.broken.is_none() && received.messages == written,
            "{number} received {received:?} of {written}"
        );
    }
    println!(
        "{events} events: each follower received its events once and in order, {} deliveries",
        delivered.load(Ordering::SeqCst)
    );
    Ok(())
}

/// A measured period, with the CPU time and the deliveries of the server at its start.
struct Measurement<'a> {
    server: &'a Server,
    delivered: &'a AtomicU64,
    since: Instant,
    spent: f64,
    count: u64,
}

impl<'a> Measurement<'a> {
    fn begin(server: &'a Server, delivered: &'a AtomicU64) -> Self {
        let (spent, count) = (cpu::process(server.child.id()), delivered.load(Ordering::SeqCst));
        Self { server, delivered, since: Instant::now(), spent, count }
    }

    /// Prints the cost of the period and the delays of its events.
    fn print(self, what: &str, events: usize, followers: &[Arc<Mutex<ReceivedEvents>>]) {
        let seconds = self.since.elapsed().as_secs_f64();
        let count = self.delivered.load(Ordering::SeqCst) - self.count;
        let micros = (cpu::process(self.server.child.id()) - self.spent) * 1e6;
        let mut delays: Vec<u32> =
            followers.iter().flat_map(|received| mem::take(&mut lock(received).delays)).collect();
        delays.sort_unstable();
        let at = |part: usize| f64::from(delays[(delays.len() - 1) * part / 100]) / 1e3;
        println!(
            "{what}: {events} events, {count} deliveries in {seconds:.1} s; p50 {:.1} ms, p99 {:.1} ms from the call to the \
             socket; of the server's CPU, writing included, {:.1} us a delivery and {:.0} an event",
            at(50),
            at(99),
            micros / count as f64,
            micros / events as f64
        );
    }
}

/// Writes a message that contains the time of writing.
async fn write(
    connection: &mut client::Connection,
    conversation: &FollowedConversation<'_>,
    began: Instant,
) -> anyhow::Result<()> {
    let now = began.elapsed().as_micros().to_string();
    let key = Clock::System.uuid().to_string();
    let input = json!({ "conversationId": conversation.id.to_string(), "clientMessageId": key, "body": now });
    let request = client::post_with(&conversation.desktop.token, SEND, &json!({ "input": input }));
    let answer = String::from_utf8_lossy(connection.exchange(&request).await?).into_owned();
    ensure!(answer.contains("\"userErrors\":[]"), "{answer}");
    conversation.written.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// Waits until every message has reached every follower.
async fn wait_for_delivery(
    conversations: &[FollowedConversation<'_>],
    followers: &[Arc<Mutex<ReceivedEvents>>],
    delivered: &AtomicU64,
) -> anyhow::Result<()> {
    let due: u64 = conversations
        .iter()
        .map(|conversation| conversation.written.load(Ordering::SeqCst) * conversation.follower_count as u64)
        .sum();
    let (mut received, mut since) = (0, Instant::now());
    loop {
        let now = delivered.load(Ordering::SeqCst);
        if now >= due {
            return Ok(());
        }
        if now > received {
            (received, since) = (now, Instant::now());
        }
        if since.elapsed() > DELIVERY_TIMEOUT {
            let broken = followers.iter().find_map(|received| lock(received).broken.clone());
            bail!("{} of {due} were never received: {}", due - now, broken.unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Receives events until the socket ends. Records a gap, a repeat or an error, and stops there.
async fn receive_events(
    mut socket: Socket,
    began: Instant,
    received: Arc<Mutex<ReceivedEvents>>,
    delivered: Arc<AtomicU64>,
) {
    loop {
        let message = socket.next().await;
        let at = began.elapsed();
        let recorded = message.context("the end").and_then(|message| lock(&received).record(&message?, at));
        match recorded {
            Ok(true) => drop(delivered.fetch_add(1, Ordering::SeqCst)),
            Ok(false) => {}
            Err(why) => {
                lock(&received).broken = Some(format!("{why:#}"));
                return;
            }
        }
    }
}

impl ReceivedEvents {
    /// Records a message of the socket. Returns true if it was a message of the conversation.
    fn record(&mut self, message: &Message, at: Duration) -> anyhow::Result<bool> {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(why) => bail!("closed: {why:?}"),
            _ => return Ok(false),
        };
        let parsed: SocketMessage = serde_json::from_str(text).with_context(|| text.to_string())?;
        let event = parsed.payload.and_then(|payload| payload.data).with_context(|| text.to_string())?.event;
        ensure!(event.reason.is_none(), "ResyncRequired: {:?}", event.reason);
        let Some(sequence) = event.sequence else { return Ok(false) };
        ensure!(self.last == 0 || sequence == self.last + 1, "{sequence} after {}", self.last);
        self.last = sequence;
        let Some(body) = event.item.and_then(|item| item.body) else { return Ok(false) };
        let written: u128 = body.parse()?;
        ensure!(written > self.written, "what was written at {written} came after {}", self.written);
        self.written = written;
        self.messages += 1;
        let delay = at.as_micros().saturating_sub(written);
        self.delays.push(u32::try_from(delay).unwrap_or(u32::MAX));
        Ok(true)
    }
}

fn lock(received: &Mutex<ReceivedEvents>) -> MutexGuard<'_, ReceivedEvents> {
    received.lock()
}
