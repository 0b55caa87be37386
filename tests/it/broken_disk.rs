//! Tests of disk errors and of exhausted memory, with the real binary and a SQLite file. A library makes the n-th call
//! of the C library fail that writes, syncs, truncates or reads the file. It also makes the n-th allocation of SQLite
//! fail. For every n, the change is whole or absent, the client learns which, and the server recovers without a
//! restart.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Expected as _, consistency,
    database::{self, TestDatabase},
    eventually,
    graphql::Client,
    process::{self, Server},
    rounds,
};

/// The maximum time to an answer and to recovery.
const WITHIN: Duration = Duration::from_secs(5);

const SOURCE: &str = include_str!("support/broken_disk.c");
const POST: &str = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } userErrors { code } } }";

/// The kind of failing call, with the numbers of the C source.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Nothing = 0,
    WriteFails = 1,
    WriteFindsNoSpace = 2,
    SyncFails = 3,
    TruncateFails = 4,
    ReadFails = 5,
    NoMemory = 6,
}

/// The library that makes calls fail, and the file that controls it.
struct Broken {
    directory: TempDir,
    control: File,
}

impl Broken {
    /// Compiles the library. Returns None without a C compiler.
    #[expect(clippy::print_stderr, reason = "a test that does nothing has to say so")]
    fn build() -> Option<Self> {
        let directory = TempDir::new().expected("a directory");
        let source = directory.path().join("broken_disk.c");
        std::fs::write(&source, SOURCE).expected("the source");
        let library = directory.path().join("broken_disk.so");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).arg("-ldl").output();
        match built {
            Ok(built) => assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr)),
            Err(error) => {
                eprintln!("not tested: a broken disk, because there is no C compiler: {error}");
                return None;
            }
        }
        std::fs::write(directory.path().join("control"), [0; 16]).expected("the control");
        let control =
            OpenOptions::new().read(true).write(true).open(directory.path().join("control")).expected("a file");
        Some(Self { directory, control })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self, database: &TestDatabase) -> Server {
        let (control, library) = (self.at("control"), self.at("broken_disk.so"));
        let settings = [
            ("RAPPORT_RATE_REQUESTS", "0"),
            ("RAPPORT_RATE_COST", "0"),
            ("BROKEN_DISK_CONTROL", text(&control)),
            ("BROKEN_DISK_FILES", database.url.trim_start_matches("sqlite://")),
            ("LD_PRELOAD", text(&library)),
        ];
        Server::start(database, &settings)
    }

    /// Makes the n-th call from now fail. With `lasts`, all later calls fail too.
    fn fails(&self, kind: Kind, at: i32, lasts: bool) {
        // The counter restarts before any call can fail.
        self.write(0, Kind::Nothing as i32);
        for (place, value) in [(4, at), (8, i32::from(lasts)), (12, 0), (0, kind as i32)] {
            self.write(place, value);
        }
    }

    /// Stops all failures. Returns the number of calls since `fails`.
    fn heals(&self) -> i32 {
        self.write(0, Kind::Nothing as i32);
        let mut count = [0; 4];
        self.control.read_exact_at(&mut count, 12).expected("a number");
        i32::from_ne_bytes(count)
    }

    fn write(&self, place: u64, value: i32) {
        self.control.write_all_at(&value.to_ne_bytes(), place).expected("written");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expected("a path")
}

/// A person who posts, and the texts that the server acknowledged.
struct Story {
    client: Client,
    number: usize,
    kept: Vec<String>,
}

impl Story {
    /// Posts a status. Returns true when the server saved it.
    async fn post(&mut self) -> bool {
        self.number += 1;
        let text = format!("{} {}", self.number, "x".repeat(900));
        let since = Instant::now();
        let answer = self.client.ask(POST, json!({ "t": text })).await;
        assert!(since.elapsed() < WITHIN, "answered after {:?}", since.elapsed());
        if answer.body["data"]["postStatus"]["activity"]["id"].is_string() {
            self.kept.push(text);
            return true;
        }
        assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
        // The status was saved. Only the read for the answer failed.
        let saved = answer.body["errors"][0]["extensions"]["retryable"] == false;
        if saved {
            self.kept.push(text);
        }
        saved
    }

    async fn check(&self, database: &TestDatabase, when: &str) {
        let mut found = database.texts("SELECT text FROM activity WHERE text LIKE '% xxx%'").await;
        let mut kept = self.kept.clone();
        found.sort();
        kept.sort();
        assert!(found == kept, "{when}: {} are kept of {} acknowledged", found.len(), kept.len());
    }
}

async fn is_ready(server: &Server) -> bool {
    reqwest::get(format!("{}/health/ready", server.url)).await.is_ok_and(|answer| answer.status() == 200)
}

async fn every_call_fails_once(kind: Kind) {
    if database::server().is_some() {
        return;
    }
    let Some(broken) = Broken::build() else { return };
    let database = TestDatabase::new().await;
    let mut server = broken.start(&database);
    let settings = [("RAPPORT_DATABASE_URL", database.url.as_str()), ("RAPPORT_LOG", "error")];
    let token = process::run(database.directory.path(), &settings, &["token", "--user", "jane", "--expires", "1d"]);
    let token = String::from_utf8(token.stdout).expected("text").trim().to_owned();
    let mut story = Story { client: Client::new(&server.url, Some(token.clone())), number: 0, kept: Vec::new() };
    assert!(story.post().await);
    // A full run tries every call. A short run tries some of them.
    let full = rounds(1) >= 100;
    let (mut at, mut refused) = (1, 0);
    loop {
        // Otherwise the sequencer, which writes after each post, could meet the failure instead of the next post.
        let waiting = "SELECT count(*) FROM event_entry WHERE position IS NULL";
        eventually("the log is sequenced", || async { database.number(waiting).await == 0 }).await;
        broken.fails(kind, at, at % 2 == 0);
        let done = story.post().await;
        let count = broken.heals();
        refused += usize::from(!done);
        let since = Instant::now();
        eventually("it is ready again", || is_ready(&server)).await;
        assert!(story.post().await, "{kind:?} {at}: refused although it is ready");
        assert!(since.elapsed() < WITHIN, "{kind:?} {at}: well again after {:?}", since.elapsed());
        if at % 16 == 0 {
            story.check(&database, &format!("{kind:?} {at}")).await;
        }
        if count < at {
            break;
        }
        at += if full || at < 8 { 1 } else { at / 4 };
    }
    story.check(&database, "while it runs").await;
    server.kill();
    story.check(&database, "while it is down").await;
    consistency::check(&database).await;
    server = broken.start(&database);
    story.client = Client::new(&server.url, Some(token));
    assert!(story.post().await);
    story.check(&database, "after the restart").await;
    let me = story.client.ask("{ viewer { user { handle } } }", Value::Null).await;
    assert_eq!(me.text("viewer.user.handle"), "jane");
    assert!(refused > 0 || matches!(kind, Kind::TruncateFails | Kind::ReadFails), "{kind:?}: nothing was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_that_fails_leaves_nothing_behind() {
    every_call_fails_once(Kind::WriteFails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_that_finds_no_space_leaves_nothing_behind() {
    every_call_fails_once(Kind::WriteFindsNoSpace).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sync_that_fails_leaves_nothing_behind() {
    every_call_fails_once(Kind::SyncFails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_truncation_that_fails_leaves_nothing_behind() {
    every_call_fails_once(Kind::TruncateFails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_that_fails_leaves_nothing_behind() {
    every_call_fails_once(Kind::ReadFails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_allocation_that_fails_leaves_nothing_behind() {
    every_call_fails_once(Kind::NoMemory).await;
}
