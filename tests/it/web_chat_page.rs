//! Tests of the web chat page: its files, headers and caching, and the sites that may frame it.

use entity::{channel::Channel, entry_point};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    socket::Socket,
    visitors::{EntryPointSetup, Page, START, by},
};

const SITE: &str = "https://shop.example";
const WEB_CHAT: &str = "query($id: ID!) { webChat(entryPointId: $id) { name } }";

/// The answer to a GET request.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expected("text")).unwrap_or_default()
    }

    /// Returns the sources of a directive in the content security policy.
    fn policy(&self, directive: &str) -> Vec<&str> {
        let parts = self.header("content-security-policy").split(';').map(str::trim);
        let mut found = parts.filter_map(|part| part.strip_prefix(directive)?.strip_prefix(' '));
        found.next().map(|sources| sources.split(' ').collect()).unwrap_or_default()
    }
}

async fn get(app: &TestApp, path: &str) -> Got {
    get_with(app, path, &[]).await
}

async fn get_with(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Got {
    let mut request = reqwest::Client::new().get(format!("{}{path}", app.instances[0].url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expected("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.expected("a body");
    Got { status, headers, text: String::from_utf8_lossy(&body).into_owned() }
}

async fn entry_setup(app: &TestApp, name: &str, origins: &[&'static str]) -> entry_point::Model {
    app.entry_point(Channel::Webchat, name, EntryPointSetup { origins: origins.to_vec(), ..EntryPointSetup::default() })
        .await
}

/// Returns the files that a file of the page refers to.
fn named(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for start in ["'./", "\"files/"] {
        for part in text.split(start).skip(1) {
            let name: String = part.chars().take_while(|c| !"'\"".contains(*c)).collect();
            names.push(name);
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_may_connect_only_to_its_own_host() {
    let app = TestApp::with(1, &[("RAPPORT_INTROSPECTION", "false")]).await;
    let at = entry_setup(&app, "shop", &[SITE]).await;
    let page = get(&app, &format!("/webchat/{}", at.id)).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let host = app.instances[0].url.trim_start_matches("http://");
    let (ws, wss) = (format!("ws://{host}"), format!("wss://{host}"));
    for (directive, sources) in [
        ("default-src", vec!["'none'"]),
        ("script-src", vec!["'self'"]),
        ("style-src", vec!["'self'"]),
        ("img-src", vec!["'self'"]),
        ("connect-src", vec!["'self'", ws.as_str(), wss.as_str()]),
        ("form-action", vec!["'none'"]),
        ("base-uri", vec!["'none'"]),
        ("frame-ancestors", vec!["'self'", SITE]),
    ] {
        assert_eq!(page.policy(directive), sources, "{directive}");
    }
    for inline in ["<style", "style=", "onclick", "onload", "javascript:"] {
        assert!(!page.text.contains(inline), "{inline}");
    }
    assert!(page.text.split("<script").skip(1).all(|script| script.starts_with(" type=\"module\" src=")));
    // Every referenced file exists with the right type and refers to no other host.
    let mut seen = Vec::new();
    let mut waiting = named(&page.text);
    waiting.extend(["en", "de", "ko", "ja"].map(|language| format!("words-{language}.js")));
    while let Some(name) = waiting.pop() {
        if seen.contains(&name) {
            continue;
        }
        let file = get(&app, &format!("/webchat/files/{name}")).await;
        let kind = match name.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
        assert_eq!((file.status, file.header("content-type")), (StatusCode::OK, kind), "{name}");
        assert_eq!(file.header("x-content-type-options"), "nosniff", "{name}");
        for foreign in ["//cdn", "https://", "@import", "eval(", "new Function"] {
            assert!(!file.text.contains(foreign), "{name} has {foreign}");
        }
        waiting.extend(named(&file.text));
        seen.push(name);
    }
    assert_eq!(seen.len(), 23, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sites_of_an_entry_point_may_frame_its_page() {
    let app = TestApp::new().await;
    let own = entry_setup(&app, "own", &[]).await;
    let shop = entry_setup(&app, "shop", &["https://Shop.Example/", "http://localhost:3000"]).await;
    // A policy would read these values as more than one origin.
    let odd = [
        "*",
        "https://*",
        "https://*.example",
        "https://a.example;script-src *",
        "https://b.example https://c.example",
    ];
    let odd = json!([&odd[..], &["https://d.example/path", "data://x", "null", "https://"]].concat()).to_string();
    // An older version could have stored these values.
    let at = entry_setup(&app, "odd", &[]).await;
    app.database
        .run(&format!("UPDATE entry_point SET origins = '{odd}' WHERE id = {}", app.database.literal(at.id.0)))
        .await;
    let odd = at;
    for (at, frames) in [(&own, ""), (&shop, " https://shop.example http://localhost:3000"), (&odd, "")] {
        let page = get(&app, &format!("/webchat/{}", at.id)).await;
        assert_eq!(page.policy("frame-ancestors").join(" "), format!("'self'{frames}"));
        assert_eq!(page.policy("script-src"), ["'self'"]);
        assert!(page.headers.get("x-frame-options").is_none(), "it would know one site only");
    }
    // A host that no browser sends does not appear in the policy.
    let page = get_with(&app, &format!("/webchat/{}", own.id), &[("host", "a.example;x")]).await;
    assert_eq!(page.policy("connect-src"), ["'self'"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_entry_point_has_no_page_and_reveals_nothing() {
    let app = TestApp::new().await;
    let at = entry_setup(&app, "shop", &[SITE]).await;
    let archived = entry_setup(&app, "closed shop", &[SITE]).await;
    app.database.run("UPDATE entry_point SET archived_at = created_at WHERE name = 'closed shop'").await;
    let mail = app.entry_point(Channel::Email, "help@example.org", EntryPointSetup::default()).await;
    let unknown = "entry_01m7xnapkeess9yf3kt8ay0ya3".to_owned();
    let mut answers = Vec::new();
    for id in
        [archived.id.to_string(), mail.id.to_string(), unknown, "entry_".to_owned(), "x".to_owned(), "%00".to_owned()]
    {
        for path in [format!("/webchat/{id}"), format!("/webchat/{id}.js")] {
            let got = get(&app, &path).await;
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(got.header("content-security-policy").split(';').next(), Some("default-src 'none'"), "{path}");
            assert_eq!(got.policy("frame-ancestors"), ["'none'"], "{path}");
            assert_eq!(got.header("cache-control"), "no-store", "{path}");
            answers.push((got.header("content-type").to_owned(), got.text));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one is as the other");
    for word in ["shop", "Rapport", "entry", "chat"] {
        assert!(!answers[0].1.contains(word), "{word}");
    }
    for path in
        ["/webchat", "/webchat/", "/webchat/files/", "/webchat/files/page.html", "/webchat/files/..%2fpage.html"]
    {
        assert_eq!(get(&app, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(get(&app, &format!("/webchat/{}", at.id)).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_files_are_sent_again_only_when_they_have_changed() {
    let app = TestApp::new().await;
    let (at, other) = (entry_setup(&app, "shop", &[SITE]).await, entry_setup(&app, "help", &[]).await);
    for (path, caching) in [
        (format!("/webchat/{}", at.id), "no-cache"),
        ("/webchat/files/main.js".to_owned(), "no-cache"),
        (format!("/webchat/{}.js", at.id), "public, max-age=300"),
    ] {
        let first = get(&app, &path).await;
        assert_eq!(first.header("cache-control"), caching, "{path}");
        assert_eq!(first.header("vary"), "accept-encoding", "{path}");
        let tag = first.header("etag");
        let again = get_with(&app, &path, &[("if-none-match", &format!("\"x\", {tag}"))]).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        assert_eq!(again.header("etag"), tag, "{path}");
        assert_eq!(get_with(&app, &path, &[("if-none-match", "W/\"x\"")]).await.status, StatusCode::OK, "{path}");
        let short = get_with(&app, &path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(short.header("content-encoding"), "gzip", "{path}");
    }
    // A change of the allowed sites changes the version of the page.
    let page = get(&app, &format!("/webchat/{}", at.id)).await;
    let tag = page.header("etag");
    let elsewhere = get_with(&app, &format!("/webchat/{}", other.id), &[("if-none-match", tag)]).await;
    assert_eq!(elsewhere.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_may_load_the_launcher_script_and_no_other_file() {
    let app = TestApp::new().await;
    let at = entry_setup(&app, "shop", &[SITE]).await;
    let launcher = get(&app, &format!("/webchat/{}.js", at.id)).await;
    assert_eq!((launcher.status, launcher.header("content-type")), (StatusCode::OK, "text/javascript; charset=utf-8"));
    assert_eq!(launcher.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(launcher.header("x-content-type-options"), "nosniff");
    assert!(!launcher.text.contains(&at.id.to_string()), "it is the same for all and knows its address");
    let file = get(&app, "/webchat/files/main.js").await;
    assert_eq!(file.header("cross-origin-resource-policy"), "same-origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_counts_as_a_site_of_every_entry_point_and_foreign_sites_of_none() {
    let app = TestApp::new().await;
    let at = entry_setup(&app, "shop", &[SITE]).await;
    let nobody = app.anonymous();
    let id = json!({ "id": at.id.to_string() });
    let input = json!({ "input": { "entryPointId": at.id.to_string() } });
    let own = nobody.url.clone();
    for (origin, there) in [(own.as_str(), true), (SITE, true), ("https://evil.example", false), ("null", false)] {
        let page = Page { client: &nobody, origin };
        let seen = page.ask(WEB_CHAT, id.clone()).await;
        assert_eq!(seen.body["data"]["webChat"].is_object(), there, "{origin}");
        let begun = page.ask(START, input.clone()).await;
        let refusal = begun.at("startWebChat.userErrors");
        assert_eq!(refusal == &json!([]), there, "{origin}: {refusal}");
        assert_eq!(Socket::raw(&own, Some("graphql-transport-ws"), Some(origin)).await.is_ok(), there, "{origin}");
    }
    // A token that was issued to the page is accepted from the page's origin only.
    let begun = Page { client: &nobody, origin: &own }.ask(START, input).await;
    let kim = by(&app, &begun);
    for (origin, status) in [(own.as_str(), 200), (SITE, 401), ("https://evil.example", 401)] {
        assert_eq!(Page { client: &kim, origin }.ask("{ __typename }", Value::Null).await.status, status, "{origin}");
    }
}
