//! Supervisors and programs set the priority of tasks.

use entity::{channel::Channel, task};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, desk::NewQueue, graphql::Answer, person::Person};

const SET: &str = "mutation($input: SetTaskPriorityInput!) { setTaskPriority(input: $input) { task { id priority position } \
                   outcome userErrors { code field } } }";

async fn set(by: &Person, task: &str, priority: Value) -> Answer {
    by.ask(SET, json!({ "input": { "taskId": task, "priority": priority } })).await
}

fn code(answer: &Answer) -> &str {
    answer.at("setTaskPriority")["userErrors"][0]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_task_with_a_higher_priority_is_offered_first_and_keeps_its_waiting_time() {
    let app = TestApp::two().await;
    let (ann, sue) = (app.agent("ann").await, app.supervisor("sue").await);
    let setup = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Support"), &[&ann]).await;
    let mut tasks = Vec::new();
    for name in ["Kim", "Lee", "Noa"] {
        tasks.push(app.waits(&setup, name).await.task.to_string());
        app.clock.advance(chrono::Duration::seconds(1));
    }
    let before = task::Entity::find_by_id(entity::id::TaskId::parse(&tasks[2]).expected("an id"));
    let before = before.one(app.app().db.read()).await.expected("a look").expected("a task");
    let changed = set(&sue, &tasks[2], json!(1)).await;
    assert_eq!(
        (changed.at("setTaskPriority.task.priority"), changed.at("setTaskPriority.task.position")),
        (&json!(1), &json!(1))
    );
    assert_eq!(set(&sue, &tasks[2], json!(1)).await.text("setTaskPriority.outcome"), "NO_CHANGE");
    set(&sue, &tasks[1], json!(9)).await;
    let first = set(&sue, &tasks[0], Value::Null).await;
    assert_eq!(
        (first.text("setTaskPriority.outcome"), first.at("setTaskPriority.task.priority")),
        ("NO_CHANGE", &json!(10))
    );
    let after =
        task::Entity::find_by_id(before.id).one(app.app().db.read()).await.expected("a look").expected("a task");
    assert_eq!((after.enqueued_at, after.received_at), (before.enqueued_at, before.received_at));
    let mut positions = Vec::new();
    for task in &tasks {
        let query = "query($id: ID!) { node(id: $id) { ... on Task { position } } }";
        positions.push(sue.ask(query, json!({ "id": task })).await.at("node.position").clone());
    }
    assert_eq!(positions, [json!(3), json!(2), json!(1)]);
    app.database.run("UPDATE agent SET chat_limit = 1").await;
    assert_eq!(ann.turns("AVAILABLE").await, "");
    app.settle().await;
    assert_eq!(ann.accepts_it().await, tasks[2]);
    // A task that an agent has can change its priority too, for the time after a transfer.
    assert_eq!(code(&set(&sue, &tasks[2], json!(5)).await), "");
}

#[tokio::test]
async fn only_supervisors_and_programs_set_a_priority_and_only_of_a_live_task() {
    let app = TestApp::new().await;
    let (ann, sue) = (app.agent("ann").await, app.supervisor("sue").await);
    let setup = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Support"), &[&ann]).await;
    let arrival = app.waits(&setup, "Kim").await;
    let task = arrival.task.to_string();
    assert_eq!(code(&set(&ann, &task, json!(1)).await), "NOT_ALLOWED");
    for wrong in [0, 10, -1] {
        assert_eq!(code(&set(&sue, &task, json!(wrong)).await), "OUT_OF_RANGE");
    }
    assert_eq!(code(&set(&sue, "task_0", json!(1)).await), "NOT_FOUND");
    crate::support::visitors::leave(&app, &arrival.conversation.to_string()).await;
    assert_eq!(code(&set(&sue, &task, json!(1)).await), "CONVERSATION_ENDED");
}
