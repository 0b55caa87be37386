//! Tests of calls that are nearly repetitions, or that are repeated at the same time. `every_mutation_twice` has the
//! plain repetitions.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp, arrivals::connected_task, desk::NewQueue, graphql::Client, person::Person, visitors::leave,
};

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
    assert_eq!(once(&ann, "wrapUpTask", said("Not sold.")).await, "NOTHING_TO_WRAP_UP");
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
        twice(&app, &sue, "assignTask", to).await;
        let query = "query($id: ID!) { node(id: $id) { ... on Task { queue { name } } } }";
        let task = sue.ask(query, json!({ "id": arrival.task.to_string() })).await;
        queues.push(task.at("node.queue.name").clone());
        leave(&app, &arrival.conversation.to_string()).await;
    }
    assert_eq!(queues, ["Others", "Others"]);
}

/// Sends a mutation several times at once, to all instances. Returns the payloads.
async fn at_once(app: &TestApp, token: Option<&str>, mutation: &str, shown: &str, input: &Value) -> Vec<Value> {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!(
        "mutation($input: {kind}!) {{ done: {mutation}(input: $input) {{ outcome {shown} userErrors {{ code message }} }} }}"
    );
    let calls = (0..8).map(|number| {
        let instance = &app.instances[number % app.instances.len()];
        let (client, query) = (Client::new(&instance.url, token.map(str::to_owned)), &query);
        async move { client.ask(query, json!({ "input": input })).await.at("done").clone() }
    });
    let done = futures_util::future::join_all(calls).await;
    let outcomes = |outcome: &str| done.iter().filter(|payload| payload["outcome"] == outcome).count();
    assert_eq!((outcomes("APPLIED"), outcomes("NO_CHANGE")), (1, 7), "{mutation}: {done:?}");
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_calls_at_the_same_time_take_effect_once() {
    let app = TestApp::two().await;
    let key = "a text that nobody else makes up";
    let pat = json!({ "handle": "pat", "password": "correct horse", "displayName": "Pat", "idempotencyKey": key });
    let signed_up = at_once(&app, None, "signUp", "accessToken user { id }", &pat).await;
    assert!(signed_up.iter().all(|payload| payload["user"] == signed_up[0]["user"]), "{signed_up:?}");
    assert_eq!(app.database.number("SELECT count(*) FROM session").await, 1);
    let token = signed_up[0]["accessToken"].as_str();
    let new =
        json!({ "name": "Reports", "scopes": ["PROFILE_READ"], "idempotencyKey": "one that nobody else makes up" });
    let keys = at_once(&app, token, "createApiKey", "secret apiKey { id }", &new).await;
    assert!(keys.iter().all(|payload| payload["secret"] == keys[0]["secret"] && payload["secret"].is_string()));
    let rotation = json!({ "apiKeyId": keys[0]["apiKey"]["id"], "idempotencyKey": "two that nobody else makes up" });
    let rotated = at_once(&app, token, "rotateApiKey", "secret", &rotation).await;
    assert!(rotated.iter().all(|payload| payload["secret"] == rotated[0]["secret"] && payload["secret"].is_string()));
    let aunt = json!({ "displayName": "Aunt", "idempotencyKey": "three that nobody else makes up" });
    let saved = at_once(&app, token, "savePersonalContact", "contact { id }", &aunt).await;
    at_once(&app, token, "deletePersonalContact", "deletedId", &json!({ "contactId": saved[0]["contact"]["id"] }))
        .await;
    let status = json!({ "text": "Hello", "idempotencyKey": "four that nobody else makes up" });
    let posted = at_once(&app, token, "postStatus", "activity { id }", &status).await;
    at_once(&app, token, "deleteActivity", "deletedId", &json!({ "activityId": posted[0]["activity"]["id"] })).await;
    let passwords = json!({ "currentPassword": "correct horse", "newPassword": "battery staple" });
    let changed = at_once(&app, token, "changePassword", "changes { stream }", &passwords).await;
    assert_eq!(changed.len(), 8);
}
