//! Tests of the rules of the five channels: offer previews, limits, announcements to customers, ends of conversations,
//! and refusals to agents and customers.

use api::{
    conversations::{customers::CustomerDetails, message_content::MessageContent},
    inbound::messages::{self, InboundMessage},
};
use chrono::SubsecRound as _;
use entity::{channel::Channel, thread_item::TextFormat};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    arrivals::address_of,
    arrivals::{announced, connected_task},
    conversations::{SEND, code},
    desk::{Arrival, NewQueue, QueueSetup, ids},
    person::Person,
    socket::Socket,
    visitors::{by, chat, leave, message, start},
};

const WAITS: &str = include_str!("operations/channel_rules/waits.graphql");

/// Creates a queue with one agent for each channel.
async fn channels(app: &TestApp) -> Vec<(Channel, Person, QueueSetup)> {
    let mut all = Vec::new();
    for channel in Channel::ALL {
        let agent = app.agent(&format!("{channel:?}").to_lowercase()).await;
        let queue_setup = app.queue_setup_of(NewQueue::of(channel, &format!("Queue {channel:?}")), &[&agent]).await;
        assert_eq!(agent.turns("AVAILABLE").await, "");
        all.push((channel, agent, queue_setup));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn offer_previews_show_the_details_of_their_channel() {
    let app = TestApp::new().await;
    for (channel, agent, queue_setup) in channels(&app).await {
        let (address, name, expected) = match channel {
            Channel::Messenger => (
                "psid-1",
                Some("Kim"),
                json!({ "customerName": "Kim", "customerEmail": null, "customerPhone": null, "sourceNumber": null, "sourcePage": "Queue Messenger entry_setup" }),
            ),
            Channel::Sms => (
                "+4915550100",
                None,
                json!({ "customerName": null, "customerEmail": null, "customerPhone": "+4915550100", "sourceNumber": "Queue Sms", "sourcePage": null }),
            ),
            Channel::Webchat => (
                "kim",
                Some("Kim"),
                json!({ "customerName": "Kim", "customerEmail": "kim@example.org", "customerPhone": null, "sourceNumber": null, "sourcePage": null }),
            ),
            Channel::Email => (
                "kim@example.org",
                Some("Kim"),
                json!({ "customerName": "Kim", "customerEmail": "kim@example.org", "customerPhone": null, "sourceNumber": null, "sourcePage": null }),
            ),
            Channel::Whatsapp => (
                "+4915550101",
                Some("Kim"),
                json!({ "customerName": "Kim", "customerEmail": null, "customerPhone": "+4915550101", "sourceNumber": "Queue Whatsapp", "sourcePage": null }),
            ),
        };
        let email = (channel == Channel::Webchat).then(|| "kim@example.org".to_owned());
        let content = MessageContent::delivered("Hello", TextFormat::Plain, None);
        let incoming = InboundMessage {
            details: CustomerDetails { name: name.map(str::to_owned), email, phone: None },
            ..InboundMessage::delivered(address_of(&queue_setup.entry_point, address), "1", content)
        };
        messages::deliver(app.app(), queue_setup.entry_point.id, &incoming).await.expected("a message");
        app.clock.advance(chrono::Duration::seconds(5));
        app.settle().await;
        let mut shown = agent.desk().await["offers"][0]["preview"].clone();
        // The offer's timer starts when the customer wrote, not when the offer was made.
        let received = shown["receivedAt"].as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
        let written = (app.clock.now() - chrono::Duration::seconds(5)).trunc_subsecs(3);
        assert_eq!(received, Some(written), "{channel:?}");
        assert_eq!(shown["queueName"], format!("Queue {channel:?}"));
        let fields = shown.as_object_mut().expected("details");
        fields.retain(|name, _| name != "receivedAt" && name != "queueName");
        assert_eq!(shown, expected, "{channel:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_channel_announces_agents_and_ends_conversations_by_its_rules() {
    let app = TestApp::new().await;
    for (channel, agent, queue_setup) in channels(&app).await {
        // Only customers of web chats and WhatsApp learn that an agent has joined or left.
        let told = [Channel::Webchat, Channel::Whatsapp].contains(&channel);
        let asks = [Channel::Messenger, Channel::Sms].contains(&channel);
        let name = &agent.handle;
        let by_agent = connected_task(&app, &agent, &queue_setup, "kim").await;
        let id = by_agent.conversation.to_string();
        assert_eq!(agent.ends(&id).await, if asks { "CUSTOMER_CONSENT_REQUIRED" } else { "" }, "{channel:?}");
        if asks {
            assert_eq!(agent.ends_with(&id, true).await, "");
        }
        let lines = [(format!("{name} has joined."), told), (format!("{name} has ended the conversation."), told)];
        assert_eq!(announced(&app, by_agent).await, lines, "{channel:?}");
        assert_eq!(agent.ends_with(&id, true).await, "", "the same again");
        assert_eq!(agent.desk().await["tasks"][0]["status"], "WRAP_UP", "{channel:?}");
        assert_eq!(agent.wraps_up(&by_agent.task.to_string()).await, "");

        let by_customer = connected_task(&app, &agent, &queue_setup, "lee").await;
        leave(&app, &by_customer.conversation.to_string()).await;
        let lines = [(format!("{name} has joined."), told), ("lee has left.".to_owned(), true)];
        assert_eq!(announced(&app, by_customer).await, lines, "{channel:?}");
        assert_eq!(agent.desk().await["tasks"][0]["status"], "WRAP_UP", "{channel:?}");
        assert_eq!(agent.desk().await["agent"]["state"], "AVAILABLE");
        let ended = "query($id: ID!) { node(id: $id) { ... on Task { endedBy } } }";
        for (arrival, by) in [(by_agent, "AGENT"), (by_customer, "CUSTOMER")] {
            let answer = agent.ask(ended, json!({ "id": arrival.task.to_string() })).await;
            assert_eq!(answer.at("node.endedBy"), by, "{channel:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_shows_its_available_actions_in_every_status() {
    let app = TestApp::new().await;
    for (channel, agent, queue_setup) in channels(&app).await {
        let asked = "query($id: ID!) { node(id: $id) { ... on Task { status availableActions position acceptedAt endedAt priority } } }";
        let stands = async |arrival: &Arrival| {
            let answer = agent.ask(asked, json!({ "id": arrival.task.to_string() })).await;
            let task = answer.at("node").clone();
            (task["status"].as_str().unwrap_or_default().to_owned(), task["availableActions"].clone(), task)
        };
        assert_eq!(agent.turns("IDLE").await, "");
        let arrival = app.waits(&queue_setup, "kim").await;
        app.settle().await;
        let (status, actions, task) = stands(&arrival).await;
        assert_eq!((status.as_str(), &actions), ("QUEUED", &json!([])), "{channel:?}");
        assert_eq!((&task["position"], &task["priority"]), (&json!(1), &json!(10)), "{channel:?}");
        assert_eq!(agent.turns("AVAILABLE").await, "");
        app.settle().await;
        let (status, actions, _) = stands(&arrival).await;
        assert_eq!((status.as_str(), actions), ("OFFERED", json!([])), "it is accepted or declined as an offer");
        agent.accepts_it().await;
        let (status, actions, task) = stands(&arrival).await;
        assert_eq!(status, "CONNECTED", "{channel:?}");
        let possible = actions.as_array().cloned().unwrap_or_default();
        assert!(possible.contains(&json!("SEND_MESSAGE")) && possible.contains(&json!("END")), "{channel:?} {actions}");
        // These channels have neither hold nor consultation, and a task cannot be wrapped up before its end.
        assert!(possible.iter().all(|action| !["HOLD", "CONSULT", "WRAP_UP"].map(|no| json!(no)).contains(action)));
        assert!(task["acceptedAt"].is_string() && task["endedAt"].is_null() && task["position"].is_null());
        assert_eq!(agent.wraps_up(&arrival.task.to_string()).await, "NOTHING_TO_WRAP_UP");
        assert_eq!(agent.ends_with(&arrival.conversation.to_string(), true).await, "");
        let (status, actions, task) = stands(&arrival).await;
        assert_eq!((status.as_str(), actions), ("WRAP_UP", json!(["WRAP_UP"])), "{channel:?}");
        assert!(task["endedAt"].is_string());
        assert_eq!(agent.wraps_up(&arrival.task.to_string()).await, "");
        let (status, actions, _) = stands(&arrival).await;
        assert_eq!((status.as_str(), actions), ("COMPLETED", json!([])), "{channel:?}");
        // A task is abandoned when its customer leaves before an agent accepts it.
        assert_eq!(agent.turns("IDLE").await, "");
        let gone = app.waits(&queue_setup, "lee").await;
        leave(&app, &gone.conversation.to_string()).await;
        assert_eq!(stands(&gone).await.0, "ABANDONED", "{channel:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_expire_after_30_seconds_or_after_the_queues_own_time() {
    let app = TestApp::new().await;
    for (channel, agent, queue_setup) in channels(&app).await {
        app.waits(&queue_setup, "kim").await;
        app.settle().await;
        let expires = agent.desk().await["offers"][0]["expiresAt"].clone();
        let expires = expires.as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
        let due = (app.clock.now() + chrono::Duration::seconds(30)).trunc_subsecs(3);
        assert_eq!(expires, Some(due), "{channel:?}");
    }
    let ann = app.agent("ann").await;
    let queue = NewQueue { offer_seconds: Some(6_000), ..NewQueue::of(Channel::Sms, "Slow") };
    let queue_setup = app.queue_setup_of(queue, &[&ann]).await;
    ann.turns("AVAILABLE").await;
    app.waits(&queue_setup, "kim").await;
    app.settle().await;
    app.pass(5_999).await;
    assert_eq!(ann.offers().await.len(), 1);
    app.pass(1).await;
    assert_eq!((ann.offers().await.len(), ann.state().await), (0, "RONA".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_forbidden_action_is_refused_with_its_own_code() {
    let app = TestApp::new().await;
    let ben = app.agent("ben").await;
    app.reason("Solved").await;
    let idle = ben.ask("{ idleReasons { id system } }", Value::Null).await;
    let idle = idle.at("idleReasons").as_array().into_iter().flatten().find(|reason| reason["system"] == false);
    let idle = idle.expected("a reason")["id"].clone();
    for (channel, agent, queue_setup) in channels(&app).await {
        let arrival = app.waits(&queue_setup, "kim").await;
        app.settle().await;
        let id = arrival.conversation.to_string();
        let offer = agent.offers().await.remove(0);
        let sends = async |by: &Person, key: &str, body: &str| {
            let sent = by.ask(SEND, json!({ "c": id, "m": key, "b": body })).await;
            code(sent.at("sent")).to_owned()
        };
        // Accepting another agent's offer is refused.
        assert_eq!(ben.accepts(&offer).await, Err(("NOT_FOUND".to_owned(), None)));
        // Sending a message before accepting is refused.
        assert_eq!(sends(&agent, "early", "Hello").await, "NOT_A_PARTICIPANT", "{channel:?}");
        // Accepting an expired offer is refused.
        app.pass(30).await;
        assert_eq!(agent.accepts(&offer).await, Err(("OFFER_EXPIRED".to_owned(), None)));
        // An agent cannot choose RONA.
        assert_eq!(agent.state().await, "RONA");
        assert_eq!(agent.turns("RONA").await, "INVALID_STATE_TRANSITION");
        agent.turns("AVAILABLE").await;
        app.settle().await;
        let task = agent.accepts_it().await;
        // A message over the limit is refused. E-mail has no limit.
        let limit = match channel {
            Channel::Whatsapp => Some(4_096),
            Channel::Email => None,
            _ => Some(1_000),
        };
        if let Some(limit) = limit {
            // The limit counts Unicode scalar values, not bytes.
            assert_eq!(sends(&agent, "long", &"한".repeat(limit)).await, "", "{channel:?}");
            assert_eq!(sends(&agent, "longer", &"한".repeat(limit + 1)).await, "TOO_LONG", "{channel:?}");
        } else {
            assert_eq!(sends(&agent, "long", &"한".repeat(5_000)).await, "", "{channel:?}");
        }
        assert_eq!(agent.ends_with(&id, true).await, "");
        // Sending a message after the end is refused.
        assert_eq!(sends(&agent, "late", "Hello").await, "CONVERSATION_ENDED", "{channel:?}");
        // Going offline before the wrap-up is refused, and so are an idle reason, two reasons where one is allowed, and
        // none.
        assert_eq!(agent.turns("OFFLINE").await, "WRAP_UP_PENDING");
        assert_eq!(agent.wraps_up_with(&task, json!([idle])).await, "INVALID_REASON");
        assert_eq!(agent.wraps_up_with(&task, json!([])).await, "INVALID_REASON");
        let reasons = agent.ask("{ wrapUpReasons { id } }", Value::Null).await;
        let two: Vec<String> = ids(reasons.at("wrapUpReasons")).into_iter().take(2).collect();
        let several = [Channel::Webchat, Channel::Whatsapp].contains(&channel);
        let said = agent.wraps_up_with(&task, json!(two)).await;
        assert_eq!(said, if several { "" } else { "INVALID_REASON" }, "{channel:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_customers_receive_every_change_of_their_queue_position() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let mut others = Vec::new();
    for name in ["a", "b"] {
        others.push(app.waits(&queue_setup, name).await);
        app.clock.advance(chrono::Duration::seconds(1));
    }
    let begun = start(&app.anonymous(), &queue_setup.entry_point, message("1", "Hello")).await;
    let (kim, id) = (by(&app, &begun), chat(&begun).to_owned());
    // With two instances, this is the instance that did not create the chat.
    let url = &app.instances[app.instances.len() - 1].url;
    let mut socket = Socket::open(url, kim.token.as_deref()).await;
    socket.subscribe("1", WAITS, json!({ "id": id })).await;
    let next = async |socket: &mut Socket| loop {
        let event = socket.event().await.expected("a hint");
        if event["__typename"] == "QueuePositionUpdate" {
            return event["position"].as_i64();
        }
    };
    assert_eq!(next(&mut socket).await, Some(3));
    leave(&app, &others[0].conversation.to_string()).await;
    assert_eq!(next(&mut socket).await, Some(2));
    ann.turns("AVAILABLE").await;
    app.settle().await;
    let first = ann.desk().await["offers"].as_array().into_iter().flatten().find_map(|offer| {
        (offer["task"]["id"] == others[1].task.to_string()).then(|| offer["id"].as_str().unwrap_or_default().to_owned())
    });
    ann.accepts(&first.expected("an offer of what waits longest")).await.expected("a task");
    assert_eq!(next(&mut socket).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_capabilities_of_channels_are_data() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let query = "{ channels { channel characterLimit highestCharacterLimit richText emoji emojiReactions announcements \
                 attachments templates templateAttachments workflows conferenceTargets transferTargets \
                 severalWrapUpReasons deliveryReceipts readReceipts edits } }";
    let answer = ann.ask(query, Value::Null).await;
    assert_eq!(answer.at("channels").as_array().map(Vec::len), Some(5));
    assert_eq!(
        answer.at("channels.1"),
        &json!({ "channel": "SMS", "characterLimit": 1_000, "highestCharacterLimit": 1_600,
        "richText": false, "emoji": false, "emojiReactions": false, "announcements": true, "attachments": false,
        "templates": true, "templateAttachments": false, "workflows": false,
        "conferenceTargets": ["AGENT"], "transferTargets": ["AGENT", "QUEUE"], "severalWrapUpReasons": false, "deliveryReceipts": true,
        "readReceipts": false, "edits": false })
    );
    assert_eq!(answer.at("channels.3.conferenceTargets"), &json!([]));
    let channels = answer.at("channels").as_array().expected("channels");
    let limits: Vec<&Value> = channels.iter().map(|channel| &channel["characterLimit"]).collect();
    assert_eq!(json!(limits), json!([1_000, 1_000, 1_000, null, 4_096]));
}
