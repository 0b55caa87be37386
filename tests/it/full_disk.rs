//! Tests of a full disk: a small file system in memory is filled and freed while the real binary serves.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::support::{
    Expected as _, consistency,
    database::{self, TestDatabase},
    eventually,
    graphql::{Answer, Client},
    process::{self, Server},
    rounds,
};

/// The maximum time to an answer, and to recovery after space is free again.
const WITHIN: Duration = Duration::from_secs(5);

const POST: &str = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } userErrors { code } } }";
const ASK: &str = "{ viewer { user { id } } }";

/// A small file system. Dropping it unmounts it.
struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// Mounts a file system. Returns None when the test may not mount one.
    #[expect(clippy::print_stderr, reason = "a test that does nothing has to say so")]
    fn mount(megabytes: u32) -> Option<Self> {
        let directory = TempDir::new().expected("a directory");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(directory.path())
            .output();
        if !done.is_ok_and(|done| done.status.success()) {
            eprintln!("not tested: a full disk, because no file system may be mounted here");
            return None;
        }
        Some(Self { directory })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Fills the file system, except for the given number of bytes.
    fn fill(&self, but_for: u64) {
        let mut file = File::create(self.ballast()).expected("a file");
        let block = [7; 4_096];
        while file.write_all(&block).is_ok() {}
        let length = file.metadata().expected("a length").len();
        file.set_len(length.saturating_sub(but_for)).expected("a little space");
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).expected("space");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).output());
    }
}

/// Returns true when a post was acknowledged. A refusal must be retryable.
fn acknowledged(answer: &Answer) -> bool {
    if answer.body.get("errors").is_none() {
        answer.text("postStatus.activity.id");
        return true;
    }
    assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
    assert_eq!(answer.body["errors"][0]["extensions"]["retryable"], true);
    false
}

/// A person who posts, with the acknowledged texts and the number of refusals.
struct Story {
    client: Client,
    number: usize,
    kept: Vec<String>,
    refused: usize,
}

impl Story {
    async fn post(&mut self) -> bool {
        self.number += 1;
        let text = format!("{} {}", self.number, "x".repeat(900));
        let since = Instant::now();
        let answer = self.client.ask(POST, json!({ "t": text })).await;
        assert!(since.elapsed() < WITHIN, "answered after {:?}", since.elapsed());
        match acknowledged(&answer) {
            true => self.kept.push(text),
            false => self.refused += 1,
        }
        acknowledged(&answer)
    }

    /// Checks that exactly the acknowledged texts are stored.
    async fn check(&self, database: &TestDatabase, when: &str) {
        let mut found = database.texts("SELECT text FROM activity WHERE text LIKE '% xxx%'").await;
        let mut kept = self.kept.clone();
        found.sort();
        kept.sort();
        assert_eq!(found.len(), kept.len(), "{when}");
        assert!(found == kept, "{when}: other texts were kept");
    }
}

async fn is_ready(server: &Server) -> bool {
    reqwest::get(format!("{}/health/ready", server.url)).await.is_ok_and(|answer| answer.status() == 200)
}

/// Fills the disk except for some bytes, posts, frees the disk and checks the recovery.
async fn fill_and_free(disk: &SmallDisk, server: &Server, story: &mut Story, but_for: u64) {
    disk.fill(but_for);
    let refused = story.refused;
    // The first posts still use free space in the log file and in pages.
    for _ in 0..2_000 {
        if !story.post().await {
            break;
        }
    }
    assert!(story.refused > refused, "the disk was never full");
    assert!(!is_ready(server).await, "it is ready on a full disk");
    for _ in 0..3 {
        story.post().await;
    }
    story.client.ask(ASK, Value::Null).await.text("viewer.user.id");
    disk.free();
    let since = Instant::now();
    eventually("it is ready again", || is_ready(server)).await;
    assert!(story.post().await, "a call is refused although it is ready");
    assert!(since.elapsed() < WITHIN, "well again after {:?}", since.elapsed());
}

fn token(database: &TestDatabase, handle: &str) -> String {
    let settings = [("RAPPORT_DATABASE_URL", database.url.as_str()), ("RAPPORT_LOG", "error")];
    let token = process::run(database.directory.path(), &settings, &["token", "--user", handle, "--expires", "1d"]);
    String::from_utf8(token.stdout).expected("text").trim().to_owned()
}

async fn survive(disk: &SmallDisk, database: &TestDatabase) {
    let settings = [("RAPPORT_RATE_REQUESTS", "0"), ("RAPPORT_RATE_COST", "0")];
    let mut server = Server::start(database, &settings);
    let token = token(database, "jane");
    let mut story =
        Story { client: Client::new(&server.url, Some(token.clone())), number: 0, kept: Vec::new(), refused: 0 };
    for round in 0..rounds(3).min(20) {
        let but_for = [0, 4_096, 40_000, 200_000][round % 4];
        fill_and_free(disk, &server, &mut story, but_for).await;
        story.check(database, "while it runs").await;
        // The server is killed and stopped in turn.
        if round % 2 == 0 {
            server.kill();
        } else {
            assert_eq!(server.stop(), Some(0));
        }
        story.check(database, "while it is down").await;
        consistency::check(database).await;
        server = Server::start(database, &settings);
        story.client = Client::new(&server.url, Some(token.clone()));
        assert!(story.post().await, "a call is refused after the restart");
        story.check(database, "after the restart").await;
    }
    // The background work continues.
    eventually("the log is sequenced", || async {
        database.number("SELECT count(*) FROM event_entry WHERE position IS NULL").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_a_full_disk() {
    if database::server().is_some() {
        return;
    }
    let Some(disk) = SmallDisk::mount(8) else { return };
    let url = format!("sqlite://{}", disk.path().join("full.db").display());
    survive(&disk, &TestDatabase::existing(&url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_a_full_disk_of_postgres() {
    let Some(server) = database::server() else { return };
    let Some(disk) = SmallDisk::mount(40) else { return };
    // The PostgreSQL server runs as another user.
    let place = disk.path().join("rows");
    fs::create_dir(&place).expected("a directory");
    fs::set_permissions(disk.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expected("open");
    let given = Command::new("chown").arg("postgres").arg(&place).output().expected("chown runs");
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    let name = format!("rapport_full_{}", std::process::id());
    let mut admin = PgConnection::connect(&server).await.expected("the server");
    for sql in [
        format!("CREATE TABLESPACE {name} LOCATION '{}'", place.display()),
        format!("CREATE DATABASE {name} TABLESPACE {name}"),
    ] {
        admin.execute(sqlx::AssertSqlSafe(sql)).await.expected("made");
    }
    let (base, _) = server.rsplit_once('/').expected("an address");
    survive(&disk, &TestDatabase::existing(&format!("{base}/{name}"))).await;
    for sql in [format!("DROP DATABASE {name} WITH (FORCE)"), format!("DROP TABLESPACE {name}")] {
        admin.execute(sqlx::AssertSqlSafe(sql)).await.expected("dropped");
    }
}
