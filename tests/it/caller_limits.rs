//! Tests of the limits of one caller: open sockets, subscriptions, written bytes, messages and chats. Everything that
//! ends frees its place at once.

use chrono::Duration as Time;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    conversations::SEND,
    eventually,
    graphql::{Answer, Client},
    person::Person,
    socket::{INCOMING, Socket},
    visitors::{refusal, visitor},
};

const PROTOCOL: Option<&str> = Some("graphql-transport-ws");

/// Opens a socket with a token. Returns the close code when the server refuses it.
async fn open(url: &str, token: Option<&str>) -> Result<Socket, u16> {
    let mut socket = Socket::raw(url, PROTOCOL, None).await.expected("a socket");
    let payload = token.map_or(json!({}), |token| json!({ "authorization": format!("Bearer {token}") }));
    socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
    socket.hear().await.map(|_| socket)
}

/// Subscribes. Returns the code of the refusal, or an empty string.
async fn subscribe(socket: &mut Socket, id: &str) -> String {
    socket.subscribe(id, INCOMING, json!({})).await;
    let said = socket.hear().await.expected("an answer");
    said["payload"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_a_caller_are_limited_and_an_ended_one_frees_its_place_at_once() {
    let app = TestApp::with(1, &[("RAPPORT_MAX_SOCKETS_PER_CALLER", "3")]).await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let url = app.instances[0].url.clone();
    let hers = || open(&url, Some(&ann.token));
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(hers().await.expected("a socket"));
    }
    assert_eq!(hers().await.err(), Some(4429));
    assert!(open(&url, Some(&ben.token)).await.is_ok(), "each caller has places of their own");
    // The ways in which a socket can end.
    sockets.pop().expected("a socket").cut();
    eventually("a place after a cut", || async { hers().await.is_ok() }).await;
    let mut wrong = sockets.pop().expected("a socket");
    wrong.say_text("nonsense").await;
    assert_eq!(wrong.end().await, 4400);
    eventually("places after that", || async { hers().await.is_ok() }).await;
    drop(sockets);
    for _ in 0..20 {
        eventually("again and again", || async { hers().await.is_ok() }).await;
    }
    // Without a token the limit applies to the address.
    let mut anonymous = Vec::new();
    for _ in 0..3 {
        anonymous.push(open(&url, None).await.expected("a socket"));
    }
    assert_eq!(open(&url, None).await.err(), Some(4429));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrently_opened_sockets_share_one_limit() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let url = &app.instances[0].url;
    for _ in 0..3 {
        let opened = futures_util::future::join_all((0..60).map(|_| open(url, Some(&ann.token)))).await;
        let refused = opened.iter().filter(|opened| matches!(opened, Err(4429))).count();
        assert_eq!((opened.iter().filter(|opened| opened.is_ok()).count(), refused), (32, 28));
        drop(opened);
        eventually("all places are free", || async { app.metric("rapport_sockets ").await < 0.5 }).await;
    }
}

async fn events(app: &TestApp, ann: &Person) -> reqwest::Response {
    let query = json!({ "query": INCOMING });
    let request = reqwest::Client::new().post(format!("{}/graphql", app.instances[0].url)).bearer_auth(&ann.token);
    request.header("accept", "text/event-stream").json(&query).send().await.expected("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_and_server_sent_events_share_one_limit_of_subscriptions() {
    let app = TestApp::with(1, &[("RAPPORT_MAX_SUBSCRIPTIONS_PER_CALLER", "4")]).await;
    let ann = app.person("ann").await;
    let url = app.instances[0].url.clone();
    let mut one = open(&url, Some(&ann.token)).await.expected("a socket");
    let mut other = open(&url, Some(&ann.token)).await.expected("a socket");
    assert_eq!(subscribe(&mut one, "1").await, "");
    assert_eq!(subscribe(&mut one, "2").await, "");
    assert_eq!(subscribe(&mut other, "1").await, "");
    let stream = events(&app, &ann).await;
    assert_eq!(stream.status(), 200);
    assert_eq!(subscribe(&mut other, "2").await, "LIMIT_EXCEEDED");
    let refused = events(&app, &ann).await;
    assert!(refused.text().await.expected("text").contains("LIMIT_EXCEEDED"));
    // A query does not count as a subscription.
    other.subscribe("3", "{ __typename }", json!({})).await;
    assert_eq!(other.hear().await.expected("an answer")["type"], "next");
    assert_eq!(other.hear().await.expected("an answer")["type"], "complete");
    // A completed subscription frees its place before the server reads the next message.
    for round in 0..20 {
        one.say(&json!({ "type": "complete", "id": "2" })).await;
        assert_eq!(subscribe(&mut one, "2").await, "", "round {round}");
    }
    drop(stream);
    eventually("a place after the stream", || async { events(&app, &ann).await.status() == 200 }).await;
    one.cut();
    let places = || async {
        let mut socket = open(&url, Some(&ann.token)).await.expected("a socket");
        subscribe(&mut socket, "1").await.is_empty() && subscribe(&mut socket, "2").await.is_empty()
    };
    eventually("places after a cut", places).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_limit_of_a_caller_is_256_subscriptions() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let url = app.instances[0].url.clone();
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut socket = open(&url, Some(&ann.token)).await.expected("a socket");
        for id in 0..32 {
            assert_eq!(subscribe(&mut socket, &id.to_string()).await, "");
        }
        sockets.push(socket);
    }
    let mut last = open(&url, Some(&ann.token)).await.expected("a socket");
    assert_eq!(subscribe(&mut last, "1").await, "LIMIT_EXCEEDED");
    sockets.pop().expected("a socket").cut();
    let again = || async {
        let mut socket = open(&url, Some(&ann.token)).await.expected("a socket");
        subscribe(&mut socket, "1").await.is_empty()
    };
    eventually("places after a cut", again).await;
}

const POST: &str = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } userErrors { code } } }";

