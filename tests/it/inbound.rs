//! Tests of inbound messages: each is stored once in the right conversation, however often and by whichever channel it
//! arrives.

use api::{
    conversations::customers::CustomerDetails,
    inbound::messages::{self, InboundMessage, InboundOutcome, InboundReceipt, MessageContent},
};
use chrono::Duration;
use entity::{
    channel::Channel,
    entry_point,
    queue::{BusinessHours, OpenHours},
    task,
    thread_item::TextFormat,
};
use futures_util::future::join_all;
use sea_orm::EntityTrait as _;

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency, rounds,
    visitors::{Door, leave},
};

/// Returns a message as a provider delivers it.
fn incoming(at: &entry_point::Model, from: &str, id: &str) -> InboundMessage {
    InboundMessage {
        entry_point: at.clone(),
        address: from.to_owned(),
        about: CustomerDetails { name: Some(format!("Customer {from}")), ..CustomerDetails::default() },
        topic: String::new(),
        written: MessageContent {
            id: id.to_owned(),
            body: format!("This is {id}"),
            format: TextFormat::Plain,
            sent_at: None,
            digest: None,
        },
    }
}

async fn receive(app: &TestApp, instance: usize, incoming: &InboundMessage) -> InboundReceipt {
    let instance = &app.instances[instance % app.instances.len()];
    messages::receive(&instance.app, incoming).await.expected("a message")
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
    let at = app.entry_point(Channel::Whatsapp, "+49 30 1", Door::default()).await;
    let customers = rounds(6);
    // Several customers send all their messages at the same moment, over all instances.
    for some in (0..customers).collect::<Vec<_>>().chunks(5) {
        let all = some.iter().flat_map(|customer| (0..EACH).map(move |n| (*customer, n))).map(|(customer, n)| {
            let (app, at) = (&app, &at);
            async move {
                receive(app, n, &incoming(at, &format!("+1555{customer:04}"), &format!("wamid.{customer}.{n}"))).await
            }
        });
        let began =
            join_all(all).await.into_iter().filter(|received| received.arrival == InboundOutcome::Began).count();
        assert_eq!(began, some.len());
    }
    let all = i64::try_from(customers).expected("few");
    assert_eq!(counts(&app).await, [all, all, all * 20, all]);
    numbered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_message_is_stored_once_also_concurrently_and_after_the_end() {
    let app = TestApp::two().await;
    let at = app.entry_point(Channel::Sms, "+49 30 2", Door::default()).await;
    let copy = incoming(&at, "+15550001", "SM1");
    let received = join_all((0..50).map(|n| receive(&app, n, &copy))).await;
    let first = received.iter().find(|received| received.arrival == InboundOutcome::Began).expected("the first");
    let replays = received.iter().filter(|received| received.arrival == InboundOutcome::Replayed).count();
    assert_eq!(replays, 49);
    assert!(received.iter().all(|received| received.message.id == first.message.id));
    leave(&app, &first.conversation.id.to_string()).await;
    let late = receive(&app, 0, &copy).await;
    assert_eq!((late.arrival, late.message.id), (InboundOutcome::Replayed, first.message.id));
    assert_eq!(counts(&app).await, [1, 1, 1, 1]);
    assert_eq!(app.database.number("SELECT count(*) FROM conversation WHERE status = 2").await, 1, "it stays closed");
    // The same id from another customer or at another entry point is another message.
    let other = app.entry_point(Channel::Sms, "+49 30 3", Door::default()).await;
    assert_eq!(receive(&app, 0, &incoming(&at, "+15550002", "SM1")).await.arrival, InboundOutcome::Began);
    assert_eq!(receive(&app, 0, &incoming(&other, "+15550001", "SM1")).await.arrival, InboundOutcome::Began);
    assert_eq!(counts(&app).await, [2, 3, 3, 3]);
    numbered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reopens_a_closed_conversation_with_a_new_task() {
    let app = TestApp::two().await;
    for channel in [Channel::Messenger, Channel::Sms, Channel::Email, Channel::Whatsapp] {
        let at = app.entry_point(channel, &format!("{channel:?}"), Door::default()).await;
        let first = receive(&app, 0, &incoming(&at, "kim", "1")).await;
        let second = receive(&app, 1, &incoming(&at, "kim", "2")).await;
        assert_eq!((second.arrival, second.conversation.id), (InboundOutcome::WentOn, first.conversation.id));
        leave(&app, &first.conversation.id.to_string()).await;
        // Concurrent messages reopen the conversation once.
        let copies: Vec<InboundMessage> = (3..13).map(|n| incoming(&at, "kim", &n.to_string())).collect();
        let again = join_all(copies.iter().enumerate().map(|(n, copy)| receive(&app, n, copy))).await;
        assert_eq!(again.iter().filter(|received| received.arrival == InboundOutcome::Reopened).count(), 1);
        assert!(again.iter().all(|received| received.conversation.id == first.conversation.id));
        let (before, after) = (first.conversation.task_id, again[0].conversation.task_id);
        let live = task::Entity::find_by_id(after.expected("a task")).one(app.app().db.read()).await.expected("a look");
        assert_eq!(live.expected("a task").previous_id, before);
        assert!(again.iter().all(|received| received.message.task_id == after));
    }
    assert_eq!(counts(&app).await, [4, 4, 48, 8]);
    numbered(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_chat_is_never_reopened() {
    let app = TestApp::new().await;
    let at = app.web_site("shop").await;
    let first = receive(&app, 0, &incoming(&at, "kim", "1")).await;
    leave(&app, &first.conversation.id.to_string()).await;
    let second = receive(&app, 0, &incoming(&at, "kim", "2")).await;
    assert_eq!(second.arrival, InboundOutcome::Began);
    assert_ne!(second.conversation.id, first.conversation.id);
    assert_eq!(second.conversation.customer_id, first.conversation.customer_id);
    assert_eq!(counts(&app).await, [1, 2, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn emails_about_different_topics_are_different_conversations() {
    let app = TestApp::new().await;
    let at = app.entry_point(Channel::Email, "help@example.com", Door::default()).await;
    let about =
        |topic: &str, id: &str| InboundMessage { topic: topic.to_owned(), ..incoming(&at, "kim@example.org", id) };
    let first = receive(&app, 0, &about("invoice", "1")).await;
    let other = receive(&app, 0, &about("delivery", "2")).await;
    let same = receive(&app, 0, &about("invoice", "3")).await;
    assert_eq!(
        [first.arrival, other.arrival, same.arrival],
        [InboundOutcome::Began, InboundOutcome::Began, InboundOutcome::WentOn]
    );
    assert_eq!(same.conversation.id, first.conversation.id);
    assert_eq!(counts(&app).await, [1, 2, 3, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn customer_details_are_stored_and_nul_characters_are_removed() {
    let app = TestApp::new().await;
    let at = app.entry_point(Channel::Messenger, "page", Door::default()).await;
    receive(&app, 0, &incoming(&at, "psid", "1")).await;
    let about = CustomerDetails { name: None, email: Some("kim@example.org".to_owned()), phone: None };
    let mut more = InboundMessage { about, ..incoming(&at, "psid", "2") };
    more.written.body = "a\0b".to_owned();
    more.written.sent_at = Some(app.clock.now() - Duration::hours(3));
    let received = receive(&app, 0, &more).await;
    assert_eq!(received.message.body, "ab");
    assert_eq!(received.message.sent_at, more.written.sent_at);
    assert_eq!(received.message.created_at, app.clock.now(), "the order is that of arrival");
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
    let at = app.entry_point(Channel::Sms, "+82", Door { hours: Some(never), ..Door::default() }).await;
    for id in ["1", "2", "3"] {
        receive(&app, 0, &incoming(&at, "+82 2", id)).await;
    }
    let text = "CASE WHEN kind = 2 THEN CAST(announcement_data AS text) ELSE body END";
    let thread = app.database.texts(&format!("SELECT {text} FROM thread_item ORDER BY customer_sequence")).await;
    let [first, answer, second, third] = thread.as_slice() else { panic!("{thread:?}") };
    assert!(answer.contains("Back on Monday"), "an answer comes after what it answers: {thread:?}");
    assert_eq!([first, second, third], ["This is 1", "This is 2", "This is 3"]);
    assert_eq!(app.database.number("SELECT count(*) FROM task WHERE status = 1").await, 1);
}
