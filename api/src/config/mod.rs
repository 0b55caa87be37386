//! The configuration: environment variables over a TOML file over defaults, read and checked once at start. A wrong
//! value is refused with a sentence that names it.

mod given;
pub mod keys;
pub mod mail;
mod settings;

use std::{collections::HashMap, fmt, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};

pub use self::settings::{SETTINGS, Setting, help, markdown};
use self::{given::Given, keys::Keyring, mail::MailConfig};
use crate::web;

/// Text that never shows itself.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub environment: Environment,
    pub listen: SocketAddr,
    pub database: DatabaseConfig,
    pub tokens: TokenConfig,
    /// Of a visitor's token that is not used.
    pub visitor_token_lifetime: Duration,
    pub sign_up_open: bool,
    pub allowed_origins: Vec<String>,
    pub demo: bool,
    /// How long an instance that is told to stop goes on while its readiness is red.
    pub drain: Duration,
    pub request_cool_down: Duration,
    pub events: EventConfig,
    /// How long notifications are kept.
    pub notification_retention: Duration,
    /// None: no mail is sent.
    pub mail: Option<MailConfig>,
    pub limits: Limits,
    pub rates: Rates,
    pub connections: Connections,
    pub monitoring: MonitoringConfig,
    pub log: LogConfig,
}

#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// May hold a password, therefore a secret.
    pub url: Secret,
    pub connections: u32,
    /// How long one statement may take.
    pub statement_timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct TokenConfig {
    pub keys: Keyring,
    /// Where the keys of an outside issuer are, and how often they are fetched.
    pub outside: Option<(String, Duration)>,
    pub issuer: String,
    pub audience: String,
    /// Of an access token.
    pub lifetime: Duration,
    /// Of a session that is not refreshed.
    pub session_lifetime: Duration,
}

/// The longest that an access token of our own may live, which is how long ended sessions are remembered.
pub const LONGEST_TOKEN_LIFETIME: Duration = Duration::from_secs(86_400);

#[derive(Clone, Copy, Debug)]
pub struct EventConfig {
    pub retention: Duration,
    pub poll: Duration,
}

/// What one operation may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub body_bytes: usize,
    pub document_bytes: usize,
    pub tokens: usize,
    pub aliases: usize,
    pub cost: u64,
    pub depth: usize,
    pub introspection: bool,
    pub request_timeout: Duration,
    /// Bytes that one answer may take of memory; 0: without limit.
    pub answer_bytes: usize,
    /// Bytes that all answers under way may take together; 0: without limit.
    pub all_answers_bytes: usize,
}

/// What one caller, one address may do in a time.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Cost per second; 0: without limit.
    pub cost: u32,
    /// Cost at once.
    pub burst: u32,
    /// Requests per second of one address; 0: without limit.
    pub requests: u32,
    /// Tries per minute to sign in to one account; 0: without limit.
    pub attempts: u32,
    /// Chats per hour that one address may begin; 0: without limit.
    pub chats: u32,
    /// Bytes per hour that one caller may write; 0: without limit.
    pub written: u32,
    /// Messages per minute of one visitor; 0: without limit.
    pub visitor_messages: u32,
    /// Messages and notes per minute of one person or key; 0: without limit.
    pub messages: u32,
}

/// Who may connect, and how.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    pub most: usize,
    pub most_per_address: usize,
    /// Proxies before the server.
    pub proxies: usize,
    /// Bits of an IPv6 address that are counted.
    pub ipv6_prefix: u8,
    /// Sockets of one caller at once; 0: without limit.
    pub sockets_per_caller: usize,
    /// Subscriptions of one caller at once; 0: without limit.
    pub subscriptions_per_caller: usize,
    /// How often an idle socket is asked whether anyone is there.
    pub ping_every: Duration,
}

#[derive(Clone, Debug)]
pub struct MonitoringConfig {
    pub metrics_token: Option<Secret>,
    pub otlp_endpoint: Option<String>,
}

