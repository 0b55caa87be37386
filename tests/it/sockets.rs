//! Tests of sockets: the protocol graphql-transport-ws with its close codes, and the limits of a socket.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Expected as _, app::TestApp, eventually, socket::Socket};

const WS: Option<&str> = Some("graphql-transport-ws");

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_the_protocol_is_closed_with_its_code() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let url = app.instances[0].url.clone();
    let init = json!({ "type": "connection_init" });
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ __typename }" } });

    // A client that offers only another protocol fails on its side, because the server selects none.
    assert!(Socket::raw(&url, Some("graphql-ws"), None).await.is_err());
    let mut socket = Socket::raw(&url, None, None).await.expected("a socket");
    assert_eq!(socket.hear().await, Err(4406));
    let mut socket = Socket::raw(&url, WS, None).await.expected("a socket");
    socket.say(&subscribe).await;
    assert_eq!(socket.hear().await, Err(4401));
    for malformed in [
        "",
        "{",
        "[]",
        "{\"type\":\"start\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{}}",
        "{\"type\":\"subscribe\",\"id\":1,\"payload\":{\"query\":\"{ __typename }\"}}",
        "{\"type\":\"complete\"}",
    ] {
        let mut socket = Socket::open(&url, None).await;
        socket.say_text(malformed).await;
        assert_eq!(socket.hear().await, Err(4400), "{malformed}");
    }
    let mut socket = Socket::open(&url, None).await;
    socket.say_bytes(b"{\"type\":\"ping\"}").await;
    assert_eq!(socket.hear().await, Err(4400), "binary");
    let mut socket = Socket::open(&url, None).await;
    socket.say(&init).await;
    assert_eq!(socket.hear().await, Err(4429));

    let mut socket = ann.socket(0).await;
    socket.follow(None).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.hear().await, Err(4409));

    let refused = Socket::raw(&url, WS, Some("https://evil.example")).await;
    assert!(refused.err().is_some_and(|error| error.contains("403")));
    assert!(Socket::raw(&url, WS, Some(&url)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_over_a_socket_answer_once_and_complete() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let mut socket = ann.socket(0).await;
    socket.say(&json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await, Ok(json!({ "type": "pong" })));
    socket.subscribe("q", "{ viewer { user { handle } } }", json!({})).await;
    let next = socket.hear().await.expected("a message");
    assert_eq!(next["payload"]["data"]["viewer"]["user"]["handle"], "ann");
    assert_eq!(socket.hear().await, Ok(json!({ "type": "complete", "id": "q" })));
    for (query, code) in [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        socket.subscribe("e", query, json!({})).await;
        let error = socket.hear().await.expected("a message");
        assert_eq!(
            (&error["type"], &error["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!(code)),
            "{query}"
        );
    }
    // After the client's complete the server sends nothing more.
    socket.follow(None).await;
    socket.say(&json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("q", "{ __typename }", json!({})).await;
    assert_eq!(socket.hear().await.expected("a message")["id"], "q");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_closes_sockets_with_a_code_to_reconnect() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let mut socket = ann.socket(0).await;
    socket.follow(None).await;
    let ready = format!("{}/health/ready", app.instances[0].url);
    assert_eq!(reqwest::get(&ready).await.expected("an answer").status(), 200);
    assert_eq!(reqwest::get(ready.replace("ready", "live")).await.expected("an answer").status(), 200);
    app.app().shutdown.cancel();
    assert_eq!(socket.hear().await, Err(1012));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_with_its_token() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let lifetime = Duration::from_secs(2);
    let token =
        api::auth::jwt::issue(app.app(), ann.id, api::auth::viewer::Scopes::all(), None, lifetime).expected("a token");
    let mut socket = Socket::open(&app.instances[0].url, Some(&token.text)).await;
    socket.follow(None).await;
    app.clock.advance(chrono::Duration::seconds(3));
    // The socket checks the clock with every message.
    socket.say(&json!({ "type": "ping" })).await;
    let ended = match socket.hear().await {
        Ok(pong) => {
            assert_eq!(pong["type"], "pong");
            socket.hear().await
        }
        closed => closed,
    };
    assert_eq!(ended, Err(4403));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_without_an_initialization_is_closed() {
    let app = TestApp::new().await;
    let mut socket = Socket::raw(&app.instances[0].url, WS, None).await.expected("a socket");
    assert_eq!(socket.hear().await, Err(4408));
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_detect_a_client_that_disappeared() {
    let app = TestApp::with(1, &[("RAPPORT_PING_EVERY", "200ms")]).await;
    let ann = app.person("ann").await;
    let mut living = ann.socket(0).await;
    // A client that reads also answers pings. This client does not read.
    let dead = ann.socket(0).await;
    let listening = tokio::spawn(async move {
        living.pings(5).await;
        living
    });
    eventually("the dead socket is dropped", || async { app.metric("rapport_sockets ").await < 1.5 }).await;
    drop(dead);
    let mut living = listening.await.expected("the living one is kept");
    living.subscribe("q", "{ __typename }", json!({})).await;
    assert_eq!(living.hear().await.expected("an answer")["id"], "q");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_limits_its_operations_and_the_size_of_messages() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let mut socket = ann.socket(0).await;
    for number in 0..33 {
        socket.subscribe(&number.to_string(), crate::support::socket::INCOMING, json!({})).await;
    }
    let refused = loop {
        let said = socket.hear().await.expected("an answer");
        if said["type"] == "error" {
            break said;
        }
    };
    assert_eq!(
        (&refused["id"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("32"), &json!("LIMIT_EXCEEDED"))
    );
    socket.say(&json!({ "type": "ping", "payload": { "x": "x".repeat(300_000) } })).await;
    let end = loop {
        match socket.hear().await {
            Ok(_) => {}
            Err(code) => break code,
        }
    };
    assert_eq!(end, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_reader_is_disconnected_and_resumes_without_loss() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let mut stalled = ben.socket(0).await;
    let started = stalled.follow(None).await;
    // The answers exceed the buffers of both sides.
    for number in 0..30 {
        let part = |n| format!("a{n}: __schema {{ types {{ name description fields {{ name description }} }} }}");
        let query = format!("{{ {} }}", (0..4).map(part).collect::<Vec<_>>().join(" "));
        stalled.subscribe(&format!("big{number}"), &query, json!({})).await;
    }
    for _ in 0..3 {
        ann.asks(&ben).await;
        ann.must("withdrawConnectionRequest", &request_of(&ann).await).await;
    }
    eventually("it is found slow", || async { app.metric("rapport_slow_readers_total ").await > 0.5 }).await;
    assert_eq!(stalled.end().await, 1013);
    let mut again = ben.socket(0).await;
    again.follow(started["cursor"].as_str()).await;
    for sequence in 1..=6 {
        assert_eq!(again.event().await.expected("an event")["sequence"], sequence);
    }
}

async fn request_of(person: &crate::support::person::Person) -> String {
    let asked = "{ connectionRequests(direction: OUTGOING, status: PENDING) { nodes { id } } }";
    person.ask(asked, Value::Null).await.text("connectionRequests.nodes.0.id").to_owned()
}

/// Returns a text as a client frame with a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend_from_slice(&(text.len() as u64).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// Opens a raw, initialized socket, so that no other timeout can end it.
async fn bytes(app: &TestApp) -> TcpStream {
    let address = app.instances[0].url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expected("a connection");
    let upgrade = format!(
        "GET /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.expected("written");
    stream.write_all(&frame("{\"type\":\"connection_init\"}")).await.expected("written");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("connection_ack") {
        assert_ne!(stream.read_buf(&mut answer).await.expected("an answer"), 0);
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_announces_an_excessive_length_closes_the_socket() {
    let app = TestApp::new().await;
    let mut stream = bytes(&app).await;
    // The frame announces ten megabytes and sends none.
    let mut promise = vec![0x81, 0x80 | 127];
    promise.extend_from_slice(&10_000_000_u64.to_be_bytes());
    promise.extend_from_slice(&[0; 4]);
    stream.write_all(&promise).await.expected("written");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "it is waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_still_sends_receives_the_close_code() {
    let app = TestApp::new().await;
    let mut stream = bytes(&app).await;
    // If the server closed with this data unread, the connection would be reset and the code could be lost.
    let mut said = frame("not a message");
    said.extend(frame(&"x".repeat(200_000)));
    stream.write_all(&said).await.expected("written");
    let mut heard = Vec::new();
    while !heard.windows(2).any(|two| two == 4400_u16.to_be_bytes()) {
        assert_ne!(stream.read_buf(&mut heard).await.expected("no reset"), 0, "no code");
    }
    let answer = [0x88, 0x80, 0, 0, 0, 0];
    stream.write_all(&answer).await.expected("it is still heard");
    stream.read_to_end(&mut heard).await.expected("an end in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_events_of_a_slow_reader_do_not_accumulate() {
    let wide = [("RAPPORT_MAX_ALIASES", "10000"), ("RAPPORT_MAX_TOKENS", "20000")];
    let app = TestApp::with(1, &wide).await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let mut stalled = ben.socket(0).await;
    // Each event is about a megabyte long, and together they exceed the buffers of both sides.
    let messages = (0..1_000).map(|n| format!("a{n}: message")).collect::<Vec<_>>().join(" ");
    let query = format!(
        "subscription Wide {{ incomingRequests {{ __typename ... on ConnectionRequestReceived {{ request {{ {messages} }} }} }} }}"
    );
    stalled.subscribe("1", &query, json!({})).await;
    stalled.hear().await.expected("the first event");
    let ask = "mutation($id: ID!, $message: String!) { requestConnection(input: { userId: $id, message: $message }) { request { id } } }";
    for _ in 0..40 {
        let asked = ann.ask(ask, json!({ "id": ben.id(), "message": "\u{10ffff}".repeat(500) })).await;
        ann.must("withdrawConnectionRequest", asked.text("requestConnection.request.id")).await;
    }
    eventually("it is found slow", || async { app.metric("rapport_slow_readers_total ").await > 0.5 }).await;
    let made = app.metric("rapport_deliveries_total{name=\"Wide\"} ").await;
    assert!(made < 40.0, "{made} answers were made for who reads none");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_ends_with_its_completion_or_its_socket() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let mut socket = ann.socket(0).await;
    let query = "subscription Follow { incomingRequests { __typename } }";
    for id in ["1", "2", "3"] {
        socket.subscribe(id, query, json!({})).await;
        socket.hear().await.expected("an event");
    }
    let live = async |count: f64| (app.metric("rapport_subscriptions{name=\"Follow\"} ").await - count).abs() < 0.1;
    assert!(live(3.0).await);
    socket.say(&json!({ "type": "complete", "id": "2" })).await;
    eventually("one is ended", || live(2.0)).await;
    socket.cut();
    eventually("all are ended", || live(0.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_shows_the_current_details_of_people() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let mut socket = ben.socket(0).await;
    let query = "subscription { event: incomingRequests { __typename ... on ConnectionRequestReceived { request { requester { title } } } \
                 ... on ConnectionRequestChanged { request { requester { title } } } } }";
    socket.subscribe("1", query, json!({})).await;
    socket.event().await.expected("the first event");
    for title in ["Clerk", "Head"] {
        let rename = format!("mutation {{ updateProfile(input: {{ title: \"{title}\" }}) {{ user {{ title }} }} }}");
        assert_eq!(ann.ask(&rename, Value::Null).await.text("updateProfile.user.title"), title);
        let request = ann.asks(&ben).await;
        let event = socket.event().await.expected("an event");
        assert_eq!(event["request"]["requester"]["title"], title);
        ann.must("withdrawConnectionRequest", &request).await;
        socket.event().await.expected("an event");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_frames_are_answered_with_the_code_of_their_error() {
    let app = TestApp::new().await;
    for (what, sent, code) in [
        ("a frame without a mask", vec![0x81, 0x02, b'{', b'}'], 1002_u16),
        ("a reserved bit", vec![0xc1, 0x80, 0, 0, 0, 0], 1002),
        ("an unknown opcode", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a continuation of nothing", vec![0x80, 0x80, 0, 0, 0, 0], 1002),
        ("a ping in parts", vec![0x09, 0x80, 0, 0, 0, 0], 1002),
        ("a close of one byte", vec![0x88, 0x81, 0, 0, 0, 0, 3], 1002),
        ("a text that is not UTF-8", vec![0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
    ] {
        let mut stream = bytes(&app).await;
        stream.write_all(&sent).await.expected("written");
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{what}: it is not let go");
        let said = rest.windows(4).any(|four| four[0] == 0x88 && u16::from_be_bytes([four[2], four[3]]) == code);
        assert!(said, "{what}: {rest:?}");
    }
}
