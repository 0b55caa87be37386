//! The configuration: environment variables over a TOML file over defaults, read and checked once at start. A wrong
//! value is refused with a sentence that names it.

use std::{collections::HashMap, fmt, net::SocketAddr, str::FromStr, time::Duration};

use anyhow::{Context as _, bail};

/// One thing that can be set: its variable, what it is when not set, and what it means.
pub struct Setting {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning }
}

/// Everything that can be set. `rapport serve --help` and the README list the same.
pub const SETTINGS: &[Setting] = &[
    setting("RAPPORT_CONFIG", "", "path of a TOML file with any of these, in lower case without RAPPORT_"),
    setting(
        "RAPPORT_ENV",
        "development",
        "development or production; production refuses development secrets and demo data",
    ),
    setting("RAPPORT_LISTEN", "127.0.0.1:8080", "address and port; port 0 picks a free one and prints it"),
    setting("RAPPORT_DATABASE_URL", "sqlite://rapport.db", "sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME"),
    setting(
        "RAPPORT_DATABASE_CONNECTIONS",
        "8",
        "connections to PostgreSQL for reading, and as many for writing; readers of the SQLite file (1 to 200)",
    ),
    setting("RAPPORT_JWT_SECRET", "", "signing key of access tokens, 32 bytes or more; development has a built-in one"),
    setting("RAPPORT_JWT_ISSUER", "rapport", "the issuer that tokens carry and must have"),
    setting("RAPPORT_JWT_AUDIENCE", "rapport", "the audience that tokens carry and must have"),
    setting("RAPPORT_TOKEN_LIFETIME", "1h", "how long an access token lives (1s to 24h)"),
    setting("RAPPORT_SIGN_UP", "open", "open: anyone may make an account; closed: no one may"),
    setting(
        "RAPPORT_ALLOWED_ORIGINS",
        "",
        "web origins that may open sockets, separated by commas; empty: the same host only",
    ),
    setting(
        "RAPPORT_DEMO",
        "",
        "true or false: fill an empty database with the demo organisation; default true in development",
    ),
    setting(
        "RAPPORT_REQUEST_COOL_DOWN",
        "21d",
        "how long a person whose request was ignored or closed may not ask again",
    ),
    setting("RAPPORT_EVENT_RETENTION", "14d", "how long events stay in the log (10m or more)"),
    setting("RAPPORT_EVENT_POLL", "1s", "how often the log is looked at without a hint (50ms to 1m)"),
    setting("RAPPORT_MAX_BODY_BYTES", "262144", "longest request body"),
    setting("RAPPORT_MAX_COST", "50000", "highest cost of one operation: fields, multiplied by page sizes"),
    setting("RAPPORT_MAX_DEPTH", "15", "deepest nesting of one operation"),
    setting(
        "RAPPORT_INTROSPECTION",
        "",
        "true or false: whether the schema may be asked for; default true in development",
    ),
    setting(
        "RAPPORT_LOG",
        "info,sea_orm_migration=warn",
        "what is logged: error, warn, info, debug, or filters such as api=debug,warn",
    ),
    setting("RAPPORT_LOG_FORMAT", "", "text or json; default text in development, json in production"),
];

/// The key that signs tokens in development, known to everybody and refused in production.
const DEVELOPMENT_SECRET: &str = "rapport-development-secret-do-not-use";

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
    pub sign_up_open: bool,
    pub allowed_origins: Vec<String>,
    pub demo: bool,
    pub request_cool_down: Duration,
    pub events: EventConfig,
    pub limits: Limits,
    pub log: LogConfig,
}

#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// May hold a password, therefore a secret.
    pub url: Secret,
    pub connections: u32,
}

#[derive(Clone, Debug)]
pub struct TokenConfig {
    pub secret: Secret,
    pub issuer: String,
    pub audience: String,
    pub lifetime: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct EventConfig {
    pub retention: Duration,
    pub poll: Duration,
}

/// What one operation may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub body_bytes: usize,
    pub cost: u64,
    pub depth: usize,
    pub introspection: bool,
}

#[derive(Clone, Debug)]
pub struct LogConfig {
    pub filter: String,
    pub json: bool,
}

/// The values as they were given, before they are understood.
struct Given {
    file: toml::Table,
    environment: HashMap<String, String>,
}

impl Given {
    /// The text of a setting and where it came from.
    fn text(&self, name: &str) -> (String, &'static str) {
        if let Some(text) = self.environment.get(name) {
            return (text.clone(), "environment");
        }
        let key = name.trim_start_matches("RAPPORT_").to_lowercase();
        match self.file.get(&key) {
            Some(toml::Value::String(text)) => (text.clone(), "configuration file"),
            Some(other) => (other.to_string(), "configuration file"),
            None => {
                let setting = SETTINGS.iter().find(|setting| setting.name == name);
                (setting.map_or_else(String::new, |setting| setting.default.to_owned()), "default")
            }
        }
    }

    fn read<T>(&self, name: &str, understand: impl FnOnce(&str) -> Result<T, String>) -> anyhow::Result<T> {
        let (text, source) = self.text(name);
        let shown = if name.contains("SECRET") || name.contains("URL") { "its value" } else { text.as_str() };
        understand(text.trim()).map_err(|why| anyhow::anyhow!("{name} ({source}) is refused: {shown} {why}"))
    }

    fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> anyhow::Result<T> {
        self.read(name, |text| text.parse().map_err(|_| format!("is not {expected}")))
    }

