//! Tests of subscriptions on the three transports: WebSocket, server-sent events and multipart responses. Each delivers
//! the same events, and a client that is cut off goes on from its cursor without loss or repetition.

use std::{collections::VecDeque, pin::Pin};

use futures_util::{Stream, StreamExt as _};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    conversations::{EVENTS, SEND},
    graphql::Client,
    random::Chance,
    rounds,
    socket::Socket,
    visitors::{AcceptedChat, accepted_chat},
};

const MULTIPART: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Socket,
    Events,
    Multipart,
}

type Bytes = Pin<Box<dyn Stream<Item = String> + Send>>;

/// A subscription on one of the transports.
enum Live {
    Socket(Box<Socket>),
    Http { transport: Transport, bytes: Bytes, text: String, ready: VecDeque<Value> },
}

/// Sends a subscription over HTTP and returns the response.
async fn post(client: &Client, accept: &str, query: &str, variables: &Value) -> reqwest::Response {
    let request = reqwest::Client::new().post(format!("{}/graphql", client.url)).header("accept", accept);
    let request = request.json(&json!({ "query": query, "variables": variables }));
    let token = client.token.as_deref().unwrap_or_default();
    request.bearer_auth(token).send().await.expected("a response")
}

fn chunks(response: reqwest::Response) -> Bytes {
    let text = |chunk: reqwest::Result<_>| async move {
        let chunk: Option<Vec<u8>> = chunk.ok().map(|chunk: bytes::Bytes| chunk.to_vec());
        chunk.map(|chunk| String::from_utf8(chunk).expected("text"))
    };
    Box::pin(response.bytes_stream().filter_map(text))
}

impl Live {
    async fn open(client: &Client, transport: Transport, query: &str, variables: Value) -> Self {
        let accept = match transport {
            Transport::Socket => {
                let mut socket = Socket::open_later(&client.url, client.token.as_deref()).await;
                socket.subscribe("1", query, variables).await;
                return Self::Socket(Box::new(socket));
            }
            Transport::Events => "text/event-stream",
            Transport::Multipart => MULTIPART,
        };
        let response = post(client, accept, query, &variables).await;
        assert_eq!(response.status(), 200, "{transport:?}");
        Self::Http { transport, bytes: chunks(response), text: String::new(), ready: VecDeque::new() }
    }

    async fn event(&mut self) -> Option<Value> {
        match self {
            Self::Socket(socket) => socket.event().await,
            Self::Http { transport, bytes, text, ready } => loop {
                if let Some(event) = ready.pop_front() {
                    return Some(event);
                }
                text.push_str(&tokio::time::timeout(std::time::Duration::from_secs(30), bytes.next()).await.ok()??);
                ready.extend(match transport {
                    Transport::Multipart => parts(text),
                    Transport::Socket | Transport::Events => frames(text),
                });
            },
        }
    }
}

/// Takes the whole events of server-sent events from a text.
fn frames(text: &mut String) -> Vec<Value> {
    let mut events = Vec::new();
    while let Some(end) = text.find("\n\n") {
        let frame: String = text.drain(..end + 2).collect();
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).filter(|_| frame.contains("event: next"));
        let data: Option<Value> = data.map(|data| serde_json::from_str(data).expected("JSON"));
        events.extend(data.map(|data| data["data"]["event"].clone()));
    }
    events
}

