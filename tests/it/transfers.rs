//! Tests of transfers to a queue or an agent, by the rules of each channel. The previous agent must wrap up at once,
//! and the next agent sees all messages. A task always belongs to at most one agent.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    arrivals::{announced, connected_task},
    consistency,
    conversations::{SEND, code},
    desk::{NewQueue, QueueSetup, ids},
    person::Person,
    random::Chance,
    visitors::leave,
};

const NOTE: &str = include_str!("operations/transfers/note.graphql");
/// The channels on which a task can be transferred to an agent.
const TO_AGENTS: [Channel; 4] = [Channel::Messenger, Channel::Sms, Channel::Webchat, Channel::Whatsapp];

async fn queue_setup(app: &TestApp, channel: Channel, name: &str, agents: &[&Person]) -> QueueSetup {
    app.queue_setup_of(NewQueue::of(channel, &format!("{name} {channel:?}")), agents).await
}

/// Returns the agents or queues in the list of transfer targets.
async fn listed(by: &Person, list: &str, argument: &str, task: &str) -> Vec<String> {
    let name = if list == "agents" { "displayName" } else { "name" };
    let query = format!("query($t: ID!) {{ {list}({argument}: $t) {{ nodes {{ {name} }} }} }}");
    let answer = by.ask(&query, json!({ "t": task })).await;
    let nodes = answer.at(&format!("{list}.nodes")).as_array().cloned().unwrap_or_default();
    nodes.iter().filter_map(|node| node[name].as_str().map(str::to_owned)).collect()
}

