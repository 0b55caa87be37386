//! Tests of the cost of pages of conversations, agent desktops, tasks and queues: a fixed number of statements, each on
//! an index, however much is stored.

use std::collections::BTreeMap;

use api::{
    deliveries::{self, delivery_rows},
    events::pruning,
    notifications::retention,
    routing::router,
    visitors::tokens,
};
use entity::channel::Channel;
use sea_orm::Statement;
use serde_json::json;

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    conversations::SEND,
    database::TestDatabase,
    desk::{Arrival, NewQueue},
    eventually,
    person::Person,
    plans::{self, Budget, Planned, keep_from_counting},
};

/// The operations of an agent, each with its maximum number of statements.
const BUDGETS: [(&str, usize); 10] = [
    (
        "{ viewer { agentDesktop { streamCursor agent { state idleReason { name } capacity { channel used } } \
         offers { id expiresAt task { id position estimatedWaitSeconds } preview { channel queueName customerName receivedAt } } \
         tasks { id status availableActions wrapUps { dueAt } conversation { id unreadCount customer { displayName } } } } } }",
        9,
    ),
    (
        "query($id: ID!) { conversation(id: $id) { status streamCursor unreadCount customer { displayName identities { address } } \
         task { status availableActions owner { displayName } queue { name } } \
         participants { role readUpTo actor { displayName } } replyCapability { open reason } \
         items(last: 50) { nodes { sequence ... on Message { body html direction status clientMessageId replyTo { body } \
         author { displayName } receipts { state at participant { displayName } } } ... on Announcement { text actor { displayName } } \
         ... on Note { body author { displayName } } } pageInfo { hasPreviousPage } } } }",
        18,
    ),
    ("query($id: ID!) { conversation(id: $id) { items(first: 100) { nodes { ... on Message { body html } } } } }", 2),
    ("query($id: ID!) { conversation(id: $id) { lastItemAt participants { role } } }", 2),
    ("{ conversations(first: 5) { nodes { id lastItemAt unreadCount customer { displayName } task { status } } } }", 6),
    (
        "{ conversations(first: 5) { nodes { viewerRole customer { initials } lastItem { id ... on Message { body } } } } }",
        6,
    ),
    ("{ conversations(filter: { mine: true }, first: 5) { nodes { id items(last: 1) { nodes { id } } } } }", 3),
    (
        "{ conversations(first: 5) { nodes { task { position estimatedWaitSeconds availableActions owner { displayName } \
         queue { name } wrapUps { note } } } } }",
        11,
    ),
    ("{ conversations(first: 5) { nodes { task { routingDecisions { reason chosen { displayName } } } } } }", 7),
    ("query($task: ID!) { node(id: $task) { ... on Task { status queue { waiting } conversation { id } } } }", 4),
];

/// Creates agents with accepted tasks, queues with more waiting tasks than the agents can take, and conversations with
/// many messages.
async fn busy(app: &TestApp) -> (Person, Arrival) {
    keep_from_counting(app).await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let queue_setups = [Channel::Webchat, Channel::Whatsapp];
    let mut first = None;
    for channel in queue_setups {
        let queue_setup = app.queue_setup(channel, &[&ann, &ben]).await;
        for number in 0..12 {
            let arrival = app.waits(&queue_setup, &format!("{channel:?} {number}")).await;
            first.get_or_insert(arrival);
        }
    }
    for agent in [&ann, &ben] {
        assert_eq!(agent.turns("AVAILABLE").await, "");
    }
    app.settle().await;
    for agent in [&ann, &ben] {
        for offer in agent.offers().await.iter().skip(2) {
            agent.accepts(offer).await.expected("a task");
        }
    }
    let conversations = ann.desk().await["tasks"].as_array().cloned().unwrap_or_default();
    assert!(conversations.len() > 2, "{conversations:?}");
    for (number, chat_conversation) in conversations.iter().enumerate() {
        for message in 0..6 {
            let id = format!("{number} {message}");
            let variables = json!({ "c": chat_conversation["conversation"]["id"], "m": id, "b": "Hello" });
            assert_eq!(ann.ask(SEND, variables).await.at("sent.userErrors"), &json!([]));
        }
    }
    let conversation = conversations[0]["conversation"]["id"].as_str().unwrap_or_default();
    let ended = conversations[1]["conversation"]["id"].as_str().unwrap_or_default();
    assert_eq!(ann.ends(ended).await, "");
    let id = entity::id::ConversationId::parse(conversation).expected("an id");
    let task = conversations[0]["id"].as_str().and_then(entity::id::TaskId::parse).expected("an id");
    (ann, Arrival { task, conversation: id })
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_desktops_and_conversations_take_a_fixed_number_of_indexed_statements() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let (ann, conversation) = busy(&app).await;
    let variables = json!({ "id": conversation.conversation.to_string(), "task": conversation.task.to_string() });
    plans::check(&app, &ann, &variables, &BUDGETS, Budget::AtMost, Planned::ForMany).await;
}

