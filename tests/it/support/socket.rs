//! A client of graphql-transport-ws.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue, protocol::CloseFrame},
};

use super::Expected as _;

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// The subscription of most tests.
pub const INCOMING: &str = include_str!("../operations/support/socket/incoming.graphql");

impl Socket {
    /// Opens a socket without initializing it.
    pub async fn raw(url: &str, protocol: Option<&str>, origin: Option<&str>) -> Result<Self, String> {
        let mut request = format!("{}/graphql", url.replace("http", "ws")).into_client_request().expected("a request");
        for (name, value) in [("sec-websocket-protocol", protocol), ("origin", origin)] {
            if let Some(value) = value {
                request.headers_mut().insert(name, HeaderValue::from_str(value).expected("a header"));
            }
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Opens and initializes a socket.
    pub async fn open(url: &str, token: Option<&str>) -> Self {
        Self::try_open(url, token).await.expected("a socket")
    }

    /// Opens a socket to a server that may be down.
    pub async fn try_open(url: &str, token: Option<&str>) -> Option<Self> {
        let mut socket = Self::raw(url, Some("graphql-transport-ws"), None).await.ok()?;
        let payload = token.map_or(json!({}), |token| json!({ "authorization": format!("Bearer {token}") }));
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        let ack = socket.hear().await.ok()?;
        assert_eq!(ack["type"], "connection_ack");
        Some(socket)
    }

    /// Opens a socket, and tries again while too many from this address are being opened.
    pub async fn open_later(url: &str, token: Option<&str>) -> Self {
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(socket) = Self::try_open(url, token).await {
                return socket;
            }
            assert!(tokio::time::Instant::now() < patience, "no socket can be opened");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn say(&mut self, message: &Value) {
        // A closed connection shows at the next read.
        drop(self.0.send(Message::Text(message.to_string().into())).await);
    }

    pub async fn say_text(&mut self, text: &str) {
        drop(self.0.send(Message::Text(text.into())).await);
    }

    pub async fn say_bytes(&mut self, bytes: &'static [u8]) {
        drop(self.0.send(Message::Binary(bytes.into())).await);
    }

    /// Reads until the given number of pings has arrived.
    pub async fn pings(&mut self, count: usize) {
        let mut heard = 0;
        while heard < count {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expected("a ping in time") {
                Some(Ok(Message::Ping(_))) => heard += 1,
                Some(Ok(Message::Close(_)) | Err(_)) | None => panic!("closed after {heard} pings"),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Returns the next message, or the close code. The code is 0 for a close without one.
    pub async fn hear(&mut self) -> Result<Value, u16> {
        // Pings do not extend the timeout.
        let heard = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expected("JSON")),
                    Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(0),
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expected("a message in time")
    }

    /// Drops all remaining messages. Returns the close code, or 0 for a close without one.
    pub async fn end(&mut self) -> u16 {
        let ended = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map_or(0, |frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return 0,
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expected("the end in time")
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.subscribe_with(id, json!({ "query": query, "variables": variables })).await;
    }

    /// Starts an operation with a whole payload, which can name one of several operations.
    pub async fn subscribe_with(&mut self, id: &str, payload: Value) {
        self.say(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// Subscribes to incoming requests and waits for the first event.
    pub async fn follow(&mut self, after: Option<&str>) -> Value {
        self.subscribe("1", INCOMING, json!({ "after": after })).await;
        let started = self.event().await.expected("the first event");
        assert_eq!(started["__typename"], "SubscriptionStarted");
        started
    }

    /// Subscribes to a conversation from a cursor and waits for the first event.
    pub async fn follow_conversation(&mut self, id: &str, after: Option<&str>) -> Value {
        self.subscribe("1", super::conversations::EVENTS, json!({ "id": id, "after": after })).await;
        let started = self.event().await.expected("the first event");
        assert_eq!(started["__typename"], "SubscriptionStarted");
        started
    }

    /// Returns the next event of the subscription. None when the socket or the subscription ends.
    pub async fn event(&mut self) -> Option<Value> {
        let message = self.hear().await.ok()?;
        match message["type"].as_str() {
            Some("next") => Some(message["payload"]["data"]["event"].clone()),
            Some("complete") => None,
            _ => panic!("{message}"),
        }
    }

    /// Closes the socket with a code. Returns the code of the answering close.
    pub async fn close(mut self, code: u16) -> Option<u16> {
        let frame = CloseFrame { code: code.into(), reason: "done".into() };
        self.0.send(Message::Close(Some(frame))).await.expected("sent");
        let answered = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expected("an answer in time")
    }

    /// Drops the connection without a close.
    pub fn cut(self) {
        drop(self.0);
    }
}
