//! Tests of deleted messages and replies: their effect on notifications and unread counts.

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, conversations::code, person::Person};

const START: &str =
    "mutation($u: ID!) { done: startDirectConversation(input: { userId: $u }) { conversation { id } } }";
const DELETE: &str =
    "mutation($m: ID!) { done: deleteMessage(input: { messageId: $m }) { outcome userErrors { code } } }";
const READ: &str = include_str!("operations/deleted_messages/read.graphql");

async fn direct_conversation(one: &Person, other: &Person) -> String {
    let request = one.asks(other).await;
    other.must("acceptConnectionRequest", &request).await;
    one.ask(START, json!({ "u": other.id() })).await.text("done.conversation.id").to_owned()
}

async fn says(person: &Person, conversation: &str, id: &str) -> String {
    let sent = person.sends(0, conversation, id, &format!("Message {id}")).await;
    assert_eq!(code(&sent), "");
    sent["message"]["id"].as_str().expected("a message").to_owned()
}

/// Returns the number of message notifications and the number of unread messages of a person.
async fn told(person: &Person, conversation: &str) -> (usize, i64) {
    let query = "query($c: ID!) { notifications(kind: MESSAGE) { nodes { id } } conversation(id: $c) { unreadCount } }";
    let answer = person.ask(query, json!({ "c": conversation })).await;
    let notices = answer.at("notifications.nodes").as_array().map_or(0, Vec::len);
    (notices, answer.at("conversation.unreadCount").as_i64().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_last_unread_message_removes_its_notification() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let conversation = direct_conversation(&ann, &ben).await;
    let mut messages = Vec::new();
    for id in ["1", "2", "3"] {
        messages.push(says(&ann, &conversation, id).await);
    }
    assert_eq!(told(&ben, &conversation).await, (1, 3));
    for (message, left) in messages.iter().zip([(1, 2), (1, 1), (0, 0)]) {
        assert_eq!(ann.ask(DELETE, json!({ "m": message })).await.at("done.userErrors"), &json!([]));
        assert_eq!(told(&ben, &conversation).await, left);
    }
    // Notifications of messages that were read stay. Only unread messages count.
    let first = says(&ann, &conversation, "4").await;
    ben.ask(READ, json!({ "c": conversation, "n": 100 })).await.at("done");
    let second = says(&ann, &conversation, "5").await;
    assert_eq!(told(&ben, &conversation).await, (1, 1));
    ann.ask(DELETE, json!({ "m": first })).await.at("done");
    assert_eq!(told(&ben, &conversation).await, (1, 1));
    ann.ask(DELETE, json!({ "m": second })).await.at("done");
    assert_eq!(told(&ben, &conversation).await, (0, 0));
    // Deleting an unread message removes no notification of a message that was read.
    let third = says(&ann, &conversation, "6").await;
    ben.ask(READ, json!({ "c": conversation, "n": 100 })).await.at("done");
    ann.ask(DELETE, json!({ "m": third })).await.at("done");
    assert_eq!(told(&ben, &conversation).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_a_message_marks_earlier_messages_as_read() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let conversation = direct_conversation(&ann, &ben).await;
    let message = says(&ann, &conversation, "1").await;
    says(&ann, &conversation, "2").await;
    assert_eq!(told(&ben, &conversation).await, (1, 2));
    says(&ben, &conversation, "1").await;
    assert_eq!(told(&ben, &conversation).await.1, 0);
    let query = "{ notifications(kind: MESSAGE) { nodes { readAt } } }";
    assert!(ben.ask(query, Value::Null).await.at("notifications.nodes.0.readAt").is_string());
    let status = "query($m: ID!) { node(id: $m) { ... on Message { status } } }";
    assert_eq!(ann.ask(status, json!({ "m": message })).await.at("node.status"), "READ");
    assert_eq!(told(&ann, &conversation).await, (1, 1));
    says(&ann, &conversation, "3").await;
    assert_eq!((told(&ann, &conversation).await.1, told(&ben, &conversation).await.1), (0, 1));
    // A repeated answer marks nothing as read.
    says(&ben, &conversation, "1").await;
    assert_eq!(told(&ben, &conversation).await.1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_serves_customers_makes_an_agent_at_once() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let role = "mutation($id: ID!, $r: Role!) { done: setUserRole(input: { userId: $id, role: $r }) { outcome userErrors { code } } }";
    let query = "{ viewer { agentDesktop { agent { state } } } agents { nodes { user { handle } } } }";
    for (handle, becomes) in [("ann", "AGENT"), ("sue", "SUPERVISOR"), ("eve", "ADMIN")] {
        let person = app.person(handle).await;
        let is_agent = async || {
            let seen = app.known(handle).await.ask(query, Value::Null).await;
            let listed = app.known("ada").await.ask("{ agents { nodes { user { handle } } } }", Value::Null).await;
            let listed = listed.body["data"]["agents"]["nodes"].to_string().contains(&format!("\"{handle}\""));
            (listed, !seen.body["data"]["viewer"]["agentDesktop"].is_null())
        };
        assert_eq!(is_agent().await, (false, false), "{handle}");
        for (role_now, expected) in [(becomes, true), ("MEMBER", false), (becomes, true), (becomes, true)] {
            let done = ada.ask(role, json!({ "id": person.id(), "r": role_now })).await;
            assert_eq!(done.at("done.userErrors"), &json!([]));
            assert_eq!(is_agent().await, (expected, expected), "{handle} {role_now}");
        }
    }
}
