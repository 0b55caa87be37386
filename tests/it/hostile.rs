//! Tests of hostile documents, bodies and connections: each gets a short refusal, over HTTP and over a socket, and
//! changes nothing.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Expected as _, app::TestApp, documents::documents};

/// The codes of refusals that are not faults of the server.
const REFUSALS: [&str; 5] =
    ["LIMIT_EXCEEDED", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_REQUEST", "BAD_USER_INPUT"];
/// The maximum size of a refusal, in bytes.
const SHORT: usize = 4_096;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_documents_get_a_short_refusal_over_http_and_over_a_socket() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    app.statements();
    for (name, document) in documents() {
        let answer = ann.ask(&document, Value::Null).await;
        assert!(REFUSALS.contains(&answer.code()), "{name}: {}", answer.body);
        assert!(answer.body.get("data").is_none(), "{name}: {}", answer.body);
        assert!(answer.body.to_string().len() <= SHORT, "{name}");
        let mut socket = ann.socket(0).await;
        socket.subscribe("1", &document, json!({})).await;
        let said = socket.hear().await.expected(name);
        assert_eq!(said["type"], "error", "{name}");
        assert!(said.to_string().len() <= SHORT, "{name}");
    }
    assert_eq!(app.statements().iter().map(|statement| statement.sql.clone()).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_get_a_short_refusal() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let url = format!("{}/graphql", app.instances[0].url);
    let post = || reqwest::Client::new().post(&url).bearer_auth(&ann.token);
    let json_type = ("content-type", "application/json");
    let nested =
        format!("{{\"query\": \"{{ __typename }}\", \"variables\": {}1{}}}", "[".repeat(1_000), "]".repeat(1_000));
    let batch = format!("[{}]", vec!["{\"query\": \"{ __typename }\"}"; 100].join(","));
    let nul = json!({ "query": "query($h: String) { user(handle: $h) { id } }", "variables": { "h": "a\u{0}" } });
    let lone = "{\"query\": \"query($h: String) { user(handle: $h) { id } }\", \"variables\": {\"h\": \"\\ud83d\"}}";
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut zipped, &vec![b' '; 10_000_000]).expected("compressed");
    let zipped = zipped.finish().expected("compressed");
    for (name, request, statuses) in [
        ("10 MB", post().header(json_type.0, json_type.1).body(vec![b' '; 10_000_000]), vec![413]),
        (
            "a gzip bomb",
            post().header(json_type.0, json_type.1).header("content-encoding", "gzip").body(zipped),
            vec![413],
        ),
        ("nesting in variables", post().header(json_type.0, json_type.1).body(nested), vec![400]),
        ("a batch", post().header(json_type.0, json_type.1).body(batch), vec![400]),
        ("no text", post().header(json_type.0, json_type.1).body(vec![0xff; 1_000]), vec![400]),
        ("U+0000 in a variable", post().header(json_type.0, json_type.1).body(nul.to_string()), vec![200]),
        ("half a pair in a variable", post().header(json_type.0, json_type.1).body(lone), vec![400]),
        ("nothing", post().header(json_type.0, json_type.1).body(""), vec![400]),
    ] {
        // The server answers and closes while the client still sends, which the client may see as a reset.
        let Ok(answer) = request.send().await else {
            assert_eq!(name, "10 MB");
            continue;
        };
        assert!(statuses.contains(&answer.status().as_u16()), "{name}: {}", answer.status());
        let text = answer.text().await.expected(name);
        assert!(text.contains("\"errors\"") && text.len() <= SHORT, "{name}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_headers_and_bodies_are_cut_off() {
    let app = TestApp::new().await;
    let address = app.instances[0].url.trim_start_matches("http://").to_owned();
    let starts = [
        "",
        "P",
        "GET /graphql HTTP/1.1\r\nhost: x\r\nx-",
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    ];
    let cut = starts.map(|start| {
        let address = address.clone();
        async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.expected("a connection");
            stream.write_all(start.as_bytes()).await.expected("written");
            let mut rest = Vec::new();
            // The server closes the connection at its limit.
            let ended = tokio::time::timeout(std::time::Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "{start:?} is still open");
        }
    });
    futures_util::future::join_all(cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_one_address_are_limited() {
    let app = TestApp::with(1, &[("RAPPORT_MAX_CONNECTIONS_PER_ADDRESS", "3")]).await;
    let address = app.instances[0].url.trim_start_matches("http://").to_owned();
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(tokio::net::TcpStream::connect(&address).await.expected("a connection"));
    }
    let mut one_more = tokio::net::TcpStream::connect(&address).await.expected("a connection");
    let mut nothing = [0; 1];
    assert!(matches!(one_more.read(&mut nothing).await, Ok(0) | Err(_)));
    drop(open);
    crate::support::eventually("places are given back", || async {
        app.anonymous().try_ask("{ __typename }", Value::Null).await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
}
