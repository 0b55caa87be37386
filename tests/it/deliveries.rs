//! Tests of deliveries: nothing is lost or sent too often when workers die and the receiver fails, lanes keep their
//! order, and administrators see and repeat what failed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use api::{
    app::App,
    deliveries::{
        delivery_rows::{self, NewDelivery},
        engine::{self, Senders},
    },
};
use entity::delivery::{DeliveryKind, DeliveryStatus, RetryClass};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{
    Expected as _,
    app::TestApp,
    eventually,
    random::Chance,
    receiver::{HttpSender, Parcel, Receiver},
    rounds,
    smtp::MailServer,
};

/// The lanes of the proof. Each has its own order.
const LANES: usize = 25;
/// The workers of each instance.
const WORKERS: usize = 4;

async fn enqueue(app: &App, lane: usize, number: usize, retry: RetryClass) {
    let parcel = &Parcel { lane, number };
    let enqueued = app.transaction(|tx| {
        Box::pin(async move {
            let new = NewDelivery {
                kind: DeliveryKind::NotificationEmail,
                lane: format!("lane {lane}"),
                retry,
                payload: parcel,
                user: None,
                due_at: tx.clock().now(),
                expires_at: None,
            };
            delivery_rows::enqueue(tx, new).await
        })
    });
    enqueued.await.expected("a delivery");
}

fn class(number: usize) -> RetryClass {
    [RetryClass::Safe, RetryClass::Keyed, RetryClass::Never][number % 3]
}