#[derive(Clone, Debug)]
pub struct LogConfig {
    pub filter: String,
    pub json: bool,
}

/// Web origins, parted by commas.
fn origins(text: &str) -> Result<Vec<String>, String> {
    let given = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    given
        .map(|origin| {
            web::origin(origin).ok_or_else(|| format!("holds {origin}, which is no origin such as https://example.org"))
        })
        .collect()
}

fn limits(given: &Given, development: bool) -> anyhow::Result<Limits> {
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

/// Who may connect, and what each may have open.
fn connections(given: &Given) -> anyhow::Result<Connections> {
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

/// The address of an outside issuer's keys: encrypted, unless it is this machine.
fn jwks_url(given: &Given) -> anyhow::Result<String> {
    given.read("RAPPORT_JWKS_URL", |text| {
        let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
        let known = text.starts_with("https://") || local.iter().any(|start| text.starts_with(start));
        if known { Ok(text.to_owned()) } else { Err("does not begin with https://".to_owned()) }
    })
}

const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl Config {
    /// Reads the process's environment and the file it names.
    pub fn from_environment() -> anyhow::Result<Self> {
        Self::read(std::env::vars().collect())
    }

    /// Reads the given variables and the file they name.
    pub fn read(environment: HashMap<String, String>) -> anyhow::Result<Self> {
        let file = match environment.get("RAPPORT_CONFIG").map(String::as_str) {
            None | Some("") => toml::Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("RAPPORT_CONFIG is refused: {path} cannot be read"))?;
                let table: toml::Table =
                    text.parse().with_context(|| format!("RAPPORT_CONFIG is refused: {path} is not TOML"))?;
                for key in table.keys() {
                    let name = format!("RAPPORT_{}", key.to_uppercase());
                    if !SETTINGS.iter().any(|setting| setting.name == name) {
                        bail!("{path} is refused: there is no setting {key}");
                    }
                }
                table
            }
        };
        for name in environment.keys().filter(|name| name.starts_with("RAPPORT_") && !name.starts_with("RAPPORT_TEST_"))
        {
            if !SETTINGS.iter().any(|setting| setting.name == name) {
                bail!("{name} is refused: there is no such setting; rapport serve --help lists them");
            }
        }
        Self::understand(&Given { file, environment })
    }

    fn understand(given: &Given) -> anyhow::Result<Self> {
        let environment = given.read("RAPPORT_ENV", |text| match text {
            "development" => Ok(Environment::Development),
            "production" => Ok(Environment::Production),
            _ => Err("is neither development nor production".to_owned()),
        })?;
        let development = environment == Environment::Development;
        let listen: SocketAddr = given.parsed("RAPPORT_LISTEN", "an address with a port, such as 127.0.0.1:8080")?;
        let demo = given.flag("RAPPORT_DEMO", development)?;
        if demo && !development {
            bail!("RAPPORT_DEMO is refused: demo users have a known password, so production loads none");
        }
        if demo && !listen.ip().is_loopback() {
            bail!(
                "RAPPORT_LISTEN is refused: {listen} is not a loopback address and demo users have a known password; \
                 set RAPPORT_DEMO=false or listen on 127.0.0.1"
            );
        }
        Ok(Self {
            environment,
            listen,
            database: DatabaseConfig {
                url: given.read("RAPPORT_DATABASE_URL", |text| {
                    let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|start| text.starts_with(start));
                    match text {
                        _ if !known => Err("begins with neither sqlite: nor postgres://".to_owned()),
                        _ if text.contains(":memory:") => {
                            Err("is in memory; Rapport keeps its data in a file".to_owned())
                        }
                        _ => Ok(Secret::from(text)),
                    }
                })?,
                connections: given.count("RAPPORT_DATABASE_CONNECTIONS", 1, 200)?,
                statement_timeout: given.duration("RAPPORT_STATEMENT_TIMEOUT", TENTH, 600 * SECOND)?,
            },
            tokens: TokenConfig {
                keys: Keyring::read(given, development)?,
                outside: match given.text("RAPPORT_JWKS_URL").0 {
                    url if url.is_empty() => None,
                    _ => Some((jwks_url(given)?, given.duration("RAPPORT_JWKS_REFRESH", SECOND, DAY)?)),
                },
                issuer: given.text("RAPPORT_JWT_ISSUER").0,
                audience: given.text("RAPPORT_JWT_AUDIENCE").0,
                lifetime: given.duration("RAPPORT_TOKEN_LIFETIME", SECOND, LONGEST_TOKEN_LIFETIME)?,
                session_lifetime: given.duration("RAPPORT_SESSION_LIFETIME", 60 * SECOND, 366 * DAY)?,
            },
            visitor_token_lifetime: given.duration("RAPPORT_VISITOR_TOKEN_LIFETIME", 60 * SECOND, 366 * DAY)?,
            sign_up_open: given.read("RAPPORT_SIGN_UP", |text| match text {
                "open" => Ok(true),
                "closed" => Ok(false),
                _ => Err("is neither open nor closed".to_owned()),
            })?,
            allowed_origins: given.read("RAPPORT_ALLOWED_ORIGINS", origins)?,
            demo,
            drain: match given.text("RAPPORT_DRAIN").0.as_str() {
                "" if development => Duration::ZERO,
                "" => 2 * SECOND,
                _ => given.duration("RAPPORT_DRAIN", Duration::ZERO, 60 * SECOND)?,
            },
            request_cool_down: given.duration("RAPPORT_REQUEST_COOL_DOWN", Duration::ZERO, 3_650 * DAY)?,
            events: EventConfig {
                retention: given.duration("RAPPORT_EVENT_RETENTION", 600 * SECOND, 36_500 * DAY)?,
                poll: given.duration("RAPPORT_EVENT_POLL", Duration::from_millis(50), 60 * SECOND)?,
            },
            notification_retention: given.duration("RAPPORT_NOTIFICATION_RETENTION", 3_600 * SECOND, 36_500 * DAY)?,
            mail: MailConfig::read(given)?,
            limits: limits(given, development)?,
            rates: Rates {
                cost: given.count("RAPPORT_RATE_COST", 0, 1_000_000_000)?,
                burst: given.count("RAPPORT_RATE_BURST", 1_000, 1_000_000_000)?,
                requests: given.count("RAPPORT_RATE_REQUESTS", 0, 1_000_000)?,
                attempts: given.count("RAPPORT_SIGN_IN_ATTEMPTS", 0, 1_000_000)?,
                chats: given.count("RAPPORT_WEB_CHATS_PER_HOUR", 0, 1_000_000)?,
                written: given.count("RAPPORT_WRITTEN_BYTES_PER_HOUR", 0, 4_000_000_000)?,
                visitor_messages: given.count("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", 0, 1_000_000)?,
                messages: given.count("RAPPORT_MESSAGES_PER_MINUTE", 0, 1_000_000)?,
            },
            connections: connections(given)?,
            monitoring: MonitoringConfig {
                metrics_token: Some(given.text("RAPPORT_METRICS_TOKEN").0)
                    .filter(|token| !token.is_empty())
                    .map(|token| Secret::from(token.as_str())),
                otlp_endpoint: Some(given.text("RAPPORT_OTLP_ENDPOINT").0).filter(|address| !address.is_empty()),
            },
            log: LogConfig {
                filter: given.text("RAPPORT_LOG").0,
                json: given.read("RAPPORT_LOG_FORMAT", |text| match text {
                    "" => Ok(!development),
                    "json" => Ok(true),
                    "text" => Ok(false),
                    _ => Err("is neither text nor json".to_owned()),
                })?,
            },
        })
    }
}

#[cfg(test)]
mod tests;
