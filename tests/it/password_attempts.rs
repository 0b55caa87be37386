//! Tests of wrong passwords: the addresses and accounts that are slowed down, and the passwords that are refused.

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, graphql::Client};

const SIGN_IN: &str = include_str!("operations/password_attempts/sign_in.graphql");
const SIGN_UP: &str = include_str!("operations/password_attempts/sign_up.graphql");

/// Tries to sign in from an address that a trusted proxy names.
async fn sign_in_from(app: &TestApp, address: &str, token: Option<&str>, input: Value) -> Value {
    let request = reqwest::Client::new()
        .post(format!("{}/graphql", app.instances[0].url))
        .header("x-forwarded-for", address)
        .json(&json!({ "query": SIGN_IN, "variables": { "input": input } }));
    let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    let answer: Value = request.send().await.expected("an answer").json().await.expected("JSON");
    answer["data"]["signIn"].clone()
}

async fn sign_up(app: &TestApp, handle: &str) -> Value {
    let input = json!({ "handle": handle, "password": "correct horse", "displayName": handle });
    app.anonymous().ask(SIGN_UP, json!({ "input": input })).await.at("signUp").clone()
}

fn wrong(handle: &str) -> Value {
    json!({ "handle": handle, "password": "wrong horse" })
}

fn right(handle: &str) -> Value {
    json!({ "handle": handle, "password": "correct horse" })
}

fn code(answer: &Value) -> &str {
    answer["userErrors"][0]["code"].as_str().unwrap_or_default()
}

fn wait(answer: &Value) -> i64 {
    answer["userErrors"][0]["retryAfter"].as_i64().expected("a time to wait")
}

