//! Tests of event delivery: no event is missed or delivered twice, and an undeliverable one is reported.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api::events::pruning;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency, eventually,
    person::Person,
    random::Chance,
    rounds,
    socket::{INCOMING, Socket},
};

/// Starts writers who send and withdraw requests to a person, until the given number of events is written.
fn pester(app: &Arc<TestApp>, whom: &Arc<Person>, events: usize) -> Vec<tokio::task::JoinHandle<()>> {
    const WRITERS: usize = 4;
    (0..WRITERS)
        .map(|writer| {
            let (app, whom) = (Arc::clone(app), Arc::clone(whom));
            tokio::spawn(async move {
                let me = app.person(&format!("writer{writer}")).await;
                for turn in 0..events / WRITERS / 2 {
                    let request = me.does_on(turn, "requestConnection", &whom.id()).await.request.expected("a request");
                    me.does_on(turn + 1, "withdrawConnectionRequest", &request).await;
                }
            })
        })
        .collect()
}

/// Follows from a cursor over sockets that are cut the given number of times, each after a random event. Fails unless
/// every event arrives once and in order.
async fn follow_with_cuts(whom: &Person, mut cursor: String, last: i64, cuts: usize, seed: u64) {
    let mut chance = Chance::seeded(seed);
    let events = usize::try_from(last).expected("a number");
    let mut ends = BTreeSet::from([last]);
    while ends.len() <= cuts {
        ends.insert(i64::try_from(1 + chance.below(events)).expected("a number"));
    }
    let mut seen = 0;
    for end in ends {
        let mut socket = whom.socket(chance.below(2)).await;
        let started = socket.follow(Some(&cursor)).await;
        assert_eq!(started["cursor"], cursor.as_str());
        while seen < end {
            let event = socket.event().await.expected("an event");
            assert_eq!(event["sequence"], seen + 1, "after {seen}: {event}");
            seen += 1;
            event["cursor"].as_str().expected("a cursor").clone_into(&mut cursor);
        }
        socket.cut();
    }
    assert_eq!(seen, last);
}

