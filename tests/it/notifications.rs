//! Tests of notifications: their causes, read state, live stream, preferences and retention.

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, consistency, person::Person};

const LIST: &str = include_str!("operations/notifications/list.graphql");
const LIVE: &str = include_str!("operations/notifications/live.graphql");

/// Returns a person's notifications: the kind, the actor, and true when unread.
async fn told(person: &Person, variables: Value) -> Vec<(String, String, bool)> {
    let answer = person.ask(LIST, variables).await;
    let nodes = answer.at("notifications.nodes").as_array().cloned().unwrap_or_default();
    assert_eq!(answer.at("notifications.totalCount"), nodes.len());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    nodes.iter().map(|node| (text(&node["kind"]), text(&node["actor"]["handle"]), node["readAt"].is_null())).collect()
}

async fn unread(person: &Person) -> (i64, i64) {
    let answer = person.ask("{ viewer { unread { badge notifications requests } } }", Value::Null).await;
    let count = |name: &str| answer.at("viewer.unread")[name].as_i64().unwrap_or_default();
    let others = "{ notifications(filter: UNREAD, first: 100) { nodes { kind } } }";
    let others = person.ask(others, Value::Null).await;
    let others = others.at("notifications.nodes").as_array().into_iter().flatten();
    let others = others.filter(|other| other["kind"] != "CONNECTION_REQUESTED").count();
    let badge = count("requests") + i64::try_from(others).unwrap_or_default();
    assert_eq!(count("badge"), badge, "each request is counted once");
    (count("notifications"), count("requests"))
}

async fn ids(person: &Person) -> Vec<String> {
    let answer = person.ask(LIST, json!({})).await;
    let nodes = answer.at("notifications.nodes").as_array().cloned().unwrap_or_default();
    nodes.iter().filter_map(|node| node["id"].as_str().map(str::to_owned)).collect()
}

