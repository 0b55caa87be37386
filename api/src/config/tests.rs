//! Tests of the configuration: defaults, refusals and accepted values.

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
    let secret = ("RAPPORT_JWT_SECRET", "a secret of thirty-two bytes or more");
    assert!(refusal(&[("RAPPORT_ENV", "production"), secret]).contains("RAPPORT_SEALING_KEYS"));
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
        ("RAPPORT_SEALING_KEYS", "short"),
        ("RAPPORT_OUTGOING_NETWORKS", "10.0.0.0/33"),
        ("RAPPORT_TOKEN_LIFETIME", "2y"),
        ("RAPPORT_SIGN_UP", "maybe"),
        ("RAPPORT_DEMO", "yes"),
        ("RAPPORT_LOG_FORMAT", "xml"),
        ("RAPPORT_ALLOWED_ORIGINS", "https://*"),
        ("RAPPORT_ALLOWED_ORIGINS", "https://example.org,https://*.example.org"),
        ("RAPPORT_ALLOWED_ORIGINS", "https://example.org/app"),
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
