//! Tests of programs that take part with a key of the organization: they hear of everything that their scopes allow,
//! write, hand over, and go on where they stopped.

use std::collections::BTreeSet;

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::{CREATE_KEY, key},
    app::TestApp,
    consistency,
    conversations::{SEND, code},
    desk::NewQueue,
    graphql::Client,
    socket::Socket,
    visitors::{AcceptedChat, accepted_chat, visitor},
};

const EVENTS: &str = include_str!("operations/programs/events.graphql");
const ASSIGN: &str = include_str!("operations/programs/assign.graphql");
const NOTE: &str = include_str!("operations/messages/note.graphql");

/// A program with a key of the organization, with a client for each instance.
struct Program(Vec<Client>);

impl Program {
    fn on(&self, instance: usize) -> &Client {
        &self.0[instance % self.0.len()]
    }
}

async fn program(app: &TestApp, scopes: &[&str]) -> Program {
    let ada = app.admin("ada").await;
    let (secret, _) = key(&ada.clients[0], json!({ "name": "Helper", "kind": "ORGANIZATION", "scopes": scopes })).await;
    Program(ada.clients.iter().map(|client| Client::new(&client.url, Some(secret.clone()))).collect())
}

async fn follow(client: &Client, variables: Value) -> Socket {
    let mut socket = Socket::open(&client.url, client.token.as_deref()).await;
    socket.subscribe("1", EVENTS, variables).await;
    assert_eq!(socket.event().await.expected("the first event")["__typename"], "SubscriptionStarted");
    socket
}