fn limited(answer: &Answer) -> bool {
    let after = answer.body["errors"][0]["extensions"]["retryAfter"].as_u64();
    let limited = answer.code() == "RATE_LIMITED";
    assert!(!limited || (answer.status == 429 && after.is_some_and(|seconds| seconds > 0)), "{}", answer.body);
    limited
}

#[tokio::test(flavor = "multi_thread")]
async fn written_bytes_of_a_caller_are_limited_per_hour_for_all_kinds_of_writes() {
    let app = TestApp::with(1, &[("RAPPORT_WRITTEN_BYTES_PER_HOUR", "20000")]).await;
    let text = "x".repeat(1_000);
    let [ann, ben, cem, dora] = app.people(["ann", "ben", "cem", "dora"]).await;
    let mut posted = 0;
    while !limited(&ann.ask(POST, json!({ "t": text })).await) {
        posted += 1;
    }
    assert!((9..=10).contains(&posted), "{posted}");
    // No other write of hers is stored either, but all reads succeed.
    let save = "mutation($t: String!) { savePersonalContact(input: { displayName: $t }) { outcome } }";
    let mut saved = 0;
    while !limited(&ann.ask(save, json!({ "t": &text[..150] })).await) {
        saved += 1;
    }
    assert!(saved < 4, "{saved}");
    assert!(ann.ask("{ viewer { user { id } } }", Value::Null).await.body.get("errors").is_none());
    app.clock.advance(Time::minutes(10));
    assert!(!limited(&ann.ask(POST, json!({ "t": text })).await));
    // A variable that several fields use counts once for each field.
    let many = (0..18).map(|n| format!("a{n}: postStatus(input: {{ text: $t }}) {{ userErrors {{ code }} }} "));
    let many = many.collect::<Vec<_>>().concat();
    let many = format!("mutation($t: String!) {{ {many} }}");
    assert!(!limited(&ben.ask(&many, json!({ "t": text })).await), "the bucket is clamped, the first goes through");
    assert!(limited(&ben.ask(POST, json!({ "t": text })).await));
    // Literals count like variables, and uploaded files count like request bodies.
    let mut literal = 0;
    while !limited(
        &cem.ask(
            &format!("mutation {{ postStatus(input: {{ text: \"{text}\" }}) {{ userErrors {{ code }} }} }}"),
            Value::Null,
        )
        .await,
    ) {
        literal += 1;
    }
    assert!((9..=10).contains(&literal), "{literal}");
    let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Kim\r\nNOTE:{}\r\nEND:VCARD\r\n", "x".repeat(15_000));
    let upload = || {
        let request = reqwest::Client::new().post(format!("{}/contacts.vcf", app.instances[0].url));
        request.bearer_auth(&dora.token).header("content-type", "text/vcard").body(card.clone()).send()
    };
    assert_eq!(upload().await.expected("an answer").status(), 200);
    assert_eq!(upload().await.expected("an answer").status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn written_bytes_of_a_visitor_are_limited_per_hour() {
    let app = TestApp::with(1, &[("RAPPORT_WRITTEN_BYTES_PER_HOUR", "20000")]).await;
    let at = app.web_site("shop").await;
    let (kim, chat) = visitor(&app, &at).await;
    let (lee, other) = visitor(&app, &at).await;
    let text = "x".repeat(1_000);
    let mut sent = 0;
    while !limited(&kim.ask(SEND, json!({ "c": chat, "m": format!("m{sent}"), "b": text })).await) {
        sent += 1;
        assert!(sent < 20, "{sent}");
    }
    assert!(sent > 4, "{sent}");
    // Each visitor has a separate limit, which refills over the hour.
    assert!(!limited(&lee.ask(SEND, json!({ "c": other, "m": "m", "b": text })).await));
    app.clock.advance(Time::minutes(10));
    assert!(!limited(&kim.ask(SEND, json!({ "c": chat, "m": "later", "b": text })).await));
}

async fn says(client: &Client, chat: &str, id: usize) -> Answer {
    let query = "mutation($c: ID!, $m: String!) { sendMessage(input: { conversationId: $c, clientMessageId: $m, body: \"x\" }) \
        { message { id } userErrors { code } } }";
    client.ask(query, json!({ "c": chat, "m": id.to_string() })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_visitors_and_members_are_limited_per_minute() {
    let settings = [("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", "5"), ("RAPPORT_MESSAGES_PER_MINUTE", "7")];
    let app = TestApp::with(1, &settings).await;
    let at = app.web_site("shop").await;
    let (first, chat) = visitor(&app, &at).await;
    let (second, other) = visitor(&app, &at).await;
    let mut sent = 0;
    while !limited(&says(&first, &chat, 100 + sent).await) {
        sent += 1;
    }
    assert_eq!(sent, 5);
    assert!(!limited(&says(&second, &other, 100).await), "each visitor is counted alone");
    app.clock.advance(Time::seconds(13));
    assert!(!limited(&says(&first, &chat, 200).await));
    let [ann, ben] = app.people(["ann", "ben"]).await;
    ann.does_on(0, "requestConnection", &ben.id()).await;
    ben.does_on(0, "requestConnection", &ann.id()).await;
    let start = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }";
    let direct =
        ann.ask(start, json!({ "u": ben.id() })).await.text("startDirectConversation.conversation.id").to_owned();
    let mut sent = 0;
    while !limited(&says(&ann.clients[0], &direct, sent).await) {
        sent += 1;
    }
    assert_eq!(sent, 7);
    assert!(!limited(&says(&ben.clients[0], &direct, 1).await));
}

/// Starts a chat from an address that a proxy names. Returns the code of the refusal, or an empty string.
async fn chat_from(app: &TestApp, at: &str, address: &str) -> String {
    let query = json!({ "query": crate::support::visitors::START, "variables": { "input": { "entryPointId": at } } });
    let request =
        reqwest::Client::new().post(format!("{}/graphql", app.instances[0].url)).header("x-forwarded-for", address);
    let response = request.json(&query).send().await.expected("an answer");
    let answer = Answer { status: response.status().as_u16(), body: response.json().await.expected("JSON") };
    refusal(&answer).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_too_many_chats_says_when_to_try_again() {
    let app = TestApp::with(1, &[("RAPPORT_WEB_CHATS_PER_HOUR", "2")]).await;
    let at = app.web_site("shop").await.id.to_string();
    let query = "mutation($id: ID!) { startWebChat(input: { entryPointId: $id }) { visitorToken userErrors { code retryAfter } } }";
    let begin = || async { app.anonymous().ask(query, json!({ "id": at })).await.at("startWebChat").clone() };
    for _ in 0..2 {
        assert!(begin().await["visitorToken"].is_string());
    }
    let refused = begin().await["userErrors"][0].clone();
    assert_eq!(refused["code"], "TOO_MANY_ATTEMPTS");
    let wait = refused["retryAfter"].as_i64().expected("a time to wait");
    assert!((1..=1_800).contains(&wait), "{wait}");
    app.clock.advance(Time::seconds(wait));
    assert!(begin().await["visitorToken"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_network_counts_as_one_address() {
    let settings = [("RAPPORT_WEB_CHATS_PER_HOUR", "3"), ("RAPPORT_TRUSTED_PROXIES", "1")];
    let app = TestApp::with(1, &settings).await;
    let at = app.web_site("shop").await.id.to_string();
    let mut begun = 0;
    for n in 0..30 {
        begun += usize::from(chat_from(&app, &at, &format!("2001:db8:1:2:{n:x}::{n}")).await.is_empty());
    }
    assert_eq!(begun, 3);
    assert_eq!(chat_from(&app, &at, "2001:db8:1:3::1").await, "");
    // Every notation of an IPv4 address is the same address.
    for address in ["203.0.113.9", "::ffff:203.0.113.9", "[::ffff:203.0.113.9]:443"] {
        assert_eq!(chat_from(&app, &at, address).await, "", "{address}");
    }
    assert_eq!(chat_from(&app, &at, "203.0.113.9:80").await, "TOO_MANY_ATTEMPTS");
    assert_eq!(chat_from(&app, &at, "203.0.113.10").await, "");
    let wide = TestApp::with(1, &[&settings[..], &[("RAPPORT_IPV6_PREFIX", "48")]].concat()).await;
    let at = wide.web_site("shop").await.id.to_string();
    let mut begun = 0;
    for n in 0..6 {
        begun += usize::from(chat_from(&wide, &at, &format!("2001:db8:1:{n}::1")).await.is_empty());
    }
    assert_eq!(begun, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_bodies_and_uninitialized_sockets_of_one_address_are_limited() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let address = app.instances[0].url.trim_start_matches("http://").to_owned();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 250000\r\n\r\n{";
    let mut held = Vec::new();
    for _ in 0..25 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.expected("a connection");
        stream.write_all(head.as_bytes()).await.expected("written");
        held.push(stream);
    }
    eventually("bodies take room", || async { app.app().quotas.memory() == 25 * 250_000 }).await;
    let mut stream = tokio::net::TcpStream::connect(&address).await.expected("a connection");
    stream.write_all(head.as_bytes()).await.expected("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expected("an answer");
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("RATE_LIMITED"), "{answer}");
    // Short bodies are still read.
    assert!(ann.ask("{ __typename }", Value::Null).await.body.get("errors").is_none());
    drop(held);
    eventually("they give it back", || async { app.app().quotas.memory() == 0 }).await;
    let url = &app.instances[0].url;
    let mut opening = Vec::new();
    for _ in 0..128 {
        opening.push(Socket::raw(url, PROTOCOL, None).await.expected("a socket"));
    }
    assert!(Socket::raw(url, PROTOCOL, None).await.is_err());
    opening.pop();
    eventually("one that goes makes room", || async { Socket::try_open(url, Some(&ann.token)).await.is_some() }).await;
}
