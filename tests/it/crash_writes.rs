//! Tests of kill -9 under a load of writes: every acknowledged write exists once, and no write is partial.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use serde_json::json;

use crate::support::{
    Expected as _, consistency,
    database::TestDatabase,
    graphql::Client,
    process::{self, Server},
    rounds,
};

const ASK: &str = include_str!("operations/crash_writes/ask.graphql");
const WITHDRAW: &str = include_str!("operations/crash_writes/withdraw.graphql");
const FOLLOW: &str = "mutation($id: ID!) { followUser(input: { userId: $id }) { outcome userErrors { code } } }";

/// Returns the number of kills: 20 in a full run.
fn kills() -> usize {
    rounds(3).min(20)
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_neither_loses_nor_doubles_an_acknowledged_write() {
    let database = TestDatabase::new().await;
    let settings = [("RAPPORT_DATABASE_URL", database.url.as_str()), ("RAPPORT_LOG", "error")];
    let handles = ["jane", "richard", "ann", "ben", "sue"];
    Server::start(&database, &[]).kill();
    let mut tokens = Vec::new();
    for handle in handles {
        let token = process::run(database.directory.path(), &settings, &["token", "--user", handle, "--expires", "1d"]);
        tokens.push(String::from_utf8(token.stdout).expected("text").trim().to_owned());
    }
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    for round in 0..kills() {
        let mut server = Server::start(&database, &[]);
        let ada = Client::new(&server.url, Some(tokens[0].clone()))
            .ask("{ user(handle: \"ada\") { id } }", json!(null))
            .await
            .text("user.id")
            .to_owned();
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = tokens
            .iter()
            .map(|token| {
                let client = Client::new(&server.url, Some(token.clone()));
                let (ada, stop, acknowledged) = (ada.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    while !stop.load(Ordering::SeqCst) {
                        let Ok(answer) = client.try_ask(ASK, json!({ "id": ada })).await else { return };
                        let request = answer.text("requestConnection.request.id").to_owned();
                        acknowledged.lock().push(request.clone());
                        if client.try_ask(FOLLOW, json!({ "id": ada })).await.is_err() {
                            return;
                        }
                        let Ok(answer) = client.try_ask(WITHDRAW, json!({ "id": request })).await else { return };
                        answer.at("withdrawConnectionRequest.outcome");
                    }
                })
            })
            .collect();
        // The kill comes after a different number of acknowledged writes in every round.
        let enough = acknowledged.lock().len() + 10 + 7 * (round % 5);
        crate::support::eventually("writes are acknowledged", || async { acknowledged.lock().len() >= enough }).await;
        server.kill();
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.expected("a writer");
        }
        consistency::check(&database).await;
        let mut known = acknowledged.lock().clone();
        known.sort();
        known.dedup();
        let listed: Vec<String> = known
            .iter()
            .filter_map(|id| entity::id::ConnectionRequestId::parse(id))
            .map(|id| literal(&database, id.0))
            .collect();
        let sql = format!("SELECT count(*) FROM connection_request WHERE id IN ({})", listed.join(", "));
        assert_eq!(database.number(&sql).await, i64::try_from(known.len()).expected("a number"), "round {round}");
    }
    // After the last crash the log is sequenced to the end without a gap.
    let server = Server::start(&database, &[]);
    crate::support::eventually("the log is sequenced", || async {
        database.number("SELECT count(*) FROM event_entry WHERE position IS NULL").await == 0
    })
    .await;
    let holes = "SELECT (SELECT position FROM log_head) - count(DISTINCT position) FROM event_entry";
    assert_eq!(database.number(holes).await, 0);
    drop(server);
}

fn literal(database: &TestDatabase, id: uuid::Uuid) -> String {
    if database.is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.simple()) }
}