/// The router finds the first task of each queue by an index. It skips all tasks that wait for agents without capacity.
#[tokio::test(flavor = "multi_thread")]
async fn the_router_finds_the_next_task_without_reading_all_waiting_tasks() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    busy(&app).await;
    app.statements();
    router::run(app.app()).await.expected("routing");
    let looks = app.statements();
    let look = looks.iter().find(|look| look.sql.contains("served")).expected("a look");
    let plan = plans::explain(app.app(), look, true).await;
    // The check for waiting tasks may scan their own small index.
    let whole = |line: &str| {
        ["SCAN t", "SCAN w", "SCAN m", "Seq Scan on task", " AUTOMATIC "].iter().any(|one| line.contains(one))
            || line.contains("SCAN p") && !line.contains("task_waiting")
    };
    assert!(plan.contains("task_waiting_in_queue") && !plan.lines().any(whole), "{plan}");
    // PostgreSQL chooses the plan by its own counts of agents and queues.
    assert!(app.database.is_postgres() || plan.contains("SCAN a USING INDEX agent_free"), "{plan}");
}

/// Indexes and tables that may be scanned: indexes of unfinished work, tables with one row, tables that an
/// administrator keeps small, and results of subqueries.
const SHORT: [&str; 15] = [
    "delivery_due",
    "delivery_claimed",
    "event_entry_unsequenced",
    "task_waiting",
    "agent_free",
    "config_lock",
    "log_head",
    "routing_lock",
    "multimedia_profile",
    "entry_point",
    "queue",
    "gone",
    "served",
    "next_due",
    "next_claim",
];
/// A part of the SQL of each kind of periodic work.
const FROM_TIME_TO_TIME: [&str; 7] = [
    "position IS NULL",
    "served",
    "\"timer\"",
    "\"occurred_at\" <",
    "notification_mail",
    "FROM delivery",
    "visitor_token",
];

