//! Tests of validation: requests that the specification refuses are refused before anything runs, over HTTP,
//! server-sent events and WebSocket. Valid requests run. `tests/interop` compares many more with graphql-js.

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, person::Person};

/// The codes of requests that do not run.
const REFUSED: [&str; 3] = ["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"];

/// Returns the code with which every transport refuses a request. None when the request runs.
async fn refusal(person: &Person, document: &str, variables: &Value) -> Option<String> {
    let mut socket = person.socket(0).await;
    socket.subscribe("1", document, variables.clone()).await;
    let message = socket.hear().await.expected("an answer");
    let over_socket = (message["type"] == "error").then(|| message["payload"][0].clone());
    let answer = person.ask(document, variables.clone()).await;
    let over_http = answer.body.get("data").is_none().then(|| answer.body["errors"][0].clone());
    if !document.trim_start().starts_with("subscription") {
        assert_eq!(over_socket, over_http, "{document} {variables}");
    }
    let streamed = reqwest::Client::new()
        .post(format!("{}/graphql", person.clients[0].url))
        .header("accept", "text/event-stream")
        .bearer_auth(&person.token)
        .json(&json!({ "query": document, "variables": variables }))
        .send()
        .await
        .expected("an answer");
    assert_eq!(streamed.headers()["content-type"], "text/event-stream", "{document} {variables}");
    if let Some(refused) = &over_socket {
        let events = streamed.text().await.expected("events");
        let told = events.strip_prefix("event: next\ndata: ").and_then(|rest| rest.split_once("\n\nevent: complete\n"));
        let told: Value = serde_json::from_str(told.expected("two events").0).expected("JSON");
        assert_eq!((told.get("data"), &told["errors"][0]), (None, refused), "{document} {variables}");
    }
    let code = over_socket.as_ref().map(|error| error["extensions"]["code"].as_str().unwrap_or_default().to_owned());
    assert!(code.as_deref().is_none_or(|code| REFUSED.contains(&code)), "{document}: {over_socket:?}");
    code
}

#[track_caller]
fn check(document: &str, variables: &Value, refused: Option<&str>, right: &str) {
    if right == "runs" {
        assert_eq!(refused, None, "{document} {variables} should run");
    } else {
        assert_eq!(refused, Some(right), "{document} {variables}");
    }
}

async fn all(requests: &[(&str, Value, &str)]) {
    let app = TestApp::new().await;
    let ann = app.admin("ann").await;
    for (document, variables, right) in requests {
        let refused = refusal(&ann, document, variables).await;
        check(document, variables, refused.as_deref(), right);
    }
}

