//! Tests of database faults at every step of a change: the change is whole or absent, the client learns which, and the
//! next change is stored.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use api::{
    database::write_pool::{BeforeStep, Step},
    users::profiles::{self, NewPerson},
};
use entity::{channel::Channel, user::Role};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use crate::support::{
    Expected as _, app::TestApp, consistency, database::TestDatabase, eventually, graphql::Client, rounds, visitors,
};

/// The maximum time to a refusal and to recovery.
const WITHIN: Duration = Duration::from_secs(5);

/// A fault, as SQL that causes it in the middle of a transaction.
struct Fault {
    name: &'static str,
    sqlite: &'static [&'static str],
    postgres: &'static [&'static str],
    /// The error code of a call that meets the fault. An empty code allows any error.
    code: &'static str,
}

const FAULTS: [Fault; 4] = [
    Fault {
        name: "the disk is full",
        // SQLite rolls the transaction back automatically.
        sqlite: &[
            "PRAGMA max_page_count = 1; CREATE TABLE ballast (x); INSERT INTO ballast VALUES (zeroblob(20000000))",
        ],
        postgres: &["DO $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$"],
        code: "UNAVAILABLE",
    },
    Fault {
        name: "the transaction is over",
        sqlite: &["ROLLBACK; SELECT * FROM there_is_no_such_table"],
        postgres: &["SELECT pg_terminate_backend(pg_backend_pid())"],
        code: "",
    },
    Fault {
        name: "a statement is refused",
        sqlite: &["SELECT * FROM there_is_no_such_table"],
        postgres: &[
            "SELECT * FROM there_is_no_such_table",
            "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'XX000'; END $$",
        ],
        code: "INTERNAL",
    },
    Fault {
        name: "the database only reads",
        sqlite: &["PRAGMA query_only = ON; INSERT INTO write_probe (id, noise) VALUES (1, 'x')"],
        postgres: &[
            "SET TRANSACTION READ ONLY; DELETE FROM write_probe",
            "DO $$ BEGIN RAISE EXCEPTION 'i/o error' USING ERRCODE = '58030'; END $$",
            "DO $$ BEGIN RAISE EXCEPTION 'out of memory' USING ERRCODE = '53200'; END $$",
        ],
        code: "UNAVAILABLE",
    },
];

/// Makes the given step of the next transaction fail, and counts its steps.
fn failing_at(step: usize, sql: &'static str, met: &Arc<AtomicUsize>) -> BeforeStep {
    let met = Arc::clone(met);
    let begun = AtomicUsize::new(0);
    Arc::new(move |before| {
        // Later transactions are retries or work of the log. They do not fail.
        if before == Step::Begin {
            begun.fetch_add(1, Ordering::SeqCst);
        }
        if begun.load(Ordering::SeqCst) != 1 {
            return None;
        }
        if met.fetch_add(1, Ordering::SeqCst) != step {
            return None;
        }
        // Before BEGIN there is no transaction, so the fault needs one of its own.
        Some(match before {
            Step::Begin => format!("BEGIN; {sql}"),
            _ => sql.to_owned(),
        })
    })
}

/// A mutation of one caller.
struct Change {
    client: Client,
    query: &'static str,
    variables: Value,
}

impl Change {
    fn new(client: &Client, query: &'static str, variables: Value) -> Self {
        Self { client: client.clone(), query, variables }
    }

    /// Returns the field of the mutation.
    fn field(&self) -> &str {
        self.query.split("{ ").nth(1).and_then(|rest| rest.split('(').next()).expected("a field")
    }
}

