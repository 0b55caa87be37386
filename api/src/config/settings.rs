//! The table of all settings. `rapport --help` prints it, and `docs/configuration.md` is generated from it.

/// A setting, as the operator sees it.
pub struct Setting {
    /// The name of the environment variable.
    pub name: &'static str,
    /// The default value. Empty when the setting has none, or when `meaning` says what it depends on.
    pub default: &'static str,
    /// The effect of the setting and the values it takes.
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
        "development or production; production refuses development secrets and demo data, and hides the schema \
         unless RAPPORT_INTROSPECTION is true",
    ),
    setting("RAPPORT_LISTEN", "127.0.0.1:8080", "address and port; port 0 picks a free one, which the server prints"),
    setting("RAPPORT_DATABASE_URL", "sqlite://rapport.db", "sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME"),
    setting(
        "RAPPORT_DATABASE_CONNECTIONS",
        "8",
        "maximum of PostgreSQL connections for reading, and of connections for writing; with SQLite the maximum of \
         readers beside the one writer (1 to 200)",
    ),
    setting("RAPPORT_JWT_SECRET", "", "signing key of access tokens, 32 bytes or more; development has a built-in one"),
    setting(
        "RAPPORT_JWT_PREVIOUS_SECRETS",
        "",
        "earlier secrets whose tokens are still accepted, with any kind of signing key; separated by commas",
    ),
    setting(
        "RAPPORT_JWT_PRIVATE_KEY",
        "",
        "path of an Ed25519 private key (PKCS#8 in PEM); it signs tokens with EdDSA, /.well-known/jwks.json \
         publishes the public key, and RAPPORT_JWT_SECRET must not be set",
    ),
    setting(
        "RAPPORT_JWT_PREVIOUS_PUBLIC_KEYS",
        "",
        "paths of earlier Ed25519 public keys (PEM) whose tokens are still accepted, with any kind of signing key; \
         separated by commas",
    ),
    setting(
        "RAPPORT_JWKS_URL",
        "",
        "address of the keys of an outside issuer (RS256, ES256, EdDSA) that signs people in; RAPPORT_JWT_ISSUER and \
         RAPPORT_JWT_AUDIENCE are then the issuer's values",
    ),
    setting("RAPPORT_JWKS_REFRESH", "5m", "interval of fetching the issuer's keys (1s to 24h)"),
    setting("RAPPORT_JWT_ISSUER", "rapport", "issuer (iss) of tokens; tokens with another issuer are refused"),
    setting("RAPPORT_JWT_AUDIENCE", "rapport", "audience (aud) of tokens; tokens with another audience are refused"),
    setting(
        "RAPPORT_SEALING_KEYS",
        "",
        "keys that encrypt secrets in the database, each of 32 random bytes in base64, separated by commas; the first \
         encrypts, and the others only decrypt; development has a built-in one",
    ),
    setting(
        "RAPPORT_OUTGOING_NETWORKS",
        "",
        "networks that are not public and that outgoing requests may reach, such as 10.1.0.0/16, also without \
         encryption; separated by commas",
    ),
    setting("RAPPORT_TOKEN_LIFETIME", "1h", "lifetime of an access token (1s to 24h)"),
    setting("RAPPORT_SESSION_LIFETIME", "30d", "lifetime of a session that is not refreshed (1m to 366d)"),
    setting(
        "RAPPORT_VISITOR_TOKEN_LIFETIME",
        "30d",
        "lifetime of the token of a web site visitor after its last use (1m to 366d)",
    ),
    setting(
        "RAPPORT_FILES",
        "rapport-files",
        "folder of uploaded files, which all instances share, or s3://BUCKET/PREFIX",
    ),
    setting("RAPPORT_S3_ENDPOINT", "", "address of a server that speaks the protocol of S3; without it, Amazon's"),
    setting("RAPPORT_S3_REGION", "us-east-1", "region of the bucket"),
    setting(
        "RAPPORT_S3_ACCESS_KEY_ID",
        "",
        "id of the access key for the bucket; without it, the credentials of the machine",
    ),
    setting("RAPPORT_S3_SECRET_ACCESS_KEY", "", "secret of the access key"),
    setting(
        "RAPPORT_SCANNER",
        "",
        "virus scanner that sees each file before it can be read: clamd://HOST:PORT or clamd:/PATH/OF/SOCKET; \
         without it, files are not scanned",
    ),
    setting(
        "RAPPORT_ORGANIZATION_NAME",
        "",
        "name of the organization for prepared texts, the parameter organization.name",
    ),
    setting("RAPPORT_SIGN_UP", "open", "open: anyone may create an account; closed: sign-up is disabled"),
    setting(
        "RAPPORT_ALLOWED_ORIGINS",
        "",
        "web origins that may call and open sockets, in addition to the server's own host and the sites of web \
         chats; separated by commas",
    ),
    setting(
        "RAPPORT_DEMO",
        "",
        "true or false; true fills an empty database with the demo organization; default true in development",
    ),
    setting(
        "RAPPORT_REQUEST_COOL_DOWN",
        "21d",
        "cooldown after an ignored or closed connection request, before the requester may ask the same person again",
    ),
    setting("RAPPORT_EVENT_RETENTION", "14d", "time that events stay in the log (10m or more)"),
    setting("RAPPORT_NOTIFICATION_RETENTION", "90d", "time that notifications are kept (1h or more)"),
    setting(
        "RAPPORT_SMTP_URL",
        "",
        "mail server, such as smtps://USER:PASSWORD@HOST, or smtp://HOST:587?tls=required; without one no mail is \
         sent",
    ),
    setting(
        "RAPPORT_MAIL_FROM",
        "",
        "sender of mail, such as Rapport <rapport@example.org>; required with a mail server",
    ),
    setting(
        "RAPPORT_RESET_LINK",
        "",
        "address of the page for a new password, which the mail links to, such as \
         https://app.example.org/reset#{token}; without it the mail shows the token",
    ),
    setting(
        "RAPPORT_CONFIRM_LINK",
        "",
        "address of the page that confirms an address, which the mail links to, such as \
         https://app.example.org/confirm#{token}; without it the mail shows the token",
    ),
    setting("RAPPORT_EVENT_POLL", "1s", "interval of reading the log without a hint (50ms to 1m)"),
    setting("RAPPORT_MAX_BODY_BYTES", "262144", "maximum length of a request body or socket message, in bytes"),
    setting("RAPPORT_MAX_DOCUMENT_BYTES", "16384", "maximum length of a document, in bytes"),
    setting("RAPPORT_MAX_TOKENS", "2000", "maximum of tokens (words and signs) of one document"),
    setting("RAPPORT_MAX_ALIASES", "30", "maximum of aliases of one document"),
    setting("RAPPORT_MAX_COST", "50000", "maximum cost of one operation: its fields, multiplied by page sizes"),
    setting("RAPPORT_MAX_DEPTH", "15", "maximum depth of one operation"),
    setting("RAPPORT_REQUEST_TIMEOUT", "20s", "time limit of the answer to a query or mutation (100ms to 10m)"),
    setting("RAPPORT_MAX_ANSWER_BYTES", "3145728", "maximum memory of one answer, in bytes; 0: no limit"),
    setting(
        "RAPPORT_MAX_ALL_ANSWERS_BYTES",
        "67108864",
        "maximum memory of all pending answers together, in bytes; 0: no limit",
    ),
    setting("RAPPORT_STATEMENT_TIMEOUT", "10s", "time limit of one database statement (100ms to 10m)"),
    setting("RAPPORT_MAX_CONNECTIONS", "10000", "maximum of connections at once"),
    setting(
        "RAPPORT_MAX_CONNECTIONS_PER_ADDRESS",
        "2000",
        "maximum of connections at once from one address; it does not apply behind trusted proxies",
    ),
    setting(
        "RAPPORT_PING_EVERY",
        "20s",
        "interval of pings to a socket; a socket that sends nothing until the next ping is closed (100ms to 10m)",
    ),
    setting("RAPPORT_TRUSTED_PROXIES", "0", "number of proxies in front of the server that add to X-Forwarded-For"),
    setting("RAPPORT_IPV6_PREFIX", "64", "bits of an IPv6 address that count: one network counts as one address"),
    setting(
        "RAPPORT_MAX_SOCKETS_PER_CALLER",
        "32",
        "maximum of sockets at once of one caller, or of one address without a token; 0: no limit",
    ),
    setting(
        "RAPPORT_MAX_SUBSCRIPTIONS_PER_CALLER",
        "256",
        "maximum of subscriptions at once of one caller, or of one address without a token; 0: no limit",
    ),
    setting("RAPPORT_RATE_COST", "10000", "cost per second that a caller may spend in the long run; 0: no limit"),
    setting("RAPPORT_RATE_BURST", "200000", "cost that a caller may spend at once"),
    setting("RAPPORT_RATE_REQUESTS", "500", "requests per second of one address in the long run; 0: no limit"),
    setting(
        "RAPPORT_SIGN_IN_ATTEMPTS",
        "10",
        "wrong passwords from one place for one account before further ones wait longer and longer; a network may \
         make ten times as many a minute for all accounts, and all places that an account does not know may make \
         three times as many together; 0: no limit",
    ),
    setting(
        "RAPPORT_WEB_CHATS_PER_HOUR",
        "60",
        "chats per hour that one address may begin on all web sites; 0: no limit",
    ),
    setting(
        "RAPPORT_WRITTEN_BYTES_PER_HOUR",
        "67108864",
        "bytes per hour that one caller may write; one address may write ten times as many; 0: no limit",
    ),
    setting(
        "RAPPORT_UPLOADED_BYTES_PER_HOUR",
        "1073741824",
        "bytes of files per hour that one caller may upload; one address may upload ten times as many; 0: no limit",
    ),
    setting("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", "60", "messages per minute of one visitor; 0: no limit"),
    setting(
        "RAPPORT_MESSAGES_PER_MINUTE",
        "600",
        "messages and notes per minute of one person or API key; 0: no limit",
    ),
    setting(
        "RAPPORT_INTROSPECTION",
        "",
        "true or false; true opens introspection, GraphiQL and /schema.graphql; default true in development",
    ),
    setting(
        "RAPPORT_DRAIN",
        "",
        "time that the server goes on after the signal to stop, while its readiness is red; default 0s in \
         development, 2s in production",
    ),
    setting(
        "RAPPORT_METRICS_TOKEN",
        "",
        "bearer token for /metrics; without it, development answers every request and production answers none",
    ),
    setting(
        "RAPPORT_OTLP_ENDPOINT",
        "",
        "address that receives spans by OTLP over HTTP, such as http://127.0.0.1:4318",
    ),
    setting(
        "RAPPORT_LOG",
        "info,sea_orm_migration=warn",
        "log filter: error, warn, info, debug, or filters such as api=debug,warn",
    ),
    setting(
        "RAPPORT_LOG_FORMAT",
        "",
        "text or json, as lines on standard error; default text in development, json in production",
    ),
];

/// Returns the table of all settings for `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Settings (environment variables):\n");
    for Setting { name, default, meaning } in SETTINGS {
        let default = if default.is_empty() { "not set" } else { default };
        text.push_str(&format!("  {name:<30} {meaning} [{default}]\n"));
    }
    text
}

/// Returns the page `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Settings are environment variables, or entries of a TOML file that `RAPPORT_CONFIG` names. Names in the\n\
         file are in lower case and without `RAPPORT_`: `listen = \"127.0.0.1:8080\"`. The environment overrides the\n\
         file. The server refuses a wrong value at start, with a sentence that names the setting and the reason.\n\n\
         A server that others can reach does not start while its database has demo users with their known password.\n\n\
         This page is generated. Renew it with `cargo run -- config --markdown > docs/configuration.md`.\n\n\
         | setting | default | meaning |\n|---|---|---|\n",
    );
    for Setting { name, default, meaning } in SETTINGS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}` ") };
        page.push_str(&format!("| `{name}` | {default}| {} |\n", meaning.replace('<', "\\<")));
    }
    page
}