async fn behind_a_proxy() -> TestApp {
    TestApp::with(1, &[("RAPPORT_TRUSTED_PROXIES", "1"), ("RAPPORT_SIGN_IN_ATTEMPTS", "10")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_from_one_network_slow_down_only_that_network() {
    let app = behind_a_proxy().await;
    sign_up(&app, "jane").await;
    for handle in ["jane", "nobody"] {
        let mut codes = Vec::new();
        for _ in 0..10 {
            codes.push(code(&sign_in_from(&app, "203.0.113.1", None, wrong(handle)).await).to_owned());
        }
        assert!(codes.iter().all(|code| code == "WRONG_PASSWORD"), "{handle}: {codes:?}");
        let mut waits = Vec::new();
        for _ in 0..4 {
            let refused = sign_in_from(&app, "203.0.113.1", None, wrong(handle)).await;
            assert_eq!(code(&refused), "TOO_MANY_ATTEMPTS", "{handle}");
            waits.push(wait(&refused));
            app.clock.advance(Duration::seconds(wait(&refused)));
            assert_eq!(
                code(&sign_in_from(&app, "203.0.113.1", None, wrong(handle)).await),
                "WRONG_PASSWORD",
                "{handle}"
            );
        }
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{handle}: {waits:?}");
        // The right password is refused too. Otherwise the answer would reveal it.
        let refused = sign_in_from(&app, "203.0.113.1", None, right(handle)).await;
        assert_eq!(code(&refused), "TOO_MANY_ATTEMPTS", "{handle}");
    }
    for address in ["203.0.113.2", "198.51.100.7", "2001:db8::1"] {
        assert_eq!(code(&sign_in_from(&app, address, None, right("jane")).await), "", "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_networks_are_slowed_down_together_and_known_ones_are_not() {
    let app = behind_a_proxy().await;
    sign_up(&app, "jane").await;
    // The first network signed in before. One device has an access token, and another has an older refresh token.
    assert_eq!(code(&sign_in_from(&app, "198.51.100.7", None, right("jane")).await), "");
    let device = sign_in_from(&app, "203.0.113.250", None, right("jane")).await;
    let (access, refresh) = (device["accessToken"].as_str(), device["refreshToken"].as_str().expected("a token"));
    let mut let_through = Vec::new();
    for handle in ["jane", "nobody"] {
        let mut tried = 0;
        for number in 0..60 {
            let answer = sign_in_from(&app, &format!("10.1.{number}.1"), None, wrong(handle)).await;
            tried += usize::from(code(&answer) == "WRONG_PASSWORD");
        }
        let_through.push(tried);
    }
    assert!(let_through[0] == let_through[1] && let_through[0] <= 30, "{let_through:?}");
    // From a new network Jane gets a short wait and then signs in.
    let refused = sign_in_from(&app, "192.0.2.1", None, right("jane")).await;
    assert_eq!(code(&refused), "TOO_MANY_ATTEMPTS");
    assert!((1..=30).contains(&wait(&refused)), "{refused}");
    // From a known network or device she does not wait.
    assert_eq!(code(&sign_in_from(&app, "198.51.100.7", None, right("jane")).await), "");
    assert_eq!(code(&sign_in_from(&app, "192.0.2.2", access, right("jane")).await), "");
    let mut shown = right("jane");
    shown["refreshToken"] = json!(refresh);
    assert_eq!(code(&sign_in_from(&app, "192.0.2.3", None, shown.clone()).await), "");
    // The token of another user and invalid tokens do not count as Jane's device.
    let other = sign_up(&app, "mallory").await;
    for token in [other["refreshToken"].as_str().expected("a token"), "rr_x", ""] {
        shown["refreshToken"] = json!(token);
        assert_eq!(code(&sign_in_from(&app, "192.0.2.4", None, shown.clone()).await), "TOO_MANY_ATTEMPTS", "{token}");
    }
    app.clock.advance(Duration::seconds(wait(&refused)));
    assert_eq!(code(&sign_in_from(&app, "192.0.2.1", None, right("jane")).await), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_of_others_prevent_no_password_change_and_no_sign_up() {
    let app = behind_a_proxy().await;
    let jane = sign_up(&app, "jane").await;
    for _ in 0..12 {
        sign_in_from(&app, "127.0.0.1", None, wrong("jane")).await;
        sign_in_from(&app, "127.0.0.1", None, wrong("fresh")).await;
    }
    let client = Client::new(&app.instances[0].url, jane["accessToken"].as_str().map(str::to_owned));
    let change = "mutation { changePassword(input: { currentPassword: \"correct horse\", newPassword: \"battery staple\" }) \
                  { outcome userErrors { code } } }";
    assert_eq!(client.ask(change, Value::Null).await.text("changePassword.outcome"), "APPLIED");
    assert_eq!(code(&sign_up(&app, "fresh").await), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_with_a_password_reports_how_long_to_wait() {
    let app = TestApp::with(1, &[("RAPPORT_SIGN_IN_ATTEMPTS", "2")]).await;
    for (handle, query) in [
        (
            "jane",
            "mutation { done: changePassword(input: { currentPassword: \"wrong horse\", newPassword: \"battery staple\" }) \
             { userErrors { code retryAfter } } }",
        ),
        (
            "john",
            "mutation { done: deactivateAccount(input: { password: \"wrong horse\" }) { userErrors { code retryAfter } } }",
        ),
        (
            "joan",
            "mutation { done: deleteAccount(input: { password: \"wrong horse\" }) { userErrors { code retryAfter } } }",
        ),
    ] {
        let token = sign_up(&app, handle).await["accessToken"].as_str().map(str::to_owned);
        let client = Client::new(&app.instances[0].url, token);
        for _ in 0..2 {
            let said = client.ask(query, Value::Null).await.at("done.userErrors")[0].clone();
            assert_eq!(said, json!({ "code": "WRONG_PASSWORD", "retryAfter": null }), "{handle}");
        }
        let said = client.ask(query, Value::Null).await.at("done.userErrors")[0].clone();
        assert_eq!(said["code"], "TOO_MANY_ATTEMPTS", "{handle}");
        assert!(said["retryAfter"].as_i64().is_some_and(|wait| (1..=900).contains(&wait)), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessable_passwords_are_refused_everywhere() {
    let app = TestApp::new().await;
    let up = async |password: &str| {
        let input =
            json!({ "handle": "jane.doe", "password": password, "displayName": "Jane Doe", "familyName": "Doe-Smith" });
        app.anonymous().ask(SIGN_UP, json!({ "input": input })).await.at("signUp.userErrors").clone()
    };
    let refused = json!([{ "code": "INVALID", "field": ["input", "password"], "retryAfter": null }]);
    for password in [
        "password",
        "PASSWORD1",
        "P@ssw0rd!",
        "12345678",
        "qwertyuiop",
        "iloveyou",
        "Sunshine99",
        "aaaaaaaa",
        "jane.doe",
        "JaneDoe2026",
        "eodenaj!",
        "doe-smith",
        "janejanejane",
        "\u{7}bell-bell",
        "\u{a0}\u{a0}a\u{a0}b",
    ] {
        assert_eq!(up(password).await, refused, "{password}");
    }
    assert_eq!(up("correct horse").await, json!([]));
    let answer =
        app.anonymous().ask(SIGN_IN, json!({ "input": { "handle": "jane.doe", "password": "correct horse" } })).await;
    let jane = Client::new(&app.instances[0].url, Some(answer.text("signIn.accessToken").to_owned()));
    let mail = "mutation { updateProfile(input: { emails: [{ address: \"Nightingale@example.org\" }] }) { userErrors { code } } }";
    jane.ask(mail, Value::Null).await.at("updateProfile");
    let change = "mutation($new: String!) { changePassword(input: { currentPassword: \"correct horse\", newPassword: $new }) \
                  { outcome userErrors { code field } } }";
    for password in ["password1", "nightingale7", "nightingale@example.org", "abcdefghij", "eod enaj"] {
        let answer = jane.ask(change, json!({ "new": password })).await;
        let refused = json!([{ "code": "INVALID", "field": ["input", "newPassword"] }]);
        assert_eq!(answer.at("changePassword.userErrors"), &refused, "{password}");
    }
    assert_eq!(jane.ask(change, json!({ "new": "battery staple" })).await.text("changePassword.outcome"), "APPLIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn equivalent_spellings_of_a_password_are_equal() {
    let app = TestApp::new().await;
    for (number, (set, typed)) in [
        ("p\u{e4}ssw\u{f6}rtlich-\u{f1}", "pa\u{308}sswo\u{308}rtlich-n\u{303}"),
        ("\u{1112}\u{1161}\u{11ab}\u{ae00} key ring", "\u{d55c}\u{ae00} key ring"),
        ("correct\u{a0}horse", "correct horse"),
        ("\u{212b}ngstrom unit", "\u{c5}ngstrom\u{2003}unit"),
    ]
    .into_iter()
    .enumerate()
    {
        let handle = format!("person{number}");
        let input = json!({ "handle": handle, "password": set, "displayName": "Somebody" });
        assert_eq!(app.anonymous().ask(SIGN_UP, json!({ "input": input })).await.at("signUp.userErrors"), &json!([]));
        for password in [set, typed] {
            let answer =
                app.anonymous().ask(SIGN_IN, json!({ "input": { "handle": handle, "password": password } })).await;
            assert_eq!(answer.at("signIn.userErrors"), &json!([]), "{password:?}");
        }
        let other = set.to_uppercase();
        let answer = app.anonymous().ask(SIGN_IN, json!({ "input": { "handle": handle, "password": other } })).await;
        assert_eq!(answer.text("signIn.userErrors.0.code"), "WRONG_PASSWORD", "case counts");
    }
}
