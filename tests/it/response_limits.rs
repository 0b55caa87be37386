//! Tests of the size limits of answers, for long texts, aliases and nested pages. Longer data is sent as a file, part
//! by part. The memory of an answer is released when it is sent.

use api::conversations::{
    conversation_rows, participants,
    thread_items::{self, NewItem},
};
use entity::id::ConversationId;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    eventually,
    graphql::{Answer, Client},
    person::Person,
    visitors::visitor,
};

/// A character of four bytes.
const LETTER: &str = "\u{1f600}";

/// Creates a visitor's chat with the given number of messages. Each message has the given number of four-byte
/// characters.
async fn talkative(app: &TestApp, messages: usize, letters: usize) -> (Client, String) {
    let at = app.web_site("shop").await;
    let (client, chat) = visitor(app, &at).await;
    let id = ConversationId::parse(&chat).expected("an id");
    let body = &LETTER.repeat(letters);
    let filled = app.app().transaction(|tx| {
        Box::pin(async move {
            let mut held = conversation_rows::lock(tx, id).await?;
            let author = participants::all(tx.db(), id).await?.remove(0).id;
            for _ in 0..messages {
                thread_items::append(tx, &mut held, NewItem::message(author, body.clone())).await?;
            }
            Ok(())
        })
    });
    filled.await.expected("many messages");
    (client, chat)
}

fn aliases(field: &str, count: usize) -> String {
    (0..count).map(|n| format!("a{n}: {field} ")).collect::<Vec<_>>().concat()
}

/// Fails unless the answer was refused at the field that exceeds the limit, with a short body.
fn exceeded(answer: &Answer, name: &str) {
    assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{name}: {:.300}", answer.body.to_string());
    let path = answer.body["errors"][0]["path"].as_array().expected(name);
    assert!(!path.is_empty(), "{name}");
    assert!(answer.body.to_string().len() < 4 << 20, "{name}: {} bytes", answer.body.to_string().len());
}