/// Takes the whole parts of a multipart response from a text, as clients do: a part is whole when the next boundary has
/// arrived.
fn parts(text: &mut String) -> Vec<Value> {
    let mut events = Vec::new();
    while let Some(end) = text.find("\r\n--graphql") {
        let part: String = text.drain(..end).collect();
        text.drain(.."\r\n--graphql".len());
        let Some((_, body)) = part.split_once("\r\n\r\n") else { continue };
        let body: Value = serde_json::from_str(body).expected("JSON");
        if !body["payload"].is_null() {
            events.push(body["payload"]["data"]["event"].clone());
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multipart_response_has_the_bytes_that_clients_expect() {
    let AcceptedChat { app: _app, sue, conversation, visitor, .. } = accepted_chat().await;
    let query = "subscription($id: ID!) { event: conversationEvents(conversationId: $id) { __typename } }";
    let response = post(&sue.clients[0], MULTIPART, query, &json!({ "id": conversation })).await;
    let media = response.headers()["content-type"].to_str().expected("a media type").to_owned();
    assert_eq!(media, "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0");
    let mut bytes = chunks(response);
    let mut text = String::new();
    let part = |name: &str| {
        format!(
            "\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{{\"data\":{{\"event\":{{\"__typename\":\"{name}\"}}}}}}}}\r\n--graphql"
        )
    };
    let expected = format!("\r\n--graphql{}", part("SubscriptionStarted"));
    while text.len() < expected.len() {
        text.push_str(&bytes.next().await.expected("bytes"));
    }
    assert_eq!(text, expected);
    visitor.ask(SEND, json!({ "c": conversation, "m": "m", "b": "Hello" })).await;
    let mut next = String::new();
    while !next.contains("ItemAdded") {
        next.push_str(&bytes.next().await.expected("bytes"));
    }
    assert!(next.ends_with(&part("ItemAdded")) || next.contains(&part("ItemAdded")), "{next}");
    // A query and a refused subscription are plain JSON.
    let plain = post(&sue.clients[0], MULTIPART, "{ __typename }", &Value::Null).await;
    assert!(plain.headers()["content-type"].to_str().is_ok_and(|media| media.starts_with("application/json")));
    let refused = post(&sue.clients[0], MULTIPART, "subscription { nothing }", &Value::Null).await;
    assert!(refused.text().await.expected("a text").contains("errors"));
    let unknown = post(&sue.clients[0], "multipart/mixed;boundary=x", query, &json!({ "id": conversation })).await;
    assert_eq!(unknown.status(), 406);
}

async fn cut(transport: Transport) {
    let AcceptedChat { app: _app, sue, conversation, visitor, .. } = accepted_chat().await;
    let mut chance = Chance::seeded(transport as u64 + 7);
    let cuts = rounds(20);
    let start =
        sue.ask("query($id: ID!) { conversation(id: $id) { streamCursor } }", json!({ "id": conversation })).await;
    let mut after = start.text("conversation.streamCursor").to_owned();
    let mut number = 0;
    let (mut seen, mut bodies) = (None, Vec::new());
    for cut in 0..cuts {
        let body = format!("{cut}");
        let sent = visitor.ask(SEND, json!({ "c": conversation, "m": format!("m{cut}"), "b": body })).await;
        assert_eq!(sent.at("sent.userErrors"), &json!([]), "{}", sent.body);
        let client = &sue.clients[cut % sue.clients.len()];
        let mut live = Live::open(client, transport, EVENTS, json!({ "id": conversation, "after": after })).await;
        assert_eq!(live.event().await.expected("the first")["__typename"], "SubscriptionStarted");
        // A cut comes after a random number of events, and sometimes before any.
        for _ in 0..chance.below(4) {
            if bodies.last() == Some(&body) {
                break;
            }
            let event = live.event().await.expected("an event");
            let sequence = event["sequence"].as_i64().expected("a number");
            assert!(seen.is_none_or(|seen| sequence == seen + 1), "{transport:?}: {sequence} after {seen:?}");
            seen = Some(sequence);
            event["cursor"].as_str().expected("a cursor").clone_into(&mut after);
            bodies.extend(event["item"]["body"].as_str().map(str::to_owned));
            number += 1;
        }
    }
    let mut live = Live::open(&sue.clients[0], transport, EVENTS, json!({ "id": conversation, "after": after })).await;
    live.event().await.expected("the first");
    let last = format!("{}", cuts - 1);
    while bodies.last() != Some(&last) {
        let event = live.event().await.expected("an event");
        let sequence = event["sequence"].as_i64().expected("a number");
        assert!(seen.is_none_or(|seen| sequence == seen + 1), "{transport:?}: {sequence} after {seen:?}");
        seen = Some(sequence);
        bodies.extend(event["item"]["body"].as_str().map(str::to_owned));
        number += 1;
    }
    let expected: Vec<String> = (0..cuts).map(|cut| cut.to_string()).collect();
    assert_eq!(bodies, expected, "{transport:?}");
    assert!(number >= cuts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_cut_off_a_web_socket_loses_and_repeats_nothing() {
    cut(Transport::Socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_cut_off_server_sent_events_loses_and_repeats_nothing() {
    cut(Transport::Events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_cut_off_a_multipart_response_loses_and_repeats_nothing() {
    cut(Transport::Multipart).await;
}
