//! Tests of monitoring: traces, and the absence of secrets in all outputs.

use std::sync::Arc;

use axum::{Router, body::Bytes, extract::State, routing::post};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{Expected as _, database::TestDatabase, graphql::Client, process::Server, socket::Socket};

/// Starts an OTLP collector that keeps the received spans.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = async |State(kept): State<Arc<Mutex<Vec<u8>>>>, body: Bytes| {
        kept.lock().extend_from_slice(&body);
    };
    let router = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&kept));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expected("a port");
    let url = format!("http://{}", listener.local_addr().expected("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_sends_a_span_to_the_configured_collector() {
    let (url, kept) = collector().await;
    let database = TestDatabase::new().await;
    let mut server = Server::start(&database, &[("RAPPORT_OTLP_ENDPOINT", &url)]);
    let client = Client::new(&server.url, None);
    client.ask("query Whoami { __typename }", Value::Null).await.at("__typename");
    let stopped = tokio::task::spawn_blocking(move || server.stop()).await.expected("a stop");
    assert_eq!(stopped, Some(0));
    let sent = kept.lock().clone();
    let sent = String::from_utf8_lossy(&sent);
    for part in ["rapport", "Whoami", "graphql.operation.kind", "graphql.cost"] {
        assert!(sent.contains(part), "no {part} in the spans");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_log_no_answer_no_metric_and_no_table() {
    let (collected, spans) = collector().await;
    let database = TestDatabase::new().await;
    let signing = "a-signing-key-that-nobody-may-ever-see";
    let settings = [
        ("RAPPORT_LOG", "trace"),
        ("RAPPORT_JWT_SECRET", signing),
        ("RAPPORT_OTLP_ENDPOINT", collected.as_str()),
        ("RAPPORT_DEMO", "false"),
    ];
    let mut server = Server::start(&database, &settings);
    let anonymous = Client::new(&server.url, None);
    let password = "a-password-that-nobody-may-ever-see";
    let sign_up = "mutation SignUp($input: SignUpInput!) { signUp(input: $input) { accessToken refreshToken } }";
    let input = json!({ "handle": "jane", "password": password, "displayName": "Jane" });
    let signed_up = anonymous.ask(sign_up, json!({ "input": input })).await;
    let token = signed_up.text("signUp.accessToken").to_owned();
    let refresh_token = signed_up.text("signUp.refreshToken").to_owned();
    // The password is part of the document, secrets have wrong types, and a handle is taken.
    let inline =
        format!("mutation {{ signIn(input: {{ handle: \"jane\", password: \"{password}\" }}) {{ user {{ id }} }} }}");
    anonymous.ask(&inline, Value::Null).await.at("signIn.user.id");
    let mut answers = vec![
        anonymous.ask(sign_up, json!({ "input": { "handle": 7, "password": password } })).await.body,
        anonymous
            .ask(sign_up, json!({ "input": { "handle": "jane", "password": password, "displayName": "J" } }))
            .await
            .body,
        anonymous.ask(&inline.replace("handle", "hande"), Value::Null).await.body,
    ];
    let jane = Client::new(&server.url, Some(token.clone()));
    let create = "mutation { createApiKey(input: { name: \"x\", scopes: [PROFILE_READ, CONTACTS_READ] }) { secret } }";
    let key = jane.ask(create, Value::Null).await.text("createApiKey.secret").to_owned();
    let mut socket = Socket::open(&server.url, Some(&key)).await;
    socket.follow(None).await;
    let damaged = format!("{key}x");
    answers.push(Client::new(&server.url, Some(damaged)).ask("{ viewer { scopes } }", Value::Null).await.body);
    let refresh =
        format!("mutation {{ refreshSession(input: {{ refreshToken: \"{refresh_token}\" }}) {{ refreshToken }} }}");
    let next = anonymous.ask(&refresh, Value::Null).await.text("refreshSession.refreshToken").to_owned();
    answers
        .push(jane.ask("{ viewer { sessions { id userAgent } } apiKeys { id prefix name } }", Value::Null).await.body);
    let metrics =
        reqwest::get(format!("{}/metrics", server.url)).await.expected("metrics").text().await.expected("text");
    let tables = database.dump().await;
    let log = server.log();
    let stopped = tokio::task::spawn_blocking(move || server.stop()).await.expected("a stop");
    assert_eq!(stopped, Some(0));
    let spans = spans.lock().clone();
    let log = log.lock().clone();
    assert!(!log.is_empty() && !spans.is_empty() && tables.contains("jane"));
    let hidden = key.split_once('.').expected("two parts").1.to_owned();
    for secret in [password, signing, &token, &refresh_token, &next, &key, &hidden] {
        for (place, text) in [
            ("log", log.as_str()),
            ("spans", &String::from_utf8_lossy(&spans)),
            ("answers", &answers.iter().map(Value::to_string).collect::<String>()),
            ("metrics", &metrics),
            ("tables", &tables),
        ] {
            if let Some(at) = text.find(secret) {
                panic!("{place}: {}", &text[at.saturating_sub(200)..(at + 10).min(text.len())]);
            }
        }
    }
}
