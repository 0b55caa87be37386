//! Tests of inbound messages: each is stored once in the right conversation, however often and by whichever channel it
//! arrives.

use api::{
    contact_center::admin_change::AdminActor,
    conversations::{addresses::Address, customers::CustomerDetails, message_content::MessageContent},
    entry_points::entry_point_admin::{self, ArchiveEntryPointInput},
    error::{Error, UserErrorCode},
    inbound::messages::{self, InboundContent, InboundMessage, InboundOutcome, InboundReceipt},
};
use chrono::Duration;
use entity::{
    channel::Channel,
    entry_point,
    id::ThreadItemId,
    queue::{BusinessHours, OpenHours},
    task,
    thread_item::TextFormat,
};
use futures_util::future::join_all;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    arrivals::address_of,
    consistency,
    conversations::code,
    rounds,
    visitors::{EntryPointSetup, leave},
};

/// Returns a message as a provider delivers it.
fn incoming(at: &entry_point::Model, from: &str, id: &str) -> InboundMessage {
    let content = MessageContent::delivered(&format!("This is {id}"), TextFormat::Plain, None);
    let details = CustomerDetails { name: Some(format!("Customer {from}")), ..CustomerDetails::default() };
    InboundMessage { details, ..InboundMessage::delivered(address_of(at, from), id, content) }
}

async fn receive(app: &TestApp, instance: usize, at: &entry_point::Model, incoming: &InboundMessage) -> InboundReceipt {
    let instance = &app.instances[instance % app.instances.len()];
    messages::deliver(&instance.app, at.id, incoming).await.expected("a message")
}

/// Returns the id of the stored message.
fn stored(received: &InboundReceipt) -> ThreadItemId {
    received.message.as_ref().expected("a message").id
}

/// Returns the numbers of customers, conversations, messages and tasks.
async fn counts(app: &TestApp) -> [i64; 4] {
    let mut counts = [0; 4];
    for (count, of) in counts.iter_mut().zip(["customer", "conversation", "thread_item WHERE kind = 1", "task"]) {
        *count = app.database.number(&format!("SELECT count(*) FROM {of}")).await;
    }
    counts
}