async fn until(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let event = socket.event().await.expected("an event");
        if wanted(&event) {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_hears_of_a_chat_answers_it_and_hands_it_over_with_a_reason() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let first = app.queue_setup_of(NewQueue::of(Channel::Webchat, "First"), &[]).await;
    let people = app.queue_setup_of(NewQueue::of(Channel::Webchat, "People"), &[&ann]).await;
    let helper = program(&app, &["EVENTS_READ", "CONVERSATIONS_READ", "CONVERSATIONS_WRITE", "AGENTS_READ"]).await;
    let mut heard = follow(helper.on(1), json!({})).await;
    let (kim, conversation) = visitor(&app, &first.entry_point).await;
    let queued = until(&mut heard, |event| event["__typename"] == "TaskQueued").await;
    let task = queued["task"]["id"].as_str().expected("a task").to_owned();
    kim.ask(SEND, json!({ "c": conversation, "m": "2", "b": "Where is my parcel?" })).await;
    let asked = until(&mut heard, |event| event["item"]["body"] == "Where is my parcel?").await;
    assert_eq!(asked["item"]["direction"], "INBOUND");
    for _ in 0..2 {
        let sent = helper.on(0).ask(SEND, json!({ "c": conversation, "m": "a", "b": "One moment." })).await;
        assert_eq!(sent.at("sent.userErrors"), &json!([]), "{}", sent.body);
    }
    let joined = until(&mut heard, |event| event["__typename"] == "ParticipantChanged").await;
    assert_eq!(joined["participant"]["role"], "BOT");
    assert_eq!(joined["participant"]["actor"], json!({ "__typename": "ServiceAccount", "displayName": "Helper" }));
    let thread = "query($c: ID!) { conversation(id: $c) { participants { role actor { __typename displayName } } \
                  items { nodes { ... on Message { body author { __typename displayName } } } } } }";
    let seen = kim.ask(thread, json!({ "c": conversation })).await.body.to_string();
    assert!(seen.contains("One moment.") && seen.contains("Representative") && seen.contains("Helper"), "{seen}");
    assert!(!seen.contains("BOT") && !seen.contains("ServiceAccount"), "{seen}");
    let to = json!({ "queueId": people.queue.id.to_string() });
    let reason = "The parcel is lost.";
    let assigned = helper.on(1).ask(ASSIGN, json!({ "task": task, "to": to, "reason": reason })).await;
    assert_eq!(assigned.at("assignTask.outcome"), "APPLIED", "{}", assigned.body);
    let again = helper.on(0).ask(ASSIGN, json!({ "task": task, "to": to, "reason": reason })).await;
    assert_eq!(again.at("assignTask.outcome"), "NO_CHANGE", "{}", again.body);
    until(&mut heard, |event| event["item"]["body"] == reason).await;
    until(&mut heard, |event| event["participant"]["role"] == "BOT" && !event["participant"]["leftAt"].is_null()).await;
    ann.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ann.accepts_it().await, task);
    let seen = ann.ask(thread, json!({ "c": conversation })).await.body.to_string();
    assert!(seen.contains("\"BOT\"") && seen.contains("ServiceAccount"), "{seen}");
    let shown = kim.ask(thread, json!({ "c": conversation })).await.body.to_string();
    assert!(!shown.contains(reason), "the reason is internal: {shown}");
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_cut_off_goes_on_from_its_cursor_without_loss_or_repetition() {
    let app = TestApp::two().await;
    let setup = app.queue_setup_of(NewQueue::of(Channel::Webchat, "First"), &[]).await;
    let helper = program(&app, &["EVENTS_READ", "CONVERSATIONS_READ"]).await;
    let (kim, conversation) = visitor(&app, &setup.entry_point).await;
    let start = helper.on(0).ask("{ events(first: 1) { endCursor } }", Value::Null).await;
    let mut after = start.text("events.endCursor").to_owned();
    let rounds = 20;
    let mut live = Vec::new();
    for round in 0..rounds {
        let mut socket = follow(helper.on(round), json!({ "after": after })).await;
        kim.ask(SEND, json!({ "c": conversation, "m": format!("m{round}"), "b": format!("{round}") })).await;
        loop {
            let event = socket.event().await.expected("an event");
            after = event["cursor"].as_str().expected("a cursor").to_owned();
            live.push(event["id"].clone());
            if event["item"]["body"] == format!("{round}") {
                break;
            }
        }
        socket.cut();
    }
    let mut pulled = Vec::new();
    let mut at = start.text("events.endCursor").to_owned();
    let pull = "query($after: Cursor!) { events(first: 7, after: $after) { hasMore endCursor nodes { ... on ItemAdded { id } \
                ... on ItemChanged { id } ... on TaskChanged { id } ... on ParticipantChanged { id } ... on ReceiptAdvanced { id } } } }";
    while pulled.len() < live.len() {
        let batch = helper.on(1).ask(pull, json!({ "after": at })).await;
        pulled.extend(batch.at("events.nodes").as_array().expected("nodes").iter().map(|node| node["id"].clone()));
        at = batch.text("events.endCursor").to_owned();
        if batch.at("events.hasMore") == false {
            break;
        }
    }
    pulled.truncate(live.len());
    assert_eq!(live, pulled, "the live stream and the pulled log are one");
    let distinct: BTreeSet<String> = live.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), live.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_hears_only_of_topics_that_its_scopes_allow_and_never_of_direct_conversations() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;
    let started = ann
        .ask(
            "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }",
            json!({ "u": ben.id() }),
        )
        .await;
    let id = started.text("startDirectConversation.conversation.id").to_owned();
    ann.sends(0, &id, "1", "Between us.").await;
    let setup = app.queue_setup_of(NewQueue::of(Channel::Sms, "Texts"), &[]).await;
    app.waits(&setup, "kim").await;
    let both = program(&app, &["EVENTS_READ", "CONVERSATIONS_READ"]).await;
    let mut heard = String::new();
    let mut at = Value::Null;
    loop {
        let pull = "query($after: Cursor) { events(first: 100, after: $after) { hasMore endCursor nodes { __typename \
                    ... on ItemAdded { item { ... on Message { body } } } } } }";
        let batch = both.on(0).ask(pull, json!({ "after": at })).await;
        heard += &batch.body.to_string();
        at = batch.at("events.endCursor").clone();
        if batch.at("events.hasMore") == false {
            break;
        }
    }
    assert!(heard.contains("I am kim") && !heard.contains("Between us"), "{heard}");
    assert!(!heard.contains("TaskQueued"), "queues need another scope: {heard}");
    for (topic, expected) in [("QUEUES", "AGENTS_READ"), ("AGENTS", "AGENTS_READ"), ("CONTACTS", "CONTACTS_READ")] {
        let refused = both
            .on(1)
            .ask("query($t: [EventTopic!]) { events(topics: $t) { hasMore } }", json!({ "t": [topic] }))
            .await;
        assert_eq!(refused.code(), "FORBIDDEN", "{topic}");
        assert!(refused.body.to_string().contains(expected), "{}", refused.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_hears_of_the_relationships_of_a_user_as_long_as_that_user_lends_it_a_key() {
    const RELATIONSHIPS: &str = "subscription($after: Cursor) { event: events(after: $after, topics: [REQUESTS, CONTACTS]) \
                                 { __typename ... on ConnectionRequestReceived { request { requester { displayName } } } } }";
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    // A key of the organization hears of nobody's relationships, whatever an administrator gives it.
    let helper = program(&app, &["EVENTS_READ", "CONTACTS_READ"]).await;
    let refused = helper.on(0).ask("{ events(topics: [CONTACTS]) { hasMore } }", Value::Null).await;
    assert_eq!(refused.code(), "FORBIDDEN", "{}", refused.body);
    let lent = json!({ "name": "CRM", "scopes": ["EVENTS_READ", "CONTACTS_READ", "PROFILE_READ"] });
    let (secret, id) = key(&ann.clients[0], lent).await;
    let mut live = Socket::open(&helper.on(1).url, Some(&secret)).await;
    live.subscribe("1", RELATIONSHIPS, Value::Null).await;
    assert_eq!(live.event().await.expected("the first event")["__typename"], "SubscriptionStarted");
    ben.asks(&ann).await;
    let heard = until(&mut live, |event| event["__typename"] == "ConnectionRequestReceived").await;
    assert_eq!(heard["request"]["requester"]["displayName"], "ben");
    let revoke = "mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { outcome } }";
    assert_eq!(ann.ask(revoke, json!({ "id": id })).await.text("revokeApiKey.outcome"), "APPLIED");
    assert_eq!(live.end().await, 4403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reads_counts_states_and_queues_by_its_scopes_and_a_useless_scope_is_refused() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let board = program(&app, &["AGENTS_READ", "AGENTS_WRITE"]).await;
    let counts = board.on(0).ask("{ queues { nodes { statistics { waiting inService } } } }", Value::Null).await;
    assert_eq!(counts.at("queues.nodes.0.statistics"), &json!({ "waiting": 0, "inService": 0 }), "{}", counts.body);
    let queue = setup.queue.id.to_string();
    let live = [
        ("subscription { event: agentStates { __typename } }", json!({})),
        ("subscription($q: ID!) { event: queueEvents(queueId: $q) { __typename } }", json!({ "q": queue })),
        ("subscription { event: supervisorDesktop { __typename } }", json!({})),
    ];
    for (query, variables) in live {
        let mut socket = Socket::open(&board.on(1).url, board.on(1).token.as_deref()).await;
        socket.subscribe("1", query, variables).await;
        assert_eq!(socket.event().await.expected("an event")["__typename"], "SubscriptionStarted", "{query}");
    }
    let set = "mutation($a: ID!) { setAgentState(input: { state: AVAILABLE, agentId: $a }) { agent { state } userErrors { code } } }";
    let set = board.on(0).ask(set, json!({ "a": ann.as_target()["agentId"] })).await;
    assert_eq!(set.at("setAgentState.agent.state"), "AVAILABLE", "{}", set.body);
    let ada = app.known("ada").await;
    for useless in [
        "PROFILE_WRITE",
        "CONTACTS_WRITE",
        "NOTIFICATIONS_READ",
        "NOTIFICATIONS_WRITE",
        "ACTIVITY_READ",
        "ACTIVITY_WRITE",
    ] {
        let input = json!({ "name": "x", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ", useless] });
        let refused = ada.ask(CREATE_KEY, json!({ "input": input })).await;
        let expected = json!([{ "code": "INVALID", "field": ["input", "scopes"] }]);
        assert_eq!(refused.at("createApiKey.userErrors"), &expected, "{useless}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_writes_notes_without_joining_and_never_in_ended_conversations() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let setup = app.queue_setup_of(NewQueue::of(Channel::Webchat, "First"), &[&ann]).await;
    let helper = program(&app, &["CONVERSATIONS_READ", "CONVERSATIONS_WRITE"]).await;
    let (kim, conversation) = visitor(&app, &setup.entry_point).await;
    for _ in 0..2 {
        let noted = helper.on(0).ask(NOTE, json!({ "c": conversation, "m": "n", "b": "Order 4711" })).await;
        assert_eq!(noted.at("noted.userErrors"), &json!([]), "{}", noted.body);
    }
    let seen = ann
        .ask("query($c: ID!) { conversation(id: $c) { participants { role leftAt } } }", json!({ "c": conversation }))
        .await;
    assert!(seen.body.to_string().contains("OBSERVER"), "{}", seen.body);
    crate::support::visitors::leave(&app, &conversation).await;
    let late = helper.on(1).ask(SEND, json!({ "c": conversation, "m": "late", "b": "Hello?" })).await;
    assert_eq!(late.text("sent.userErrors.0.code"), "CONVERSATION_ENDED");
    let shown = kim.ask("query($c: ID!) { conversation(id: $c) { transcript } }", json!({ "c": conversation })).await;
    assert!(!shown.body.to_string().contains("4711"), "{}", shown.body);
    consistency::check(&app.database).await;
}

/// Pulls all events in batches. Returns their cursors.
async fn pulled(by: &Client, first: usize) -> Vec<String> {
    let pull = "query($after: Cursor, $first: Int) { events(first: $first, after: $after) { hasMore endCursor nodes { \
                __typename ... on Event { cursor } } } }";
    let (mut cursors, mut after) = (Vec::new(), Value::Null);
    loop {
        let batch = by.ask(pull, json!({ "after": after, "first": first })).await;
        for node in batch.at("events.nodes").as_array().expected("nodes") {
            cursors.push(node["cursor"].to_string());
        }
        after = batch.at("events.endCursor").clone();
        if batch.at("events.hasMore") == false {
            return cursors;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_and_large_batches_give_the_same_events_though_an_event_is_in_several_streams() {
    let AcceptedChat { app, sue, conversation, .. } = accepted_chat().await;
    for number in 0..5 {
        assert_eq!(code(&sue.sends(0, &conversation, &format!("n{number}"), "Yes").await), "");
    }
    let all = program(&app, &["EVENTS_READ", "CONVERSATIONS_READ", "AGENTS_READ"]).await;
    let expected = pulled(all.on(0), 100).await;
    assert!(expected.len() > 10, "{expected:?}");
    for first in [1, 2, 3, 7] {
        assert_eq!(pulled(all.on(first), first).await, expected, "batches of {first}");
    }
}
