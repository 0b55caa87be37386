//! What is counted for `/metrics`, in the text form of Prometheus. Names come from clients, so only so many are told apart.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_graphql::parser::types::OperationType;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use subtle::ConstantTimeEq as _;

use super::execution::Executor;
use crate::{app::App, config::Environment};

/// Operation names that are told apart; the rest are one.
const MOST_NAMES: usize = 200;
/// The longest name that is told apart, in bytes.
const LONGEST_NAME: usize = 80;

/// How an operation ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    Done,
    Failed,
}

/// The counters of this instance.
pub struct Metrics {
    registry: Registry,
    names: Mutex<HashSet<String>>,
    operations: IntCounterVec,
    seconds: HistogramVec,
    refusals: IntCounter,
    pub sockets: IntGauge,
    slow_readers: IntCounter,
    subscriptions: IntGaugeVec,
    deliveries: IntCounterVec,
    connections: IntGaugeVec,
    streams: IntGauge,
    requests: IntGauge,
    answer_bytes: IntGauge,
}

/// A subscription that is live; no longer when this is dropped.
pub struct Live {
    subscriptions: IntGauge,
    deliveries: IntCounter,
}

impl Live {
    /// Counts an answer.
    pub fn delivered(&self) {
        self.deliveries.inc();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.subscriptions.dec();
    }
}

impl Metrics {
    /// Counters at zero.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let by_operation = &["kind", "name"][..];
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauges = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            names: Mutex::default(),
            operations: counters(
                "rapport_operations_total",
                "Queries and mutations that were run, by kind, name and outcome",
                &["kind", "name", "outcome"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("rapport_operation_seconds", "How long queries and mutations took")
                    .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]),
                by_operation,
            )?,
            refusals: IntCounter::new("rapport_refusals_total", "Operations that were refused before they ran")?,
            sockets: IntGauge::new("rapport_sockets", "WebSockets that are open")?,
            slow_readers: IntCounter::new(
                "rapport_slow_readers_total",
                "Sockets that were closed because their client did not read",
            )?,
            subscriptions: gauges("rapport_subscriptions", "Subscriptions that are live, by name", &["name"])?,
            deliveries: counters(
                "rapport_deliveries_total",
                "Events that subscriptions were given, by name",
                &["name"],
            )?,
            connections: gauges(
                "rapport_database_connections",
                "Connections to the database, by use: open, or free to be used at once",
                &["use", "state"],
            )?,
            streams: IntGauge::new("rapport_streams_followed", "Streams of the log that someone here follows")?,
            requests: IntGauge::new("rapport_tasks", "Sockets and mutations under way")?,
            answer_bytes: IntGauge::new("rapport_answer_bytes", "Bytes of memory that answers under way hold")?,
            registry,
        };
        let all: [Box<dyn prometheus::core::Collector>; 11] = [
            Box::new(metrics.operations.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.refusals.clone()),
            Box::new(metrics.sockets.clone()),
            Box::new(metrics.slow_readers.clone()),
            Box::new(metrics.subscriptions.clone()),
            Box::new(metrics.deliveries.clone()),
            Box::new(metrics.connections.clone()),
            Box::new(metrics.streams.clone()),
            Box::new(metrics.requests.clone()),
            Box::new(metrics.answer_bytes.clone()),
        ];
        for one in all {
            metrics.registry.register(one)?;
        }
        Ok(metrics)
    }

    /// The name an operation is counted under.
    fn name(&self, name: Option<&str>) -> String {
        let Some(name) = name.filter(|name| name.len() <= LONGEST_NAME) else { return String::new() };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return name.to_owned();
        }
        if names.len() >= MOST_NAMES {
            return "other".to_owned();
        }
        names.insert(name.to_owned());
        name.to_owned()
    }

    /// Counts a query or mutation that was run.
    pub fn operation(&self, kind: OperationType, name: Option<&str>, outcome: Outcome, took: Duration) {
        let kind = if kind == OperationType::Mutation { "mutation" } else { "query" };
        let name = self.name(name);
        let outcome = match outcome {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
        };
        self.operations.with_label_values(&[kind, &name, outcome]).inc();
        self.seconds.with_label_values(&[kind, &name]).observe(took.as_secs_f64());
    }

    /// Counts an operation that was refused before it ran.
    pub fn refused(&self) {
        self.refusals.inc();
    }

    /// Counts a socket whose client did not read.
    pub fn slow_reader(&self) {
        self.slow_readers.inc();
    }

    /// Counts a subscription for as long as the result lives.
    pub fn live(&self, name: Option<&str>) -> Live {
        let name = self.name(name);
        let subscriptions = self.subscriptions.with_label_values(&[&name]);
        subscriptions.inc();
        Live { subscriptions, deliveries: self.deliveries.with_label_values(&[&name]) }
    }

    fn render(&self, app: &App) -> Result<String, prometheus::Error> {
        for (of, (open, free)) in [("reading", app.db.read().load()), ("writing", app.db.write_load())] {
            self.connections.with_label_values(&[of, "open"]).set(open.into());
            self.connections.with_label_values(&[of, "free"]).set(i64::try_from(free).unwrap_or(i64::MAX));
        }
        self.streams.set(i64::try_from(app.tails.count()).unwrap_or(i64::MAX));
        self.requests.set(i64::try_from(app.tasks.len()).unwrap_or(i64::MAX));
        self.answer_bytes.set(i64::try_from(app.shares.memory()).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// `/metrics`. With a token configured, for who sends it; without one, for everybody in development and nobody else.
pub async fn serve(State(executor): State<Arc<Executor>>, headers: HeaderMap) -> Response {
    let app = executor.app();
    let allowed = match &app.config.monitoring.metrics_token {
        Some(token) => {
            let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let given = given.strip_prefix("Bearer ").unwrap_or_default();
            bool::from(given.as_bytes().ct_eq(token.expose().as_bytes()))
        }
        None => app.config.environment == Environment::Development,
    };
    if !allowed {
        return StatusCode::NOT_FOUND.into_response();
    }
    match executor.metrics.render(app) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(cause = %error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
