//! Tests of routing: by priority, then by waiting time, to the agent who has been available longest. Independent checks
//! read the log and the rows after concurrent actions.

use entity::{
    channel::Channel,
    queue::{BusinessHours, SkillStep, SkillSteps},
};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    arrivals::announced,
    desk::{NewQueue, ids},
};

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_offered_by_priority_and_then_by_arrival() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let mut waiting = Vec::new();
    for (name, priority) in [("a", 10), ("b", 5), ("c", 1), ("d", 5), ("e", 10)] {
        app.clock.advance(chrono::Duration::seconds(1));
        waiting.push(app.arrives_at(waiting.len(), &queue_setup, name, priority).await.task.to_string());
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
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann, &ben, &cem]).await;
    let first = app.waits(&queue_setup, "1").await;
    app.settle().await;
    for agent in [&ben, &cem, &ann] {
        app.clock.advance(chrono::Duration::seconds(1));
        agent.turns("AVAILABLE").await;
        app.clock.advance(chrono::Duration::seconds(1));
    }
    app.settle().await;
    assert_eq!(ben.is_offered().await, [first.task.to_string()]);
    let second = app.waits(&queue_setup, "2").await;
    app.settle().await;
    assert_eq!(cem.is_offered().await, [second.task.to_string()]);
    app.clock.advance(chrono::Duration::seconds(1));
    app.waits(&queue_setup, "3").await;
    app.settle().await;
    assert_eq!(ann.is_offered().await.len(), 1);
    // Each agent has one offer. The next goes to the agent who was asked first.
    let fourth = app.waits(&queue_setup, "4").await;
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
        let queue_setup = app.queue_setup_of(new, &[&ann]).await;
        ann.turns("AVAILABLE").await;
        app.waits(&queue_setup, "cem").await;
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
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    ann.turns("AVAILABLE").await;
    let mut arrivals = Vec::new();
    for index in 0..7 {
        arrivals.push(app.waits(&queue_setup, &index.to_string()).await);
    }
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 5, "the default profile");
    for offer in ann.offers().await {
        ann.accepts(&offer).await.expect("a task");
    }
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 0, "conversations count");
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
    let queue_setup = app.queue_setup_of(new, &[]).await;
    ann.turns("AVAILABLE").await;
    ben.turns("IDLE").await;
    let arrival = app.waits(&queue_setup, "claire").await;
    app.pass(60).await;
    assert_eq!((ann.offers().await.len(), ben.offers().await.len()), (0, 0), "nobody is good enough, or free");
    app.pass(60).await;
    assert_eq!(ann.is_offered().await, [arrival.task.to_string()], "in the end less will do");
    ann.accepts_it().await;
    ben.turns("AVAILABLE").await;
    app.settle().await;
    let second = app.waits(&queue_setup, "luc").await;
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
    let queue_setup = app.queue_setup_of(new, &[&ann]).await;
    let arrival = app.waits(&queue_setup, "cem").await;
    assert_eq!(announced(&app, arrival).await, [("We are back on Monday.".to_owned(), true)]);
    ann.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 1, "who works all the same is offered it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_agent_leaves_no_tasks_behind() {
    let app = TestApp::two().await;
    let (ada, ann, ben) = (app.admin("ada").await, app.agent("ann").await, app.agent("ben").await);
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann, &ben]).await;
    ann.turns("AVAILABLE").await;
    let [conversation, over, held] =
        [app.waits(&queue_setup, "1").await, app.waits(&queue_setup, "2").await, app.waits(&queue_setup, "3").await];
    app.settle().await;
    for offer in &ann.offers().await[..2] {
        ann.accepts(offer).await.expect("a task");
    }
    ann.ends(&over.conversation.to_string()).await;
    let query = "mutation($id: ID!) { setUserRole(input: { userId: $id, role: MEMBER }) { userErrors { code } } }";
    assert_eq!(ada.ask(query, json!({ "id": ann.id() })).await.at("setUserRole.userErrors"), &json!([]));
    ben.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ben.is_offered().await, [conversation.task.to_string(), held.task.to_string()]);
    assert_eq!(app.database.number("SELECT count(*) FROM assignment").await, 2);
    let state = "SELECT count(*) FROM agent WHERE state = 1 AND chat_used = 0";
    assert_eq!(app.database.number(state).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_timer_fired_early_still_expires_at_its_time() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    app.waits(&queue_setup, "1").await;
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
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann, &ben]).await;
    app.waits(&queue_setup, "1").await;
    app.pass(10).await;
    ann.turns("AVAILABLE").await;
    app.settle().await;
    ann.accepts_it().await;
    let estimate = async || {
        let query = "query($id: ID!) { queue(id: $id) { estimatedWaitSeconds } }";
        ben.ask(query, json!({ "id": queue_setup.queue.id.to_string() })).await.at("queue")["estimatedWaitSeconds"]
            .clone()
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
