//! Tests of conferences: an agent invites one other agent by the rules of the channel. The owner ends the conference
//! for everybody, and the joined agent may leave. The customer does not notice an invitation that nobody accepts.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    arrivals::{announced, connected_task},
    consistency,
    conversations::{SEND, code},
    desk::{Arrival, NewQueue, QueueSetup},
    person::Person,
    visitors::leave,
};

/// The channels that have conferences.
const CONFERENCES: [Channel; 4] = [Channel::Messenger, Channel::Sms, Channel::Webchat, Channel::Whatsapp];
/// The channels whose customers see an announcement when an agent joins.
const TOLD: [Channel; 2] = [Channel::Webchat, Channel::Whatsapp];

/// Creates an agent in a conversation of the channel, and an agent who could join.
async fn pair(app: &TestApp, channel: Channel, more: &str) -> (Person, Person, QueueSetup, Arrival) {
    let names = ["ann", "ben"].map(|name| format!("{name}{more}.{}", channel as i16));
    let [ann, ben] = app.agents(names.each_ref().map(String::as_str)).await;
    let queue_setup = app.queue_setup_of(NewQueue::of(channel, &format!("First{more} {channel:?}")), &[&ann]).await;
    ann.turns("AVAILABLE").await;
    ben.turns("AVAILABLE").await;
    let arrival = connected_task(app, &ann, &queue_setup, "kim").await;
    (ann, ben, queue_setup, arrival)
}

async fn says(by: &Person, arrival: &Arrival, key: &str) -> String {
    let sent = by.ask(SEND, json!({ "c": arrival.conversation.to_string(), "m": key, "b": "Hello" })).await;
    code(sent.at("sent")).to_owned()
}

/// Returns the number of events that the customer has received.
async fn told_customer(app: &TestApp, arrival: &Arrival) -> i64 {
    let id = app.database.literal(arrival.conversation.0);
    app.database.number(&format!("SELECT last_sequence FROM stream WHERE kind = 7 AND owner_id = {id}")).await
}

