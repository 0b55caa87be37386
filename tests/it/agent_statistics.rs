//! Tests of the figures of agents: what they accept, miss, handle and pass on, how long it takes, and who sees it.

use chrono::Duration;
use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{accounts::key, app::TestApp, arrivals::connected_task, graphql::Client, person::Person};

const FIGURES: &str = "query($id: ID!, $since: DateTime) { agent(id: $id) { statistics(since: $since) { accepted declined \
                       missed handled passedOn averageHandleSeconds timeInStates { state seconds } } } }";

async fn figures(by: &Client, of: &Person, since: Value) -> Value {
    let variables = json!({ "id": of.as_target()["agentId"], "since": since });
    by.ask(FIGURES, variables).await.body["data"]["agent"]["statistics"].clone()
}

fn seconds(figures: &Value, state: &str) -> Option<i64> {
    let times = figures["timeInStates"].as_array()?;
    times.iter().find(|time| time["state"] == state)?["seconds"].as_i64()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_reads_what_they_handled_and_others_do_not() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let wait = |seconds: i64| app.clock.advance(Duration::seconds(seconds));
    wait(100);
    for agent in [&ann, &ben] {
        assert_eq!(agent.turns("AVAILABLE").await, "");
    }
    // A conversation of a minute, with a wrap-up of half a minute.
    let first = connected_task(&app, &ann, &queue_setup, "Tom").await;
    wait(60);
    assert_eq!(ann.ends(&first.conversation.to_string()).await, "");
    wait(30);
    assert_eq!(ann.wraps_up(&first.task.to_string()).await, "");
    // One that goes on with Ben.
    let second = connected_task(&app, &ann, &queue_setup, "Ina").await;
    let second = second.task.to_string();
    assert_eq!(ann.transfers(&second, ben.as_target()).await, "");
    app.settle().await;
    assert_eq!(ben.accepts_it().await, second);
    wait(10);
    assert_eq!(ann.wraps_up(&second).await, "");
    // One that Ann declines, and one that she misses.
    app.waits(&queue_setup, "Ed").await;
    app.settle().await;
    let offer = ann.offers().await.remove(0);
    assert_eq!(ann.declines(&offer).await, "");
    assert_eq!(ann.turns("AVAILABLE").await, "");
    app.settle().await;
    assert_eq!(ann.offers().await.len(), 1);
    app.pass(60).await;
    assert_eq!(ann.state().await, "RONA");
    wait(40);
    let of_ann = figures(&ann.clients[0], &ann, Value::Null).await;
    let counts = ["accepted", "declined", "missed", "handled", "passedOn", "averageHandleSeconds"]
        .map(|name| of_ann[name].clone());
    // Ninety seconds and ten seconds.
    assert_eq!(json!(counts), json!([2, 1, 1, 2, 1, 50]), "{of_ann}");
    assert_eq!(seconds(&of_ann, "OFFLINE"), Some(100), "{of_ann}");
    assert!(seconds(&of_ann, "AVAILABLE") >= Some(100) && seconds(&of_ann, "RONA") >= Some(40), "{of_ann}");
    let since = app.clock.now() - Duration::seconds(20);
    let lately = figures(&ann.clients[0], &ann, json!(since)).await;
    assert_eq!((&lately["handled"], &lately["averageHandleSeconds"]), (&json!(0), &Value::Null));
    assert_eq!(lately["timeInStates"], json!([{ "state": "RONA", "seconds": 20 }]));
    let ahead = figures(&ann.clients[0], &ann, json!(app.clock.now() + Duration::days(9))).await;
    assert_eq!(ahead["timeInStates"], json!([{ "state": "RONA", "seconds": 0 }]));
    let of_ben = figures(&ben.clients[0], &ben, Value::Null).await;
    assert_eq!((&of_ben["accepted"], &of_ben["handled"]), (&json!(1), &json!(0)));
    let input = json!({ "name": "wall", "kind": "ORGANIZATION", "scopes": ["AGENTS_READ"] });
    let wall = Client::new(&ada.clients[0].url, Some(key(&ada.clients[0], input).await.0));
    for by in [&sue.clients[0], &wall] {
        assert_eq!(figures(by, &ann, Value::Null).await, of_ann);
    }
    assert_eq!(figures(&ben.clients[0], &ann, Value::Null).await, Value::Null);
    let variables = json!({ "id": ann.as_target()["agentId"], "since": app.clock.now() - Duration::days(32) });
    assert_eq!(ann.ask(FIGURES, variables).await.code(), "BAD_USER_INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_leads_to_their_agent_for_those_who_see_agents() {
    let app = TestApp::new().await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let jane = app.person("jane").await;
    assert_eq!(ann.turns("AVAILABLE").await, "");
    let query = "query($id: ID!) { user(id: $id) { agent { id state } } }";
    let of = async |by: &Person, whom: &Person| {
        by.ask(query, json!({ "id": whom.id() })).await.body["data"]["user"]["agent"].clone()
    };
    assert_eq!(of(&ben, &ann).await, json!({ "id": ann.as_target()["agentId"], "state": "AVAILABLE" }));
    assert_eq!(of(&ben, &jane).await, Value::Null);
    assert_eq!(of(&jane, &ann).await, Value::Null);
    let limited = app.limited(&ben, &[api::auth::viewer::Scope::ProfileRead]);
    let refused = limited.ask(query, json!({ "id": ann.id() })).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    assert_eq!(refused.body["errors"][0]["path"], json!(["user", "agent"]));
    assert!(refused.body["data"]["user"].is_object(), "{}", refused.body);
}
