//! Tests of the HTTP server: GraphQL over HTTP, server-sent events, compression, limits of operations, metrics and
//! errors.

use serde_json::{Value, json};

use sqlx::Connection as _;

use crate::support::{Expected as _, app::TestApp, eventually, graphql::Answer, socket::Socket};

const WS: Option<&str> = Some("graphql-transport-ws");

#[tokio::test(flavor = "multi_thread")]
async fn no_request_without_a_preflight_changes_anything() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let url = format!("{}/graphql", app.instances[0].url);
    let http = reqwest::Client::new();
    let mutation = format!("mutation {{ followUser(input: {{ userId: \"{}\" }}) {{ outcome }} }}", ben.id());
    let body = json!({ "query": mutation }).to_string();
    let form = format!("query={}", mutation.replace(' ', "+"));
    let multipart = format!(
        "--x\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{body}\r\n--x\r\n\
         content-disposition: form-data; name=\"map\"\r\n\r\n{{}}\r\n--x--\r\n"
    );
    // Each request carries the credentials that a page could add.
    let shapes = [
        (http.get(&url).query(&[("query", &mutation)]).header("accept", "application/json"), 405),
        (http.get(&url).query(&[("query", &mutation)]), 406),
        (http.get(&url).query(&[("query", &mutation)]).header("accept", "text/html, */*;q=0.8"), 406),
        (
            http.get(&url)
                .query(&[("query", &mutation)])
                .header("accept", "*/*, application/json")
                .header("content-type", "text/plain"),
            415,
        ),
        (http.post(&url).header("content-type", "text/plain").body(body.clone()), 415),
        (http.post(&url).header("content-type", "application/x-www-form-urlencoded").body(form), 415),
        (http.post(&url).header("content-type", "multipart/form-data; boundary=x").body(multipart), 415),
        (http.post(&url).body(body.clone()), 415),
        (http.post(&url).header("content-type", "application/json, text/plain").body(body.clone()), 415),
        (http.post(&url).header("content-type", "application/json; charset=utf-16").body(body.clone()), 415),
        (
            http.post(&url).header("content-type", "application/json; foo=\"a;b\"; charset=utf-16").body(body.clone()),
            415,
        ),
        (http.put(&url).header("content-type", "application/json").body(body), 405),
    ];
    for (number, (request, status)) in shapes.into_iter().enumerate() {
        let answer = request.bearer_auth(&ann.token).send().await.expected("an answer");
        assert_eq!(answer.status(), status, "shape {number}");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM relationship").await, 0);
    for kind in [
        r#"application/json; charset="ut\f-8""#,
        r#"application/json; foo="a;charset=latin1""#,
        r#"application/json; foo="\";charset=latin1"; charset=UTF-8"#,
    ] {
        let query = http.post(&url).header("content-type", kind).body("{\"query\":\"{ __typename }\"}");
        assert_eq!(query.send().await.expected("an answer").status(), 200, "{kind}");
    }
    let query = http.get(&url).query(&[("query", "{ __typename }")]).header("accept", "application/json");
    let query = query.send().await.expected("an answer");
    let answer: Value = query.json().await.expected("JSON");
    assert_eq!(answer, json!({ "data": { "__typename": "Query" }, "extensions": { "cost": { "requested": 1 } } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_sites_may_call_from_another_origin() {
    let site = "https://app.example";
    let app = TestApp::with(1, &[("RAPPORT_ALLOWED_ORIGINS", site)]).await;
    let ask = |origin: &'static str| {
        reqwest::Client::new()
            .request(reqwest::Method::OPTIONS, format!("{}/graphql", app.instances[0].url))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,authorization")
            .send()
    };
    let allowed = ask(site).await.expected("an answer");
    assert_eq!(allowed.headers()["access-control-allow-origin"], site);
    // A picture is put to its address.
    assert_eq!(allowed.headers()["access-control-allow-methods"], "GET,POST,PUT");
    let refused = ask("https://evil.example").await.expected("an answer");
    assert!(refused.headers().get("access-control-allow-origin").is_none());
    let url = &app.instances[0].url;
    assert!(Socket::raw(url, WS, Some(site)).await.is_ok());
    assert!(Socket::raw(url, WS, Some("https://evil.example")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_compressed_on_request_and_every_answer_has_an_id() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let ask = |query: &str| {
        reqwest::Client::new()
            .post(format!("{}/graphql", app.instances[0].url))
            .bearer_auth(&ann.token)
            .header("accept-encoding", "gzip")
            .json(&json!({ "query": query }))
            .send()
    };
    let long = ask("{ __schema { types { name description } } }").await.expected("an answer");
    assert_eq!(long.headers()["content-encoding"], "gzip");
    assert!(!long.headers()["x-request-id"].is_empty());
    let short = ask("{ __typename }").await.expected("an answer");
    assert!(short.headers().get("content-encoding").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_the_rate_limit_says_when_to_try_again() {
    let settings = [("RAPPORT_RATE_COST", "10"), ("RAPPORT_RATE_BURST", "1000"), ("RAPPORT_MAX_COST", "1000")];
    let app = TestApp::with(1, &settings).await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let page = "{ contacts(first: 90) { nodes { id displayName sortHeading } } }";
    let first = ann.ask(page, Value::Null).await;
    let cost = first.body["extensions"]["cost"].clone();
    assert_eq!((cost["limit"].as_u64(), cost["restoreRate"].as_u64()), (Some(1_000), Some(10)));
    assert_eq!(cost["requested"].as_u64().zip(cost["remaining"].as_u64()).map(|(a, b)| a + b), Some(1_000));
    let mut refused = first;
    for _ in 0..4 {
        refused = ann.ask(page, Value::Null).await;
    }
    assert_eq!((refused.status, refused.code()), (429, "RATE_LIMITED"));
    let wait = refused.body["errors"][0]["extensions"]["retryAfter"].as_i64().expected("a time");
    let mut socket = ann.socket(0).await;
    socket.subscribe("1", page, json!({})).await;
    let said = socket.hear().await.expected("an answer");
    assert_eq!((&said["type"], &said["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("RATE_LIMITED")));
    assert_eq!(ben.ask(page, Value::Null).await.status, 200, "each pays for themselves");
    app.clock.advance(chrono::Duration::seconds(wait));
    assert_eq!(ann.ask(page, Value::Null).await.status, 200);
    // An address above the limit of requests is refused before its body is read.
    let app = TestApp::with(1, &[("RAPPORT_RATE_REQUESTS", "5")]).await;
    let url = format!("{}/graphql", app.instances[0].url);
    let mut last = None;
    for _ in 0..21 {
        let request = reqwest::Client::new().post(&url).header("content-type", "application/json").body("{}");
        last = Some(request.send().await.expected("an answer"));
    }
    let last = last.expected("an answer");
    assert_eq!((last.status().as_u16(), last.headers().contains_key("retry-after")), (429, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_search_results_costs_extra_in_every_list() {
    let app = TestApp::with(1, &[("RAPPORT_RATE_COST", "100000")]).await;
    let ann = app.person("ann").await;
    let price = async |query: &str| {
        let answer = ann.ask(query, Value::Null).await;
        assert!(answer.body.get("errors").is_none(), "{query} {}", answer.body);
        answer.body["extensions"]["cost"]["requested"].as_u64().expected("a price")
    };
    for list in ["ALL", "CONNECTIONS", "FOLLOWERS", "PERSONAL"] {
        let of =
            |more: &str, selection: &str| format!("{{ contacts(first: 1, list: {list}{more}) {{ {selection} }} }}");
        assert!(price(&of(", search: \"an\"", "totalCount")).await > 1_000, "{list}");
        assert!(
            price(&of(", search: \"an\"", "...F } } fragment F on ContactConnection { ... { totalCount")).await > 1_000
        );
        assert!(price(&of("", "totalCount")).await < 100, "{list}");
        assert!(price(&of(", search: \"an\"", "nodes { id }")).await < 100, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_remaining_budget_can_be_queried() {
    let settings = [("RAPPORT_RATE_COST", "10"), ("RAPPORT_RATE_BURST", "1000"), ("RAPPORT_MAX_COST", "1000")];
    let app = TestApp::with(1, &settings).await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let left = "{ rateLimit { limit used remaining restoreRate fullAt } }";
    ann.ask("{ contacts(first: 90) { nodes { id displayName sortHeading } } }", Value::Null).await.at("contacts");
    let answer = ann.ask(left, Value::Null).await;
    let (limit, cost) = (answer.at("rateLimit"), &answer.body["extensions"]["cost"]);
    for name in ["limit", "remaining", "restoreRate"] {
        assert_eq!(limit[name], cost[name], "{name}");
    }
    let used = limit["used"].as_i64().expected("points");
    assert!(used > 90 && limit["remaining"] == 1_000 - used, "{limit}");
    let full = |answer: &Answer| {
        let text = answer.text("rateLimit.fullAt").to_owned();
        chrono::DateTime::parse_from_rfc3339(&text).expected("a time").to_utc() - app.clock.now()
    };
    // The answer has whole milliseconds.
    let wait = used * 100;
    assert!((wait - 1..=wait).contains(&full(&answer).num_milliseconds()));
    // The budget is full again at the announced time.
    app.clock.advance(full(&answer) + chrono::Duration::milliseconds(1));
    let again = ann.ask(left, Value::Null).await;
    let spent = again.body["extensions"]["cost"]["requested"].as_i64().expected("a cost");
    assert_eq!(again.at("rateLimit.used").as_i64(), Some(spent));
    assert_eq!(ben.ask(left, Value::Null).await.at("rateLimit.used").as_i64(), Some(spent), "each has their own");
    let without = TestApp::with(1, &[("RAPPORT_RATE_COST", "0")]).await;
    let answer = without.person("ann").await.ask(left, Value::Null).await;
    assert_eq!(answer.body["data"], json!({ "rateLimit": null }), "nothing is limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_errors_have_no_data_and_a_code() {
    let app = TestApp::new().await;
    let url = format!("{}/graphql", app.instances[0].url);
    let http = reqwest::Client::new();
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
async fn an_operation_that_costs_too_much_is_refused_before_it_runs() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    app.statements();
    let mut bomb = String::from("{ viewer { ...F0 } } ");
    for n in 0..60 {
        bomb.push_str(&format!("fragment F{n} on Viewer {{ ... {{ ...F{0} }} ... {{ ...F{0} }} }} ", n + 1));
    }
    bomb.push_str("fragment F60 on Viewer { user { id } }");
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
    // No part of the failed call was stored.
    assert_eq!(app.database.number("SELECT count(*) FROM relationship").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_served_as_server_sent_events() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let url = format!("{}/graphql", app.instances[0].url);
    let query = json!({ "query": "subscription { incomingRequests { __typename ... on ConnectionRequestReceived { sequence } } }" });
    let request =
        reqwest::Client::new().post(&url).bearer_auth(&ben.token).header("accept", "text/event-stream").json(&query);
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
async fn metrics_count_operations_and_require_authorization() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    ann.ask("query Whoami { viewer { scopes } }", Value::Null).await;
    ann.ask("{ nothing }", Value::Null).await;
    let mut socket = ann.socket(0).await;
    socket.subscribe("1", "subscription Follow { incomingRequests { __typename } }", json!({})).await;
    socket.hear().await.expected("an event");
    let named = "rapport_operations_total{kind=\"query\",name=\"Whoami\",outcome=\"done\"} ";
    assert!((app.metric(named).await - 1.0).abs() < 0.1);
    assert!((app.metric("rapport_subscriptions{name=\"Follow\"} ").await - 1.0).abs() < 0.1);
    assert!((app.metric("rapport_sockets ").await - 1.0).abs() < 0.1);
    let secret = "a-token-for-metrics";
    let app = TestApp::with(1, &[("RAPPORT_METRICS_TOKEN", secret)]).await;
    let url = format!("{}/metrics", app.instances[0].url);
    let http = reqwest::Client::new();
    assert_eq!(http.get(&url).send().await.expected("an answer").status(), 404);
    assert_eq!(http.get(&url).bearer_auth("wrong").send().await.expected("an answer").status(), 404);
    assert_eq!(http.get(&url).bearer_auth(secret).send().await.expected("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_and_introspection_are_enabled_or_disabled_together() {
    let open = TestApp::new().await;
    let closed = TestApp::with(1, &[("RAPPORT_INTROSPECTION", "false")]).await;
    for path in ["/", "/graphiql/graphiql.js", "/schema.graphql"] {
        let get = |app: &TestApp| reqwest::get(format!("{}{path}", app.instances[0].url));
        let page = get(&open).await.expected("an answer");
        assert_eq!(page.status(), 200, "{path}");
        if path == "/" {
            let policy = page.headers()["content-security-policy"].to_str().expected("text");
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        }
        assert_eq!(get(&closed).await.expected("an answer").status(), 404, "{path}");
    }
    let answer = closed.anonymous().ask("{ __schema { types { name } } }", Value::Null).await;
    assert!(answer.body["data"]["__schema"].is_null(), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_takes_too_long_gets_a_timeout() {
    let app = TestApp::with(1, &[("RAPPORT_REQUEST_TIMEOUT", "100ms")]).await;
    if !app.database.is_postgres() {
        return;
    }
    let ann = app.person("ann").await;
    let mut locked = sqlx::PgConnection::connect(&app.database.url).await.expected("a connection");
    let mut tx = locked.begin().await.expected("a transaction");
    sqlx::query("LOCK TABLE \"user\" IN ACCESS EXCLUSIVE MODE").execute(&mut *tx).await.expected("a lock");
    let answer = ann.ask("{ viewer { user { handle } } }", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (503, "TIMEOUT"));
    let rename = "mutation { updateProfile(input: { title: \"Late\" }) { user { id } } }";
    let answer = ann.ask(rename, Value::Null).await;
    assert_eq!((answer.status, answer.code()), (503, "TIMEOUT"));
    tx.rollback().await.expected("let go");
    // The mutation ran to completion after its caller timed out.
    eventually("it is done", || async {
        let answer = ann.ask("{ viewer { user { title } } }", Value::Null).await;
        answer.body["data"]["viewer"]["user"]["title"] == "Late"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_refused_for_its_caller_has_no_data() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let few = app.limited(&ann, &[]);
    for query in [
        "{ viewer { scopes } }",
        "{ user(handle: \"ann\") { id } }",
        "mutation { revokeSession(input: { sessionId: \"x\" }) { outcome } }",
    ] {
        for (client, status, code) in [(&app.anonymous(), 401, "UNAUTHENTICATED"), (&few, 403, "FORBIDDEN")] {
            let answer = client.ask(query, Value::Null).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{query}");
            assert!(answer.body.get("data").is_none(), "{query}: {}", answer.body);
        }
    }
    // When another field succeeded, the answer has data.
    let both = app.anonymous().ask("{ __typename viewer { scopes } }", Value::Null).await;
    assert!(both.body.get("data").is_some(), "{}", both.body);
}
