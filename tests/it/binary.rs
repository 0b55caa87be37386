//! Tests of the real binary: its commands, settings, output and exit.

use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    database::TestDatabase,
    graphql::Client,
    process::{self, Server},
    socket::Socket,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_creates_the_demo_organization_and_prints_how_to_sign_in() {
    let database = TestDatabase::new().await;
    let mut server = Server::start(&database, &[]);
    assert!(server.greeting.starts_with("listening on http://127.0.0.1:"));
    let sign_in =
        "mutation($h: String!) { signIn(input: { handle: $h, password: \"rapport\" }) { accessToken user { role } } }";
    for (handle, role) in [
        ("jane", "MEMBER"),
        ("richard", "MEMBER"),
        ("ann", "AGENT"),
        ("ben", "AGENT"),
        ("sue", "SUPERVISOR"),
        ("ada", "ADMIN"),
    ] {
        let answer = Client::new(&server.url, None).ask(sign_in, json!({ "h": handle })).await;
        assert_eq!(answer.text("signIn.user.role"), role);
    }
    let settings = [("RAPPORT_DATABASE_URL", database.url.as_str()), ("RAPPORT_LOG", "error")];
    let token = process::run(database.directory.path(), &settings, &["token", "--user", "jane", "--expires", "5m"]);
    let token = String::from_utf8(token.stdout).expected("text").trim().to_owned();
    let jane = Client::new(&server.url, Some(token));
    assert_eq!(jane.ask("{ viewer { user { handle } } }", Value::Null).await.text("viewer.user.handle"), "jane");
    let nobody = process::run(database.directory.path(), &settings, &["token", "--user", "nobody"]);
    assert!(!nobody.status.success() && String::from_utf8_lossy(&nobody.stderr).contains("nobody"));
    assert_eq!(server.stop(), Some(0), "a polite stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_public_address_does_not_start_with_demo_users() {
    let database = TestDatabase::new().await;
    Server::start(&database, &[]).kill();
    let settings = [
        ("RAPPORT_DATABASE_URL", database.url.as_str()),
        ("RAPPORT_LISTEN", "0.0.0.0:0"),
        ("RAPPORT_DEMO", "false"),
        ("RAPPORT_LOG", "error"),
    ];
    let refused = process::run(database.directory.path(), &settings, &[]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("RAPPORT_LISTEN") && words.contains("demo user"), "{words}");
}

#[test]
fn wrong_settings_are_refused_with_a_clear_message() {
    let directory = tempfile::TempDir::new().expected("a directory");
    for (name, value) in [
        ("RAPPORT_ENV", "staging"),
        ("RAPPORT_ENV", "production"),
        ("RAPPORT_LISTEN", "nowhere"),
        ("RAPPORT_DATABASE_URL", "mysql://x"),
        ("RAPPORT_TYPO", "x"),
        ("RAPPORT_CONFIG", "/nowhere.toml"),
        ("RAPPORT_LOG", "=/=["),
    ] {
        let refused = process::run(directory.path(), &[(name, value)], &["serve"]);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && words.contains("refused") && words.contains("RAPPORT_"),
            "{name}={value}: {words}"
        );
        assert!(!words.contains("panicked"), "{words}");
    }
    let file = directory.path().join("rapport.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nno_such = 1\n").expected("written");
    let refused = process::run(directory.path(), &[("RAPPORT_CONFIG", file.to_str().expected("a path"))], &[]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no_such"));
}

#[test]
fn the_schema_is_printed_and_help_lists_every_setting() {
    let directory = tempfile::TempDir::new().expected("a directory");
    let printed = process::run(directory.path(), &[], &["schema"]);
    assert_eq!(String::from_utf8_lossy(&printed.stdout).trim(), api::schema::sdl().trim());
    let help = process::run(directory.path(), &[], &["serve", "--help"]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for setting in api::config::SETTINGS {
        assert!(help.contains(setting.name), "--help leaves out {}", setting.name);
    }
    let page = process::run(directory.path(), &[], &["config", "--markdown"]);
    let held = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let held = std::fs::read_to_string(held).expected("docs/configuration.md");
    assert_eq!(
        String::from_utf8_lossy(&page.stdout),
        held,
        "stale: cargo run -- config --markdown > docs/configuration.md"
    );
    assert!(std::fs::read_dir(directory.path()).expected("a directory").next().is_none(), "neither needs a database");
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_variables_override_the_configuration_file() {
    let database = TestDatabase::new().await;
    let file = database.directory.path().join("rapport.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\ndemo = false\nlog = \"error\"\nmax_cost = 100\n")
        .expected("written");
    let config = file.to_str().expected("a path").to_owned();
    let mut command = process::rapport(
        database.directory.path(),
        &[("RAPPORT_CONFIG", &config), ("RAPPORT_DATABASE_URL", &database.url), ("RAPPORT_MAX_DEPTH", "5")],
    );
    command.arg("serve");
    let server = Server::spawn(command);
    assert_eq!(database.number("SELECT count(*) FROM \"user\"").await, 0, "no demo");
    let client = Client::new(&server.url, None);
    let costly = format!("{{ {} }}", (0..101).map(|n| format!("a{n}: __typename")).collect::<Vec<_>>().join(" "));
    assert_eq!(client.ask(&costly, Value::Null).await.code(), "LIMIT_EXCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_at_once_on_an_empty_database_all_start() {
    let database = TestDatabase::new().await;
    if !database.is_postgres() {
        // A SQLite file serves one process only.
        return;
    }
    database.run("DROP SCHEMA public CASCADE").await;
    database.run("CREATE SCHEMA public").await;
    let starts: Vec<_> = (0..3)
        .map(|_| {
            let (url, path) = (database.url.clone(), database.directory.path().to_owned());
            std::thread::spawn(move || {
                process::run(&path, &[("RAPPORT_DATABASE_URL", url.as_str()), ("RAPPORT_LOG", "error")], &["migrate"])
            })
        })
        .collect();
    for start in starts {
        let done = start.join().expect("a start");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_to_the_database_is_enough_to_start_and_serve() {
    let database = TestDatabase::new().await;
    let server = Server::start(&database, &[("RAPPORT_DATABASE_CONNECTIONS", "1")]);
    let sign_in = "mutation { signIn(input: { handle: \"jane\", password: \"rapport\" }) { user { handle } } }";
    assert_eq!(Client::new(&server.url, None).ask(sign_in, Value::Null).await.text("signIn.user.handle"), "jane");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_closes_every_socket_with_a_code_to_reconnect() {
    let database = TestDatabase::new().await;
    let mut server = Server::start(&database, &[("RAPPORT_MAX_SOCKETS_PER_CALLER", "50")]);
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(Socket::open(&server.url, None).await);
    }
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    for mut socket in sockets {
        assert_eq!(socket.hear().await, Err(1012));
    }
    assert_eq!(stopped.await.expected("a stop"), Some(0));
}