/// Checks that the sequence numbers of the items have no gaps on either side.
async fn numbered(app: &TestApp) {
    for (number, last) in [("sequence", "last_sequence"), ("customer_sequence", "last_customer_sequence")] {
        let wrong = app
            .database
            .number(&format!(
                "SELECT count(*) FROM conversation c WHERE c.{last} <> \
                 (SELECT count(i.{number}) FROM thread_item i WHERE i.conversation_id = c.id) OR c.{last} <> \
                 (SELECT COALESCE(max(i.{number}), 0) FROM thread_item i WHERE i.conversation_id = c.id)"
            ))
            .await;
        assert_eq!(wrong, 0, "{number}");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_messages_create_one_conversation_and_task_for_each_customer() {
    const EACH: usize = 20;
    let app = TestApp::two().await;
    let at = app.entry_point(Channel::Whatsapp, "+49 30 1", EntryPointSetup::default()).await;
    let customers = rounds(6);
    // Several customers send all their messages at the same moment, over all instances.
    for some in (0..customers).collect::<Vec<_>>().chunks(5) {
        let all = some.iter().flat_map(|customer| (0..EACH).map(move |n| (*customer, n))).map(|(customer, n)| {
            let (app, at) = (&app, &at);
            async move {
                receive(app, n, at, &incoming(at, &format!("+1555{customer:04}"), &format!("wamid.{customer}.{n}")))
                    .await
            }
        });
        let began =
            join_all(all).await.into_iter().filter(|received| received.outcome == InboundOutcome::Began).count();
        assert_eq!(began, some.len());
    }
    let all = i64::try_from(customers).expected("few");
    assert_eq!(counts(&app).await, [all, all, all * 20, all]);
    numbered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_message_is_stored_once_also_concurrently_and_after_the_end() {
    let app = TestApp::two().await;
    let at = app.entry_point(Channel::Sms, "+49 30 2", EntryPointSetup::default()).await;
    let copy = incoming(&at, "+15550001", "SM1");
    let received = join_all((0..50).map(|n| receive(&app, n, &at, &copy))).await;
    let first = received.iter().find(|received| received.outcome == InboundOutcome::Began).expected("the first");
    let replays = received.iter().filter(|received| received.outcome == InboundOutcome::Replayed).count();
    assert_eq!(replays, 49);
    assert!(received.iter().all(|received| stored(received) == stored(first)));
    leave(&app, &first.conversation.id.to_string()).await;
    let late = receive(&app, 0, &at, &copy).await;
    assert_eq!((late.outcome, stored(&late)), (InboundOutcome::Replayed, stored(first)));
    assert_eq!(counts(&app).await, [1, 1, 1, 1]);
    assert_eq!(app.database.number("SELECT count(*) FROM conversation WHERE status = 2").await, 1, "it stays closed");
    // The same id at another entry point is another message.
    let other = app.entry_point(Channel::Sms, "+49 30 3", EntryPointSetup::default()).await;
    assert_eq!(receive(&app, 0, &other, &incoming(&other, "+15550001", "SM1")).await.outcome, InboundOutcome::Began);
    assert_eq!(counts(&app).await, [1, 2, 2, 2]);
    numbered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_message_is_the_same_one_even_if_its_customer_has_changed() {
    let app = TestApp::two().await;
    let at = app.entry_point(Channel::Whatsapp, "+49 30 4", EntryPointSetup::default()).await;
    // The provider names the sender differently in each of twenty simultaneous deliveries.
    let copies: Vec<_> = (0..20).map(|n| incoming(&at, &format!("+1555000{n:02}"), "wamid.1")).collect();
    let received = join_all(copies.iter().enumerate().map(|(n, copy)| receive(&app, n, &at, copy))).await;
    let began = received.iter().filter(|received| received.outcome == InboundOutcome::Began).count();
    let replays = received.iter().filter(|received| received.outcome == InboundOutcome::Replayed).count();
    assert_eq!((began, replays), (1, 19));
    assert!(received.iter().all(|one| stored(one) == stored(&received[0])));
    assert!(received.iter().all(|one| one.conversation.id == received[0].conversation.id));
    assert_eq!(counts(&app).await, [1, 1, 1, 1]);
    let kept = "SELECT count(*) FROM provider_message p JOIN thread_item i ON i.id = p.thread_item_id \
                WHERE p.provider_id = 'wamid.1' AND p.direction = 1 AND i.inbound";
    assert_eq!(app.database.number(kept).await, 1);
    numbered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kind_of_an_address_is_its_own_and_only_a_telephone_number_is_shown_as_one() {
    let app = TestApp::new().await;
    let sue = app.supervisor("sue").await;
    let page = app.entry_point(Channel::Messenger, "page1", EntryPointSetup::default()).await;
    let other_page = app.entry_point(Channel::Messenger, "page2", EntryPointSetup::default()).await;
    let sms = app.entry_point(Channel::Sms, "+49 30 5", EntryPointSetup::default()).await;
    let whatsapp = app.entry_point(Channel::Whatsapp, "+49 30 6", EntryPointSetup::default()).await;
    let mail = app.entry_point(Channel::Email, "help@example.com", EntryPointSetup::default()).await;
    for (at, from, kind, shown, phone) in [
        (&sms, Address::sender("+1 555-000-1"), "PHONE", "+15550001", Some("+15550001")),
        (&sms, Address::sender("68849"), "SHORT_CODE", "68849", None),
        (&sms, Address::sender("SUPPORT"), "NAME", "SUPPORT", None),
        (&whatsapp, Address::phone("+15550001"), "PHONE", "+15550001", Some("+15550001")),
        (&whatsapp, Address::business_scoped("15550002"), "BUSINESS_SCOPED", "15550002", None),
        (&page, Address::page_scoped("page1", "24"), "PAGE_SCOPED", "24", None),
        (&other_page, Address::page_scoped("page2", "24"), "PAGE_SCOPED", "24", None),
        (&mail, Address::email("Kim@Example.org"), "EMAIL", "kim@example.org", None),
    ] {
        let content = MessageContent::delivered("Hello", TextFormat::Plain, None);
        let message = InboundMessage::delivered(from.expected("an address"), shown, content);
        let received = receive(&app, 0, at, &message).await;
        assert_eq!(received.outcome, InboundOutcome::Began, "{shown} is another customer on each channel and page");
        let query =
            "query($id: ID!) { conversation(id: $id) { customer { displayName phone identities { kind address } } } }";
        let seen = sue.ask(query, json!({ "id": received.conversation.id.to_string() })).await;
        let expected =
            json!({ "displayName": shown, "phone": phone, "identities": [{ "kind": kind, "address": shown }] });
        assert_eq!(seen.at("conversation.customer"), &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_entry_point_begins_no_conversation_and_continues_those_that_it_has() {
    let app = TestApp::new().await;
    let at = app.entry_point(Channel::Sms, "+49 30 7", EntryPointSetup::default()).await;
    let first = receive(&app, 0, &at, &incoming(&at, "+15550001", "1")).await;
    let input = ArchiveEntryPointInput { entry_point_id: at.id.into() };
    entry_point_admin::archive(app.app(), AdminActor::System, &input).await.expected("the archive");
    leave(&app, &first.conversation.id.to_string()).await;
    let again = receive(&app, 0, &at, &incoming(&at, "+15550001", "2")).await;
    assert_eq!((again.outcome, again.conversation.id), (InboundOutcome::Reopened, first.conversation.id));
    let refused = messages::deliver(app.app(), at.id, &incoming(&at, "+15550002", "3")).await;
    assert!(matches!(refused, Err(Error::Refused(refusal)) if refusal.code == UserErrorCode::NotFound));
    assert_eq!(counts(&app).await, [1, 1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_message_of_a_visitor_takes_the_same_steps_as_a_delivered_one() {
    let app = TestApp::new().await;
    let never = BusinessHours { time_zone: "UTC".to_owned(), open: vec![], closed_on: vec![], answer: None };
    for (channel, reopens) in [(Channel::Sms, true), (Channel::Webchat, false)] {
        let entry_setup = EntryPointSetup { hours: Some(never.clone()), ..EntryPointSetup::default() };
        let at = app.entry_point(channel, &format!("{channel:?} 8"), entry_setup).await;
        let first = receive(&app, 0, &at, &incoming(&at, "+15550001", &format!("{channel:?}"))).await;
        let id = first.conversation.id.to_string();
        let kim = app.visitor(first.conversation.customer_id.expected("a customer"), at.id).await;
        assert_eq!(code(&kim.sends(0, &id, "1", "Anybody?").await), "");
        leave(&app, &id).await;
        let query = "query($id: ID!) { conversation(id: $id) { replyCapability { reason } } }";
        let reply = kim.ask(query, json!({ "id": id })).await.at("conversation.replyCapability")["reason"].clone();
        let late = kim.sends(0, &id, "2", "Hello?").await;
        if !reopens {
            assert_eq!((reply, code(&late)), (json!("CONVERSATION_ENDED"), "CONVERSATION_ENDED"));
            continue;
        }
        assert_eq!((reply, code(&late)), (Value::Null, ""));
        assert_eq!(kim.sends(0, &id, "2", "Hello?").await["replayed"], true);
        let thread = app.database.texts(
            "SELECT CASE announcement WHEN 12 THEN 'closed' ELSE body END FROM thread_item \
             WHERE kind = 1 OR announcement = 12 ORDER BY sequence",
        );
        assert_eq!(thread.await, ["This is Sms", "closed", "Anybody?", "Hello?", "closed"]);
        let tasks = "SELECT count(*) FROM task t JOIN conversation c ON c.task_id = t.id WHERE t.status = 1 AND t.previous_id IS NOT NULL";
        assert_eq!(app.database.number(tasks).await, 1);
        consistency::check(&app.database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reopens_a_closed_conversation_with_a_new_task() {
    let app = TestApp::two().await;
    for channel in [Channel::Messenger, Channel::Sms, Channel::Email, Channel::Whatsapp] {
        let at = app.entry_point(channel, &format!("{channel:?}"), EntryPointSetup::default()).await;
        let first = receive(&app, 0, &at, &incoming(&at, "kim", "1")).await;
        let second = receive(&app, 1, &at, &incoming(&at, "kim", "2")).await;
        assert_eq!((second.outcome, second.conversation.id), (InboundOutcome::Continued, first.conversation.id));
        leave(&app, &first.conversation.id.to_string()).await;
        // Concurrent messages reopen the conversation once.
        let copies: Vec<InboundMessage> = (3..13).map(|n| incoming(&at, "kim", &n.to_string())).collect();
        let again = join_all(copies.iter().enumerate().map(|(n, copy)| receive(&app, n, &at, copy))).await;
        assert_eq!(again.iter().filter(|received| received.outcome == InboundOutcome::Reopened).count(), 1);
        assert!(again.iter().all(|received| received.conversation.id == first.conversation.id));
        let (before, after) = (first.conversation.task_id, again[0].conversation.task_id);
        let live = task::Entity::find_by_id(after.expected("a task")).one(app.app().db.read()).await.expected("a look");
        assert_eq!(live.expected("a task").previous_id, before);
        assert!(again.iter().all(|received| received.message.as_ref().expected("a message").task_id == after));
    }
    assert_eq!(counts(&app).await, [4, 4, 48, 8]);
    numbered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_chat_is_never_reopened() {
    let app = TestApp::new().await;
    let at = app.web_site("shop").await;
    let first = receive(&app, 0, &at, &incoming(&at, "kim", "1")).await;
    leave(&app, &first.conversation.id.to_string()).await;
    let second = receive(&app, 0, &at, &incoming(&at, "kim", "2")).await;
    assert_eq!(second.outcome, InboundOutcome::Began);
    assert_ne!(second.conversation.id, first.conversation.id);
    assert_eq!(second.conversation.customer_id, first.conversation.customer_id);
    assert_eq!(counts(&app).await, [1, 2, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn emails_about_different_topics_are_different_conversations() {
    let app = TestApp::new().await;
    let at = app.entry_point(Channel::Email, "help@example.com", EntryPointSetup::default()).await;
    let about =
        |topic: &str, id: &str| InboundMessage { topic: topic.to_owned(), ..incoming(&at, "kim@example.org", id) };
    let first = receive(&app, 0, &at, &about("invoice", "1")).await;
    let other = receive(&app, 0, &at, &about("delivery", "2")).await;
    let same = receive(&app, 0, &at, &about("invoice", "3")).await;
    assert_eq!(
        [first.outcome, other.outcome, same.outcome],
        [InboundOutcome::Began, InboundOutcome::Began, InboundOutcome::Continued]
    );
    assert_eq!(same.conversation.id, first.conversation.id);
    assert_eq!(counts(&app).await, [1, 2, 3, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn customer_details_are_stored_and_nul_characters_are_removed() {
    let app = TestApp::new().await;
    let at = app.entry_point(Channel::Messenger, "page", EntryPointSetup::default()).await;
    receive(&app, 0, &at, &incoming(&at, "psid", "1")).await;
    let details = CustomerDetails { name: None, email: Some("kim@example.org".to_owned()), phone: None };
    let mut more = InboundMessage { details, ..incoming(&at, "psid", "2") };
    let sent_at = Some(app.clock.now() - Duration::hours(3));
    let content = MessageContent::delivered("a\0b", TextFormat::Plain, sent_at);
    more.message = Some(InboundContent::Delivered(content));
    let message = receive(&app, 0, &at, &more).await.message.expected("a message");
    assert_eq!((message.body.as_str(), message.sent_at), ("ab", sent_at));
    assert_eq!(message.created_at, app.clock.now(), "the order is that of arrival");
    let name = app.database.texts("SELECT display_name || ' ' || email FROM customer").await;
    assert_eq!(name, ["Customer psid kim@example.org"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_opening_hours_the_customer_gets_one_answer_and_the_task_waits() {
    let app = TestApp::new().await;
    let never = BusinessHours {
        time_zone: "Asia/Seoul".to_owned(),
        open: Vec::<OpenHours>::new(),
        closed_on: vec![],
        answer: Some("Back on Monday".to_owned()),
    };
    let at = app
        .entry_point(Channel::Sms, "+82", EntryPointSetup { hours: Some(never), ..EntryPointSetup::default() })
        .await;
    for id in ["1", "2", "3"] {
        receive(&app, 0, &at, &incoming(&at, "+82 2", id)).await;
    }
    let text = "CASE WHEN kind = 2 THEN CAST(announcement_data AS text) ELSE body END";
    let thread = app.database.texts(&format!("SELECT {text} FROM thread_item ORDER BY customer_sequence")).await;
    let [first, answer, second, third] = thread.as_slice() else { panic!("{thread:?}") };
    assert!(answer.contains("Back on Monday"), "an answer comes after what it answers: {thread:?}");
    assert_eq!([first, second, third], ["This is 1", "This is 2", "This is 3"]);
    assert_eq!(app.database.number("SELECT count(*) FROM task WHERE status = 1").await, 1);
}
