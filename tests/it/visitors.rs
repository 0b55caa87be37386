//! Visitors of web sites: how a chat begins, what a visitor is known by, and what they cannot do.

use std::time::Duration;

use chrono::Duration as Time;
use entity::{
    channel::Channel,
    entry_point::FormFieldKind,
    queue::{BusinessHours, OpenHours},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    authorization::{INTROSPECTION, OPEN, operation, refusal as refused_with},
    support::{
        Expected as _,
        app::TestApp,
        consistency, eventually,
        graphql::{Answer, Client},
        socket::Socket,
        visitors::{Door, Page, START, field, identity, leave, message, refusal, start, visitor},
    },
};

const WEB_CHAT: &str =
    "query($id: ID!) { webChat(entryPointId: $id) { id name open fields { name label kind required options } } }";
const END_VISIT: &str = "mutation { endVisit { outcome userErrors { code } } }";
const SITE: &str = "https://shop.example";
/// A key that nobody guesses.
const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn by(app: &TestApp, answer: &Answer) -> Client {
    let token = answer.text("startWebChat.visitorToken").to_owned();
    Client::new(&app.instances[0].url, Some(token))
}

fn chat(answer: &Answer) -> &str {
    answer.text("startWebChat.conversation.id")
}

/// Whether a token is taken.
async fn is_taken(client: &Client) -> bool {
    let answer = client.ask("{ __typename }", Value::Null).await;
    assert!(answer.status == 200 || answer.code() == "UNAUTHENTICATED", "{}", answer.body);
    answer.status == 200
}