/// Returns mutations of all kinds: a few of them, or ten in a full run.
async fn changes(app: &TestApp) -> Vec<Change> {
    let [jane, ada, ben] = app.people(["jane", "ada", "ben"]).await;
    let [sue, tom] = app.agents(["sue", "tom"]).await;
    let site = app.web_site("site").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&sue]).await;
    assert_eq!(sue.turns("AVAILABLE").await, "");
    app.waits(&queue_setup, "Kim").await;
    app.settle().await;
    let offer = sue.offers().await.pop().expected("an offer");
    let (visitor, conversation) = visitors::visitor(app, &site).await;
    let (jane, sue, tom) = (&jane.clients[0], &sue.clients[0], &tom.clients[0]);
    let mut all = vec![
        Change::new(
            jane,
            "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } userErrors { code } } }",
            json!({ "t": "Hello" }),
        ),
        Change::new(
            &visitor,
            "mutation($c: ID!) { sendMessage(input: { conversationId: $c, clientMessageId: \"m\", body: \"Is anybody there?\" }) { message { id } userErrors { code } } }",
            json!({ "c": conversation }),
        ),
        Change::new(
            sue,
            "mutation($o: ID!) { acceptOffer(input: { offerId: $o }) { task { id } userErrors { code } } }",
            json!({ "o": offer }),
        ),
        Change::new(
            tom,
            "mutation($s: AgentState!) { setAgentState(input: { state: $s }) { agent { state } userErrors { code } } }",
            json!({ "s": "IDLE" }),
        ),
        Change::new(
            jane,
            "mutation($id: ID!) { requestConnection(input: { userId: $id }) { outcome userErrors { code } } }",
            json!({ "id": ada.id() }),
        ),
        Change::new(
            jane,
            "mutation($id: ID!) { followUser(input: { userId: $id }) { outcome userErrors { code } } }",
            json!({ "id": ben.id() }),
        ),
        Change::new(
            jane,
            "mutation($id: ID!) { blockUser(input: { userId: $id }) { outcome userErrors { code } } }",
            json!({ "id": ben.id() }),
        ),
        Change::new(
            jane,
            "mutation($n: String!) { updateProfile(input: { displayName: $n }) { userErrors { code } } }",
            json!({ "n": "Jane of the Faults" }),
        ),
        Change::new(
            jane,
            "mutation($n: String!) { createApiKey(input: { name: $n, scopes: [PROFILE_READ] }) { apiKey { id } userErrors { code } } }",
            json!({ "n": "key" }),
        ),
        Change::new(
            &app.anonymous(),
            "mutation($e: ID!) { startWebChat(input: { entryPointId: $e, message: { clientMessageId: \"1\", body: \"Hi\" } }) { conversation { id } userErrors { code } } }",
            json!({ "e": site.id.to_string() }),
        ),
    ];
    all.truncate(rounds(3).clamp(3, 10));
    all
}

/// Waits until no background write is left.
async fn quiet(app: &TestApp) {
    eventually("the log is sequenced, and writes succeed", || async {
        !app.app().db.pulse().is_failing()
            && app.database.number("SELECT count(*) FROM event_entry WHERE position IS NULL").await == 0
    })
    .await;
}

/// Returns every row, except the probes that check whether writes succeed.
async fn state(app: &TestApp) -> std::collections::BTreeMap<String, Vec<String>> {
    app.database.rows(&["write_probe"]).await
}

