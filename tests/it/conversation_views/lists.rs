//! Tests of lists of conversations: their order, their filters and their cost.

use entity::{channel::Channel, participant::ParticipantRole};
use serde_json::{Value, json};

use super::READ;
use crate::support::{Expected as _, app::TestApp, person::Person, plans};

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_the_newest_first_and_apply_filters() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let sue = app.supervisor("sue").await;
    let mut chats = Vec::new();
    for (number, channel) in
        [Channel::Webchat, Channel::Sms, Channel::Webchat, Channel::Email, Channel::Sms].into_iter().enumerate()
    {
        app.clock.advance(chrono::Duration::seconds(1));
        let chat = app.chat(channel, &format!("kim{number}")).await;
        if number % 2 == 0 {
            app.answers(&chat, &ann, ParticipantRole::Owner).await;
        } else {
            app.serves(&chat, &ann).await;
        }
        chats.push(chat);
    }
    app.clock.advance(chrono::Duration::seconds(1));
    app.arrives(&chats[1], "back again").await;
    app.ends(&chats[2]).await;
    let list = async |by: &Person, filter: Value| {
        let query = "query($f: ConversationFilter, $a: String) { conversations(filter: $f, first: 2, after: $a) { nodes { id } pageInfo { hasNextPage endCursor } } }";
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer = by.ask(query, json!({ "f": filter, "a": after })).await;
            for node in answer.at("conversations.nodes").as_array().into_iter().flatten() {
                found.push(chats.iter().position(|chat| node["id"] == chat.id()).expected("a conversation"));
            }
            if answer.at("conversations.pageInfo.hasNextPage") == false {
                return found;
            }
            after = answer.at("conversations.pageInfo.endCursor").clone();
        }
    };
    for person in [&ann, &sue] {
        assert_eq!(list(person, Value::Null).await, [1, 4, 3, 2, 0], "{}", person.handle);
        assert_eq!(list(person, json!({ "status": "CLOSED" })).await, [2]);
        assert_eq!(list(person, json!({ "channels": ["SMS"] })).await, [1, 4]);
        assert_eq!(list(person, json!({ "customerId": chats[3].customer.to_string() })).await, [3]);
        assert_eq!(list(person, json!({ "kind": "DIRECT" })).await, [0_usize; 0]);
    }
    assert_eq!(list(&ann, json!({ "mine": true })).await, [4, 0]);
    assert_eq!(list(&sue, json!({ "mine": true })).await, [0_usize; 0]);
    let bad = ann.ask("{ conversations(filter: { customerId: \"x\" }) { nodes { id } } }", Value::Null).await;
    assert_eq!(bad.code(), "BAD_USER_INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_take_a_fixed_number_of_statements_and_scan_no_table() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let ann = app.agent("ann").await;
    let sue = app.supervisor("sue").await;
    let whole = "{ conversations(first: 20) { nodes { id status unreadCount streamCursor customer { displayName identities { address } } \
                 replyCapability { open } participants { readUpTo actor { displayName } } \
                 items(last: 5) { nodes { sequence ... on Message { status direction clientMessageId author { displayName } \
                 replyTo { body author { displayName } } receipts { state participant { displayName } } } } } } } }";
    let mut taken: Vec<Vec<usize>> = Vec::new();
    let mut chats = Vec::new();
    for round in 0..3 {
        for number in 0..3 {
            let chat = app.chat(Channel::Webchat, &format!("kim{round}.{number}")).await;
            app.answers(&chat, &ann, ParticipantRole::Owner).await;
            let first = chat.visitor.sends(0, &chat.id(), "1", "Hi").await["message"]["id"].clone();
            let reply = json!({ "c": chat.id(), "m": "2", "b": "Hello", "r": first });
            ann.ask(crate::support::conversations::SEND, reply).await.at("sent.message");
            chat.visitor.ask(READ, json!({ "c": chat.id(), "to": 3 })).await.at("done");
            ann.ask(READ, json!({ "c": chat.id(), "to": 3 })).await.at("done");
            chats.push(chat);
        }
        let mut counts = Vec::new();
        for person in [&ann, &sue] {
            app.statements();
            person.ask(whole, Value::Null).await.at("conversations");
            let statements = app.statements();
            counts.push(statements.len());
            if round == 2 {
                for statement in &statements {
                    let plan = plans::explain(app.app(), statement, true).await;
                    assert_eq!(plans::scans(&plan), Vec::<&str>::new(), "{}\n{plan}", statement.sql);
                }
            }
        }
        taken.push(counts);
    }
    // Loads of different depths may share a statement or not, depending on their timing. The length of the list adds
    // none.
    assert!(taken.iter().flatten().all(|count| *count <= 20), "{taken:?}");
    app.statements();
    ann.sends(0, &chats[0].id(), "cost", "Hello").await;
    assert!(app.statements().len() <= 16);
}
