//! Tests of known networks of an account: how they become known, which limits they avoid, and when they are forgotten.

use std::collections::BTreeSet;

use api::accounts::retention;
use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::{next, sign_up},
    app::{Instance, TestApp},
    emails::{addresses, confirm, deliver, request, reset, token, with_mail},
    eventually,
    graphql::Client,
    plans,
};

const SIGN_IN: &str = include_str!("operations/places/sign_in.graphql");
const RESET: &str = include_str!("operations/places/reset.graphql");
const CHANGE: &str = include_str!("operations/places/change.graphql");
const PROXY: (&str, &str) = ("RAPPORT_TRUSTED_PROXIES", "1");
const TEN: (&str, &str) = ("RAPPORT_SIGN_IN_ATTEMPTS", "10");

/// Sends a request from an address that a trusted proxy names.
async fn ask_from(http: &reqwest::Client, url: &str, address: &str, query: &str, variables: Value) -> Value {
    let request = http.post(format!("{url}/graphql")).header("x-forwarded-for", address);
    let request = request.json(&json!({ "query": query, "variables": variables }));
    let answer: Value = request.send().await.expected("an answer").json().await.expected("JSON");
    answer["data"].clone()
}

/// Tries to sign in. Returns the payload.
async fn sign_in(instance: &Instance, address: &str, password: &str, shown: Option<&str>) -> Value {
    let input = json!({ "handle": "jane", "password": password, "refreshToken": shown });
    let answer = ask_from(&reqwest::Client::new(), &instance.url, address, SIGN_IN, json!({ "input": input })).await;
    answer["signIn"].clone()
}

fn code(answer: &Value) -> &str {
    answer["userErrors"][0]["code"].as_str().unwrap_or_default()
}

/// Tries wrong passwords for Jane from six networks on every instance, until unknown networks must wait.
async fn attack(app: &TestApp) {
    for instance in &app.instances {
        for number in 0..30 {
            let address = format!("10.9.{}.1", number % 6);
            assert_eq!(code(&sign_in(instance, &address, "wrong horse", None).await), "WRONG_PASSWORD", "{number}");
        }
    }
}

