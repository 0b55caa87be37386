//! Tests of customers who turn out to be one person: addresses and conversations become one customer's, without a gap,
//! a second message or a new number, also while both write.

use api::{
    conversations::{addresses::Address, message_content::MessageContent},
    error::Error,
    inbound::{
        customer_merge,
        messages::{self, InboundMessage, InboundOutcome, InboundReceipt},
    },
};
use entity::{channel::Channel, entry_point, id::CustomerId, thread_item::TextFormat};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    desk::QueueSetup,
    eventually,
    person::Person,
    rounds,
    visitors::{EntryPointSetup, START, by, chat, identity, is_taken, leave},
};

fn phone(number: &str) -> Address {
    Address::phone(number).expected("a number")
}

fn scoped(id: &str) -> Address {
    Address::business_scoped(id).expected("an id")
}

async fn write(app: &TestApp, instance: usize, at: &entry_point::Model, from: &Address, id: &str) -> InboundReceipt {
    let content = MessageContent::delivered(&format!("This is {id}"), TextFormat::Plain, None);
    let incoming = InboundMessage::delivered(from.clone(), id, content);
    let instance = &app.instances[instance % app.instances.len()].app;
    messages::deliver(instance, at.id, &incoming).await.expected("a message")
}

fn customer(received: &InboundReceipt) -> CustomerId {
    received.conversation.customer_id.expected("a customer")
}

async fn merge(app: &TestApp, instance: usize, kept: CustomerId, merged: CustomerId) -> bool {
    let instance = &app.instances[instance % app.instances.len()].app;
    let done = instance.transaction(|tx| Box::pin(customer_merge::merge(tx, kept, merged)));
    done.await.expected("a merge")
}

/// Returns the items of all conversations with their numbers.
async fn items(app: &TestApp) -> Vec<String> {
    let id = app.database.digits("conversation_id");
    let sql = format!("SELECT {id} || ' ' || sequence || ' ' || body FROM thread_item WHERE kind = 1 ORDER BY 1");
    app.database.texts(&sql).await
}

const SEEN: &str = include_str!("operations/customer_merges/seen.graphql");

