//! Tests of long random histories: counts equal lists, connections exist on both sides, and a copy of the state that is
//! updated by events equals the current state.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, consistency, person::Person, random::Chance, rounds};

const LISTS: [(&str, &str); 7] = [
    ("CONNECTIONS", "connections"),
    ("FOLLOWING", "following"),
    ("FOLLOWERS", "followers"),
    ("INCOMING_REQUESTS", "incomingRequests"),
    ("OUTGOING_REQUESTS", "outgoingRequests"),
    ("BLOCKED", "blocked"),
    ("MUTED", "muted"),
];

const CONTACTS: &str = include_str!("operations/stream_sequences/contacts.graphql");
const REQUESTS: &str = include_str!("operations/stream_sequences/requests.graphql");
const NOTICES: &str = include_str!("operations/stream_sequences/notices.graphql");

/// A client's copy of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    lists: BTreeMap<String, BTreeSet<String>>,
    requests: BTreeMap<String, String>,
    /// Each notification by its id, true when read.
    notifications: BTreeMap<String, bool>,
}

#[derive(Clone, Debug, Default)]
struct Cursors {
    contacts: String,
    requests: String,
    notifications: String,
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(word).collect()
}

/// Returns all pages of a list, and the stream cursor from before the first page.
async fn all(person: &Person, query: &str, field: &str, list: &str) -> (Vec<Value>, String) {
    let (mut nodes, mut after, mut cursor) = (Vec::new(), Value::Null, None);
    loop {
        let answer = person.ask(query, json!({ "list": list, "after": after })).await;
        let page = answer.at(field);
        cursor.get_or_insert(word(&page["streamCursor"]));
        nodes.extend(page["nodes"].as_array().cloned().unwrap_or_default());
        if page["pageInfo"]["hasNextPage"] == false {
            return (nodes, cursor.unwrap_or_default());
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Returns the current state and the stream cursors from before it was read.
async fn read(person: &Person) -> (Known, Cursors) {
    let (mut known, mut cursors) = (Known::default(), Cursors::default());
    let page = "pageInfo { hasNextPage endCursor }";
    let contacts = format!(
        "query($list: ContactList!, $after: String) {{ contacts(list: $list, first: 100, after: $after) {{ streamCursor nodes {{ id }} {page} }} }}"
    );
    for (list, _) in LISTS {
        let (nodes, cursor) = all(person, &contacts, "contacts", list).await;
        cursors.contacts = cursor;
        known.lists.insert(list.to_owned(), nodes.iter().map(|node| word(&node["id"])).collect());
    }
    let requests = format!(
        "query($after: String) {{ connectionRequests(direction: INCOMING, first: 100, after: $after) {{ streamCursor nodes {{ id status }} {page} }} }}"
    );
    let (nodes, cursor) = all(person, &requests, "connectionRequests", "").await;
    cursors.requests = cursor;
    known.requests = nodes.iter().map(|node| (word(&node["id"]), word(&node["status"]))).collect();
    let notices = format!(
        "query($after: String) {{ notifications(first: 100, after: $after) {{ streamCursor nodes {{ id readAt }} {page} }} }}"
    );
    let (nodes, cursor) = all(person, &notices, "notifications", "").await;
    cursors.notifications = cursor;
    known.notifications = nodes.iter().map(|node| (word(&node["id"]), !node["readAt"].is_null())).collect();
    (known, cursors)
}

/// Applies the events between two sets of cursors to a client's copy.
async fn catch_up(person: &Person, instance: usize, known: &mut Known, from: &Cursors, to: &Cursors) {
    let mut socket = person.socket(instance).await;
    let streams = [
        (CONTACTS, &from.contacts, &to.contacts),
        (REQUESTS, &from.requests, &to.requests),
        (NOTICES, &from.notifications, &to.notifications),
    ];
    for (number, (query, from, to)) in streams.into_iter().enumerate() {
        let mut at = from.clone();
        socket.subscribe(&number.to_string(), query, json!({ "after": from })).await;
        assert_eq!(socket.event().await.expected("a start"), json!({}));
        while at != *to {
            let event = socket.event().await.expected("an event");
            at = word(&event["cursor"]);
            apply(known, &event);
        }
        socket.say(&json!({ "type": "complete", "id": number.to_string() })).await;
    }
}

fn apply(known: &mut Known, event: &Value) {
    if let Some(user) = event["user"]["id"].as_str() {
        let (into, out) = (&event["in"], &event["out"]);
        let list = known.lists.entry(word(if out.is_null() { into } else { out })).or_default();
        let changed = if out.is_null() { list.insert(user.to_owned()) } else { list.remove(user) };
        assert!(changed, "it was so already: {event}");
    } else if event["request"].is_object() {
        known.requests.insert(word(&event["request"]["id"]), word(&event["request"]["status"]));
    } else if event["notification"].is_object() {
        assert!(known.notifications.insert(word(&event["notification"]["id"]), false).is_none(), "told twice");
    } else {
        for (field, read) in [("read", true), ("unread", false)] {
            for id in words(&event[field]) {
                *known.notifications.get_mut(&id).expected("a known notification") = read;
            }
        }
        for id in words(&event["removed"]) {
            assert!(known.notifications.remove(&id).is_some(), "gone before");
        }
    }
}

const VERBS: [&str; 13] = [
    "requestConnection",
    "requestConnection",
    "requestConnection",
    "acceptConnectionRequest",
    "acceptConnectionRequest",
    "ignoreConnectionRequest",
    "withdrawConnectionRequest",
    "disconnect",
    "followUser",
    "followUser",
    "unfollowUser",
    "removeFollower",
    "blockUser",
];

/// Performs a random action.
async fn act(chance: &mut Chance, people: &[Person], step: usize) {
    let me = &people[chance.below(people.len())];
    let other = &people[chance.below(people.len())];
    match chance.below(20) {
        0 => drop(me.does_on(step, "unblockUser", &other.id()).await),
        1 => drop(me.does_on(step, ["muteUser", "unmuteUser"][chance.below(2)], &other.id()).await),
        2 => {
            let mut ids: Vec<String> = (0..5).map(|_| people[chance.below(people.len())].id()).collect();
            ids.push(other.id());
            let action = ["REQUEST_CONNECTION", "FOLLOW", "UNBLOCK", "DISCONNECT"][chance.below(4)];
            let bulk = "mutation($ids: [ID!]!, $action: ContactAction!) { updateContacts(input: { action: $action, userIds: $ids }) \
                        { results { outcome } } }";
            me.ask(bulk, json!({ "ids": ids, "action": action })).await.at("updateContacts");
        }
        3 => {
            let list = me.ask("{ notifications(first: 5) { nodes { id } } }", Value::Null).await;
            let ids: Vec<Value> = list
                .at("notifications.nodes")
                .as_array()
                .into_iter()
                .flatten()
                .map(|node| node["id"].clone())
                .collect();
            let verb = ["markNotificationsRead", "markNotificationsUnread", "deleteNotifications"][chance.below(3)];
            let query = format!("mutation($ids: [ID!]!) {{ {verb}(input: {{ ids: $ids }}) {{ count }} }}");
            me.ask(&query, json!({ "ids": ids })).await.at(verb);
        }
        _ => {
            let verb = VERBS[chance.below(VERBS.len())];
            if !verb.ends_with("Request") {
                me.does_on(step, verb, &other.id()).await;
                return;
            }
            let direction = if verb == "withdrawConnectionRequest" { "OUTGOING" } else { "INCOMING" };
            let query = "query($d: ConnectionRequestDirection!) { connectionRequests(direction: $d, status: PENDING, first: 3) { nodes { id } } }";
            let pending = me.ask(query, json!({ "d": direction })).await;
            let pending = pending.at("connectionRequests.nodes").as_array().cloned().unwrap_or_default();
            if !pending.is_empty() {
                me.does_on(step, verb, &word(&pending[chance.below(pending.len())]["id"])).await;
            }
        }
    }
}

/// Uses 50 people. `RAPPORT_TEST_ROUNDS` sets the number of actions.
#[tokio::test(flavor = "multi_thread")]
async fn applying_events_to_a_read_state_gives_the_current_state() {
    let app = TestApp::two().await;
    let steps = rounds(400);
    let mut people = Vec::new();
    for number in 0..(if steps < 1_000 { 12 } else { 50 }) {
        people.push(app.person(&format!("p{number}")).await);
    }
    let mut chance = Chance::seeded(20_261_121);
    let mut clients = Vec::new();
    for person in &people {
        clients.push(read(person).await);
    }
    let every = (steps / 20).max(25);
    for step in 0..steps {
        act(&mut chance, &people, step).await;
        let last = step + 1 == steps;
        // Random people are checked now and then, and all at the end.
        let looking = if last {
            0..people.len()
        } else if step % every == 0 {
            chance.below(people.len())..people.len()
        } else {
            0..0
        };
        for number in looking {
            let (fresh, cursors) = read(&people[number]).await;
            let (known, from) = &mut clients[number];
            catch_up(&people[number], step, known, from, &cursors).await;
            assert_eq!(*known, fresh, "{} after {step} acts", people[number].handle);
            *from = cursors;
            let counts = people[number].counts().await;
            for (list, count) in LISTS {
                assert_eq!(counts[count], fresh.lists[list].len(), "{list}");
            }
        }
    }
    for (index, person) in people.iter().enumerate() {
        for other in &clients[index].0.lists["CONNECTIONS"] {
            let mirrored = people.iter().position(|person| person.id() == *other).expected("somebody");
            assert!(clients[mirrored].0.lists["CONNECTIONS"].contains(&person.id()), "a connection is that of both");
        }
    }
    consistency::check(&app.database).await;
}
