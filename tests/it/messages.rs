//! Tests of messages: the right to send, length limits, idempotent sending, edits, deletions, replies and notes.

use entity::{channel::Channel, participant::ParticipantRole};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    app::{Instance, TestApp},
    conversations::{SEND, code},
    graphql::{Answer, Client},
    person::Person,
};

async fn send(by: &Person, variables: Value) -> Value {
    by.ask(SEND, variables).await.at("sent").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_current_participants_send_messages() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = [app.agent("ann").await, app.agent("ben").await, app.agent("cem").await];
    let (sue, jane) = (app.supervisor("sue").await, app.person("jane").await);
    let chat = app.chat(Channel::Webchat, "kim").await;
    let other = app.chat(Channel::Webchat, "lee").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    app.answers(&chat, &ben, ParticipantRole::Joined).await;
    app.serves(&chat, &cem).await;
    app.leaves(&chat, &ben).await;
    assert_eq!(code(&ann.sends(0, &chat.id(), "1", "Hello").await), "");
    assert_eq!(code(&chat.visitor.sends(0, &chat.id(), "1", "Hi").await), "");
    // The former participant, the agent of the queue and the supervisor can see the conversation but not write. Others
    // cannot see it.
    for (person, refused) in
        [(&ben, "NOT_A_PARTICIPANT"), (&cem, "NOT_A_PARTICIPANT"), (&sue, "NOT_A_PARTICIPANT"), (&jane, "NOT_FOUND")]
    {
        assert_eq!(code(&person.sends(0, &chat.id(), "1", "x").await), refused, "{}", person.handle);
    }
    for id in [other.id(), "conv_x".to_owned(), ann.id(), String::new()] {
        assert_eq!(code(&chat.visitor.sends(0, &id, "2", "x").await), "NOT_FOUND", "{id}");
        assert_eq!(code(&ann.sends(0, &id, "2", "x").await), "NOT_FOUND", "{id}");
    }
    app.ends(&chat).await;
    assert_eq!(code(&chat.visitor.sends(0, &chat.id(), "2", "x").await), "CONVERSATION_ENDED");
    assert_eq!(code(&ann.sends(0, &chat.id(), "2", "x").await), "CONVERSATION_ENDED");
    let query = "query($id: ID!) { conversation(id: $id) { status replyCapability { open reason } } }";
    let seen = ann.ask(query, json!({ "id": chat.id() })).await;
    let closed = json!({ "status": "CLOSED", "replyCapability": { "open": false, "reason": "CONVERSATION_ENDED" } });
    assert_eq!(seen.at("conversation"), &closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_text_says_its_length_and_the_limit() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let send = "mutation($c: ID!, $b: String!) { sendMessage(input: { conversationId: $c, clientMessageId: \"1\", body: $b }) { \
                userErrors { code field limit actual } } }";
    let refused = ann.ask(send, json!({ "c": chat.id(), "b": "가".repeat(1_003) })).await;
    let expected = json!([{ "code": "TOO_LONG", "field": ["input", "body"], "limit": 1_000, "actual": 1_003 }]);
    assert_eq!(refused.at("sendMessage.userErrors"), &expected);
    let post = "mutation($t: String!) { postStatus(input: { text: $t }) { userErrors { code limit actual } } }";
    let refused = ann.ask(post, json!({ "t": "x".repeat(1_001) })).await;
    assert_eq!(refused.at("postStatus.userErrors"), &json!([{ "code": "TOO_LONG", "limit": 1_000, "actual": 1_001 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_must_respect_the_limits_of_its_channel() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    for (channel, limit, rich) in [
        (Channel::Webchat, Some(1_000), false),
        (Channel::Sms, Some(1_000), false),
        (Channel::Messenger, Some(1_000), true),
        (Channel::Whatsapp, Some(4_096), true),
        (Channel::Email, None, true),
    ] {
        let chat = app.chat(channel, "kim").await;
        app.answers(&chat, &ann, ParticipantRole::Owner).await;
        let id = chat.id();
        let query = "query($id: ID!) { conversation(id: $id) { replyCapability { open characterLimit formats } } }";
        let formats = if rich { json!(["PLAIN", "MARKDOWN"]) } else { json!(["PLAIN"]) };
        assert_eq!(
            ann.ask(query, json!({ "id": id })).await.at("conversation.replyCapability"),
            &json!({ "open": true, "characterLimit": limit, "formats": formats })
        );
        let most = limit.unwrap_or(32_768);
        // The limit counts Unicode scalar values, not bytes.
        assert_eq!(code(&ann.sends(0, &id, "just", &"😀".repeat(most)).await), "", "{channel:?}");
        assert_eq!(code(&ann.sends(0, &id, "over", &"😀".repeat(most + 1)).await), "TOO_LONG", "{channel:?}");
        for (client, body, refused) in
            [("1", "", "REQUIRED"), ("2", " \n\t ", "REQUIRED"), ("3", "a\u{7}b", "INVALID"), ("4", "a\n\tb\r\nc", "")]
        {
            assert_eq!(code(&ann.sends(0, &id, client, body).await), refused, "{body:?}");
        }
        let nul = ann.ask(SEND, json!({ "c": id, "m": "nul", "b": "a\u{0}" })).await;
        assert_eq!(nul.code(), "BAD_USER_INPUT");
        let markdown = send(&ann, json!({ "c": id, "m": "md", "b": "**b**", "f": "MARKDOWN" })).await;
        if rich {
            assert_eq!(markdown["message"]["html"], "<p><strong>b</strong></p>\n");
        } else {
            assert_eq!(
                markdown["userErrors"],
                json!([{ "code": "FORMAT_NOT_SUPPORTED", "field": ["input", "format"] }])
            );
        }
        let html = send(&ann, json!({ "c": id, "m": "html", "b": "<b>b</b>", "f": "HTML" })).await;
        assert_eq!(html["userErrors"], json!([{ "code": "FORMAT_NOT_SUPPORTED", "field": ["input", "format"] }]));
        for bad in ["", &"x".repeat(101), "a\nb"] {
            let sent = ann.sends(0, &id, bad, "x").await;
            let code = if bad.is_empty() { "REQUIRED" } else { "INVALID" };
            assert_eq!(sent["userErrors"], json!([{ "code": code, "field": ["input", "clientMessageId"] }]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_copies_of_one_message_create_one() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let id = &chat.id();
    let copies = join_all((0..50).map(|copy| ann.sends(copy, id, "once", "Hello"))).await;
    let replayed = copies.iter().filter(|sent| sent["replayed"] == true).count();
    assert_eq!(replayed, 49);
    assert!(copies.iter().all(|sent| sent["message"]["id"] == copies[0]["message"]["id"] && code(sent).is_empty()));
    assert_eq!(app.database.number("SELECT count(*) FROM thread_item WHERE kind = 1").await, 1);
    assert_eq!(
        app.database.number("SELECT count(*) FROM event WHERE kind = 'item_added'").await,
        2,
        "one, and who joined"
    );
    // The same id from another sender is another message.
    let copies = join_all((0..50).map(|copy| chat.visitor.sends(copy, id, "once", "Hello"))).await;
    assert_eq!(copies.iter().filter(|sent| sent["replayed"] == true).count(), 49);
    assert_eq!(app.database.number("SELECT count(*) FROM thread_item WHERE kind = 1").await, 2);
    // An instance that has just started recognizes the message too.
    let fresh = Instance::start(&app.database, &app.clock, &[], None).await;
    let ann = Person { clients: vec![Client::new(&fresh.url, Some(ann.token.clone()))], ..ann };
    let again = ann.sends(0, id, "once", "Hello").await;
    assert_eq!((&again["replayed"], code(&again)), (&json!(true), ""));
    assert_eq!(code(&ann.sends(0, id, "once", "Good day").await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(app.database.number("SELECT count(*) FROM thread_item WHERE kind = 1").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_concurrent_senders_leave_no_gap_in_the_sequence() {
    let app = TestApp::two().await;
    let chat = &app.chat(Channel::Webchat, "kim").await;
    let mut agents = Vec::new();
    for number in 0..20 {
        let agent = app.agent(&format!("agent{number}")).await;
        app.answers(chat, &agent, ParticipantRole::Joined).await;
        agents.push(agent);
    }
    let id = &chat.id();
    let told = join_all(agents.iter().enumerate().flat_map(|(index, agent)| {
        (0..3).map(move |turn| async move {
            if turn == 1 {
                note(agent, id, &format!("n{turn}"), "between us").await;
            } else {
                assert_eq!(code(&agent.sends(index, id, &format!("m{turn}"), "Hello").await), "");
            }
        })
    }))
    .await;
    assert_eq!(told.len(), 60);
    for sql in [
        "SELECT max(sequence) - count(*) + min(sequence) - 1 FROM thread_item",
        "SELECT max(customer_sequence) - count(*) + min(customer_sequence) - 1 FROM thread_item WHERE customer_sequence IS NOT NULL",
        "SELECT count(*) - 80 FROM thread_item",
        "SELECT count(*) - 60 FROM thread_item WHERE customer_sequence IS NOT NULL",
    ] {
        assert_eq!(app.database.number(sql).await, 0, "{sql}");
    }
    crate::support::consistency::check(&app.database).await;
}

const NOTE: &str = include_str!("operations/messages/note.graphql");

async fn note(by: &Person, conversation: &str, client_id: &str, body: &str) -> Value {
    by.ask(NOTE, json!({ "c": conversation, "m": client_id, "b": body })).await.at("noted").clone()
}

const EDIT: &str = include_str!("operations/messages/edit.graphql");
const DELETE: &str = include_str!("operations/messages/delete.graphql");

fn done(answer: &Answer) -> String {
    let done = answer.at("done");
    let refused = code(done);
    if refused.is_empty() { done["outcome"].as_str().unwrap_or_default().to_owned() } else { refused.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_client_message_id_returns_the_first_message_for_ever() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let id = chat.id();
    let first = ann.sends(0, &id, "a", "Hello").await;
    let message = first["message"]["id"].as_str().unwrap_or_default().to_owned();
    // The same id with any other part of the input is refused.
    for other in [
        json!({ "c": id, "m": "a", "b": "Hello!" }),
        json!({ "c": id, "m": "a", "b": "Hello", "f": "MARKDOWN" }),
        json!({ "c": id, "m": "a", "b": "Hello", "r": message }),
    ] {
        let refused = send(&ann, other).await;
        assert_eq!(
            refused["userErrors"],
            json!([{ "code": "IDEMPOTENCY_KEY_REUSED", "field": ["input", "clientMessageId"] }])
        );
    }
    assert_eq!(code(&note(&ann, &id, "a", "Hello").await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(done(&ann.ask(EDIT, json!({ "m": message, "b": "Good day" })).await), "APPLIED");
    let again = ann.sends(0, &id, "a", "Hello").await;
    assert_eq!(
        (&again["replayed"], &again["message"]["id"], &again["message"]["body"]),
        (&json!(true), &json!(message), &json!("Good day"))
    );
    app.leaves(&chat, &ann).await;
    assert_eq!(ann.sends(0, &id, "a", "Hello").await["replayed"], true);
    app.ends(&chat).await;
    app.clock.advance(chrono::Duration::days(300));
    assert_eq!(ann.sends(0, &id, "a", "Hello").await["replayed"], true);
    assert_eq!(code(&ann.sends(0, &id, "b", "Hello").await), "CONVERSATION_ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn authors_edit_and_delete_messages_where_the_channel_allows_it() {
    let app = TestApp::new().await;
    let [ann, ben] = [app.agent("ann").await, app.agent("ben").await];
    let jane = app.person("jane").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    app.answers(&chat, &ben, ParticipantRole::Joined).await;
    let id = chat.id();
    let sent = ann.sends(0, &id, "a", "Helo").await;
    let message = sent["message"]["id"].clone();
    let visitors = chat.visitor.sends(0, &id, "a", "Hi").await["message"]["id"].clone();
    for (by, refused) in [(&ben, "NOT_ALLOWED"), (&jane, "NOT_FOUND")] {
        assert_eq!(done(&by.ask(EDIT, json!({ "m": message, "b": "x" })).await), refused);
        assert_eq!(done(&by.ask(DELETE, json!({ "m": message })).await), refused);
    }
    assert_eq!(done(&chat.visitor.ask(EDIT, json!({ "m": message, "b": "x" })).await), "NOT_ALLOWED");
    assert_eq!(done(&chat.visitor.ask(EDIT, json!({ "m": visitors, "b": "Hi!" })).await), "APPLIED");
    assert_eq!(done(&ann.ask(EDIT, json!({ "m": message, "b": "Helo" })).await), "NO_CHANGE");
    assert_eq!(done(&ann.ask(EDIT, json!({ "m": message, "b": "" })).await), "REQUIRED");
    assert_eq!(done(&ann.ask(EDIT, json!({ "m": message, "b": "x".repeat(1_001) })).await), "TOO_LONG");
    assert_eq!(done(&ann.ask(EDIT, json!({ "m": message, "b": "x", "f": "MARKDOWN" })).await), "FORMAT_NOT_SUPPORTED");
    let edited = ann.ask(EDIT, json!({ "m": message, "b": "Hello" })).await;
    assert_eq!(edited.at("done.message.body"), "Hello");
    assert!(edited.at("done.message.editedAt").is_string());
    // A deleted message keeps its position, and replies to it stay.
    let answer = send(&ben, json!({ "c": id, "m": "r", "b": "Yes", "r": message })).await;
    assert_eq!(answer["message"]["replyTo"], json!({ "id": message, "body": "Hello" }));
    let gone = ann.ask(DELETE, json!({ "m": message })).await;
    assert_eq!(
        (done(&gone).as_str(), gone.at("done.message.body"), gone.at("done.message.sequence")),
        ("APPLIED", &json!(""), &sent["message"]["sequence"])
    );
    assert_eq!(done(&ann.ask(DELETE, json!({ "m": message })).await), "NO_CHANGE");
    assert_eq!(done(&ann.ask(EDIT, json!({ "m": message, "b": "x" })).await), "NOT_ALLOWED");
    app.ends(&chat).await;
    assert_eq!(done(&chat.visitor.ask(DELETE, json!({ "m": visitors })).await), "CONVERSATION_ENDED");
    // A message that the provider already delivered can be neither edited nor deleted.
    let chat = app.chat(Channel::Sms, "lee").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let sent = ann.sends(0, &chat.id(), "a", "Hello").await["message"]["id"].clone();
    assert_eq!(done(&ann.ask(EDIT, json!({ "m": sent, "b": "x" })).await), "NOT_ALLOWED");
    assert_eq!(done(&ann.ask(DELETE, json!({ "m": sent })).await), "NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_refers_to_a_visible_message_of_the_same_conversation() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let [chat, other] = [app.chat(Channel::Webchat, "kim").await, app.chat(Channel::Webchat, "lee").await];
    for chat in [&chat, &other] {
        app.answers(chat, &ann, ParticipantRole::Owner).await;
    }
    let there = ann.sends(0, &other.id(), "a", "Hello").await["message"]["id"].clone();
    let noted = note(&ann, &chat.id(), "n", "psst").await["note"]["id"].clone();
    for target in [&there, &noted, &json!("msg_x"), &json!(ann.id())] {
        let sent = send(&ann, json!({ "c": chat.id(), "m": "r", "b": "x", "r": target })).await;
        assert_eq!(sent["userErrors"], json!([{ "code": "NOT_FOUND", "field": ["input", "replyToId"] }]));
        let sent = chat.visitor.ask(SEND, json!({ "c": chat.id(), "m": "r", "b": "x", "r": target })).await;
        assert_eq!(code(sent.at("sent")), "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_current_agents_and_supervisors_write_notes() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = [app.agent("ann").await, app.agent("ben").await, app.agent("cem").await];
    let sue = app.supervisor("sue").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    app.answers(&chat, &ben, ParticipantRole::Joined).await;
    app.leaves(&chat, &ben).await;
    app.serves(&chat, &cem).await;
    let id = chat.id();
    assert_eq!(code(&note(&ann, &id, "1", "a note").await), "");
    assert_eq!(note(&ann, &id, "1", "a note").await["replayed"], true);
    for other in [&ben, &cem] {
        assert_eq!(code(&note(other, &id, "1", "a note").await), "NOT_A_PARTICIPANT");
    }
    assert_eq!(code(&note(&ann, &id, "2", &"x".repeat(4_097)).await), "TOO_LONG");
    assert_eq!(chat.visitor.ask(NOTE, json!({ "c": id, "m": "1", "b": "x" })).await.code(), "FORBIDDEN");
    // A supervisor can write a note without joining, and the note does not make them a participant.
    assert_eq!(code(&note(&sue, &id, "1", "well done").await), "");
    assert_eq!(note(&sue, &id, "1", "well done").await["replayed"], true);
    assert_eq!(code(&note(&sue, &id, "2", "again").await), "");
    assert_eq!(code(&sue.sends(0, &id, "3", "x").await), "NOT_A_PARTICIPANT");
    let query =
        "query($id: ID!) { conversation(id: $id) { participants { role leftAt actor { __typename displayName } } } }";
    let seen = ann.ask(query, json!({ "id": id })).await;
    let of_sue =
        seen.at("conversation.participants").as_array().into_iter().flatten().find(|one| one["role"] == "OBSERVER");
    assert!(
        of_sue.is_some_and(|one| one["leftAt"].is_string() && one["actor"]["displayName"] == "sue"),
        "{}",
        seen.body
    );
    let seen = chat.visitor.ask(query, json!({ "id": id })).await;
    assert!(!seen.body.to_string().contains("sue"), "{}", seen.body);
    assert!(seen.body.to_string().contains("Representative"), "{}", seen.body);
}
