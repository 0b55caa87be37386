//! Logs and spans. Logs are readable text or JSON lines on standard error, and never contain tokens, passwords,
//! bodies or addresses. Each operation has one span, which goes out by OTLP if an endpoint is configured.

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::{LogConfig, MonitoringConfig};

/// Where the span of an operation is made.
const OPERATIONS: &str = "api::http::executor";

/// The most verbose level of these libraries, whatever the filter says. They would log the messages of sockets, with
/// tokens in them.
const QUIET: [&str; 2] = ["tungstenite=info", "tokio_tungstenite=info"];

/// The exporter of spans. [`Self::stop`] must be called before the process ends, so that the last spans are sent.
#[derive(Default)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Sends the collected spans.
    pub fn stop(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(cause = %error, "the last spans were not sent");
        }
    }
}

/// Starts the log and the export of spans. A second start in one process, as in tests, has no effect.
pub fn start(config: &LogConfig, monitoring: &MonitoringConfig) -> anyhow::Result<Telemetry> {
    let filter = EnvFilter::try_new(&config.filter)
        .with_context(|| format!("RAPPORT_LOG is refused: {:?} is not a filter", config.filter))?;
    let filter = QUIET.iter().filter_map(|quiet| quiet.parse().ok()).fold(filter, EnvFilter::add_directive);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if config.json { lines.json().boxed() } else { lines.boxed() };
    let provider = monitoring.otlp_endpoint.as_deref().map(provider).transpose()?;
    let spans = provider.as_ref().map(|provider| {
        let operations = Targets::new().with_target(OPERATIONS, LevelFilter::DEBUG);
        tracing_opentelemetry::layer().with_tracer(provider.tracer("rapport")).with_filter(operations)
    });
    let started = tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init();
    drop(started);
    Ok(Telemetry(provider))
}

/// Collects spans and sends them in batches. The HTTP client must be created on a thread outside of the async
/// runtime.
fn provider(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let address = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let made = std::thread::spawn(move || SpanExporter::builder().with_http().with_endpoint(address).build()).join();
    let exporter = made
        .map_err(|_| anyhow::anyhow!("RAPPORT_OTLP_ENDPOINT is refused: no client can be made for it"))?
        .context("RAPPORT_OTLP_ENDPOINT is refused")?;
    let resource = Resource::builder().with_service_name("rapport").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