/// Starts a worker that sends deliveries one after another.
fn work(app: &App, senders: &Senders) -> JoinHandle<()> {
    let (app, senders) = (app.clone(), senders.clone());
    tokio::spawn(async move {
        loop {
            // A fault, such as a conflict that lasted, is repeated.
            if !engine::step(&app, &senders).await.unwrap_or(true) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
}

/// Kills and replaces workers at random until no delivery is unsettled. The clock runs 200 times as fast as the real
/// time, so that pauses end and claims of dead workers expire.
async fn run_with_kills(app: &TestApp, senders: &Senders) -> usize {
    let mut chance = Chance::seeded(15);
    let mut workers: Vec<_> = (0..app.instances.len() * WORKERS)
        .map(|n| work(&app.instances[n % app.instances.len()].app, senders))
        .collect();
    let mut kills = 0;
    let unsettled = "SELECT count(*) FROM delivery WHERE status < 3";
    let patience = std::time::Instant::now() + Duration::from_secs(60 + rounds(300) as u64 / 10);
    while app.database.number(unsettled).await > 0 {
        assert!(std::time::Instant::now() < patience, "deliveries stay unsettled");
        for _ in 0..20 {
            app.clock.advance(chrono::Duration::seconds(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let victim = chance.below(workers.len());
        workers[victim].abort();
        workers[victim] = work(&app.instances[victim % app.instances.len()].app, senders);
        kills += 1;
    }
    workers.iter().for_each(JoinHandle::abort);
    kills
}

#[tokio::test(flavor = "multi_thread")]
async fn dying_workers_and_a_failing_receiver_lose_nothing_and_repeat_nothing_harmful() {
    let app = TestApp::two().await;
    let receiver = Receiver::start().await;
    let senders = Senders::new(vec![Arc::new(HttpSender::new(&receiver))]);
    let total = rounds(300);
    let enqueuing = async {
        join_all((0..LANES).map(|lane| {
            let app = &app;
            async move {
                for number in (lane..total).step_by(LANES) {
                    enqueue(&app.instances[lane % app.instances.len()].app, lane, number, class(number)).await;
                }
            }
        }))
        .await;
    };
    let (kills, ()) = tokio::join!(
        async {
            let first = "SELECT count(*) FROM delivery";
            eventually("the first delivery", || async { app.database.number(first).await > 0 }).await;
            run_with_kills(&app, &senders).await
        },
        enqueuing
    );
    // A last run sends what was enqueued after the others ended.
    run_with_kills(&app, &senders).await;
    let received = receiver.received();
    let mut counts = BTreeMap::<usize, usize>::new();
    let mut newest = BTreeMap::<usize, usize>::new();
    let mut seen = BTreeSet::new();
    for parcel in &received {
        *counts.entry(parcel.number).or_default() += 1;
        if seen.insert(parcel.number) {
            let before = newest.insert(parcel.lane, parcel.number);
            assert!(before.is_none_or(|before| before < parcel.number), "out of order: {parcel:?}");
        }
    }
    let mut unknown = 0;
    let rows = app.database.texts("SELECT payload || '|' || CAST(status AS text) FROM delivery").await;
    assert_eq!(rows.len(), total);
    for row in rows {
        let (payload, status) = row.split_once('|').expected("two parts");
        let parcel: Parcel = serde_json::from_str(payload).expected("a parcel");
        let count = counts.get(&parcel.number).copied().unwrap_or_default();
        let sent = status == (DeliveryStatus::Sent as i16).to_string();
        match class(parcel.number) {
            RetryClass::Safe => assert!(sent && count >= 1, "{parcel:?}: {status}, {count}"),
            // The receiver recognizes a repetition by the id and takes it once.
            RetryClass::Keyed => assert!(sent && count == 1, "{parcel:?}: {status}, {count}"),
            RetryClass::Never => {
                let uncertain = status == (DeliveryStatus::Unknown as i16).to_string();
                assert!((sent && count == 1) || (uncertain && count <= 1), "{parcel:?}: {status}, {count}");
                unknown += usize::from(uncertain);
            }
        }
    }
    let repeated = counts.values().filter(|count| **count > 1).count();
    println!("{total} deliveries, {kills} kills, {repeated} sent more than once, {unknown} unknown");
    assert!(kills > 3 && unknown > 0, "{kills} kills, {unknown} unknown: the test proves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_has_begun_is_completed_when_the_instance_stops() {
    let app = TestApp::new().await;
    let receiver = Receiver::start().await;
    receiver.hold.store(true, Ordering::SeqCst);
    let senders = Senders::new(vec![Arc::new(HttpSender::patient(&receiver))]);
    enqueue(app.app(), 0, 0, RetryClass::Never).await;
    let engine = tokio::spawn(engine::run(app.app().clone(), senders));
    eventually("the attempt", || async { receiver.waiting.load(Ordering::SeqCst) == 1 }).await;
    enqueue(app.app(), 1, 1, RetryClass::Never).await;
    app.app().shutdown.cancel();
    engine.await.expected("an end");
    receiver.hold.store(false, Ordering::SeqCst);
    app.app().tasks.close();
    app.app().tasks.wait().await;
    let sent = format!("SELECT count(*) FROM delivery WHERE status = {}", DeliveryStatus::Sent as i16);
    let left = format!(
        "SELECT count(*) FROM delivery WHERE status IN ({}, {})",
        DeliveryStatus::Queued as i16,
        DeliveryStatus::Sent as i16
    );
    assert!(app.database.number(&sent).await >= 1);
    assert_eq!(app.database.number(&left).await, 2, "no attempt is left without an outcome");
}

const LIST: &str = include_str!("operations/deliveries/list.graphql");
const AGAIN: &str = include_str!("operations/deliveries/again.graphql");

#[tokio::test(flavor = "multi_thread")]
async fn administrators_list_failed_deliveries_and_send_them_again() {
    let (server, url) = MailServer::start().await;
    let settings = [("RAPPORT_SMTP_URL", url.as_str()), ("RAPPORT_MAIL_FROM", "Rapport <rapport@example.org>")];
    let app = TestApp::with(1, &settings).await;
    let (ada, ann) = (app.admin("ada").await, app.person("ann").await);
    crate::support::emails::addresses(&ann.clients[0], &["ann@example.org"]).await;
    server.reject(1);
    let asks = "mutation { requestEmailConfirmation(input: { address: \"ann@example.org\" }) { outcome } }";
    assert_eq!(ann.ask(asks, Value::Null).await.text("requestEmailConfirmation.outcome"), "APPLIED");
    app.deliver().await;
    let listed = ada.ask(LIST, Value::Null).await;
    let failed = listed.at("deliveries.nodes.0").clone();
    assert_eq!(
        (&failed["kind"], &failed["status"], &failed["retry"], &failed["attempts"], &failed["user"]["handle"]),
        (&json!("ACCOUNT_EMAIL"), &json!("FAILED"), &json!("SAFE"), &json!(1), &json!("ann"))
    );
    assert!(failed["error"].as_str().is_some_and(|error| error.contains("554")), "{failed}");
    assert!(failed["nextAttemptAt"].is_null() && failed["settledAt"].is_string(), "{failed}");
    let id = failed["id"].clone();
    let count = async |statuses: Value| {
        let query =
            "query($s: [DeliveryStatus!]) { deliveries(statuses: $s, kind: ACCOUNT_EMAIL, first: 0) { totalCount } }";
        ada.ask(query, json!({ "s": statuses })).await.at("deliveries.totalCount").clone()
    };
    assert_eq!(count(json!(["UNKNOWN", "FAILED"])).await, 1);
    for (outcome, status) in [("APPLIED", "QUEUED"), ("NO_CHANGE", "QUEUED")] {
        let again = ada.ask(AGAIN, json!({ "id": id })).await;
        assert_eq!(again.text("sendDeliveryAgain.outcome"), outcome);
        assert_eq!(again.text("sendDeliveryAgain.delivery.status"), status);
    }
    app.deliver().await;
    assert_eq!(server.take().len(), 1);
    let refused = ada.ask(AGAIN, json!({ "id": id })).await;
    assert_eq!(refused.text("sendDeliveryAgain.userErrors.0.code"), "NOT_ALLOWED");
    let unknown = ada.ask(AGAIN, json!({ "id": "delivery_x" })).await;
    assert_eq!(unknown.text("sendDeliveryAgain.userErrors.0.code"), "NOT_FOUND");
    assert_eq!(ada.ask(LIST, json!({ "statuses": ["SENT"] })).await.at("deliveries.nodes.0.id"), &id);
    assert_eq!(
        (count(json!(["UNKNOWN", "FAILED"])).await, count(json!(["SENT", "FAILED"])).await),
        (json!(0), json!(1))
    );
    assert_eq!(ann.ask(LIST, Value::Null).await.code(), "FORBIDDEN");
    assert_eq!(ann.ask(AGAIN, json!({ "id": id })).await.code(), "FORBIDDEN");
    let audit = "{ auditEntries(action: \"sendDeliveryAgain\") { nodes { target actor { handle } } } }";
    let entries = ada.ask(audit, Value::Null).await;
    assert_eq!(entries.at("auditEntries.nodes"), &json!([{ "target": id, "actor": { "handle": "ada" } }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_gets_each_period_of_work() {
    let app = TestApp::two().await;
    let period = Duration::from_secs(60);
    for _ in 0..3 {
        let claims = (0..20).map(|n| {
            let runner = &app.instances[n % app.instances.len()].app.background;
            async move { runner.lease("a test", period).await.expected("a lease") }
        });
        assert_eq!(join_all(claims).await.into_iter().filter(|claimed| *claimed).count(), 1);
        app.clock.advance(chrono::Duration::seconds(60));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_deliveries_are_removed_and_failed_ones_stay_longer() {
    let app = TestApp::new().await;
    for number in 0..4 {
        enqueue(app.app(), number, number, RetryClass::Safe).await;
    }
    app.database.run("UPDATE delivery SET status = 5, settled_at = due_at WHERE lane = 'lane 0'").await;
    app.database.run("UPDATE delivery SET status = 3, settled_at = due_at WHERE lane = 'lane 1'").await;
    let mut left = Vec::new();
    for hours in [0, 25, 24 * 14] {
        app.clock.advance(chrono::Duration::hours(hours));
        api::deliveries::retention::prune(app.app()).await.expected("a run");
        left.push(app.database.number("SELECT count(*) FROM delivery").await);
    }
    assert_eq!(left, [4, 3, 2], "unsettled deliveries stay");
}