const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
const WRONG: &str = "BAD_USER_INPUT";
const UNREADABLE: &str = "GRAPHQL_PARSE_FAILED";
const RUNS: &str = "runs";

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_null_required_variable_refuses_the_request() {
    let mute = "mutation($u: ID!, $t: DateTime!) { muteUser(input: { userId: $u, until: $t }) { outcome } }";
    let state = "mutation($a: ID!) { setAgentState(input: { agentId: $a, state: AVAILABLE }) { userErrors { code } } }";
    let first = "query($a: Int!) { contacts(first: $a) { totalCount } }";
    let preset = "query($a: Int! = 1) { contacts(first: $a) { totalCount } }";
    all(&[
        (first, json!({}), WRONG),
        (first, json!({ "a": null }), WRONG),
        (first, json!({ "b": 1 }), WRONG),
        (first, json!({ "a": 2_147_483_648_i64 }), WRONG),
        (first, json!({ "a": 1e10 }), WRONG),
        (first, json!({ "a": 1 }), RUNS),
        (preset, json!({ "a": null }), WRONG),
        (preset, json!({}), RUNS),
        (mute, json!({ "u": "x" }), WRONG),
        (mute, json!({ "u": "x", "t": "tomorrow" }), WRONG),
        (mute, json!({ "u": "x", "t": "2030-02-30T00:00:00Z" }), WRONG),
        (mute, json!({ "u": "x", "t": "2030-13-01T00:00:00Z" }), WRONG),
        (mute, json!({ "u": "x", "t": 1_900_000_000 }), WRONG),
        (mute, json!({ "t": "2030-02-20T00:00:00Z" }), WRONG),
        (mute, json!({ "u": "x", "t": "2030-02-20T00:00:00Z" }), RUNS),
        (state, json!({}), WRONG),
        ("mutation($u: ID!) { deactivateAccount(input: { userId: $u, password: \"x\" }) { userErrors { code } } }", json!({}), WRONG),
        ("mutation($u: ID!) { signOut @include(if: true) { outcome } noteOf: saveNote(input: { userId: $u, text: \"a\" }) { userErrors { code } } }", json!({}), WRONG),
        ("subscription($c: ID!) { conversationEvents(conversationId: $c) { __typename } }", json!({}), WRONG),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", json!({ "i": [null] }), WRONG),
        ("query($l: ContactList! = ALL) { contacts(first: 1, list: $l) { totalCount } }", json!({ "l": null }), WRONG),
        ("query($l: ContactList! = ALL) { contacts(first: 1, list: $l) { totalCount } }", json!({}), RUNS),
        ("query($i: [ID!]! = [\"x\"]) { nodes(ids: $i) { id } }", json!({ "i": null }), WRONG),
        ("query($y: Boolean! = true) { __typename @include(if: $y) }", json!({ "y": null }), WRONG),
        ("mutation($s: [Scope!]!) { createApiKey(input: { name: \"x\", scopes: $s }) { userErrors { code } } }", json!({}), WRONG),
        ("mutation($i: PostStatusInput!) { postStatus(input: $i) { userErrors { code } } }", json!({ "i": { "audience": "EVERYONE" } }), WRONG),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_operation_changes_nothing() {
    let app = TestApp::new().await;
    let ann = app.admin("ann").await;
    let document =
        "mutation($u: ID!) { deactivateAccount(input: { userId: $u, password: \"x\" }) { userErrors { code } } }";
    assert_eq!(refusal(&ann, document, &json!({})).await.as_deref(), Some(WRONG));
    for (document, untouched) in [
        (
            "mutation($a: ID!) { setAgentState(input: { agentId: $a, state: AVAILABLE }) { userErrors { code } } }",
            "SELECT count(*) FROM agent WHERE state = 2",
        ),
        (
            "mutation($s: [Scope!]!) { createApiKey(input: { name: \"x\", scopes: $s }) { userErrors { code } } }",
            "SELECT count(*) FROM api_key",
        ),
        (
            "mutation($t: String!) { postStatus(input: { text: \"Hello\" }) { userErrors { code } } \
             second: postStatus(input: { text: $t }) { userErrors { code } } }",
            "SELECT count(*) FROM activity",
        ),
    ] {
        assert_eq!(refusal(&ann, document, &json!({})).await.as_deref(), Some(WRONG), "{document}");
        assert_eq!(app.database.number(untouched).await, 0, "{document}");
    }
    assert_eq!(ann.ask("{ viewer { user { handle } } }", Value::Null).await.text("viewer.user.handle"), "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_argument_with_an_omitted_variable_takes_its_default() {
    let list = "query($l: ContactList) { contacts(first: 1, list: $l) { totalCount } }";
    all(&[
        (list, json!({}), RUNS),
        (list, json!({ "l": "FOLLOWERS" }), RUNS),
        ("query($o: ContactOrder) { contacts(first: 1, orderBy: $o) { totalCount } }", json!({}), RUNS),
        ("query($o: NotificationOrder) { notifications(first: 1, orderBy: $o) { totalCount } }", json!({}), RUNS),
        ("query($s: FeedScope) { activityFeed(first: 1, scope: $s) { nodes { id } } }", json!({}), RUNS),
        ("query($a: Boolean) { queues(first: 1, includeArchived: $a) { nodes { id } } }", json!({}), RUNS),
        ("mutation($f: Boolean) { muteUser(input: { userId: \"x\", feed: $f }) { userErrors { code } } }", json!({}), RUNS),
        ("mutation($a: ActivityAudience) { postStatus(input: { text: \"Hello\", audience: $a }) { userErrors { code } } }", json!({}), RUNS),
        ("query($l: ContactList!) { contacts(first: 1, list: $l) { totalCount } }", json!({}), WRONG),
    ])
    .await;
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    // The field itself refuses null, because the specification lets an explicit null override a default.
    let answer = ann.ask(list, json!({ "l": null })).await;
    assert_eq!((answer.code(), &answer.body["data"]), (WRONG, &json!({ "contacts": null })));
    assert_eq!(answer.body["errors"][0]["path"], json!(["contacts"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn directives_are_checked_and_their_variables_count_as_used() {
    let include = "query($a: Boolean!) { __typename @include(if: $a) }";
    all(&[
        (include, json!({ "a": true }), RUNS),
        (include, json!({ "a": false }), RUNS),
        (include, json!({}), WRONG),
        ("query($a: Boolean = true) { __typename @skip(if: $a) }", json!({ "a": null }), WRONG),
        ("query($a: Boolean = false) { viewer { scopes @include(if: $a) } }", json!({ "a": null }), WRONG),
        ("mutation($a: Boolean = true) { signOut @skip(if: $a) { outcome } }", json!({ "a": null }), WRONG),
        ("query($a: Boolean = true) { __typename @include(if: $a) }", json!({}), RUNS),
        ("query($a: Boolean!) { ... @skip(if: $a) { __typename } }", json!({ "a": true }), RUNS),
        ("query($a: Boolean!) { ...F @skip(if: $a) } fragment F on Query { __typename }", json!({ "a": true }), RUNS),
        ("{ __typename @foo }", json!({}), INVALID),
        ("query @foo { __typename }", json!({}), INVALID),
        ("{ __typename @include }", json!({}), INVALID),
        ("{ __typename @include(if: 1) }", json!({}), INVALID),
        ("{ __typename @skip(unless: true) }", json!({}), INVALID),
        ("{ __typename @deprecated }", json!({}), INVALID),
        ("{ ... @bar { __typename } }", json!({}), INVALID),
        ("{ ...F } fragment F on Query @nope { __typename }", json!({}), INVALID),
        ("{ __typename @skip }", json!({}), INVALID),
        ("{ ... @include { __typename } }", json!({}), INVALID),
        ("{ __typename @skip(if: \"false\") }", json!({}), INVALID),
        ("{ __typename @include(if: ENABLED) }", json!({}), INVALID),
        ("mutation($u: ID! @nope) { followUser(input: { userId: $u }) { outcome } }", json!({ "u": "x" }), INVALID),
        ("query($a: Int @deprecated) { contacts(first: $a) { totalCount } }", json!({}), INVALID),
        ("query($a: Int @foo) { contacts(first: $a) { totalCount } }", json!({}), INVALID),
    ])
    .await;
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let both = "query($a: Boolean!) { viewer { scopes @include(if: $a) user @skip(if: $a) { id } } }";
    let yes = ann.ask(both, json!({ "a": true })).await;
    assert!(yes.at("viewer.scopes").is_array() && yes.body["data"]["viewer"].get("user").is_none());
    let no = ann.ask(both, json!({ "a": false })).await;
    assert!(no.at("viewer.user").is_object() && no.body["data"]["viewer"].get("scopes").is_none());
    let nothing = ann.ask("{ viewer { user @skip(if: true) { id } } }", Value::Null).await;
    assert_eq!(nothing.at("viewer"), &json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_must_match_their_types() {
    let read = "mutation($n: Int!) { markConversationRead(input: { conversationId: \"x\", upToSequence: $n }) { userErrors { code } } }";
    let preset = "query($l: ContactList = \"ALL\") { contacts(first: 1, list: $l) { totalCount } }";
    all(&[
        ("mutation { markConversationRead(input: { conversationId: \"x\", upToSequence: 3000000000 }) { userErrors { code } } }", json!({}), INVALID),
        (read, json!({ "n": 3_000_000_000_i64 }), WRONG),
        (read, json!({ "n": -2_147_483_649_i64 }), WRONG),
        (read, json!({ "n": 1.5 }), WRONG),
        (read, json!({ "n": 2.0 }), RUNS),
        ("{ contacts(first: 2147483648) { totalCount } }", json!({}), INVALID),
        ("{ contacts(first: -2147483649) { totalCount } }", json!({}), INVALID),
        ("query($n: Int = 3000000000) { contacts(first: $n) { totalCount } }", json!({ "n": 1 }), INVALID),
        ("{ contacts(first: 1, list: \"ALL\") { totalCount } }", json!({}), INVALID),
        ("{ contacts(first: 1, list: all) { totalCount } }", json!({}), INVALID),
        ("{ contacts(first: 1, orderBy: \"NAME\") { totalCount } }", json!({}), INVALID),
        (preset, json!({}), INVALID),
        ("query($o: ContactOrder = \"NAME\") { contacts(first: 1, orderBy: $o) { totalCount } }", json!({}), INVALID),
        ("query($k: NotificationKind = \"MESSAGE\") { notifications(first: 1, kind: $k) { totalCount } }", json!({}), INVALID),
        ("{ conversations(first: 1, filter: { channels: \"SMS\" }) { totalCount } }", json!({}), INVALID),
        ("mutation { createApiKey(input: { name: \"x\", scopes: [\"PROFILE_READ\"] }) { userErrors { code } } }", json!({}), INVALID),
        ("{ contacts(first: 1, search: ALL) { totalCount } }", json!({}), INVALID),
        ("mutation { muteUser(input: { userId: \"x\", until: \"never\" }) { outcome } }", json!({}), INVALID),
        ("{ node(id: 5) { id } }", json!({}), RUNS),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_used_only_where_their_type_is_allowed() {
    all(&[
        ("query($a: ID) { node(id: $a) { id } }", json!({ "a": "x" }), INVALID),
        ("query($a: ID!) { nodes(ids: $a) { id } }", json!({ "a": "x" }), INVALID),
        ("query($a: [ID]!) { nodes(ids: $a) { id } }", json!({ "a": ["x"] }), INVALID),
        ("query($a: ID) { nodes(ids: [$a]) { id } }", json!({ "a": "x" }), INVALID),
        ("query($a: ID) { queue(id: $a) { id } }", json!({ "a": "x" }), INVALID),
        ("query($a: ID) { vCard(userIds: [$a]) { text } }", json!({ "a": "x" }), INVALID),
        ("query($a: ID!) { vCard(userIds: $a) { text } }", json!({ "a": "x" }), INVALID),
        ("query($a: [ID]!) { vCard(userIds: $a) { text } }", json!({ "a": ["x"] }), INVALID),
        ("mutation($a: ID!) { updateContacts(input: { action: FOLLOW, userIds: $a }) { userErrors { code } } }", json!({ "a": "x" }), INVALID),
        ("mutation($a: ID) { updateContacts(input: { action: FOLLOW, userIds: [\"y\", $a] }) { userErrors { code } } }", json!({ "a": "x" }), INVALID),
        ("mutation($s: [Scope]!) { createApiKey(input: { name: \"x\", scopes: $s }) { userErrors { code } } }", json!({ "s": ["PROFILE_READ"] }), INVALID),
        ("query($a: ID!) { nodes(ids: [$a]) { id } }", json!({ "a": "x" }), RUNS),
        ("query($a: [ID!]!) { nodes(ids: $a) { id } }", json!({ "a": "x" }), RUNS),
        ("query($a: String!) { node(id: $a) { id } }", json!({ "a": "x" }), INVALID),
        ("mutation($a: ID) { followUser(input: { userId: $a }) { outcome } }", json!({ "a": "x" }), INVALID),
        ("query($a: Int = null) { contacts(first: $a) { totalCount } }", json!({}), RUNS),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_unique() {
    all(&[
        ("mutation { followUser(input: { userId: \"a\", userId: \"b\" }) { outcome } }", json!({}), INVALID),
        ("mutation { muteUser(input: { userId: \"a\", feed: true, feed: false }) { outcome } }", json!({}), INVALID),
        ("{ conversations(first: 1, filter: { channels: SMS, channels: SMS }) { totalCount } }", json!({}), INVALID),
        ("mutation { savePersonalContact(input: { displayName: \"x\", emails: [{ address: \"a@x.org\", address: \"b@x.org\" }] }) { outcome } }", json!({}), INVALID),
        ("query($f: ConversationFilter = { mine: true, mine: false }) { conversations(first: 1, filter: $f) { totalCount } }", json!({}), INVALID),
        ("{ contacts(first: 1, first: 1) { totalCount } }", json!({}), INVALID),
        (
            "{ contacts(first: 1) { nodes { ...on User { x: handle } ...on PersonalContact { x: createdAt } } } }",
            json!({}),
            INVALID,
        ),
        ("{ node(id: \"x\") { ...on User { x: handle } ...on Message { x: sequence } } }", json!({}), INVALID),
        ("{ contacts(first: 1) { nodes { ...on User { x: avatarUrl } ...on PersonalContact { x: displayName } } } }", json!({}), INVALID),
        ("{ contacts(first: 1) { nodes { ...on User { x: emails { address } } ...on PersonalContact { x: displayName } } } }", json!({}), INVALID),
        ("{ contacts(first: 1) { nodes { ...on User { x: handle } ...on PersonalContact { x: displayName } } } }", json!({}), RUNS),
        ("{ viewer { user { x: id } user { x: handle } } }", json!({}), INVALID),
        ("{ contacts(first: 1) { totalCount } contacts(first: 2) { totalCount } }", json!({}), INVALID),
        ("{ contacts(first: 1) { totalCount } contacts(first: 1) { nodes { id } } }", json!({}), RUNS),
        ("subscription { incomingRequests { __typename } notifications { __typename } }", json!({}), INVALID),
        ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", json!({}), INVALID),
        ("subscription { a: notifications { __typename } b: notifications { __typename } }", json!({}), INVALID),
        ("subscription { ...F } fragment F on Subscription { incomingRequests { __typename } contacts { __typename } }", json!({}), INVALID),
        ("{ ...F } fragment F on Query { ...F }", json!({}), INVALID),
        ("{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...C } fragment C on Viewer { ...A }", json!({}), INVALID),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_must_match_the_grammar() {
    all(&[
        ("query() { __typename }", json!({}), UNREADABLE),
        ("{ contacts() { totalCount } }", json!({}), UNREADABLE),
        ("{ ...on } fragment on on Query { __typename }", json!({}), UNREADABLE),
        ("query Q() { __typename }", json!({}), UNREADABLE),
        ("mutation() { signOut { outcome } }", json!({}), UNREADABLE),
        ("{ viewer { ...on } } fragment on on Viewer { scopes }", json!({}), UNREADABLE),
        ("mutation { ...on } fragment on on Mutation { signOut { outcome } }", json!({}), UNREADABLE),
        ("{ viewer { user {} } }", json!({}), INVALID),
        ("\"What it is for\" query Q { __typename }", json!({}), RUNS),
        ("{ ...F } \"\"\"\nWhat it is for\n\"\"\" fragment F on Query { __typename }", json!({}), RUNS),
        ("query(\"whose\" $h: String) { user(handle: $h) { id } }", json!({ "h": "x" }), RUNS),
        ("{ contacts(search: \"\\u{110000}\") { totalCount } }", json!({}), UNREADABLE),
        ("{ contacts(search: \"\\u{D83D}\") { totalCount } }", json!({}), UNREADABLE),
        ("{ contacts(search: \"\\uD83D\") { totalCount } }", json!({}), UNREADABLE),
        ("{ contacts(search: \"\\uDE00\\uD83D\") { totalCount } }", json!({}), UNREADABLE),
        ("{ contacts(search: \"\\uD83D\\u0041\") { totalCount } }", json!({}), UNREADABLE),
        ("{ contacts(search: \"\\u0000\") { totalCount } }", json!({}), INVALID),
        ("{ contacts(search: \"a\\u{0}b\") { totalCount } }", json!({}), INVALID),
        ("subscription { incomingRequests(after: \"\\u0000\") { __typename } }", json!({}), INVALID),
    ])
    .await;
    let app = TestApp::new().await;
    let ann = app.person_with("ann", "Ann 😀 Roe", api::auth::viewer::Scopes::all()).await;
    for smile in ["😀", "\\uD83D\\uDE00", "\\u{1F600}", "\\u{01f600}"] {
        let answer = ann.ask(&format!("{{ contacts(search: \"{smile}\") {{ totalCount }} }}"), Value::Null).await;
        assert_eq!(answer.at("contacts.totalCount"), 1, "{smile}");
    }
    app.person_with("ben", "\u{20bb7}\u{7530} \u{1f44d}", api::auth::viewer::Scopes::all()).await;
    for letter in ["\u{20bb7}", "\\uD842\\uDFB7", "\\u{20BB7}", "\u{1f44d}", "\\uD83D\\uDC4D", "\\u{1F44d}"] {
        let answer = ann.ask(&format!("{{ contacts(search: \"{letter}\") {{ totalCount }} }}"), Value::Null).await;
        assert_eq!(answer.at("contacts.totalCount"), 1, "{letter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_with_one_name_are_merged_into_one() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    // Each selection adds a part. A mutation that is selected twice under one name runs once.
    let twice = "mutation { postStatus(input: { text: \"Once\" }) { activity { id } } ...F } \
                 fragment F on Mutation { postStatus(input: { text: \"Once\" }) { userErrors { code } } }";
    let answer = ann.ask(twice, Value::Null).await;
    assert!(answer.at("postStatus.activity.id").is_string() && answer.at("postStatus.userErrors").is_array());
    let feed = ann.ask("{ activityFeed(first: 5, scope: ME) { nodes { id } } }", Value::Null).await;
    assert_eq!(feed.at("activityFeed.nodes").as_array().map(Vec::len), Some(1));
    let merged = ann.ask("{ viewer { user { id } } viewer { user { handle } scopes } }", Value::Null).await;
    assert!(merged.at("viewer.user.id").is_string() && merged.at("viewer.scopes").is_array());
    assert_eq!(merged.text("viewer.user.handle"), "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_introspection_is_refused_and_typename_is_not() {
    let app = TestApp::with(1, &[("RAPPORT_INTROSPECTION", "false")]).await;
    let ann = app.person("ann").await;
    for document in [
        "{ __schema { queryType { name } } }",
        "{ __type(name: \"User\") { name } }",
        "{ ...F } fragment F on Query { ... { __schema { queryType { name } } } }",
    ] {
        assert_eq!(refusal(&ann, document, &Value::Null).await.as_deref(), Some(INVALID), "{document}");
    }
    assert_eq!(ann.ask("{ __typename }", Value::Null).await.text("__typename"), "Query");
}