async fn says(by: &Person, conversation: &str, key: &str) -> String {
    let sent = by.ask(SEND, json!({ "c": conversation, "m": key, "b": "Hello" })).await;
    code(sent.at("sent")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_can_be_transferred_to_a_queue_on_every_channel() {
    let app = TestApp::two().await;
    for channel in Channel::ALL {
        let [ann, ben] =
            [app.agent(&format!("ann.{}", channel as i16)).await, app.agent(&format!("ben.{}", channel as i16)).await];
        let (first, second) =
            (queue_setup(&app, channel, "First", &[&ann]).await, queue_setup(&app, channel, "Second", &[&ben]).await);
        ann.turns("AVAILABLE").await;
        ben.turns("AVAILABLE").await;
        let arrival = connected_task(&app, &ann, &first, "kim").await;
        let (task, id) = (arrival.task.to_string(), arrival.conversation.to_string());
        assert_eq!(says(&ann, &id, "1").await, "");
        assert_eq!(ann.ask(NOTE, json!({ "c": id })).await.at("addNote.userErrors"), &json!([]));
        assert!(listed(&ann, "queues", "forTransferOf", &task).await.contains(&second.queue.name), "{channel:?}");
        assert_eq!(listed(&ben, "queues", "forTransferOf", &task).await, Vec::<String>::new(), "not of another's task");

        assert_eq!(ann.transfers(&task, second.as_target()).await, "", "{channel:?}");
        // The previous agent must wrap up at once and can send nothing more.
        let desk = ann.desk().await;
        assert_eq!(desk["tasks"][0]["availableActions"], json!(["WRAP_UP"]), "{channel:?}");
        assert_eq!(says(&ann, &id, "2").await, "NOT_A_PARTICIPANT", "{channel:?}");
        assert_eq!(ann.transfers(&task, second.as_target()).await, "", "the same again");
        assert_eq!(ann.transfers(&task, ben.as_target()).await, "NOT_A_PARTICIPANT");
        app.settle().await;
        assert_eq!(ben.accepts_it().await, task, "{channel:?}");
        let query = "query($id: ID!) { conversation(id: $id) { items(first: 50) { nodes { __typename ... on Note { body } } } } }";
        let seen = ben.ask(query, json!({ "id": id })).await;
        let items = seen.at("conversation.items.nodes").to_string();
        assert_eq!(items.matches("\"Message\"").count(), 2, "{items}");
        assert!(items.contains("between us"), "{items}");
        assert_eq!(says(&ben, &id, "1").await, "");
        // Some channels announce agents to customers. No channel announces the target of a transfer.
        let told = [Channel::Webchat, Channel::Whatsapp].contains(&channel);
        let mut lines = vec![
            (format!("{} has joined.", ann.handle), told),
            (format!("{} has transferred the conversation to the queue {}.", ann.handle, second.queue.name), false),
        ];
        if told {
            lines.push((format!("{} has left.", ann.handle), true));
            lines.push(("Another agent takes over. Please wait a moment.".to_owned(), true));
        }
        lines.push((format!("{} has joined.", ben.handle), told));
        assert_eq!(announced(&app, arrival).await, lines, "{channel:?}");
        assert_eq!(ann.wraps_up(&task).await, "");
        assert_eq!(ben.sees(&task).await, "CONNECTED", "the conversation goes on");
        assert_eq!(ben.ends_with(&id, true).await, "");
        assert_eq!(ben.wraps_up(&task).await, "");
        assert_eq!(ben.sees(&task).await, "COMPLETED");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_can_be_transferred_only_to_an_available_agent_with_capacity() {
    let app = TestApp::two().await;
    let jane = app.person("jane").await;
    for channel in Channel::ALL {
        let names = ["ann", "ben", "off", "idle"].map(|name| format!("{name}.{}", channel as i16));
        let [ann, ben, off, idle] = app.agents(names.each_ref().map(String::as_str)).await;
        let first = queue_setup(&app, channel, "First", &[&ann]).await;
        ann.turns("AVAILABLE").await;
        ben.turns("AVAILABLE").await;
        idle.turns("IDLE").await;
        let arrival = connected_task(&app, &ann, &first, "kim").await;
        let task = arrival.task.to_string();
        if channel == Channel::Email {
            assert_eq!(ann.transfers(&task, ben.as_target()).await, "TRANSFER_TARGET_REFUSED", "mails go to queues");
            assert_eq!(listed(&ann, "agents", "forTransferOf", &task).await, Vec::<String>::new());
            assert_eq!(ann.ends(&arrival.conversation.to_string()).await, "");
            assert_eq!(ann.wraps_up(&task).await, "");
            for agent in [&ann, &ben] {
                assert_eq!(agent.turns("OFFLINE").await, "");
            }
            continue;
        }
        assert_eq!(
            listed(&ann, "agents", "forTransferOf", &task).await,
            std::slice::from_ref(&ben.handle),
            "{channel:?}"
        );
        assert_eq!(ann.transfers(&task, ann.as_target()).await, "TRANSFER_TARGET_REFUSED");
        for nobody in [
            json!({ "agentId": "agent_01m7xnapkeess9yf3kt8ay0ya3" }),
            json!({ "agentId": jane.id() }),
            json!({ "agentId": "?" }),
        ] {
            assert_eq!(ann.transfers(&task, nobody).await, "NOT_FOUND");
        }
        for other in [&off, &idle] {
            assert_eq!(ann.transfers(&task, other.as_target()).await, "AGENT_NOT_AVAILABLE", "{}", other.handle);
        }
        app.database.run("UPDATE agent SET chat_limit = 0, email_limit = 0, social_limit = 0, offerable_channels = 0 WHERE user_id <> (SELECT owner_id FROM task WHERE owner_id IS NOT NULL ORDER BY id DESC LIMIT 1)").await;
        assert_eq!(ann.transfers(&task, ben.as_target()).await, "OVER_CAPACITY", "{channel:?}");
        // None of the refused transfers changed anything.
        assert_eq!(ann.sees(&task).await, "CONNECTED");
        let open = format!(
            "UPDATE agent SET chat_limit = 5, email_limit = 5, social_limit = 5, offerable_channels = 31 WHERE user_id = {}",
            app.database.literal(ben.id.0)
        );
        app.database.run(&open.replace("offerable_channels = 31", "offerable_channels = 62")).await;
        assert_eq!(ann.transfers(&task, ben.as_target()).await, "", "{channel:?}");
        assert_eq!(ann.sees(&task).await, "OFFERED");
        // The task is offered to the named agent only, also when they do not serve the queue.
        let desk = ben.desk().await;
        assert_eq!((&desk["offers"][0]["task"]["id"], ids(&desk["offers"]).len()), (&json!(task), 1), "{channel:?}");
        assert_eq!(ben.accepts_it().await, task);
        assert_eq!(says(&ben, &arrival.conversation.to_string(), "1").await, "");
        ben.ends_with(&arrival.conversation.to_string(), true).await;
        for agent in [&ann, &ben] {
            assert_eq!(agent.wraps_up(&task).await, "", "{channel:?}");
        }
        assert_eq!(ann.sees(&task).await, "COMPLETED");
        for agent in [&ann, &ben, &idle] {
            assert_eq!(agent.turns("OFFLINE").await, "");
        }
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unaccepted_transfer_is_dropped_unless_the_queue_requeues_it() {
    let app = TestApp::two().await;
    for channel in TO_AGENTS {
        for (number, (requeue, declines)) in
            [(false, false), (false, true), (true, false), (true, true)].into_iter().enumerate()
        {
            let names = ["ann", "ben"].map(|name| format!("{name}.{}.{number}", channel as i16));
            let [ann, ben] = app.agents(names.each_ref().map(String::as_str)).await;
            let first = queue_setup(&app, channel, &format!("First {number}"), &[&ann]).await;
            if requeue {
                let queue = app.database.literal(first.queue.id.0);
                app.database.run(&format!("UPDATE queue SET on_unaccepted_transfer = 2 WHERE id = {queue}")).await;
            }
            ann.turns("AVAILABLE").await;
            ben.turns("AVAILABLE").await;
            let arrival = connected_task(&app, &ann, &first, "kim").await;
            let task = arrival.task.to_string();
            ann.turns("IDLE").await;
            assert_eq!(ann.transfers(&task, ben.as_target()).await, "");
            let offer = ben.offers().await.remove(0);
            if declines {
                assert_eq!(ben.declines(&offer).await, "");
            } else {
                app.pass(30).await;
            }
            assert_eq!(ben.state().await, if declines { "IDLE" } else { "RONA" }, "{channel:?}");
            let (taken, stands) = (ben.accepts(&offer).await, ann.sees(&task).await);
            assert_eq!(taken, Err(("OFFER_EXPIRED".to_owned(), None)));
            if requeue {
                assert_eq!(stands, "QUEUED", "{channel:?}");
                leave(&app, &arrival.conversation.to_string()).await;
                assert_eq!(ann.sees(&task).await, "ABANDONED");
            } else {
                assert_eq!(stands, "DROPPED", "{channel:?}");
                let last = announced(&app, arrival).await.pop();
                assert_eq!(last, Some(("The conversation has ended because nobody took it over.".to_owned(), true)));
                // The customer's next message starts again.
                let again = app.arrives_at(1, &first, "kim", 10).await;
                assert_eq!(again.conversation == arrival.conversation, channel != Channel::Webchat, "{channel:?}");
                assert_ne!(again.task, arrival.task);
                leave(&app, &again.conversation.to_string()).await;
            }
            // The task is not offered to the previous agent, who must still wrap up.
            assert_eq!(ann.offers().await.len(), 0);
            assert_eq!(ann.wraps_up(&task).await, "");
            assert_eq!(ann.turns("OFFLINE").await, "");
        }
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn available_supervisors_receive_transfers_of_web_chats_only() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    sue.turns("AVAILABLE").await;
    for channel in TO_AGENTS {
        let ann = app.agent(&format!("ann.{}", channel as i16)).await;
        let first = queue_setup(&app, channel, "First", &[&ann]).await;
        ann.turns("AVAILABLE").await;
        let task = connected_task(&app, &ann, &first, "kim").await.task.to_string();
        let web = channel == Channel::Webchat;
        let shown = listed(&ann, "agents", "forTransferOf", &task).await;
        assert_eq!(shown.contains(&sue.handle), web, "{channel:?} {shown:?}");
        assert_eq!(ann.transfers(&task, sue.as_target()).await, if web { "" } else { "TRANSFER_TARGET_REFUSED" });
        ann.turns("IDLE").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_transferred_to_ones_own_queue_is_offered_again_after_the_wrap_up() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let first = queue_setup(&app, Channel::Webchat, "First", &[&ann]).await;
    let other = queue_setup(&app, Channel::Sms, "Other", &[&ann]).await;
    ann.turns("AVAILABLE").await;
    let task = connected_task(&app, &ann, &first, "kim").await.task.to_string();
    assert_eq!(ann.transfers(&task, other.as_target()).await, "TRANSFER_TARGET_REFUSED", "of another channel");
    let gone = json!({ "queueId": "queue_01m7xnapkeess9yf3kt8ay0ya3" });
    assert_eq!(ann.transfers(&task, gone).await, "NOT_FOUND");
    assert_eq!(ann.transfers(&task, first.as_target()).await, "");
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 0);
    assert_eq!(ann.wraps_up(&task).await, "");
    app.settle().await;
    assert_eq!(ann.accepts_it().await, task);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_actions_on_a_task_one_wins_and_one_agent_has_it() {
    let app = TestApp::two().await;
    let [ann, ben, cem] = app.agents(["ann", "ben", "cem"]).await;
    let first = queue_setup(&app, Channel::Webchat, "First", &[&ann]).await;
    let second = queue_setup(&app, Channel::Webchat, "Second", &[&cem]).await;
    let mut chance = Chance::seeded(7);
    for round in 0..crate::support::rounds(12) {
        for agent in [&ann, &ben, &cem] {
            agent.turns("AVAILABLE").await;
        }
        let arrival = connected_task(&app, &ann, &first, &format!("kim {round}")).await;
        let (task, id) = (arrival.task.to_string(), arrival.conversation.to_string());
        let (to_ben, to_queue, leaves) = tokio::join!(
            ann.directs_on(round, "transferTask", &task, ben.as_target()),
            ann.directs_on(round + 1, "transferTask", &task, second.as_target()),
            async {
                if chance.below(2) == 0 {
                    leave(&app, &id).await;
                    return true;
                }
                assert!(["", "NOT_A_PARTICIPANT"].contains(&ann.ends(&id).await.as_str()));
                false
            },
        );
        let won = [&to_ben, &to_queue].into_iter().filter(|said| said.is_empty()).count();
        assert!(won <= 1, "{to_ben} {to_queue}");
        for said in [&to_ben, &to_queue] {
            assert!(["", "NOT_A_PARTICIPANT", "CONVERSATION_ENDED"].contains(&said.as_str()), "{said}");
        }
        app.settle().await;
        consistency::check(&app.database).await;
        // Whatever the outcome, everything can be ended.
        for agent in [&ben, &cem] {
            for offer in agent.offers().await {
                agent.accepts(&offer).await.expect("a task");
            }
        }
        if !leaves && ["CONNECTED"].contains(&ben.sees(&task).await.as_str()) {
            ben.ends(&id).await;
        }
        if ids(&cem.desk().await["tasks"]).contains(&task) {
            cem.ends(&id).await;
        }
        for agent in [&ann, &ben, &cem] {
            for owed in ids(&agent.desk().await["tasks"]) {
                assert_eq!(agent.wraps_up(&owed).await, "", "{} in round {round}", agent.handle);
            }
        }
        let left = app.database.number("SELECT count(*) FROM assignment").await;
        assert_eq!(left, 0, "round {round}: {to_ben:?} {to_queue:?} {leaves} {}", ann.sees(&task).await);
        assert_eq!(
            ann.ask("{ viewer { agentDesktop { tasks { id } } } }", Value::Null).await.at("viewer.agentDesktop.tasks"),
            &json!([])
        );
    }
}