/// Signs up Jane and confirms her address.
async fn jane(app: &TestApp, server: &crate::support::smtp::MailServer) -> Client {
    let (jane, _) = sign_up(app, "jane").await;
    addresses(&jane, &["jane@example.org"]).await;
    confirm(app, server, &jane, "jane@example.org").await;
    jane
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reset_makes_its_network_known_on_every_instance() {
    let (app, server) = with_mail(&[PROXY, TEN]).await;
    jane(&app, &server).await;
    request(&app, "jane").await;
    let token = token(&deliver(&app, &server).await[0]);
    attack(&app).await;
    let here = "192.0.2.1";
    for instance in &app.instances {
        assert_eq!(code(&sign_in(instance, here, "correct horse", None).await), "TOO_MANY_ATTEMPTS");
    }
    let new = json!({ "token": token, "new": "battery staple" });
    let done = ask_from(&reqwest::Client::new(), &app.instances[0].url, here, RESET, new).await;
    assert_eq!(done["resetPassword"]["outcome"], "APPLIED");
    // Other networks are slowed down as before, and the attackers' networks are not known.
    for instance in app.instances.iter().rev() {
        for elsewhere in ["192.0.2.2", "10.9.0.1"] {
            let refused = sign_in(instance, elsewhere, "battery staple", None).await;
            assert_eq!(code(&refused), "TOO_MANY_ATTEMPTS", "{elsewhere}");
        }
    }
    assert_eq!(app.database.number("SELECT count(*) FROM refresh_token").await, 0, "no token comes of it");
    let last = app.instances.iter().next_back().expected("an instance");
    let signed_in = sign_in(last, here, "battery staple", None).await;
    assert_eq!(code(&signed_in), "");
    let jane = Client::new(&last.url, signed_in["accessToken"].as_str().map(str::to_owned));
    let sessions = jane.ask("{ viewer { sessions { current } } }", Value::Null).await;
    assert_eq!(sessions.at("viewer.sessions"), &json!([{ "current": true }]), "and no session that nobody began");
}

#[tokio::test(flavor = "multi_thread")]
async fn stolen_tokens_and_reset_passwords_make_no_network_known() {
    let (app, server) = with_mail(&[PROXY, TEN]).await;
    let first = &app.instances[0];
    jane(&app, &server).await;
    let shown = async |address: &str| {
        let answer = sign_in(first, address, "correct horse", None).await;
        answer["refreshToken"].as_str().expected("a token").to_owned()
    };
    let (good, stolen) = (shown("198.51.100.7").await, shown("203.0.113.1").await);
    // A token that is reused after its grace period ends its session.
    let (_, latest) = next(&app, &stolen).await.expected("a refresh");
    app.clock.advance(Duration::seconds(11));
    assert!(next(&app, &stolen).await.is_err());
    request(&app, "jane").await;
    let token = token(&deliver(&app, &server).await[0]);
    attack(&app).await;
    for (address, shown) in
        [("203.0.113.1", None), ("192.0.2.1", Some(&stolen)), ("192.0.2.2", Some(&latest)), ("192.0.2.3", None)]
    {
        let answer = sign_in(first, address, "correct horse", shown.map(String::as_str)).await;
        assert_eq!(code(&answer), "TOO_MANY_ATTEMPTS", "{address}");
    }
    for (address, shown) in [("198.51.100.7", None), ("192.0.2.4", Some(good.as_str()))] {
        assert_eq!(code(&sign_in(first, address, "correct horse", shown).await), "", "{address}");
    }
    // A password reset by e-mail forgets all known networks and devices.
    assert_eq!(reset(&app, &token, "battery staple").await, "APPLIED");
    for (address, shown) in [("198.51.100.7", None), ("192.0.2.4", Some(good.as_str()))] {
        let answer = sign_in(first, address, "battery staple", shown).await;
        assert_eq!(code(&answer), "TOO_MANY_ATTEMPTS", "{address}");
    }
    assert_eq!(code(&sign_in(first, "127.0.0.1", "battery staple", None).await), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn password_guesses_from_unknown_networks_delay_no_known_user() {
    let (app, server) = with_mail(&[PROXY]).await;
    let first = &app.instances[0];
    let jane = jane(&app, &server).await;
    let turns = &app.app().rate_limits.hashing_slots;
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(turns.stranger().expected("a place").acquire().await.expected("a turn"));
    }
    let (http, url) = (reqwest::Client::new(), first.url.clone());
    let strangers: Vec<_> = (0..300)
        .map(|number| {
            let (http, url) = (http.clone(), url.clone());
            tokio::spawn(async move {
                let input = json!({ "handle": "jane", "password": "wrong horse" });
                let address = format!("10.{}.{}.1", number / 100, number % 100);
                ask_from(&http, &url, &address, SIGN_IN, json!({ "input": input })).await["signIn"].clone()
            })
        })
        .collect();
    eventually("as many wait as may", || async { strangers.iter().filter(|task| task.is_finished()).count() == 236 })
        .await;
    // A known network, a signed-in user and the owner of an e-mailed token are not blocked.
    assert_eq!(code(&sign_in(first, "127.0.0.1", "correct horse", None).await), "");
    assert_eq!(code(&sign_in(first, "192.0.2.1", "correct horse", None).await), "TOO_MANY_ATTEMPTS");
    assert_eq!(jane.ask(CHANGE, Value::Null).await.text("changePassword.outcome"), "APPLIED");
    deliver(&app, &server).await;
    request(&app, "jane").await;
    let token = token(&deliver(&app, &server).await[0]);
    assert_eq!(reset(&app, &token, "correct horse battery").await, "APPLIED");
    drop(busy);
    let (mut tried, mut refused) = (0, 0);
    for stranger in strangers {
        let answer = stranger.await.expected("an answer");
        match code(&answer) {
            "WRONG_PASSWORD" => tried += 1,
            "TOO_MANY_ATTEMPTS" if answer["userErrors"][0]["retryAfter"].as_i64() > Some(0) => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((tried, refused), (64, 236));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_accounts_cost_the_same_statements_and_refused_attempts_cost_none() {
    let app = TestApp::with(1, &[PROXY, TEN]).await;
    sign_up(&app, "jane").await;
    let mut all = Vec::new();
    for (handle, shown) in [("jane", None), ("nobody", None), ("jane", Some("rr_x")), ("nobody", Some("rr_x"))] {
        app.statements();
        let input = json!({ "handle": handle, "password": "wrong horse", "refreshToken": shown });
        let url = &app.instances[0].url;
        ask_from(&reqwest::Client::new(), url, "192.0.2.1", SIGN_IN, json!({ "input": input })).await;
        all.push(app.statements().into_iter().map(|statement| statement.sql).collect::<Vec<_>>());
    }
    assert!(!all[0].is_empty() && all[0] == all[1] && all[2] == all[3], "{all:#?}");
    for _ in 0..8 {
        sign_in(&app.instances[0], "192.0.2.1", "wrong horse", None).await;
    }
    app.statements();
    let refused = sign_in(&app.instances[0], "192.0.2.1", "wrong horse", None).await;
    assert_eq!(code(&refused), "TOO_MANY_ATTEMPTS");
    assert!(app.statements().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_network_is_found_by_an_index_and_pruned_after_90_days() {
    let app = TestApp::with(1, &[PROXY, TEN]).await;
    let (_, mut refresh) = sign_up(&app, "jane").await;
    for number in 0..20 {
        sign_in(&app.instances[0], &format!("198.51.100.{number}"), "correct horse", None).await;
    }
    app.statements();
    sign_in(&app.instances[0], "198.51.100.7", "correct horse", None).await;
    let statements = app.statements();
    let look = statements.iter().find(|statement| statement.sql.contains("\"network\" IN")).expected("a look");
    let plan = plans::explain(app.app(), look, true).await;
    assert!(plan.contains("session_known_network"), "{plan}");

    // A continuing session stays at any age. Its refresh tokens that were used long ago are pruned.
    for _ in 0..5 {
        app.clock.advance(Duration::days(20));
        refresh = next(&app, &refresh).await.expected("a refresh").1;
        retention::prune(app.app()).await.expected("pruned");
    }
    // An unused session expires after 30 days and makes its network known for another 90 days.
    let sessions = app.database.number("SELECT count(*) FROM session").await;
    assert_eq!(sessions, 22, "all are still there after a hundred days");
    app.clock.advance(Duration::days(21));
    refresh = next(&app, &refresh).await.expected("a refresh").1;
    retention::prune(app.app()).await.expected("pruned");
    assert_eq!(app.database.number("SELECT count(*) FROM session").await, 1);
    let tokens = app.database.number("SELECT count(*) FROM refresh_token").await;
    assert!((2..7).contains(&tokens), "{tokens}");
    app.statements();
    retention::prune(app.app()).await.expected("pruned");
    let statements = app.statements();
    assert_eq!(statements.len(), 4);
    for statement in &statements {
        let plan = plans::explain(app.app(), statement, true).await;
        assert!(plans::scans(&plan).is_empty(), "{}\n{plan}", statement.sql);
    }
    assert!(next(&app, &refresh).await.is_ok());
    // A signed-out session is pruned 90 days after the sign-out.
    let other = sign_in(&app.instances[0], "198.51.100.7", "correct horse", None).await;
    let client = Client::new(&app.instances[0].url, other["accessToken"].as_str().map(str::to_owned));
    client.ask("mutation { signOut { outcome } }", Value::Null).await.at("signOut");
    app.clock.advance(Duration::days(91));
    retention::prune(app.app()).await.expected("pruned");
    assert_eq!(app.database.number("SELECT count(*) FROM session WHERE ended_at IS NOT NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_network_reveals_no_address_and_survives_a_rotated_secret() {
    let [old, new, other] =
        ["an-old-secret-of-32-bytes-or-more", "a-new-secret-of-32-bytes-or-more!", "some-other-secret-of-32-bytes-ok"];
    let app = TestApp::with(1, &[PROXY, TEN, ("RAPPORT_JWT_SECRET", old)]).await;
    sign_up(&app, "jane").await;
    for address in ["198.51.100.7", "198.51.100.7", "198.51.100.8"] {
        assert_eq!(code(&sign_in(&app.instances[0], address, "correct horse", None).await), "");
    }
    let digits = app.database.digits("network");
    let kept = app.database.texts(&format!("SELECT {digits} FROM session WHERE network IS NOT NULL")).await;
    assert_eq!(kept.iter().collect::<BTreeSet<_>>().len(), 3, "one for each network: {kept:?}");
    let start = async |settings: &[(&str, &str)]| {
        let settings = [&[PROXY, TEN][..], settings].concat();
        Instance::start(&app.database, &app.clock, &settings, None).await
    };
    let rotated = start(&[("RAPPORT_JWT_SECRET", new), ("RAPPORT_JWT_PREVIOUS_SECRETS", old)]).await;
    let alone = start(&[("RAPPORT_JWT_SECRET", other)]).await;
    for instance in [&rotated, &alone] {
        for number in 0..30 {
            let address = format!("10.9.{}.1", number % 6);
            assert_eq!(code(&sign_in(instance, &address, "wrong horse", None).await), "WRONG_PASSWORD");
        }
    }
    let from = async |instance: &Instance, address: &str| {
        code(&sign_in(instance, address, "correct horse", None).await).to_owned()
    };
    assert_eq!(from(&alone, "198.51.100.7").await, "TOO_MANY_ATTEMPTS", "it cannot be told without the secret");
    assert_eq!(from(&rotated, "198.51.100.9").await, "TOO_MANY_ATTEMPTS");
    assert_eq!(from(&rotated, "198.51.100.7").await, "");
}
