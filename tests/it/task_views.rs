//! Tests of tasks and offers as an agent sees them: the agent's part, who is asked, what the visitor brought, and what
//! happens to an offer when its agent becomes unavailable.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::key,
    app::TestApp,
    arrivals::connected_task,
    consistency,
    desk::NewQueue,
    graphql::Client,
    person::Person,
    visitors::{AcceptedChat, accepted_chat, message, start},
};

const TASK: &str = include_str!("operations/task_views/task.graphql");
const TARGETS: &str = include_str!("operations/task_views/targets.graphql");

async fn task(by: &Client, id: &str) -> Value {
    by.ask(TASK, json!({ "id": id })).await.at("node").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_says_what_part_the_viewer_has_and_who_is_asked() {
    let AcceptedChat { app, sue, ann, visitor, sales, task: id, .. } = accepted_chat().await;
    let seen = task(&sue.clients[0], &id).await;
    assert_eq!((&seen["viewerRole"], &seen["channel"]), (&json!("OWNER"), &json!("WEBCHAT")));
    assert_eq!((&seen["pendingOffer"], &seen["viewerWrapUp"]), (&Value::Null, &Value::Null));
    assert_eq!(sue.invites(&id, ann.as_target()).await, "");
    let asked =
        json!({ "kind": "CONFERENCE", "expiresInSeconds": 30, "agent": { "displayName": "ann" }, "queue": null });
    assert_eq!(task(&sue.clients[0], &id).await["pendingOffer"], asked);
    assert_eq!(task(&ann.clients[0], &id).await["viewerRole"], "ASKED");
    let shown = task(&visitor, &id).await;
    for hidden in ["viewerRole", "pendingOffer", "customerAgreed", "intake", "viewerWrapUp"] {
        assert_eq!(shown[hidden], Value::Null, "{hidden}");
    }
    ann.accepts_it().await;
    assert_eq!(task(&ann.clients[0], &id).await["viewerRole"], "JOINED");
    assert_eq!(ann.confers("exitConference", &id).await, "");
    let seen = task(&ann.clients[0], &id).await;
    assert_eq!(seen["viewerRole"], "WRAP_UP");
    assert_eq!(seen["viewerWrapUp"], json!({ "agent": { "displayName": "ann" }, "submittedAt": null }));
    assert_eq!(ann.wraps_up(&id).await, "");
    assert_eq!(task(&ann.clients[0], &id).await["viewerRole"], Value::Null);
    // A transfer asks one agent. The customer does not stand in a queue meanwhile, and is told to wait.
    assert_eq!(sue.transfers(&id, ann.as_target()).await, "");
    assert_eq!(task(&sue.clients[0], &id).await["pendingOffer"]["kind"], "TRANSFER");
    let shown = task(&visitor, &id).await;
    assert_eq!((&shown["position"], &shown["estimatedWaitSeconds"]), (&Value::Null, &Value::Null));
    let thread = "{ conversations { nodes { items(last: 5) { nodes { ... on Announcement { kind text } } } } } }";
    let told = visitor.ask(thread, Value::Null).await.body.to_string();
    assert!(told.contains("TRANSFERRING") && told.contains("Please wait"), "{told}");
    assert_eq!(ann.declines(&ann.offers().await[0]).await, "");
    let _ = sales;
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_brought_is_data_in_the_task_and_in_the_offer() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let setup = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Chats"), &[&ann]).await;
    let more = json!({
        "message": { "clientMessageId": "1", "body": "Hello" }, "pageUrl": "https://shop.example/cart",
        "referrer": "https://shop.example/", "locale": "ko-KR",
        "attributes": [{ "name": "plan", "value": "gold" }, { "name": "총액", "value": "42,000원" }],
    });
    let started = start(&app.anonymous(), &setup.entry_point, more.clone()).await;
    assert_eq!(started.at("startWebChat.userErrors"), &json!([]), "{}", started.body);
    ann.turns("AVAILABLE").await;
    app.settle().await;
    let offer = "{ viewer { agentDesktop { offers { task { id } preview { intake { pageUrl locale attributes { value } } } } } } }";
    let offer = ann.ask(offer, Value::Null).await.at("viewer.agentDesktop.offers.0").clone();
    assert_eq!(offer["preview"]["intake"]["attributes"], json!([{ "value": "gold" }, { "value": "42,000원" }]));
    let id = ann.accepts_it().await;
    let intake = task(&ann.clients[0], &id).await["intake"].clone();
    assert_eq!(intake["pageUrl"], "https://shop.example/cart");
    assert_eq!((&intake["referrer"], &intake["locale"]), (&json!("https://shop.example/"), &json!("ko-KR")));
    assert_eq!(intake["attributes"], more["attributes"]);
    // A program that may see agents, but no conversations, does not see it in the events of tasks.
    let ada = app.admin("ada").await;
    let pull = "{ events(topics: [QUEUES], first: 1) { nodes { ... on TaskQueued { task { intake { pageUrl } } } } } }";
    for (scopes, expected) in [
        (json!(["EVENTS_READ", "AGENTS_READ"]), Value::Null),
        (json!(["EVENTS_READ", "AGENTS_READ", "CONVERSATIONS_READ"]), json!({ "pageUrl": intake["pageUrl"] })),
    ] {
        let input = json!({ "name": "Wallboard", "kind": "ORGANIZATION", "scopes": scopes });
        let (secret, _) = key(&ada.clients[0], input).await;
        let program = Client::new(&ada.clients[0].url, Some(secret));
        let events = program.ask(pull, Value::Null).await;
        assert_eq!(events.body["data"]["events"]["nodes"][0]["task"]["intake"], expected, "{scopes}");
    }
    let twice = json!([{ "name": "a", "value": "1" }, { "name": "a", "value": "2" }]);
    let many: Vec<Value> = (0..21).map(|number| json!({ "name": number.to_string(), "value": "x" })).collect();
    for (field, wrong) in [
        ("locale", json!("ko_KR")),
        ("locale", json!("")),
        ("locale", json!("x".repeat(36))),
        ("referrer", json!("javascript:alert(1)")),
        ("attributes", twice),
        ("attributes", json!(many)),
        ("attributes", json!([{ "name": "", "value": "x" }])),
        ("attributes", json!([{ "name": "x", "value": "x".repeat(501) }])),
        ("attributes", json!([{ "name": "x\u{1b}", "value": "x" }])),
    ] {
        let mut more = message("2", "Hello");
        more[field] = wrong.clone();
        let refused = start(&app.anonymous(), &setup.entry_point, more).await;
        assert_eq!(refused.text("startWebChat.userErrors.0.code"), "INVALID", "{field} {wrong}");
        assert_eq!(refused.at("startWebChat.userErrors.0.field"), &json!(["input", field]), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_becomes_idle_gives_the_offer_to_the_next_agent_at_once() {
    let app = TestApp::two().await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let setup = app.queue_setup(Channel::Webchat, &[&ann, &ben]).await;
    for state in ["IDLE", "OFFLINE"] {
        assert_eq!(ann.turns("AVAILABLE").await, "");
        let arrival = app.waits(&setup, &format!("kim {state}")).await;
        app.settle().await;
        assert_eq!(ann.is_offered().await, [arrival.task.to_string()]);
        assert_eq!(ben.turns("AVAILABLE").await, "");
        assert_eq!(ann.turns(state).await, "");
        app.settle().await;
        assert_eq!((ann.is_offered().await.len(), ann.state().await.as_str()), (0, state));
        assert_eq!(ben.is_offered().await, [arrival.task.to_string()]);
        app.pass(31).await;
        assert_eq!(ann.state().await, state, "nothing rings out");
        assert_eq!(ben.state().await, "RONA");
        crate::support::visitors::leave(&app, &arrival.conversation.to_string()).await;
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn states_and_acceptances_at_the_same_time_leave_no_offer_with_an_idle_agent() {
    let app = TestApp::two().await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let setup = app.queue_setup(Channel::Webchat, &[&ann, &ben]).await;
    for round in 0..crate::support::rounds(10) {
        for agent in [&ann, &ben] {
            assert_eq!(agent.turns("AVAILABLE").await, "");
        }
        for number in 0..3 {
            app.waits(&setup, &format!("kim {round} {number}")).await;
        }
        let turn = async |agent: &Person| agent.turns("IDLE").await;
        let accept = async |agent: &Person| {
            for offer in agent.offers().await {
                drop(agent.accepts(&offer).await);
            }
        };
        let ((), said, other, ..) = tokio::join!(app.settle(), turn(&ann), turn(&ben), accept(&ann), accept(&ben));
        assert_eq!((said.as_str(), other.as_str()), ("", ""));
        for agent in [&ann, &ben] {
            assert_eq!((agent.is_offered().await.len(), agent.state().await.as_str()), (0, "IDLE"), "{round}");
            for conversation in crate::support::desk::ids(&agent.desk().await["tasks"]) {
                let seen = agent
                    .ask(
                        "query($id: ID!) { node(id: $id) { ... on Task { status conversation { id } } } }",
                        json!({ "id": conversation }),
                    )
                    .await;
                if seen.at("node.status") == "CONNECTED" {
                    agent.ends(seen.text("node.conversation.id")).await;
                }
                agent.wraps_up(&conversation).await;
            }
        }
        consistency::check(&app.database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_conference_targets_says_who_can_be_chosen_and_why_not() {
    let app = TestApp::two().await;
    let [ann, ben, cho, dan] = app.agents(["ann", "ben", "cho", "dan"]).await;
    let setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    for (agent, state) in [(&ann, "AVAILABLE"), (&ben, "IDLE"), (&cho, "AVAILABLE"), (&dan, "OFFLINE")] {
        agent.turns(state).await;
    }
    connected_task(&app, &ann, &setup, "kim").await;
    let task = ann.desk().await["tasks"][0]["id"].as_str().expected("a task").to_owned();
    let list = ann.ask(TARGETS, json!({ "task": task })).await;
    let expected = json!([
        { "selectable": false, "reason": "AGENT_NOT_AVAILABLE", "node": { "displayName": "ben" } },
        { "selectable": true, "reason": null, "node": { "displayName": "cho" } },
    ]);
    assert_eq!(list.at("agents.edges"), &expected);
    assert_eq!(ann.invites(&task, ben.as_target()).await, "AGENT_NOT_AVAILABLE");
    let all = ann.ask("{ agents { edges { selectable reason } } }", Value::Null).await;
    assert_eq!(all.at("agents.edges.0"), &json!({ "selectable": null, "reason": null }));
}
