//! Tests of routing: by priority, then by waiting time, to the agent who has been available longest. Independent checks
//! read the log and the rows after concurrent actions.

use std::collections::BTreeSet;

use entity::{
    channel::Channel,
    queue::{BusinessHours, SkillStep, SkillSteps},
};
use serde_json::{Value, json};

use crate::{
    channel_rules::announced,
    support::{
        Expected as _,
        app::TestApp,
        database::TestDatabase,
        desk::{NewQueue, ids},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_offered_by_priority_and_then_by_arrival() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let floor = app.floor(Channel::Webchat, &[&ann]).await;
    let mut waiting = Vec::new();
    for (name, priority) in [("a", 10), ("b", 5), ("c", 1), ("d", 5), ("e", 10)] {
        app.clock.advance(chrono::Duration::seconds(1));
        waiting.push(app.arrives_at(waiting.len(), &floor, name, priority).await.task.to_string());
    }
    assert_eq!(positions(&app, &waiting).await, [4, 2, 1, 3, 5]);
    ann.turns("AVAILABLE").await;
    app.settle().await;
    let order: Vec<_> = [2, 1, 3, 0, 4].iter().map(|index| waiting[*index].clone()).collect();
    assert_eq!(ann.is_offered().await, order);
}

async fn positions(app: &TestApp, tasks: &[String]) -> Vec<i64> {
    let sue = app.person_of("sue", "sue", entity::user::Role::Supervisor, api::auth::viewer::Scopes::all()).await;
    let mut found = Vec::new();
    for task in tasks {
        let answer =
            sue.ask("query($id: ID!) { node(id: $id) { ... on Task { position } } }", json!({ "id": task })).await;
        found.push(answer.at("node.position").as_i64().expected("a position"));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_available_agent_gets_the_offer_and_the_decision_is_stored() {
    let app = TestApp::two().await;
    let [ann, ben, cem] = app.agents(["ann", "ben", "cem"]).await;
    let floor = app.floor(Channel::Webchat, &[&ann, &ben, &cem]).await;
    let first = app.waits(&floor, "1").await;
    app.settle().await;
    for agent in [&ben, &cem, &ann] {
        app.clock.advance(chrono::Duration::seconds(1));
        agent.turns("AVAILABLE").await;
        app.clock.advance(chrono::Duration::seconds(1));
    }
    app.settle().await;
    assert_eq!(ben.is_offered().await, [first.task.to_string()]);
    let second = app.waits(&floor, "2").await;
    app.settle().await;
    assert_eq!(cem.is_offered().await, [second.task.to_string()]);
    app.clock.advance(chrono::Duration::seconds(1));
    app.waits(&floor, "3").await;
    app.settle().await;
    assert_eq!(ann.is_offered().await.len(), 1);
    // Each agent has one offer. The next goes to the agent who was asked first.
    let fourth = app.waits(&floor, "4").await;
    app.settle().await;
    assert!(ben.is_offered().await.contains(&fourth.task.to_string()));
    let query = "query($id: ID!) { node(id: $id) { ... on Task { routingDecisions { reason candidates chosen { displayName } } } } }";
    let answer = ben.ask(query, json!({ "id": first.task.to_string() })).await;
    let decisions = answer.at("node.routingDecisions");
    assert_eq!(decisions[0], json!({ "reason": "NO_AGENT_AVAILABLE", "candidates": 0, "chosen": null }));
    assert_eq!(
        decisions[1],
        json!({ "reason": "LONGEST_AVAILABLE", "candidates": 3, "chosen": { "displayName": "ben" } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_expires_at_its_time_when_the_clock_jumps_in_either_direction() {
    for step in [-40, -5, 0, 20] {
        let app = TestApp::two().await;
        let ann = app.agent("ann").await;
        let new = NewQueue { offer_seconds: Some(60), ..NewQueue::of(Channel::Webchat, "chat") };
        let floor = app.floor_of(new, &[&ann]).await;
        ann.turns("AVAILABLE").await;
        app.waits(&floor, "cem").await;
        app.settle().await;
        app.pass(step).await;
        assert_eq!(ann.offers().await.len(), 1, "{step}");
        app.pass(59 - step).await;
        assert_eq!(ann.offers().await.len(), 1, "{step}");
        app.pass(1).await;
        assert_eq!((ann.offers().await.len(), ann.state().await.as_str()), (0, "RONA"), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_exceeds_their_capacity_and_free_capacity_is_used_at_once() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let floor = app.floor(Channel::Webchat, &[&ann]).await;
    ann.turns("AVAILABLE").await;
    let mut arrivals = Vec::new();
    for index in 0..7 {
        arrivals.push(app.waits(&floor, &index.to_string()).await);
    }
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 5, "the default profile");
    for offer in ann.offers().await {
        ann.accepts(&offer).await.expect("a task");
    }
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 0, "talks count");
    ann.ends(&arrivals[0].conversation.to_string()).await;
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 0, "what is not wrapped up counts");
    ann.wraps_up(&arrivals[0].task.to_string()).await;
    app.settle().await;
    assert_eq!(ann.is_offered().await, [arrivals[5].task.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn skill_requirements_are_relaxed_in_steps() {
    let app = TestApp::two().await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let step = |after_seconds| SkillStep { after_seconds, required: vec![] };
    let french = app.skill("French", &[(&ann, 3), (&ben, 8)]).await;
    let required = |level| vec![entity::queue::RequiredSkill { skill_id: french, level }];
    let steps = vec![
        SkillStep { required: required(9), ..step(0) },
        SkillStep { required: required(8), ..step(60) },
        SkillStep { required: required(2), ..step(120) },
    ];
    let new = NewQueue { skills: SkillSteps(steps), ..NewQueue::of(Channel::Webchat, "French") };
    let floor = app.floor_of(new, &[]).await;
    ann.turns("AVAILABLE").await;
    ben.turns("IDLE").await;
    let arrival = app.waits(&floor, "claire").await;
    app.pass(60).await;
    assert_eq!((ann.offers().await.len(), ben.offers().await.len()), (0, 0), "nobody is good enough, or free");
    app.pass(60).await;
    assert_eq!(ann.is_offered().await, [arrival.task.to_string()], "in the end less will do");
    ann.accepts_it().await;
    ben.turns("AVAILABLE").await;
    app.settle().await;
    let second = app.waits(&floor, "luc").await;
    app.pass(60).await;
    assert_eq!(ben.is_offered().await, [second.task.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_queue_sends_its_message_and_keeps_the_task() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let hours = BusinessHours {
        time_zone: "Asia/Seoul".to_owned(),
        open: vec![],
        closed_on: vec![],
        answer: Some("We are back on Monday.".to_owned()),
    };
    let new = NewQueue { hours: Some(hours), ..NewQueue::of(Channel::Webchat, "chat") };
    let floor = app.floor_of(new, &[&ann]).await;
    let arrival = app.waits(&floor, "cem").await;
    assert_eq!(announced(&app, arrival).await, [("We are back on Monday.".to_owned(), true)]);
    ann.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 1, "who works all the same is offered it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_agent_leaves_no_tasks_behind() {
    let app = TestApp::two().await;
    let (ada, ann, ben) = (app.admin("ada").await, app.agent("ann").await, app.agent("ben").await);
    let floor = app.floor(Channel::Webchat, &[&ann, &ben]).await;
    ann.turns("AVAILABLE").await;
    let [talk, over, held] = [app.waits(&floor, "1").await, app.waits(&floor, "2").await, app.waits(&floor, "3").await];
    app.settle().await;
    for offer in &ann.offers().await[..2] {
        ann.accepts(offer).await.expect("a task");
    }
    ann.ends(&over.conversation.to_string()).await;
    let query = "mutation($id: ID!) { setUserRole(input: { userId: $id, role: MEMBER }) { userErrors { code } } }";
    assert_eq!(ada.ask(query, json!({ "id": ann.id() })).await.at("setUserRole.userErrors"), &json!([]));
    ben.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ben.is_offered().await, [talk.task.to_string(), held.task.to_string()]);
    assert_eq!(app.database.number("SELECT count(*) FROM assignment").await, 2);
    let state = "SELECT count(*) FROM agent WHERE state = 1 AND chat_used = 0";
    assert_eq!(app.database.number(state).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_timer_fired_early_still_expires_at_its_time() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let floor = app.floor(Channel::Webchat, &[&ann]).await;
    app.waits(&floor, "1").await;
    ann.turns("AVAILABLE").await;
    app.settle().await;
    // The timer fires early, as when the clock is set back after the timer was found due.
    let early = "UPDATE timer SET due_at = (SELECT created_at FROM offer WHERE id = target) WHERE kind = 1";
    assert_eq!(app.database.run(early).await, 1);
    app.settle().await;
    assert_eq!(ids(&ann.desk().await["offers"]).len(), 1);
    app.pass(31).await;
    assert_eq!((ann.state().await.as_str(), ids(&ann.desk().await["offers"]).len()), ("RONA", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_without_its_agent_does_not_count_as_a_wait() {
    let app = TestApp::two().await;
    let (ada, ann, ben) = (app.admin("ada").await, app.agent("ann").await, app.agent("ben").await);
    let floor = app.floor(Channel::Webchat, &[&ann, &ben]).await;
    app.waits(&floor, "1").await;
    app.pass(10).await;
    ann.turns("AVAILABLE").await;
    app.settle().await;
    ann.accepts_it().await;
    let estimate = async || {
        let query = "query($id: ID!) { queue(id: $id) { estimatedWaitSeconds } }";
        ben.ask(query, json!({ "id": floor.queue.id.to_string() })).await.at("queue")["estimatedWaitSeconds"].clone()
    };
    assert_eq!(estimate().await, json!(10));
    app.pass(1_800).await;
    let query = "mutation($id: ID!) { setUserRole(input: { userId: $id, role: MEMBER }) { userErrors { code } } }";
    assert_eq!(ada.ask(query, json!({ "id": ann.id() })).await.at("setUserRole.userErrors"), &json!([]));
    ben.turns("AVAILABLE").await;
    app.settle().await;
    ben.accepts_it().await;
    assert_eq!(estimate().await, Value::Null);
}

/// Returns the log of a queue: every task that entered or left, in order.
pub async fn log_of(database: &TestDatabase, queue: uuid::Uuid) -> Vec<(String, Value)> {
    let sql = format!(
        "SELECT e.kind || ' ' || CAST(e.payload AS text) FROM event_entry n JOIN event e ON e.number = n.event_number \
         WHERE n.stream_kind = 9 AND n.owner_id = {} ORDER BY n.sequence",
        database.literal(queue)
    );
    let split = |line: String| {
        let (kind, payload) = line.split_once(' ').expected("kind and payload");
        (kind.to_owned(), serde_json::from_str(payload).expected("JSON"))
    };
    database.texts(&sql).await.into_iter().map(split).collect()
}

/// Checks that no task was offered while another task of the queue was ahead of it. Returns the number of offers.
pub async fn nobody_was_passed(database: &TestDatabase, queue: uuid::Uuid) -> usize {
    let mut waiting: BTreeSet<(i64, String, String)> = BTreeSet::new();
    // A transferred task may be overtaken, because it is not offered to the agent who transferred it.
    let mut handed_over = BTreeSet::new();
    let mut offered = 0;
    for (kind, task) in log_of(database, queue).await {
        let text = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
        let place = (task["priority"].as_i64().unwrap_or_default(), text("enqueued_at"), text("id"));
        if kind == "task_queued" {
            if text("enqueued_at") != text("received_at") {
                handed_over.insert(text("id"));
            }
            waiting.insert(place);
            continue;
        }
        if kind == "task_dequeued" && task["status"] == "OFFERED" {
            let first = waiting.iter().find(|one| **one == place || !handed_over.contains(&one.2));
            assert_eq!(first, Some(&place), "passed");
            offered += 1;
        }
        // A task without a wait was transferred between agents or is in a live conversation.
        assert!(waiting.remove(&place) || kind != "task_dequeued", "it did not wait: {task}");
    }
    offered
}

/// Checks the invariants of the rows that hold after any history.
pub async fn nothing_contradicts_itself(database: &TestDatabase) {
    for (what, sql) in [
        (
            "an agent's counts are not what they hold",
            "SELECT count(*) FROM agent a WHERE a.chat_used + a.email_used + a.social_used <> \
          (SELECT count(*) FROM assignment s WHERE s.agent_id = a.user_id)",
        ),
        (
            "an agent holds more than the limit",
            "SELECT count(*) FROM agent WHERE chat_used > chat_limit OR email_used > email_limit OR social_used > social_limit",
        ),
        (
            "a task has two live offers",
            "SELECT count(*) FROM (SELECT task_id FROM offer WHERE status = 1 GROUP BY task_id HAVING count(*) > 1) d",
        ),
        (
            "an offer of nothing",
            "SELECT count(*) FROM offer o JOIN task t ON t.id = o.task_id \
             WHERE o.status = 1 AND t.status <> CASE WHEN o.kind = 3 THEN 4 ELSE 2 END",
        ),
        (
            "a task that is offered to nobody",
            "SELECT count(*) FROM task t WHERE t.status = 2 AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.task_id = t.id AND o.status = 1)",
        ),
        (
            "a task with two owners",
            "SELECT count(*) FROM (SELECT task_id FROM assignment WHERE phase = 2 AND NOT joined GROUP BY task_id HAVING count(*) > 1) d",
        ),
        (
            "a talk that its owner does not hold",
            "SELECT count(*) FROM task t WHERE t.status IN (3, 4, 5) AND NOT EXISTS \
          (SELECT 1 FROM assignment s WHERE s.task_id = t.id AND s.agent_id = t.owner_id AND s.phase = 2)",
        ),
        (
            "a hold on what is over",
            "SELECT count(*) FROM assignment s JOIN task t ON t.id = s.task_id WHERE t.status = 7 OR (t.status > 7 AND s.phase <> 3)",
        ),
        (
            "a wrap-up that nobody holds",
            "SELECT count(*) FROM wrap_up w WHERE w.submitted_at IS NULL AND NOT EXISTS (SELECT 1 FROM assignment s WHERE s.id = w.id AND s.phase = 3)",
        ),
        (
            "a pending offer that will not end",
            "SELECT count(*) FROM offer o WHERE o.status = 1 AND NOT EXISTS (SELECT 1 FROM timer d WHERE d.kind = 1 AND d.target = o.id)",
        ),
        (
            "a deadline of what is over",
            "SELECT count(*) FROM timer d WHERE d.kind = 1 AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.id = d.target AND o.status = 1)",
        ),
        (
            "a conference that nobody has joined, or a joined one without",
            "SELECT count(*) FROM task t WHERE (t.status = 5) <> (t.conference_agent_id IS NOT NULL AND EXISTS (SELECT 1 FROM assignment s \
             WHERE s.task_id = t.id AND s.agent_id = t.conference_agent_id AND s.phase = 2 AND s.joined)) AND t.status IN (3, 4, 5)",
        ),
        (
            "somebody is asked to join and nobody knows",
            "SELECT count(*) FROM task t WHERE t.status = 4 AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.task_id = t.id AND o.status = 1 AND o.kind = 3)",
        ),
        (
            "a closed conversation with a live task",
            "SELECT count(*) FROM conversation c JOIN task t ON t.id = c.task_id WHERE c.status = 2 AND t.status < 6",
        ),
        (
            "two intervals at once",
            "SELECT count(*) FROM (SELECT agent_id FROM agent_interval WHERE ended_at IS NULL GROUP BY agent_id HAVING count(*) <> 1) d",
        ),
        (
            "a hole in an agent's ledger, or an overlap",
            "SELECT count(*) FROM agent_interval a WHERE a.ended_at IS NOT NULL AND (a.ended_at < a.started_at OR NOT EXISTS \
             (SELECT 1 FROM agent_interval b WHERE b.agent_id = a.agent_id AND b.number = a.number + 1 AND b.started_at = a.ended_at))",
        ),
    ] {
        assert_eq!(database.number(sql).await, 0, "{what}");
    }
}
