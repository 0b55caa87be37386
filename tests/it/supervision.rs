//! Tests of supervisors: they follow queues and agents live, read statistics from the log, move tasks and join
//! conversations. Other roles cannot.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    arrivals::{announced, connected_task},
    consistency,
    conversations::{SEND, code},
    desk::{NewQueue, QueueSetup, ids},
    person::Person,
    random::Chance,
    rounds,
    visitors::leave,
};

const STATES: &str = include_str!("operations/supervision/states.graphql");
const QUEUE: &str = include_str!("operations/supervision/queue.graphql");
const COUNTS: &str = include_str!("operations/supervision/counts.graphql");

async fn counts(by: &Person, queue_setup: &QueueSetup) -> Value {
    by.ask(COUNTS, json!({ "id": queue_setup.queue.id.to_string() })).await.at("queue")["statistics"].clone()
}

async fn set(by: &Person, of: &Person, state: &str) -> String {
    by.turns_with(json!({ "state": state, "agentId": of.as_target()["agentId"] })).await
}

async fn attends(by: &Person, verb: &str, conversation: &str) -> String {
    let query = format!(
        "mutation($id: ID!) {{ {verb}(input: {{ conversationId: $id }}) {{ outcome userErrors {{ code }} }} }}"
    );
    let answer = by.ask(&query, json!({ "id": conversation })).await;
    let payload = answer.at(verb);
    let refused = payload["userErrors"][0]["code"].as_str().unwrap_or_default();
    if refused.is_empty() { payload["outcome"].as_str().unwrap_or_default().to_owned() } else { refused.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_supervisors_follow_agents_and_queues() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let id = queue_setup.queue.id.to_string();
    for (query, variables) in [(STATES, json!({})), (QUEUE, json!({ "id": id }))] {
        let mut socket = ann.socket(0).await;
        socket.subscribe("1", query, variables).await;
        let heard = socket.hear().await.expected("an answer").to_string();
        assert!(heard.contains("FORBIDDEN"), "{heard}");
    }
    assert_eq!(counts(&ann, &queue_setup).await, Value::Null);
    let follow = async |query: &str, variables: Value| {
        let mut socket = sue.socket(1).await;
        socket.subscribe("1", query, variables).await;
        assert_eq!(socket.event().await.expected("the first")["__typename"], "SubscriptionStarted");
        socket
    };
    let before = counts(&sue, &queue_setup).await;
    let mut states = follow(STATES, json!({})).await;
    let mut queue = follow(QUEUE, json!({ "id": id, "after": before["streamCursor"] })).await;
    ann.turns("AVAILABLE").await;
    let turned = states.event().await.expected("a turn");
    assert_eq!(turned["agent"], json!({ "displayName": "ann", "state": "AVAILABLE" }));
    let arrival = connected_task(&app, &ann, &queue_setup, "kim").await;
    assert_eq!(counts(&sue, &queue_setup).await["inService"], 1);
    leave(&app, &arrival.conversation.to_string()).await;
    let mut told = Vec::new();
    for sequence in 1..=4 {
        let event = queue.event().await.expected("an event");
        assert_eq!(event["sequence"], sequence, "{event}");
        told.push((event["__typename"].as_str().unwrap_or_default().to_owned(), event["task"]["status"].clone()));
    }
    let expected = [
        ("TaskQueued", "QUEUED"),
        ("TaskDequeued", "OFFERED"),
        ("TaskAccepted", "CONNECTED"),
        ("TaskReleased", "WRAP_UP"),
    ];
    assert_eq!(told, expected.map(|(name, status)| (name.to_owned(), json!(status))));

    // A supervisor may set another agent's state, except to RONA, and except to OFFLINE with open tasks.
    assert_eq!(set(&ann, &ben, "IDLE").await, "NOT_ALLOWED");
    assert_eq!(set(&sue, &ann, "RONA").await, "INVALID_STATE_TRANSITION");
    assert_eq!(set(&sue, &ann, "OFFLINE").await, "WRAP_UP_PENDING");
    assert_eq!(set(&sue, &ann, "IDLE").await, "");
    assert_eq!(ann.state().await, "IDLE");
    assert_eq!(states.event().await.expected("a turn")["agent"]["state"], "IDLE");
    let nobody = json!({ "state": "IDLE", "agentId": "agent_01m7xnapkeess9yf3kt8ay0ya3" });
    assert_eq!(sue.turns_with(nobody).await, "NOT_FOUND");
    let other = ben
        .ask("query($id: ID!) { agent(id: $id) { intervals { state } } }", json!({ "id": ann.as_target()["agentId"] }))
        .await;
    assert_eq!(other.at("agent")["intervals"], Value::Null, "the ledger is the agent's and the supervisors'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_moves_waiting_offered_and_live_tasks() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let first = app.queue_setup_of(NewQueue::of(Channel::Sms, "First"), &[&ann]).await;
    let second = app.queue_setup_of(NewQueue::of(Channel::Sms, "Second"), &[&ben]).await;
    let waits = app.waits(&first, "kim").await;
    app.clock.advance(chrono::Duration::seconds(5));
    let later = app.waits(&second, "lee").await;
    let [task, other] = [waits.task.to_string(), later.task.to_string()];
    assert_eq!(ann.directs_on(0, "assignTask", &task, second.as_target()).await, "NOT_ALLOWED");
    assert_eq!(sue.directs_on(0, "assignTask", &task, second.as_target()).await, "");
    ben.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(
        ben.is_offered().await,
        [task.clone(), other.clone()],
        "it waits for longer than who came to the queue first"
    );
    // Moving an offered task ends its offer.
    assert_eq!(sue.directs_on(1, "assignTask", &task, first.as_target()).await, "");
    assert_eq!((ben.is_offered().await, ben.state().await.as_str()), (vec![other.clone()], "AVAILABLE"));
    ann.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ann.accepts_it().await, task);
    // A task can be moved to an agent who does not serve the queue. The previous agent must wrap up.
    assert_eq!(sue.directs_on(0, "assignTask", &task, ann.as_target()).await, "TRANSFER_TARGET_REFUSED");
    assert_eq!(sue.directs_on(0, "assignTask", &task, ben.as_target()).await, "");
    assert_eq!(ann.desk().await["tasks"][0]["availableActions"], json!(["WRAP_UP"]));
    assert!(ben.is_offered().await.contains(&task));
    let offers = ben.desk().await["offers"].clone();
    let offer = offers.as_array().into_iter().flatten().find(|offer| offer["task"]["id"] == task).expected("an offer");
    ben.accepts(offer["id"].as_str().unwrap_or_default()).await.expected("a task");
    leave(&app, &waits.conversation.to_string()).await;
    assert_eq!(sue.directs_on(0, "assignTask", &task, first.as_target()).await, "CONVERSATION_ENDED");
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_reads_without_a_trace_and_joins_visibly() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    ann.turns("AVAILABLE").await;
    let arrival = connected_task(&app, &ann, &queue_setup, "kim").await;
    let id = arrival.conversation.to_string();
    let says =
        async |key: &str| code(sue.ask(SEND, json!({ "c": id, "m": key, "b": "Hello" })).await.at("sent")).to_owned();
    let streams = "SELECT count(*) FROM event";
    let before = app.database.number(streams).await;
    let read = "query($id: ID!) { conversation(id: $id) { items(first: 20) { nodes { id } } participants { role } } }";
    assert_eq!(
        sue.ask(read, json!({ "id": id })).await.at("conversation.items.nodes").as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(app.database.number(streams).await, before, "reading leaves no trace");
    assert_eq!(says("1").await, "NOT_A_PARTICIPANT");
    assert_eq!(attends(&ann, "joinConversation", &id).await, "NOT_ALLOWED");
    assert_eq!(attends(&sue, "joinConversation", &id).await, "APPLIED");
    assert_eq!(attends(&sue, "joinConversation", &id).await, "NO_CHANGE");
    assert_eq!(says("1").await, "");
    assert_eq!(attends(&sue, "leaveConversation", &id).await, "APPLIED");
    assert_eq!(attends(&sue, "leaveConversation", &id).await, "NO_CHANGE");
    assert_eq!(says("2").await, "NOT_A_PARTICIPANT");
    let lines = [("ann has joined.", true), ("sue has joined as a supervisor.", true), ("sue has left.", true)];
    assert_eq!(announced(&app, arrival).await, lines.map(|(line, told)| (line.to_owned(), told)));
    // Losing the role ends the participation of a supervisor.
    assert_eq!(attends(&sue, "joinConversation", &id).await, "APPLIED");
    let ada = app.admin("ada").await;
    let end = "mutation($id: ID!) { setUserRole(input: { userId: $id, role: MEMBER }) { userErrors { code } } }";
    assert_eq!(ada.ask(end, json!({ "id": sue.id() })).await.at("setUserRole.userErrors"), &json!([]));
    assert_eq!(
        app.database.number("SELECT count(*) FROM participant WHERE left_at IS NULL AND user_id IS NOT NULL").await,
        1
    );
    ann.ends(&id).await;
    let max = app.supervisor("max").await;
    assert_eq!(attends(&max, "joinConversation", &id).await, "CONVERSATION_ENDED");
}

/// Counts from the log of a queue: waiting, in service, accepted, accepted in time and abandoned tasks.
async fn recount(app: &TestApp, queue_setup: &QueueSetup, level: i64) -> [usize; 5] {
    let (mut waiting, mut serving) = (BTreeSet::new(), BTreeSet::new());
    let [mut accepted, mut in_time, mut abandoned] = [0; 3];
    for (kind, task) in crate::support::queue_log::log_of(&app.database, queue_setup.queue.id.0).await {
        let text = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
        let time = |field: &str| text(field).parse::<DateTime<Utc>>().expected("a time");
        match (kind.as_str(), text("status").as_str()) {
            ("task_queued", _) | ("task_dequeued" | "task_released", "OFFERED") => drop(waiting.insert(text("id"))),
            ("task_dequeued", _) => drop(waiting.remove(&text("id"))),
            ("task_accepted", _) => {
                waiting.remove(&text("id"));
                serving.insert(text("id"));
                accepted += 1;
                in_time += usize::from((time("accepted_at") - time("enqueued_at")).num_seconds() <= level);
            }
            (_, status) => {
                waiting.remove(&text("id"));
                serving.remove(&text("id"));
                abandoned += usize::from(status == "ABANDONED");
            }
        }
        if kind == "task_released" && text("status") == "OFFERED" {
            serving.remove(&text("id"));
        }
    }
    [waiting.len(), serving.len(), accepted, in_time, abandoned]
}

#[tokio::test(flavor = "multi_thread")]
async fn live_counts_equal_the_counts_from_the_log() {
    let app = TestApp::two().await;
    app.database.run("UPDATE multimedia_profile SET chat = 5").await;
    let sue = app.supervisor("sue").await;
    let agents = app.agents(["ann", "ben", "cem", "dan"]).await;
    let queue_setups = [
        app.queue_setup_of(NewQueue::of(Channel::Webchat, "First"), &agents.iter().collect::<Vec<_>>()).await,
        app.queue_setup_of(NewQueue::of(Channel::Webchat, "Second"), &agents[..2].iter().collect::<Vec<_>>()).await,
    ];
    app.database.run("UPDATE queue SET service_level_seconds = 20").await;
    let mut chance = Chance::seeded(3);
    let mut arrivals = BTreeMap::new();
    for number in 0..rounds(150).min(10_000) {
        let arrival = app.waits(&queue_setups[chance.below(2)], &format!("customer {number}")).await;
        arrivals.insert(arrival.task.to_string(), arrival);
        if chance.below(6) == 0 {
            leave_quietly(&app, &arrivals, &arrival.task.to_string()).await;
        }
        let agent = &agents[chance.below(4)];
        if chance.below(3) == 0 || agent.state().await != "AVAILABLE" {
            agent.turns(if chance.below(5) == 0 { "IDLE" } else { "AVAILABLE" }).await;
        }
        app.pass(i64::try_from(chance.below(16)).unwrap_or_default()).await;
        let desk = agent.desk().await;
        for offer in ids(&desk["offers"]) {
            match chance.below(6) {
                0 => drop(agent.declines(&offer).await),
                1 => {}
                _ => drop(agent.accepts(&offer).await),
            }
        }
        for task in ids(&desk["tasks"]) {
            match chance.below(5) {
                0 => drop(agent.transfers(&task, queue_setups[chance.below(2)].as_target()).await),
                1 => drop(agent.transfers(&task, agents[chance.below(4)].as_target()).await),
                2 => leave_quietly(&app, &arrivals, &task).await,
                _ => drop(agent.ends(&arrivals[&task].conversation.to_string()).await),
            }
            agent.wraps_up(&task).await;
        }
        if chance.below(8) == 0
            && let Some(some) = arrivals.keys().nth(chance.below(arrivals.len())).cloned()
        {
            leave_quietly(&app, &arrivals, &some).await;
        }
    }
    for queue_setup in &queue_setups {
        let shown = counts(&sue, queue_setup).await;
        let [waiting, serving, accepted, in_time, abandoned] = recount(&app, queue_setup, 20).await;
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        assert_eq!(number(&shown["waiting"]), Some(waiting), "{shown}");
        assert_eq!(number(&shown["inService"]), Some(serving), "{shown}");
        assert_eq!(number(&shown["accepted"]), Some(accepted), "{shown}");
        assert_eq!(number(&shown["abandoned"]), Some(abandoned), "{shown}");
        let level = shown["serviceLevel"].as_f64().expected("a service level");
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let expected = in_time as f64 / (accepted + abandoned) as f64;
        assert!((level - expected).abs() < 1e-9, "{shown} {expected}");
        assert!(accepted > 10 && abandoned > 3 && in_time < accepted, "{shown}");
    }
    consistency::check(&app.database).await;
}

/// The customer of a task ends the conversation, if it is open.
async fn leave_quietly(app: &TestApp, arrivals: &BTreeMap<String, crate::support::desk::Arrival>, task: &str) {
    let arrival = arrivals[task];
    let open = format!(
        "SELECT count(*) FROM conversation WHERE status = 1 AND id = {}",
        app.database.literal(arrival.conversation.0)
    );
    if app.database.number(&open).await == 1 {
        leave(app, &arrival.conversation.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intervals_of_an_agents_states_sum_to_the_total_time() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let begun = app.clock.now();
    let mut chance = Chance::seeded(5);
    for number in 0..rounds(60).min(2_000) {
        ann.turns(["AVAILABLE", "IDLE", "AVAILABLE", "OFFLINE"][chance.below(4)]).await;
        if chance.below(4) == 0 {
            app.waits(&queue_setup, &format!("customer {number}")).await;
        }
        // Some offers expire, and the clock jumps in both directions.
        app.pass(i64::try_from(chance.below(90)).unwrap_or_default()).await;
        if chance.below(6) == 0 {
            app.clock.advance(-chrono::Duration::seconds(40));
        }
    }
    let query =
        "query($id: ID!) { agent(id: $id) { intervals { number state startedAt endedAt idleReason { name } } } }";
    let answer = sue.ask(query, json!({ "id": ann.as_target()["agentId"] })).await;
    let intervals = answer.at("agent.intervals").as_array().cloned().expected("intervals");
    assert_eq!(
        ann.ask(query, json!({ "id": ann.as_target()["agentId"] })).await.at("agent.intervals"),
        &json!(intervals)
    );
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    for (before, after) in intervals.iter().zip(&intervals[1..]) {
        assert_eq!(before["endedAt"], after["startedAt"], "no hole and no overlap");
        assert_eq!(before["number"].as_i64().map(|number| number + 1), after["number"].as_i64());
        assert_ne!((&before["state"], &before["idleReason"]), (&after["state"], &after["idleReason"]));
    }
    assert!(intervals.iter().any(|interval| interval["state"] == "RONA"));
    let sum: chrono::Duration =
        intervals.iter().filter_map(|interval| Some(time(&interval["endedAt"])? - time(&interval["startedAt"])?)).sum();
    let last = time(&intervals.last().expected("one")["startedAt"]).expected("a time");
    assert_eq!(sum, last - time(&intervals[0]["startedAt"]).expected("a time"));
    assert!(time(&intervals[0]["startedAt"]).expected("a time") <= begun);
    let early = sue
        .ask(
            "query($id: ID!, $s: DateTime!) { agent(id: $id) { intervals(since: $s) { state } } }",
            json!({ "id": ann.as_target()["agentId"], "s": begun - chrono::Duration::days(60) }),
        )
        .await;
    assert_eq!(early.code(), "BAD_USER_INPUT");
}
