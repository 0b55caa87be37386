//! Tests of vCard export and import: by field, by file and by list, with the visible details only. Files are imported
//! once, twice and damaged.

mod imports;

use std::collections::BTreeMap;

use api::auth::viewer::Scope;
use entity::user::UserStatus;
use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::{
    Expected as _, accounts::set_status, app::TestApp, contacts::contacts, graphql::Client, person::Person, plans,
};

const UPDATE: &str = include_str!("operations/vcards/update.graphql");
const SAVE: &str = include_str!("operations/vcards/save.graphql");
const BOOK: &str = include_str!("operations/vcards/book.graphql");

/// A downloaded file.
struct Download {
    status: u16,
    headers: BTreeMap<String, String>,
    text: String,
}

impl Download {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    }

    fn names(&self) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix("FN:")).collect()
    }
}

async fn send(request: reqwest::RequestBuilder, token: Option<&str>) -> Download {
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.expected("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap_or_default().to_owned())
    };
    let headers = headers.iter().map(header).collect();
    Download { status, headers, text: response.text().await.expected("a body") }
}

async fn get(client: &Client, path: &str) -> Download {
    let request = reqwest::Client::new().get(format!("{}{path}", client.url));
    send(request, client.token.as_deref()).await
}

async fn post(client: &Client, kind: &str, file: Vec<u8>) -> Download {
    let request = reqwest::Client::new().post(format!("{}/contacts.vcf", client.url));
    send(request.header("content-type", kind).body(file), client.token.as_deref()).await
}

