//! Tests of agent desktops: states, offers and wrap-ups. One accept wins. An agent who does not answer gets no further
//! offers until they change their state.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::consistency;
use crate::support::{Expected as _, app::TestApp, desk::NewQueue, person::Person};

#[tokio::test(flavor = "multi_thread")]
async fn an_available_agent_gets_the_waiting_task_with_a_preview_of_the_customer() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Whatsapp, &[&ann]).await;
    let waiting = app.waits(&queue_setup, "+15550199").await;
    app.settle().await;
    assert_eq!(ann.state().await, "OFFLINE", "whoever has not turned to anything is not at work");
    assert_eq!(ann.turns("AVAILABLE").await, "");
    app.settle().await;
    let desk = ann.desk().await;
    let offer = &desk["offers"][0];
    assert_eq!(offer["task"]["id"], waiting.task.to_string());
    assert_eq!(offer["preview"]["queueName"], "Whatsapp");
    assert_eq!(offer["preview"]["customerName"], "+15550199");
    assert_eq!(offer["preview"]["sourceNumber"], "Whatsapp", "the number that was written to");
    assert_eq!(offer["preview"]["customerEmail"], Value::Null);
    assert_eq!(desk["agent"]["capacity"][4]["used"], 1, "an offer counts");
    assert_eq!(ann.accepts_it().await, waiting.task.to_string());
    let desk = ann.desk().await;
    assert_eq!(desk["offers"], json!([]));
    assert_eq!(desk["tasks"][0]["status"], "CONNECTED");
    assert_eq!(desk["tasks"][0]["availableActions"], json!(["SEND_MESSAGE", "END", "TRANSFER", "REQUEST_CONFERENCE"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_offer_goes_to_the_next_agent_and_sets_rona() {
    let app = TestApp::two().await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann, &ben]).await;
    ann.turns("AVAILABLE").await;
    app.clock.advance(chrono::Duration::seconds(1));
    ben.turns("AVAILABLE").await;
    let task = app.waits(&queue_setup, "cem").await.task.to_string();
    app.settle().await;
    let late = ann.offers().await.pop().expected("the one who has waited longest");
    app.pass(29).await;
    assert_eq!(ann.is_offered().await, std::slice::from_ref(&task), "there is a second left");
    app.pass(1).await;
    assert_eq!((ann.state().await, ann.offers().await.len()), ("RONA".to_owned(), 0));
    assert_eq!(ann.desk().await["agent"]["idleReason"]["name"], "No answer");
    assert_eq!(ben.is_offered().await, std::slice::from_ref(&task));
    assert_eq!(ann.accepts(&late).await, Err(("OFFER_EXPIRED".to_owned(), None)));
    ben.accepts_it().await;
    assert_eq!(ann.accepts(&late).await, Err(("OFFER_ALREADY_ACCEPTED".to_owned(), Some("ben".to_owned()))));
    app.waits(&queue_setup, "dan").await;
    ben.turns("IDLE").await;
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 0, "who is RONA is offered nothing");
    assert_eq!(ann.turns("RONA").await, "INVALID_STATE_TRANSITION");
    ann.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn declining_sets_idle_and_returns_the_task_to_its_position() {
    let app = TestApp::two().await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let queue_setup = app.queue_setup(Channel::Sms, &[&ann, &ben]).await;
    ann.turns("AVAILABLE").await;
    let first = app.waits(&queue_setup, "1").await.task.to_string();
    app.settle().await;
    let second = app.waits(&queue_setup, "2").await.task.to_string();
    let offer = ann.offers().await.pop().expected("an offer");
    assert_eq!(ann.declines(&offer).await, "");
    assert_eq!(ann.declines(&offer).await, "", "again is the same");
    let desk = ann.desk().await;
    assert_eq!((&desk["agent"]["state"], &desk["agent"]["idleReason"]["name"]), (&json!("IDLE"), &json!("Declined")));
    assert_eq!(ann.accepts(&offer).await, Err(("OFFER_EXPIRED".to_owned(), None)));
    ben.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ben.is_offered().await, [first, second], "each at its old place");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_for_one_agent_and_no_other_can_answer_it() {
    let app = TestApp::two().await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann, &ben]).await;
    let jane = app.person("jane").await;
    ann.turns("AVAILABLE").await;
    app.waits(&queue_setup, "cem").await;
    app.settle().await;
    let offer = ann.offers().await.pop().expected("an offer");
    for other in [&ben, &jane] {
        let refused = other.accepts(&offer).await.expect_err("a refusal");
        assert!(["NOT_FOUND", "NOT_ALLOWED"].contains(&refused.0.as_str()), "{} {refused:?}", other.handle);
        assert_ne!(other.declines(&offer).await, "");
        let node = other.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": offer })).await;
        assert_eq!(node.body["data"]["node"], Value::Null);
    }
    assert_eq!(jane.turns("AVAILABLE").await, "NOT_ALLOWED");
    assert_eq!(jane.desk().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_goes_offline_with_open_tasks() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    ann.turns("AVAILABLE").await;
    let arrival = app.waits(&queue_setup, "cem").await;
    app.settle().await;
    let task = ann.accepts_it().await;
    assert_eq!(ann.turns("OFFLINE").await, "INVALID_STATE_TRANSITION", "a conversation");
    assert_eq!(ann.turns("IDLE").await, "", "an idle agent keeps what they hold");
    assert_eq!(ann.ends(&arrival.conversation.to_string()).await, "");
    assert_eq!(ann.turns("OFFLINE").await, "WRAP_UP_PENDING");
    assert_eq!(ann.wraps_up(&task).await, "");
    assert_eq!(ann.turns("OFFLINE").await, "");
    assert_eq!(ann.desk().await["agent"]["capacity"][2]["used"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_active_reasons_of_the_right_kind_are_accepted() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    ann.turns("AVAILABLE").await;
    let reasons = ann.ask("{ idleReasons { id name system isDefault } }", Value::Null).await;
    let of = |name: &str| {
        let found = reasons.at("idleReasons").as_array().into_iter().flatten().find(|reason| reason["name"] == name);
        found.expected(name)["id"].clone()
    };
    let idle = |reason: Value| json!({ "state": "IDLE", "idleReasonId": reason });
    assert_eq!(ann.turns_with(idle(of("Declined"))).await, "INVALID_REASON");
    assert_eq!(ann.turns_with(idle(json!("idle_01m7xnapkeess9yf3kt8ay0ya3"))).await, "INVALID_REASON");
    assert_eq!(ann.turns_with(idle(json!("nonsense"))).await, "INVALID_REASON");
    assert_eq!(ann.turns_with(json!({ "state": "AVAILABLE", "idleReasonId": of("Idle") })).await, "INVALID");
    assert_eq!(ann.turns_with(idle(of("Idle"))).await, "");
    assert_eq!(ann.turns_with(json!({ "state": "OFFLINE", "channels": ["SMS"] })).await, "INVALID_STATE_TRANSITION");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_can_be_idle_on_single_channels() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let sms = app.queue_setup(Channel::Sms, &[&ann]).await;
    let chat = app.queue_setup(Channel::Webchat, &[&ann]).await;
    ann.turns("AVAILABLE").await;
    assert_eq!(ann.turns_with(json!({ "state": "IDLE", "channels": ["SMS"] })).await, "");
    app.waits(&sms, "1").await;
    let second = app.waits(&chat, "2").await.task.to_string();
    app.settle().await;
    assert_eq!(ann.is_offered().await, [second]);
    assert_eq!(ann.turns_with(json!({ "state": "AVAILABLE", "channels": ["SMS"] })).await, "");
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 2);
}

async fn connected_task(app: &TestApp, ann: &Person, channel: Channel, new: NewQueue) -> (String, String) {
    let queue_setup = app.queue_setup_of(NewQueue { channel, ..new }, &[ann]).await;
    ann.turns("AVAILABLE").await;
    let arrival = app.waits(&queue_setup, "cem").await;
    app.settle().await;
    (ann.accepts_it().await, arrival.conversation.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrap_up_is_completed_automatically_and_can_be_extended_once() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let new = NewQueue { auto_wrap_up_seconds: Some(60), ..NewQueue::of(Channel::Webchat, "chat") };
    let (task, conversation) = connected_task(&app, &ann, Channel::Webchat, new).await;
    assert_eq!(ann.ends(&conversation).await, "");
    assert_eq!(ann.desk().await["tasks"][0]["availableActions"], json!(["WRAP_UP", "EXTEND_WRAP_UP"]));
    app.pass(50).await;
    let extend = "mutation($id: ID!) { extendWrapUp(input: { taskId: $id }) { task { status } userErrors { code } } }";
    let answer = ann.ask(extend, json!({ "id": task })).await;
    assert_eq!(answer.at("extendWrapUp.userErrors"), &json!([]));
    let answer = ann.ask(extend, json!({ "id": task })).await;
    assert_eq!(answer.at("extendWrapUp.userErrors"), &json!([]), "the same again changes nothing");
    app.pass(69).await;
    assert_eq!(ann.desk().await["tasks"][0]["status"], "WRAP_UP");
    app.pass(1).await;
    assert_eq!(ann.desk().await["tasks"], json!([]));
    let query = "query($id: ID!) { node(id: $id) { ... on Task { status wrapUps { automatic submittedAt reasons { name } } } } }";
    let answer = ann.ask(query, json!({ "id": task })).await;
    assert_eq!(answer.at("node.status"), "COMPLETED");
    assert_eq!(answer.at("node.wrapUps.0.automatic"), true);
    assert_eq!(answer.at("node.wrapUps.0.reasons.0.name"), "Other");
    assert_eq!(ann.wraps_up(&task).await, "NOTHING_TO_WRAP_UP", "there is nothing left to wrap up");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_limits_the_number_of_wrap_up_reasons() {
    let app = TestApp::two().await;
    for (channel, several) in [
        (Channel::Webchat, true),
        (Channel::Whatsapp, true),
        (Channel::Sms, false),
        (Channel::Messenger, false),
        (Channel::Email, false),
    ] {
        let ann = app.agent(&format!("ann.{}", channel as i16)).await;
        let (task, conversation) =
            connected_task(&app, &ann, channel, NewQueue::of(channel, &format!("{channel:?}"))).await;
        ann.ends_with(&conversation, true).await;
        let other = ann.reason("Other").await;
        let more = app.reason(&format!("Reason {channel:?}")).await;
        assert_eq!(ann.wraps_up_with(&task, json!([])).await, "INVALID_REASON");
        assert_eq!(ann.wraps_up_with(&task, json!(["idle_01m7xnapkeess9yf3kt8ay0ya3"])).await, "INVALID_REASON");
        let said = ann.wraps_up_with(&task, json!([other, more])).await;
        assert_eq!(said, if several { "" } else { "INVALID_REASON" }, "{channel:?}");
        if !several {
            assert_eq!(ann.wraps_up_with(&task, json!([more])).await, "", "{channel:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_requires_the_customers_consent_on_some_channels() {
    let app = TestApp::two().await;
    for (channel, asks) in [
        (Channel::Messenger, true),
        (Channel::Sms, true),
        (Channel::Webchat, false),
        (Channel::Whatsapp, false),
        (Channel::Email, false),
    ] {
        let ann = app.agent(&format!("ann.{}", channel as i16)).await;
        let (_, conversation) =
            connected_task(&app, &ann, channel, NewQueue::of(channel, &format!("{channel:?}"))).await;
        let said = ann.ends(&conversation).await;
        assert_eq!(said, if asks { "CUSTOMER_CONSENT_REQUIRED" } else { "" }, "{channel:?}");
        if asks {
            assert_eq!(ann.ends_with(&conversation, true).await, "", "{channel:?}");
        }
        assert_eq!(ann.ends_with(&conversation, true).await, "", "{channel:?}, again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_conversation_is_closed_automatically() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let new = NewQueue { inactivity_seconds: Some(300), ..NewQueue::of(Channel::Webchat, "chat") };
    let (task, _) = connected_task(&app, &ann, Channel::Webchat, new).await;
    app.pass(299).await;
    assert_eq!(ann.desk().await["tasks"][0]["status"], "CONNECTED");
    app.pass(1).await;
    assert_eq!(ann.desk().await["tasks"][0]["status"], "WRAP_UP");
    let answer = ann.ask("query($id: ID!) { node(id: $id) { ... on Task { endedBy } } }", json!({ "id": task })).await;
    assert_eq!(answer.at("node.endedBy"), "SYSTEM");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intervals_of_agent_states_have_no_gaps_also_when_the_clock_goes_back() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let began = app.clock.now();
    ann.turns("AVAILABLE").await;
    app.pass(10).await;
    ann.turns("IDLE").await;
    app.clock.advance(chrono::Duration::seconds(-3_600));
    ann.turns("AVAILABLE").await;
    app.clock.advance(chrono::Duration::seconds(3_700));
    app.waits(&queue_setup, "cem").await;
    app.settle().await;
    app.pass(30).await;
    assert_eq!(ann.state().await, "RONA");
    consistency::check(&app.database).await;
    assert_eq!(app.database.number("SELECT count(*) FROM agent_interval").await, 5);
    assert!(began <= app.clock.now());
}
