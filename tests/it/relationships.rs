//! Tests of connection requests, audiences, follows, lists and counts.

use chrono::Duration;
use entity::user::UserStatus;
use serde_json::{Value, json};

use crate::support::{accounts::set_status, app::TestApp, consistency};

const REQUESTS: &str = include_str!("operations/relationships/requests.graphql");

#[tokio::test(flavor = "multi_thread")]
async fn a_requester_sees_an_ignored_request_pending_until_the_cool_down_ends() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("ignoreConnectionRequest", &request).await;

    assert_eq!(ann.relationship(&ben).await["connection"], "REQUEST_SENT");
    assert_eq!(ann.relationship(&ben).await["request"], json!({ "id": request, "status": "PENDING" }));
    assert_eq!(ann.list("OUTGOING_REQUESTS").await, ["ben"]);
    assert_eq!(ann.counts().await["outgoingRequests"], 1);
    assert!(ben.list("INCOMING_REQUESTS").await.is_empty());
    // A second call returns the same request and notifies nobody.
    let again = ann.does("requestConnection", &ben.id()).await;
    assert_eq!((again.outcome.as_str(), again.request.as_deref()), ("NO_CHANGE", Some(request.as_str())));

    app.clock.advance(Duration::days(22));
    assert_eq!(ann.relationship(&ben).await["connection"], "NONE");
    assert!(ann.list("OUTGOING_REQUESTS").await.is_empty());
    assert_eq!(ann.counts().await["outgoingRequests"], 0);
    let closed = ann.ask(REQUESTS, json!({ "d": "OUTGOING", "s": "CLOSED" })).await;
    assert_eq!(closed.at("connectionRequests.totalCount"), 1);
    assert_eq!(closed.at("connectionRequests.nodes.0.status"), "CLOSED");
    assert_eq!(
        ann.ask(REQUESTS, json!({ "d": "OUTGOING", "s": "PENDING" })).await.at("connectionRequests.nodes"),
        &json!([])
    );
    let ignored = ben.ask(REQUESTS, json!({ "d": "INCOMING", "s": "IGNORED" })).await;
    assert_eq!(ignored.at("connectionRequests.nodes.0.status"), "IGNORED");
    let anew = ann.must("requestConnection", &ben.id()).await;
    assert_ne!(anew.request.as_deref(), Some(request.as_str()));
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawing_an_ignored_request_starts_the_cool_down() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("ignoreConnectionRequest", &request).await;
    let withdrawn = ann.does("withdrawConnectionRequest", &request).await;
    assert_eq!((withdrawn.said(), withdrawn.request_status.as_deref()), ("APPLIED", Some("WITHDRAWN")));
    assert_eq!(ann.relationship(&ben).await["connection"], "NONE");
    assert!(!ann.relationship(&ben).await["availableActions"].to_string().contains("REQUEST_CONNECTION"));
    assert_eq!(ann.does("requestConnection", &ben.id()).await.said(), "REQUEST_COOLDOWN");
    // The person who ignored the request may send one, which ends the cool-down.
    let back = ben.asks(&ann).await;
    ben.must("withdrawConnectionRequest", &back).await;
    assert_eq!(ann.does("requestConnection", &ben.id()).await.said(), "APPLIED");
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cool_down_ends_to_the_second() {
    let app = TestApp::with(1, &[("RAPPORT_REQUEST_COOL_DOWN", "1h")]).await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("ignoreConnectionRequest", &request).await;
    ann.must("withdrawConnectionRequest", &request).await;
    app.clock.advance(Duration::seconds(3_598));
    let ask = "mutation($id: ID!) { requestConnection(input: { userId: $id }) { userErrors { code retryAfter } } }";
    let refused = ann.ask(ask, serde_json::json!({ "id": ben.id() })).await;
    let expected = serde_json::json!([{ "code": "REQUEST_COOLDOWN", "retryAfter": 86_400 }]);
    assert_eq!(refused.at("requestConnection.userErrors"), &expected);
    app.clock.advance(Duration::seconds(1));
    assert_eq!(ann.does("requestConnection", &ben.id()).await.said(), "REQUEST_COOLDOWN");
    app.clock.advance(Duration::seconds(1));
    assert_eq!(ann.does("requestConnection", &ben.id()).await.said(), "APPLIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_who_ignored_a_request_may_send_their_own() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let ignored = ann.asks(&ben).await;
    ben.must("ignoreConnectionRequest", &ignored).await;
    let back = ben.must("requestConnection", &ann.id()).await;
    assert_eq!(back.outcome, "APPLIED");
    assert_eq!(ann.relationship(&ben).await["connection"], "REQUEST_RECEIVED");
    assert!(ann.list("OUTGOING_REQUESTS").await.is_empty());
    assert_eq!(ann.list("INCOMING_REQUESTS").await, ["ben"]);
    assert_eq!(ann.must("requestConnection", &ben.id()).await.outcome, "CONNECTED_BY_MUTUAL_REQUEST");
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_closes_requests_for_good() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("blockUser", &ann.id()).await;
    assert_eq!(ben.does("acceptConnectionRequest", &request).await.said(), "NOT_PENDING");
    ben.must("unblockUser", &ann.id()).await;
    assert_eq!(ben.does("acceptConnectionRequest", &request).await.said(), "NOT_PENDING");
    assert_eq!(ben.ask(REQUESTS, json!({ "d": "INCOMING" })).await.at("connectionRequests.nodes.0.status"), "CLOSED");
    assert_eq!(ann.ask(REQUESTS, json!({ "d": "OUTGOING" })).await.at("connectionRequests.nodes.0.status"), "PENDING");
    assert_eq!(
        ann.ask(REQUESTS, json!({ "d": "OUTGOING" })).await.body["data"]["connectionRequests"]["nodes"][0]["decidedAt"],
        Value::Null
    );
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requesters_block_looks_like_a_withdrawal_to_the_recipient() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ann.must("blockUser", &ben.id()).await;
    assert_eq!(
        ben.ask(REQUESTS, json!({ "d": "INCOMING" })).await.at("connectionRequests.nodes.0.status"),
        "WITHDRAWN"
    );
    assert_eq!(ann.ask(REQUESTS, json!({ "d": "OUTGOING" })).await.at("connectionRequests.nodes.0.status"), "CLOSED");
    assert_eq!(ben.does("acceptConnectionRequest", &request).await.said(), "NOT_PENDING");
}

#[tokio::test(flavor = "multi_thread")]
async fn audiences_allow_everyone_people_with_mutual_connections_or_nobody() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    let request = ben.asks(&ann).await;
    ann.must("acceptConnectionRequest", &request).await;
    let request = cem.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;

    ann.admits("MUTUAL", "MUTUAL").await;
    assert!(cem.relationship(&ann).await["availableActions"].to_string().contains("REQUEST_CONNECTION"));
    assert!(!dia.relationship(&ann).await["availableActions"].to_string().contains("REQUEST_CONNECTION"));
    assert_eq!(dia.does("requestConnection", &ann.id()).await.said(), "REQUESTS_DISABLED");
    assert_eq!(dia.does("followUser", &ann.id()).await.said(), "NOT_ALLOWED");
    assert_eq!(cem.does("followUser", &ann.id()).await.said(), "APPLIED");
    assert_eq!(ben.does("followUser", &ann.id()).await.said(), "APPLIED", "a connection is admitted");
    assert_eq!(cem.does("requestConnection", &ann.id()).await.said(), "APPLIED");

    ann.admits("NOBODY", "NOBODY").await;
    assert_eq!(dia.does("requestConnection", &ann.id()).await.said(), "REQUESTS_DISABLED");
    assert_eq!(ben.does("followUser", &ann.id()).await.said(), "NO_CHANGE", "who follows already stays");
    ben.must("unfollowUser", &ann.id()).await;
    assert_eq!(ben.does("followUser", &ann.id()).await.said(), "NOT_ALLOWED");
    // A person who received a request may always send one back.
    ann.asks(&dia).await;
    assert_eq!(dia.does("requestConnection", &ann.id()).await.said(), "CONNECTED_BY_MUTUAL_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_follows_are_independent() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    ann.must("followUser", &ben.id()).await;
    let request = ann.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;
    ann.must("disconnect", &ben.id()).await;
    let left = ann.relationship(&ben).await;
    assert_eq!(
        (&left["connection"], &left["following"], &left["followedBy"]),
        (&json!("NONE"), &json!(true), &json!(false))
    );
    let anew = ann.must("requestConnection", &ben.id()).await;
    assert_ne!(anew.request, Some(request), "after a disconnect a request is a new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_the_sizes_of_the_lists() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia, eva, fay] = app.people(["ann", "ben", "cem", "dia", "eva", "fay"]).await;
    let request = ben.asks(&ann).await;
    ann.must("acceptConnectionRequest", &request).await;
    ann.must("followUser", &cem.id()).await;
    ann.must("followUser", &dia.id()).await;
    cem.must("followUser", &ann.id()).await;
    dia.asks(&ann).await;
    ann.asks(&eva).await;
    ann.must("blockUser", &fay.id()).await;
    let counts = ann.counts().await;
    let lists = [
        ("CONNECTIONS", "connections", vec!["ben"]),
        ("FOLLOWING", "following", vec!["cem", "dia"]),
        ("FOLLOWERS", "followers", vec!["cem"]),
        ("INCOMING_REQUESTS", "incomingRequests", vec!["dia"]),
        ("OUTGOING_REQUESTS", "outgoingRequests", vec!["eva"]),
        ("BLOCKED", "blocked", vec!["fay"]),
    ];
    for (list, count, people) in lists {
        assert_eq!(ann.list(list).await, people, "{list}");
        assert_eq!(counts[count], people.len(), "{count}");
    }
    assert_eq!(ann.list("ALL").await, ["ann", "ben", "cem", "dia", "eva", "fay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_changes_a_persons_position_in_all_lists_and_in_the_search() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    for other in [&ben, &cem] {
        ann.must("followUser", &other.id()).await;
    }
    assert_eq!(ann.list("FOLLOWING").await, ["ben", "cem"]);
    let rename = "mutation { updateProfile(input: { displayName: \"Zoë Žižek\", familyName: \"Žižek\", givenName: \"Zoë\", title: \"Poet\" }) \
                  { user { displayName sortHeading title name { family } } userErrors { code } } }";
    let renamed = ben.ask(rename, Value::Null).await;
    assert_eq!(renamed.at("updateProfile.user.sortHeading"), "Z");
    assert_eq!(ann.list("FOLLOWING").await, ["cem", "ben"]);
    let search = "query($q: String!) { contacts(search: $q) { totalCount nodes { displayName } } }";
    for (words, found) in
        [("zizek", 1), ("ŽIŽ zoe", 1), ("ize", 1), ("z", 1), ("ben", 1), ("nobody", 0), ("%", 0), ("i", 0)]
    {
        let answer = ann.ask(search, json!({ "q": words })).await;
        assert_eq!(answer.at("contacts.totalCount"), found, "{words}");
    }
    // Omitted fields keep their values, and null clears a field.
    let partly = ben
        .ask(
            "mutation { updateProfile(input: { organization: \"Ljubljana\" }) { user { title organization } } }",
            Value::Null,
        )
        .await;
    assert_eq!(partly.at("updateProfile.user"), &json!({ "title": "Poet", "organization": "Ljubljana" }));
    let emptied = ben
        .ask("mutation { updateProfile(input: { title: null }) { user { title organization } } }", Value::Null)
        .await;
    assert_eq!(emptied.at("updateProfile.user"), &json!({ "title": null, "organization": "Ljubljana" }));
    let refused = ben
        .ask(
            "mutation { updateProfile(input: { displayName: null }) { user { id } userErrors { code field } } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        refused.at("updateProfile.userErrors"),
        &json!([{ "code": "REQUIRED", "field": ["input", "displayName"] }])
    );
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn korean_and_japanese_names_are_found_by_two_characters() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    for (handle, name) in [("kim", "김철수"), ("sato", "佐藤 さくら"), ("mori", "モリ アヤ")] {
        app.person_with(handle, name, api::auth::viewer::Scopes::all()).await;
    }
    let search = "query($q: String!) { contacts(search: $q) { nodes { ... on User { handle } } } }";
    for (words, handle) in
        [("철수", "kim"), ("김", "kim"), ("佐藤", "sato"), ("サク", "sato"), ("もり", "mori"), ("ｱﾔ", "mori")]
    {
        let answer = ann.ask(search, json!({ "q": words })).await;
        assert_eq!(answer.at("contacts.nodes"), &json!([{ "handle": handle }]), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_limits() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let ask = "mutation($id: ID!, $m: String) { requestConnection(input: { userId: $id, message: $m }) \
               { request { message } userErrors { code field } } }";
    for message in ["x".repeat(501), "a\u{1}b".to_owned(), "bell\u{7}".to_owned()] {
        let answer = ann.ask(ask, json!({ "id": ben.id(), "m": message })).await;
        assert_eq!(
            answer.at("requestConnection.userErrors"),
            &json!([{ "code": "INVALID", "field": ["input", "message"] }])
        );
    }
    let kept = "안녕하세요 ☃\nsecond line";
    let answer = ann.ask(ask, json!({ "id": ben.id(), "m": kept })).await;
    assert_eq!(answer.text("requestConnection.request.message"), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_a_new_name_is_found_and_the_old_one_is_not() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let search = "query($q: String!) { contacts(search: $q) { totalCount } }";
    for (given, other) in [("Wilhelmina", "Xanthippe"), ("Xanthippe", "Wilhelmina")] {
        let rename = "mutation($n: String) { updateProfile(input: { givenName: $n }) { userErrors { code } } }";
        assert_eq!(ann.ask(rename, json!({ "n": given })).await.at("updateProfile.userErrors"), &json!([]));
        assert_eq!(ann.ask(search, json!({ "q": given })).await.at("contacts.totalCount"), 1, "{given}");
        assert_eq!(ann.ask(search, json!({ "q": other })).await.at("contacts.totalCount"), 0, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_a_deactivated_user_still_names_them() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    set_status(&app, "ann", UserStatus::Deactivated).await;
    let query = "query($id: ID!) { connectionRequests { totalCount } node(id: $id) { ... on ConnectionRequest { requester { handle } } } }";
    let answer = ben.ask(query, json!({ "id": request })).await;
    assert_eq!(answer.at("node.requester.handle"), "ann");
    assert_eq!(answer.at("connectionRequests.totalCount"), 0, "in no list");
}
