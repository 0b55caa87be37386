//! The sections of the configuration, each read from its settings.

use std::time::Duration;

use ipnet::IpNet;

use super::{
    Connections, DatabaseConfig, LONGEST_TOKEN_LIFETIME, Limits, LogConfig, MonitoringConfig, Rates, Secret,
    TokenConfig, keys::Keyring, raw_settings::RawSettings,
};
use crate::{sealing::SealingKeys, web_address};

/// A tenth of a second.
pub const TENTH: Duration = Duration::from_millis(100);
/// One second.
pub const SECOND: Duration = Duration::from_secs(1);
/// One day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// Parses web origins, separated by commas.
pub fn origins(text: &str) -> Result<Vec<String>, String> {
    let given = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    given
        .map(|origin| {
            web_address::origin(origin)
                .ok_or_else(|| format!("contains {origin}, which is not an origin such as https://example.org"))
        })
        .collect()
}

/// Parses IP networks, separated by commas.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let given = text.split(',').map(str::trim).filter(|network| !network.is_empty());
    given
        .map(|network| {
            network.parse().map_err(|_| format!("contains {network}, which is not a network such as 10.0.0.0/8"))
        })
        .collect()
}

/// Reads the keys that seal stored secrets. The key of development is public, so production refuses it.
pub fn sealing(given: &RawSettings, development: bool) -> anyhow::Result<SealingKeys> {
    given.read("RAPPORT_SEALING_KEYS", |text| match text {
        "" if development => SealingKeys::of_development().ok_or_else(|| "cannot be derived".to_owned()),
        "" => Err("is missing, and production has no default".to_owned()),
        _ => SealingKeys::parse(text),
    })
}

/// Reads the limits of requests and answers.
pub fn limits(given: &RawSettings, development: bool) -> anyhow::Result<Limits> {
    Ok(Limits {
        body_bytes: given.count("RAPPORT_MAX_BODY_BYTES", 1_024, 64 << 20)?,
        document_bytes: given.count("RAPPORT_MAX_DOCUMENT_BYTES", 1_024, 1 << 20)?,
        tokens: given.count("RAPPORT_MAX_TOKENS", 100, 100_000)?,
        aliases: given.count("RAPPORT_MAX_ALIASES", 0, 10_000)?,
        cost: given.number("RAPPORT_MAX_COST", 100, 100_000_000)?,
        depth: given.count("RAPPORT_MAX_DEPTH", 5, 100)?,
        introspection: given.flag("RAPPORT_INTROSPECTION", development)?,
        request_timeout: given.duration("RAPPORT_REQUEST_TIMEOUT", TENTH, 600 * SECOND)?,
        answer_bytes: given.count("RAPPORT_MAX_ANSWER_BYTES", 0, 1 << 30)?,
        all_answers_bytes: given.count("RAPPORT_MAX_ALL_ANSWERS_BYTES", 0, 1 << 40)?,
    })
}

/// Reads the limits of connections, sockets and subscriptions.
pub fn connections(given: &RawSettings) -> anyhow::Result<Connections> {
    Ok(Connections {
        most: given.count("RAPPORT_MAX_CONNECTIONS", 1, 1_000_000)?,
        most_per_address: given.count("RAPPORT_MAX_CONNECTIONS_PER_ADDRESS", 1, 1_000_000)?,
        proxies: given.count("RAPPORT_TRUSTED_PROXIES", 0, 10)?,
        ipv6_prefix: given.count("RAPPORT_IPV6_PREFIX", 16, 128)?,
        sockets_per_caller: given.count("RAPPORT_MAX_SOCKETS_PER_CALLER", 0, 1_000_000)?,
        subscriptions_per_caller: given.count("RAPPORT_MAX_SUBSCRIPTIONS_PER_CALLER", 0, 1_000_000)?,
        ping_every: given.duration("RAPPORT_PING_EVERY", TENTH, 600 * SECOND)?,
    })
}