/// All work of the server between requests, in a database without statistics: sequencing and pruning the log, routing,
/// timers, e-mails and retention.
#[tokio::test(flavor = "multi_thread")]
async fn no_background_work_reads_a_whole_table() {
    let app = TestApp::new().await;
    app.all_statements();
    busy(&app).await;
    let waits = "SELECT count(*) FROM event_entry WHERE position IS NULL";
    eventually("everything has its place in the log", || async { app.database.number(waits).await == 0 }).await;
    app.pass(31).await;
    app.deliver().await;
    retention::prune(app.app()).await.expected("notifications");
    deliveries::retention::prune(app.app()).await.expected("deliveries");
    assert_eq!(delivery_rows::next_due(app.app().db.read()).await.expected("a read"), None);
    tokens::forget_ended(app.app()).await.expected("tokens");
    pruning::prune(&app.app().db, &app.clock, std::time::Duration::ZERO).await.expected("the log");
    let looks: BTreeMap<String, Statement> =
        app.all_statements().into_iter().map(|statement| (statement.sql.clone(), statement)).collect();
    for part in FROM_TIME_TO_TIME {
        assert!(looks.keys().any(|sql| sql.contains(part)), "{part}: {:#?}", looks.keys());
    }
    let mut wrong = Vec::new();
    for look in
        looks.values().filter(|look| ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| look.sql.starts_with(verb)))
    {
        let plan = plans::explain(app.app(), look, true).await;
        let short = |line: &&str| line.split([' ', '"', '(']).any(|word| SHORT.contains(&word));
        let whole: Vec<&str> = plans::scans(&plan).into_iter().filter(|line| !short(line)).collect();
        if !whole.is_empty() {
            wrong.push(format!("{whole:?}\n{}\n{plan}", look.sql));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The fields of a page of queues. `OF_QUEUES` is the maximum number of statements.
const QUEUES: &str = include_str!("operations/conversation_pages/queues.graphql");
const OF_QUEUES: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_queues_takes_a_fixed_number_of_statements() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let (ann, _) = busy(&app).await;
    for number in 0..9 {
        app.queue_setup_of(NewQueue::of(Channel::Email, &format!("mail {number}")), &[&ann]).await;
    }
    app.statements();
    assert_eq!(ann.ask(QUEUES, json!({})).await.at("queues.nodes").as_array().map(Vec::len), Some(11));
    let statements = app.statements();
    assert!(statements.len() <= OF_QUEUES, "{statements:#?}");
}

/// The queries of a supervisor, each with its maximum number of statements.
const WATCHED: [(&str, &str, usize); 3] = [
    (
        "queues.nodes",
        "{ queues(first: 50) { nodes { name statistics { streamCursor waiting longestWaitSeconds inService accepted abandoned \
         serviceLevel } } } }",
        4,
    ),
    ("agents.nodes", "{ agents(first: 50) { nodes { displayName intervals { number state startedAt endedAt } } } }", 5),
    (
        "agents.nodes",
        "{ agents(first: 50) { nodes { statistics { accepted declined missed handled passedOn averageHandleSeconds \
         timeInStates { state seconds } } } } }",
        5,
    ),
];
const WATCHED_ONE: [(&str, usize); 3] = [
    (
        "query($queue: ID!) { queue(id: $queue) { statistics { waiting inService accepted abandoned serviceLevel } } }",
        3,
    ),
    ("query($agent: ID!) { agent(id: $agent) { intervals { number state startedAt endedAt } } }", 3),
    (
        "query($agent: ID!) { agent(id: $agent) { statistics { accepted handled averageHandleSeconds timeInStates { seconds } } } }",
        4,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn supervisor_statistics_take_a_fixed_number_of_indexed_statements() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    busy(&app).await;
    let sue = app.supervisor("sue").await;
    for (list, query, budget) in WATCHED {
        app.statements();
        let shown = sue.ask(query, json!({})).await;
        let statements = app.statements();
        assert!(shown.at(list).as_array().is_some_and(|list| list.len() > 1), "{shown:?}");
        assert_eq!(statements.len(), budget, "{statements:#?}");
    }
    let ids = sue.ask("{ queues { nodes { id } } agents { nodes { id } } }", json!({})).await;
    let variables = json!({ "queue": ids.at("queues.nodes")[0]["id"], "agent": ids.at("agents.nodes")[0]["id"] });
    plans::check(&app, &sue, &variables, &WATCHED_ONE, Budget::Exactly, Planned::ForMany).await;
}

/// The mutations of an agent, each with its number of statements besides BEGIN and COMMIT.
const WRITES: [(&str, usize); 4] = [
    ("markConversationRead(input: { conversationId: $id, upToSequence: 100000 })", 12),
    ("sendMessage(input: { conversationId: $id, clientMessageId: \"new\", body: \"Hello\" })", 11),
    ("sendMessage(input: { conversationId: $id, clientMessageId: \"new\", body: \"Hello\" })", 4),
    ("addNote(input: { conversationId: $id, clientMessageId: \"note\", body: \"Hello\" })", 10),
];

#[tokio::test(flavor = "multi_thread")]
async fn writes_to_a_conversation_take_a_fixed_number_of_indexed_statements() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let (ann, conversation) = busy(&app).await;
    // The agent's answers have read everything before them, so the test resets the receipts.
    app.database.run("UPDATE participant SET read_up_to = 0").await;
    app.database.run("DELETE FROM receipt").await;
    let writes =
        WRITES.map(|(call, count)| (format!("mutation($id: ID!) {{ {call} {{ userErrors {{ code }} }} }}"), count));
    let writes = writes.each_ref().map(|(query, count)| (query.as_str(), *count));
    plans::check(
        &app,
        &ann,
        &json!({ "id": conversation.conversation.to_string() }),
        &writes,
        Budget::Exactly,
        Planned::ForMany,
    )
    .await;
}

/// The rows of `load --messages` must satisfy all invariants. Otherwise measurements on them mean nothing.
/// `RAPPORT_TEST_TALKS` names a database of 10,000 messages.
#[tokio::test(flavor = "multi_thread")]
async fn generated_conversations_satisfy_all_invariants() {
    let Ok(url) = std::env::var("RAPPORT_TEST_TALKS") else { return };
    consistency::check(&TestDatabase::existing(&url)).await;
}

/// Plans with the statistics of a database from `load --messages`. `RAPPORT_TEST_MANY_TALKS` names a database of a
/// million messages.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_many_conversations_reads_a_table() {
    let Ok(url) = std::env::var("RAPPORT_TEST_MANY_TALKS") else { return };
    let app = TestApp::on(TestDatabase::existing(&url), 1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    for number in [0, 7] {
        let agent = app.known(&format!("agent{number}")).await;
        let conversation = agent.desk().await["tasks"][0].clone();
        let variables = json!({ "id": conversation["conversation"]["id"], "task": conversation["id"] });
        plans::check(&app, &agent, &variables, &BUDGETS, Budget::AtMost, Planned::ForFewAgents).await;
    }
}
