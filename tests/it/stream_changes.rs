//! Tests of `changes` in payloads: they name exactly the events that the call added to the streams that its caller may
//! follow, and nothing of other people's streams.

use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    graphql::Client,
    person::Person,
    visitors::{accepted_chat, message, start},
};

const CHANGES: &str = "changes { stream subjectId firstSequence lastSequence cursor } userErrors { code }";

async fn changes(client: &Client, mutation: &str, input: Value) -> Vec<Value> {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!("mutation($input: {kind}!) {{ done: {mutation}(input: $input) {{ {CHANGES} }} }}");
    let answer = client.ask(&query, json!({ "input": input })).await;
    assert_eq!(answer.at("done.userErrors"), &json!([]), "{mutation}");
    answer.at("done.changes").as_array().cloned().unwrap_or_default()
}

/// Returns the names of the streams that grew, in order.
fn streams(changes: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = changes.iter().filter_map(|change| change["stream"].as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_changes_of_a_call_are_its_own_events_in_each_stream() {
    let app = TestApp::two().await;
    let [jane, richard] = app.people(["jane", "richard"]).await;
    let mut socket = jane.socket(0).await;
    let contacts = "subscription { event: contacts { __typename ... on ContactAdded { sequence cursor } } }";
    socket.subscribe("1", contacts, Value::Null).await;
    assert_eq!(socket.event().await.expected("the first event")["__typename"], "SubscriptionStarted");
    richard.must("followUser", &jane.id()).await;
    let theirs = socket.event().await.expected("an event");
    let made = changes(&jane.clients[0], "followUser", json!({ "userId": richard.id() })).await;
    assert_eq!(streams(&made), ["CONTACTS"], "nothing of Richard's streams: {made:?}");
    let event = socket.event().await.expected("an event");
    assert!(event["sequence"].as_i64() > theirs["sequence"].as_i64());
    assert_eq!(
        (&made[0]["firstSequence"], &made[0]["lastSequence"], &made[0]["cursor"]),
        (&event["sequence"], &event["sequence"], &event["cursor"])
    );
    assert_eq!(changes(&jane.clients[0], "followUser", json!({ "userId": richard.id() })).await, [] as [Value; 0]);
    // Two calls of one document have their own changes.
    let both = format!(
        "mutation($r: ID!) {{ a: unfollowUser(input: {{ userId: $r }}) {{ {CHANGES} }} b: saveNote(input: {{ userId: $r, text: \"x\" }}) {{ {CHANGES} }} }}"
    );
    let both = jane.ask(&both, json!({ "r": richard.id() })).await;
    assert_eq!((both.at("a.changes.0.stream"), both.at("b.changes")), (&json!("CONTACTS"), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_of_a_chat_learn_the_position_of_their_own_message() {
    let chat = accepted_chat().await;
    let input = json!({ "conversationId": chat.conversation, "clientMessageId": "own", "body": "Hello" });
    for client in [&chat.visitor, &chat.sue.clients[1 % chat.sue.clients.len()]] {
        let made = changes(client, "sendMessage", input.clone()).await;
        let own: Vec<&Value> = made.iter().filter(|change| change["stream"] == "CONVERSATION_EVENTS").collect();
        assert_eq!(own.len(), 1, "each side has one stream: {made:?}");
        assert_eq!(own[0]["subjectId"], json!(chat.conversation));
        let cursor = "query($id: ID!) { conversation(id: $id) { streamCursor } }";
        let cursor = client.ask(cursor, json!({ "id": chat.conversation })).await;
        assert_eq!(own[0]["cursor"], *cursor.at("conversation.streamCursor"));
        assert!(made.iter().all(|change| change["stream"] != "QUEUE_EVENTS"), "only supervisors follow queues");
    }
    // A new visitor has no stream before the call, and follows the chat from its changes.
    let begun = start(&chat.app.anonymous(), &chat.support.entry_point, message("1", "Hello")).await;
    assert!(!begun.text("startWebChat.conversation.id").is_empty());
}

/// Withdraws a request. Returns the changes without their cursors.
async fn withdraws(seeker: &Person, target: &Person, before: impl AsyncFnOnce()) -> Value {
    let request = seeker.asks(target).await;
    before().await;
    let mut made = changes(&seeker.clients[0], "withdrawConnectionRequest", json!({ "requestId": request })).await;
    for change in &mut made {
        change["cursor"] = Value::Null;
    }
    json!(made)
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_do_not_reveal_a_block() {
    let app = TestApp::new().await;
    let [one, two, blocker, other] = app.people(["one", "two", "blocker", "other"]).await;
    let blocked = withdraws(&one, &blocker, async || {
        blocker.must("blockUser", &one.id()).await;
    })
    .await;
    let open = withdraws(&two, &other, async || {}).await;
    assert_eq!(blocked, open);
}
