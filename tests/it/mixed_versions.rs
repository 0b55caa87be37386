//! Tests of a newer version of Rapport on the same database. Additional columns, new kinds of events and new formats of
//! known events stop nobody, and no sequence number is missed.

use std::collections::BTreeMap;

use api::auth::{
    revocation::{self, Subject},
    viewer::Scopes,
};
use entity::{channel::Channel, user::Role};
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, socket::Socket};

/// The subscriptions of a person, each with its argument.
const FOLLOWED: [(&str, &str); 8] = [
    ("incomingRequests", ""),
    ("contacts", ""),
    ("notifications", ""),
    ("activityFeed", ""),
    ("agentDesktop", ""),
    ("agentStates", ""),
    ("queueEvents", "queueId"),
    ("conversationEvents", "conversationId"),
];

/// Adds an unknown column to every table, as the migration of a newer version does.
async fn add_columns(app: &TestApp) {
    let tables: Vec<String> =
        app.database.rows(&[]).await.into_keys().filter(|name| !name.starts_with("seaql")).collect();
    assert!(tables.len() > 15, "{tables:?}");
    for table in tables {
        let sql = format!("ALTER TABLE \"{table}\" ADD COLUMN of_a_newer_version INTEGER NOT NULL DEFAULT 7");
        app.database.run(&sql).await;
    }
}

/// Adds an event to every stream, as a newer version writes it: an unknown kind, or a known kind in a new format.
async fn add_event(app: &TestApp, kind: &str) {
    let id = app.database.literal(app.app().clock.uuid());
    let event = format!(
        "INSERT INTO event (id, kind, payload, occurred_at) SELECT {id}, '{kind}', payload, occurred_at FROM event \
         WHERE kind = 'rights_ended' ORDER BY number DESC LIMIT 1"
    );
    assert_eq!(app.database.run(&event).await, 1);
    let entries = "INSERT INTO event_entry (stream_kind, owner_id, sequence, event_number) \
                   SELECT kind, owner_id, last_sequence + 1, (SELECT max(number) FROM event) FROM stream WHERE last_sequence > 0";
    assert!(app.database.run(entries).await > 8);
    app.database.run("UPDATE stream SET last_sequence = last_sequence + 1 WHERE last_sequence > 0").await;
}

async fn follow(socket: &mut Socket, stream: &str, argument: &str, id: &str) {
    let (declared, given) =
        if argument.is_empty() { ("", String::new()) } else { ("($id: ID!)", format!("({argument}: $id)")) };
    // Events of activity feeds have no sequence number, because each viewer sees another part of them.
    let events: &[&str] = match stream {
        "incomingRequests" => &["ConnectionRequestReceived", "ConnectionRequestChanged", "OfferCreated", "OfferEnded"],
        "contacts" => &["ContactAdded", "ContactRemoved"],
        "notifications" => &["NotificationAdded", "NotificationsRead", "NotificationsUnread", "NotificationsRemoved"],
        "activityFeed" => &[],
        "agentDesktop" => &["OfferCreated", "OfferEnded", "TaskChanged", "AgentChanged"],
        "agentStates" => &["AgentStateChanged"],
        "queueEvents" => &["TaskQueued", "TaskDequeued", "TaskAccepted", "TaskReleased"],
        _ => &["ItemAdded", "ItemChanged", "ReceiptAdvanced", "ParticipantChanged", "TaskChanged"],
    };
    let fields = events.iter().map(|event| format!("... on {event} {{ sequence }}")).collect::<Vec<_>>().concat();
    let query = format!(
        "subscription{declared} {{ event: {stream}{given} {{ __typename ... on UnknownEvent {{ sequence }} {fields} }} }}"
    );
    let variables = if argument.is_empty() { json!({}) } else { json!({ "id": id }) };
    socket.subscribe("1", &query, variables).await;
    assert_eq!(socket.event().await.expected(stream)["__typename"], "SubscriptionStarted", "{stream}");
}

/// Returns the name and the sequence number of the next numbered event.
async fn numbered(socket: &mut Socket, stream: &str) -> (String, i64) {
    loop {
        let event = socket.event().await.expected(stream);
        if let Some(sequence) = event["sequence"].as_i64() {
            return (event["__typename"].as_str().unwrap_or_default().to_owned(), sequence);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_serve_one_database_without_a_missed_sequence_number() {
    let app = TestApp::with(2, &[("RAPPORT_EVENT_POLL", "50ms")]).await;
    let sue = app.person_of("sue", "sue", Role::Supervisor, Scopes::all()).await;
    let (jane, ben) = (app.person("jane").await, app.person("ben").await);
    let queue_setup = app.queue_setup(Channel::Webchat, &[&sue]).await;
    sue.turns("AVAILABLE").await;
    let arrival = app.waits(&queue_setup, "kim").await;
    app.settle().await;
    sue.accepts_it().await;
    // These calls start every stream, including the stream of revoked rights.
    sue.asks(&jane).await;
    jane.does("followUser", &sue.id()).await;
    jane.asks(&sue).await;
    ben.asks(&sue).await;
    let gone = Subject::User(app.person("gone").await.id);
    let gone = &gone;
    let ended = app.app().transaction(|tx| Box::pin(async move { revocation::revoke(tx, gone) }));
    ended.await.expected("the end of rights");
    let conversation = arrival.conversation.to_string();
    let queue = queue_setup.queue.id.to_string();
    let mut sockets = BTreeMap::new();
    for (number, (stream, argument)) in FOLLOWED.into_iter().enumerate() {
        let mut socket = sue.socket(number % 2).await;
        let id = if stream == "queueEvents" { &queue } else { &conversation };
        follow(&mut socket, stream, argument, id).await;
        sockets.insert(stream, socket);
    }
    add_columns(&app).await;
    add_event(&app, "task_paused").await;
    add_event(&app, "task_changed").await;
    let mut last = BTreeMap::new();
    for (stream, socket) in &mut sockets {
        if *stream == "activityFeed" {
            continue;
        }
        let (first, at) = numbered(socket, stream).await;
        let (second, next) = numbered(socket, stream).await;
        assert_eq!((first.as_str(), second.as_str(), next), ("UnknownEvent", "UnknownEvent", at + 1), "{stream}");
        last.insert(*stream, next);
    }
    // Both instances continue to work.
    for instance in 0..2 {
        let other = app.person(&format!("other{instance}")).await;
        assert_eq!(other.does_on(instance, "requestConnection", &sue.id()).await.outcome, "APPLIED");
        assert_eq!(other.does_on(instance, "followUser", &sue.id()).await.outcome, "APPLIED");
        app.waits(&queue_setup, &format!("lee{instance}")).await;
        app.settle().await;
        sue.accepts_on(instance, &sue.offers().await[0]).await.expected("a task");
    }
    assert_eq!(sue.ends(&conversation).await, "");
    assert_eq!(sue.turns("IDLE").await, "");
    for (stream, socket) in &mut sockets {
        if let Some(last) = last.get(stream) {
            let (name, next) = numbered(socket, stream).await;
            assert_eq!(next, last + 1, "{stream}: {name}");
            assert_ne!(name, "UnknownEvent", "{stream}");
        }
    }
    // Pulling returns each new event once too.
    let pull = "{ events(first: 100) { nodes { __typename } hasMore } }";
    let answer = sue.ask(pull, Value::Null).await;
    let nodes = answer.at("events.nodes").as_array().cloned().expected("events");
    assert_eq!(nodes.iter().filter(|node| node["__typename"] == "UnknownEvent").count(), 2, "{nodes:?}");
}
