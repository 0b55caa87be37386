//! The settings in one table. `rapport --help` prints it, and `docs/configuration.md` is made from it.

/// One setting.
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The value where none is given. Empty: not set, or it depends on another setting, as `meaning` says.
    pub default: &'static str,
    /// What the setting does and which values it takes.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning }
}

/// All settings, in the order of the manual.
pub const SETTINGS: &[Setting] = &[
    setting("RAPPORT_CONFIG", "", "path of a TOML file with any of these settings, in lower case and without RAPPORT_"),
    setting(
        "RAPPORT_ENV",
        "development",
        "development or production; production refuses development secrets and demo data, and hides the schema unless \
         RAPPORT_INTROSPECTION is true",
    ),
    setting("RAPPORT_LISTEN", "127.0.0.1:8080", "address and port; port 0 picks a free one, which the server prints"),
    setting("RAPPORT_DATABASE_URL", "sqlite://rapport.db", "sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME"),
    setting(
        "RAPPORT_DATABASE_CONNECTIONS",
        "8",
        "connections to PostgreSQL for reading, and as many for writing; with SQLite the readers of the file, beside \
         its one writer (1 to 200)",
    ),
    setting("RAPPORT_JWT_SECRET", "", "signing key of access tokens, 32 bytes or more; development has a built-in one"),
    setting(
        "RAPPORT_JWT_PREVIOUS_SECRETS",
        "",
        "earlier secrets whose tokens are still accepted, whichever key signs now, separated by commas",
    ),
    setting(
        "RAPPORT_JWT_PRIVATE_KEY",
        "",
        "path of an Ed25519 private key (PKCS#8 in PEM): tokens are signed with EdDSA, /.well-known/jwks.json \
         publishes the public key, and RAPPORT_JWT_SECRET is left out",
    ),
    setting(
        "RAPPORT_JWT_PREVIOUS_PUBLIC_KEYS",
        "",
        "paths of earlier Ed25519 public keys (PEM) whose tokens are still accepted, whichever key signs now, \
         separated by commas",
    ),
    setting(
        "RAPPORT_JWKS_URL",
        "",
        "keys of an outside issuer (RS256, ES256, EdDSA), which then signs people in; RAPPORT_JWT_ISSUER and \
         RAPPORT_JWT_AUDIENCE are its own",
    ),
    setting("RAPPORT_JWKS_REFRESH", "5m", "how often those keys are fetched (1s to 24h)"),
    setting("RAPPORT_JWT_ISSUER", "rapport", "the issuer (iss) that tokens carry and must have"),
    setting("RAPPORT_JWT_AUDIENCE", "rapport", "the audience (aud) that tokens carry and must have"),
    setting("RAPPORT_TOKEN_LIFETIME", "1h", "how long an access token lives (1s to 24h)"),
    setting("RAPPORT_SESSION_LIFETIME", "30d", "how long a session lasts without being refreshed (1m to 366d)"),
    setting(
        "RAPPORT_VISITOR_TOKEN_LIFETIME",
        "30d",
        "how long a visitor of a web site stays known after the last use of the token (1m to 366d)",
    ),
    setting("RAPPORT_SIGN_UP", "open", "open: anyone may make an account; closed: nobody may"),
    setting(
        "RAPPORT_ALLOWED_ORIGINS",
        "",
        "web origins that may call and open sockets beside the same host and the sites of web chats, separated by \
         commas",
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
    setting("RAPPORT_NOTIFICATION_RETENTION", "90d", "how long notifications are kept (1h or more)"),
    setting(
        "RAPPORT_SMTP_URL",
        "",
        "mail server, such as smtps://USER:PASSWORD@HOST, or smtp://HOST:587?tls=required; without one no mail is sent",
    ),
    setting(
        "RAPPORT_MAIL_FROM",
        "",
        "sender of mail, such as Rapport <rapport@example.org>; needed with a mail server",
    ),
    setting(
        "RAPPORT_RESET_LINK",
        "",
        "page to which the mail for a new password leads, such as https://app.example.org/reset#{token}; without one \
         the mail shows the token",
    ),
    setting(
        "RAPPORT_CONFIRM_LINK",
        "",
        "page to which the mail that confirms an address leads, such as https://app.example.org/confirm#{token}; \
         without one the mail shows the token",
    ),
    setting("RAPPORT_EVENT_POLL", "1s", "how often the log is read without a hint (50ms to 1m)"),
    setting("RAPPORT_MAX_BODY_BYTES", "262144", "longest request body or socket message"),
    setting("RAPPORT_MAX_DOCUMENT_BYTES", "16384", "longest document"),
    setting("RAPPORT_MAX_TOKENS", "2000", "maximum of words and signs of one document"),
    setting("RAPPORT_MAX_ALIASES", "30", "maximum of aliases of one document"),
    setting("RAPPORT_MAX_COST", "50000", "highest cost of one operation: fields, multiplied by page sizes"),
    setting("RAPPORT_MAX_DEPTH", "15", "deepest nesting of one operation"),
    setting("RAPPORT_REQUEST_TIMEOUT", "20s", "how long the answer to a query or mutation may take (100ms to 10m)"),
    setting("RAPPORT_MAX_ANSWER_BYTES", "3145728", "memory of one answer, in bytes; 0: without limit"),
    setting(
        "RAPPORT_MAX_ALL_ANSWERS_BYTES",
        "67108864",
        "memory of all answers under way together, in bytes; 0: without limit",
    ),
    setting("RAPPORT_STATEMENT_TIMEOUT", "10s", "how long one statement of the database may take (100ms to 10m)"),
    setting("RAPPORT_MAX_CONNECTIONS", "10000", "maximum of connections at once"),
    setting(
        "RAPPORT_MAX_CONNECTIONS_PER_ADDRESS",
        "2000",
        "maximum of connections at once from one address, where no proxy stands before the server",
    ),
    setting(
        "RAPPORT_PING_EVERY",
        "20s",
        "how often a socket is pinged; one that says nothing until the next ping is dropped",
    ),
    setting("RAPPORT_TRUSTED_PROXIES", "0", "how many proxies stand before the server and add to X-Forwarded-For"),
    setting("RAPPORT_IPV6_PREFIX", "64", "bits of an IPv6 address that are counted: a network counts as one address"),
    setting(
        "RAPPORT_MAX_SOCKETS_PER_CALLER",
        "32",
        "maximum of sockets at once of one caller, or of one address without a token; 0: without limit",
    ),
    setting(
        "RAPPORT_MAX_SUBSCRIPTIONS_PER_CALLER",
        "256",
        "maximum of subscriptions at once of one caller, or of one address without a token; 0: without limit",
    ),
    setting("RAPPORT_RATE_COST", "10000", "cost per second that a caller may spend in the long run; 0: without limit"),
    setting("RAPPORT_RATE_BURST", "200000", "cost that a caller may spend at once"),
    setting("RAPPORT_RATE_REQUESTS", "500", "requests per second of one address in the long run; 0: without limit"),
    setting(
        "RAPPORT_SIGN_IN_ATTEMPTS",
        "10",
        "wrong passwords from one place for one account before further ones wait, each longer; a network has ten \
         times as many a minute for all accounts, and all places that an account does not know have three times as \
         many together; 0: without limit",
    ),
    setting(
        "RAPPORT_WEB_CHATS_PER_HOUR",
        "60",
        "chats per hour that one address may begin on web sites; 0: without limit",
    ),
    setting(
        "RAPPORT_WRITTEN_BYTES_PER_HOUR",
        "67108864",
        "bytes that one caller may write in an hour; one address has ten times as many; 0: without limit",
    ),
    setting("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", "60", "messages per minute of one visitor; 0: without limit"),
    setting(
        "RAPPORT_MESSAGES_PER_MINUTE",
        "600",
        "messages and notes per minute of one person or key; 0: without limit",
    ),
    setting(
        "RAPPORT_INTROSPECTION",
        "",
        "true or false: whether the schema can be asked for, and with it GraphiQL and /schema.graphql; default true \
         in development",
    ),
    setting(
        "RAPPORT_DRAIN",
        "",
        "how long to go on after the signal to stop, while readiness is red; default 0s in development, 2s in \
         production",
    ),
    setting(
        "RAPPORT_METRICS_TOKEN",
        "",
        "bearer token for /metrics; without one, development answers everybody and production nobody",
    ),
    setting(
        "RAPPORT_OTLP_ENDPOINT",
        "",
        "address to which spans are sent by OTLP over HTTP, such as http://127.0.0.1:4318",
    ),
    setting(
        "RAPPORT_LOG",
        "info,sea_orm_migration=warn",
        "what is logged: error, warn, info, debug, or filters such as api=debug,warn",
    ),
    setting(
        "RAPPORT_LOG_FORMAT",
        "",
        "text or json, lines on standard error; default text in development, json in production",
    ),
];

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

/// The page `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Settings are environment variables, or entries of a TOML file that `RAPPORT_CONFIG` names. In the file a name is in\n\
         lower case and without `RAPPORT_`: `listen = \"127.0.0.1:8080\"`. The environment wins over the file. The server\n\
         refuses a wrong value at start, with a sentence that names the setting and the reason.\n\n\
         A server that others can reach does not start while demo users with their known password are in its database.\n\n\
         This page is generated. Renew it with `cargo run -- config --markdown > docs/configuration.md`.\n\n\
         | setting | default | meaning |\n|---|---|---|\n",
    );
    for Setting { name, default, meaning } in SETTINGS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}` ") };
        page.push_str(&format!("| `{name}` | {default}| {} |\n", meaning.replace('<', "\\<")));
    }
    page
}
