//! WebSockets of subscribers.

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

use super::{Server, memory::resident};

/// The client side of a socket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A subscription of a caller.
pub struct Subscription<'a> {
    pub token: &'a str,
    pub query: &'a str,
    pub variables: Value,
}

/// The number of subscribers in the warm-up.
const FIRST: usize = 50;

/// Opens and closes a few subscriptions, and returns the memory of the server afterwards. Memory that the server needs
/// only once is then no longer counted for each subscriber.
pub async fn warm<'a>(server: &Server, following: impl Fn(usize) -> Subscription<'a>) -> anyhow::Result<f64> {
    for mut socket in open_all(server, FIRST, following).await? {
        socket.close(None).await?;
        while socket.next().await.is_some() {}
    }
    resident(server.child.id())
}

/// Opens this number of subscriptions in order and waits until each has started.
pub async fn open_all<'a>(
    server: &Server,
    subscribers: usize,
    following: impl Fn(usize) -> Subscription<'a>,
) -> anyhow::Result<Vec<Socket>> {
    let opened = stream::iter(0..subscribers).map(|number| {
        let subscription = following(number);
        async {
            let mut socket = open(server, subscription).await?;
            let started = socket.next().await.context("closed")??;
            ensure!(started.to_text()?.contains("SubscriptionStarted"), "{started}");
            Ok(socket)
        }
    });
    opened.buffered(64).try_collect().await
}

/// Returns the message that starts an operation over a socket.
pub fn subscribe(id: &str, query: &str, variables: &Value) -> Message {
    let payload = json!({ "query": query, "variables": variables });
    Message::Text(json!({ "type": "subscribe", "id": id, "payload": payload }).to_string().into())
}

/// Opens a socket and starts a subscription.
pub async fn open(server: &Server, subscription: Subscription<'_>) -> anyhow::Result<Socket> {
    let mut request = format!("ws://{}/graphql", server.address).into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
    let (mut socket, _) = connect_async(request).await?;
    let authorization = format!("Bearer {}", subscription.token);
    let init = json!({ "type": "connection_init", "payload": { "authorization": authorization } });
    socket.send(Message::Text(init.to_string().into())).await?;
    socket.next().await.context("closed")??;
    socket.send(subscribe("1", subscription.query, &subscription.variables)).await?;
    Ok(socket)
}
