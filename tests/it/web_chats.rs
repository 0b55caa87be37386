//! Tests of web chats: their start, their form, and the identity of their visitors.

use chrono::Duration as Time;
use chrono::SubsecRound as _;
use entity::{
    channel::Channel,
    entry_point::FormFieldKind,
    queue::{BusinessHours, OpenHours},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    graphql::Client,
    visitors::{
        EntryPointSetup, Page, START, by, chat, field, identity, is_taken, leave, message, refusal, start, visitor,
    },
};

const WEB_CHAT: &str = include_str!("operations/web_chats/web_chat.graphql");
/// An idempotency key that nobody can guess.
const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const SITE: &str = "https://shop.example";

fn until(app: &TestApp, hours: i64) -> i64 {
    (app.clock.now() + Time::hours(hours)).timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_answers_the_form_writes_and_waits() {
    let app = TestApp::new().await;
    let mut colour = field("colour", FormFieldKind::Choice, false);
    colour.options = vec!["red".to_owned(), "blue".to_owned()];
    let fields = vec![field("name", FormFieldKind::Name, true), field("email", FormFieldKind::Email, false), colour];
    let at = app.entry_point(Channel::Webchat, "shop", EntryPointSetup { fields, ..EntryPointSetup::default() }).await;
    let seen = app.anonymous().ask(WEB_CHAT, json!({ "id": at.id.to_string() })).await;
    let colour = json!({ "name": "colour", "label": "Your colour", "kind": "CHOICE", "required": false, "options": ["red", "blue"] });
    assert_eq!(seen.at("webChat.fields.2"), &colour);
    assert_eq!((seen.text("webChat.name"), seen.at("webChat.openNow")), ("shop", &json!(true)));
    let answers = json!([{ "name": "colour", "value": "blue" }, { "name": "name", "value": " Kim Lee " },
                         { "name": "email", "value": "kim@example.org" }]);
    let mut input = message("m1", "Hello");
    input["fields"] = answers;
    input["pageUrl"] = json!("https://shop.example/shoes?size=42");
    let begun = start(&app.anonymous(), &at, input).await;
    assert_eq!((refusal(&begun), begun.text("startWebChat.outcome")), ("", "APPLIED"));
    assert!(chat(&begun).starts_with("conv_") && begun.text("startWebChat.visitorToken").starts_with("rv_"));
    let end: chrono::DateTime<chrono::Utc> = begun.text("startWebChat.expiresAt").parse().expected("a time");
    assert_eq!(end, (app.clock.now() + Time::days(30)).trunc_subsecs(3));
    let customer = app.database.texts("SELECT display_name || ' ' || email FROM customer").await;
    assert_eq!(customer, ["Kim Lee kim@example.org"]);
    // Agents see the form's answers before the message. The visitor sees only the message.
    let query = "query($id: ID!) { conversation(id: $id) { items { nodes { ... on Announcement { kind text } ... on Message { body } } } } }";
    let items = app.supervisor("sue").await.ask(query, json!({ "id": chat(&begun) })).await;
    let text =
        "Your name: Kim Lee\nYour email: kim@example.org\nYour colour: blue\nPage: https://shop.example/shoes?size=42";
    let expected = json!([{ "kind": "FORM_ANSWERED", "text": text }, { "body": "Hello" }]);
    assert_eq!(items.at("conversation.items.nodes"), &expected);
    assert_eq!(
        app.database.number("SELECT count(*) FROM thread_item WHERE customer_sequence = 1 AND kind = 1").await,
        1
    );
    assert_eq!(app.database.number("SELECT count(*) FROM task WHERE status = 1").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM participant WHERE role = 1").await, 1);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_input_of_a_chat_is_refused_by_field_and_stores_nothing() {
    let app = TestApp::new().await;
    let fields = vec![field("name", FormFieldKind::Name, true), field("email", FormFieldKind::Email, false)];
    let at = app.entry_point(Channel::Webchat, "shop", EntryPointSetup { fields, ..EntryPointSetup::default() }).await;
    let name = json!({ "name": "name", "value": "Kim" });
    let saying = |id: &str, body: &str| {
        let mut input = message(id, body);
        input["fields"] = json!([name]);
        input
    };
    for (input, code, path) in [
        (json!({}), "REQUIRED", json!(["input", "fields"])),
        (json!({ "fields": [{ "name": "name", "value": "" }] }), "REQUIRED", json!(["input", "fields", "0", "value"])),
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
        (saying("1", " \n "), "REQUIRED", json!(["input", "message", "body"])),
        (saying("1", "a\u{7}b"), "INVALID", json!(["input", "message", "body"])),
        (saying("", "Hello"), "REQUIRED", json!(["input", "message", "clientMessageId"])),
        (saying(&"x".repeat(101), "Hello"), "INVALID", json!(["input", "message", "clientMessageId"])),
        (json!({ "fields": [name], "idempotencyKey": "short" }), "INVALID", json!(["input", "idempotencyKey"])),
        (json!({ "fields": [name], "entryPointId": "entry_x" }), "NOT_FOUND", json!(["input", "entryPointId"])),
    ] {
        let answer = start(&app.anonymous(), &at, input.clone()).await;
        assert_eq!(answer.at("startWebChat.userErrors"), &json!([{ "code": code, "field": path }]), "{input}");
    }
    // A thousand characters of any script are allowed.
    let long = start(&app.anonymous(), &at, saying("1", &"한".repeat(1_000))).await;
    assert_eq!(refusal(&long), "");
    let ann = app.person("ann").await;
    assert_eq!(refusal(&start(&ann.clients[0], &at, saying("1", "Hello")).await), "NOT_ALLOWED");
    for table in ["customer", "conversation", "visitor_token", "task"] {
        assert_eq!(app.database.number(&format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_point_exists_only_for_its_own_web_sites() {
    let app = TestApp::new().await;
    let listed = EntryPointSetup { origins: vec![SITE, "http://localhost:3000/"], ..EntryPointSetup::default() };
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
    // A caller without an origin, such as a program, can use both entry points. Other channels and archived entry
    // points are never found.
    let sms = app.entry_point(Channel::Sms, "+49", EntryPointSetup::default()).await;
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
async fn a_closed_entry_point_is_marked_closed_and_still_accepts_chats() {
    let app = TestApp::new().await;
    let never =
        BusinessHours { time_zone: "UTC".to_owned(), open: Vec::<OpenHours>::new(), closed_on: vec![], answer: None };
    let at = app
        .entry_point(Channel::Webchat, "shop", EntryPointSetup { hours: Some(never), ..EntryPointSetup::default() })
        .await;
    let seen = app.anonymous().ask(WEB_CHAT, json!({ "id": at.id.to_string() })).await;
    assert_eq!(seen.at("webChat.openNow"), false);
    assert_eq!(refusal(&start(&app.anonymous(), &at, message("1", "Hello")).await), "");
    assert_eq!(app.database.number("SELECT count(*) FROM task WHERE status = 1").await, 1);
    let thread = app.database.texts("SELECT body FROM thread_item ORDER BY customer_sequence").await;
    assert_eq!((thread.len(), thread[0].as_str()), (2, "Hello"), "{thread:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returning_visitor_continues_the_chat_and_starts_another_after_its_end() {
    let app = TestApp::two().await;
    let at = app.web_site("shop").await;
    let (kim, first) = visitor(&app, &at).await;
    app.clock.advance(Time::hours(7));
    let again = start(&kim, &at, message("2", "Still there?")).await;
    assert_eq!((chat(&again), again.text("startWebChat.outcome")), (first.as_str(), "APPLIED"));
    assert!(again.body["data"]["startWebChat"]["visitorToken"].is_null(), "the one that is sent goes on");
    // The first message still exists once.
    assert_eq!(refusal(&start(&kim, &at, message("1", "Hello")).await), "");
    assert_eq!(refusal(&start(&kim, &at, message("1", "Something else")).await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(app.database.number("SELECT count(*) FROM thread_item WHERE kind = 1").await, 2);
    leave(&app, &first).await;
    let second = start(&kim, &at, message("3", "One more thing")).await;
    assert_eq!(second.text("startWebChat.outcome"), "APPLIED");
    assert_ne!(chat(&second), first);
    // At another entry point the visitor is the same customer with another token.
    let other = app.web_site("help").await;
    let elsewhere = start(&kim, &other, message("1", "Hello")).await;
    assert!(is_taken(&by(&app, &elsewhere)).await);
    assert_eq!(app.database.number("SELECT count(*) FROM customer").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM conversation").await, 3);
    assert_eq!(app.database.number("SELECT count(*) FROM visitor_token").await, 2);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_visitor_is_the_same_customer_on_every_device() {
    let app = TestApp::two().await;
    let entry_setup = || EntryPointSetup { secret: Some("a secret of the site"), ..EntryPointSetup::default() };
    let at = app.entry_point(Channel::Webchat, "shop", entry_setup()).await;
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
    // An anonymous visitor who signs in becomes the site's customer and gets a new token.
    let (before, _) = visitor(&app, &at).await;
    let after =
        start(&before, &at, json!({ "identity": identity("a secret of the site", "42", until(&app, 1)) })).await;
    assert_eq!(chat(&after), chat(&phone));
    assert_ne!(after.text("startWebChat.visitorToken"), before.token.as_deref().expected("a token"));
    // Another site has separate customers, even with the same secret.
    let other = app.entry_point(Channel::Webchat, "other", entry_setup()).await;
    start(&app.anonymous(), &other, json!({ "identity": identity("a secret of the site", "42", until(&app, 1)) }))
        .await;
    assert_eq!(app.database.number("SELECT count(*) FROM customer").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_accepted_only_with_the_sites_signature() {
    let app = TestApp::new().await;
    let at = app
        .entry_point(
            Channel::Webchat,
            "shop",
            EntryPointSetup { secret: Some("the secret of shop"), ..EntryPointSetup::default() },
        )
        .await;
    let bare = app.web_site("bare").await;
    // What is stored is not a sealed text.
    let empty = app.web_site("empty").await;
    app.database
        .run(&format!("UPDATE entry_point SET identity_secret = '' WHERE id = {}", app.database.literal(empty.id.0)))
        .await;
    let good = identity("the secret of shop", "42", until(&app, 1));
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
        (&at, identity("the secret of shop", "42", until(&app, 0)), "NOT_ALLOWED", "expires"),
        (&at, identity("the secret of shop", "42", i64::from(i32::MIN)), "NOT_ALLOWED", "expires"),
        (&at, identity("the secret of shop", "", until(&app, 1)), "INVALID", "externalId"),
        (&at, identity("the secret of shop", " 42", until(&app, 1)), "INVALID", "externalId"),
        (&at, identity("the secret of shop", &"4".repeat(201), until(&app, 1)), "INVALID", "externalId"),
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
async fn twenty_concurrent_starts_create_one_chat_with_twenty_messages() {
    let app = TestApp::two().await;
    let at = app
        .entry_point(
            Channel::Webchat,
            "shop",
            EntryPointSetup { secret: Some("the secret of shop"), ..EntryPointSetup::default() },
        )
        .await;
    let clients: Vec<Client> =
        (0..20).map(|n| Client::new(&app.instances[n % app.instances.len()].url, None)).collect();
    let begun = join_all(clients.iter().enumerate().map(|(n, client)| {
        let mut input = message(&format!("m{n}"), &format!("number {n}"));
        input["identity"] = identity("the secret of shop", "42", until(&app, 1));
        let at = &at;
        async move { start(client, at, input).await }
    }))
    .await;
    assert!(begun.iter().all(|answer| refusal(answer).is_empty() && chat(answer) == chat(&begun[0])));
    let applied = begun.iter().filter(|answer| answer.text("startWebChat.outcome") == "APPLIED").count();
    assert_eq!(applied, 20, "each adds its message");
    for (of, count) in [("customer", 1), ("conversation", 1), ("task", 1), ("thread_item WHERE kind = 1", 20)] {
        assert_eq!(app.database.number(&format!("SELECT count(*) FROM {of}")).await, count, "{of}");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_starts_one_chat() {
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
    // The key also works after the chat's end. It is refused with another input and when it is old.
    leave(&app, chat(&begun[0])).await;
    let late = start(&clients[0], &at, input.clone()).await;
    assert_eq!((chat(&late), late.at("startWebChat.replayed")), (chat(&begun[0]), &json!(true)));
    let mut other = message("m1", "Something else");
    other["idempotencyKey"] = json!(KEY);
    assert_eq!(refusal(&start(&clients[0], &at, other).await), "IDEMPOTENCY_KEY_REUSED");
    app.clock.advance(Time::minutes(61));
    assert_eq!(refusal(&start(&clients[0], &at, input.clone()).await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(app.database.number("SELECT count(*) FROM conversation").await, 1);
    // The key of a visitor with a token is private to the visitor, so it may be short and never expires.
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
async fn the_start_of_a_chat_reads_its_entry_point_once() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let fields = vec![field("name", FormFieldKind::Name, true)];
    let at = app
        .entry_point(
            Channel::Webchat,
            "shop",
            EntryPointSetup { fields, origins: vec![SITE], ..EntryPointSetup::default() },
        )
        .await;
    let mut input = message("m1", "Hello");
    input["entryPointId"] = json!(at.id.to_string());
    input["fields"] = json!([{ "name": "name", "value": "Kim" }]);
    let page = Page { client: &app.anonymous(), origin: SITE };
    app.statements();
    assert_eq!(refusal(&page.ask(START, json!({ "input": input })).await), "");
    let statements = app.statements();
    // The sites of all entry points are read apart, for the answer to the browser.
    let by_id = "WHERE \"entry_point\".\"id\" =";
    let reads = statements.iter().filter(|statement| statement.sql.contains(by_id)).count();
    assert_eq!(reads, 1, "{statements:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_from_one_address_are_limited_per_hour() {
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
