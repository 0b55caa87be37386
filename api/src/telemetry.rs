//! Logs: readable text or JSON lines, on standard error. Never tokens, passwords, bodies or addresses.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// Starts logging. A second start, as in tests, changes nothing.
pub fn start(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)
        .with_context(|| format!("RAPPORT_LOG is refused: {:?} is not a filter", config.filter))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if config.json { log.json().try_init() } else { log.try_init() };
    drop(started);
    Ok(())
}
