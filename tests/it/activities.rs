//! Tests of activities: statuses, activity feeds and their visibility.

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, consistency, person::Person};

const POST: &str = include_str!("operations/activities/post.graphql");
const LIVE: &str = include_str!("operations/activities/live.graphql");

async fn post(person: &Person, text: &str) -> String {
    person.ask(POST, json!({ "text": text })).await.text("postStatus.activity.id").to_owned()
}

/// Returns the feed as texts of statuses and as pairs of people who connected.
async fn feed(person: &Person, scope: &str) -> Vec<String> {
    let query = "query($scope: FeedScope!) { activityFeed(scope: $scope, first: 100) { nodes { kind text actor { handle } \
                 subject { handle } } } }";
    let answer = person.ask(query, json!({ "scope": scope })).await;
    let word = |node: &Value| match node["kind"].as_str() {
        Some("STATUS_POSTED") => node["text"].as_str().unwrap_or_default().to_owned(),
        Some("CONNECTED") => {
            let mut both =
                [node["actor"]["handle"].as_str(), node["subject"]["handle"].as_str()].map(Option::unwrap_or_default);
            both.sort_unstable();
            both.join("+")
        }
        _ => format!("{} changed", node["actor"]["handle"].as_str().unwrap_or_default()),
    };
    answer.at("activityFeed.nodes").as_array().into_iter().flatten().map(word).collect()
}

