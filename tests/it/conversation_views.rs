//! Tests of conversations from each side: visible items, read receipts and live events.

mod lists;

use std::{collections::BTreeSet, sync::Arc};

use api::conversations::{
    conversation_rows,
    participants::{self, ParticipantRef},
    receipts,
    thread_items::{self, NewItem},
};
use entity::{channel::Channel, participant::ParticipantRole, receipt::ReceiptState, thread_item};
use futures_util::future::join_all;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    conversations::{Chat, EVENTS, code, stream_of},
    person::Person,
    random::Chance,
    rounds,
};

const THREAD: &str = include_str!("operations/conversation_views/thread.graphql");
const NOTE: &str = include_str!("operations/conversation_views/note.graphql");
const READ: &str = include_str!("operations/conversation_views/read.graphql");

async fn note(by: &Person, chat: &Chat, client_id: &str) {
    let noted = by.ask(NOTE, json!({ "c": chat.id(), "m": client_id })).await;
    assert_eq!(noted.at("addNote.userErrors"), &json!([]));
}

fn numbers(answer: &Value) -> Vec<i64> {
    let nodes = answer["items"]["nodes"].as_array().cloned().unwrap_or_default();
    nodes.iter().filter_map(|node| node["sequence"].as_i64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_sees_its_items_with_gapless_sequence_numbers() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    chat.visitor.sends(0, &chat.id(), "1", "Hi").await;
    note(&ann, &chat, "2").await;
    ann.sends(0, &chat.id(), "3", "Hello").await;
    note(&ann, &chat, "4").await;
    chat.visitor.sends(0, &chat.id(), "5", "Thanks").await;
    let of_ann = ann.ask(THREAD, json!({ "id": chat.id() })).await.at("conversation").clone();
    let of_kim = chat.visitor.ask(THREAD, json!({ "id": chat.id() })).await.at("conversation").clone();
    for (seen, role) in [(&of_ann, "OWNER"), (&of_kim, "CUSTOMER")] {
        let last = seen["items"]["nodes"].as_array().and_then(|items| items.last()).expected("an item");
        assert_eq!((&seen["lastItem"]["id"], &seen["viewerRole"]), (&last["id"], &json!(role)));
    }
    assert_eq!(numbers(&of_ann), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(&of_kim), [1, 2, 3, 4]);
    let kinds = |seen: &Value| {
        let nodes = seen["items"]["nodes"].as_array().cloned().unwrap_or_default();
        nodes.iter().map(|node| node["__typename"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&of_ann), ["Announcement", "Message", "Note", "Message", "Note", "Message"]);
    assert_eq!(kinds(&of_kim), ["Announcement", "Message", "Message", "Message"]);
    assert_eq!(of_ann["items"]["nodes"][1]["direction"], "INBOUND");
    assert_eq!(of_kim["items"]["nodes"][2]["direction"], "OUTBOUND");
    assert_eq!(of_ann["items"]["nodes"][3]["author"], json!({ "__typename": "User", "displayName": "ann" }));
    // The customer sees an agent's name, but no id.
    assert_eq!(of_kim["items"]["nodes"][2]["author"], json!({ "__typename": "Representative", "displayName": "ann" }));
    assert!(!of_kim.to_string().contains("user_") && !of_kim.to_string().contains("between us"), "{of_kim}");
    assert_eq!(of_kim["customer"], json!({ "displayName": "kim", "email": null, "identities": [] }));
    assert_eq!(
        of_ann["customer"],
        json!({ "displayName": "kim", "email": "kim@example.org", "identities": [{ "channel": "WEBCHAT", "address": "kim" }] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_visible_to_those_involved_and_unknown_to_others() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = [app.agent("ann").await, app.agent("ben").await, app.agent("cem").await];
    let (sue, jane) = (app.supervisor("sue").await, app.person("jane").await);
    let chat = app.chat(Channel::Webchat, "kim").await;
    let other = app.chat(Channel::Webchat, "lee").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    app.serves(&chat, &ben).await;
    let sent = ann.sends(0, &chat.id(), "1", "Hello").await["message"]["id"].clone();
    let query = "query($c: ID!, $m: ID!, $k: ID!) { conversation(id: $c) { id } conversations { nodes { id } } \
                 a: node(id: $c) { id } b: node(id: $m) { id ... on Message { body } } c: node(id: $k) { ... on Customer { displayName } } }";
    let variables = json!({ "c": chat.id(), "m": sent, "k": chat.customer.to_string() });
    for (person, sees) in [(&ann, true), (&ben, true), (&sue, true), (&cem, false), (&jane, false)] {
        let answer = person.ask(query, variables.clone()).await;
        let data = &answer.body["data"];
        for seen in [&data["conversation"]["id"], &data["a"]["id"], &data["b"]["body"], &data["c"]["displayName"]] {
            assert_eq!(seen.is_string(), sees, "{}: {data}", person.handle);
        }
        let listed =
            data["conversations"]["nodes"].as_array().into_iter().flatten().any(|node| node["id"] == chat.id());
        assert_eq!(listed, sees, "{}", person.handle);
    }
    let visible = "query($c: ID!) { conversation(id: $c) { id } conversations { nodes { id } } }";
    let of_kim = chat.visitor.ask(visible, json!({ "c": other.id() })).await;
    assert_eq!(
        of_kim.body["data"],
        json!({ "conversation": null, "conversations": { "nodes": [{ "id": chat.id() }] } })
    );
    let limited = app.limited(&ann, &[api::auth::viewer::Scope::ProfileRead]);
    let node =
        limited.ask("query($c: ID!, $m: ID!) { a: node(id: $c) { id } b: node(id: $m) { id } }", variables).await;
    assert_eq!(node.body["data"], json!({ "a": null, "b": null }));
    // A former agent sees none of it.
    app.database.run("UPDATE \"user\" SET role = 1 WHERE handle = 'ann'").await;
    assert_eq!(
        ann.ask(visible, json!({ "c": chat.id() })).await.body["data"],
        json!({ "conversation": null, "conversations": { "nodes": [] } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_from_both_ends_show_each_item_once() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    for number in 0..11 {
        chat.visitor.sends(0, &chat.id(), &number.to_string(), "Hi").await;
        note(&ann, &chat, &number.to_string()).await;
    }
    let (mut forwards, mut after) = (Vec::new(), Value::Null);
    while forwards.len() < 23 {
        let answer = ann.ask(THREAD, json!({ "id": chat.id(), "first": 5, "after": after })).await;
        let page = answer.at("conversation");
        assert_eq!(page["items"]["pageInfo"]["hasPreviousPage"], !forwards.is_empty());
        forwards.extend(numbers(page));
        assert_eq!(page["items"]["pageInfo"]["hasNextPage"], forwards.len() < 23);
        after = page["items"]["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(forwards, (1..=23).collect::<Vec<i64>>());
    let (mut backwards, mut before) = (Vec::new(), Value::Null);
    while backwards.len() < 12 {
        let answer = chat.visitor.ask(THREAD, json!({ "id": chat.id(), "last": 5, "before": before })).await;
        let page = answer.at("conversation");
        let mut some = numbers(page);
        some.append(&mut backwards);
        backwards = some;
        assert_eq!(page["items"]["pageInfo"]["hasPreviousPage"], backwards.len() < 12);
        before = page["items"]["pageInfo"]["startCursor"].clone();
    }
    assert_eq!(backwards, (1..=12).collect::<Vec<i64>>());
    // A cursor of one side is not valid for the other side.
    let foreign = chat.visitor.ask(THREAD, json!({ "id": chat.id(), "after": after })).await;
    assert_eq!(foreign.code(), "BAD_USER_INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_receipt_is_reported_once_and_only_rises() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let sue = app.supervisor("sue").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let id = chat.id();
    let mut of_ann = ann.socket(0).await;
    for number in 0..3 {
        ann.sends(0, &id, &format!("a{number}"), "Hello").await;
        note(&ann, &chat, &format!("n{number}")).await;
        chat.visitor.sends(0, &id, &format!("k{number}"), "Hi").await;
    }
    // Item 1 says that Ann joined. Then message, note and message follow three times. The customer does not count
    // notes.
    let unread = async |by: Option<&Person>| {
        let query = "query($id: ID!) { conversation(id: $id) { unreadCount } }";
        let answer = match by {
            Some(person) => person.ask(query, json!({ "id": id })).await,
            None => chat.visitor.ask(query, json!({ "id": id })).await,
        };
        answer.at("conversation.unreadCount").as_i64()
    };
    // Each answer has read everything before it. The test resets that.
    assert_eq!((unread(Some(&ann)).await, unread(None).await, unread(Some(&sue)).await), (Some(1), Some(0), Some(0)));
    app.database.run("UPDATE participant SET read_up_to = 0").await;
    app.database.run("DELETE FROM receipt").await;
    assert_eq!((unread(Some(&ann)).await, unread(None).await, unread(Some(&sue)).await), (Some(3), Some(3), Some(0)));
    of_ann.follow_conversation(&id, None).await;
    let mut of_kim = chat.visitor.follow(0, &id, None).await;
    app.statements();
    let read = chat.visitor.ask(READ, json!({ "c": id, "to": 4 })).await;
    assert_eq!(
        read.at("done"),
        &json!({ "outcome": "APPLIED", "conversation": { "unreadCount": 1 }, "userErrors": [] })
    );
    let written =
        app.statements().into_iter().filter(|statement| statement.sql.starts_with("INSERT INTO receipt")).count();
    assert_eq!(written, 1);
    // The customer's item 4 is the agent's item 5. One event reports both messages of the agent up to there as read.
    let event = of_ann.event().await.expected("an event");
    let told = json!([event["__typename"], event["fromSequence"], event["message"]["sequence"], event["receipt"]]);
    let receipt = json!({ "state": "READ", "participant": { "__typename": "Customer", "displayName": "kim" } });
    assert_eq!(told, json!(["ReceiptAdvanced", 1, 5, receipt]));
    let event = of_kim.event().await.expected("an event");
    assert_eq!(
        json!([event["__typename"], event["fromSequence"], event["message"]["sequence"]]),
        json!(["ReceiptAdvanced", 1, 4])
    );
    let of_ann_now = ann.ask(THREAD, json!({ "id": id })).await.at("conversation").clone();
    let states: Vec<&Value> =
        of_ann_now["items"]["nodes"].as_array().into_iter().flatten().filter_map(|node| node.get("status")).collect();
    assert_eq!(states, ["READ", "SENT", "READ", "SENT", "SENT", "SENT"]);
    let seen = chat.visitor.ask(THREAD, json!({ "id": id })).await.at("conversation").clone();
    assert_eq!(seen["participants"][0]["readUpTo"], 4);
    assert_eq!(of_ann_now["participants"][0]["readUpTo"], 5);
    // A receipt never goes back and is never stored twice.
    for to in [0, 1, 4] {
        assert_eq!(chat.visitor.ask(READ, json!({ "c": id, "to": to })).await.at("done.outcome"), "NO_CHANGE");
    }
    assert_eq!(
        chat.visitor.ask(READ, json!({ "c": id, "to": -1 })).await.at("done.userErrors"),
        &json!([{ "code": "OUT_OF_RANGE" }])
    );
    assert_eq!(
        sue.ask(READ, json!({ "c": id, "to": 1 })).await.at("done.userErrors"),
        &json!([{ "code": "NOT_A_PARTICIPANT" }])
    );
    // A number beyond the last item marks everything as read. Later messages are unread.
    assert_eq!(ann.ask(READ, json!({ "c": id, "to": 1_000_000 })).await.at("done.conversation.unreadCount"), 0);
    chat.visitor.sends(0, &id, "later", "Hi").await;
    assert_eq!(unread(Some(&ann)).await, Some(1));
    // After leaving, an agent's reads create no receipts.
    app.leaves(&chat, &ann).await;
    assert_eq!(ann.ask(READ, json!({ "c": id, "to": 11 })).await.at("done.outcome"), "APPLIED");
    // The customer's answer created one more receipt.
    assert_eq!(app.database.number("SELECT count(*) FROM receipt").await, 6);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_receipts_reach_the_same_state_in_any_order_of_reports() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let chat = app.chat(Channel::Whatsapp, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let (id, customer) = (chat.id, chat.customer);
    let mut chance = Chance::seeded(11);
    for (states, end) in [
        (vec![ReceiptState::Queued, ReceiptState::Sent, ReceiptState::Delivered, ReceiptState::Read], "READ"),
        (vec![ReceiptState::Sent, ReceiptState::Failed], "FAILED"),
        // A later report says that the message was delivered after all.
        (vec![ReceiptState::Sent, ReceiptState::Failed, ReceiptState::Delivered], "DELIVERED"),
    ] {
        for round in 0..6 {
            let sent = ann.sends(0, &chat.id(), &format!("{end}{round}"), "Hello").await;
            let message = sent["message"]["id"].as_str().and_then(entity::id::ThreadItemId::parse).expected("an id");
            let mut reported: Vec<ReceiptState> = states.iter().chain(&states).copied().collect();
            for at in (1..reported.len()).rev() {
                reported.swap(at, chance.below(at + 1));
            }
            for state in reported {
                let reporting = app.app().transaction(|tx| {
                    Box::pin(async move {
                        let row = conversation_rows::lock(tx, id).await?;
                        let item = thread_item::Entity::find()
                            .filter(thread_item::Column::Id.eq(message))
                            .one(tx.db())
                            .await?;
                        let to = participants::find(tx.db(), id, ParticipantRef::Customer(customer)).await?;
                        match (item, to) {
                            (Some(item), Some(to)) => receipts::advance(tx, &row, &item, &to, state).await,
                            _ => Ok(false),
                        }
                    })
                });
                reporting.await.expected("a report");
            }
            let query = "query($id: ID!) { node(id: $id) { ... on Message { status receipts { state } } } }";
            let answer = ann.ask(query, json!({ "id": message.to_string() })).await;
            assert_eq!(answer.at("node"), &json!({ "status": end, "receipts": [{ "state": end }] }));
        }
    }
}

/// Returns the cursor before the first event, for either side.
fn begin(id: &str, staff: bool) -> String {
    let id = entity::id::ConversationId::parse(id).expected("an id");
    let side =
        if staff { conversation_rows::ConversationSide::Staff } else { conversation_rows::ConversationSide::Customer };
    api::events::cursor::Cursor::in_stream(stream_of(side, id), 0).0
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_a_conversation_and_following_from_its_cursor_misses_nothing() {
    let app = Arc::new(TestApp::two().await);
    let chat = Arc::new(app.chat(Channel::Webchat, "kim").await);
    let ann = Arc::new(app.agent("ann").await);
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let total = rounds(40);
    let writing = {
        let (chat, ann) = (Arc::clone(&chat), Arc::clone(&ann));
        tokio::spawn(async move {
            for turn in 0..total {
                assert_eq!(code(&ann.sends(turn, &chat.id(), &turn.to_string(), "Hello").await), "");
            }
        })
    };
    let last = i64::try_from(total).expected("a number") + 1;
    for round in 0..8 {
        let answer = ann.clients[round % ann.clients.len()].ask(THREAD, json!({ "id": chat.id(), "last": 100 })).await;
        let seen = answer.at("conversation");
        let mut have: BTreeSet<i64> = numbers(seen).into_iter().collect();
        let mut socket = ann.socket(round + 1).await;
        socket.follow_conversation(&chat.id(), seen["streamCursor"].as_str()).await;
        while have.last() < Some(&last) || have.len() < usize::try_from(last).expected("a number") {
            let event = socket.event().await.expected("an event");
            have.extend(event["item"]["sequence"].as_i64());
        }
        assert_eq!(have, (1..=last).collect());
        socket.cut();
    }
    writing.await.expected("the writer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_when_its_viewer_loses_the_right_to_the_conversation() {
    let app = TestApp::new().await;
    let [ann, ben] = [app.agent("ann").await, app.agent("ben").await];
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    app.serves(&chat, &ben).await;
    let mut socket = ben.socket(0).await;
    socket.follow_conversation(&chat.id(), None).await;
    ann.sends(0, &chat.id(), "1", "Hello").await;
    assert_eq!(socket.event().await.expected("an event")["item"]["body"], "Hello");
    app.database.run("DELETE FROM queue_member").await;
    ann.sends(0, &chat.id(), "2", "a secret").await;
    assert_eq!(socket.event().await, None, "the stream completes");
    let mut socket = ben.socket(0).await;
    socket.subscribe("1", EVENTS, json!({ "id": chat.id(), "after": begin(&chat.id(), true) })).await;
    let refused = socket.hear().await.expected("an answer");
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{refused}");
    let mut socket = ann.socket(0).await;
    socket.subscribe("1", EVENTS, json!({ "id": chat.id(), "after": begin(&chat.id(), false) })).await;
    let refused = socket.hear().await.expected("an answer");
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_first_messages_at_once_begin_one_conversation() {
    let app = TestApp::two().await;
    let other = app.chat(Channel::Sms, "kim").await;
    let row = app
        .app()
        .transaction(|tx| Box::pin(async move { conversation_rows::lock(tx, other.id).await }))
        .await
        .expected("a row");
    let place = &conversation_rows::ConversationKey {
        channel: Channel::Sms,
        entry_point: row.entry_point_id.expected("an entry point"),
        queue: other.queue,
        customer: other.customer,
        topic: "new".to_owned(),
    };
    let made = join_all((0..20).map(|number| {
        let instance = &app.instances[number % app.instances.len()].app;
        instance.transaction(|tx| {
            Box::pin(async move {
                let (mut row, made) = conversation_rows::find_or_create(tx, place).await?;
                let who = ParticipantRef::Customer(place.customer);
                let author = participants::join(tx, &row, who, ParticipantRole::Customer).await?;
                let new = NewItem { inbound: true, ..NewItem::message(author.id, "Hi".to_owned()) };
                thread_items::append(tx, &mut row, new).await?;
                Ok((row.id, made))
            })
        })
    }))
    .await;
    let made: Vec<_> = made.into_iter().map(|made| made.expected("a message")).collect();
    assert_eq!(made.iter().filter(|(_, made)| *made).count(), 1);
    assert!(made.iter().all(|(id, _)| *id == made[0].0));
    assert_eq!(app.database.number("SELECT max(last_sequence) FROM conversation").await, 20);
    consistency::check(&app.database).await;
}
