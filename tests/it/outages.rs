//! Tests of database outages and recovery.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    database::{self, TestDatabase},
    eventually,
    graphql::Client,
    process::{self, Server},
    rounds,
    socket::Socket,
};

const ASK: &str = include_str!("operations/outages/ask.graphql");
const WITHDRAW: &str = include_str!("operations/crash_writes/withdraw.graphql");

/// The maximum time to a refusal, and to recovery after the database is back.
const WITHIN: Duration = Duration::from_secs(5);

/// A PostgreSQL server of this test, which the test stops and kills.
struct Postgres {
    directory: TempDir,
    port: u16,
}

impl Postgres {
    fn command(&self, what: &str) -> String {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/postgres");
        let done = Command::new(script)
            .arg(what)
            .env("RAPPORT_TEST_POSTGRES", self.directory.path().join("server"))
            .env("RAPPORT_TEST_POSTGRES_PORT", self.port.to_string())
            .output()
            .expected("the script runs");
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.command("stop");
    }
}

/// The answers that the writers received.
#[derive(Default)]
struct Told {
    acknowledged: Vec<String>,
    refusals: usize,
    slowest: Duration,
}

/// Checks that the database contains every request whose creation was acknowledged.
async fn check_acknowledged(database: &TestDatabase, acknowledged: &[String]) {
    let mut known: Vec<_> = acknowledged.iter().filter_map(|id| entity::id::ConnectionRequestId::parse(id)).collect();
    known.sort();
    known.dedup();
    let listed: Vec<String> = known.iter().map(|id| format!("'{}'", id.0)).collect();
    let kept = format!("SELECT count(*) FROM connection_request WHERE id IN ({})", listed.join(", "));
    assert_eq!(database.number(&kept).await, i64::try_from(known.len()).expected("a number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn outages_and_kills_of_the_database_lose_nothing_acknowledged() {
    if database::server().is_none() {
        // SQLite runs in the process, and the crash tests cover it.
        return;
    }
    let full = rounds(1) >= 100;
    let (outage, kills) = if full { (Duration::from_secs(60), 5) } else { (Duration::from_secs(3), 1) };
    // The port is below the system's ephemeral ports. Otherwise a connection to the stopped server could get this port
    // itself.
    let port = 20_000 + u16::try_from(std::process::id() % 10_000).expected("a port");
    let directory = TempDir::new().expected("a directory");
    // PostgreSQL runs as another user, who needs access to the directory.
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expected("open");
    let postgres = Postgres { directory, port };
    let database = TestDatabase::existing(&postgres.command("start"));
    let mut server = Server::start(&database, &[("RAPPORT_RATE_REQUESTS", "0"), ("RAPPORT_PING_EVERY", "10m")]);
    let settings = [("RAPPORT_DATABASE_URL", database.url.as_str()), ("RAPPORT_LOG", "error")];
    let token = |handle: &str| {
        let token = process::run(database.directory.path(), &settings, &["token", "--user", handle, "--expires", "1d"]);
        String::from_utf8(token.stdout).expected("text").trim().to_owned()
    };
    let me = "{ viewer { user { id } } }";
    let ada = token("ada");
    let ada_id =
        Client::new(&server.url, Some(ada.clone())).ask(me, Value::Null).await.text("viewer.user.id").to_owned();
    let mut socket = Socket::open(&server.url, Some(&ada)).await;
    socket.follow(None).await;

    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Told::default())));
    let writers: Vec<_> = ["jane", "richard", "ann", "ben"]
        .map(|handle| {
            let client = Client::new(&server.url, Some(token(handle)));
            let (ada_id, stop, told) = (ada_id.clone(), Arc::clone(&stop), Arc::clone(&told));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let Some(asked) = call(&client, ASK, json!({ "id": ada_id }), &told).await else { continue };
                    let request = asked["requestConnection"]["request"]["id"].as_str().expected("a request").to_owned();
                    told.lock().acknowledged.push(request.clone());
                    // Repeats the call until it is acknowledged.
                    while call(&client, WITHDRAW, json!({ "id": request }), &told).await.is_none() {}
                }
            })
        })
        .into_iter()
        .collect();
    let written = |least: usize| {
        let told = Arc::clone(&told);
        move || {
            let enough = told.lock().acknowledged.len() >= least;
            async move { enough }
        }
    };
    eventually("writes are acknowledged", written(20)).await;
    let ready = format!("{}/health/ready", server.url);
    for round in 0..=kills {
        if round == 0 {
            postgres.command("halt");
            // The length of the outage is the subject of the test.
            tokio::time::sleep(outage).await;
            assert_eq!(reqwest::get(&ready).await.expected("an answer").status(), 503);
        } else {
            postgres.command("kill");
        }
        postgres.command("resume");
        let back = Instant::now();
        eventually("it is ready again", || async {
            reqwest::get(&ready).await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        let before = told.lock().acknowledged.len();
        eventually("writes go on", written(before + 8)).await;
        assert!(back.elapsed() < WITHIN, "well again after {:?}", back.elapsed());
    }
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expected("a writer");
    }
    let told = std::mem::take(&mut *told.lock());
    assert!(told.refusals > 0 && told.slowest < WITHIN, "{} refusals, {:?} at most", told.refusals, told.slowest);
    consistency::check(&database).await;
    check_acknowledged(&database, &told.acknowledged).await;
    // The socket stays open through all outages and receives every event once and in order.
    let of_ada = format!("SELECT last_sequence FROM stream WHERE kind = 1 AND owner_id = '{}'", uuid_of(&ada_id));
    let last = database.number(&of_ada).await;
    for sequence in 1..=last {
        assert_eq!(socket.event().await.expected("an event")["sequence"], sequence);
    }
    assert_eq!(tokio::task::spawn_blocking(move || server.stop()).await.expected("a stop"), Some(0));
}

