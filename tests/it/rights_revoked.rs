//! Tests of revoked rights: live connections end on every instance within two seconds.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use api::auth::{jwt, viewer::Scopes};

use crate::support::{
    Expected as _,
    accounts::{key, sign_up},
    app::TestApp,
    graphql::Client,
    live_connections::{WITHIN, all_end, follow_everywhere},
    socket::{INCOMING, Socket},
};

#[tokio::test(flavor = "multi_thread")]
async fn six_kinds_of_revocation_end_sockets_and_streams_on_every_instance() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let ann = app.person("ann").await;
    let token = |client: &Client| client.token.clone().expected("a token");

    let (jane, _) = sign_up(&app, "jane").await;
    let live = follow_everywhere(&app, &token(&jane)).await;
    jane.ask("mutation { signOut { outcome } }", Value::Null).await.at("signOut");
    all_end(&app, "sign-out", &token(&jane), live).await;

    let (kim, _) = sign_up(&app, "kim").await;
    let session = kim.ask("{ viewer { sessions { id } } }", Value::Null).await.text("viewer.sessions.0.id").to_owned();
    let live = follow_everywhere(&app, &token(&kim)).await;
    let revoke = format!("mutation {{ revokeSession(input: {{ sessionId: \"{session}\" }}) {{ outcome }} }}");
    kim.ask(&revoke, Value::Null).await.at("revokeSession");
    all_end(&app, "a revoked session", &token(&kim), live).await;

    let scopes = json!(["PROFILE_READ", "CONTACTS_READ"]);
    let (secret, id) = key(&ann.clients[0], json!({ "name": "x", "scopes": scopes })).await;
    let live = follow_everywhere(&app, &secret).await;
    let revoke = format!("mutation {{ revokeApiKey(input: {{ apiKeyId: \"{id}\" }}) {{ outcome }} }}");
    ann.ask(&revoke, Value::Null).await.at("revokeApiKey");
    all_end(&app, "a revoked key", &secret, live).await;

    let (lee, _) = sign_up(&app, "lee").await;
    let id = lee.ask("{ viewer { user { id } } }", Value::Null).await.text("viewer.user.id").to_owned();
    let live = follow_everywhere(&app, &token(&lee)).await;
    let suspend = format!("mutation {{ suspendUser(input: {{ userId: \"{id}\" }}) {{ outcome }} }}");
    ada.ask(&suspend, Value::Null).await.at("suspendUser");
    all_end(&app, "a suspension", &token(&lee), live).await;

    // Sockets wait by the machine's clock and check the expiry by the test's clock.
    let lifetime = Duration::from_secs(1);
    let short = jwt::issue(app.app(), ann.id, Scopes::all(), None, lifetime).expected("a token").text;
    let live = follow_everywhere(&app, &short).await;
    app.clock.advance(chrono::Duration::seconds(1));
    all_end(&app, "expiry", &short, live).await;

    // With fewer scopes the sockets close and can open again, but the subscriptions are refused.
    let (secret, id) = key(&ann.clients[0], json!({ "name": "y", "scopes": scopes })).await;
    let (sockets, streams) = follow_everywhere(&app, &secret).await;
    let narrow = format!(
        "mutation {{ updateApiKey(input: {{ apiKeyId: \"{id}\", scopes: [PROFILE_READ] }}) {{ apiKey {{ scopes }} }} }}"
    );
    let narrowed = ann.ask(&narrow, Value::Null).await;
    assert_eq!(narrowed.at("updateApiKey.apiKey.scopes"), &json!(["PROFILE_READ"]));
    for mut socket in sockets {
        assert_eq!(timeout(WITHIN, socket.hear()).await.expected("in time"), Err(4403));
    }
    for mut stream in streams {
        let ended = timeout(WITHIN, async { while stream.chunk().await.expected("more or the end").is_some() {} });
        ended.await.expected("in time");
    }
    for instance in &app.instances {
        let mut socket = Socket::open(&instance.url, Some(&secret)).await;
        socket.subscribe("1", INCOMING, json!({})).await;
        let refused = socket.hear().await.expected("an answer");
        assert!(refused.to_string().contains("FORBIDDEN"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_starts_later_refuses_revoked_tokens() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let (jane, _) = sign_up(&app, "jane").await;
    let (kim, _) = sign_up(&app, "kim").await;
    let id = kim.ask("{ viewer { user { id } } }", Value::Null).await.text("viewer.user.id").to_owned();
    jane.ask("mutation { signOut { outcome } }", Value::Null).await.at("signOut");
    let suspend = format!("mutation {{ suspendUser(input: {{ userId: \"{id}\" }}) {{ outcome }} }}");
    ada.ask(&suspend, Value::Null).await.at("suspendUser");
    let later = crate::support::app::Instance::start(&app.database, &app.clock, &[], None).await;
    for client in [jane, kim] {
        let client = Client::new(&later.url, client.token);
        assert_eq!(client.ask("{ viewer { scopes } }", Value::Null).await.status, 401);
    }
    assert_eq!(
        Client::new(&later.url, Some(ada.token.clone())).ask("{ viewer { scopes } }", Value::Null).await.status,
        200
    );
}
