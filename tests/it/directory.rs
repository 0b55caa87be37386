//! Tests of the order of lists, mutual connections, notes, bulk actions and the search by address.

use std::collections::BTreeSet;

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, consistency, person::Person, rounds};

async fn ordered(person: &Person, list: &str, order: &str) -> Vec<String> {
    let query = "query($list: ContactList!, $order: ContactOrder!, $after: String) { contacts(list: $list, orderBy: $order, \
                 first: 2, after: $after) { nodes { ... on User { handle } } pageInfo { hasNextPage endCursor } } }";
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = person.ask(query, json!({ "list": list, "order": order, "after": after })).await;
        let nodes = answer.at("contacts.nodes").as_array().cloned().unwrap_or_default();
        seen.extend(nodes.iter().filter_map(|node| node["handle"].as_str().map(str::to_owned)));
        if answer.at("contacts.pageInfo.hasNextPage") == false {
            return seen;
        }
        after = answer.at("contacts.pageInfo.endCursor").clone();
    }
}

async fn connect(one: &Person, other: &Person) {
    let request = one.asks(other).await;
    other.must("acceptConnectionRequest", &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_ordered_by_name_by_time_of_entry_or_by_recent_activity() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia, eva] = app.people(["ann", "ben", "cem", "dia", "eva"]).await;
    for other in [&cem, &eva, &ben, &dia] {
        app.clock.advance(Duration::minutes(1));
        connect(other, &ann).await;
        ann.must("followUser", &other.id()).await;
    }
    let post = "mutation { postStatus(input: { text: \"here\" }) { userErrors { code } } }";
    for person in [&eva, &cem] {
        person.ask(post, Value::Null).await;
    }
    assert_eq!(ordered(&ann, "CONNECTIONS", "NAME").await, ["ben", "cem", "dia", "eva"]);
    assert_eq!(ordered(&ann, "CONNECTIONS", "RECENTLY_ADDED").await, ["dia", "ben", "eva", "cem"]);
    assert_eq!(ordered(&ann, "CONNECTIONS", "RECENTLY_ACTIVE").await, ["cem", "eva", "dia", "ben"]);
    assert_eq!(ordered(&ann, "FOLLOWING", "RECENTLY_ACTIVE").await, ["cem", "eva", "dia", "ben"]);
    assert_eq!(ordered(&ann, "ALL", "NAME").await, ["ann", "ben", "cem", "dia", "eva"]);
    let mut newest = ordered(&ann, "ALL", "RECENTLY_ADDED").await;
    newest.sort();
    assert_eq!(newest, ["ann", "ben", "cem", "dia", "eva"]);
    // A list with people whose activities the viewer may not see cannot be ordered by activity.
    for list in ["ALL", "FOLLOWERS", "BLOCKED"] {
        let query = format!("{{ contacts(list: {list}, orderBy: RECENTLY_ACTIVE) {{ nodes {{ id }} }} }}");
        assert_eq!(ann.ask(&query, Value::Null).await.code(), "BAD_USER_INPUT", "{list}");
    }
    // A cursor is valid for one order only.
    let cursor = ann.ask("{ contacts(list: CONNECTIONS) { pageInfo { endCursor } } }", Value::Null).await;
    let other = "query($after: String) { contacts(list: CONNECTIONS, orderBy: RECENTLY_ADDED, after: $after) { nodes { id } } }";
    let cursor = cursor.text("contacts.pageInfo.endCursor");
    assert_eq!(ann.ask(other, json!({ "after": cursor })).await.code(), "BAD_USER_INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_for_connections_does_not_change_the_order_for_followers() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    for other in [&ben, &cem] {
        ann.must("followUser", &other.id()).await;
    }
    let post = "mutation($a: ActivityAudience!) { postStatus(input: { text: \"here\", audience: $a }) { userErrors { code } } }";
    cem.ask(post, json!({ "a": "EVERYONE" })).await.at("");
    ben.ask(post, json!({ "a": "CONNECTIONS" })).await.at("");
    assert_eq!(ordered(&ann, "FOLLOWING", "RECENTLY_ACTIVE").await, ["cem", "ben"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_connections_are_those_of_both() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia, eva] = app.people(["ann", "ben", "cem", "dia", "eva"]).await;
    for (one, other) in [(&ann, &cem), (&ann, &dia), (&ann, &eva), (&ben, &cem), (&ben, &eva), (&ben, &ann)] {
        connect(one, other).await;
    }
    let query = "query($id: ID!) { mutualConnections(userId: $id) { totalCount nodes { handle } } }";
    let shared = ann.ask(query, json!({ "id": ben.id() })).await;
    assert_eq!(
        shared.at("mutualConnections"),
        &json!({ "totalCount": 2, "nodes": [{ "handle": "cem" }, { "handle": "eva" }] })
    );
    assert_eq!(
        dia.ask(query, json!({ "id": eva.id() })).await.at("mutualConnections.nodes"),
        &json!([{ "handle": "ann" }])
    );
    let nobody = ann.ask(query, json!({ "id": "user_01m7xnapkeess9yf3kt8ay0ya3" })).await;
    assert_eq!(nobody.body["data"]["mutualConnections"], Value::Null);
    assert!(nobody.body.get("errors").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_author_sees_a_note() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let save = "mutation($id: ID!, $text: String!) { saveNote(input: { userId: $id, text: $text }) { outcome user { relationship { note } } \
                userErrors { code field } } }";
    let note = async |text: &str| ann.ask(save, json!({ "id": ben.id(), "text": text })).await.at("saveNote").clone();
    assert_eq!(note("met in Seoul").await["outcome"], "APPLIED");
    assert_eq!(note("met in Seoul").await["outcome"], "NO_CHANGE");
    assert_eq!(note(" met in 서울\nand Kyoto ").await["user"]["relationship"]["note"], "met in 서울\nand Kyoto");
    assert_eq!(ben.relationship(&ann).await["note"], Value::Null);
    // A note needs no relationship, and a block does not remove it.
    ben.must("blockUser", &ann.id()).await;
    ann.must("blockUser", &ben.id()).await;
    assert_eq!(note("gone").await["outcome"], "APPLIED");
    assert_eq!(note(&"x".repeat(2_001)).await["userErrors"][0]["code"], "INVALID");
    assert_eq!(note("a\u{7}b").await["userErrors"][0]["code"], "INVALID");
}

const BULK: &str = include_str!("operations/directory/bulk.graphql");

/// Returns the handle and the outcome of each person in a bulk action.
async fn bulk(person: &Person, instance: usize, action: &str, ids: &[String]) -> Vec<(String, String)> {
    let client = &person.clients[instance % person.clients.len()];
    let answer = client.ask(BULK, json!({ "action": action, "ids": ids })).await;
    let results = answer.at("updateContacts.results").as_array().cloned().unwrap_or_default();
    let said = |result: &Value| {
        let code = result["userErrors"][0]["code"].as_str().or(result["outcome"].as_str()).unwrap_or_default();
        (result["user"]["handle"].as_str().unwrap_or_default().to_owned(), code.to_owned())
    };
    results.iter().map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_action_has_a_result_for_each_person_and_a_refusal_stops_no_other() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia, eva] = app.people(["ann", "ben", "cem", "dia", "eva"]).await;
    cem.must("blockUser", &ann.id()).await;
    ann.must("blockUser", &dia.id()).await;
    eva.asks(&ann).await;
    let nobody = "user_01m7xnapkeess9yf3kt8ay0ya3".to_owned();
    let ids = [dia.id(), ben.id(), ann.id(), nobody, "nonsense".to_owned(), cem.id(), ben.id(), eva.id()];
    let said = bulk(&ann, 0, "REQUEST_CONNECTION", &ids).await;
    let expected = [
        ("dia", "BLOCKED_BY_VIEWER"),
        ("ben", "APPLIED"),
        ("ann", "CANNOT_TARGET_SELF"),
        ("", "NOT_FOUND"),
        ("", "NOT_FOUND"),
        ("cem", "REQUESTS_DISABLED"),
        ("eva", "CONNECTED_BY_MUTUAL_REQUEST"),
    ];
    assert_eq!(said, expected.map(|(handle, code)| (handle.to_owned(), code.to_owned())));
    assert_eq!(ann.list("OUTGOING_REQUESTS").await, ["ben"]);
    assert_eq!(ann.list("CONNECTIONS").await, ["eva"]);
    for (action, list) in [("FOLLOW", "FOLLOWING"), ("MUTE", "MUTED"), ("BLOCK", "BLOCKED")] {
        bulk(&ann, 0, action, &[ben.id(), eva.id()]).await;
        let listed: BTreeSet<String> = ann.list(list).await.into_iter().collect();
        assert!(listed.contains("ben") && listed.contains("eva"), "{action}: {listed:?}");
    }
    assert!(ann.list("FOLLOWING").await.is_empty() && ann.list("CONNECTIONS").await.is_empty());
    for ids in [vec![], vec![ben.id(); 101]] {
        let refused = ann.ask(BULK, json!({ "action": "FOLLOW", "ids": ids })).await;
        assert_eq!(
            refused.at("updateContacts.userErrors"),
            &json!([{ "code": "INVALID", "field": ["input", "userIds"] }])
        );
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_bulk_actions_of_everybody_cause_no_deadlock_and_no_contradiction() {
    let app = TestApp::two().await;
    for round in 0..rounds(2).min(100) {
        let mut people = Vec::new();
        for number in 0..6 {
            people.push(app.person(&format!("p{round}.{number}")).await);
        }
        let actions = ["REQUEST_CONNECTION", "FOLLOW", "BLOCK", "REQUEST_CONNECTION", "UNBLOCK", "DISCONNECT", "MUTE"];
        let all = people.iter().enumerate().map(|(number, person)| {
            // Everybody names all others, each in a different order.
            let mut ids: Vec<String> = people.iter().map(Person::id).collect();
            ids.rotate_left(number);
            if number % 2 == 0 {
                ids.reverse();
            }
            async move {
                for turn in 0..actions.len() {
                    bulk(person, number, actions[(turn + number) % actions.len()], &ids).await;
                }
            }
        });
        futures_util::future::join_all(all).await;
    }
    consistency::check(&app.database).await;
}

const REACH: &str = include_str!("operations/directory/reach.graphql");

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_the_addresses_that_the_viewer_may_see() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    connect(&ann, &ben).await;
    let emails = json!([
        { "address": "Ann.Public@Example.org", "visibility": "EVERYONE" },
        { "address": "ann.friends@example.net", "visibility": "CONNECTIONS" },
        { "address": "ann.secret@example.com", "visibility": "NOBODY" },
    ]);
    ann.ask(REACH, json!({ "emails": emails })).await.at("updateProfile");
    let search = "query($q: String!) { contacts(search: $q) { totalCount nodes { displayName } } }";
    let found = async |person: &Person, words: &str| {
        person.ask(search, json!({ "q": words })).await.at("contacts.totalCount").as_i64()
    };
    for (words, to_ben, to_cem) in [("ann.public@example.org", 1, 1), ("friends@example", 1, 0), ("ann.secret", 0, 0)] {
        assert_eq!((found(&ben, words).await, found(&cem, words).await), (Some(to_ben), Some(to_cem)), "{words}");
    }
    assert_eq!(found(&ann, "friends").await, Some(1), "oneself");
    ann.must("blockUser", &ben.id()).await;
    assert_eq!(found(&ben, "friends@example").await, Some(0));
    assert_eq!(found(&ben, "ann.public").await, Some(1), "the public profile stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_personal_contacts_are_one_list_in_one_order() {
    let app = TestApp::new().await;
    let [ann, ben, _] = app.people(["ann", "ben", "dia"]).await;
    let save =
        "mutation($name: String!) { savePersonalContact(input: { displayName: $name }) { userErrors { code } } }";
    for name in ["Cem", "Eva", "Aaron", "김철수"] {
        ann.ask(save, json!({ "name": name })).await.at("savePersonalContact");
    }
    let query = "query($list: ContactList!, $n: Int, $after: String, $q: String, $order: ContactOrder! = NAME) { contacts(list: $list, \
                 first: $n, after: $after, search: $q, orderBy: $order) { totalCount nodes { displayName } pageInfo { hasNextPage endCursor } } }";
    for size in [1, 2, 3, 100] {
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer = ann.ask(query, json!({ "list": "ALL", "n": size, "after": after })).await;
            assert_eq!(answer.at("contacts.totalCount"), 7);
            let nodes = answer.at("contacts.nodes").as_array().cloned().unwrap_or_default();
            seen.extend(nodes.iter().map(|node| node["displayName"].as_str().unwrap_or_default().to_owned()));
            if answer.at("contacts.pageInfo.hasNextPage") == false {
                break;
            }
            after = answer.at("contacts.pageInfo.endCursor").clone();
        }
        assert_eq!(seen, ["Aaron", "ann", "ben", "Cem", "dia", "Eva", "김철수"], "{size}");
    }
    let backwards = "{ contacts(last: 3) { nodes { displayName } pageInfo { hasPreviousPage } } }";
    let last = ann.ask(backwards, Value::Null).await;
    assert_eq!(
        last.at("contacts.nodes"),
        &json!([{ "displayName": "dia" }, { "displayName": "Eva" }, { "displayName": "김철수" }])
    );
    assert_eq!(ann.ask(query, json!({ "list": "PERSONAL" })).await.at("contacts.totalCount"), 4);
    assert_eq!(ann.ask(query, json!({ "list": "PERSONAL", "q": "철수" })).await.at("contacts.totalCount"), 1);
    assert_eq!(ann.ask(query, json!({ "list": "ALL", "q": "e" })).await.at("contacts.totalCount"), 1);
    let newest = ann.ask(query, json!({ "list": "ALL", "order": "RECENTLY_ADDED", "n": 4 })).await;
    assert_eq!(newest.at("contacts.nodes").as_array().map(Vec::len), Some(4));
    assert_eq!(ben.ask(query, json!({ "list": "ALL" })).await.at("contacts.totalCount"), 3);
    assert_eq!(ben.ask(query, json!({ "list": "PERSONAL" })).await.at("contacts.nodes"), &json!([]));
    let counts = ann.ask("{ viewer { contactCounts { personal } } }", Value::Null).await;
    assert_eq!(counts.at("viewer.contactCounts.personal"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_request_keeps_its_position_in_the_requesters_list() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    let query =
        "{ contacts(list: OUTGOING_REQUESTS, orderBy: RECENTLY_ADDED) { edges { cursor node { displayName } } } }";
    let ignored = dia.asks(&ann).await;
    for other in [&ben, &cem] {
        app.clock.advance(Duration::minutes(1));
        dia.asks(other).await;
    }
    let before = dia.ask(query, Value::Null).await;
    app.clock.advance(Duration::minutes(1));
    ann.must("ignoreConnectionRequest", &ignored).await;
    ben.must("blockUser", &dia.id()).await;
    assert_eq!(dia.ask(query, Value::Null).await.at("contacts"), before.at("contacts"));
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_refers_to_a_suspended_user_shows_their_details() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    connect(&ann, &ben).await;
    connect(&ann, &cem).await;
    let request = ann.asks(&app.person("dia").await).await;
    drop(request);
    ann.ask(REACH, json!({ "emails": [{ "address": "ann@example.org", "visibility": "EVERYONE" }] }))
        .await
        .at("updateProfile");
    let cursor = ben.ask("{ contacts { streamCursor } }", Value::Null).await;
    let suspend = "mutation($id: ID!) { suspendUser(input: { userId: $id }) { outcome } }";
    assert_eq!(ada.ask(suspend, json!({ "id": ann.id() })).await.at("suspendUser.outcome"), "APPLIED");
    let mut socket = ben.socket(0).await;
    let live = "subscription($after: Cursor) { event: contacts(after: $after) { ... on ContactRemoved { user { displayName \
                emails { address } connections { totalCount nodes { handle } } } } } }";
    socket.subscribe("1", live, json!({ "after": cursor.text("contacts.streamCursor") })).await;
    socket.event().await.expected("a start");
    let event = socket.event().await.expected("an event");
    assert_eq!(event["user"]["emails"], json!([]));
    assert_eq!(event["user"]["connections"], json!({ "totalCount": 0, "nodes": [] }));
    // Activities of other people with the suspended person are hidden too.
    connect(&ben, &cem).await;
    let feed = ben.ask("{ activityFeed { nodes { actor { handle } subject { handle } } } }", Value::Null).await;
    let shown = feed.at("activityFeed.nodes").as_array().cloned().unwrap_or_default();
    assert!(shown.iter().all(|node| node["actor"]["handle"] != "ann" && !node["subject"].is_null()), "{shown:?}");
}