/// Reads the address of an outside issuer's keys. It must be encrypted, unless it is this machine.
fn jwks_url(given: &RawSettings) -> anyhow::Result<String> {
    given.read("RAPPORT_JWKS_URL", |text| {
        let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
        let known = text.starts_with("https://") || local.iter().any(|start| text.starts_with(start));
        if known { Ok(text.to_owned()) } else { Err("does not begin with https://".to_owned()) }
    })
}

/// Reads the settings of the database.
pub fn database(given: &RawSettings) -> anyhow::Result<DatabaseConfig> {
    Ok(DatabaseConfig {
        url: given.read("RAPPORT_DATABASE_URL", |text| {
            let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|start| text.starts_with(start));
            match text {
                _ if !known => Err("begins with neither sqlite: nor postgres://".to_owned()),
                _ if text.contains(":memory:") => Err("is in memory; Rapport keeps its data in a file".to_owned()),
                _ => Ok(Secret::from(text)),
            }
        })?,
        connections: given.count("RAPPORT_DATABASE_CONNECTIONS", 1, 200)?,
        statement_timeout: given.duration("RAPPORT_STATEMENT_TIMEOUT", TENTH, 600 * SECOND)?,
    })
}

/// Reads the settings of tokens.
pub fn tokens(given: &RawSettings, development: bool) -> anyhow::Result<TokenConfig> {
    Ok(TokenConfig {
        keys: Keyring::read(given, development)?,
        outside: match given.text("RAPPORT_JWKS_URL").0 {
            url if url.is_empty() => None,
            _ => Some((jwks_url(given)?, given.duration("RAPPORT_JWKS_REFRESH", SECOND, DAY)?)),
        },
        issuer: given.text("RAPPORT_JWT_ISSUER").0,
        audience: given.text("RAPPORT_JWT_AUDIENCE").0,
        lifetime: given.duration("RAPPORT_TOKEN_LIFETIME", SECOND, LONGEST_TOKEN_LIFETIME)?,
        session_lifetime: given.duration("RAPPORT_SESSION_LIFETIME", 60 * SECOND, 366 * DAY)?,
    })
}

/// Reads the limits of rates.
pub fn rates(given: &RawSettings) -> anyhow::Result<Rates> {
    Ok(Rates {
        cost: given.count("RAPPORT_RATE_COST", 0, 1_000_000_000)?,
        burst: given.count("RAPPORT_RATE_BURST", 1_000, 1_000_000_000)?,
        requests: given.count("RAPPORT_RATE_REQUESTS", 0, 1_000_000)?,
        attempts: given.count("RAPPORT_SIGN_IN_ATTEMPTS", 0, 1_000_000)?,
        chats: given.count("RAPPORT_WEB_CHATS_PER_HOUR", 0, 1_000_000)?,
        written: given.count("RAPPORT_WRITTEN_BYTES_PER_HOUR", 0, 4_000_000_000)?,
        uploaded: given.count("RAPPORT_UPLOADED_BYTES_PER_HOUR", 0, 4_000_000_000)?,
        visitor_messages: given.count("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", 0, 1_000_000)?,
        messages: given.count("RAPPORT_MESSAGES_PER_MINUTE", 0, 1_000_000)?,
    })
}

/// Reads the settings of monitoring.
pub fn monitoring(given: &RawSettings) -> MonitoringConfig {
    MonitoringConfig {
        metrics_token: Some(given.text("RAPPORT_METRICS_TOKEN").0)
            .filter(|token| !token.is_empty())
            .map(|token| Secret::from(token.as_str())),
        otlp_endpoint: Some(given.text("RAPPORT_OTLP_ENDPOINT").0).filter(|address| !address.is_empty()),
    }
}

/// Reads the settings of the log.
pub fn log(given: &RawSettings, development: bool) -> anyhow::Result<LogConfig> {
    Ok(LogConfig {
        filter: given.text("RAPPORT_LOG").0,
        json: given.read("RAPPORT_LOG_FORMAT", |text| match text {
            "" => Ok(!development),
            "json" => Ok(true),
            "text" => Ok(false),
            _ => Err("is neither text nor json".to_owned()),
        })?,
    })
}
