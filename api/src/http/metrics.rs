//! The counters of `/metrics`, in the text format of Prometheus. Clients choose the names of operations, so the
//! number of distinct names is limited.

use std::{collections::HashSet, time::Duration};

use async_graphql::parser::types::OperationType;
use parking_lot::Mutex;
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::app::App;

/// The maximum of distinct operation names. All further names count as "other".
const MAX_NAMES: usize = 200;
/// The longest name that is counted separately, in bytes.
const LONGEST_NAME: usize = 80;

/// The outcome of an operation.
#[derive(Clone, Copy, Debug)]
pub enum RequestOutcome {
    /// The operation ran without errors.
    Done,
    /// The operation had errors.
    Failed,
}

/// The counters of this instance.
pub struct Metrics {
    registry: Registry,
    names: Mutex<HashSet<String>>,
    operations: IntCounterVec,
    seconds: HistogramVec,
    refusals: IntCounter,
    /// The number of open sockets.
    pub sockets: IntGauge,
    slow_readers: IntCounter,
    subscriptions: IntGaugeVec,
    deliveries: IntCounterVec,
    connections: IntGaugeVec,
    streams: IntGauge,
    requests: IntGauge,
    answer_bytes: IntGauge,
}

/// A running subscription, which is counted until this is dropped.
pub struct SubscriptionGauge {
    subscriptions: IntGauge,
    deliveries: IntCounter,
}

impl SubscriptionGauge {
    /// Counts an answer.
    pub fn delivered(&self) {
        self.deliveries.inc();
    }
}

impl Drop for SubscriptionGauge {
    fn drop(&mut self) {
        self.subscriptions.dec();
    }
}

impl Metrics {
    /// Creates counters at zero.
    pub fn new(app: &App) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let by_operation = &["kind", "name"][..];
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauges = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            names: Mutex::default(),
            operations: counters(
                "rapport_operations_total",
                "Executed queries and mutations, by kind, name and outcome",
                &["kind", "name", "outcome"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("rapport_operation_seconds", "Seconds that queries and mutations took")
                    .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]),
                by_operation,
            )?,
            refusals: IntCounter::new("rapport_refusals_total", "Operations refused before they ran")?,
            sockets: IntGauge::new("rapport_sockets", "Open WebSockets")?,
            slow_readers: IntCounter::new(
                "rapport_slow_readers_total",
                "Sockets closed because their client did not read in time",
            )?,
            subscriptions: gauges("rapport_subscriptions", "Running subscriptions, by name", &["name"])?,
            deliveries: counters(
                "rapport_deliveries_total",
                "Events that subscriptions delivered, by name",
                &["name"],
            )?,
            connections: gauges(
                "rapport_database_connections",
                "Database connections by use, and by state: open or free",
                &["use", "state"],
            )?,
            streams: IntGauge::new("rapport_streams_followed", "Streams that clients of this instance follow")?,
            requests: IntGauge::new("rapport_tasks", "Open sockets and running mutations")?,
            answer_bytes: IntGauge::new("rapport_answer_bytes", "Bytes of memory that pending answers take")?,
            registry,
        };
        let all: [Box<dyn prometheus::core::Collector>; 13] = [
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
            Box::new(app.background.steps()),
            Box::new(app.deliveries.clone()),
        ];
        for one in all {
            metrics.registry.register(one)?;
        }
        Ok(metrics)
    }

    /// Returns the name under which an operation is counted.
    fn name(&self, name: Option<&str>) -> String {
        let Some(name) = name.filter(|name| name.len() <= LONGEST_NAME) else { return String::new() };
        let mut names = self.names.lock();
        if names.contains(name) {
            return name.to_owned();
        }
        if names.len() >= MAX_NAMES {
            return "other".to_owned();
        }
        names.insert(name.to_owned());
        name.to_owned()
    }

    /// Counts a query or mutation that ran.
    pub fn operation(&self, kind: OperationType, name: Option<&str>, outcome: RequestOutcome, took: Duration) {
        let kind = if kind == OperationType::Mutation { "mutation" } else { "query" };
        let name = self.name(name);
        let outcome = match outcome {
            RequestOutcome::Done => "done",
            RequestOutcome::Failed => "failed",
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

    /// Counts a subscription until the result is dropped.
    pub fn live(&self, name: Option<&str>) -> SubscriptionGauge {
        let name = self.name(name);
        let subscriptions = self.subscriptions.with_label_values(&[&name]);
        subscriptions.inc();
        SubscriptionGauge { subscriptions, deliveries: self.deliveries.with_label_values(&[&name]) }
    }

    /// All metrics as text.
    pub fn render(&self, app: &App) -> Result<String, prometheus::Error> {
        for (of, (open, free)) in [("reading", app.db.read().load()), ("writing", app.db.write_load())] {
            self.connections.with_label_values(&[of, "open"]).set(open.into());
            self.connections.with_label_values(&[of, "free"]).set(i64::try_from(free).unwrap_or(i64::MAX));
        }
        self.streams.set(i64::try_from(app.live_streams.count()).unwrap_or(i64::MAX));
        self.requests.set(i64::try_from(app.tasks.len()).unwrap_or(i64::MAX));
        self.answer_bytes.set(i64::try_from(app.quotas.memory()).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
