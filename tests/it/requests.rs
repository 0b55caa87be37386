//! Tests of HTTP requests as clients, proxies and browsers write them: parameters, hosts, credentials, encodings and
//! hashed documents.

use std::io::Write as _;

use api::{
    auth::{jwt, viewer::Scopes},
    trusted_documents::document_id,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    Expected as _, app::TestApp, database::TestDatabase, eventually, graphql::Client, process::Server, socket::Socket,
};

const QUERY: &str = "{ __typename }";
const WS: Option<&str> = Some("graphql-transport-ws");

/// Sends raw bytes and reads the answer until the connection ends.
async fn raw(url: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expected("a connection");
    stream.write_all(request.as_bytes()).await.expected("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expected("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_parameter_counts_as_absent() {
    let app = TestApp::new().await;
    let get = async |query: &[(&str, &str)]| {
        let request = reqwest::Client::new().get(format!("{}/graphql", app.instances[0].url)).query(query);
        let answer = request.header("accept", "application/json").send().await.expected("an answer");
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.expected("JSON"))
    };
    for more in [
        &[][..],
        &[("operationName", "")],
        &[("variables", "")],
        &[("extensions", "")],
        &[("operationName", ""), ("variables", ""), ("extensions", "")],
        &[("variables", "null"), ("extensions", "{}")],
        &[("unknown", "1")],
    ] {
        let parameters = [&[("query", QUERY)][..], more].concat();
        let (status, answer) = get(&parameters).await;
        assert_eq!((status, &answer["data"]["__typename"]), (200, &json!("Query")), "{more:?}");
    }
    let named = [("query", "query A { __typename } query B { a: __typename }"), ("operationName", "B")];
    assert_eq!(get(&named).await.1["data"], json!({ "a": "Query" }));
    for bad in
        [&[("query", "")][..], &[], &[("query", QUERY), ("variables", "{")], &[("query", QUERY), ("extensions", "x")]]
    {
        let (status, answer) = get(bad).await;
        assert_eq!((status, &answer["errors"][0]["extensions"]["code"]), (400, &json!("BAD_REQUEST")), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_must_have_exactly_one_valid_host() {
    let app = TestApp::new().await;
    let url = &app.instances[0].url;
    for (head, status) in [
        ("GET /health/live HTTP/1.1\r\nHost: localhost", 200),
        ("GET /health/live HTTP/1.1\r\nHost: a_b.example:8080", 200),
        ("GET /health/live HTTP/1.1\r\nHost: [::1]:80", 200),
        ("GET /health/live HTTP/1.0", 200),
        ("GET http://localhost/health/live HTTP/1.1\r\nHost: localhost", 200),
        ("GET /health/live HTTP/1.1", 400),
        ("GET /health/live HTTP/1.1\r\nHost:", 400),
        ("GET /health/live HTTP/1.1\r\nHost: a b", 400),
        ("GET /health/live HTTP/1.1\r\nHost: a/b", 400),
        ("GET /health/live HTTP/1.1\r\nHost: user@localhost", 400),
        ("GET /health/live HTTP/1.1\r\nHost: a:b", 400),
        ("GET /health/live HTTP/1.1\r\nHost: [::1", 400),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nHost: a", 400),
        ("GET /health/live HTTP/1.0\r\nHost: a?b", 400),
        ("GET http://localhost/health/live HTTP/1.1", 400),
        ("POST /graphql HTTP/1.1\r\nHost: a,b c\r\nContent-Type: application/json", 400),
    ] {
        let answer = raw(url, &format!("{head}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.") && answer[9..].starts_with(&status.to_string()), "{head:?}: {answer}");
        assert!(answer.to_lowercase().contains("x-content-type-options: nosniff"), "{head:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_credentials_count_as_none_and_stale_ones_do_not_prevent_a_sign_in() {
    let app = TestApp::new().await;
    let url = app.instances[0].url.clone();
    let (_, refresh) = crate::support::accounts::sign_up(&app, "jane").await;
    let at = app.web_site("shop").await.id.to_string();
    let ask = async |authorization: &str, query: &str| {
        let request = reqwest::Client::new().post(format!("{url}/graphql")).header("authorization", authorization);
        let answer = request.json(&json!({ "query": query })).send().await.expected("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expected("JSON"))
    };
    let sign_in = "mutation { signIn(input: { handle: \"jane\", password: \"correct horse\" }) { accessToken } }";
    let sign_up = "mutation { signUp(input: { handle: \"other\", password: \"correct horse\", displayName: \"O\" }) { accessToken } }";
    let refresh =
        format!("mutation R {{ refreshSession(input: {{ refreshToken: \"{refresh}\" }}) {{ accessToken }} }}");
    let chat = format!("{{ webChat(entryPointId: \"{at}\") {{ name }} }}");
    let start = format!("mutation {{ startWebChat(input: {{ entryPointId: \"{at}\" }}) {{ visitorToken }} }}");
    for authorization in ["", " ", "\t", "    ", "Bearer", "bearer", "Bearer "] {
        assert_eq!(ask(authorization, QUERY).await.0, 200);
        assert_eq!(ask(authorization, "{ viewer { scopes } }").await.0, 401, "still nobody");
        assert!(ask(authorization, sign_in).await.1["data"]["signIn"]["accessToken"].is_string());
    }
    for stale in ["Bearer x", "Bearer rk_x.y", "Bearer rv_gone", "Basic amFuZTp4", "Bearer a.b.c", "Bearer ."] {
        for (query, path) in [
            (sign_in, "/data/signIn/accessToken"),
            (refresh.as_str(), "/data/refreshSession"),
            (chat.as_str(), "/data/webChat/name"),
            (start.as_str(), "/data/startWebChat/visitorToken"),
        ] {
            let (status, answer) = ask(stale, query).await;
            assert_eq!(status, 200, "{stale} {query}");
            assert!(answer.pointer(path).is_some_and(|value| !value.is_null()), "{stale} {query}: {answer}");
        }
        for query in [
            QUERY,
            "{ viewer { scopes } }",
            "mutation { revokeSession(input: { sessionId: \"x\" }) { outcome } }",
            "mutation { signIn(input: { handle: \"jane\", password: \"x\" }) { accessToken } postStatus(input: { text: \"x\" }) { outcome } }",
        ] {
            assert_eq!(ask(stale, query).await.0, 401, "{stale} {query}");
        }
    }
    assert!(ask("Bearer stale", sign_up).await.1["data"]["signUp"]["accessToken"].is_string());
    for (payload, taken) in [
        (json!({ "authorization": "" }), true),
        (json!({ "Authorization": " " }), true),
        (json!({ "authorization": null }), true),
        (json!({ "authorization": "Bearer" }), true),
        (json!({ "authorization": "Bearer " }), true),
        (json!({ "authorization": "Bearer x" }), false),
    ] {
        let mut socket = Socket::raw(&url, WS, None).await.expected("a socket");
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        match socket.hear().await {
            Ok(said) => assert!(taken && said["type"] == "connection_ack", "{payload}"),
            Err(code) => assert_eq!((taken, code), (false, 4403), "{payload}"),
        }
    }
    // A token that was valid until now is treated like any stale token.
    let (left, _) = crate::support::accounts::sign_up(&app, "left").await;
    left.ask("mutation { signOut { outcome } }", Value::Null).await.at("signOut");
    eventually("the session has ended", || async { left.ask(QUERY, Value::Null).await.status == 401 }).await;
    let late = app.person("late").await;
    let short = jwt::issue(app.app(), late.id, Scopes::all(), None, std::time::Duration::from_secs(60));
    app.clock.advance(chrono::Duration::seconds(61));
    for stale in [left.token.clone().expected("a token"), short.expected("a token").text] {
        let stale = format!("Bearer {stale}");
        for (query, path) in [
            (sign_in, "/data/signIn/accessToken"),
            (chat.as_str(), "/data/webChat/name"),
            (start.as_str(), "/data/startWebChat/visitorToken"),
        ] {
            let (status, answer) = ask(&stale, query).await;
            assert_eq!(status, 200, "{stale} {query}");
            assert!(answer.pointer(path).is_some_and(|value| !value.is_null()), "{stale} {query}: {answer}");
        }
        assert_eq!(ask(&stale, QUERY).await.0, 401, "{stale}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_digest_is_answered_so_that_clients_send_the_whole_document() {
    let app = TestApp::new().await;
    let url = format!("{}/graphql", app.instances[0].url);
    let hash = |version: u8| json!({ "persistedQuery": { "version": version, "sha256Hash": "x" } });
    let refused = |message: &str, code: &str| json!([{ "message": message, "extensions": { "code": code } }]);
    let not_found = refused("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND");
    let not_supported = refused("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED");
    let http = reqwest::Client::new();
    for (accept, status) in
        [("application/json", 200), ("application/graphql-response+json", 400), ("text/event-stream", 200)]
    {
        for (body, expected) in [
            (json!({ "extensions": hash(1) }), &not_found),
            (
                json!({ "extensions": hash(1), "query": null, "variables": { "a": 1 }, "operationName": "A" }),
                &not_found,
            ),
            (json!({ "extensions": hash(1), "query": "" }), &not_found),
            (json!({ "documentId": document_id::of(&document_id::digest("{unknown}")) }), &not_found),
            (json!({ "documentId": "a custom id" }), &not_found),
            (json!({ "extensions": hash(2), "variables": null }), &not_supported),
        ] {
            let answer = http.post(&url).header("accept", accept).json(&body).send().await.expected("an answer");
            assert_eq!(answer.status(), status, "{accept} {body}");
            let text = answer.text().await.expected("a text");
            // A client that accepts only events gets the answer as an event.
            let json = match accept {
                "text/event-stream" => text
                    .strip_prefix("event: next\ndata: ")
                    .and_then(|text| text.strip_suffix("\n\nevent: complete\ndata:\n\n"))
                    .expected("two events"),
                _ => &text,
            };
            let json: Value = serde_json::from_str(json).expected("JSON");
            assert_eq!(json, json!({ "errors": expected }), "{accept} {body}");
        }
        let get = http.get(&url).header("accept", accept).query(&[("extensions", hash(1).to_string())]);
        let answer = get.send().await.expected("an answer").text().await.expected("a text");
        let said = json!({ "errors": not_found }).to_string();
        assert!(answer == said || answer.starts_with(&format!("event: next\ndata: {said}\n\n")), "{accept}: {answer}");
    }
    for body in [
        json!({}),
        json!({ "extensions": {} }),
        json!({ "extensions": { "persistedQuery": null } }),
        json!({ "documentId": 1 }),
    ] {
        let answer = http.post(&url).json(&body).send().await.expected("an answer");
        let answer = (answer.status().as_u16(), answer.json::<Value>().await.expected("JSON"));
        assert_eq!((answer.0, &answer.1["errors"][0]["extensions"]["code"]), (400, &json!("BAD_REQUEST")), "{body}");
    }
    let mut socket = Socket::open(&app.instances[0].url, None).await;
    socket.say(&json!({ "type": "subscribe", "id": "1", "payload": { "extensions": hash(1) } })).await;
    assert_eq!(socket.hear().await, Ok(json!({ "type": "error", "id": "1", "payload": not_found })));
    socket.subscribe("1", QUERY, json!({})).await;
    assert_eq!(socket.hear().await.expected("an answer")["payload"]["data"]["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_utf8_with_any_label_and_may_be_compressed() {
    let app = TestApp::with(1, &[("RAPPORT_MAX_BODY_BYTES", "4096")]).await;
    let url = format!("{}/graphql", app.instances[0].url);
    let packed = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).expected("packed");
        encoder.finish().expected("packed")
    };
    let plain = json!({ "query": QUERY }).to_string();
    let send = async |kind: &str, encoding: Option<&str>, body: Vec<u8>| {
        let request = reqwest::Client::new().post(&url).header("content-type", kind).body(body);
        let request = match encoding {
            Some(encoding) => request.header("content-encoding", encoding),
            None => request,
        };
        request.send().await.expected("an answer")
    };
    for charset in ["utf8", "UTF-8", "\"utf-8\"", "us-ascii", ""] {
        let answer = send(&format!("application/json; charset={charset}"), None, plain.clone().into()).await;
        assert_eq!(answer.status(), 200, "{charset}");
    }
    for charset in ["utf-16", "iso-8859-1", "euc-kr"] {
        let answer = send(&format!("application/json; charset={charset}"), None, plain.clone().into()).await;
        assert_eq!(answer.status(), 415, "{charset}");
    }
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        let answer = send("application/json", Some(encoding), packed(&plain)).await;
        assert_eq!(answer.status(), 200, "{encoding}");
        assert_eq!(answer.json::<Value>().await.expected("JSON")["data"]["__typename"], "Query");
    }
    assert_eq!(send("application/json", Some("identity"), plain.clone().into()).await.status(), 200);
    for encoding in ["br", "deflate", "zstd", "gzip, gzip"] {
        let answer = send("application/json", Some(encoding), packed(&plain)).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["accept-encoding"]),
            (415, &"gzip".parse().expected("a value"))
        );
    }
    // A body that is short when compressed and long when unpacked is refused like a long body.
    let bomb = packed(&format!("{{\"query\":\"{}\"}}", " ".repeat(4 << 20)));
    assert!(bomb.len() < 8_192);
    for (body, status) in
        [(packed(&format!("{plain}{}", " ".repeat(5_000))), 413), (bomb[..4_000].to_vec(), 413), (b"{}".to_vec(), 400)]
    {
        assert_eq!(send("application/json", Some("gzip"), body).await.status(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_may_send_tracing_headers_and_every_answer_forbids_sniffing() {
    let site = "https://app.example";
    let app = TestApp::with(1, &[("RAPPORT_ALLOWED_ORIGINS", site)]).await;
    let url = &app.instances[0].url;
    for header in
        ["traceparent", "tracestate", "apollographql-client-name", "apollographql-client-version", "content-encoding"]
    {
        let asked = reqwest::Client::new()
            .request(reqwest::Method::OPTIONS, format!("{url}/graphql"))
            .header("origin", site)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", header);
        let answer = asked.send().await.expected("an answer");
        let allowed = answer.headers()["access-control-allow-headers"].to_str().expected("text");
        assert!(allowed.split(',').any(|name| name.trim() == header), "{header}: {allowed}");
    }
    for path in
        ["/graphql", "/", "/health/live", "/health/ready", "/metrics", "/contacts.vcf", "/nothing", "/schema.graphql"]
    {
        let answer = reqwest::get(format!("{url}{path}")).await.expected("an answer");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    for body in ["{\"query\":\"{ __typename }\"}", "{\"query\":\"{ nothing }\"}", "{}", "{"] {
        let asked = reqwest::Client::new().post(format!("{url}/graphql")).header("content-type", "application/json");
        let answer = asked.body(body).send().await.expected("an answer");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pong_has_the_payload_of_its_ping_and_a_close_is_answered() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let mut socket = ann.socket(0).await;
    for payload in [json!({ "at": 1 }), json!({}), json!({ "a": ["\"", 1.5, null] })] {
        socket.say(&json!({ "type": "ping", "payload": payload })).await;
        assert_eq!(socket.hear().await, Ok(json!({ "type": "pong", "payload": payload })));
    }
    socket.say(&json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await, Ok(json!({ "type": "pong" })));
    for code in [1000, 1001, 4499] {
        let mut socket = ann.socket(0).await;
        socket.follow(None).await;
        assert_eq!(socket.close(code).await, Some(code), "the same code comes back");
    }
}

/// Sends a request on many connections, then the signal to stop, and reads all answers.
async fn all_are_answered(request: &str, drain: &str) {
    let database = TestDatabase::new().await;
    let mut server = Server::start(&database, &[("RAPPORT_DEMO", "false"), ("RAPPORT_DRAIN", drain)]);
    let address = server.url.trim_start_matches("http://").to_owned();
    // Ensures that the server serves requests.
    Client::new(&server.url, None).ask(QUERY, Value::Null).await.at("__typename");
    let mut streams = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(&address).await.expected("a connection");
        stream.write_all(request.as_bytes()).await.expected("written");
        streams.push(stream);
    }
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    for (number, mut stream) in streams.into_iter().enumerate() {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expected("an answer");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Query"), "{number}: {answer}");
    }
    assert_eq!(stopped.await.expected("an end"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_before_the_signal_to_stop_are_answered() {
    let body = json!({ "query": QUERY }).to_string();
    let post = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let get = "GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
    for (request, drain) in [(post.as_str(), "0s"), (get, "0s"), (post.as_str(), "1s")] {
        all_are_answered(request, drain).await;
    }
}
