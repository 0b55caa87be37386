//! Tests of commands about tasks that are sent twice, or nearly so. `every_mutation_twice` has the plain repetitions.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{app::TestApp, arrivals::connected_task, desk::NewQueue, person::Person, visitors::leave};

/// Sends a mutation. Returns its outcome, or the code of the refusal.
async fn once(who: &Person, mutation: &str, input: Value) -> String {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query =
        format!("mutation($input: {kind}!) {{ done: {mutation}(input: $input) {{ outcome userErrors {{ code }} }} }}");
    let done = who.ask(&query, json!({ "input": input })).await.at("done").clone();
    done["userErrors"][0]["code"].as_str().or(done["outcome"].as_str()).unwrap_or_default().to_owned()
}

/// Sends a mutation twice. Checks that only the first call has an effect, and that both return the same task.
async fn twice(app: &TestApp, who: &Person, mutation: &str, input: Value) {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!(
        "mutation($input: {kind}!) {{ done: {mutation}(input: $input) {{ outcome task {{ id }} userErrors {{ code message }} }} }}"
    );
    let call = || who.ask(&query, json!({ "input": input }));
    let first = call().await.at("done").clone();
    assert_eq!((&first["outcome"], &first["userErrors"]), (&json!("APPLIED"), &json!([])), "{mutation}");
    let events = app.database.number("SELECT count(*) FROM event").await;
    let again = call().await.at("done").clone();
    assert_eq!((&again["outcome"], &again["task"]), (&json!("NO_CHANGE"), &first["task"]), "{mutation}: {again}");
    assert_eq!(app.database.number("SELECT count(*) FROM event").await, events, "{mutation}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_call_than_the_first_is_no_repetition() {
    let app = TestApp::new().await;
    let [ann, ben] = [app.agent("ann").await, app.agent("ben").await];
    let setup = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Chats"), &[&ann]).await;
    let [one, two] = [
        app.queue_setup_of(NewQueue::of(Channel::Webchat, "One"), &[&ben]).await,
        app.queue_setup_of(NewQueue::of(Channel::Webchat, "Two"), &[]).await,
    ];
    assert_eq!(ann.turns("AVAILABLE").await, "");
    let chat = connected_task(&app, &ann, &setup, "Kim").await;
    let task = chat.task.to_string();
    let to = |queue: String| json!({ "taskId": task, "to": { "queueId": queue } });
    assert_eq!(once(&ann, "transferTask", to(one.queue.id.to_string())).await, "APPLIED");
    assert_eq!(once(&ann, "transferTask", to(two.queue.id.to_string())).await, "NOT_A_PARTICIPANT");
    let reason = ann.reason("Other").await;
    let said = |note: &str| json!({ "taskId": task, "reasonIds": [reason], "note": note });
    assert_eq!(once(&ann, "wrapUpTask", said("Sold.")).await, "APPLIED");
    assert_eq!(once(&ann, "wrapUpTask", said("Not sold.")).await, "NOT_ALLOWED");
    // After another agent has joined, the earlier transfer is history.
    assert_eq!(ben.turns("AVAILABLE").await, "");
    app.settle().await;
    ben.accepts_it().await;
    assert_eq!(once(&ann, "transferTask", to(one.queue.id.to_string())).await, "NOT_A_PARTICIPANT");
    assert_eq!(once(&ann, "cancelConference", json!({ "taskId": task })).await, "NOT_A_PARTICIPANT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_task_of_a_conversation_is_moved_like_the_first_one() {
    let app = TestApp::new().await;
    let sue = app.supervisor("sue").await;
    let setup = app.queue_setup_of(NewQueue::of(Channel::Sms, "Texts"), &[]).await;
    let other = app.queue_setup_of(NewQueue::of(Channel::Sms, "Others"), &[]).await;
    let mut queues = Vec::new();
    for _ in 0..2 {
        let arrival = app.waits(&setup, "Kim").await;
        let to = json!({ "taskId": arrival.task.to_string(), "to": { "queueId": other.queue.id.to_string() } });
        twice(&app, &sue, "moveTask", to).await;
        let query = "query($id: ID!) { node(id: $id) { ... on Task { queue { name } } } }";
        let task = sue.ask(query, json!({ "id": arrival.task.to_string() })).await;
        queues.push(task.at("node.queue.name").clone());
        leave(&app, &arrival.conversation.to_string()).await;
    }
    assert_eq!(queues, ["Others", "Others"]);
}