async fn seen(by: &Person, received: &InboundReceipt) -> Value {
    by.ask(SEEN, json!({ "id": received.conversation.id.to_string() })).await.at("conversation").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kept_customer_gets_the_addresses_the_conversations_and_the_missing_details() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let sms = app.entry_point(Channel::Sms, "+4930100", EntryPointSetup::default()).await;
    let whatsapp = app.entry_point(Channel::Whatsapp, "+4930200", EntryPointSetup::default()).await;
    let known = write(&app, 0, &whatsapp, &scoped("US.1"), "1").await;
    let other = write(&app, 1, &sms, &phone("+15550001"), "2").await;
    let before = items(&app).await;
    assert!(merge(&app, 0, customer(&known), customer(&other)).await);
    assert_eq!(items(&app).await, before, "nothing is renumbered");
    let id = customer(&known).to_string();
    for received in [&known, &other] {
        let seen = seen(&sue, received).await;
        assert_eq!((&seen["status"], &seen["task"]["status"]), (&json!("OPEN"), &json!("QUEUED")));
        assert_eq!((&seen["customer"]["id"], &seen["customer"]["phone"]), (&json!(id), &json!("+15550001")));
        assert_eq!(seen["participants"], json!([{ "role": "CUSTOMER", "actor": { "id": id } }]));
        let identities = json!([
            { "kind": "PHONE", "address": "+15550001" },
            { "kind": "BUSINESS_SCOPED", "address": "US.1" },
        ]);
        assert_eq!(seen["customer"]["identities"], identities);
    }
    // Each address leads to the conversation that it led to before.
    for (at, from, of, id) in [(&whatsapp, scoped("US.1"), &known, "3"), (&sms, phone("+15550001"), &other, "4")] {
        let again = write(&app, 1, at, &from, id).await;
        assert_eq!((again.outcome, again.conversation.id), (InboundOutcome::Continued, of.conversation.id));
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_conversations_for_one_topic_the_newer_one_stays_current() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    for newer_is_kept in [true, false] {
        let name = format!("+4930{}", u8::from(newer_is_kept));
        let at = app.entry_point(Channel::Whatsapp, &name, EntryPointSetup::default()).await;
        let (number, id) = (phone(&format!("+1555000{}", u8::from(newer_is_kept))), scoped(&format!("US.{name}")));
        let older = write(&app, 0, &at, &number, "1").await;
        app.clock.advance(chrono::Duration::seconds(1));
        let newer = write(&app, 1, &at, &id, "2").await;
        let (kept, merged) = if newer_is_kept { (&newer, &older) } else { (&older, &newer) };
        let before = items(&app).await;
        assert!(merge(&app, 0, customer(kept), customer(merged)).await);
        assert_eq!(items(&app).await, before, "nothing is renumbered");
        let (current, ended) = (seen(&sue, &newer).await, seen(&sue, &older).await);
        assert_eq!((&current["status"], &current["task"]["status"]), (&json!("OPEN"), &json!("QUEUED")));
        let task = json!({ "status": "MERGED", "endedBy": "MERGE", "continuedIn": { "id": newer.conversation.id.to_string() } });
        assert_eq!((&ended["status"], &ended["task"]), (&json!("CLOSED"), &task));
        assert_eq!(ended["items"]["nodes"], json!([{ "kind": "MERGED" }]));
        for seen in [&current, &ended] {
            assert_eq!(seen["customer"]["id"], customer(kept).to_string());
        }
        // Both addresses now lead to the current conversation, and the ended one stays ended.
        for (from, message) in [(&number, "3"), (&id, "4")] {
            let again = write(&app, 1, &at, from, message).await;
            assert_eq!((again.outcome, again.conversation.id), (InboundOutcome::Continued, newer.conversation.id));
        }
        // What had arrived is a replay in its own conversation.
        let replayed = write(&app, 0, &at, &id, "1").await;
        assert_eq!((replayed.outcome, replayed.conversation.id), (InboundOutcome::Replayed, older.conversation.id));
        assert!(!merge(&app, 1, customer(kept), customer(merged)).await, "a merge happens once");
        assert!(!merge(&app, 1, customer(merged), customer(kept)).await);
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_conversation_stays_current_and_an_agent_wraps_up_the_other_one() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let queue_setup: QueueSetup = app.queue_setup(Channel::Whatsapp, &[&ann]).await;
    let at = &queue_setup.entry_point;
    assert_eq!(ann.turns("AVAILABLE").await, "");
    let served = write(&app, 0, at, &phone("+15550001"), "1").await;
    app.settle().await;
    let task = ann.accepts_it().await;
    app.clock.advance(chrono::Duration::seconds(1));
    let newer = write(&app, 1, at, &scoped("US.1"), "2").await;
    assert!(merge(&app, 0, customer(&served), customer(&newer)).await);
    assert_eq!(ann.sees(&task).await, "WRAP_UP");
    assert_eq!(ann.wraps_up(&task).await, "");
    app.settle().await;
    assert_eq!(ann.accepts_it().await, newer.conversation.task_id.expected("a task").to_string());
    // A closed conversation yields to an open one, however new its items are.
    leave(&app, &newer.conversation.id.to_string()).await;
    let third = write(&app, 0, at, &phone("+15550003"), "3").await;
    app.clock.advance(chrono::Duration::seconds(1));
    let closed = write(&app, 0, at, &scoped("US.4"), "4").await;
    leave(&app, &closed.conversation.id.to_string()).await;
    assert!(merge(&app, 1, customer(&closed), customer(&third)).await);
    let again = write(&app, 1, at, &scoped("US.4"), "5").await;
    assert_eq!((again.outcome, again.conversation.id), (InboundOutcome::Continued, third.conversation.id));
    // Of two closed ones the newer is reopened. A customer who was merged before comes along.
    leave(&app, &third.conversation.id.to_string()).await;
    assert!(merge(&app, 0, customer(&newer), customer(&third)).await);
    let again = write(&app, 1, at, &scoped("US.1"), "6").await;
    assert_eq!((again.outcome, again.conversation.id), (InboundOutcome::Reopened, third.conversation.id));
    let one = "SELECT count(DISTINCT customer_id) FROM customer_identity";
    assert_eq!(app.database.number(one).await, 1);
    let merged =
        "SELECT count(*) FROM customer k JOIN customer o ON o.id = k.merged_into_id WHERE o.merged_into_id IS NULL";
    assert_eq!(app.database.number(merged).await, 3);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_ends_the_visitor_tokens_of_the_merged_customer() {
    let app = TestApp::two().await;
    let entry_setup = EntryPointSetup { secret: Some("a secret of the site"), ..EntryPointSetup::default() };
    let at = app.entry_point(Channel::Webchat, "shop", entry_setup).await;
    let until = (app.clock.now() + chrono::Duration::hours(1)).timestamp();
    let begin = async |id: &str| {
        let identity = identity("a secret of the site", id, until);
        let input = json!({ "entryPointId": at.id.to_string(), "identity": identity, "idempotencyKey": id });
        app.anonymous().ask(START, json!({ "input": input })).await
    };
    let (kim, lee) = (begin("kim").await, begin("lee").await);
    assert!(is_taken(&by(&app, &kim)).await && is_taken(&by(&app, &lee)).await);
    let ids = app.database.digits("customer_id");
    let ids = format!("SELECT {ids} FROM conversation ORDER BY created_at, id");
    let ids: Vec<CustomerId> =
        app.database.texts(&ids).await.iter().map(|id| CustomerId(id.parse().expected("an id"))).collect();
    assert!(merge(&app, 0, ids[0], ids[1]).await);
    eventually("the token ends", || async { !is_taken(&by(&app, &lee)).await }).await;
    assert!(is_taken(&by(&app, &kim)).await);
    // The site's visitor signs in again as the kept customer. A retry of the first call is a replay.
    let again = begin("lee").await;
    assert_eq!((chat(&again), again.at("startWebChat.replayed")), (chat(&lee), &json!(true)));
    assert!(is_taken(&by(&app, &again)).await);
    assert_eq!(app.database.number("SELECT count(*) FROM conversation WHERE status = 1").await, 1);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_arrive_for_both_during_a_merge_are_stored_once_in_conversations_of_one_customer() {
    const EACH: usize = 12;
    let app = TestApp::two().await;
    let at = app.entry_point(Channel::Whatsapp, "+4930100", EntryPointSetup::default()).await;
    for round in 0..rounds(4) {
        let (number, id) = (phone(&format!("+1555{round:04}")), scoped(&format!("US.{round}")));
        let (first, second) = (
            write(&app, 0, &at, &number, &format!("{round} first")).await,
            write(&app, 1, &at, &id, &format!("{round} second")).await,
        );
        let messages = (0..EACH * 2).map(|n| {
            let (app, at) = (&app, &at);
            let from = if n % 2 == 0 { &number } else { &id };
            // Each message arrives twice, on both instances.
            async move {
                let name = format!("{round} message {n}");
                join(write(app, n, at, from, &name), write(app, n + 1, at, from, &name)).await
            }
        });
        let merges = [(0, &first, &second), (1, &second, &first), (1, &first, &second)];
        let merges = merges.map(|(instance, kept, merged)| merge(&app, instance, customer(kept), customer(merged)));
        let (arrived, merged) = join(join_all(messages), join_all(merges)).await;
        assert_eq!(merged.iter().filter(|done| **done).count(), 1, "{merged:?}");
        for (one, other) in &arrived {
            assert_eq!(one.conversation.id, other.conversation.id);
            assert!((one.outcome == InboundOutcome::Replayed) != (other.outcome == InboundOutcome::Replayed));
        }
        let of_round = format!("FROM thread_item WHERE kind = 1 AND body LIKE 'This is {round} %'");
        let stored = i64::try_from(EACH * 2 + 2).expected("few");
        assert_eq!(app.database.number(&format!("SELECT count(*) {of_round}")).await, stored);
        let open = format!(
            "SELECT count(DISTINCT c.customer_id) FROM conversation c WHERE c.id IN (SELECT conversation_id {of_round})"
        );
        assert_eq!(app.database.number(&open).await, 1);
        let current = format!(
            "SELECT count(*) FROM conversation c WHERE c.topic IS NOT NULL AND c.id IN (SELECT conversation_id {of_round})"
        );
        assert_eq!(app.database.number(&current).await, 1);
        let last = write(&app, 0, &at, &id, &format!("{round} last")).await;
        assert_eq!(last.outcome, InboundOutcome::Continued);
        consistency::check(&app.database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_customer_is_not_merged() {
    let app = TestApp::new().await;
    let at = app.entry_point(Channel::Sms, "+4930100", EntryPointSetup::default()).await;
    let kim = customer(&write(&app, 0, &at, &phone("+15550001"), "1").await);
    let nobody = CustomerId(app.clock.uuid());
    let failed = app.app().transaction(|tx| Box::pin(customer_merge::merge(tx, kim, nobody))).await;
    assert!(matches!(failed, Err(Error::Internal(_))));
    assert!(!merge(&app, 0, kim, kim).await);
}