fn entry(kind: &str, who: &str, unread: bool) -> (String, String, bool) {
    (kind.to_owned(), who.to_owned(), unread)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_an_acceptance_and_a_follow_each_cause_one_notification() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ann.asks(&ben).await;
    assert_eq!(told(&ben, json!({})).await, [entry("CONNECTION_REQUESTED", "ann", true)]);
    assert_eq!(unread(&ben).await, (1, 1));
    ben.must("acceptConnectionRequest", &request).await;
    ben.must("acceptConnectionRequest", &request).await;
    // A notification of an answered request is read and contains the current request.
    assert_eq!(told(&ben, json!({})).await, [entry("CONNECTION_REQUESTED", "ann", false)]);
    assert_eq!(ben.ask(LIST, json!({})).await.at("notifications.nodes.0.request.status"), "ACCEPTED");
    assert_eq!(unread(&ben).await, (0, 0));
    assert_eq!(told(&ann, json!({})).await, [entry("CONNECTION_ACCEPTED", "ben", true)]);
    for _ in 0..3 {
        ann.must("followUser", &ben.id()).await;
        ann.must("unfollowUser", &ben.id()).await;
    }
    assert_eq!(told(&ben, json!({ "kind": "FOLLOWED" })).await, [entry("FOLLOWED", "ann", true)]);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requester_is_notified_of_an_acceptance_only() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    let request = ann.asks(&ben).await;
    ben.must("ignoreConnectionRequest", &request).await;
    let request = ann.asks(&cem).await;
    cem.must("blockUser", &ann.id()).await;
    drop(request);
    let request = ann.asks(&dia).await;
    dia.asks(&ann).await;
    drop(request);
    assert_eq!(told(&ann, json!({})).await, [entry("CONNECTION_ACCEPTED", "dia", true)]);
    assert_eq!(told(&ben, json!({})).await, [entry("CONNECTION_REQUESTED", "ann", false)]);
    assert_eq!(told(&cem, json!({})).await, []);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawing_a_request_removes_its_notification() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ann.must("withdrawConnectionRequest", &request).await;
    assert_eq!(told(&ben, json!({})).await, []);
    ann.asks(&ben).await;
    assert_eq!(told(&ben, json!({})).await.len(), 1, "one for the new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_removes_the_blockers_notifications_and_stays_hidden_from_the_blocked_person() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;
    ann.must("followUser", &ben.id()).await;
    ben.must("followUser", &ann.id()).await;
    let before = told(&ann, json!({})).await;
    assert_eq!(before.len(), 2);
    let mut socket = ann.socket(0).await;
    socket.subscribe("1", LIVE, json!({})).await;
    socket.event().await.expected("a start");
    ben.must("blockUser", &ann.id()).await;
    assert_eq!(told(&ben, json!({})).await, []);
    assert_eq!(told(&ann, json!({})).await, before);
    // The live stream reports nothing either: the next event is about another person.
    app.person("cem").await.must("followUser", &ann.id()).await;
    let event = socket.event().await.expected("an event");
    assert_eq!(event["notification"]["actor"]["displayName"], "cem");
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn muted_people_cause_no_notifications() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    let mute = "mutation($id: ID!, $until: DateTime, $n: Boolean! = true) { muteUser(input: { userId: $id, until: $until, \
                notifications: $n }) { outcome } }";
    let until = app.clock.now() + Duration::hours(1);
    ann.ask(mute, json!({ "id": ben.id(), "until": until })).await.at("muteUser.outcome");
    ann.ask(mute, json!({ "id": cem.id(), "n": false })).await.at("muteUser.outcome");
    ben.must("followUser", &ann.id()).await;
    ben.asks(&ann).await;
    cem.must("followUser", &ann.id()).await;
    assert_eq!(told(&ann, json!({})).await, [entry("FOLLOWED", "cem", true)]);
    assert_eq!(ann.list("INCOMING_REQUESTS").await, ["ben"], "a request waits all the same");
    assert_eq!(unread(&ann).await, (1, 1));
    app.clock.advance(Duration::hours(1));
    ben.must("unfollowUser", &ann.id()).await;
    ben.must("followUser", &ann.id()).await;
    assert_eq!(told(&ann, json!({})).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_can_be_read_unread_and_deleted_without_other_effects() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    for other in [&ben, &cem, &dia] {
        other.asks(&ann).await;
    }
    let all = ids(&ann).await;
    assert_eq!(told(&ann, json!({ "order": "OLDEST_FIRST" })).await[0].1, "ben");
    let read = "mutation($ids: [ID!], $before: ID) { done: markNotificationsRead(input: { ids: $ids, upTo: $before }) { count userErrors { code } } }";
    let unmark = "mutation($ids: [ID!]!) { done: markNotificationsUnread(input: { ids: $ids }) { count } }";
    let delete = "mutation($ids: [ID!]!) { done: deleteNotifications(input: { ids: $ids }) { count } }";
    // Marks everything up to the second newest. The newest stays unread, and so does a notification that arrives
    // meanwhile.
    assert_eq!(ann.ask(read, json!({ "before": all[1] })).await.at("done.count"), 2);
    assert_eq!(ann.ask(read, json!({ "before": all[1] })).await.at("done.count"), 0, "again");
    assert_eq!(unread(&ann).await, (1, 3));
    assert_eq!(told(&ann, json!({ "filter": "UNREAD" })).await, [entry("CONNECTION_REQUESTED", "dia", true)]);
    assert_eq!(told(&ann, json!({ "filter": "READ" })).await.len(), 2);
    assert_eq!(ann.ask(unmark, json!({ "ids": [all[2], all[2], all[0], "x"] })).await.at("done.count"), 1);
    assert_eq!(unread(&ann).await, (2, 3));
    // The calls ignore other people's notifications and accept an empty list.
    assert_eq!(ben.ask(read, json!({ "ids": all })).await.at("done.count"), 0);
    assert_eq!(ben.ask(delete, json!({ "ids": all })).await.at("done.count"), 0);
    assert_eq!(ann.ask(read, json!({ "ids": [] })).await.at("done.count"), 0);
    assert_eq!(ann.ask(read, json!({})).await.at("done.userErrors"), &json!([{ "code": "INVALID" }]));
    assert_eq!(ann.ask(read, json!({ "ids": [], "before": all[0] })).await.at("done.userErrors.0.code"), "INVALID");
    assert_eq!(ann.ask(delete, json!({ "ids": all })).await.at("done.count"), 3);
    assert_eq!(told(&ann, json!({})).await, []);
    assert_eq!(ann.list("INCOMING_REQUESTS").await, ["ben", "cem", "dia"], "what they told of stays");
    assert_eq!(unread(&ann).await, (0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_notifications_arrive_in_one_gapless_live_stream() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let page = ann.ask(LIST, json!({})).await;
    let cursor = page.text("notifications.streamCursor").to_owned();
    let request = ben.asks(&ann).await;
    let id = ids(&ann).await.remove(0);
    let read = "mutation($ids: [ID!]!) { markNotificationsRead(input: { ids: $ids }) { count } markNotificationsUnread(input: { ids: $ids }) { count } }";
    ann.ask(read, json!({ "ids": [id] })).await.at("");
    ben.must("withdrawConnectionRequest", &request).await;
    for instance in 0..2 {
        let mut socket = ann.socket(instance).await;
        socket.subscribe("1", LIVE, json!({ "after": cursor })).await;
        socket.event().await.expected("a start");
        let kinds = ["NotificationAdded", "NotificationsRead", "NotificationsUnread", "NotificationsRemoved"];
        for (index, kind) in kinds.into_iter().enumerate() {
            let event = socket.event().await.expected("an event");
            assert_eq!((&event["__typename"], &event["sequence"]), (&json!(kind), &json!(index + 1)));
        }
    }
    let pulled = ann.ask("{ events(topics: [NOTIFICATIONS]) { nodes { __typename } } }", Value::Null).await;
    crate::support::eventually("the log is sequenced", || async {
        let pulled = ann.ask("{ events(topics: [NOTIFICATIONS]) { nodes { __typename } } }", Value::Null).await;
        pulled.at("events.nodes").as_array().map(Vec::len) == Some(4)
    })
    .await;
    drop(pulled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_kind_sends_nothing_and_the_request_stays_pending() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let update = "mutation { updateNotificationPreferences(input: { preferences: [{ kind: CONNECTION_REQUESTED, inApp: false }] }) \
                  { preferences { kind inApp email } userErrors { code } } }";
    let wishes = ann.ask(update, Value::Null).await;
    assert_eq!(
        wishes.at("updateNotificationPreferences.preferences.0"),
        &json!({ "kind": "CONNECTION_REQUESTED", "inApp": false, "email": "OFF" })
    );
    assert_eq!(wishes.at("updateNotificationPreferences.preferences.2.inApp"), true);
    let request = ben.asks(&ann).await;
    assert_eq!(told(&ann, json!({})).await, []);
    assert_eq!(unread(&ann).await, (0, 1));
    ann.must("acceptConnectionRequest", &request).await;
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_notifications_are_removed_and_subscribers_get_events() {
    let app = TestApp::with(1, &[("RAPPORT_NOTIFICATION_RETENTION", "30d")]).await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    ben.must("followUser", &ann.id()).await;
    app.clock.advance(Duration::days(20));
    cem.must("followUser", &ann.id()).await;
    app.clock.advance(Duration::days(10) + Duration::seconds(1));
    let mut socket = ann.socket(0).await;
    socket.subscribe("1", LIVE, json!({})).await;
    socket.event().await.expected("a start");
    assert_eq!(api::notifications::retention::prune(app.app()).await.expected("pruned"), 1);
    assert_eq!(told(&ann, json!({})).await, [entry("FOLLOWED", "cem", true)]);
    assert_eq!(socket.event().await.expected("an event")["__typename"], "NotificationsRemoved");
}

#[tokio::test(flavor = "multi_thread")]
async fn marking_all_as_read_keeps_notifications_that_arrive_meanwhile_unread() {
    let app = TestApp::two().await;
    let ann = app.person("ann").await;
    for round in 0..crate::support::rounds(3).min(50) {
        let crowd: Vec<Person> = futures_util::future::join_all((0..6).map(|number| {
            let app = &app;
            async move { app.person(&format!("p{round}.{number}")).await }
        }))
        .await;
        crowd[0].must("followUser", &ann.id()).await;
        let newest = ids(&ann).await.remove(0);
        let read = "mutation($before: ID) { markNotificationsRead(input: { upTo: $before }) { count } }";
        let reading = ann.ask(read, json!({ "before": newest }));
        let following = futures_util::future::join_all(crowd[1..].iter().enumerate().map(|(index, person)| {
            let id = ann.id();
            async move { person.does_on(index, "followUser", &id).await }
        }));
        let (marked, _) = futures_util::future::join(reading, following).await;
        assert_eq!(marked.at("markNotificationsRead.count"), 1);
        assert_eq!(unread(&ann).await.0, 5, "round {round}");
        let all = ids(&ann).await.remove(0);
        assert_eq!(ann.ask(read, json!({ "before": all })).await.at("markNotificationsRead.count"), 5);
    }
    consistency::check(&app.database).await;
}
