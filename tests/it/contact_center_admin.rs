//! Tests of the configuration of the contact center through the API: each change takes effect at once and strands no
//! task.

mod reasons;
mod secrets;

use entity::id::AgentId;
use serde_json::{Value, json};

use crate::support::consistency;
use crate::support::{Expected as _, app::TestApp, person::Person};

const SEND: &str = include_str!("operations/contact_center_admin/send.graphql");

fn agent_id(person: &Person) -> String {
    AgentId(person.id.0).to_string()
}

/// Returns the status of a task and the name of its queue.
async fn stands(by: &Person, task: &str) -> (String, String) {
    let task = by.reads(task, "Task", "status queue { name }").await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&task["status"]), text(&task["queue"]["name"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_created_through_the_api_routes_web_chats_to_skilled_agents() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let french = ada.makes("createSkill", json!({ "name": "French" })).await;
    for (agent, level) in [(&ann, 3), (&ben, 8)] {
        let skills = json!([{ "skillId": french, "level": level }]);
        ada.makes("updateAgent", json!({ "userId": agent.id(), "skills": skills })).await;
    }
    let step =
        |after: i32, level: i32| json!({ "afterSeconds": after, "required": [{ "skillId": french, "level": level }] });
    let hours = json!({
        "timeZone": "Europe/Paris",
        "weeklyHours": [{ "weekday": "MONDAY", "from": "09:00", "to": "17:30" }],
        "closedOn": ["2026-12-25"],
        "closedMessage": "On Monday.",
    });
    let input = json!({
        "name": "French", "channel": "WEBCHAT", "agentIds": [agent_id(&ann), agent_id(&ben)],
        "skillRelaxation": [step(0, 5), step(60, 2)], "offerSeconds": 45, "autoWrapUpSeconds": 90, "inactivitySeconds": 600,
        "serviceLevelSeconds": 20, "onUnacceptedTransfer": "REQUEUE", "hours": hours,
    });
    let queue = ada.makes("createQueue", input).await;
    let input = json!({
        "name": "Boutique", "channel": "WEBCHAT", "address": "boutique", "queueId": queue, "priority": 3,
        "fields": [{ "name": "email", "label": "Your address", "kind": "EMAIL" }], "origins": ["https://Boutique.example/"],
    });
    let entry_point = ada.makes("createEntryPoint", input).await;

    let fields = "name channel agents { displayName } assignedAgents { displayName } offerSeconds autoWrapUpSeconds inactivitySeconds \
        serviceLevelSeconds onUnacceptedTransfer archivedAt skillRelaxation { afterSeconds required { level skill { name } } } \
        hours { timeZone weeklyHours { weekday from to } closedOn closedMessage }";
    let shown = |after: i32, level: i32| json!({ "afterSeconds": after, "required": [{ "level": level, "skill": { "name": "French" } }] });
    let both = json!([{ "displayName": "ann" }, { "displayName": "ben" }]);
    let expected = json!({
        "name": "French", "channel": "WEBCHAT", "agents": both, "assignedAgents": both, "offerSeconds": 45,
        "autoWrapUpSeconds": 90, "inactivitySeconds": 600, "serviceLevelSeconds": 20, "onUnacceptedTransfer": "REQUEUE",
        "archivedAt": null, "skillRelaxation": [shown(0, 5), shown(60, 2)], "hours": hours,
    });
    assert_eq!(ann.reads(&queue, "Queue", fields).await, expected);
    let fields = "address priority queue { name } fields { name label kind required options } origins hasIdentitySecret archivedAt";
    let expected = json!({
        "name": "Boutique", "address": "boutique", "priority": 3, "queue": { "name": "French" },
        "fields": [{ "name": "email", "label": "Your address", "kind": "EMAIL", "required": false, "options": [] }],
        "origins": ["https://boutique.example"], "hasIdentitySecret": false, "archivedAt": null,
    });
    assert_eq!(ada.finds("entryPoints", "Boutique", fields).await, expected);
    let fields = "profile { name mode chat email social isDefault } skills { level skill { name } } queues { name }";
    let expected = json!({
        "profile": { "name": "Default", "mode": "BLENDED", "chat": 5, "email": 5, "social": 5, "isDefault": true },
        "skills": [{ "level": 8, "skill": { "name": "French" } }], "queues": [{ "name": "French" }],
    });
    assert_eq!(ann.reads(&agent_id(&ben), "Agent", fields).await, expected);

    ann.turns("AVAILABLE").await;
    ben.turns("AVAILABLE").await;
    let (.., first) = app.chats_at(&entry_point).await.expected("a chat");
    app.settle().await;
    assert_eq!((ann.is_offered().await, ben.is_offered().await), (vec![], vec![first.clone()]));
    ben.accepts_it().await;
    ben.turns("IDLE").await;
    let (.., second) = app.chats_at(&entry_point).await.expected("a chat");
    app.pass(59).await;
    assert_eq!(ann.offers().await.len(), 0, "not good enough yet");
    app.pass(1).await;
    assert_eq!(ann.is_offered().await, [second]);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_fields_are_read_back_and_omitted_fields_keep_their_values() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let (queue, entry_point) =
        app.web_queue(&ada, "Chats", json!({ "offerSeconds": 10, "inactivitySeconds": 20 })).await;
    let change = json!({ "queueId": queue, "name": "Talks", "offerSeconds": null, "serviceLevelSeconds": 5 });
    assert_eq!(ada.arranges("updateQueue", change.clone()).await, "APPLIED");
    assert_eq!(ada.arranges("updateQueue", change).await, "NO_CHANGE");
    let read = ada.reads(&queue, "Queue", "name offerSeconds inactivitySeconds serviceLevelSeconds").await;
    assert_eq!(
        read,
        json!({ "name": "Talks", "offerSeconds": null, "inactivitySeconds": 20, "serviceLevelSeconds": 5 })
    );
    let change = json!({ "entryPointId": entry_point, "name": "Shop", "priority": 1, "address": "shop" });
    assert_eq!(ada.arranges("updateEntryPoint", change.clone()).await, "APPLIED");
    assert_eq!(ada.arranges("updateEntryPoint", change).await, "NO_CHANGE");
    let read = ada.finds("entryPoints", "Shop", "address priority queue { name }").await;
    assert_eq!(read, json!({ "name": "Shop", "address": "shop", "priority": 1, "queue": { "name": "Talks" } }));

    let input = json!({ "name": "Part_time 1.5-b", "mode": "EXCLUSIVE", "chat": 1, "email": 0, "social": 1 });
    let profile = ada.makes("createMultimediaProfile", input).await;
    let change = json!({ "profileId": profile, "mode": "BLENDED_REALTIME", "chat": 2 });
    assert_eq!(ada.arranges("updateMultimediaProfile", change.clone()).await, "APPLIED");
    assert_eq!(ada.arranges("updateMultimediaProfile", change).await, "NO_CHANGE");
    let read = ada.finds("multimediaProfiles", "Part_time 1.5-b", "mode chat email social isDefault archivedAt").await;
    assert_eq!(
        read,
        json!({ "name": "Part_time 1.5-b", "mode": "BLENDED_REALTIME", "chat": 2, "email": 0, "social": 1,
                "isDefault": false, "archivedAt": null })
    );
    assert_eq!(ada.arranges("archiveMultimediaProfile", json!({ "profileId": profile })).await, "APPLIED");
    assert_eq!(ada.arranges("archiveMultimediaProfile", json!({ "profileId": profile })).await, "NO_CHANGE");
    let listed = ada.ask("{ multimediaProfiles { name } }", Value::Null).await;
    assert_eq!(listed.at("multimediaProfiles"), &json!([{ "name": "Default" }]));

    let skill = ada.makes("createSkill", json!({ "name": "Frnch" })).await;
    assert_eq!(ada.arranges("updateSkill", json!({ "skillId": skill, "name": "French" })).await, "APPLIED");
    assert_eq!(
        ada.ask("{ skills { id name } }", Value::Null).await.at("skills"),
        &json!([{ "id": skill, "name": "French" }])
    );
    assert_eq!(ada.arranges("deleteSkill", json!({ "skillId": skill })).await, "APPLIED");
    assert_eq!(ada.ask("{ skills { id } }", Value::Null).await.at("skills"), &json!([]));

    // A repeated call with its idempotency key creates one queue. Another input with the same key is refused.
    let input = json!({ "name": "Once", "channel": "SMS", "idempotencyKey": "k" });
    assert_eq!(ada.makes("createQueue", input.clone()).await, ada.makes("createQueue", input.clone()).await);
    assert_eq!(ada.arranges("createQueue", input).await, "NO_CHANGE");
    let other = json!({ "name": "Other", "channel": "SMS", "idempotencyKey": "k" });
    assert_eq!(ada.arranges("createQueue", other).await, "IDEMPOTENCY_KEY_REUSED idempotencyKey");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_profile_limits_new_offers_at_once_and_keeps_accepted_tasks() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let ann = app.agent("ann").await;
    let input = json!({ "name": "New here", "mode": "BLENDED", "chat": 1, "email": 1, "social": 0 });
    let profile = ada.makes("createMultimediaProfile", input).await;
    ada.makes("updateAgent", json!({ "userId": ann.id(), "profileId": profile })).await;
    let (_, entry_point) = app.web_queue(&ada, "Chats", json!({ "agentIds": [agent_id(&ann)] })).await;
    ann.turns("AVAILABLE").await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        app.clock.advance(chrono::Duration::seconds(1));
        tasks.push(app.chats_at(&entry_point).await.expected("a chat").2);
    }
    app.settle().await;
    assert_eq!(ann.is_offered().await, tasks[..1], "one at once");
    ada.makes("updateMultimediaProfile", json!({ "profileId": profile, "chat": 2 })).await;
    app.settle().await;
    assert_eq!(ann.is_offered().await, tasks[..2], "two at once");
    for offer in ann.offers().await {
        ann.accepts(&offer).await.expected("a task");
    }
    ada.makes("updateMultimediaProfile", json!({ "profileId": profile, "chat": 0 })).await;
    app.settle().await;
    let desk = ann.desk().await;
    assert_eq!((desk["tasks"].as_array().map(Vec::len), desk["offers"].as_array().map(Vec::len)), (Some(2), Some(0)));
    let chat = json!({ "channel": "WEBCHAT", "limit": 0, "used": 2, "hasRoom": false });
    assert_eq!(desk["agent"]["capacity"][2], chat, "what is held stays");
    // The default profile allows one task over all channels.
    let default = ada.finds("multimediaProfiles", "Default", "id").await["id"].clone();
    ada.makes("updateAgent", json!({ "agentId": agent_id(&ann), "profileId": default })).await;
    app.settle().await;
    assert_eq!(ann.is_offered().await, tasks[2..]);
    ada.makes("updateMultimediaProfile", json!({ "profileId": default, "mode": "EXCLUSIVE" })).await;
    let open = ann.desk().await["agent"]["capacity"].clone();
    assert!(open.as_array().into_iter().flatten().all(|channel| channel["hasRoom"] == false), "{open}");
    // Another profile becomes the default. New agents get it.
    ada.makes("updateMultimediaProfile", json!({ "profileId": profile, "isDefault": true })).await;
    let ben = app.agent("ben").await;
    ben.turns("AVAILABLE").await;
    let read = ada.reads(&agent_id(&ben), "Agent", "profile { name isDefault }").await;
    assert_eq!(read["profile"], json!({ "name": "New here", "isDefault": true }));
    assert_eq!(app.database.number("SELECT count(*) FROM multimedia_profile WHERE is_default").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn archiving_a_queue_moves_waiting_tasks_and_keeps_offers_and_conversations() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let [ann, ben, cem] = app.agents(["ann", "ben", "cem"]).await;
    for agent in [&ann, &ben, &cem] {
        agent.turns("IDLE").await;
    }
    let named =
        |agents: &[&Person]| json!({ "agentIds": agents.iter().map(|agent| agent_id(agent)).collect::<Vec<_>>() });
    let (old, entry_point) = app.web_queue(&ada, "Old", named(&[&ann, &cem])).await;
    let (new, other) = app.web_queue(&ada, "New", named(&[&ben])).await;
    let mut tasks = Vec::new();
    for entry_setup in [&entry_point, &entry_point, &entry_point, &other] {
        app.clock.advance(chrono::Duration::seconds(1));
        tasks.push(app.chats_at(entry_setup).await.expected("a chat").2);
    }
    ann.turns("AVAILABLE").await;
    app.settle().await;
    for offer in ann.offers().await {
        ann.accepts(&offer).await.expected("a task");
    }
    // Ann is in three conversations and has one more offer. Another task will wait.
    app.clock.advance(chrono::Duration::seconds(1));
    let conversations = tasks[..3].to_vec();
    let held = app.chats_at(&entry_point).await.expected("a chat").2;
    app.settle().await;
    assert_eq!(ann.is_offered().await, std::slice::from_ref(&held));
    app.clock.advance(chrono::Duration::seconds(1));
    let waiting = app.chats_at(&entry_point).await.expected("a chat").2;
    assert_eq!(ada.arranges("archiveQueue", json!({ "queueId": old })).await, "NOT_ALLOWED moveTo");
    assert_eq!(ada.arranges("archiveQueue", json!({ "queueId": old, "moveTo": new })).await, "APPLIED");
    assert_eq!(ada.arranges("archiveQueue", json!({ "queueId": old, "moveTo": new })).await, "NO_CHANGE");

    assert_eq!(stands(&ada, &waiting).await, ("QUEUED".to_owned(), "New".to_owned()));
    assert_eq!(stands(&ada, &held).await, ("OFFERED".to_owned(), "Old".to_owned()));
    let place = ada.reads(&waiting, "Task", "position").await;
    assert_eq!(place["position"], 2, "behind whom it came after");
    let entry_setups = ada.finds("entryPoints", "Old", "queue { name }").await;
    assert_eq!(entry_setups["queue"]["name"], "New");
    let later = app.chats_at(&entry_point).await.expected("a chat").2;
    assert_eq!(stands(&ada, &later).await.1, "New");
    let listed = ada
        .ask(
            "{ queues { nodes { name } } all: queues(includeArchived: true) { nodes { name archivedAt } } }",
            Value::Null,
        )
        .await;
    assert_eq!(listed.at("queues.nodes"), &json!([{ "name": "New" }]));
    assert_eq!(listed.at("all.nodes").as_array().map(Vec::len), Some(2));

    // The offer remains valid. When it expires, the task goes to the new queue, at its position by waiting time.
    app.pass(30).await;
    assert_eq!(stands(&ada, &held).await, ("QUEUED".to_owned(), "New".to_owned()));
    assert_eq!(ada.reads(&held, "Task", "position").await["position"], 2);
    let query = "mutation($id: ID!) { setUserRole(input: { userId: $id, role: MEMBER }) { userErrors { code } } }";
    assert_eq!(ada.ask(query, json!({ "id": ann.id() })).await.at("setUserRole.userErrors"), &json!([]));
    for conversation in &conversations {
        assert_eq!(
            stands(&ada, conversation).await,
            ("QUEUED".to_owned(), "New".to_owned()),
            "a conversation whose agent is gone"
        );
    }
    ben.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ben.is_offered().await[..3], conversations, "who has waited longest comes first");
    // The name of an archived queue is available again.
    ada.makes("createQueue", json!({ "name": "Old", "channel": "WEBCHAT" })).await;
    consistency::check(&app.database).await;
    let stranded = "SELECT count(*) FROM task t JOIN queue q ON q.id = t.queue_id WHERE t.status < 3 AND q.archived_at IS NOT NULL";
    assert_eq!(app.database.number(stranded).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_of_an_archived_queue_continues_and_returns_by_its_entry_point() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    ann.turns("AVAILABLE").await;
    ben.turns("IDLE").await;
    let (old, entry_point) = app.web_queue(&ada, "Old", json!({ "agentIds": [agent_id(&ann)] })).await;
    let (_, chat, task) = app.chats_at(&entry_point).await.expected("a chat");
    app.settle().await;
    ann.accepts_it().await;
    let new =
        ada.makes("createQueue", json!({ "name": "New", "channel": "WEBCHAT", "agentIds": [agent_id(&ben)] })).await;
    ada.makes("updateEntryPoint", json!({ "entryPointId": entry_point, "queueId": new })).await;
    assert_eq!(ada.arranges("archiveQueue", json!({ "queueId": old })).await, "APPLIED", "nothing waits in it");
    let sent = ann.ask(SEND, json!({ "c": chat, "m": "1" })).await;
    assert_eq!(sent.at("sendMessage.userErrors"), &json!([]));
    let query = "mutation($id: ID!) { setUserRole(input: { userId: $id, role: MEMBER }) { outcome } }";
    ada.ask(query, json!({ "id": ann.id() })).await.at("setUserRole");
    ben.turns("AVAILABLE").await;
    app.settle().await;
    assert_eq!(ben.is_offered().await, [task]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_agents_and_skills_affect_waiting_tasks_at_once_but_not_offers() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    for agent in [&ann, &ben] {
        agent.turns("AVAILABLE").await;
    }
    let input = json!({ "name": "One", "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 });
    let one = ada.makes("createMultimediaProfile", input).await;
    ada.makes("updateAgent", json!({ "userId": ann.id(), "profileId": one })).await;
    let (queue, entry_point) = app.web_queue(&ada, "Chats", json!({ "agentIds": [agent_id(&ann)] })).await;
    let first = app.chats_at(&entry_point).await.expected("a chat").2;
    app.clock.advance(chrono::Duration::seconds(1));
    let second = app.chats_at(&entry_point).await.expected("a chat").2;
    app.settle().await;
    assert_eq!((ann.is_offered().await, ben.is_offered().await), (vec![first.clone()], vec![]));
    ada.makes("updateQueue", json!({ "queueId": queue, "agentIds": [agent_id(&ben)] })).await;
    app.settle().await;
    assert_eq!((ann.is_offered().await, ben.is_offered().await), (vec![first.clone()], vec![second]));
    assert_eq!(ann.accepts_it().await, first, "an offer stays with whom it was made to");
    // No agent has the required skill level until the requirement or an agent's level changes.
    let french = ada.makes("createSkill", json!({ "name": "French" })).await;
    let steps = |level: i32| {
        json!([{ "afterSeconds": 0, "required": [{ "skillId": french, "level": level }] },
                                    { "afterSeconds": 600, "required": [] }])
    };
    ada.makes("updateQueue", json!({ "queueId": queue, "skillRelaxation": steps(5) })).await;
    let third = app.chats_at(&entry_point).await.expected("a chat").2;
    app.settle().await;
    assert!(!ben.is_offered().await.contains(&third));
    ada.makes("updateAgent", json!({ "userId": ben.id(), "skills": [{ "skillId": french, "level": 5 }] })).await;
    app.settle().await;
    assert!(ben.is_offered().await.contains(&third), "somebody is better");
    ada.makes("updateQueue", json!({ "queueId": queue, "skillRelaxation": steps(9) })).await;
    let fourth = app.chats_at(&entry_point).await.expected("a chat").2;
    app.settle().await;
    assert!(!ben.is_offered().await.contains(&fourth));
    ada.makes("updateQueue", json!({ "queueId": queue, "skillRelaxation": steps(4) })).await;
    app.settle().await;
    assert!(ben.is_offered().await.contains(&fourth), "less is asked for");
    // The time of each relaxation step counts from the start of the wait, also for new steps.
    ada.makes("updateQueue", json!({ "queueId": queue, "skillRelaxation": steps(10) })).await;
    let fifth = app.chats_at(&entry_point).await.expected("a chat").2;
    app.pass(20).await;
    let soon = json!([{ "afterSeconds": 0, "required": [{ "skillId": french, "level": 10 }] }, { "afterSeconds": 10, "required": [] }]);
    ben.turns("AVAILABLE").await;
    ada.makes("updateQueue", json!({ "queueId": queue, "skillRelaxation": soon })).await;
    app.settle().await;
    assert!(ben.is_offered().await.contains(&fifth));
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_entry_point_starts_nothing_and_its_conversations_continue() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let ann = app.agent("ann").await;
    ann.turns("AVAILABLE").await;
    let (_, entry_point) = app.web_queue(&ada, "Chats", json!({ "agentIds": [agent_id(&ann)] })).await;
    let (visitor, chat, task) = app.chats_at(&entry_point).await.expected("a chat");
    assert_eq!(ada.arranges("archiveEntryPoint", json!({ "entryPointId": entry_point })).await, "APPLIED");
    assert_eq!(ada.arranges("archiveEntryPoint", json!({ "entryPointId": entry_point })).await, "NO_CHANGE");
    assert_eq!(app.chats_at(&entry_point).await.err().as_deref(), Some("NOT_FOUND entryPointId"));
    let seen = app
        .anonymous()
        .ask("query($id: ID!) { webChat(entryPointId: $id) { name } }", json!({ "id": entry_point }))
        .await;
    assert_eq!(seen.body["data"]["webChat"], Value::Null);
    app.settle().await;
    assert_eq!(ann.accepts_it().await, task);
    assert_eq!(visitor.ask(SEND, json!({ "c": chat, "m": "2" })).await.at("sendMessage.userErrors"), &json!([]));
    assert_eq!(ann.ask(SEND, json!({ "c": chat, "m": "3" })).await.at("sendMessage.userErrors"), &json!([]));
    assert_eq!((ann.ends(&chat).await, ann.wraps_up(&task).await), (String::new(), String::new()));
    let change = json!({ "entryPointId": entry_point, "name": "New" });
    assert_eq!(ada.arranges("updateEntryPoint", change).await, "ARCHIVED entryPointId");
    // The name and address of an archived entry point are available again.
    let queue = ada.finds("entryPoints", "Chats", "queue { id }").await["queue"]["id"].clone();
    let input = json!({ "name": "Chats", "channel": "WEBCHAT", "address": "Chats", "queueId": queue });
    ada.makes("createEntryPoint", input).await;
}