fn until(app: &TestApp, hours: i64) -> i64 {
    (app.clock.now() + Time::hours(hours)).timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_answers_the_form_writes_and_waits() {
    let app = TestApp::new().await;
    let mut colour = field("colour", FormFieldKind::Choice, false);
    colour.options = vec!["red".to_owned(), "blue".to_owned()];
    let fields = vec![field("name", FormFieldKind::Name, true), field("email", FormFieldKind::Email, false), colour];
    let at = app.entry_point(Channel::Webchat, "shop", Door { fields, ..Door::default() }).await;
    let seen = app.anonymous().ask(WEB_CHAT, json!({ "id": at.id.to_string() })).await;
    let colour = json!({ "name": "colour", "label": "Your colour", "kind": "CHOICE", "required": false, "options": ["red", "blue"] });
    assert_eq!(seen.at("webChat.fields.2"), &colour);
    assert_eq!((seen.text("webChat.name"), seen.at("webChat.open")), ("shop", &json!(true)));
    let answers = json!([{ "name": "colour", "value": "blue" }, { "name": "name", "value": " Kim Lee " },
                         { "name": "email", "value": "kim@example.org" }]);
    let mut input = message("m1", "Hello");
    input["fields"] = answers;
    input["pageUrl"] = json!("https://shop.example/shoes?size=42");
    let begun = start(&app.anonymous(), &at, input).await;
    assert_eq!((refusal(&begun), begun.text("startWebChat.outcome")), ("", "APPLIED"));
    assert!(chat(&begun).starts_with("conv_") && begun.text("startWebChat.visitorToken").starts_with("rv_"));
    let end: chrono::DateTime<chrono::Utc> = begun.text("startWebChat.expiresAt").parse().expected("a time");
    assert_eq!(end, app.clock.now() + Time::days(30));
    let customer = app.database.texts("SELECT display_name || ' ' || email FROM customer").await;
    assert_eq!(customer, ["Kim Lee kim@example.org"]);
    // Agents read the answers before the message; the visitor knows what they answered.
    let items = app.database.texts("SELECT body FROM thread_item ORDER BY sequence").await;
    let told =
        "Your name: Kim Lee\nYour email: kim@example.org\nYour colour: blue\nPage: https://shop.example/shoes?size=42";
    assert_eq!(items, [told, "Hello"]);
    assert_eq!(
        app.database.number("SELECT count(*) FROM thread_item WHERE customer_sequence = 1 AND kind = 1").await,
        1
    );
    assert_eq!(app.database.number("SELECT count(*) FROM task WHERE status = 1").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM participant WHERE role = 1").await, 1);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_chat_is_refused_where_it_stands_and_leaves_nothing() {
    let app = TestApp::new().await;
    let fields = vec![field("name", FormFieldKind::Name, true), field("email", FormFieldKind::Email, false)];
    let at = app.entry_point(Channel::Webchat, "shop", Door { fields, ..Door::default() }).await;
    let name = json!({ "name": "name", "value": "Kim" });
    let saying = |id: &str, body: &str| {
        let mut input = message(id, body);
        input["fields"] = json!([name]);
        input
    };
    for (input, code, path) in [
        (json!({}), "INVALID", json!(["input", "fields"])),
        (json!({ "fields": [{ "name": "name", "value": "" }] }), "INVALID", json!(["input", "fields", "0", "value"])),
        (
            json!({ "fields": [name, { "name": "email", "value": "kim@" }] }),
            "INVALID",
            json!(["input", "fields", "1", "value"]),
        ),
        (
            json!({ "fields": [name, { "name": "age", "value": "9" }] }),
            "INVALID",
            json!(["input", "fields", "1", "name"]),
        ),
        (json!({ "fields": [name], "pageUrl": "javascript:alert(1)" }), "INVALID", json!(["input", "pageUrl"])),
        (saying("1", &"x".repeat(1_001)), "TOO_LONG", json!(["input", "message", "body"])),
        (saying("1", " \n "), "INVALID", json!(["input", "message", "body"])),
        (saying("1", "a\u{0}b"), "INVALID", json!(["input", "message", "body"])),
        (saying("", "Hello"), "INVALID", json!(["input", "message", "clientMessageId"])),
        (saying(&"x".repeat(101), "Hello"), "INVALID", json!(["input", "message", "clientMessageId"])),
        (json!({ "fields": [name], "idempotencyKey": "short" }), "INVALID", json!(["input", "idempotencyKey"])),
        (json!({ "fields": [name], "entryPointId": "entry_x" }), "NOT_FOUND", json!(["input", "entryPointId"])),
    ] {
        let answer = start(&app.anonymous(), &at, input.clone()).await;
        assert_eq!(answer.at("startWebChat.userErrors"), &json!([{ "code": code, "field": path }]), "{input}");
    }
    // A thousand characters are enough, whatever they are made of.
    let long = start(&app.anonymous(), &at, saying("1", &"한".repeat(1_000))).await;
    assert_eq!(refusal(&long), "");
    let ann = app.person("ann").await;
    assert_eq!(refusal(&start(&ann.clients[0], &at, saying("1", "Hello")).await), "NOT_ALLOWED");
    for table in ["customer", "conversation", "visitor_token", "task"] {
        assert_eq!(app.database.number(&format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_point_is_there_for_its_own_web_sites_only() {
    let app = TestApp::new().await;
    let listed = Door { origins: vec![SITE, "http://localhost:3000/"], ..Door::default() };
    let at = app.entry_point(Channel::Webchat, "listed", listed).await;
    let bare = app.web_site("bare").await;
    let nobody = app.anonymous();
    let own = nobody.url.clone();
    for (origin, at_listed, at_bare) in [
        (SITE, true, false),
        ("HTTPS://Shop.Example", true, false),
        ("http://localhost:3000", true, false),
        (own.as_str(), true, true),
        ("http://shop.example", false, false),
        ("https://shop.example:8443", false, false),
        ("https://www.shop.example", false, false),
        ("https://shop.example.evil", false, false),
        ("https://evil.example/https://shop.example", false, false),
        ("http://localhost:3001", false, false),
        ("null", false, false),
        ("", false, false),
    ] {
        for (entry, is_there) in [(&at, at_listed), (&bare, at_bare)] {
            let page = Page { client: &nobody, origin };
            let seen = page.ask(WEB_CHAT, json!({ "id": entry.id.to_string() })).await;
            assert_eq!(seen.body["data"]["webChat"].is_object(), is_there, "{origin} {}", entry.name);
            let begun = page.ask(START, json!({ "input": { "entryPointId": entry.id.to_string() } })).await;
            assert_eq!(refusal(&begun), if is_there { "" } else { "NOT_FOUND" }, "{origin} {}", entry.name);
        }
    }
    // Without an origin, as programs are, both are there; what is no web chat, or none any more, is nowhere.
    let sms = app.entry_point(Channel::Sms, "+49", Door::default()).await;
    let gone = app.web_site("gone").await;
    app.database.run("UPDATE entry_point SET archived_at = created_at WHERE name = 'gone'").await;
    for (entry, is_there) in [(&at, true), (&bare, true), (&sms, false), (&gone, false)] {
        let seen = nobody.ask(WEB_CHAT, json!({ "id": entry.id.to_string() })).await;
        assert_eq!(seen.body["data"]["webChat"].is_object(), is_there, "{}", entry.name);
        assert_eq!(refusal(&start(&nobody, entry, json!({})).await), if is_there { "" } else { "NOT_FOUND" });
    }
    for id in ["", "x", "user_01m7xnapkeess9yf3kt8ay0ya3", "entry_01m7xnapkeess9yf3kt8ay0ya3", "a\u{0}"] {
        assert!(nobody.ask(WEB_CHAT, json!({ "id": id })).await.body["data"]["webChat"].is_null(), "{id:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_door_says_so_and_takes_the_chat_all_the_same() {
    let app = TestApp::new().await;
    let never =
        BusinessHours { time_zone: "UTC".to_owned(), open: Vec::<OpenHours>::new(), closed_on: vec![], answer: None };
    let at = app.entry_point(Channel::Webchat, "shop", Door { hours: Some(never), ..Door::default() }).await;
    let seen = app.anonymous().ask(WEB_CHAT, json!({ "id": at.id.to_string() })).await;
    assert_eq!(seen.at("webChat.open"), false);
    assert_eq!(refusal(&start(&app.anonymous(), &at, message("1", "Hello")).await), "");
    assert_eq!(app.database.number("SELECT count(*) FROM task WHERE status = 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_with_the_token_goes_on_and_after_the_end_begins_another_chat() {
    let app = TestApp::two().await;
    let at = app.web_site("shop").await;
    let (kim, first) = visitor(&app, &at).await;
    app.clock.advance(Time::hours(7));
    let again = start(&kim, &at, message("2", "Still there?")).await;
    assert_eq!((chat(&again), again.text("startWebChat.outcome")), (first.as_str(), "NO_CHANGE"));
    assert!(again.body["data"]["startWebChat"]["visitorToken"].is_null(), "the one that is sent goes on");
    // The message that was sent at first is there once.
    assert_eq!(refusal(&start(&kim, &at, message("1", "Hello")).await), "");
    assert_eq!(refusal(&start(&kim, &at, message("1", "Something else")).await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(app.database.number("SELECT count(*) FROM thread_item WHERE kind = 1").await, 2);
    leave(&app, &first).await;
    let second = start(&kim, &at, message("3", "One more thing")).await;
    assert_eq!(second.text("startWebChat.outcome"), "APPLIED");
    assert_ne!(chat(&second), first);
    // At another entry point they are the same customer too, with a token for that one.
    let other = app.web_site("help").await;
    let elsewhere = start(&kim, &other, message("1", "Hello")).await;
    assert!(is_taken(&by(&app, &elsewhere)).await);
    assert_eq!(app.database.number("SELECT count(*) FROM customer").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM conversation").await, 3);
    assert_eq!(app.database.number("SELECT count(*) FROM visitor_token").await, 2);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_damaged_and_foreign_tokens_open_neither_http_nor_sockets() {
    let app = TestApp::with(1, &[("RAPPORT_ALLOWED_ORIGINS", "https://shop.example,https://other.example")]).await;
    let at = app.entry_point(Channel::Webchat, "shop", Door { origins: vec![SITE], ..Door::default() }).await;
    let nobody = app.anonymous();
    let begun = Page { client: &nobody, origin: SITE }
        .ask(START, json!({ "input": { "entryPointId": at.id.to_string() } }))
        .await;
    let good = begun.text("startWebChat.visitorToken").to_owned();
    let free = start(&nobody, &at, json!({})).await.text("startWebChat.visitorToken").to_owned();
    let secret = good.trim_start_matches("rv_");
    let mut flipped = good.clone().into_bytes();
    flipped[20] = if flipped[20] == b'a' { b'b' } else { b'a' };
    let flipped = String::from_utf8(flipped).expected("text");
    let row = app.database.digits("secret_hash");
    let kept = app.database.texts(&format!("SELECT {row} FROM visitor_token")).await.remove(0);
    let own = nobody.url.clone();
    let tried = [
        (good.clone(), Some("https://other.example")),
        (good.clone(), Some("http://shop.example")),
        (good.clone(), Some("https://shop.example:444")),
        (good.clone(), Some("null")),
        (good.clone(), Some(own.as_str())),
        (free.clone(), Some(SITE)),
        (flipped, None),
        (good[..good.len() - 1].to_owned(), None),
        (format!("{good}x"), None),
        (secret.to_owned(), None),
        (format!("rk_{secret}"), None),
        (format!("RV_{secret}"), None),
        (format!("rv_{kept}"), None),
        ("rv_".to_owned(), None),
        (format!("rv_{}", "A".repeat(43)), None),
        (format!("rv_{}", "A".repeat(9_000)), None),
        ("rv_' OR 1=1 --".to_owned(), None),
        (format!("{good} {good}"), None),
    ];
    for (token, origin) in tried {
        let client = Client::new(&nobody.url, Some(token.clone()));
        let answer = match origin {
            Some(origin) => Page { client: &client, origin }.ask("{ __typename }", Value::Null).await,
            None => client.ask("{ __typename }", Value::Null).await,
        };
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{token} {origin:?}");
        assert!(!answer.body.to_string().contains(secret), "{}", answer.body);
        let Ok(mut socket) = Socket::raw(&nobody.url, Some("graphql-transport-ws"), origin).await else { continue };
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, Err(4403), "{token} {origin:?}");
    }
    let kim = Client::new(&nobody.url, Some(good.clone()));
    let from_home = Page { client: &kim, origin: SITE }.ask("{ __typename }", Value::Null).await;
    assert_eq!(from_home.status, 200);
    assert!(is_taken(&kim).await, "programs send no origin");
    let mut socket = Socket::raw(&nobody.url, Some("graphql-transport-ws"), Some(SITE)).await.expected("a socket");
    socket.say(&json!({ "type": "connection_init", "payload": { "Authorization": format!("bearer {good}") } })).await;
    assert_eq!(socket.hear().await.expected("an answer")["type"], "connection_ack");
    // What is kept does not tell the token.
    let dump = app.database.dump().await;
    for token in [&good, &free] {
        assert!(!dump.contains(token.trim_start_matches("rv_")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lives_for_as_long_as_it_is_used_now_and_then() {
    let app = TestApp::new().await;
    let at = app.web_site("shop").await;
    let (kim, _) = visitor(&app, &at).await;
    let (lee, _) = visitor(&app, &at).await;
    let ends = || app.database.texts("SELECT CAST(expires_at AS text) FROM visitor_token ORDER BY id");
    let first = ends().await;
    app.clock.advance(Time::hours(23));
    assert!(is_taken(&kim).await);
    app.clock.advance(Time::hours(1));
    assert!(is_taken(&kim).await);
    eventually("its end is put off", || async { ends().await[0] != first[0] }).await;
    let put_off = ends().await;
    for _ in 0..3 {
        app.clock.advance(Time::hours(7));
        assert!(is_taken(&kim).await);
    }
    assert_eq!(ends().await, put_off, "at most once a day");
    app.clock.advance(Time::days(29));
    assert!(is_taken(&kim).await);
    assert!(!is_taken(&lee).await, "unused for thirty days");
    eventually("its end is put off", || async { ends().await != put_off }).await;
    assert_eq!(api::visitors::tokens::forget_ended(app.app()).await.expected("a sweep"), 1);
    app.clock.advance(Time::days(30));
    assert!(!is_taken(&kim).await);
    // A visitor whose token has ended begins as somebody new.
    let nobody = start(&kim, &at, message("1", "Hello")).await;
    assert_eq!(nobody.code(), "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_visit_silences_its_sockets_on_every_instance() {
    let app = TestApp::two().await;
    let at = app.web_site("shop").await;
    let (kim, _) = visitor(&app, &at).await;
    let (lee, _) = visitor(&app, &at).await;
    let mut sockets = Vec::new();
    for instance in &app.instances {
        assert!(is_taken(&Client::new(&instance.url, kim.token.clone())).await);
        sockets.push(Socket::open(&instance.url, kim.token.as_deref()).await);
    }
    let mut other = Socket::open(&lee.url, lee.token.as_deref()).await;
    assert_eq!(kim.ask(END_VISIT, Value::Null).await.text("endVisit.outcome"), "APPLIED");
    for mut socket in sockets {
        assert_eq!(timeout(Duration::from_secs(2), socket.hear()).await.expected("in time"), Err(4403));
    }
    for instance in &app.instances {
        let client = Client::new(&instance.url, kim.token.clone());
        assert_eq!(client.ask(END_VISIT, Value::Null).await.code(), "UNAUTHENTICATED");
    }
    other.say(&json!({ "type": "ping" })).await;
    assert_eq!(other.hear().await.expected("a pong")["type"], "pong");
    let ann = app.person("ann").await;
    assert_eq!(ann.ask(END_VISIT, Value::Null).await.text("endVisit.outcome"), "NO_CHANGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_to_the_site_is_the_same_customer_on_every_device() {
    let app = TestApp::two().await;
    let door = || Door { secret: Some("a secret of the site"), ..Door::default() };
    let at = app.entry_point(Channel::Webchat, "shop", door()).await;
    let mut signed = identity("a secret of the site", "42", until(&app, 1));
    signed["name"] = json!("Kim Lee");
    signed["email"] = json!("kim@example.org");
    let phone = start(&app.anonymous(), &at, json!({ "identity": signed })).await;
    let desk =
        start(&app.anonymous(), &at, json!({ "identity": identity("a secret of the site", "42", until(&app, 9)) }))
            .await;
    assert_eq!((chat(&phone), refusal(&desk)), (chat(&desk), ""));
    assert_ne!(phone.text("startWebChat.visitorToken"), desk.text("startWebChat.visitorToken"));
    let known = app.database.texts("SELECT display_name || ' ' || email FROM customer").await;
    assert_eq!(known, ["Kim Lee kim@example.org"]);
    // Whoever chatted before without a name and now signs in is whom the site says, with a token of their own.
    let (before, _) = visitor(&app, &at).await;
    let after =
        start(&before, &at, json!({ "identity": identity("a secret of the site", "42", until(&app, 1)) })).await;
    assert_eq!(chat(&after), chat(&phone));
    assert_ne!(after.text("startWebChat.visitorToken"), before.token.as_deref().expected("a token"));
    // Another site counts its visitors for itself, whatever its secret.
    let other = app.entry_point(Channel::Webchat, "other", door()).await;
    start(&app.anonymous(), &other, json!({ "identity": identity("a secret of the site", "42", until(&app, 1)) }))
        .await;
    assert_eq!(app.database.number("SELECT count(*) FROM customer").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_counts_only_as_the_site_has_signed_it() {
    let app = TestApp::new().await;
    let at = app.entry_point(Channel::Webchat, "shop", Door { secret: Some("s3cret"), ..Door::default() }).await;
    let bare = app.web_site("bare").await;
    let empty = app.entry_point(Channel::Webchat, "empty", Door { secret: Some(""), ..Door::default() }).await;
    let good = identity("s3cret", "42", until(&app, 1));
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let shorter = good["signature"].as_str().expected("a signature")[..63].to_owned();
    for (entry, given, code, path) in [
        (&at, with("externalId", json!("43")), "NOT_ALLOWED", "signature"),
        (&at, with("expires", json!(until(&app, 2))), "NOT_ALLOWED", "signature"),
        (&at, with("signature", json!("")), "NOT_ALLOWED", "signature"),
        (&at, with("signature", json!(shorter)), "NOT_ALLOWED", "signature"),
        (&at, with("signature", json!("é".repeat(32))), "NOT_ALLOWED", "signature"),
        (&at, identity("other", "42", until(&app, 1)), "NOT_ALLOWED", "signature"),
        (&at, identity("", "42", until(&app, 1)), "NOT_ALLOWED", "signature"),
        (&bare, identity("", "42", until(&app, 1)), "NOT_ALLOWED", "signature"),
        (&empty, identity("", "42", until(&app, 1)), "NOT_ALLOWED", "signature"),
        (&at, identity("s3cret", "42", until(&app, 0)), "NOT_ALLOWED", "expires"),
        (&at, identity("s3cret", "42", i64::MIN), "NOT_ALLOWED", "expires"),
        (&at, identity("s3cret", "", until(&app, 1)), "INVALID", "externalId"),
        (&at, identity("s3cret", " 42", until(&app, 1)), "INVALID", "externalId"),
        (&at, identity("s3cret", &"4".repeat(201), until(&app, 1)), "INVALID", "externalId"),
        (&at, with("email", json!("kim@")), "INVALID", "email"),
        (&at, with("name", json!("x".repeat(201))), "INVALID", "name"),
    ] {
        let answer = start(&app.anonymous(), entry, json!({ "identity": given })).await;
        let expected = json!([{ "code": code, "field": ["input", "identity", path] }]);
        assert_eq!(answer.at("startWebChat.userErrors"), &expected, "{given}");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM customer").await, 0);
    let upper = with("signature", json!(good["signature"].as_str().expected("a signature").to_uppercase()));
    assert_eq!(refusal(&start(&app.anonymous(), &at, json!({ "identity": upper })).await), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_twenty_times_at_once_has_one_chat_with_twenty_messages() {
    let app = TestApp::two().await;
    let at = app.entry_point(Channel::Webchat, "shop", Door { secret: Some("s3cret"), ..Door::default() }).await;
    let clients: Vec<Client> =
        (0..20).map(|n| Client::new(&app.instances[n % app.instances.len()].url, None)).collect();
    let begun = join_all(clients.iter().enumerate().map(|(n, client)| {
        let mut input = message(&format!("m{n}"), &format!("number {n}"));
        input["identity"] = identity("s3cret", "42", until(&app, 1));
        let at = &at;
        async move { start(client, at, input).await }
    }))
    .await;
    assert!(begun.iter().all(|answer| refusal(answer).is_empty() && chat(answer) == chat(&begun[0])));
    let applied = begun.iter().filter(|answer| answer.text("startWebChat.outcome") == "APPLIED").count();
    assert_eq!(applied, 1);
    for (of, count) in [("customer", 1), ("conversation", 1), ("task", 1), ("thread_item WHERE kind = 1", 20)] {
        assert_eq!(app.database.number(&format!("SELECT count(*) FROM {of}")).await, count, "{of}");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_begins_one_chat_whoever_is_not_sure_that_it_has_begun() {
    let app = TestApp::two().await;
    let at = app.web_site("shop").await;
    let clients: Vec<Client> =
        (0..20).map(|n| Client::new(&app.instances[n % app.instances.len()].url, None)).collect();
    let mut input = message("m1", "Hello");
    input["idempotencyKey"] = json!(KEY);
    let begun = join_all(clients.iter().map(|client| start(client, &at, input.clone()))).await;
    assert!(begun.iter().all(|answer| refusal(answer).is_empty() && chat(answer) == chat(&begun[0])));
    let first = begun.iter().filter(|answer| answer.at("startWebChat.replayed") == false).count();
    assert_eq!(first, 1);
    for answer in &begun {
        assert!(is_taken(&by(&app, answer)).await, "every answer has a token that is taken");
    }
    for (of, count) in [("customer", 1), ("conversation", 1), ("task", 1), ("thread_item WHERE kind = 1", 1)] {
        assert_eq!(app.database.number(&format!("SELECT count(*) FROM {of}")).await, count, "{of}");
    }
    // Also after its end; but never for something else, nor for who finds an old key.
    leave(&app, chat(&begun[0])).await;
    let late = start(&clients[0], &at, input.clone()).await;
    assert_eq!((chat(&late), late.at("startWebChat.replayed")), (chat(&begun[0]), &json!(true)));
    let mut other = message("m1", "Something else");
    other["idempotencyKey"] = json!(KEY);
    assert_eq!(refusal(&start(&clients[0], &at, other).await), "IDEMPOTENCY_KEY_REUSED");
    app.clock.advance(Time::minutes(61));
    assert_eq!(refusal(&start(&clients[0], &at, input.clone()).await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(app.database.number("SELECT count(*) FROM conversation").await, 1);
    // Of a visitor with a token the key is nobody else's, so it may be short and counts for ever.
    let kim = by(&app, &late);
    let mut own = message("m2", "Hello again");
    own["idempotencyKey"] = json!("2");
    let second = start(&kim, &at, own.clone()).await;
    leave(&app, chat(&second)).await;
    app.clock.advance(Time::days(20));
    let again = start(&kim, &at, own).await;
    assert_eq!((chat(&again), again.at("startWebChat.replayed")), (chat(&second), &json!(true)));
    assert!(!app.database.dump().await.contains(KEY), "a key that brings a token is not kept");
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_begins_only_so_many_chats_an_hour() {
    let app = TestApp::with(1, &[("RAPPORT_WEB_CHATS_PER_HOUR", "5")]).await;
    let at = app.web_site("shop").await;
    let mut said = Vec::new();
    for _ in 0..7 {
        said.push(refusal(&start(&app.anonymous(), &at, json!({})).await).to_owned());
    }
    assert_eq!(said, ["", "", "", "", "", "TOO_MANY_ATTEMPTS", "TOO_MANY_ATTEMPTS"]);
    assert_eq!(app.database.number("SELECT count(*) FROM conversation").await, 5);
    app.clock.advance(Time::minutes(13));
    assert_eq!(refusal(&start(&app.anonymous(), &at, json!({})).await), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitors_token_opens_conversations_and_nothing_else() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let at = app.web_site("shop").await;
    let (kim, _) = visitor(&app, &at).await;
    let schema = ada.ask(INTROSPECTION, Value::Null).await;
    let types = schema.at("__schema.types").as_array().cloned().expected("types");
    let writes = app.limited(&ada, &[api::auth::viewer::Scope::ConversationsWrite]);
    let reads = app.limited(&ada, &[api::auth::viewer::Scope::ConversationsRead]);
    let (mut shut, mut opened) = (0, Vec::new());
    for root in ["Query", "Mutation", "Subscription"] {
        let kind = types.iter().find(|kind| kind["name"] == root).expected(root);
        for field in kind["fields"].as_array().into_iter().flatten() {
            let name = format!("{root}.{}", field["name"].as_str().unwrap_or_default());
            let operation = operation(&types, root, field);
            // Signing up and in needs no token, whoever calls; the end of the visit is not wanted yet.
            if OPEN.contains(&name.as_str()) || name == "Mutation.endVisit" {
                continue;
            }
            let of_conversations = refused_with(&writes, root, &operation).await != "FORBIDDEN"
                || refused_with(&reads, root, &operation).await != "FORBIDDEN";
            let answer = refused_with(&kim, root, &operation).await;
            if of_conversations {
                assert!(["", "FORBIDDEN", "BAD_USER_INPUT"].contains(&answer.as_str()), "{name}: {answer}");
                opened.push(name);
            } else {
                assert_eq!(answer, "FORBIDDEN", "{name}");
                shut += 1;
            }
        }
    }
    assert!(shut >= 40, "{shut}");
    assert!(opened.iter().all(|name| !name.contains("Key") && !name.contains("user")), "{opened:?}");
    // Nor the doors beside GraphQL.
    for path in ["/contacts.vcf", "/contacts/user_01m7xnapkeess9yf3kt8ay0ya3.vcf"] {
        let request = reqwest::Client::new().get(format!("{}{path}", kim.url));
        let answer = request.bearer_auth(kim.token.as_deref().unwrap_or_default()).send().await.expected("an answer");
        assert_eq!(answer.status(), 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_of_another_is_not_there() {
    let app = TestApp::new().await;
    let at = app.web_site("shop").await;
    let (kim, mine) = visitor(&app, &at).await;
    let (lee, theirs) = visitor(&app, &at).await;
    let end = "mutation($id: ID!) { endConversation(input: { conversationId: $id }) { userErrors { code } } }";
    for (client, id) in [(&kim, &theirs), (&lee, &mine)] {
        let answer = client.ask(end, json!({ "id": id })).await;
        assert_eq!(answer.text("endConversation.userErrors.0.code"), "NOT_FOUND");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM conversation WHERE status = 1").await, 2);
    // One's own chat at another entry point is not there either for a token of this one.
    let other = app.web_site("help").await;
    let elsewhere = start(&kim, &other, json!({})).await;
    let answer = kim.ask(end, json!({ "id": chat(&elsewhere) })).await;
    assert_eq!(answer.text("endConversation.userErrors.0.code"), "NOT_FOUND");
    assert_eq!(kim.ask(end, json!({ "id": mine })).await.at("endConversation.userErrors"), &json!([]));
    assert_eq!(
        by(&app, &elsewhere).ask(end, json!({ "id": chat(&elsewhere) })).await.at("endConversation.userErrors"),
        &json!([])
    );
}
