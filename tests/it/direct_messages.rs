//! Tests of conversations between two connected users. The end of the connection closes the conversation, and a block
//! looks like any other end.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, consistency, conversations::code, person::Person};

const START: &str = include_str!("operations/direct_messages/start.graphql");
const READ: &str = include_str!("operations/direct_messages/read.graphql");
const LOOK: &str = include_str!("operations/direct_messages/look.graphql");

async fn start(by: &Person, other: &Person) -> Value {
    by.ask(START, json!({ "u": other.id() })).await.at("started").clone()
}

async fn connect(one: &Person, other: &Person) {
    let request = one.asks(other).await;
    other.must("acceptConnectionRequest", &request).await;
}

async fn direct_conversation(one: &Person, other: &Person) -> String {
    connect(one, other).await;
    start(one, other).await["conversation"]["id"].as_str().expected("a conversation").to_owned()
}

async fn messages_told(person: &Person) -> Vec<bool> {
    let query =
        "{ notifications(kind: MESSAGE) { nodes { readAt conversation { id } actor { ... on User { handle } } } } }";
    let answer = person.ask(query, Value::Null).await;
    let nodes = answer.at("notifications.nodes").as_array().cloned().unwrap_or_default();
    assert!(nodes.iter().all(|node| node["conversation"]["id"].is_string()), "{nodes:?}");
    nodes.iter().map(|node| node["readAt"].is_null()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_has_one_conversation_whichever_side_starts_it_and_however_often() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    connect(&ann, &ben).await;
    assert!(ann.relationship(&ben).await["availableActions"].to_string().contains("MESSAGE"));
    let started = join_all((0..20).map(|turn| {
        let (by, other) = if turn % 2 == 0 { (&ann, &ben) } else { (&ben, &ann) };
        let variables = json!({ "u": other.id() });
        async move { by.clients[turn / 2 % by.clients.len()].ask(START, variables).await.at("started").clone() }
    }))
    .await;
    assert_eq!(started.iter().filter(|one| one["outcome"] == "APPLIED").count(), 1, "{started:?}");
    assert!(started.iter().all(|one| one["conversation"]["id"] == started[0]["conversation"]["id"]));
    let id = started[0]["conversation"]["id"].as_str().expected("an id").to_owned();
    assert_eq!(code(&ann.sends(0, &id, "1", "Lunch?").await), "");
    assert_eq!(code(&ben.sends(1, &id, "1", "Yes").await), "");
    let seen = ann.ask(LOOK, json!({ "c": id })).await;
    let directions: Vec<&Value> =
        seen.at("conversation.items.nodes").as_array().into_iter().flatten().map(|node| &node["direction"]).collect();
    assert_eq!(directions, ["OUTBOUND", "INBOUND"]);
    assert_eq!(
        seen.at("conversation.replyCapability"),
        &json!({ "open": true, "reason": null, "characterLimit": 4_096, "formats": ["PLAIN", "MARKDOWN"] })
    );
    assert_eq!(code(&ann.sends(0, &id, "2", &"x".repeat(4_097)).await), "TOO_LONG");
    // No other user sees the conversation, whatever their role.
    let (cem, sue) = (app.person("cem").await, app.supervisor("sue").await);
    for other in [&cem, &sue] {
        assert_eq!(other.ask(LOOK, json!({ "c": id })).await.body["data"]["conversation"], Value::Null);
        assert_eq!(code(&other.sends(0, &id, "1", "x").await), "NOT_FOUND");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_connected_people_start_a_conversation() {
    let app = TestApp::new().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    assert_eq!(code(&start(&ann, &ann).await), "CANNOT_TARGET_SELF");
    assert_eq!(code(&start(&ann, &ben).await), "NOT_ALLOWED");
    ann.must("followUser", &ben.id()).await;
    ann.asks(&ben).await;
    assert_eq!(code(&start(&ann, &ben).await), "NOT_ALLOWED");
    ann.must("blockUser", &cem.id()).await;
    assert_eq!(code(&start(&ann, &cem).await), "BLOCKED_BY_VIEWER");
    // A block answers like an unknown relationship.
    assert_eq!(start(&cem, &ann).await, start(&cem, &dia).await);
    let unknown = ann.ask(START, json!({ "u": "user_01m7xnapkeess9yf3kt8ay0ya3" })).await;
    assert_eq!(code(unknown.at("started")), "NOT_FOUND");
    assert_eq!(ann.ask(START, json!({ "u": "x" })).await.at("started.userErrors.0.code"), "NOT_FOUND");
    assert!(!ann.relationship(&ben).await["availableActions"].to_string().contains("MESSAGE"));
}

/// Returns a person's view of a conversation, without ids and times.
async fn look(by: &Person, other: &Person, id: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut answer = by.ask(LOOK, json!({ "c": id })).await.body;
    for participant in answer["data"]["conversation"]["participants"].as_array_mut().into_iter().flatten() {
        participant["leftAt"] = json!(participant["leftAt"].is_string());
    }
    seen.push(answer);
    seen.push(by.sends(0, id, "new", "are you there?").await);
    seen.push(by.sends(0, id, "1", "Lunch?").await["replayed"].clone());
    seen.push(start(by, other).await);
    seen.push(
        by.ask(
            "query($u: ID!) { user(id: $u) { relationship { connection availableActions } } }",
            json!({ "u": other.id() }),
        )
        .await
        .body,
    );
    let typing = "mutation($c: ID!) { setTyping(input: { conversationId: $c, typing: true }) { outcome userErrors { code message } } }";
    seen.push(by.ask(typing, json!({ "c": id })).await.body);
    let read = by.ask(READ, json!({ "c": id })).await.body;
    seen.push(read);
    let text =
        json!(seen).to_string().replace(&other.handle, "OTHER").replace(&other.id(), "OTHER").replace(&by.handle, "ME");
    vec![serde_json::from_str(&text).expected("JSON")]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_closes_the_conversation_as_disconnecting_does() {
    let app = TestApp::new().await;
    let [one, two, blocker, leaver] = app.people(["seeker.one", "seeker.two", "target.one", "target.two"]).await;
    let mut ids = Vec::new();
    let mut sockets = Vec::new();
    for (seeker, target) in [(&one, &blocker), (&two, &leaver)] {
        let id = direct_conversation(seeker, target).await;
        assert_eq!(code(&seeker.sends(0, &id, "1", "Lunch?").await), "");
        assert_eq!(code(&target.sends(0, &id, "1", "Yes").await), "");
        let mut socket = seeker.socket(0).await;
        socket.follow_conversation(&id, None).await;
        ids.push(id);
        sockets.push(socket);
    }
    blocker.must("blockUser", &one.id()).await;
    leaver.admits("NOBODY", "NOBODY").await;
    leaver.must("disconnect", &two.id()).await;
    // The live stream reports that both leave, in their order, and nothing else.
    let mut told = Vec::new();
    for socket in &mut sockets {
        let mut events = Vec::new();
        for _ in 0..2 {
            let event = socket.event().await.expected("an event");
            events.push(json!([event["__typename"], event["sequence"], event["participant"]["leftAt"].is_string()]));
        }
        told.push(events);
    }
    assert_eq!(told[0], told[1]);
    let (of_one, of_two) = (look(&one, &blocker, &ids[0]).await, look(&two, &leaver, &ids[1]).await);
    assert_eq!(of_one, of_two);
    let seen = one.ask(LOOK, json!({ "c": ids[0] })).await;
    assert_eq!(seen.at("conversation.status"), "CLOSED");
    assert_eq!(seen.at("conversation.replyCapability.reason"), "CONVERSATION_ENDED");
    assert_eq!(seen.at("conversation.items.nodes").as_array().map(Vec::len), Some(2), "what was said stays");
    assert_eq!(code(&one.sends(0, &ids[0], "x", "x").await), "CONVERSATION_ENDED");
    // A repeated call still returns the message that was sent before.
    assert_eq!(one.sends(0, &ids[0], "1", "Lunch?").await["replayed"], true);
    // The blocker gets no notification.
    assert!(messages_told(&blocker).await.is_empty());
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_again_reopens_the_same_conversation() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let id = direct_conversation(&ann, &ben).await;
    ann.sends(0, &id, "1", "Lunch?").await;
    ben.must("disconnect", &ann.id()).await;
    assert_eq!(code(&start(&ann, &ben).await), "NOT_ALLOWED");
    connect(&ben, &ann).await;
    assert_eq!(
        code(&ann.sends(0, &id, "2", "Hello again").await),
        "CONVERSATION_ENDED",
        "it is opened by whoever wants to"
    );
    let again = start(&ben, &ann).await;
    assert_eq!(
        (&again["conversation"]["id"], &again["outcome"], &again["conversation"]["status"]),
        (&json!(id), &json!("APPLIED"), &json!("OPEN"))
    );
    let sent = ann.sends(0, &id, "2", "Hello again").await;
    assert_eq!((code(&sent), &sent["message"]["sequence"]), ("", &json!(2)));
    ben.must("blockUser", &ann.id()).await;
    ben.must("unblockUser", &ann.id()).await;
    assert_eq!(code(&ben.sends(0, &id, "1", "x").await), "CONVERSATION_ENDED", "nothing that a block ended comes back");
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_messages_cause_one_notification_until_they_are_read() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let id = direct_conversation(&ann, &ben).await;
    for number in 0..3 {
        ann.sends(0, &id, &number.to_string(), "Hello").await;
    }
    assert_eq!(messages_told(&ben).await, [true]);
    assert!(messages_told(&ann).await.is_empty());
    assert_eq!(
        ben.ask("{ viewer { unread { notifications } } }", Value::Null).await.at("viewer.unread.notifications"),
        1
    );
    assert_eq!(ben.ask(READ, json!({ "c": id })).await.at("markConversationRead.outcome"), "APPLIED");
    assert_eq!(messages_told(&ben).await, [false]);
    ann.sends(0, &id, "again", "Hello").await;
    assert_eq!(messages_told(&ben).await, [true], "one of each conversation");
    // Muted people and disabled kinds cause no notifications. The messages still arrive.
    ben.ask(READ, json!({ "c": id })).await.at("");
    let mute = "mutation($id: ID!) { muteUser(input: { userId: $id }) { outcome } }";
    ben.ask(mute, json!({ "id": ann.id() })).await.at("");
    ann.sends(0, &id, "muted", "Hello").await;
    assert_eq!(messages_told(&ben).await, [false]);
    ben.must("unmuteUser", &ann.id()).await;
    let update = "mutation { updateNotificationPreferences(input: { preferences: [{ kind: MESSAGE, inApp: false }] }) { userErrors { code } } }";
    ben.ask(update, Value::Null).await.at("");
    ann.sends(0, &id, "off", "Hello").await;
    assert_eq!(messages_told(&ben).await, [false]);
    assert_eq!(ben.ask(LOOK, json!({ "c": id })).await.at("conversation.unreadCount"), 2);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_to_a_suspended_user() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let id = direct_conversation(&ann, &ben).await;
    let suspend = "mutation($id: ID!) { suspendUser(input: { userId: $id }) { userErrors { code } } }";
    ada.ask(suspend, json!({ "id": ben.id() })).await.at("");
    assert_eq!(code(&ann.sends(0, &id, "1", "Hello?").await), "NOT_ALLOWED");
    assert_eq!(ann.ask(LOOK, json!({ "c": id })).await.at("conversation.replyCapability.reason"), "NOT_ALLOWED");
    assert_eq!(code(&start(&ann, &ben).await), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_accepted_after_an_acknowledged_block() {
    let app = TestApp::two().await;
    for round in 0..crate::support::rounds(6).min(40) {
        let (ann, ben) = (app.person(&format!("ann{round}")).await, app.person(&format!("ben{round}")).await);
        let id = &direct_conversation(&ann, &ben).await;
        let writing = join_all((0..6).map(|turn| {
            let by = if turn % 2 == 0 { &ann } else { &ben };
            async move { by.sends(turn, id, &turn.to_string(), "Hello").await }
        }));
        let ann_id = ann.id();
        let (sent, blocked) = futures_util::future::join(writing, ben.does_on(1, "blockUser", &ann_id)).await;
        assert_eq!(blocked.outcome, "APPLIED");
        for one in &sent {
            assert!(["", "CONVERSATION_ENDED"].contains(&code(one)), "{one}");
        }
        let accepted = sent.iter().filter(|one| code(one).is_empty()).count();
        let held = ann.ask(LOOK, json!({ "c": id })).await;
        assert_eq!(held.at("conversation.status"), "CLOSED");
        assert_eq!(held.at("conversation.items.nodes").as_array().map(Vec::len), Some(accepted));
        assert_eq!(code(&ben.sends(0, id, "late", "x").await), "CONVERSATION_ENDED");
    }
    consistency::check(&app.database).await;
}