async fn nothing_is_held(app: &TestApp) {
    eventually("what answers held is given back", || async { app.app().quotas.memory() == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_the_size_limit_is_refused_whatever_multiplies_it() {
    let app = TestApp::with(1, &[("RAPPORT_MAX_ANSWER_BYTES", "2097152")]).await;
    let (visitor, chat) = talkative(&app, 300, 1_000).await;
    let body = "nodes { ... on Message { body } }";
    for (name, selection) in [
        ("one transcript many times", aliases("transcript", 20)),
        (
            "one text many times",
            format!("items(last: 100) {{ nodes {{ ... on Message {{ {} }} }} }}", aliases("body", 20)),
        ),
        ("one page many times", aliases(&format!("items(last: 100) {{ {body} }}"), 20)),
        (
            "in fragments",
            format!(
                "...F }} }} fragment F on Conversation {{ {} ... {{ z: transcript }} __typename ... on Conversation {{ id ",
                aliases("transcript", 18)
            ),
        ),
        (
            "the newest of each page",
            format!(
                "items(last: 100) {{ edges {{ node {{ ... on Message {{ {} }} }} }} }}",
                "r: replyTo { body } ".to_owned() + &aliases("body", 25)
            ),
        ),
    ] {
        let query = format!("query($id: ID!) {{ conversation(id: $id) {{ {selection} }} }}");
        let answer = visitor.ask(&query, json!({ "id": chat })).await;
        exceeded(&answer, name);
    }
    let one = visitor
        .ask(
            &format!("query($id: ID!) {{ conversation(id: $id) {{ items(last: 50) {{ {body} }} }} }}"),
            json!({ "id": chat }),
        )
        .await;
    assert_eq!(one.at("conversation.items.nodes").as_array().map(Vec::len), Some(50));
    nothing_is_held(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_over_a_socket_have_the_same_size_limit() {
    let app = TestApp::with(1, &[("RAPPORT_MAX_ANSWER_BYTES", "1048576")]).await;
    let (visitor, chat) = talkative(&app, 100, 1_000).await;
    let mut socket = crate::support::socket::Socket::open(&visitor.url, visitor.token.as_deref()).await;
    let query = format!("query($id: ID!) {{ conversation(id: $id) {{ {} }} }}", aliases("transcript", 20));
    socket.subscribe("1", &query, json!({ "id": chat })).await;
    let said = socket.hear().await.expected("an answer");
    assert_eq!(said["payload"]["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{said:.300}");
    nothing_is_held(&app).await;
}

/// Saves a personal contact of the maximum size.
async fn keeps_a_large_contact(ann: &Person, number: usize) {
    let long = |n: usize| LETTER.repeat(n);
    let ten = |make: &dyn Fn(usize) -> Value| (0..10).map(make).collect::<Vec<_>>();
    let input = json!({
        "displayName": long(200), "note": long(2_000), "title": long(200), "organization": long(200),
        "addresses": ten(&|n| json!({ "street": format!("{n}{}", long(490)), "city": long(100), "region": long(100) })),
        "urls": ten(&|n| json!({ "address": format!("https://example.com/{number}/{n}/{}", "x".repeat(1_900)) })),
    });
    let query = "mutation($input: SavePersonalContactInput!) { savePersonalContact(input: $input) { outcome userErrors { code message } } }";
    let answer = ann.ask(query, json!({ "input": input })).await;
    assert_eq!(answer.text("savePersonalContact.outcome"), "APPLIED", "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_with_address_books_have_the_same_size_limit() {
    let app = TestApp::with(1, &[("RAPPORT_MAX_ANSWER_BYTES", "3145728")]).await;
    let ann = app.person("ann").await;
    for number in 0..40 {
        keeps_a_large_contact(&ann, number).await;
    }
    let page = |of: &str| {
        format!("{{ contacts(first: 100, list: PERSONAL) {{ nodes {{ ... on PersonalContact {{ {of} }} }} }} }}")
    };
    for (name, selection) in [
        ("cards", "vCard".to_owned()),
        ("notes many times", aliases("note", 28)),
        ("addresses many times", aliases("addresses { street city region }", 9)),
        ("pages many times", aliases("urls { address }", 9)),
    ] {
        exceeded(&ann.ask(&page(&selection), Value::Null).await, name);
    }
    let ids = ann.ask("{ contacts(first: 100, list: PERSONAL) { nodes { id } } }", Value::Null).await;
    let ids: Vec<&str> =
        ids.at("contacts.nodes").as_array().expected("nodes").iter().filter_map(|node| node["id"].as_str()).collect();
    let answer = ann.ask("query($ids: [ID!]!) { vCard(userIds: $ids) { text } }", json!({ "ids": ids })).await;
    exceeded(&answer, "cards by ids");
    let url = format!("{}/contacts.vcf?ids={}", ann.clients[0].url, ids.join(","));
    let file = reqwest::Client::new().get(url).bearer_auth(&ann.token).send().await.expected("an answer");
    assert!(file.text().await.expected("text").contains("LIMIT_EXCEEDED"));
    // The export of a whole list is sent page by page and has no such limit.
    let url = format!("{}/contacts.vcf?list=PERSONAL", ann.clients[0].url);
    let file = reqwest::Client::new().get(url).bearer_auth(&ann.token).send().await.expected("an answer");
    assert_eq!(file.text().await.expected("text").matches("BEGIN:VCARD").count(), 40);
    nothing_is_held(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_answers_have_a_memory_limit_per_caller_and_in_total() {
    let settings = [("RAPPORT_MAX_ANSWER_BYTES", "1048576"), ("RAPPORT_MAX_ALL_ANSWERS_BYTES", "1200000")];
    let app = TestApp::with(1, &settings).await;
    let (visitor, chat) = talkative(&app, 20, 4_000).await;
    let held = app.app().quotas.take(
        api::rate_limit::LimitSubject::Caller(app.clock.uuid()),
        api::quotas::Resource::Memory,
        1_000_000,
    );
    let query = "query($id: ID!) { conversation(id: $id) { items(last: 20) { nodes { ... on Message { body } } } } }";
    let answer = visitor.ask(query, json!({ "id": chat })).await;
    assert_eq!((answer.code(), &answer.body["errors"][0]["extensions"]["retryable"]), ("UNAVAILABLE", &json!(true)));
    drop(held);
    nothing_is_held(&app).await;
    assert!(visitor.ask(query, json!({ "id": chat })).await.body.get("errors").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_an_answer_is_charged_to_its_caller() {
    let app = TestApp::with(1, &[("RAPPORT_RATE_COST", "1")]).await;
    let (visitor, chat) = talkative(&app, 100, 4_000).await;
    let query = "query($id: ID!) { conversation(id: $id) { items(last: 100) { nodes { ... on Message { body } } } } }";
    let answer = visitor.ask(query, json!({ "id": chat })).await;
    let cost = &answer.body["extensions"]["cost"];
    let before = cost["remaining"].as_i64().expected("a budget");
    let now = visitor.ask("{ __typename }", Value::Null).await;
    let after = now.body["extensions"]["cost"]["remaining"].as_i64().expected("a budget");
    // Reading 1.6 MB costs 12,500 units, less the units that were charged before.
    assert!(before - after > 8_000, "{before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_field_has_the_newest_part_and_the_file_has_everything() {
    let app = TestApp::new().await;
    let (visitor, chat) = talkative(&app, 600, 1_000).await;
    let query = "query($id: ID!) { conversation(id: $id) { transcript transcriptUrl } }";
    let answer = visitor.ask(query, json!({ "id": chat })).await;
    let shown = answer.text("conversation.transcript");
    assert!(shown.len() <= (256 << 10) + 100 && shown.len() > 200 << 10, "{}", shown.len());
    assert!(shown.lines().next().is_some_and(|line| line.ends_with(" earlier entries are left out.)")), "{shown:.100}");
    let url = format!("{}{}", visitor.url, answer.text("conversation.transcriptUrl"));
    let token = visitor.token.clone().expected("a token");
    let get = |token: &str| reqwest::Client::new().get(&url).bearer_auth(token).send();
    let file = get(&token).await.expected("an answer");
    assert_eq!(file.headers()["content-type"], "text/plain; charset=utf-8");
    let file = file.text().await.expected("text");
    assert_eq!(file.matches(&LETTER.repeat(1_000)).count(), 600);
    let newest = shown.lines().skip(1).map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
    assert!(file.ends_with(&newest));
    // Nobody else can read the file.
    let [ann] = app.people(["ann"]).await;
    assert_eq!(get(&ann.token).await.expected("an answer").status(), 404);
    assert_eq!(get("nonsense").await.expected("an answer").status(), 401);
    // The ticket of the link is the visitor's, and belongs to this path alone.
    let plain = async |url: &str| reqwest::get(url).await.expected("an answer").status().as_u16();
    assert_eq!(plain(&url).await, 200);
    let (path, ticket) = url.split_once('?').expected("a ticket");
    for wrong in [
        path.to_owned(),
        format!("{path}?{ticket}x"),
        format!("{path}?locale=ko&{ticket}"),
        format!("{}?{ticket}", path.replace(&chat, "conv_01m7xnapkeess9yf3kt8ay0ya3")),
    ] {
        assert_eq!(plain(&wrong).await, 401, "{wrong}");
    }
    app.clock.advance(chrono::Duration::seconds(301));
    assert_eq!(plain(&url).await, 401, "the link has ended");
}