async fn actions(by: &Person) -> Value {
    by.desk().await["tasks"][0]["availableActions"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_agent_joins_writes_and_leaves_and_the_conversation_continues() {
    let app = TestApp::two().await;
    for channel in CONFERENCES {
        let (ann, ben, _, arrival) = pair(&app, channel, "").await;
        let task = arrival.task.to_string();
        let before = told_customer(&app, &arrival).await;
        assert_eq!(ann.invites(&task, ben.as_target()).await, "", "{channel:?}");
        assert_eq!(ann.sees(&task).await, "CONFERENCE_REQUESTED");
        assert_eq!(actions(&ann).await, json!(["SEND_MESSAGE", "END", "CANCEL_CONFERENCE"]));
        assert_eq!(told_customer(&app, &arrival).await, before, "{channel:?}: nothing that a customer notices");
        assert_eq!(says(&ben, &arrival, "early").await, "NOT_A_PARTICIPANT");
        let desk = ben.desk().await;
        assert_eq!(desk["offers"][0]["task"]["status"], "CONFERENCE_REQUESTED");
        assert_eq!(ben.accepts_it().await, task);
        assert_eq!(ann.sees(&task).await, "CONFERENCE", "{channel:?}");
        assert_eq!(actions(&ann).await, json!(["SEND_MESSAGE", "END_CONFERENCE", "REMOVE_FROM_CONFERENCE"]));
        assert_eq!(actions(&ben).await, json!(["SEND_MESSAGE", "EXIT_CONFERENCE"]));
        for agent in [&ann, &ben] {
            assert_eq!(says(agent, &arrival, "in conference").await, "", "{channel:?}");
        }
        // The joined agent cannot perform the owner's actions, nor the owner those of the joined agent.
        assert_eq!(ben.confers("endConference", &task).await, "NOT_ALLOWED", "{channel:?}");
        assert_eq!(ben.ends_with(&arrival.conversation.to_string(), true).await, "NOT_A_PARTICIPANT");
        assert_eq!(ann.confers("exitConference", &task).await, "NOT_ALLOWED");
        assert_eq!(
            ann.ends_with(&arrival.conversation.to_string(), true).await,
            "CONFERENCE_IN_PROGRESS",
            "endConference does"
        );
        assert_eq!(ann.transfers(&task, ben.as_target()).await, "CONFERENCE_IN_PROGRESS");
        assert_eq!(ben.confers("removeFromConference", &task).await, "NOT_A_PARTICIPANT");
        assert_eq!(ben.confers("exitConference", &task).await, "", "{channel:?}");
        assert_eq!(ann.sees(&task).await, "CONNECTED");
        assert_eq!(actions(&ben).await, json!(["WRAP_UP"]), "{channel:?}");
        assert_eq!(says(&ben, &arrival, "late").await, "NOT_A_PARTICIPANT");
        assert_eq!(says(&ann, &arrival, "after").await, "");
        assert_eq!(ann.invites(&task, ben.as_target()).await, "TRANSFER_TARGET_REFUSED", "until it is wrapped up");
        assert_eq!(ben.wraps_up(&task).await, "");
        assert_eq!(ben.confers("exitConference", &task).await, "", "the same again");
        let told = TOLD.contains(&channel);
        let lines = [
            (format!("{} has joined.", ann.handle), told),
            (format!("{} has asked {} to join.", ann.handle, ben.handle), false),
            (format!("{} has joined.", ben.handle), told),
            (format!("{} has left.", ben.handle), told),
        ];
        assert_eq!(announced(&app, arrival).await, lines, "{channel:?}");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_ends_a_conference_for_both_agents_and_each_must_wrap_up() {
    let app = TestApp::two().await;
    for channel in CONFERENCES {
        for by_customer in [false, true] {
            let (ann, ben, _, arrival) = pair(&app, channel, if by_customer { "c" } else { "" }).await;
            let task = arrival.task.to_string();
            assert_eq!(ann.confers("endConference", &task).await, "NOT_ALLOWED", "there is none");
            ann.invites(&task, ben.as_target()).await;
            ben.accepts_it().await;
            if by_customer {
                leave(&app, &arrival.conversation.to_string()).await;
            } else {
                let asks = [Channel::Messenger, Channel::Sms].contains(&channel);
                let query = "mutation($id: ID!) { endConference(input: { taskId: $id }) { userErrors { code } } }";
                let answer = ann.ask(query, json!({ "id": task })).await;
                let said = answer.at("endConference")["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned();
                assert_eq!(said, if asks { "CUSTOMER_CONSENT_REQUIRED" } else { "" }, "{channel:?}");
                if asks {
                    assert_eq!(ann.confers("endConference", &task).await, "");
                }
            }
            for agent in [&ann, &ben] {
                assert_eq!(agent.sees(&task).await, "WRAP_UP", "{channel:?}");
                assert_eq!(actions(agent).await, json!(["WRAP_UP"]), "{channel:?} {}", agent.handle);
                assert_eq!(says(agent, &arrival, "late").await, "CONVERSATION_ENDED");
            }
            assert_eq!(ben.wraps_up(&task).await, "");
            assert_eq!(ann.sees(&task).await, "WRAP_UP", "one is still owed");
            assert_eq!(ann.wraps_up(&task).await, "");
            assert_eq!(ann.sees(&task).await, "COMPLETED");
        }
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_is_not_accepted_changes_nothing_for_the_customer() {
    let app = TestApp::two().await;
    for channel in CONFERENCES {
        for end in ["declined", "expired", "cancelled", "ended"] {
            let (ann, ben, _, arrival) = pair(&app, channel, end).await;
            let task = arrival.task.to_string();
            let before = told_customer(&app, &arrival).await;
            assert_eq!(ann.confers("cancelConference", &task).await, "NOT_ALLOWED", "nobody is asked");
            assert_eq!(ann.invites(&task, ben.as_target()).await, "");
            assert_eq!(ann.invites(&task, ben.as_target()).await, "", "the same again");
            assert_eq!(ann.invites(&task, ann.as_target()).await, "NOT_ALLOWED", "one at a time");
            assert_eq!(ben.confers("cancelConference", &task).await, "NOT_A_PARTICIPANT");
            let offer = ben.offers().await.remove(0);
            match end {
                "declined" => assert_eq!(ben.declines(&offer).await, ""),
                "expired" => app.pass(30).await,
                "cancelled" => assert_eq!(ann.confers("cancelConference", &task).await, ""),
                _ => assert_eq!(ann.ends_with(&arrival.conversation.to_string(), true).await, ""),
            }
            let state = match end {
                "declined" => "IDLE",
                "expired" => "RONA",
                _ => "AVAILABLE",
            };
            assert_eq!(ben.state().await, state, "{channel:?} {end}");
            assert_eq!(ben.accepts(&offer).await, Err(("OFFER_EXPIRED".to_owned(), None)), "{channel:?} {end}");
            assert_eq!(ben.desk().await["tasks"], json!([]), "who has not joined owes nothing");
            if end == "ended" {
                assert_eq!(ann.sees(&task).await, "WRAP_UP");
                continue;
            }
            assert_eq!(ann.sees(&task).await, "CONNECTED", "{channel:?} {end}");
            assert_eq!(told_customer(&app, &arrival).await, before, "{channel:?} {end}");
            let last = announced(&app, arrival).await.pop();
            let line = match end {
                "cancelled" => format!("{} has withdrawn the invitation to {}.", ann.handle, ben.handle),
                _ => format!("{} did not join.", ben.handle),
            };
            assert_eq!(last, Some((line, false)), "{channel:?}");
            assert_eq!(says(&ann, &arrival, "goes on").await, "");
        }
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn email_has_no_conferences_and_only_whatsapp_invites_queues() {
    let app = TestApp::two().await;
    for channel in Channel::ALL {
        let (ann, ben, queue_setup, arrival) = pair(&app, channel, "").await;
        let task = arrival.task.to_string();
        let second = app.queue_setup_of(NewQueue::of(channel, &format!("Second {channel:?}")), &[&ben]).await;
        if channel == Channel::Email {
            assert!(!actions(&ann).await.to_string().contains("CONFERENCE"));
            assert_eq!(ann.invites(&task, ben.as_target()).await, "CONFERENCE_NOT_SUPPORTED");
        }
        if channel != Channel::Whatsapp {
            assert_eq!(ann.invites(&task, second.as_target()).await, "CONFERENCE_NOT_SUPPORTED", "{channel:?}");
            continue;
        }
        // The queue's agents are asked one after another, each once. The invitation ends after the last.
        let cem = app.agent("cem").await;
        let third = app.queue_setup_of(NewQueue::of(channel, "Third"), &[&ben, &cem]).await;
        app.clock.advance(chrono::Duration::seconds(1));
        cem.turns("AVAILABLE").await;
        assert_eq!(
            ann.invites(&task, queue_setup.as_target()).await,
            "AGENT_NOT_AVAILABLE",
            "nobody but the owner serves it"
        );
        assert_eq!(ann.invites(&task, third.as_target()).await, "");
        let offer = ben.offers().await.pop().expected("who has waited longest");
        assert_eq!(ben.declines(&offer).await, "");
        assert_eq!(ann.sees(&task).await, "CONFERENCE_REQUESTED", "the next is asked");
        assert_eq!(cem.offers().await.len(), 1);
        app.pass(30).await;
        assert_eq!((ann.sees(&task).await.as_str(), cem.state().await.as_str()), ("CONNECTED", "RONA"));
        ben.turns("AVAILABLE").await;
        assert_eq!(ann.invites(&task, third.as_target()).await, "", "asked anew everybody may be asked again");
        assert_eq!(ben.accepts_it().await, task);
        assert_eq!(ann.sees(&task).await, "CONFERENCE");
        assert_eq!(ann.confers("removeFromConference", &task).await, "");
        assert_eq!((ann.sees(&task).await.as_str(), actions(&ben).await), ("CONNECTED", json!(["WRAP_UP"])));
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conference_targets_show_their_state_and_only_available_agents_can_be_invited() {
    let app = TestApp::two().await;
    for channel in CONFERENCES {
        let (ann, ben, _, arrival) = pair(&app, channel, "").await;
        let task = arrival.task.to_string();
        ben.turns("IDLE").await;
        let query = "query($t: ID!) { agents(forConferenceOf: $t, first: 100) { nodes { displayName state } } }";
        let answer = ann.ask(query, json!({ "t": task })).await;
        let shown = answer
            .at("agents.nodes")
            .as_array()
            .into_iter()
            .flatten()
            .any(|agent| agent == &json!({ "displayName": ben.handle, "state": "IDLE" }));
        // On WhatsApp the list contains available agents only.
        assert_eq!(shown, channel != Channel::Whatsapp, "{channel:?}: {}", answer.body);
        assert_eq!(ann.invites(&task, ben.as_target()).await, "AGENT_NOT_AVAILABLE", "{channel:?}");
        ben.turns("OFFLINE").await;
        let answer = ann.ask(query, json!({ "t": task })).await;
        assert!(!answer.body.to_string().contains(&ben.handle), "{channel:?}");
        ann.turns("IDLE").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_continues_when_one_agent_loses_the_role() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let end = "mutation($id: ID!) { setUserRole(input: { userId: $id, role: MEMBER }) { userErrors { code } } }";
    for (number, who) in ["owner", "joined", "asked", "asking"].into_iter().enumerate() {
        let (ann, ben, _, arrival) = pair(&app, Channel::Webchat, &number.to_string()).await;
        let task = arrival.task.to_string();
        ann.invites(&task, ben.as_target()).await;
        if number < 2 {
            ben.accepts_it().await;
        }
        let (leaves, stays) = if ["owner", "asking"].contains(&who) { (&ann, &ben) } else { (&ben, &ann) };
        assert_eq!(ada.ask(end, json!({ "id": leaves.id() })).await.at("setUserRole.userErrors"), &json!([]), "{who}");
        if who == "asking" {
            assert_eq!(app.database.number("SELECT count(*) FROM offer WHERE status = 1").await, 0);
            assert_eq!(app.database.number("SELECT count(*) FROM task WHERE status = 1").await, 1, "it waits again");
        } else {
            assert_eq!(stays.sees(&task).await, "CONNECTED", "{who}");
            assert_eq!(says(stays, &arrival, "goes on").await, "", "{who}");
            assert_eq!(stays.ends(&arrival.conversation.to_string()).await, "", "{who}");
            assert_eq!(stays.wraps_up(&task).await, "", "{who}");
        }
        consistency::check(&app.database).await;
    }
}