/// Returns the answer, or None when the call was refused and must be repeated. Records the time to the refusal.
async fn call(client: &Client, query: &str, variables: Value, told: &Mutex<Told>) -> Option<Value> {
    let since = Instant::now();
    let answer = client.try_ask(query, variables).await.expected("an answer, whatever the database does");
    if answer.body.get("errors").is_none() {
        return Some(answer.body["data"].clone());
    }
    assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
    assert_eq!(answer.body["errors"][0]["extensions"]["retryable"], true);
    let mut told = told.lock();
    told.refusals += 1;
    told.slowest = told.slowest.max(since.elapsed());
    None
}

fn uuid_of(id: &str) -> uuid::Uuid {
    entity::id::UserId::parse(id).expected("an id").0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_connection_was_cut_is_repeated() {
    let app = TestApp::new().await;
    if !app.database.is_postgres() {
        // SQLite has no connections that another process could end.
        return;
    }
    let jane = app.person("jane").await;
    for _ in 0..3 {
        jane.ask("{ viewer { user { handle } } }", Value::Null).await.text("viewer.user.handle");
        app.database
            .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            .await;
        let answer = jane.ask("{ viewer { user { handle } } }", Value::Null).await;
        assert_eq!(answer.text("viewer.user.handle"), "jane");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_ended_and_its_connection_stays_usable() {
    let app = TestApp::with(1, &[("RAPPORT_STATEMENT_TIMEOUT", "200ms"), ("RAPPORT_DATABASE_CONNECTIONS", "1")]).await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS count FROM n";
    let db = app.app().db.read();
    for _ in 0..3 {
        let since = Instant::now();
        let ended = api::database::sql::Sql::new(endless).one(db).await.err().map(api::error::Error::from);
        assert!(matches!(ended, Some(api::error::Error::Timeout)), "{ended:?}");
        assert!(since.elapsed() < WITHIN);
        let row = api::database::sql::Sql::new("SELECT CAST(7 AS bigint) AS seven").one(db).await.expected("a row");
        assert_eq!(row.expected("a row").try_get::<i64>("", "seven").expected("a number"), 7);
    }
}
