//! Tests of sign-up, sign-in and access tokens.

use std::time::Duration;

use api::auth::{jwt, viewer::Scopes};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::user::Role;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, graphql::Client};

const SIGN_UP: &str = include_str!("operations/accounts/sign_up.graphql");
const SIGN_IN: &str = include_str!("operations/accounts/sign_in.graphql");

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_signs_up_signs_in_and_reads_their_account() {
    let app = TestApp::new().await;
    let input =
        json!({ "handle": "Jane.Doe", "password": "correct horse", "displayName": "Jane Doe", "familyName": "Doe" });
    let up = app.anonymous().ask(SIGN_UP, json!({ "input": input })).await;
    assert_eq!(up.at("signUp.user"), &json!({ "handle": "jane.doe", "role": "MEMBER" }));
    let answer =
        app.anonymous().ask(SIGN_IN, json!({ "input": { "handle": "JANE.DOE", "password": "correct horse" } })).await;
    let client = Client::new(&app.instances[0].url, Some(answer.text("signIn.accessToken").to_owned()));
    let me = client
        .ask("{ viewer { user { handle displayName } actor { __typename displayName } scopes } }", Value::Null)
        .await;
    assert_eq!(me.at("viewer.user"), &json!({ "handle": "jane.doe", "displayName": "Jane Doe" }));
    assert_eq!(me.at("viewer.scopes").as_array().map(Vec::len), Some(Scopes::of(Role::Member).iter().count()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_handle_and_a_wrong_password_look_alike() {
    let app = TestApp::new().await;
    let input = json!({ "handle": "jane", "password": "correct horse", "displayName": "Jane" });
    app.anonymous().ask(SIGN_UP, json!({ "input": input })).await;
    // Imported people have no password.
    app.person("imported").await;
    let mut answers = Vec::new();
    for (handle, password) in [
        ("jane", "wrong horse"),
        ("nobody", "correct horse"),
        ("imported", ""),
        ("", ""),
        ("ja\u{1}ne", "x"),
        ("jane", &"x".repeat(100_000)),
    ] {
        let answer = app.anonymous().ask(SIGN_IN, json!({ "input": { "handle": handle, "password": password } })).await;
        assert_eq!(answer.at("signIn.userErrors.0.code"), "WRONG_PASSWORD");
        answers.push(answer);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_sign_ups_name_the_field() {
    let app = TestApp::new().await;
    let good = json!({ "handle": "jane", "password": "correct horse", "displayName": "Jane" });
    assert_eq!(app.anonymous().ask(SIGN_UP, json!({ "input": good })).await.at("signUp.userErrors"), &json!([]));
    for (field, value, code) in [
        ("handle", json!("jane"), "DUPLICATE"),
        ("handle", json!("JANE "), "DUPLICATE"),
        ("handle", json!("x"), "INVALID"),
        ("handle", json!("a b"), "INVALID"),
        ("handle", json!("é".repeat(3)), "INVALID"),
        ("handle", json!("x\u{1}y"), "INVALID"),
        ("password", json!("short"), "INVALID"),
        ("password", json!("x".repeat(201)), "INVALID"),
        ("displayName", json!("  "), "REQUIRED"),
        ("displayName", json!("x".repeat(201)), "INVALID"),
        ("displayName", json!("x\u{1}"), "INVALID"),
        ("familyName", json!("x\u{1}y"), "INVALID"),
    ] {
        let mut input = good.clone();
        input["handle"] = json!("fresh");
        input[field] = value.clone();
        let answer = app.anonymous().ask(SIGN_UP, json!({ "input": input })).await;
        assert_eq!(
            answer.at("signUp.userErrors"),
            &json!([{ "code": code, "field": ["input", field] }]),
            "{field} {value}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_sign_ups_one_gets_the_handle() {
    let app = TestApp::two().await;
    let clients: Vec<Client> = (0..6).map(|n| Client::new(&app.instances[n % app.instances.len()].url, None)).collect();
    let input = json!({ "input": { "handle": "jane", "password": "correct horse", "displayName": "Jane" } });
    let answers = futures_util::future::join_all(clients.iter().map(|client| client.ask(SIGN_UP, input.clone()))).await;
    let taken = answers.iter().filter(|answer| answer.at("signUp.userErrors") == &json!([])).count();
    assert_eq!(taken, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM \"user\"").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_can_be_closed() {
    let app = TestApp::with(1, &[("RAPPORT_SIGN_UP", "closed")]).await;
    let input = json!({ "handle": "jane", "password": "correct horse", "displayName": "Jane" });
    let answer = app.anonymous().ask(SIGN_UP, json!({ "input": input })).await;
    assert_eq!(answer.at("signUp.userErrors.0.code"), "NOT_ALLOWED");
}

/// Tokens that are made from a valid one.
struct Forgeries {
    /// The server must refuse these.
    bad: Vec<String>,
    /// The server must accept these: one names other places of keys, which the server ignores.
    good: [String; 2],
}

fn forgeries(token: &str, key: &jsonwebtoken::EncodingKey) -> Forgeries {
    let [head, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("a JWT") };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).expected("base64")).expected("JSON");
    let signed = |change: &dyn Fn(&mut Value), algorithm| {
        let mut claims = claims.clone();
        change(&mut claims);
        jsonwebtoken::encode(&jsonwebtoken::Header::new(algorithm), &claims, key).expected("a token")
    };
    let hs256 = jsonwebtoken::Algorithm::HS256;
    // Signs correctly, with these additional fields in the header.
    let with_header = |said: Value| {
        let mut header = json!({ "alg": "HS256", "typ": "JWT" });
        header.as_object_mut().expected("a header").extend(said.as_object().expected("fields").clone());
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, hs256).expected("a signature");
        format!("{message}.{signature}")
    };
    let other_key = |secret: &[u8]| {
        let other = jsonwebtoken::EncodingKey::from_secret(secret);
        jsonwebtoken::encode(&jsonwebtoken::Header::new(hs256), &claims, &other).expected("a token")
    };
    let remove = |name: &'static str| {
        move |claims: &mut Value| drop(claims.as_object_mut().and_then(|claims| claims.remove(name)))
    };
    let set = |name: &'static str, value: Value| move |claims: &mut Value| claims[name] = value.clone();
    let bad = vec![
        "x".to_owned(),
        "x".repeat(10_000),
        format!("{head}.{body}."),
        format!("{head}.{body}.{}", signature.chars().rev().collect::<String>()),
        format!("{}.{body}.", encode(&json!({ "alg": "none", "typ": "JWT" }))),
        format!("{}.{body}.{signature}", encode(&json!({ "alg": "None" }))),
        format!("{}.{body}.{signature}", encode(&json!({ "alg": "HS512", "typ": "JWT" }))),
        format!("{}.{body}.{signature}", encode(&json!({ "alg": "RS256", "kid": "../../dev/null" }))),
        format!("{head}.{}.{signature}", encode(&json!({ "sub": "user_x" }))),
        signed(&|_| {}, jsonwebtoken::Algorithm::HS512),
        signed(&remove("exp"), hs256),
        signed(&remove("iss"), hs256),
        signed(&remove("aud"), hs256),
        signed(&remove("sub"), hs256),
        signed(&set("iss", json!("other")), hs256),
        signed(&set("aud", json!("other")), hs256),
        signed(&set("sub", json!("ann")), hs256),
        signed(&set("exp", json!(1)), hs256),
        signed(&set("exp", json!("never")), hs256),
        signed(&set("exp", json!(1e300)), hs256),
        signed(&set("nbf", json!(32_503_680_000_i64)), hs256),
        signed(&set("iat", json!(32_503_680_000_i64)), hs256),
        signed(&set("aud", json!(["other", "another"])), hs256),
        signed(&set("aud", json!(null)), hs256),
        signed(&set("sid", json!("session_x")), hs256),
        signed(&set("sub", json!(null)), hs256),
        with_header(json!({ "kid": "../../../dev/null" })),
        with_header(json!({ "kid": "' OR 1=1 --" })),
        with_header(json!({ "kid": "https://evil.example/key" })),
        with_header(json!({ "crit": ["exp"] })),
        with_header(json!({ "crit": ["b64"], "b64": false })),
        with_header(json!({ "kid": null, "alg": "none" })),
        // These keys are easy to guess.
        other_key(b""),
        other_key(b"rapport"),
        format!("{head}.{body}.{signature}.{signature}"),
        format!("{head}..{signature}"),
    ];
    let elsewhere = with_header(json!({ "jku": "https://evil.example/keys", "jwk": { "kty": "oct", "k": "eA" } }));
    Forgeries { bad, good: [elsewhere, signed(&|_| {}, hs256)] }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_damaged_and_expired_tokens_are_refused() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let me = "{ viewer { user { handle } } }";
    let Forgeries { bad, good } = forgeries(&ann.token, &app.app().config.tokens.keys.signing.key);
    assert!(bad.len() >= 25);
    for token in good {
        let answer = Client::new(&ann.clients[0].url, Some(token)).ask(me, Value::Null).await;
        assert_eq!(answer.text("viewer.user.handle"), "ann");
    }
    for token in bad {
        let answer = Client::new(&ann.clients[0].url, Some(token.clone())).ask(me, Value::Null).await;
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{token}");
        let socket = crate::support::socket::Socket::raw(&ann.clients[0].url, Some("graphql-transport-ws"), None).await;
        let mut socket = socket.expected("a socket");
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, Err(4403), "{token}");
    }
    let short = jwt::issue(app.app(), ann.id, Scopes::all(), None, Duration::from_secs(60)).expected("a token").text;
    let client = Client::new(&ann.clients[0].url, Some(short));
    assert_eq!(client.ask(me, Value::Null).await.status, 200);
    app.clock.advance(chrono::Duration::seconds(60));
    assert_eq!(client.ask(me, Value::Null).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_address_must_be_one_that_a_page_can_show() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let update = "mutation($url: String) { updateProfile(input: { avatarUrl: $url }) { user { avatarUrl } userErrors { code field } } }";
    for good in [json!("https://cdn.example/ann.png?size=64#x"), json!("https://예.한국/그림.png"), json!(null)] {
        let answer = ann.ask(update, json!({ "url": good })).await;
        assert_eq!(answer.body["data"]["updateProfile"]["user"]["avatarUrl"], good);
    }
    for bad in [
        "https://x\"onerror=",
        "https://x/\"><script>alert(1)</script>",
        "https://x y/",
        "https://",
        "https:///x",
        "https://*/x",
        "https://jane:secret@cdn.example/x",
        "http://cdn.example/x",
        "javascript:alert(1)",
        "data:image/png;base64,AA",
        "//cdn.example/x",
    ] {
        let answer = ann.ask(update, json!({ "url": bad })).await;
        let refused = json!([{ "code": "INVALID", "field": ["input", "avatarUrl"] }]);
        assert_eq!(answer.at("updateProfile.userErrors"), &refused, "{bad}");
    }
}
