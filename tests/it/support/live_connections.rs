//! Sockets and streams that end when a right ends.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    Expected as _,
    app::TestApp,
    graphql::Client,
    socket::{INCOMING, Socket},
};

/// The maximum time until a connection ends.
pub const WITHIN: Duration = Duration::from_secs(2);

/// Opens one socket and one stream of server-sent events on each instance, both with a subscription.
pub async fn follow_everywhere(app: &TestApp, token: &str) -> (Vec<Socket>, Vec<reqwest::Response>) {
    let (mut sockets, mut streams) = (Vec::new(), Vec::new());
    for instance in &app.instances {
        let mut socket = Socket::open(&instance.url, Some(token)).await;
        socket.follow(None).await;
        sockets.push(socket);
        let request = reqwest::Client::new()
            .post(format!("{}/graphql", instance.url))
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .json(&json!({ "query": INCOMING }));
        let mut stream = request.send().await.expected("a stream");
        let first = stream.chunk().await.expected("an event").expected("an event");
        assert!(String::from_utf8_lossy(&first).contains("SubscriptionStarted"));
        streams.push(stream);
    }
    (sockets, streams)
}

/// Checks that all connections end in time, the sockets with 4403, and that the token is refused afterwards.
pub async fn all_end(app: &TestApp, what: &str, token: &str, live: (Vec<Socket>, Vec<reqwest::Response>)) {
    let since = Instant::now();
    let (sockets, streams) = live;
    for mut socket in sockets {
        let said = timeout(WITHIN, socket.hear()).await.expected(what);
        assert_eq!(said, Err(4403), "{what}");
    }
    for mut stream in streams {
        let ended = timeout(WITHIN, async { while stream.chunk().await.expected("more or the end").is_some() {} });
        ended.await.expected(what);
    }
    assert!(since.elapsed() <= WITHIN, "{what} took {:?}", since.elapsed());
    for instance in &app.instances {
        let answer = Client::new(&instance.url, Some(token.to_owned())).ask("{ viewer { scopes } }", Value::Null).await;
        assert_eq!(answer.status, 401, "{what}");
    }
}
