//! Tests of documents that clients name by a digest: registered by administrators, or sent before by a client.

use api::trusted_documents::document_id;
use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::{key, refusal},
    app::TestApp,
    eventually,
    graphql::{Answer, Client},
    person::Person,
    plans,
    socket::Socket,
};

const QUERY: &str = "query Me { viewer { user { handle } } }";
const OTHER: &str = "{ viewer { scopes } }";
const ADD: &str = "mutation($d: [String!]!) { done: addTrustedDocuments(input: { documents: $d }) { outcome \
                   documents { documentId body } userErrors { code field message limit actual } } }";
const REMOVE: &str = "mutation($d: String!) { done: removeTrustedDocument(input: { documentId: $d }) { outcome \
                      documentId userErrors { code field } } }";
const LIST: &str = "query($first: Int, $after: String) { trustedDocuments(first: $first, after: $after) { totalCount \
                    nodes { body } pageInfo { hasNextPage endCursor } } }";

fn id(text: &str) -> String {
    document_id::of(&document_id::digest(text))
}

async fn add(by: &Person, texts: &[&str]) -> Answer {
    by.ask(ADD, json!({ "d": texts })).await
}

async fn named(client: &Client, id: &str) -> Answer {
    client.post(&json!({ "documentId": id })).await.expected("an answer")
}

