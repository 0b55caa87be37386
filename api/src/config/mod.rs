//! The configuration: environment variables override a TOML file, which overrides the defaults. It is read and
//! checked once at start. The server refuses a wrong value with a sentence that names the setting.

mod settings;
mod raw_settings;
pub mod keys;
pub mod mail;
mod files;
mod sections;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use ipnet::IpNet;

pub use self::{
    files::{FilePlace, FileStoreConfig, Scanner},
    settings::{SETTINGS, Setting, help, markdown},
};
use self::{
    mail::MailConfig,
    raw_settings::RawSettings,
    sections::{DAY, SECOND},
};
use crate::sealing::SealingKeys;

/// A secret text that its debug form hides.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Returns the text of the secret.
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

/// The kind of deployment. It selects defaults and checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// A deployment for development, with built-in secrets and demo data.
    Development,
    /// A deployment with real data, which refuses development secrets and demo data.
    Production,
}

/// All settings of an instance.
#[derive(Clone, Debug)]
pub struct Config {
    /// The kind of deployment.
    pub environment: Environment,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The settings of the database.
    pub database: DatabaseConfig,
    /// The settings of access tokens and sessions.
    pub tokens: TokenConfig,
    /// The keys that seal stored secrets.
    pub sealing: SealingKeys,
    /// The networks beside the public ones that outgoing requests may reach.
    pub outgoing_networks: Vec<IpNet>,
    /// The settings of the file store.
    pub files: FileStoreConfig,
    /// The lifetime of a visitor token that is not used.
    pub visitor_token_lifetime: Duration,
    /// The name of the organization for prepared texts. Empty if there is none.
    pub organization_name: String,
    /// True when anyone may sign up.
    pub sign_up_open: bool,
    /// The web origins that may call, beside the server's own and the sites of web chats.
    pub allowed_origins: Vec<String>,
    /// True when an empty database is filled with the demo organization.
    pub demo: bool,
    /// The time that a stopping instance goes on while its readiness is red.
    pub drain: Duration,
    /// The cooldown after an ignored or closed connection request.
    pub request_cool_down: Duration,
    /// The settings of the event log.
    pub events: EventConfig,
    /// The time that notifications are kept.
    pub notification_retention: Duration,
    /// The mail settings. None when no mail is sent.
    pub mail: Option<MailConfig>,
    /// The limits of one operation.
    pub limits: Limits,
    /// The rate limits.
    pub rates: Rates,
    /// The limits of connections.
    pub connections: Connections,
    /// The settings of metrics and traces.
    pub monitoring: MonitoringConfig,
    /// The settings of the log.
    pub log: LogConfig,
}

/// The settings of the database.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// The address of the database. It is a secret because it may contain a password.
    pub url: Secret,
    /// The maximum of connections, for reading and for writing each. SQLite has one writer.
    pub connections: u32,
    /// The time limit of one statement.
    pub statement_timeout: Duration,
}

/// The settings of access tokens and sessions.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// The keys that sign and verify tokens.
    pub keys: keys::Keyring,
    /// The address of an outside issuer's keys and the interval of fetching them.
    pub outside: Option<(String, Duration)>,
    /// The issuer (`iss`) of tokens.
    pub issuer: String,
    /// The audience (`aud`) of tokens.
    pub audience: String,
    /// The lifetime of an access token.
    pub lifetime: Duration,
    /// The lifetime of a session that is not refreshed.
    pub session_lifetime: Duration,
}

/// The maximum lifetime of an access token of this server, and the time that ended sessions are remembered.
pub const LONGEST_TOKEN_LIFETIME: Duration = Duration::from_secs(86_400);

/// The settings of the event log.
#[derive(Clone, Copy, Debug)]
pub struct EventConfig {
    /// The time that events stay in the log.
    pub retention: Duration,
    /// The interval of reading the log without a hint.
    pub poll: Duration,
}

