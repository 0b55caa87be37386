//! The doors: HTTP, server-sent events, sockets, and the limits of an operation.

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, socket::Socket};

const WS: Option<&str> = Some("graphql-transport-ws");

#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_web_page_can_send_without_asking_changes_anything() {
    let app = TestApp::new().await;
    let url = format!("{}/graphql", app.instances[0].url);
    let http = crate::support::http();
    let mutation = "mutation { signUp(input: { handle: \"mallory\", password: \"correct horse\", displayName: \"M\" }) { user { id } } }";
    let body = json!({ "query": mutation }).to_string();
    let get = http.get(&url).query(&[("query", mutation)]).send().await.expected("an answer");
    assert_eq!(get.status(), 405);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let answer =
            http.post(&url).header("content-type", content_type).body(body.clone()).send().await.expected("an answer");
        assert_eq!(answer.status(), 415, "{content_type}");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM \"user\"").await, 0);
    let query = http.get(&url).query(&[("query", "{ __typename }")]).send().await.expected("an answer");
    let answer: Value = query.json().await.expected("JSON");
    assert_eq!(answer, json!({ "data": { "__typename": "Query" }, "extensions": { "cost": { "requested": 1 } } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn request_errors_have_no_data_and_a_code() {
    let app = TestApp::new().await;
    let url = format!("{}/graphql", app.instances[0].url);
    let http = crate::support::http();
    for (body, code) in [
        ("{", "BAD_REQUEST"),
        ("[]", "BAD_REQUEST"),
        ("{\"query\": 1}", "BAD_REQUEST"),
        ("{\"query\": \"{\"}", "GRAPHQL_PARSE_FAILED"),
        ("{\"query\": \"{ nothing }\"}", "GRAPHQL_VALIDATION_FAILED"),
        ("{\"query\": \"query A { __typename } query B { __typename }\"}", "BAD_REQUEST"),
        ("{\"query\": \"query A { __typename }\", \"operationName\": \"B\"}", "BAD_REQUEST"),
    ] {
        let request = http
            .post(&url)
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json");
        let answer = request.body(body).send().await.expected("an answer");
        assert_eq!(answer.status(), 400, "{body}");
        assert_eq!(answer.headers()["content-type"], "application/graphql-response+json; charset=utf-8");
        let answer: Value = answer.json().await.expected("JSON");
        assert!(answer.get("data").is_none(), "{answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_costs_too_much_is_refused_before_it_runs() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    app.statements();
    let mut bomb = String::from("{ ...F0 } ");
    for n in 0..60 {
        bomb.push_str(&format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1));
    }
    bomb.push_str("fragment F60 on Query { viewer { user { id } } }");
    let page = "contacts(first: 100) { nodes { ... on User { followers(first: 100) { nodes { followers(first: 100) { nodes { id } } } } } } }";
    let deep = format!("{{ viewer {{ user {{ {} id {} }} }} }}", "followers { nodes { ".repeat(20), "} }".repeat(20));
    for query in [bomb, format!("{{ {page} }}"), deep, "{".repeat(50_000), "[".repeat(50_000)] {
        let answer = ann.ask(&query, Value::Null).await;
        assert_eq!(answer.code(), "LIMIT_EXCEEDED", "{}", &query[..query.len().min(80)]);
        assert!(answer.body.to_string().len() < 4_096);
    }
    assert!(app.statements().is_empty());
    let long = format!("{{ viewer {{ scopes }} }} # {}", "x".repeat(300_000));
    let answer = ann.ask(&long, Value::Null).await;
    assert_eq!((answer.status, answer.code()), (413, "LIMIT_EXCEEDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_show_neither_sql_nor_secrets() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    app.database
        .run(if app.database.is_postgres() { "DROP TABLE contact CASCADE" } else { "DROP TABLE contact" })
        .await;
    let query = "mutation($id: ID!) { followUser(input: { userId: $id }) { outcome } }";
    for answer in [
        ann.ask(query, json!({ "id": ben.id() })).await,
        ann.ask("{ contacts(list: FOLLOWING) { nodes { id } } }", Value::Null).await,
    ] {
        assert_eq!(answer.code(), "INTERNAL");
        assert_eq!(answer.body["errors"][0]["message"], "Something went wrong on our side.");
    }
    // Nothing was half done.
    assert_eq!(app.database.number("SELECT count(*) FROM relationship").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_served_as_server_sent_events() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let url = format!("{}/graphql", app.instances[0].url);
    let query = json!({ "query": "subscription { incomingRequests { __typename ... on ConnectionRequestReceived { sequence } } }" });
    let request =
        crate::support::http().post(&url).bearer_auth(&ben.token).header("accept", "text/event-stream").json(&query);
    let mut answer = request.send().await.expected("an answer");
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let mut asked = false;
    while !text.contains("\"sequence\":1") {
        let chunk = answer.chunk().await.expected("more").expected("more");
        text.push_str(&String::from_utf8_lossy(&chunk));
        if text.contains("SubscriptionStarted") && !asked {
            ann.asks(&ben).await;
            asked = true;
        }
    }
    assert!(text.starts_with("event: next\ndata: {"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_the_protocol_is_closed_with_its_code() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let url = app.instances[0].url.clone();
    let init = json!({ "type": "connection_init" });
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ __typename }" } });

    let mut socket = Socket::raw(&url, Some("graphql-ws"), None).await;
    if let Ok(socket) = &mut socket {
        assert_eq!(socket.hear().await, Err(4406));
    }
    let mut socket = Socket::raw(&url, WS, None).await.expected("a socket");
    socket.say(&subscribe).await;
    assert_eq!(socket.hear().await, Err(4401));
    for malformed in ["", "{", "[]", "{\"type\":\"start\"}", "{\"type\":\"subscribe\"}"] {
        let mut socket = Socket::open(&url, None).await;
        socket.say_text(malformed).await;
        assert_eq!(socket.hear().await, Err(4400), "{malformed}");
    }
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
    // After the client's complete there is silence, also from the server.
    socket.follow(None).await;
    socket.say(&json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("q", "{ __typename }", json!({})).await;
    assert_eq!(socket.hear().await.expected("a message")["id"], "q");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shut_down_closes_sockets_so_that_clients_come_back() {
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
    let lifetime = std::time::Duration::from_secs(2);
    let token =
        api::auth::jwt::issue(app.app(), ann.id, api::auth::viewer::Scopes::all(), None, lifetime).expected("a token");
    let mut socket = Socket::open(&app.instances[0].url, Some(&token.text)).await;
    socket.follow(None).await;
    app.clock.advance(chrono::Duration::seconds(3));
    // Any turn of the socket looks at the clock.
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