fn apollo(digest: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": digest } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_document_runs_by_its_id_on_every_transport_and_instance() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let added = add(&ada, &[QUERY, OTHER, QUERY]).await;
    assert_eq!(added.text("done.outcome"), "APPLIED", "{}", added.body);
    let expected = [QUERY, OTHER, QUERY].map(|text| json!({ "documentId": id(text), "body": text }));
    assert_eq!(added.at("done.documents"), &json!(expected));
    for (instance, client) in app.instances.iter().zip(&ada.clients) {
        assert_eq!(named(client, &id(QUERY)).await.text("viewer.user.handle"), "ada");
        let apollo = client.post(&json!({ "extensions": apollo(&document_id::digest(QUERY)) })).await;
        assert_eq!(apollo.expected("an answer").text("viewer.user.handle"), "ada");
        let get = reqwest::Client::new().get(format!("{}/graphql", client.url)).query(&[("documentId", id(QUERY))]);
        let get = get.bearer_auth(&ada.token).header("accept", "application/json").send().await.expected("an answer");
        assert_eq!(get.json::<Value>().await.expected("JSON")["data"]["viewer"]["user"]["handle"], "ada");
        let mut socket = Socket::open(&instance.url, Some(&ada.token)).await;
        socket.subscribe_with("1", json!({ "documentId": id(QUERY) })).await;
        assert_eq!(socket.hear().await.expected("an answer")["payload"]["data"]["viewer"]["user"]["handle"], "ada");
    }
    // A mutation is none the safer by its id.
    let mutation = "mutation { markNotificationsRead(input: {}) { outcome } }";
    add(&ada, &[mutation]).await.at("done");
    let get =
        reqwest::Client::new().get(format!("{}/graphql", ada.clients[0].url)).query(&[("documentId", id(mutation))]);
    let get = get.bearer_auth(&ada.token).header("accept", "application/json").send().await.expected("an answer");
    assert_eq!(get.status(), 405);
    let audited = ada.ask("{ auditEntries(action: \"addTrustedDocuments\") { nodes { target } } }", Value::Null).await;
    assert_eq!(audited.at("auditEntries.nodes").as_array().map(Vec::len), Some(3));
    let of_one = "query($t: ID!) { auditEntries(target: $t) { nodes { action } } }";
    let of_one = ada.ask(of_one, json!({ "t": id(OTHER) })).await;
    assert_eq!(of_one.at("auditEntries.nodes"), &json!([{ "action": "addTrustedDocuments" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_document_ends_within_a_minute() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    add(&ada, &[QUERY]).await.at("done");
    for client in &ada.clients {
        named(client, &id(QUERY)).await.at("viewer");
    }
    let removed = ada.ask(REMOVE, json!({ "d": id(QUERY) })).await;
    assert_eq!(removed.at("done"), &json!({ "outcome": "APPLIED", "documentId": id(QUERY), "userErrors": [] }));
    let again = ada.ask(REMOVE, json!({ "d": document_id::digest(QUERY) })).await;
    assert_eq!(again.at("done"), &json!({ "outcome": "NO_CHANGE", "documentId": id(QUERY), "userErrors": [] }));
    app.clock.advance(Duration::seconds(61));
    for client in &ada.clients {
        assert_eq!(named(client, &id(QUERY)).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    }
    let nonsense = ada.ask(REMOVE, json!({ "d": "x" })).await;
    assert_eq!(refusal(&nonsense), "INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_trusted_documents_runs_no_other() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    add(&ada, &[QUERY]).await.at("done");
    for (kind, scopes) in [("PERSONAL", json!(["PROFILE_READ"])), ("ORGANIZATION", json!(["PROFILE_READ"]))] {
        let input = json!({ "name": kind, "kind": kind, "scopes": scopes, "trustedDocumentsOnly": true });
        let (secret, key_id) = key(&ada.clients[0], input).await;
        for instance in &app.instances {
            let client = Client::new(&instance.url, Some(secret.clone()));
            named(&client, &id(QUERY)).await.at("viewer");
            client.ask(QUERY, Value::Null).await.at("viewer");
            let refused = client.ask(OTHER, Value::Null).await;
            assert_eq!((refused.status, refused.code()), (403, "DOCUMENT_NOT_TRUSTED"), "{kind}");
            // Not even one that another client has sent with its digest.
            let digest = document_id::digest(OTHER);
            let sent = json!({ "query": OTHER, "extensions": apollo(&digest) });
            Client::new(&instance.url, Some(ada.token.clone())).post(&sent).await.expected("an answer").at("viewer");
            let by_digest = client.post(&json!({ "extensions": apollo(&digest) })).await.expected("an answer");
            assert_eq!(by_digest.code(), "DOCUMENT_NOT_TRUSTED");
            assert_eq!(client.post(&sent).await.expected("an answer").code(), "DOCUMENT_NOT_TRUSTED");
            let mut socket = Socket::open(&instance.url, Some(&secret)).await;
            socket.subscribe("1", OTHER, Value::Null).await;
            let refused = socket.hear().await.expected("an answer");
            assert_eq!(refused["payload"][0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED");
            socket.subscribe("2", QUERY, Value::Null).await;
            assert_eq!(socket.hear().await.expected("an answer")["type"], "next");
        }
        let update = "mutation($id: ID!, $only: Boolean) { updateApiKey(input: { apiKeyId: $id, \
                      trustedDocumentsOnly: $only }) { outcome apiKey { trustedDocumentsOnly } } }";
        for (only, outcome) in [(Some(false), "APPLIED"), (Some(false), "NO_CHANGE"), (None, "NO_CHANGE")] {
            let updated = ada.ask(update, json!({ "id": key_id, "only": only })).await;
            assert_eq!(updated.text("updateApiKey.outcome"), outcome);
            assert_eq!(updated.at("updateApiKey.apiKey.trustedDocumentsOnly"), &json!(false));
        }
        for instance in &app.instances {
            let client = Client::new(&instance.url, Some(secret.clone()));
            eventually("the key runs all documents", || async { client.ask(OTHER, Value::Null).await.status == 200 })
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_trusted_documents_gets_files_only_by_links_that_such_a_document_gave() {
    const LINKS: &str = "{ viewer { avatarUploadUrl user { vCardUrl } } }";
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    add(&ada, &[LINKS]).await.at("done");
    let scopes = json!(["PROFILE_READ", "PROFILE_WRITE", "CONTACTS_READ", "CONTACTS_WRITE", "CONVERSATIONS_READ"]);
    let input = json!({ "name": "x", "scopes": scopes, "trustedDocumentsOnly": true });
    let (secret, _) = key(&ada.clients[0], input).await;
    let client = Client::new(&ada.clients[0].url, Some(secret.clone()));
    let http = reqwest::Client::new();
    let at = |path: &str| format!("{}{path}", client.url);
    for request in [
        http.get(at("/contacts.vcf?list=CONNECTIONS")),
        http.get(at(&format!("/contacts/{}.vcf", ada.id()))),
        http.post(at("/contacts.vcf")).header("content-type", "text/vcard").body("BEGIN:VCARD"),
        http.get(at("/conversations/conv_01m7xnapkeess9yf3kt8ay0ya3/transcript.txt")),
        http.put(at("/avatar")).body("x"),
    ] {
        let answer = request.bearer_auth(&secret).send().await.expected("an answer");
        assert_eq!(answer.status(), 403, "{}", answer.url());
        let body: Value = answer.json().await.expected("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED", "{body}");
    }
    let links = named(&client, &id(LINKS)).await;
    let card = http.get(at(links.text("viewer.user.vCardUrl"))).send().await.expected("an answer");
    assert_eq!(card.status(), 200);
    let upload = http.put(at(links.text("viewer.avatarUploadUrl"))).body("x").send().await.expected("an answer");
    assert_eq!(upload.status(), 415, "the link lets the call in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_document_is_known_by_its_digest_from_then_on() {
    let app = TestApp::new().await;
    let jane = app.person("jane").await;
    let anonymous = app.anonymous();
    // The example of Apollo's documentation.
    let digest = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";
    let only = json!({ "extensions": apollo(digest) });
    let send = async |client: &Client, body: &Value| client.post(body).await.expected("an answer");
    assert_eq!(send(&anonymous, &only).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    let whole = json!({ "query": "{__typename}", "extensions": apollo(digest) });
    assert_eq!(send(&anonymous, &whole).await.text("__typename"), "Query");
    for client in [&anonymous, &jane.clients[0]] {
        assert_eq!(send(client, &only).await.text("__typename"), "Query");
    }
    // The text decides what a digest names, and nobody can claim another one.
    let claimed = json!({ "query": OTHER, "extensions": apollo(digest) });
    assert_eq!(send(&jane.clients[0], &claimed).await.code(), "BAD_REQUEST");
    assert_eq!(send(&anonymous, &only).await.text("__typename"), "Query");
    // A document that cannot run is not kept.
    let wrong = document_id::digest("{ nothing }");
    send(&anonymous, &json!({ "query": "{ nothing }", "extensions": apollo(&wrong) })).await;
    let again = send(&anonymous, &json!({ "extensions": apollo(&wrong) })).await;
    assert_eq!(again.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_run_is_refused_with_its_position_and_nothing_is_registered() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let jane = app.person("jane").await;
    for (text, said) in [
        ("{ nothing }", "nothing"),
        ("{ viewer ", "syntax"),
        ("", "syntax"),
        ("type A { b: Int }", ""),
        (&format!("{{ viewer {{ scopes }} }}{}", " ".repeat(20_000)), "longer than"),
    ] {
        let refused = add(&ada, &[QUERY, text]).await;
        let error = refused.at("done.userErrors.0");
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("INVALID"), &json!(["input", "documents", "1"])),
            "{text}"
        );
        assert!(error["message"].as_str().is_some_and(|why| why.contains(said)), "{error}");
    }
    let many: Vec<String> = (0..101).map(|n| format!("{{ a{n}: __typename }}")).collect();
    let refused = ada.ask(ADD, json!({ "d": many })).await;
    assert_eq!(refused.at("done.userErrors.0.code"), "OUT_OF_RANGE");
    assert_eq!(
        (refused.at("done.userErrors.0.limit"), refused.at("done.userErrors.0.actual")),
        (&json!(100), &json!(101))
    );
    assert_eq!(refusal(&add(&ada, &[]).await), "REQUIRED");
    assert_eq!(ada.ask(LIST, Value::Null).await.at("trustedDocuments.totalCount"), &json!(0));
    for query in [ADD, REMOVE, LIST] {
        let variables = if query == REMOVE { json!({ "d": id(QUERY) }) } else { json!({ "d": [QUERY] }) };
        assert_eq!(jane.ask(query, variables).await.code(), "FORBIDDEN", "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_the_list_and_every_statement_has_an_index() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let texts: Vec<String> = (0..25).map(|n| format!("{{ a{n}: __typename }}")).collect();
    ada.ask(ADD, json!({ "d": texts })).await.at("done.documents");
    app.statements();
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = ada.ask(LIST, json!({ "first": 10, "after": after })).await;
        assert_eq!(page.at("trustedDocuments.totalCount"), &json!(25));
        let nodes = page.at("trustedDocuments.nodes").as_array().cloned().unwrap_or_default();
        seen.extend(nodes.iter().filter_map(|node| node["body"].as_str().map(str::to_owned)));
        after = page.at("trustedDocuments.pageInfo.endCursor").clone();
        if page.at("trustedDocuments.pageInfo.hasNextPage") == false {
            break;
        }
    }
    assert_eq!(seen.into_iter().rev().collect::<Vec<_>>(), texts);
    named(&ada.clients[0], &id("{ a3: __typename }")).await.at("a3");
    let counts = |sql: &str| sql.contains("COUNT(") || sql.contains("count(");
    for statement in app.statements().iter().filter(|statement| !counts(&statement.sql)) {
        let plan = plans::explain(app.app(), statement, true).await;
        // The first page reads the start of an index.
        let scanned =
            plans::scans(&plan).iter().any(|line| !line.contains("USING INDEX") && !line.contains("Index Scan"));
        assert!(!scanned, "{}\n{plan}", statement.sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_document_that_is_added_twice_at_once_is_registered_once() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    for round in 0..crate::support::rounds(5) {
        let text = format!("{{ a{round}: __typename }}");
        let one = |client: &Client| {
            let client = client.clone();
            let text = text.clone();
            async move { client.ask(ADD, json!({ "d": [text] })).await.text("done.outcome").to_owned() }
        };
        let (first, last) = (&ada.clients[0], ada.clients.last().expected("a client"));
        let (a, b, c) = tokio::join!(one(first), one(last), one(last));
        let mut outcomes = [a, b, c];
        outcomes.sort();
        assert_eq!(outcomes, ["APPLIED", "NO_CHANGE", "NO_CHANGE"], "round {round}");
    }
}