async fn connect(one: &Person, other: &Person) {
    let request = one.asks(other).await;
    other.must("acceptConnectionRequest", &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_shows_past_and_new_activities_while_a_relationship_lasts() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    for person in [&ann, &ben, &cem, &dia] {
        post(person, &format!("{} before", person.handle)).await;
    }
    assert_eq!(feed(&ann, "ALL").await, ["ann before"]);
    connect(&ann, &ben).await;
    ann.must("followUser", &cem.id()).await;
    assert_eq!(feed(&ann, "ALL").await, ["ann+ben", "cem before", "ben before", "ann before"]);
    assert_eq!(feed(&ann, "CONNECTIONS").await, ["ann+ben", "ben before"]);
    assert_eq!(feed(&ann, "FOLLOWING").await, ["cem before"]);
    assert_eq!(feed(&ann, "ME").await, ["ann+ben", "ann before"]);
    // A person who is both connected and followed appears once.
    ann.must("followUser", &ben.id()).await;
    assert_eq!(feed(&ann, "ALL").await, ["ann+ben", "cem before", "ben before", "ann before"]);
    assert_eq!(feed(&ann, "FOLLOWING").await, ["ann+ben", "cem before", "ben before"]);
    ann.must("disconnect", &ben.id()).await;
    ann.must("unfollowUser", &ben.id()).await;
    ann.must("unfollowUser", &cem.id()).await;
    assert_eq!(feed(&ann, "ALL").await, ["ann+ben", "ann before"]);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_hides_activities_both_ways_until_a_new_relationship_begins() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    connect(&ann, &ben).await;
    connect(&ann, &cem).await;
    connect(&ben, &cem).await;
    post(&ann, "of ann").await;
    post(&ben, "of ben").await;
    assert_eq!(feed(&ann, "ALL").await, ["of ben", "of ann", "ben+cem", "ann+cem", "ann+ben"]);
    ann.must("blockUser", &ben.id()).await;
    // The blocker's feed hides what third people did with the blocked person. The blocked person's feed does not,
    // because a gap would reveal the block.
    assert_eq!(feed(&ann, "ALL").await, ["of ann", "ann+cem"]);
    assert_eq!(feed(&ben, "ALL").await, ["of ben", "ben+cem", "ann+cem", "ann+ben"]);
    assert_eq!(feed(&cem, "ALL").await, ["of ben", "of ann", "ben+cem", "ann+cem", "ann+ben"]);
    ann.must("unblockUser", &ben.id()).await;
    assert_eq!(feed(&ann, "CONNECTIONS").await, ["ben+cem", "ann+cem"], "of ben's nothing but what cem did too");
    ben.must("followUser", &ann.id()).await;
    assert_eq!(feed(&ben, "FOLLOWING").await, ["of ann", "ann+cem", "ann+ben"]);
    assert_eq!(feed(&ann, "FOLLOWING").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_for_connections_is_for_connections() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    connect(&ann, &ben).await;
    cem.must("followUser", &ann.id()).await;
    let secret = ann.ask(POST, json!({ "text": "for friends", "audience": "CONNECTIONS" })).await;
    let secret = secret.text("postStatus.activity.id");
    post(&ann, "for all").await;
    assert_eq!(feed(&ben, "CONNECTIONS").await, ["for all", "for friends", "ann+ben"]);
    assert_eq!(feed(&cem, "ALL").await, ["for all", "ann+ben"]);
    let node = "query($id: ID!) { nodes(ids: [$id]) { id } }";
    assert_eq!(cem.ask(node, json!({ "id": secret })).await.at("nodes"), &json!([null]));
    assert_eq!(ben.ask(node, json!({ "id": secret })).await.at("nodes.0.id"), secret);
    let own = "query($id: ID!) { user(id: $id) { activities { nodes { text } } } }";
    assert_eq!(cem.ask(own, json!({ "id": ann.id() })).await.at("user.activities.nodes.0.text"), "for all");
    assert_eq!(ben.ask(own, json!({ "id": ann.id() })).await.at("user.activities.nodes.1.text"), "for friends");
    // A person without a relationship sees no activities on a profile.
    let dia = app.person("dia").await;
    assert_eq!(dia.ask(own, json!({ "id": ann.id() })).await.at("user.activities.nodes"), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_person_leaves_the_feed_until_the_mute_ends_and_stays_related() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    connect(&ann, &ben).await;
    post(&ben, "loud").await;
    let mute = "mutation($id: ID!, $until: DateTime, $feed: Boolean! = true) { muteUser(input: { userId: $id, until: $until, \
                feed: $feed }) { outcome user { relationship { connection mute { until feed notifications } } } userErrors { code field } } }";
    let until = app.clock.now() + Duration::hours(1);
    let muted = ann.ask(mute, json!({ "id": ben.id(), "until": until })).await;
    assert_eq!(muted.at("muteUser.outcome"), "APPLIED");
    assert_eq!(muted.at("muteUser.user.relationship.connection"), "CONNECTED");
    assert_eq!(feed(&ann, "ALL").await, ["ann+ben"]);
    assert_eq!(ann.list("MUTED").await, ["ben"]);
    assert_eq!(ann.counts().await["muted"], 1);
    assert!(ben.list("MUTED").await.is_empty() && ben.relationship(&ann).await["mute"].is_null());
    app.clock.advance(Duration::hours(1));
    assert_eq!(feed(&ann, "ALL").await, ["loud", "ann+ben"]);
    assert!(ann.list("MUTED").await.is_empty());
    assert_eq!(ann.does("unmuteUser", &ben.id()).await.said(), "NO_CHANGE", "a mute that has ended is none");
    // This mute hides notifications only.
    ann.ask(mute, json!({ "id": ben.id(), "feed": false })).await.at("muteUser.outcome");
    assert_eq!(feed(&ann, "ALL").await, ["loud", "ann+ben"]);
    let refused = ann.ask(mute, json!({ "id": ben.id(), "until": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(refused.at("muteUser.userErrors"), &json!([{ "code": "INVALID", "field": ["input", "until"] }]));
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_has_limits_and_only_its_author_deletes_it() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    connect(&ann, &ben).await;
    for (text, code) in [("", "REQUIRED"), ("  ", "REQUIRED"), ("a\u{7}b", "INVALID")] {
        let answer = ann.ask(POST, json!({ "text": text })).await;
        assert_eq!(answer.at("postStatus.userErrors"), &json!([{ "code": code, "field": ["input", "text"] }]));
    }
    let answer = ann.ask(POST, json!({ "text": "ß".repeat(1_001) })).await;
    assert_eq!(answer.at("postStatus.userErrors.0.code"), "TOO_LONG");
    let id = post(&ann, &"한".repeat(1_000)).await;
    let delete = "mutation($id: ID!) { deleteActivity(input: { activityId: $id }) { deletedId userErrors { code } } }";
    for (who, id) in [(&ben, id.as_str()), (&ann, "activity_01m7xnapkeess9yf3kt8ay0ya3"), (&ann, "x")] {
        let refused = who.ask(delete, json!({ "id": id })).await;
        assert_eq!(refused.at("deleteActivity.userErrors"), &json!([{ "code": "NOT_FOUND" }]));
    }
    assert_eq!(ann.ask(delete, json!({ "id": id })).await.at("deleteActivity.deletedId"), id.as_str());
    assert_eq!(feed(&ben, "ALL").await, ["ann+ben"]);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_profile_is_one_activity_a_day() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    ben.must("followUser", &ann.id()).await;
    let change = "mutation($title: String) { updateProfile(input: { title: $title }) { userErrors { code } } }";
    for title in ["Poet", "Painter", "Painter"] {
        ann.ask(change, json!({ "title": title })).await.at("updateProfile");
    }
    assert_eq!(feed(&ben, "ALL").await, ["ann changed"]);
    app.clock.advance(Duration::days(1));
    ann.ask(change, json!({ "title": "Potter" })).await.at("updateProfile");
    assert_eq!(feed(&ben, "ALL").await, ["ann changed", "ann changed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_feed_hold_each_activity_once_in_order_from_both_ends() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let mut authors = Vec::new();
    for number in 0..7 {
        let person = app.person(&format!("p{number}")).await;
        ann.must("followUser", &person.id()).await;
        authors.push(person);
    }
    // The authors post unequally often. An activity of two people is the newest of both.
    let mut expected = Vec::new();
    for number in 0..60_usize {
        let author = &authors[(number * number) % 5];
        expected.push(post(author, &format!("status {number}")).await);
    }
    connect(&authors[1], &authors[2]).await;
    expected.reverse();
    let forwards = "query($n: Int, $after: String) { activityFeed(first: $n, after: $after) { nodes { id kind } pageInfo { \
                    hasNextPage endCursor } } }";
    let backwards = "query($n: Int, $before: String) { activityFeed(last: $n, before: $before) { nodes { id kind } pageInfo { \
                     hasPreviousPage startCursor } } }";
    for size in [1, 3, 7, 100] {
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer = ann.ask(forwards, json!({ "n": size, "after": after })).await;
            seen.extend(ids(answer.at("activityFeed.nodes")));
            after = answer.at("activityFeed.pageInfo")["endCursor"].clone();
            if answer.at("activityFeed.pageInfo.hasNextPage") == false {
                break;
            }
        }
        assert_eq!(seen[1..], expected[..], "{size}");
        let (mut back, mut before) = (Vec::new(), Value::Null);
        loop {
            let answer = ann.ask(backwards, json!({ "n": size, "before": before })).await;
            let mut page = ids(answer.at("activityFeed.nodes"));
            page.append(&mut back);
            back = page;
            before = answer.at("activityFeed.pageInfo")["startCursor"].clone();
            if answer.at("activityFeed.pageInfo.hasPreviousPage") == false {
                break;
            }
        }
        assert_eq!(back, seen, "{size} from the end");
    }
}

fn ids(nodes: &Value) -> Vec<String> {
    nodes.as_array().into_iter().flatten().filter_map(|node| node["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_feed_delivers_exactly_what_the_page_shows_on_every_instance() {
    let app = TestApp::two().await;
    let [ann, ben, cem, dia, eva] = app.people(["ann", "ben", "cem", "dia", "eva"]).await;
    connect(&ann, &ben).await;
    ann.must("followUser", &cem.id()).await;
    ann.must("followUser", &eva.id()).await;
    ann.must("blockUser", &dia.id()).await;
    let mute = "mutation($id: ID!) { muteUser(input: { userId: $id }) { outcome } }";
    ann.ask(mute, json!({ "id": eva.id() })).await.at("muteUser.outcome");
    let mut sockets = Vec::new();
    for instance in 0..2 {
        let mut socket = ann.socket(instance).await;
        socket.subscribe("1", LIVE, json!({})).await;
        assert_eq!(socket.event().await.expected("a start")["__typename"], "SubscriptionStarted");
        sockets.push(socket);
    }
    post(&dia, "of a stranger").await;
    post(&eva, "of one who is muted").await;
    post(&ben, "of a connection").await;
    let gone = post(&cem, "of one who is followed").await;
    connect(&ben, &dia).await;
    let delete = "mutation($id: ID!) { deleteActivity(input: { activityId: $id }) { deletedId } }";
    cem.ask(delete, json!({ "id": gone })).await.at("deleteActivity.deletedId");
    post(&ann, "of oneself").await;
    for mut socket in sockets {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "of oneself") {
            let event = socket.event().await.expected("an event");
            heard.push(
                event["activity"]["text"].as_str().or(event["activityId"].as_str()).unwrap_or_default().to_owned(),
            );
        }
        assert_eq!(heard, ["of a connection", "of one who is followed", gone.as_str(), "of oneself"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_feed_resumes_on_another_instance() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    ann.must("followUser", &ben.id()).await;
    let page = ann.ask("{ activityFeed { streamCursor nodes { id } } }", Value::Null).await;
    let mut after = page.text("activityFeed.streamCursor").to_owned();
    let mut heard = Vec::new();
    for round in 0..crate::support::rounds(8) {
        let texts: Vec<String> = (0..5).map(|number| format!("{round}.{number}")).collect();
        let writing = async {
            for text in &texts {
                post(&ben, text).await;
            }
        };
        let reading = async {
            let mut socket = ann.socket(round).await;
            socket.subscribe("1", LIVE, json!({ "after": after })).await;
            socket.event().await.expected("a start");
            // The connection ends among this round's events and the events that it missed before.
            for _ in 0..=(round * 7) % 5 {
                let event = socket.event().await.expected("an event");
                after = event["cursor"].as_str().unwrap_or_default().to_owned();
                heard.push(event["activity"]["text"].as_str().unwrap_or_default().to_owned());
            }
            socket.cut();
        };
        futures_util::future::join(writing, reading).await;
    }
    let rounds = crate::support::rounds(8);
    let expected: Vec<String> =
        (0..rounds).flat_map(|round| (0..5).map(move |number| format!("{round}.{number}"))).collect();
    let mut socket = ann.socket(1).await;
    socket.subscribe("1", LIVE, json!({ "after": after })).await;
    socket.event().await.expected("a start");
    while heard.len() < expected.len() {
        let event = socket.event().await.expected("an event");
        heard.push(event["activity"]["text"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(heard, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_with_its_idempotency_key_creates_and_notifies_once() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    ben.must("followUser", &ann.id()).await;
    let post = "mutation($text: String!, $key: String) { postStatus(input: { text: $text, idempotencyKey: $key }) { activity { id } \
                replayed userErrors { code field } } }";
    for round in 0..crate::support::rounds(3).min(100) {
        let key = format!("key {round}");
        let tries = (0..6).map(|number| {
            let client = &ann.clients[number % ann.clients.len()];
            client.ask(post, json!({ "text": "once", "key": key }))
        });
        let answers = futures_util::future::join_all(tries).await;
        let first = answers[0].text("postStatus.activity.id");
        assert!(answers.iter().all(|answer| answer.text("postStatus.activity.id") == first));
        assert_eq!(answers.iter().filter(|answer| answer.at("postStatus.replayed") == false).count(), 1);
        assert_eq!(feed(&ben, "ALL").await.len(), round + 1);
    }
    let other = ann.ask(post, json!({ "text": "another", "key": "key 0" })).await;
    let expected = json!([{ "code": "IDEMPOTENCY_KEY_REUSED", "field": ["input", "idempotencyKey"] }]);
    assert_eq!(other.at("postStatus.userErrors"), &expected);
    // An idempotency key belongs to one user.
    assert_eq!(ben.ask(post, json!({ "text": "another", "key": "key 0" })).await.at("postStatus.replayed"), false);
    for key in ["", &"x".repeat(101)] {
        assert_eq!(
            ann.ask(post, json!({ "text": "x", "key": key })).await.at("postStatus.userErrors.0.code"),
            "INVALID"
        );
    }
    let save = "mutation($name: String!) { savePersonalContact(input: { displayName: $name, idempotencyKey: \"c\" }) { outcome \
                contact { id } userErrors { code } } }";
    let made = ann.ask(save, json!({ "name": "Cem" })).await;
    let again = ann.ask(save, json!({ "name": "Cem" })).await;
    assert_eq!(again.at("savePersonalContact.contact.id"), made.at("savePersonalContact.contact.id"));
    assert_eq!(again.at("savePersonalContact.outcome"), "NO_CHANGE");
    let other = ann.ask(save, json!({ "name": "Dia" })).await;
    assert_eq!(other.at("savePersonalContact.userErrors.0.code"), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_activity_of_each_person_is_kept_under_concurrent_writes() {
    let app = TestApp::two().await;
    let ann = app.person("ann").await;
    for round in 0..crate::support::rounds(3).min(100) {
        let mut requests = Vec::new();
        for number in 0..4 {
            let other = app.person(&format!("p{round}.{number}")).await;
            requests.push(other.asks(&ann).await);
        }
        let gone = post(&ann, "gone").await;
        let delete = "mutation($id: ID!) { deleteActivity(input: { activityId: $id }) { userErrors { code } } }";
        let accepting = requests.iter().enumerate().map(|(number, request)| {
            let ann = &ann;
            async move { drop(ann.does_on(number, "acceptConnectionRequest", request).await) }
        });
        let posting = (0..3).map(|number| {
            let client = &ann.clients[number % ann.clients.len()];
            async move { drop(client.ask(POST, json!({ "text": "here" })).await) }
        });
        let deleting = async { drop(ann.ask(delete, json!({ "id": gone })).await) };
        futures_util::future::join3(
            futures_util::future::join_all(accepting),
            futures_util::future::join_all(posting),
            deleting,
        )
        .await;
        consistency::check(&app.database).await;
    }
}