    fn number(&self, name: &str, least: u64, most: u64) -> anyhow::Result<u64> {
        self.read(name, |text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("is not a whole number from {least} to {most}")),
        })
    }

    fn duration(&self, name: &str, least: Duration, most: Duration) -> anyhow::Result<Duration> {
        self.read(name, |text| match humantime::parse_duration(text) {
            Ok(duration) if (least..=most).contains(&duration) => Ok(duration),
            _ => Err(format!(
                "is not a duration from {} to {}, such as 90s, 15m, 1h or 21d",
                humantime::format_duration(least),
                humantime::format_duration(most)
            )),
        })
    }

    fn flag(&self, name: &str, default: bool) -> anyhow::Result<bool> {
        self.read(name, |text| match text {
            "" => Ok(default),
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("is neither true nor false".to_owned()),
        })
    }
}

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
                connections: u32::try_from(given.number("RAPPORT_DATABASE_CONNECTIONS", 1, 200)?)?,
            },
            tokens: TokenConfig {
                secret: given.read("RAPPORT_JWT_SECRET", |text| match text {
                    "" if development => Ok(Secret::from(DEVELOPMENT_SECRET)),
                    "" => Err("is missing, and production has no default".to_owned()),
                    DEVELOPMENT_SECRET if !development => Err("is the development secret".to_owned()),
                    _ if text.len() < 32 => Err("is shorter than 32 bytes".to_owned()),
                    _ => Ok(Secret::from(text)),
                })?,
                issuer: given.text("RAPPORT_JWT_ISSUER").0,
                audience: given.text("RAPPORT_JWT_AUDIENCE").0,
                lifetime: given.duration("RAPPORT_TOKEN_LIFETIME", SECOND, DAY)?,
            },
            sign_up_open: given.read("RAPPORT_SIGN_UP", |text| match text {
                "open" => Ok(true),
                "closed" => Ok(false),
                _ => Err("is neither open nor closed".to_owned()),
            })?,
            allowed_origins: given
                .text("RAPPORT_ALLOWED_ORIGINS")
                .0
                .split(',')
                .map(|origin| origin.trim().trim_end_matches('/').to_lowercase())
                .filter(|origin| !origin.is_empty())
                .collect(),
            demo,
            request_cool_down: given.duration("RAPPORT_REQUEST_COOL_DOWN", Duration::ZERO, 3_650 * DAY)?,
            events: EventConfig {
                retention: given.duration("RAPPORT_EVENT_RETENTION", 600 * SECOND, 36_500 * DAY)?,
                poll: given.duration("RAPPORT_EVENT_POLL", Duration::from_millis(50), 60 * SECOND)?,
            },
            limits: Limits {
                body_bytes: usize::try_from(given.number("RAPPORT_MAX_BODY_BYTES", 1_024, 64 << 20)?)?,
                cost: given.number("RAPPORT_MAX_COST", 100, 100_000_000)?,
                depth: usize::try_from(given.number("RAPPORT_MAX_DEPTH", 5, 100)?)?,
                introspection: given.flag("RAPPORT_INTROSPECTION", development)?,
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

/// The table of all settings, as `--help` prints it.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Settings (environment variables):\n");
    for Setting { name, default, meaning } in SETTINGS {
        let default = if default.is_empty() { "not set" } else { default };
        text.push_str(&format!("  {name:<30} {meaning} [{default}]\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Config, Environment};

    fn read(pairs: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn refusal(pairs: &[(&str, &str)]) -> String {
        read(pairs).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn nothing_set_is_development_on_loopback() -> anyhow::Result<()> {
        let config = read(&[])?;
        assert_eq!(config.environment, Environment::Development);
        assert!(config.demo && config.listen.ip().is_loopback());
        Ok(())
    }

    #[test]
    fn production_has_no_default_secret_and_no_demo() {
        assert!(refusal(&[("RAPPORT_ENV", "production")]).contains("RAPPORT_JWT_SECRET"));
        let demo = refusal(&[("RAPPORT_ENV", "production"), ("RAPPORT_DEMO", "true")]);
        assert!(demo.contains("RAPPORT_DEMO"), "{demo}");
    }

    #[test]
    fn a_wrong_value_is_named_with_the_reason() {
        for (name, value) in [
            ("RAPPORT_ENV", "staging"),
            ("RAPPORT_LISTEN", "localhost"),
            ("RAPPORT_LISTEN", "0.0.0.0:80"),
            ("RAPPORT_DATABASE_URL", "mysql://x"),
            ("RAPPORT_DATABASE_URL", "sqlite::memory:"),
            ("RAPPORT_DATABASE_CONNECTIONS", "0"),
            ("RAPPORT_JWT_SECRET", "short"),
            ("RAPPORT_TOKEN_LIFETIME", "2y"),
            ("RAPPORT_SIGN_UP", "maybe"),
            ("RAPPORT_DEMO", "yes"),
            ("RAPPORT_LOG_FORMAT", "xml"),
            ("RAPPORT_DATABSE_URL", "sqlite://x"),
        ] {
            let sentence = refusal(&[(name, value)]);
            assert!(sentence.starts_with(name) && sentence.contains("refused"), "{name}: {sentence}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_in_a_refusal_nor_in_the_debug_form() -> anyhow::Result<()> {
        assert!(!refusal(&[("RAPPORT_JWT_SECRET", "hunter2")]).contains("hunter2"));
        let config = read(&[("RAPPORT_DATABASE_URL", "postgres://u:hunter2@localhost/x")])?;
        assert!(!format!("{config:?}").contains("hunter2"));
        Ok(())
    }
}
