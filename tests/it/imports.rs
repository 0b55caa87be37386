//! Tests of graph imports with the real binary.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::support::{
    Expected as _, consistency,
    database::TestDatabase,
    graphql::Client,
    process::{self, Server},
};

fn settings(database: &TestDatabase) -> [(&str, &str); 3] {
    [("RAPPORT_DATABASE_URL", database.url.as_str()), ("RAPPORT_LOG", "error"), ("RAPPORT_DEMO", "false")]
}

/// Returns a small graph in the format of the real ones. Each number is connected to a few higher numbers.
fn graph(people: u32) -> String {
    let mut text = String::from("# a b\n");
    for a in 0..people {
        for step in [1, 7, 31] {
            if a + step < people {
                text.push_str(&format!("{a} {}\n", a + step));
            }
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_imports_of_two_graphs_store_them_once() {
    let database = TestDatabase::new().await;
    let directory = database.directory.path().to_owned();
    let (connections, follows) = (directory.join("connections.txt"), directory.join("follows.txt.gz"));
    std::fs::write(&connections, graph(300)).expected("written");
    let mut zipped = GzEncoder::new(std::fs::File::create(&follows).expected("a file"), Compression::fast());
    zipped.write_all(graph(500).as_bytes()).expected("written");
    zipped.finish().expected("written");
    let arguments = [
        "import",
        "--connections",
        connections.to_str().expected("a path"),
        "--follows",
        follows.to_str().expected("a path"),
    ];
    let edges = |people: u32| i64::from(people * 3 - 1 - 7 - 31);
    for run in 0..2 {
        let done = process::run(&directory, &settings(&database), &arguments);
        let words = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let expected = if run == 0 { "300 people and 861 pairs are new" } else { "0 people and 0 pairs are new" };
        assert!(words.contains(expected), "{words}");
        assert_eq!(database.number("SELECT count(*) FROM \"user\"").await, 800);
        assert_eq!(database.number("SELECT count(*) FROM relationship").await, edges(300) + edges(500));
        assert_eq!(database.number("SELECT count(*) FROM contact").await, 2 * (edges(300) + edges(500)));
        consistency::check(&database).await;
    }
    let token = process::run(&directory, &settings(&database), &["token", "--user", "f100"]);
    let server = Server::start(&database, &[("RAPPORT_DEMO", "false")]);
    let client = Client::new(&server.url, Some(String::from_utf8(token.stdout).expected("text").trim().to_owned()));
    let answer =
        client.ask("{ viewer { contactCounts { following followers } } contacts { totalCount } }", Value::Null).await;
    assert_eq!(answer.at("viewer.contactCounts"), &json!({ "following": 3, "followers": 3 }));
    assert_eq!(answer.at("contacts.totalCount"), 800);
    // A repeated import keeps changes that people made since.
    let unfollow = "mutation($id: ID!) { unfollowUser(input: { userId: $id }) { outcome } }";
    let other = client.ask("{ user(handle: \"f101\") { id } }", Value::Null).await.text("user.id").to_owned();
    assert_eq!(client.ask(unfollow, json!({ "id": other })).await.text("unfollowUser.outcome"), "APPLIED");
    drop(server);
    process::run(&directory, &settings(&database), &arguments);
    assert_eq!(database.number("SELECT count(*) FROM contact").await, 2 * (edges(300) + edges(500)) - 2);
    consistency::check(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_refused_with_its_line_and_nothing_is_stored() {
    let database = TestDatabase::new().await;
    let directory = database.directory.path().to_owned();
    let file = directory.join("broken.txt");
    std::fs::write(&file, "0 1\n1 2\n2 three\n").expected("written");
    let refused =
        process::run(&directory, &settings(&database), &["import", "--follows", file.to_str().expected("a path")]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("line 3"), "{words}");
    assert_eq!(database.number("SELECT count(*) FROM \"user\"").await, 0);
    let missing = process::run(&directory, &settings(&database), &["import", "--follows", "nowhere.txt"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.txt cannot be read"));
    assert!(!process::run(&directory, &settings(&database), &["import"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_import_sorts_people_by_their_current_names() {
    let database = TestDatabase::new().await;
    let directory = database.directory.path().to_owned();
    let file = directory.join("follows.txt");
    let import = || {
        let done =
            process::run(&directory, &settings(&database), &["import", "--follows", file.to_str().expected("a path")]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    std::fs::write(&file, "0 1\n").expected("written");
    import();
    let token = process::run(&directory, &settings(&database), &["token", "--user", "f1"]);
    let server = Server::start(&database, &[("RAPPORT_DEMO", "false")]);
    let client = Client::new(&server.url, Some(String::from_utf8(token.stdout).expected("text").trim().to_owned()));
    let rename = "mutation { updateProfile(input: { familyName: \"Aaberg\" }) { userErrors { code } } }";
    assert_eq!(client.ask(rename, Value::Null).await.at("updateProfile.userErrors"), &json!([]));
    drop(server);
    std::fs::write(&file, "0 1\n1 2\n3 1\n").expected("written");
    import();
    consistency::check(&database).await;
}