async fn stream_cursor(person: &Person) -> String {
    let answer = person.ask("{ connectionRequests { streamCursor } }", Value::Null).await;
    answer.text("connectionRequests.streamCursor").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_cut_off_at_random_receives_every_event_once_and_in_order() {
    let app = Arc::new(TestApp::two().await);
    let whom = Arc::new(app.person("whom").await);
    let events = rounds(120) * 5 / 8 * 8;
    let cursor = stream_cursor(&whom).await;
    let writers = pester(&app, &whom, events);
    let cuts = rounds(120);
    let last = i64::try_from(events).expected("a number");
    follow_with_cuts(&whom, cursor, last, cuts, 1).await;
    for writer in writers {
        writer.await.expected("a writer");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_hints_and_killed_listeners_delay_events_but_lose_none() {
    let app = Arc::new(TestApp::two().await);
    if !app.database.is_postgres() {
        return;
    }
    let whom = Arc::new(app.person("whom").await);
    let events = rounds(64) * 5 / 8 * 8;
    let cursor = stream_cursor(&whom).await;
    let writers = pester(&app, &whom, events);
    let done = Arc::new(AtomicBool::new(false));
    let killer = {
        let (app, done) = (Arc::clone(&app), Arc::clone(&done));
        tokio::spawn(async move {
            let mut killed = 0;
            while !done.load(Ordering::SeqCst) || killed == 0 {
                let sql = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = current_database() AND query LIKE 'LISTEN%') AS killed";
                killed += app.database.number(sql).await;
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            killed
        })
    };
    let last = i64::try_from(events).expected("a number");
    follow_with_cuts(&whom, cursor, last, 20, 2).await;
    done.store(true, Ordering::SeqCst);
    assert!(killer.await.expected("the killer") > 0);
    for writer in writers {
        writer.await.expected("a writer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_instance_arrives_without_any_hint() {
    let app = TestApp::with(2, &[("RAPPORT_EVENT_POLL", "50ms")]).await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let mut socket = ben.socket(1).await;
    socket.follow(None).await;
    // The poll must find the row when no hint of the other instance arrives.
    let before = app.database.number("SELECT count(*) FROM event").await;
    ann.does_on(0, "requestConnection", &ben.id()).await;
    assert_eq!(
        app.database.number("SELECT count(*) FROM event").await,
        before + 4,
        "a request, a notification, a change of two lists"
    );
    assert_eq!(socket.event().await.expected("an event")["sequence"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_the_state_and_subscribing_from_its_cursor_misses_nothing() {
    let app = Arc::new(TestApp::two().await);
    let whom = Arc::new(app.person("whom").await);
    let mut others = Vec::new();
    for number in 0..3 {
        others.push(app.person(&format!("other{number}")).await);
    }
    let others = Arc::new(others);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (whom, others, stop) = (Arc::clone(&whom), Arc::clone(&others), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut chance = Chance::seeded(3);
            let mut turn = 0;
            while !stop.load(Ordering::SeqCst) {
                let other = chance.pick(&others);
                let action = other.does_on(turn, "requestConnection", &whom.id()).await;
                if action.outcome == "NO_CHANGE" {
                    other.does_on(turn, "withdrawConnectionRequest", &action.request.expected("a request")).await;
                }
                turn += 1;
            }
        })
    };
    let query = "{ connectionRequests(status: PENDING, first: 100) { streamCursor nodes { id } } }";
    let mut history = History::default();
    for round in 0..rounds(40) {
        let answer = whom.clients[round % whom.clients.len()].ask(query, Value::Null).await;
        let mut pending = ids(answer.at("connectionRequests.nodes"));
        let cursor = answer.text("connectionRequests.streamCursor").to_owned();
        let mut socket = whom.socket(round + 1).await;
        socket.follow(Some(&cursor)).await;
        // Reads until an event arrives that is newer than the state, and then all written events.
        for _ in 0..3 {
            let event = socket.event().await.expected("an event");
            apply(&mut pending, &event);
        }
        let extent = app.database.number("SELECT last_sequence FROM stream").await;
        let at = sequence_after(&mut socket, &mut pending, extent).await;
        // Events that were written meanwhile belong to a later state. The log gives the state at `at`.
        let fresh = history.pending_after(&whom, at).await;
        assert_eq!(pending, fresh, "round {round} at {at}");
        socket.cut();
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.expected("the writer");
}

fn ids(nodes: &Value) -> BTreeSet<String> {
    nodes.as_array().into_iter().flatten().filter_map(|node| node["id"].as_str().map(str::to_owned)).collect()
}

/// Applies an event to the pending requests. An event that the state already contains changes nothing.
fn apply(pending: &mut BTreeSet<String>, event: &Value) {
    let id = event["request"]["id"].as_str().expected("a request").to_owned();
    match event["request"]["status"].as_str() {
        Some("PENDING") => drop(pending.insert(id)),
        _ => drop(pending.remove(&id)),
    }
}

async fn sequence_after(socket: &mut Socket, pending: &mut BTreeSet<String>, extent: i64) -> i64 {
    loop {
        let event = socket.event().await.expected("an event");
        apply(pending, &event);
        let sequence = event["sequence"].as_i64().expected("a sequence");
        if sequence >= extent {
            return sequence;
        }
    }
}

/// The events of the log that were pulled so far.
#[derive(Default)]
struct History {
    events: Vec<Value>,
    after: Value,
}

impl History {
    /// Returns the pending requests after the given number of events, from the log alone.
    async fn pending_after(&mut self, whom: &Person, count: i64) -> BTreeSet<String> {
        let count = usize::try_from(count).expected("a number");
        while self.events.len() < count {
            let query = "query($after: Cursor) { events(after: $after, topics: [REQUESTS], first: 100) { endCursor nodes { \
                         ... on ConnectionRequestReceived { sequence request { id status } } \
                         ... on ConnectionRequestChanged { sequence request { id status } } } } }";
            let answer = whom.ask(query, json!({ "after": self.after })).await;
            self.events.extend(answer.at("events.nodes").as_array().into_iter().flatten().cloned());
            self.after = answer.at("events.endCursor").clone();
            // The sequencer may not have finished yet.
            tokio::task::yield_now().await;
        }
        let mut pending = BTreeSet::new();
        for (index, event) in self.events[..count].iter().enumerate() {
            assert_eq!(event["sequence"], index + 1);
            apply(&mut pending, event);
        }
        pending
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pulling_returns_the_same_events_with_the_same_ids_without_a_gap() {
    let app = Arc::new(TestApp::two().await);
    let whom = Arc::new(app.person("whom").await);
    let mut socket = whom.socket(0).await;
    socket.follow(None).await;
    let events = rounds(40) / 8 * 8;
    let writers = pester(&app, &whom, events);
    // Reads while events arrive, because the server closes a socket that neither reads nor answers pings.
    let delivered = tokio::spawn(async move {
        let mut delivered = Vec::new();
        while delivered.len() < events {
            delivered.push(socket.event().await.expected("an event"));
        }
        delivered
    });
    let mut pulled = BTreeMap::new();
    let mut after = Value::Null;
    while pulled.len() < events {
        let query = "query($after: Cursor) { events(after: $after, first: 7, topics: [REQUESTS]) { endCursor hasMore nodes { \
                     ... on ConnectionRequestReceived { id cursor sequence } ... on ConnectionRequestChanged { id cursor sequence } } } }";
        let answer = whom.clients[pulled.len() % whom.clients.len()].ask(query, json!({ "after": after })).await;
        for event in answer.at("events.nodes").as_array().into_iter().flatten() {
            let sequence = event["sequence"].as_i64().expected("a sequence");
            assert_eq!(sequence, i64::try_from(pulled.len()).expected("a number") + 1);
            pulled.insert(sequence, event["id"].clone());
        }
        after = answer.at("events.endCursor").clone();
        tokio::task::yield_now().await;
    }
    for (sequence, event) in (1_i64..).zip(delivered.await.expected("the reader")) {
        assert_eq!((&event["sequence"], &event["id"]), (&json!(sequence), &pulled[&sequence]));
    }
    for writer in writers {
        writer.await.expected("a writer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruned_cursor_gets_resync_required_and_the_stream_ends() {
    let mut app = TestApp::new().await;
    // The invariants count events, and this test prunes them.
    app.database.leave_inconsistent();
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let old = stream_cursor(&ben).await;
    let old_pull = ben.ask("{ events { endCursor } }", Value::Null).await.text("events.endCursor").to_owned();
    let request = ann.asks(&ben).await;
    app.clock.advance(chrono::Duration::days(10));
    ann.must("withdrawConnectionRequest", &request).await;
    app.clock.advance(chrono::Duration::days(5));
    let removed = pruning::prune(&app.app().db, &app.clock, Duration::from_secs(14 * 86_400)).await.expected("pruned");
    assert_eq!(removed, 6, "two new users, a request, a notification, a change of two lists");

    let mut socket = ben.socket(0).await;
    let started = socket.follow(Some(&old)).await;
    assert_eq!(started["cursor"], old.as_str());
    let resync = socket.event().await.expected("an event");
    assert_eq!(resync["__typename"], "ResyncRequired");
    assert_eq!(socket.hear().await.expected("a message")["type"], "complete");
    // A cursor at the border of the log delivers the remaining events.
    let border = api::events::cursor::Cursor::in_stream(api::events::cursor::requests_of(ben.id), 1).0;
    socket.follow(Some(&border)).await;
    assert_eq!(socket.event().await.expected("an event")["sequence"], 2);

    let pull = "query($after: Cursor) { events(after: $after, topics: [REQUESTS]) { hasMore nodes { __typename ... on ConnectionRequestChanged { sequence } } } }";
    let answer = ben.ask(pull, json!({ "after": old_pull })).await;
    assert_eq!(answer.at("events.nodes"), &json!([{ "__typename": "ResyncRequired" }]));
    let answer = ben.ask(pull, json!({ "after": null })).await;
    assert_eq!(answer.at("events.nodes"), &json!([{ "__typename": "ConnectionRequestChanged", "sequence": 2 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_invalid_cursors_are_refused() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let foreign = stream_cursor(&ann).await;
    let pull = ben.ask("{ events { endCursor } }", Value::Null).await.text("events.endCursor").to_owned();
    for bad in [foreign.as_str(), pull.as_str(), "", "AAAA", "☃"] {
        let mut socket = ben.socket(0).await;
        socket.subscribe("1", INCOMING, json!({ "after": bad })).await;
        let answer = socket.hear().await.expected("an answer");
        assert_eq!(answer["type"], "next", "{answer}");
        assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        let answer =
            ben.ask("query($after: Cursor) { events(after: $after) { hasMore } }", json!({ "after": bad })).await;
        if bad != pull {
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{bad}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_without_followers_are_released() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "50ms")]).await;
    let ann = app.person("ann").await;
    // The instance itself follows the stream of revoked rights.
    let own = app.app().live_streams.count();
    let mut sockets = Vec::new();
    for _ in 0..5 {
        let mut socket = ann.socket(0).await;
        socket.follow(None).await;
        sockets.push(socket);
    }
    assert_eq!(app.app().live_streams.count(), own + 1, "one tail for all who follow a stream");
    sockets.into_iter().for_each(Socket::cut);
    eventually("the tail ends", || async { app.app().live_streams.count() == own }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_follower_reads_the_missed_events_from_the_log() {
    let app = Arc::new(TestApp::new().await);
    let whom = Arc::new(app.person("whom").await);
    let mut socket = whom.socket(0).await;
    socket.follow(None).await;
    // The number exceeds the backlog of the stream, and nobody reads the socket meanwhile.
    let events = 400;
    for writer in pester(&app, &whom, events) {
        writer.await.expected("a writer");
    }
    for sequence in 1..=events {
        assert_eq!(socket.event().await.expected("an event")["sequence"], sequence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_events_of_others_requires_no_resync() {
    let mut app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "50ms")]).await;
    // The invariants count events, and this test prunes them.
    app.database.leave_inconsistent();
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    ben.asks(&cem).await;
    eventually("the log is sequenced", || async {
        app.database.number("SELECT count(*) FROM event_entry WHERE position IS NULL").await == 0
    })
    .await;
    let end = ann.ask("{ events { endCursor } }", Value::Null).await.text("events.endCursor").to_owned();
    app.clock.advance(chrono::Duration::days(15));
    let removed = pruning::prune(&app.app().db, &app.clock, Duration::from_secs(14 * 86_400)).await.expected("pruned");
    assert_eq!(removed, 7, "three new users, a request, a notification, a change of two lists");
    ben.asks(&ann).await;
    let pull = "query($after: Cursor) { events(after: $after, topics: [REQUESTS]) { nodes { __typename } } }";
    eventually("the new event is pulled and nothing else", || async {
        let answer = ann.ask(pull, json!({ "after": end })).await;
        assert!(!answer.body.to_string().contains("ResyncRequired"));
        answer.at("events.nodes") == &json!([{ "__typename": "ConnectionRequestReceived" }])
    })
    .await;
}
