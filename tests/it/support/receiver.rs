//! An HTTP receiver of deliveries that fails, hangs and answers late, and a sender for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use api::{
    app::App,
    deliveries::sender::{RetryPolicy, Sender, Verdict},
    error::Result,
};
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use entity::delivery::{self, DeliveryKind, RetryClass};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

use super::{Expected as _, random::Chance};

/// The content of a delivery in tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub lane: usize,
    pub number: usize,
}

#[derive(Deserialize)]
struct Request {
    key: Option<String>,
    parcel: Parcel,
}

/// The time that the receiver takes for a late answer.
const LATE: Duration = Duration::from_millis(80);
/// The time after which a sender gives up.
const PATIENCE: Duration = Duration::from_millis(50);

/// A receiver. It keeps the accepted parcels in their order.
pub struct Receiver {
    received: Mutex<Vec<(Option<String>, Parcel)>>,
    chance: Mutex<Chance>,
    /// While true, no request gets an answer, and none fails.
    pub hold: AtomicBool,
    /// The number of requests without an answer.
    pub waiting: AtomicUsize,
    url: String,
}

impl Receiver {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expected("a port");
        let url = format!("http://{}/", listener.local_addr().expected("an address"));
        let receiver = Arc::new(Self {
            received: Mutex::default(),
            chance: Mutex::new(Chance::seeded(7)),
            hold: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            url,
        });
        let router = Router::new().route("/", post(receive)).with_state(Arc::clone(&receiver));
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Returns the accepted parcels, in the order of their acceptance.
    pub fn received(&self) -> Vec<Parcel> {
        self.received.lock().iter().map(|(_, parcel)| parcel.clone()).collect()
    }

    /// Accepts a parcel, unless its key is known.
    fn accept(&self, request: Request) {
        let mut received = self.received.lock();
        let known = request.key.is_some() && received.iter().any(|(key, _)| *key == request.key);
        if !known {
            received.push((request.key, request.parcel));
        }
    }
}

async fn receive(State(receiver): State<Arc<Receiver>>, Json(request): Json<Request>) -> StatusCode {
    receiver.waiting.fetch_add(1, Ordering::SeqCst);
    let held = receiver.hold.load(Ordering::SeqCst);
    while receiver.hold.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    receiver.waiting.fetch_sub(1, Ordering::SeqCst);
    let kind = if held { 100 } else { receiver.chance.lock().below(100) };
    match kind {
        0..15 => return StatusCode::SERVICE_UNAVAILABLE,
        // It hangs and does nothing.
        15..18 => tokio::time::sleep(LATE * 20).await,
        // It does its work and answers too late.
        18..24 => {
            receiver.accept(request);
            tokio::time::sleep(LATE).await;
        }
        _ => receiver.accept(request),
    }
    StatusCode::OK
}

/// Sends parcels to a receiver.
pub struct HttpSender {
    client: reqwest::Client,
    url: String,
}

impl HttpSender {
    /// Creates a sender that gives up after a short time.
    pub fn new(receiver: &Receiver) -> Self {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().expected("a client");
        Self { client, url: receiver.url.clone() }
    }

    /// Creates a sender that waits for an answer.
    pub fn patient(receiver: &Receiver) -> Self {
        Self { client: reqwest::Client::new(), url: receiver.url.clone() }
    }
}

impl Sender for HttpSender {
    fn kind(&self) -> DeliveryKind {
        DeliveryKind::NotificationEmail
    }

    fn policy(&self) -> RetryPolicy {
        RetryPolicy { first: Duration::from_secs(1), longest: Duration::from_secs(10), attempts: 1_000 }
    }

    fn send<'a>(&'a self, _: &'a App, delivery: &'a delivery::Model) -> BoxFuture<'a, Result<Verdict>> {
        Box::pin(async move {
            let parcel: Parcel = serde_json::from_str(&delivery.payload).expected("a parcel");
            let key = (delivery.retry == RetryClass::Keyed).then(|| delivery.id.to_string());
            let sent = self.client.post(&self.url).json(&json!({ "key": key, "parcel": parcel })).send().await;
            Ok(match sent {
                Ok(answer) if answer.status() == 200 => Verdict::Accepted(None),
                Ok(answer) => Verdict::Later { error: answer.status().to_string(), after: None },
                Err(error) => Verdict::Unclear(error.to_string()),
            })
        })
    }
}
