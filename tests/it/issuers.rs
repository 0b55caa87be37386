//! Tests of the rotation of signing keys, and of tokens from an external issuer.

use std::{path::Path, sync::Arc};

use api::{auth::jwt, auth::viewer::Scopes};
use aws_lc_rs::{
    encoding::AsDer as _,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use axum::{Json, Router, extract::State, routing::get};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::{Expected as _, app::TestApp, eventually, graphql::Client};

const ME: &str = "{ viewer { user { handle } scopes } }";

async fn status(app: &TestApp, token: &str) -> u16 {
    Client::new(&app.instances[0].url, Some(token.to_owned())).ask(ME, Value::Null).await.status
}

fn token(app: &TestApp, handle: &entity::id::UserId) -> String {
    jwt::issue(app.app(), *handle, Scopes::all(), None, std::time::Duration::from_secs(600)).expected("a token").text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_is_rotated_without_signing_anybody_out() {
    let (old, new) = ("an-old-secret-of-32-bytes-or-more", "a-new-secret-of-32-bytes-or-more");
    let before = TestApp::with(1, &[("RAPPORT_JWT_SECRET", old)]).await;
    let ann = before.person("ann").await;
    let settings = [("RAPPORT_JWT_SECRET", new), ("RAPPORT_JWT_PREVIOUS_SECRETS", old)];
    let both = crate::support::app::Instance::start(&before.database, &before.clock, &settings, None).await;
    let only = crate::support::app::Instance::start(&before.database, &before.clock, &settings[..1], None).await;
    let ask = async |url: &str| Client::new(url, Some(ann.token.clone())).ask(ME, Value::Null).await.status;
    assert_eq!((ask(&both.url).await, ask(&only.url).await), (200, 401));
}

fn pem(path: &Path, label: &str, der: &[u8]) {
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    std::fs::write(path, text).expected("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ed25519_key_signs_tokens_is_published_and_can_be_rotated() {
    let directory = tempfile::TempDir::new().expected("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expected("a path").to_owned();
    let (old, new) = (Ed25519KeyPair::generate().expected("a key"), Ed25519KeyPair::generate().expected("a key"));
    pem(Path::new(&path("old.pem")), "PRIVATE KEY", old.to_pkcs8v1().expected("a key").as_ref());
    pem(Path::new(&path("new.pem")), "PRIVATE KEY", new.to_pkcs8().expected("a key").as_ref());
    pem(Path::new(&path("old.pub")), "PUBLIC KEY", old.public_key().as_der().expected("a key").as_ref());
    let app = TestApp::with(1, &[("RAPPORT_JWT_PRIVATE_KEY", &path("old.pem"))]).await;
    let ann = app.person("ann").await;
    assert_eq!(status(&app, &ann.token).await, 200);
    let published: Value = reqwest::get(format!("{}/.well-known/jwks.json", app.instances[0].url))
        .await
        .expected("keys")
        .json()
        .await
        .expected("JSON");
    assert_eq!(published["keys"][0]["x"], URL_SAFE_NO_PAD.encode(old.public_key().as_ref()));
    let (new, earlier) = (path("new.pem"), path("old.pub"));
    let settings = [("RAPPORT_JWT_PRIVATE_KEY", new.as_str()), ("RAPPORT_JWT_PREVIOUS_PUBLIC_KEYS", earlier.as_str())];
    let both = crate::support::app::Instance::start(&app.database, &app.clock, &settings, None).await;
    let only = crate::support::app::Instance::start(&app.database, &app.clock, &settings[..1], None).await;
    let ask = async |url: &str| Client::new(url, Some(ann.token.clone())).ask(ME, Value::Null).await.status;
    assert_eq!((ask(&both.url).await, ask(&only.url).await), (200, 401));
    // The public key is not accepted as a shared secret.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = published["keys"][0]["kid"].as_str().map(str::to_owned);
    let claims = json!({ "sub": ann.id(), "iss": "rapport", "aud": "rapport", "exp": 32_503_680_000_i64, "scope": "PROFILE_READ" });
    for secret in [old.public_key().as_ref().to_vec(), std::fs::read(path("old.pub")).expected("a key")] {
        let forged = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).expected("a token");
        assert_eq!(status(&app, &forged).await, 401);
    }
    // With a shared secret, no keys are published.
    let shared = TestApp::new().await;
    let answer = reqwest::get(format!("{}/.well-known/jwks.json", shared.instances[0].url)).await.expected("an answer");
    assert_eq!(answer.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_between_a_secret_and_a_key_signs_nobody_out() {
    let directory = tempfile::TempDir::new().expected("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expected("a path").to_owned();
    let pair = Ed25519KeyPair::generate().expected("a key");
    let (private, public) = (path("new.pem"), path("new.pub"));
    pem(Path::new(&private), "PRIVATE KEY", pair.to_pkcs8v1().expected("a key").as_ref());
    pem(Path::new(&public), "PUBLIC KEY", pair.public_key().as_der().expected("a key").as_ref());
    let secret = "an-old-secret-of-32-bytes-or-more";
    let by_secret = TestApp::with(1, &[("RAPPORT_JWT_SECRET", secret)]).await;
    let ann = by_secret.person("ann").await;
    let start = async |settings: &[(&str, &str)]| {
        crate::support::app::Instance::start(&by_secret.database, &by_secret.clock, settings, None).await
    };
    let ask = async |url: &str, token: &str| Client::new(url, Some(token.to_owned())).ask(ME, Value::Null).await.status;
    let by_key = start(&[("RAPPORT_JWT_PRIVATE_KEY", &private), ("RAPPORT_JWT_PREVIOUS_SECRETS", secret)]).await;
    let key_only = start(&[("RAPPORT_JWT_PRIVATE_KEY", &private)]).await;
    assert_eq!((ask(&by_key.url, &ann.token).await, ask(&key_only.url, &ann.token).await), (200, 401));
    // Each key is valid for its own algorithm only: neither the secret for EdDSA nor the key for HMAC.
    let lifetime = std::time::Duration::from_secs(600);
    let signed = jwt::issue(&by_key.app, ann.id, Scopes::all(), None, lifetime).expected("a token").text;
    let name = |token: &str| jsonwebtoken::decode_header(token).expected("a header").kid;
    let claims = json!({ "sub": ann.id(), "iss": "rapport", "aud": "rapport", "exp": 32_503_680_000_i64, "scope": "PROFILE_READ" });
    for kid in [name(&signed), name(&ann.token), None] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = kid;
        let key = EncodingKey::from_secret(pair.public_key().as_ref());
        let forged = jsonwebtoken::encode(&header, &claims, &key).expected("a token");
        assert_eq!(ask(&by_key.url, &forged).await, 401);
    }
    // The same works in the other direction.
    let back = start(&[("RAPPORT_JWT_SECRET", secret), ("RAPPORT_JWT_PREVIOUS_PUBLIC_KEYS", &public)]).await;
    let secret_only = start(&[("RAPPORT_JWT_SECRET", secret)]).await;
    assert_eq!((ask(&back.url, &signed).await, ask(&secret_only.url, &signed).await), (200, 401));
}

#[test]
fn a_secret_beside_a_private_key_is_refused_rather_than_ignored() {
    let directory = tempfile::TempDir::new().expected("a directory");
    let private = directory.path().join("key.pem");
    let pair = Ed25519KeyPair::generate().expected("a key");
    pem(&private, "PRIVATE KEY", pair.to_pkcs8v1().expected("a key").as_ref());
    let private = private.to_str().expected("a path");
    for (name, value, why) in [
        ("RAPPORT_JWT_SECRET", "an-old-secret-of-32-bytes-or-more", "RAPPORT_JWT_PREVIOUS_SECRETS"),
        ("RAPPORT_JWT_PREVIOUS_SECRETS", "hunter2", "32 bytes"),
        ("RAPPORT_JWT_PREVIOUS_PUBLIC_KEYS", private, "PUBLIC KEY"),
    ] {
        let given = [("RAPPORT_JWT_PRIVATE_KEY", private), (name, value)];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let sentence = api::config::Config::read(given).err().expected(name).to_string();
        assert!(sentence.starts_with(name) && sentence.contains(why), "{sentence}");
        assert!(!name.contains("SECRET") || !sentence.contains(value), "{sentence}");
    }
}

/// Serves a list of keys that tests can change. Counts the requests.
async fn issuer(keys: Value) -> (String, Arc<Mutex<(Value, usize)>>) {
    let served = Arc::new(Mutex::new((keys, 0)));
    let serve = async |State(served): State<Arc<Mutex<(Value, usize)>>>| {
        let mut served = served.lock().await;
        served.1 += 1;
        Json(served.0.clone())
    };
    let router = Router::new().route("/keys", get(serve)).with_state(Arc::clone(&served));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expected("a port");
    let url = format!("http://{}/keys", listener.local_addr().expected("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, served)
}

/// The public keys of an issuer as a JWK set.
fn key_set(ed: &Ed25519KeyPair, ec: &EcdsaKeyPair, rsa: &rsa::KeyPair) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = ec.public_key().as_ref();
    let public = rsa.public_key();
    let modulus = public.modulus().big_endian_without_leading_zero().to_vec();
    let exponent = public.exponent().big_endian_without_leading_zero().to_vec();
    let jwk_ed =
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "ed", "x": encode(ed.public_key().as_ref()) });
    let jwk_ec = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "ec", "x": encode(&point[1..33]), "y": encode(&point[33..]) });
    let jwk_rsa = json!({ "kty": "RSA", "alg": "RS256", "kid": "rsa", "n": encode(&modulus), "e": encode(&exponent) });
    json!({ "keys": [jwk_ed, jwk_ec, jwk_rsa] })
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_an_external_issuer_are_verified_with_its_published_keys() {
    let ed = Ed25519KeyPair::generate().expected("a key");
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expected("a key");
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expected("a key");
    let (url, served) = issuer(key_set(&ed, &ec, &rsa)).await;
    let settings = [
        ("RAPPORT_JWKS_URL", url.as_str()),
        ("RAPPORT_JWKS_REFRESH", "1s"),
        ("RAPPORT_JWT_ISSUER", "https://issuer.example"),
        ("RAPPORT_JWT_AUDIENCE", "the-organization"),
    ];
    let app = TestApp::with(1, &settings).await;
    let ann = app.person("ann").await;
    eventually("the keys are known", || async {
        let ready = reqwest::get(format!("{}/health/ready", app.instances[0].url)).await;
        ready.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let end = (app.clock.now() + chrono::Duration::hours(1)).timestamp();
    let claims =
        |sub: &str| json!({ "sub": sub, "iss": "https://issuer.example", "aud": ["the-organization"], "exp": end });
    let sign = |algorithm, kid: &str, key: &EncodingKey, claims: &Value| {
        let mut header = Header::new(algorithm);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, claims, key).expected("a token")
    };
    let ed_key = EncodingKey::from_ed_der(ed.to_pkcs8v1().expected("a key").as_ref());
    let ec_key = EncodingKey::from_ec_der(ec.to_pkcs8v1().expected("a key").as_ref());
    let by_ed = sign(Algorithm::EdDSA, "ed", &ed_key, &claims("ann"));
    let good = [
        by_ed.clone(),
        sign(Algorithm::EdDSA, "ed", &ed_key, &claims(&ann.id())),
        sign(Algorithm::ES256, "ec", &ec_key, &claims("ANN")),
        rs256(&rsa, &claims("ann")),
    ];
    for token in good {
        let answer = Client::new(&app.instances[0].url, Some(token)).ask(ME, Value::Null).await;
        assert_eq!(answer.text("viewer.user.handle"), "ann");
        assert!(!answer.at("viewer.scopes").to_string().contains("ADMIN"), "the role decides");
    }
    let mut narrow = claims("ann");
    narrow["scope"] = json!("PROFILE_READ ADMIN");
    let narrow = sign(Algorithm::EdDSA, "ed", &ed_key, &narrow);
    let answer = Client::new(&app.instances[0].url, Some(narrow)).ask(ME, Value::Null).await;
    assert_eq!(answer.at("viewer.scopes"), &json!(["PROFILE_READ"]));
    let mut foreign = claims("ann");
    foreign["iss"] = json!("https://evil.example");
    let other = Ed25519KeyPair::generate().expected("a key");
    let other = EncodingKey::from_ed_der(other.to_pkcs8v1().expected("a key").as_ref());
    let asked = served.lock().await.1;
    for bad in [
        sign(Algorithm::EdDSA, "ed", &ed_key, &foreign),
        sign(Algorithm::EdDSA, "ed", &ed_key, &claims("nobody")),
        sign(Algorithm::EdDSA, "ed", &other, &claims("ann")),
        sign(Algorithm::EdDSA, "unknown", &other, &claims("ann")),
        sign(Algorithm::ES256, "ed", &ec_key, &claims("ann")),
        sign(Algorithm::HS256, "ed", &EncodingKey::from_secret(ed.public_key().as_ref()), &claims("ann")),
        token(&app, &ann.id),
    ] {
        assert_eq!(status(&app, &bad).await, 401, "{bad}");
    }
    assert!(served.lock().await.1 - asked <= 4, "an unknown key makes nobody ask the issuer");
    let sign_in =
        "mutation { signIn(input: { handle: \"ann\", password: \"correct horse\" }) { userErrors { code } } }";
    assert_eq!(app.anonymous().ask(sign_in, Value::Null).await.text("signIn.userErrors.0.code"), "NOT_ALLOWED");
    // The issuer rotates its key.
    let next = Ed25519KeyPair::generate().expected("a key");
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "next", "x": URL_SAFE_NO_PAD.encode(next.public_key().as_ref()) });
    served.lock().await.0 = json!({ "keys": [jwk] });
    let next = EncodingKey::from_ed_der(next.to_pkcs8v1().expected("a key").as_ref());
    let by_next = sign(Algorithm::EdDSA, "next", &next, &claims("ann"));
    eventually("the new key is known", || async { status(&app, &by_next).await == 200 }).await;
    // A verified token stays accepted for up to a minute.
    app.clock.advance(chrono::Duration::seconds(61));
    assert_eq!(status(&app, &by_ed).await, 401);
}

fn rs256(key: &rsa::KeyPair, claims: &Value) -> String {
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = json!({ "alg": "RS256", "kid": "rsa", "typ": "JWT" });
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)
        .expected("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn published_keys_need_no_algorithm_and_unusable_keys_are_ignored() {
    let ed = Ed25519KeyPair::generate().expected("a key");
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expected("a key");
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expected("a key");
    let sealed = Ed25519KeyPair::generate().expected("a key");
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = ec.public_key().as_ref();
    let modulus = rsa.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let exponent = rsa.public_key().exponent().big_endian_without_leading_zero().to_vec();
    let okp = |kid: &str, pair: &Ed25519KeyPair, used: Value| json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": used, "x": encode(pair.public_key().as_ref()) });
    let keys = json!([
        { "kty": "RSA", "use": "sig", "kid": "rsa", "n": encode(&modulus), "e": encode(&exponent), "x5t": "x", "x5c": ["MIID"] },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "x": encode(&point[1..33]), "y": encode(&point[33..]), "key_ops": ["verify"] },
        okp("ed", &ed, Value::Null),
        okp("sealed", &sealed, json!("enc")),
        { "kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AA", "y": "AA" },
        { "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" },
        { "kty": "RSA", "alg": "RSA-OAEP-256", "n": "AQAB", "e": "AQAB" },
        { "kty": "oct", "k": "AA" },
        "nonsense",
    ]);
    let (url, _) = issuer(json!({ "keys": keys })).await;
    let app = TestApp::with(1, &[("RAPPORT_JWKS_URL", url.as_str())]).await;
    app.person("ann").await;
    eventually("the keys are known", || async {
        let ready = reqwest::get(format!("{}/health/ready", app.instances[0].url)).await;
        ready.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let now = app.clock.now().timestamp();
    let claims = json!({ "sub": "ann", "iss": "rapport", "aud": "rapport", "exp": now + 600 });
    let sign = |algorithm, kid: Option<&str>, key: &EncodingKey, claims: &Value| {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, key).expected("a token")
    };
    let key = |pair: &Ed25519KeyPair| EncodingKey::from_ed_der(pair.to_pkcs8v1().expected("a key").as_ref());
    let ec_key = EncodingKey::from_ec_der(ec.to_pkcs8v1().expected("a key").as_ref());
    for (good, what) in [
        (rs256(&rsa, &claims), "RSA"),
        (sign(Algorithm::ES256, Some("ec"), &ec_key, &claims), "EC"),
        (sign(Algorithm::EdDSA, Some("ed"), &key(&ed), &claims), "OKP"),
        (sign(Algorithm::EdDSA, None, &key(&ed), &claims), "OKP without a name"),
    ] {
        assert_eq!(status(&app, &good).await, 200, "{what}");
    }
    for kid in [Some("sealed"), None] {
        assert_eq!(status(&app, &sign(Algorithm::EdDSA, kid, &key(&sealed), &claims)).await, 401, "it is for sealing");
    }
    // Times may have fractions.
    let whole = |seconds: i64| json!(seconds);
    let fraction = |seconds: i64, part: f64| json!(seconds as f64 + part);
    for (name, value, taken) in [
        ("exp", fraction(now + 60, 0.5), 200),
        ("exp", fraction(now + 1, 0.999), 200),
        ("exp", fraction(now - 1, 0.5), 401),
        ("nbf", fraction(now - 5, 0.25), 200),
        ("nbf", fraction(now + 3_600, 0.25), 401),
        ("iat", fraction(now - 1, 0.75), 200),
        ("iat", whole(now), 200),
        ("iat", json!(1e300), 401),
        ("exp", json!(1e300), 401),
        ("exp", json!("1795891242"), 401),
        // An expiry after the last representable year is accepted.
        ("exp", json!(1e12), 200),
        ("exp", json!(253_402_300_800.5), 200),
        ("exp", json!(4_102_444_800_000_i64), 200),
        ("nbf", json!(4_102_444_800_000_i64), 401),
    ] {
        let mut claims = claims.clone();
        claims[name] = value.clone();
        assert_eq!(
            status(&app, &sign(Algorithm::EdDSA, Some("ed"), &key(&ed), &claims)).await,
            taken,
            "{name} {value}"
        );
    }
}