/// The limits of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum length of a request body or socket message, in bytes.
    pub body_bytes: usize,
    /// The maximum length of a document, in bytes.
    pub document_bytes: usize,
    /// The maximum of tokens of a document.
    pub tokens: usize,
    /// The maximum of aliases of a document.
    pub aliases: usize,
    /// The maximum cost of an operation.
    pub cost: u64,
    /// The maximum depth of an operation.
    pub depth: usize,
    /// True when clients may read the schema.
    pub introspection: bool,
    /// The time limit of the answer to a query or mutation.
    pub request_timeout: Duration,
    /// The memory of one answer, in bytes. 0 means no limit.
    pub answer_bytes: usize,
    /// The memory of all pending answers together, in bytes. 0 means no limit.
    pub all_answers_bytes: usize,
}

/// The rate limits of a caller and of an address.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// The cost per second. 0 means no limit.
    pub cost: u32,
    /// The cost at once.
    pub burst: u32,
    /// The requests per second of one address. 0 means no limit.
    pub requests: u32,
    /// The wrong passwords of one place for one account before further ones wait. 0 means no limit.
    pub attempts: u32,
    /// The chats per hour that one address may begin. 0 means no limit.
    pub chats: u32,
    /// The bytes per hour that one caller may write. 0 means no limit.
    pub written: u32,
    /// The bytes of files per hour that one caller may upload. 0 means no limit.
    pub uploaded: u32,
    /// The messages per minute of one visitor. 0 means no limit.
    pub visitor_messages: u32,
    /// The messages and notes per minute of one person or API key. 0 means no limit.
    pub messages: u32,
}

/// The limits of connections, sockets and subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// The maximum of connections.
    pub most: usize,
    /// The maximum of connections of one address. It does not apply behind proxies.
    pub most_per_address: usize,
    /// The number of trusted proxies in front of the server.
    pub proxies: usize,
    /// The bits of an IPv6 address that count.
    pub ipv6_prefix: u8,
    /// The maximum of sockets of one caller. 0 means no limit.
    pub sockets_per_caller: usize,
    /// The maximum of subscriptions of one caller. 0 means no limit.
    pub subscriptions_per_caller: usize,
    /// The interval of pings to a socket.
    pub ping_every: Duration,
}

/// The settings of metrics and traces.
#[derive(Clone, Debug)]
pub struct MonitoringConfig {
    /// The bearer token of `/metrics`.
    pub metrics_token: Option<Secret>,
    /// The address that receives spans by OTLP over HTTP.
    pub otlp_endpoint: Option<String>,
}

/// The settings of the log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The filter of log lines.
    pub filter: String,
    /// True for JSON lines, false for text.
    pub json: bool,
}

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
        Self::understand(&RawSettings { file, environment })
    }

    fn understand(given: &RawSettings) -> anyhow::Result<Self> {
        let environment = given.read("RAPPORT_ENV", |text| match text {
            "development" => Ok(Environment::Development),
            "production" => Ok(Environment::Production),
            _ => Err("is neither development nor production".to_owned()),
        })?;
        let development = environment == Environment::Development;
        let listen: SocketAddr = given.parsed("RAPPORT_LISTEN", "an address with a port, such as 127.0.0.1:8080")?;
        let demo = given.flag("RAPPORT_DEMO", development)?;
        if demo && !development {
            bail!("RAPPORT_DEMO is refused: demo users have a known password, so production refuses demo data");
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
            database: sections::database(given)?,
            tokens: sections::tokens(given, development)?,
            sealing: sections::sealing(given, development)?,
            outgoing_networks: given.read("RAPPORT_OUTGOING_NETWORKS", sections::networks)?,
            files: FileStoreConfig::read(given)?,
            visitor_token_lifetime: given.duration("RAPPORT_VISITOR_TOKEN_LIFETIME", 60 * SECOND, 366 * DAY)?,
            organization_name: given.text("RAPPORT_ORGANIZATION_NAME").0.trim().to_owned(),
            sign_up_open: given.read("RAPPORT_SIGN_UP", |text| match text {
                "open" => Ok(true),
                "closed" => Ok(false),
                _ => Err("is neither open nor closed".to_owned()),
            })?,
            allowed_origins: given.read("RAPPORT_ALLOWED_ORIGINS", sections::origins)?,
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
            limits: sections::limits(given, development)?,
            rates: sections::rates(given)?,
            connections: sections::connections(given)?,
            monitoring: sections::monitoring(given),
            log: sections::log(given, development)?,
        })
    }
}