/// Imports a file. Returns the result of each card.
async fn brings(person: &Person, file: &[u8]) -> Vec<Value> {
    let answer = post(&person.clients[0], "text/vcard", file.to_vec()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body: Value = serde_json::from_str(&answer.text).expected("JSON");
    body["results"].as_array().cloned().expected("results")
}

fn outcomes(results: &[Value]) -> Vec<&str> {
    results.iter().filter_map(|result| result["outcome"].as_str()).collect()
}

async fn keeps(person: &Person, input: Value) -> String {
    let saved = person.ask(SAVE, json!({ "input": input })).await;
    assert_eq!(saved.at("savePersonalContact.userErrors"), &json!([]), "{input}");
    saved.text("savePersonalContact.contact.id").to_owned()
}

async fn jane(app: &TestApp) -> Person {
    let jane = app.person_with("jane", "Jane Doe", api::auth::viewer::Scopes::all()).await;
    let input = json!({
        "familyName": "Doe", "givenName": "Jane", "title": "Poet", "avatarUrl": "https://example.com/j.png",
        "emails": [{ "address": "jane@example.com", "label": "work", "preferred": true, "visibility": "EVERYONE" },
                   { "address": "private@example.com", "label": "home" }],
        "phones": [{ "number": "+1-555-0100", "extension": "5", "visibility": "NOBODY" }],
    });
    assert_eq!(jane.ask(UPDATE, json!({ "input": input })).await.at("updateProfile.userErrors"), &json!([]));
    jane
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_a_file_with_the_details_that_its_reader_may_see() {
    let app = TestApp::new().await;
    let jane = jane(&app).await;
    let [ann, cem] = app.people(["ann", "cem"]).await;
    let path = format!("/contacts/{}.vcf", jane.id());
    let card = get(&ann.clients[0], &path).await;
    assert_eq!(card.status, 200);
    assert_eq!(card.header("content-type"), "text/vcard; charset=utf-8");
    assert_eq!(
        card.header("content-disposition"),
        "attachment; filename=\"Jane_Doe.vcf\"; filename*=UTF-8''Jane%20Doe.vcf"
    );
    assert_eq!((card.header("cache-control"), card.header("x-content-type-options")), ("no-store", "nosniff"));
    let uid = format!("UID:urn:uuid:{}", jane.id.0);
    for line in ["VERSION:3.0", &uid, "N:Doe;Jane;;;", "FN:Jane Doe", "EMAIL;TYPE=INTERNET,WORK,PREF:jane@example.com"]
    {
        assert!(card.text.contains(&format!("{line}\r\n")), "{line}: {}", card.text);
    }
    assert!(
        !card.text.contains("REV:") && !card.text.contains("private@") && !card.text.contains("TEL"),
        "{}",
        card.text
    );
    let four = get(&ann.clients[0], &format!("{path}?version=4.0")).await.text;
    assert!(four.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n"), "{four}");
    let query = "query($id: ID!) { user(id: $id) { three: vCard four: vCard(version: V4_0) } }";
    let fields = ann.ask(query, json!({ "id": jane.id() })).await;
    assert_eq!((fields.text("user.three"), fields.text("user.four")), (card.text.as_str(), four.as_str()));
    // A connection sees more. A blocked person and a key see the public details.
    let request = ann.asks(&jane).await;
    jane.must("acceptConnectionRequest", &request).await;
    jane.must("blockUser", &cem.id()).await;
    assert!(get(&ann.clients[0], &path).await.text.contains("EMAIL;TYPE=INTERNET,HOME:private@example.com"));
    assert_eq!(get(&cem.clients[0], &path).await.text, card.text);
    assert!(get(&jane.clients[0], &path).await.text.contains("TEL"));
    let input = json!({ "name": "x", "kind": "ORGANIZATION", "scopes": ["CONTACTS_READ"] });
    let (key, _) = accounts::key(&app.admin("ada").await.clients[0], input).await;
    let key = Client::new(&app.instances[0].url, Some(key));
    assert_eq!(get(&key, &path).await.text, card.text);
    // The owner's notes are only in the owner's file, and only on request.
    let note = "mutation($id: ID!) { saveNote(input: { userId: $id, text: \"met, in Seoul\" }) { outcome } }";
    ann.ask(note, json!({ "id": jane.id() })).await.at("saveNote");
    assert!(!get(&ann.clients[0], &path).await.text.contains("NOTE"));
    let noted = format!("{path}?notes=true");
    assert!(get(&ann.clients[0], &noted).await.text.contains("NOTE:met\\, in Seoul\r\n"));
    assert!(!get(&cem.clients[0], &noted).await.text.contains("NOTE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_get_a_short_refusal() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let of = |id: &str| format!("/contacts/{id}.vcf");
    let hidden = keeps(&ben, json!({ "displayName": "Ben's" })).await;
    let client = &ann.clients[0];
    for (path, status, code) in [
        (of("nobody"), 404, "NOT_FOUND"),
        (of("user_01m7xnapkeess9yf3kt8ay0ya3"), 404, "NOT_FOUND"),
        (of(&hidden), 404, "NOT_FOUND"),
        (format!("/contacts/{}", ann.id()), 404, "NOT_FOUND"),
        (format!("{}?version=2.1", of(&ann.id())), 400, "BAD_REQUEST"),
        ("/contacts.vcf".to_owned(), 400, "BAD_REQUEST"),
        ("/contacts.vcf?ids=".to_owned(), 400, "BAD_REQUEST"),
        (format!("/contacts.vcf?ids={}&list=PERSONAL", ann.id()), 400, "BAD_REQUEST"),
        ("/contacts.vcf?list=ALL".to_owned(), 400, "BAD_REQUEST"),
        (format!("/contacts.vcf?ids={}", vec!["x"; 1_001].join(",")), 400, "BAD_USER_INPUT"),
        (format!("/contacts.vcf?ids={hidden}"), 404, "NOT_FOUND"),
    ] {
        let answer = get(client, &path).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}: {}", answer.text);
        assert!(answer.text.len() < 400 && answer.header("content-type").starts_with("application/json"), "{path}");
    }
    for (client, status, code) in [
        (app.anonymous(), 401, "UNAUTHENTICATED"),
        (Client::new(&client.url, Some("nonsense".to_owned())), 401, "UNAUTHENTICATED"),
        (app.limited(&ann, &[Scope::ProfileRead]), 403, "FORBIDDEN"),
    ] {
        for path in [of(&ann.id()), "/contacts.vcf?list=PERSONAL".to_owned()] {
            let answer = get(&client, &path).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
        }
        let answer = post(&client, "text/vcard", vec![]).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let reader = app.limited(&ann, &[Scope::ContactsRead]);
    assert_eq!(post(&reader, "text/vcard", vec![]).await.status, 403);
    assert_eq!(post(client, "text/plain", vec![]).await.status, 415);
    let long = post(client, "text/vcard", vec![b'x'; (8 << 20) + 1]).await;
    assert_eq!((long.status, long.code().as_str()), (413, "LIMIT_EXCEEDED"));
    let input = json!({ "name": "x", "kind": "ORGANIZATION", "scopes": ["CONTACTS_READ"] });
    let (key, _) = accounts::key(&app.admin("ada").await.clients[0], input).await;
    let answer = get(&Client::new(&client.url, Some(key)), "/contacts.vcf?list=CONNECTIONS").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "FORBIDDEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_cards_arrive_once_in_the_requested_order_and_missing_ids_are_named() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    let own = keeps(&ann, json!({ "displayName": "Own" })).await;
    let hidden = keeps(&ben, json!({ "displayName": "Ben's" })).await;
    let ids = [cem.id(), own, "x".to_owned(), ben.id(), cem.id(), hidden.clone(), ann.id()];
    let query = "query($ids: [ID!]!) { vCard(userIds: $ids, version: V4_0) { text omittedIds } }";
    let answer = ann.ask(query, json!({ "ids": ids })).await;
    assert_eq!(answer.at("vCard.omittedIds"), &json!(["x", hidden]));
    assert_eq!(answer.body["extensions"]["cost"]["requested"], 11 + 5 * 7);
    let file = get(&ann.clients[0], &format!("/contacts.vcf?ids={}&version=4.0", ids.join(","))).await;
    assert_eq!(file.text, answer.text("vCard.text"));
    assert_eq!(file.names(), ["cem", "Own", "ben", "ann"]);
    assert_eq!((file.header("x-omitted-count"), file.header("x-omitted")), ("2", format!("x, {hidden}").as_str()));
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"vcards.vcf\"; filename*=UTF-8''vcards.vcf");
    let many = vec![ann.id(); 1_001];
    assert_eq!(ann.ask(query, json!({ "ids": many })).await.code(), "BAD_USER_INPUT");
    // A thousand ids take as many statements as two.
    let many: Vec<String> = [ann.id(), ben.id()].into_iter().chain((0..998).map(|n| n.to_string())).collect();
    app.statements();
    assert_eq!(ann.ask(query, json!({ "ids": many })).await.at("vCard.omittedIds").as_array().map(Vec::len), Some(998));
    assert!(app.statements().len() <= 3);
    // A GET request is limited by the length of its first line.
    let line = vec![ann.id(); 950].join(",");
    assert_eq!(get(&ann.clients[0], &format!("/contacts.vcf?ids={line}")).await.names(), ["ann"]);
    set_status(&app, "cem", UserStatus::Suspended).await;
    assert_eq!(ann.ask(query, json!({ "ids": [cem.id()] })).await.at("vCard.omittedIds"), &json!([cem.id()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_lists_are_exported_in_their_order_page_by_page() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let mut expected = Vec::new();
    for number in 0..12 {
        let other = app.person(&format!("p{number:02}")).await;
        ann.must("followUser", &other.id()).await;
        other.must("followUser", &ann.id()).await;
        expected.push(other.handle);
    }
    for list in ["FOLLOWING", "FOLLOWERS"] {
        let file = get(&ann.clients[0], &format!("/contacts.vcf?list={list}")).await;
        assert_eq!(file.names(), expected, "{list}");
    }
    assert_eq!(get(&ann.clients[0], "/contacts.vcf?list=CONNECTIONS").await.text, "");
    let cards = |from: usize, to: usize| {
        let card = |n: usize| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c{n}\r\nFN:c{n:04}\r\nEND:VCARD\r\n");
        (from..to).rev().map(card).collect::<String>()
    };
    brings(&ann, cards(0, 250).as_bytes()).await;
    let file = get(&ann.clients[0], "/contacts.vcf?list=PERSONAL").await;
    let names: Vec<String> = (0..250).map(|n| format!("c{n:04}")).collect();
    assert_eq!(file.names(), names);
    assert_eq!(file.header("content-type"), "text/vcard; charset=utf-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_and_imports_count_towards_the_rate_limit() {
    let settings = [("RAPPORT_RATE_COST", "1"), ("RAPPORT_RATE_BURST", "1000"), ("RAPPORT_MAX_COST", "1000")];
    let app = TestApp::with(1, &settings).await;
    let ann = app.person("ann").await;
    let card = |n: usize| format!("BEGIN:VCARD\r\nUID:{n}\r\nFN:{n}\r\nEND:VCARD\r\n");
    let file: String = (0..60).map(card).collect();
    assert_eq!(brings(&ann, file.as_bytes()).await.len(), 60);
    let answer = post(&ann.clients[0], "text/vcard", file.into_bytes()).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "RATE_LIMITED"));
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 100));
    for status in [200, 429] {
        assert_eq!(get(&ann.clients[0], "/contacts.vcf?list=PERSONAL").await.status, status);
    }
}

/// Returns the contacts of an address book, with the names from a file.
async fn book(person: &Person, ids: &[String]) -> Vec<Value> {
    let mut all = Vec::new();
    for some in ids.chunks(100) {
        let answer = person.ask(BOOK, json!({ "ids": some })).await;
        all.extend(answer.at("nodes").as_array().cloned().expected("contacts"));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_contacts_are_exported_and_imported_unchanged_in_both_versions() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    let mut ids = Vec::new();
    for contact in contacts() {
        ids.push(keeps(&ann, contact).await);
    }
    let expected = book(&ann, &ids).await;
    for (version, other) in [("3.0", &ben), ("4.0", &cem)] {
        let asked: Vec<String> = ids.chunks(250).map(|ids| ids.join(",")).collect();
        let mut file = String::new();
        for ids in asked {
            file.push_str(&get(&ann.clients[0], &format!("/contacts.vcf?ids={ids}&version={version}")).await.text);
        }
        assert!(file.split("\r\n").all(|line| line.len() <= 75));
        let came = brings(other, file.as_bytes()).await;
        for result in &came {
            assert_eq!(
                (&result["outcome"], &result["message"]),
                (&json!("CREATED"), &Value::Null),
                "{version} {result}"
            );
        }
        let new: Vec<String> =
            came.iter().filter_map(|result| result["contact"]["id"].as_str()).map(str::to_owned).collect();
        for (came, expected) in book(other, &new).await.iter().zip(&expected) {
            assert_eq!(came, expected, "{version}");
        }
        let own = brings(&ann, file.as_bytes()).await;
        assert!(own.len() == 500 && own.iter().all(|result| result["outcome"] == "UNCHANGED"), "{version}");
        // The export of the whole list has the same cards in its own order.
        let list = get(&other.clients[0], &format!("/contacts.vcf?list=PERSONAL&version={version}")).await.text;
        let sorted = |text: &str| {
            let mut cards: Vec<String> = text.split_inclusive("END:VCARD\r\n").map(str::to_owned).collect();
            cards.sort();
            cards
        };
        let without_dates =
            |text: &str| -> String { text.split_inclusive("\r\n").filter(|line| !line.starts_with("REV:")).collect() };
        assert_eq!(sorted(&without_dates(&list)), sorted(&without_dates(&file)), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_about_cards_and_contacts_scans_a_table() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let jane = jane(&app).await;
    let ann = app.person("ann").await;
    ann.must("followUser", &jane.id()).await;
    let card = |n: usize| format!("BEGIN:VCARD\r\nUID:{n}\r\nFN:{n}\r\nEMAIL:jane@example.com\r\nEND:VCARD\r\n");
    let suggested = "{ contacts(list: PERSONAL) { nodes { ... on PersonalContact { suggestedUser { handle } } } } }";
    let mut statements = Vec::new();
    app.statements();
    brings(&ann, (card(1) + &card(2)).as_bytes()).await;
    statements.extend(app.statements());
    ann.ask(suggested, Value::Null).await.at("contacts.nodes.0.suggestedUser.handle");
    for list in ["PERSONAL", "FOLLOWING"] {
        assert_eq!(get(&ann.clients[0], &format!("/contacts.vcf?list={list}&notes=true")).await.names().len(), 1);
    }
    let input = json!({ "emails": [{ "address": "ann@example.com" }] });
    ann.ask(UPDATE, json!({ "input": input })).await.at("updateProfile.user");
    statements.extend(app.statements());
    let reads = |sql: &str| ["SELECT", "DELETE", "UPDATE"].iter().any(|verb| sql.starts_with(verb));
    let mut explained = 0;
    for statement in statements.iter().filter(|statement| reads(&statement.sql)) {
        let plan = plans::explain(app.app(), statement, true).await;
        assert!(plans::scans(&plan).is_empty(), "{}\n{plan}", statement.sql);
        explained += 1;
    }
    assert!(explained >= 15, "{explained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_card_works_without_a_header_and_ends_with_its_holders_rights() {
    let app = TestApp::two().await;
    let jane = jane(&app).await;
    let (client, _) = accounts::sign_up(&app, "tom").await;
    let link = async |by: &Client| {
        let query = "query($id: ID!) { user(id: $id) { vCardUrl(version: V4_0) relationship { availableActions } } }";
        let answer = by.ask(query, json!({ "id": jane.id() })).await;
        assert!(answer.at("user.relationship.availableActions").to_string().contains("VCARD"), "{}", answer.body);
        answer.text("user.vCardUrl").to_owned()
    };
    let anonymous = app.anonymous();
    let path = link(&client).await;
    let card = get(&anonymous, &path).await;
    assert_eq!(card.status, 200);
    assert!(card.text.contains("VERSION:4.0") && card.text.contains("FN:Jane Doe"), "{}", card.text);
    assert_eq!(get(&anonymous, &path.replace("4.0", "3.0")).await.status, 401, "the link names its parameters");
    let (secret, id) =
        accounts::key(&client, json!({ "name": "x", "scopes": ["PROFILE_READ", "CONTACTS_READ"] })).await;
    let of_key = link(&Client::new(&client.url, Some(secret))).await;
    assert_eq!(get(&anonymous, &of_key).await.status, 200);
    let revoke = "mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { userErrors { code } } }";
    client.ask(revoke, json!({ "id": id })).await;
    assert_eq!(get(&anonymous, &of_key).await.status, 401);
    client.ask("mutation { signOut { outcome } }", Value::Null).await;
    crate::support::eventually("the session has ended", || async { get(&anonymous, &path).await.status == 401 }).await;
    for seconds in [9, 3_601] {
        let query = "query($id: ID!, $s: Int!) { user(id: $id) { vCardUrl(expiresInSeconds: $s) } }";
        assert_eq!(jane.ask(query, json!({ "id": jane.id(), "s": seconds })).await.code(), "BAD_USER_INPUT");
    }
}