async fn at_every_step(fault: &Fault) {
    let app = TestApp::new().await;
    let changes = changes(&app).await;
    let sql = if app.database.is_postgres() { fault.postgres } else { fault.sqlite };
    for (index, change) in changes.iter().enumerate() {
        let what = format!("{} while {}", change.field(), fault.name);
        // Starts at step 1. When BEGIN fails, the pool replaces the connection before anything is done.
        let mut step = 1;
        loop {
            quiet(&app).await;
            let before = state(&app).await;
            let met = Arc::new(AtomicUsize::new(0));
            app.app().db.before_steps(Some(failing_at(step, sql[(index + step) % sql.len()], &met)));
            let since = Instant::now();
            let answer = change.client.ask(change.query, change.variables.clone()).await;
            app.app().db.before_steps(None);
            assert!(since.elapsed() < WITHIN, "{what}: {:?}", since.elapsed());
            if met.load(Ordering::SeqCst) <= step {
                assert_eq!(answer.at(change.field())["userErrors"], json!([]), "{what}");
                assert_ne!(state(&app).await, before, "{what}: nothing was done");
                break;
            }
            let code = answer.code();
            assert!(code == fault.code || (fault.code.is_empty() && !code.is_empty()), "{what}: {}", answer.body);
            if code == "UNAVAILABLE" {
                assert_eq!(answer.body["errors"][0]["extensions"]["retryable"], true, "{what}");
            }
            quiet(&app).await;
            let (after, step_said) = (state(&app).await, format!("{what}, step {step}"));
            for (table, rows) in &before {
                assert_eq!(after.get(table), Some(rows), "{step_said}: {table}");
            }
            step += 1;
        }
        assert!(step >= 4, "{what}: {step} steps");
    }
    quiet(&app).await;
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_any_step_leaves_nothing_behind() {
    at_every_step(&FAULTS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_ends_at_any_step_leaves_nothing_behind() {
    at_every_step(&FAULTS[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_at_any_step_leaves_nothing_behind() {
    at_every_step(&FAULTS[2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_at_any_step_leaves_nothing_behind() {
    at_every_step(&FAULTS[3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_after_a_fault_is_stored() {
    let app = TestApp::new().await;
    let jane = app.person("jane").await;
    let post = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } } }";
    let sql = if app.database.is_postgres() { FAULTS[0].postgres[0] } else { FAULTS[0].sqlite[0] };
    let mut kept = Vec::new();
    for round in 0..rounds(8) {
        let met = Arc::new(AtomicUsize::new(0));
        app.app().db.before_steps(Some(failing_at(1 + round % 6, sql, &met)));
        let refused = jane.ask(post, json!({ "t": format!("refused {round}") })).await;
        app.app().db.before_steps(None);
        if refused.body.get("errors").is_none() {
            kept.push(format!("refused {round}"));
        }
        let text = format!("kept {round}");
        jane.ask(post, json!({ "t": text })).await.text("postStatus.activity.id");
        kept.push(text);
    }
    let texts = "SELECT text FROM activity WHERE text IS NOT NULL";
    // Reads on a separate connection. The server's own connection could show uncommitted rows.
    let mut found = app.database.texts(texts).await;
    found.sort();
    kept.sort();
    assert_eq!(found, kept);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_locked_by_another_process_is_unavailable_in_time_and_recovers() {
    let app = TestApp::new().await;
    if app.database.is_postgres() {
        return;
    }
    let jane = app.person("jane").await;
    let post = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } } }";
    let ready = format!("{}/health/ready", app.instances[0].url);
    let status = || async { reqwest::get(&ready).await.map(|answer| answer.status().as_u16()).unwrap_or_default() };
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let mut other = sqlx::SqliteConnection::connect(&app.database.url).await.expected("a connection");
        other.execute(lock).await.expected("a lock");
        let asked = [
            post,
            "mutation($t: String!) { updateProfile(input: { title: $t }) { userErrors { code } } }",
            "mutation($t: String!) { savePersonalContact(input: { displayName: $t }) { outcome } }",
            "mutation($t: String!) { createApiKey(input: { name: $t, scopes: [PROFILE_READ] }) { apiKey { id } } }",
        ]
        .map(|change| {
            let jane = &jane;
            async move {
                let since = Instant::now();
                let answer = jane.ask(change, json!({ "t": "locked" })).await;
                assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
                assert_eq!(answer.body["errors"][0]["extensions"]["retryable"], true);
                assert!(since.elapsed() < WITHIN, "{:?}", since.elapsed());
            }
        });
        futures_util::future::join_all(asked).await;
        assert_eq!(status().await, 503);
        other.execute("ROLLBACK").await.expected("unlocked");
        let since = Instant::now();
        eventually("it is ready again", || async { status().await == 200 }).await;
        assert!(since.elapsed() < WITHIN, "{:?}", since.elapsed());
        jane.ask(post, json!({ "t": "unlocked" })).await.text("postStatus.activity.id");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM activity WHERE text = 'locked'").await, 0);
    for table in ["personal_contact", "api_key"] {
        assert_eq!(app.database.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_is_unavailable_and_recovers() {
    let app = TestApp::new().await;
    if !app.database.is_postgres() {
        return;
    }
    let jane = app.person("jane").await;
    let post = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } } }";
    let ready = format!("{}/health/ready", app.instances[0].url);
    let status = || async { reqwest::get(&ready).await.map(|answer| answer.status().as_u16()).unwrap_or_default() };
    let (server, name) = app.database.url.rsplit_once('/').expected("a name");
    let server = TestDatabase::existing(&format!("{server}/postgres"));
    let set = |value: &str| format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.run(&set("on")).await;
    app.database.run(cut).await;
    let since = Instant::now();
    let answer = jane.ask(post, json!({ "t": "refused" })).await;
    assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
    assert!(since.elapsed() < WITHIN);
    assert_eq!(status().await, 503);
    server.run(&set("off")).await;
    let since = Instant::now();
    eventually("it is ready again", || async { status().await == 200 }).await;
    assert!(since.elapsed() < WITHIN, "{:?}", since.elapsed());
    jane.ask(post, json!({ "t": "kept" })).await.text("postStatus.activity.id");
    assert_eq!(app.database.number("SELECT count(*) FROM activity WHERE text = 'refused'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_at_any_point_is_whole_or_absent() {
    let app = TestApp::new().await;
    let jane = app.person("jane").await;
    let post = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } } }";
    let mut kept = 0;
    for looks in 0..rounds(60) {
        let person = &NewPerson {
            handle: format!("given-up-{looks}"),
            display_name: "Given Up".to_owned(),
            given_name: None,
            family_name: None,
            role: Role::Member,
        };
        let making = app.app().transaction(|tx| Box::pin(async move { profiles::create(tx, person.clone()).await }));
        let mut making = Box::pin(making);
        // Polls the transaction this many times and then drops it.
        for _ in 0..looks {
            if futures_util::poll!(&mut making).is_ready() {
                kept += 1;
                break;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        drop(making);
        jane.ask(post, json!({ "t": format!("after {looks}") })).await.text("postStatus.activity.id");
    }
    let made = app.database.number("SELECT count(*) FROM \"user\" WHERE display_name = 'Given Up'").await;
    // A commit may have succeeded although its caller got no answer.
    assert!(made >= kept, "{made} were kept, {kept} acknowledged");
    assert_eq!(
        app.database.number("SELECT count(*) FROM activity WHERE text LIKE 'after %'").await,
        i64::try_from(rounds(60)).expected("a number")
    );
    consistency::check(&app.database).await;
}
