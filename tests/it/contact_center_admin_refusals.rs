//! Tests of refused configuration changes: each refusal has a code and a field, only administrators change and read the
//! configuration, and each change leaves an audit entry.

use api::auth::viewer::{Scope, Scopes};
use entity::{id::AgentId, user::Role};
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, contact_center::arrange, graphql::Client, person::Person};

const NOBODYS: &str = "01m7xnapkeess9yf3kt8ay0ya3";

fn agent_id(person: &Person) -> String {
    AgentId(person.id.0).to_string()
}

#[expect(clippy::too_many_lines, reason = "one list of cases")]
#[tokio::test(flavor = "multi_thread")]
async fn invalid_changes_are_refused_with_a_code_and_a_field() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let jane = app.person("jane").await;
    let (queue, entry_point) = app.web_queue(&ada, "Chats", json!({})).await;
    let (old, _) = app.web_queue(&ada, "Old", json!({})).await;
    assert_eq!(ada.arranges("archiveQueue", json!({ "queueId": old, "moveTo": queue })).await, "APPLIED");
    let sms = ada.makes("createQueue", json!({ "name": "SMS", "channel": "SMS" })).await;
    let skill = ada.makes("createSkill", json!({ "name": "French" })).await;
    let step =
        |after: i32, level: i32| json!({ "afterSeconds": after, "required": [{ "skillId": skill, "level": level }] });
    ada.makes("updateQueue", json!({ "queueId": queue, "skillRelaxation": [step(0, 1)] })).await;
    let profile = ada
        .makes("createMultimediaProfile", json!({ "name": "P", "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 }))
        .await;
    let default = ada.finds("multimediaProfiles", "Default", "id").await["id"].clone();
    let declined = ada.finds("idleReasons", "Declined", "id").await["id"].clone();
    let idle = ada.finds("idleReasons", "Idle", "id").await["id"].clone();
    let other = ada.finds("wrapUpReasons", "Other", "id").await["id"].clone();
    let long = "x".repeat(81);
    let of = |base: Value, more: Value| {
        let mut input = base;
        for (field, value) in more.as_object().into_iter().flatten() {
            input[field] = value.clone();
        }
        input
    };
    let new_queue = |more| of(json!({ "name": "New", "channel": "WEBCHAT" }), more);
    let change = |more| of(json!({ "queueId": queue }), more);
    let new_door = |more| of(json!({ "name": "New", "channel": "WEBCHAT", "address": "new", "queueId": queue }), more);
    let new_profile = |more| of(json!({ "name": "New", "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 }), more);
    let hours = |more| new_queue(json!({ "hours": of(json!({ "timeZone": "Asia/Seoul", "weeklyHours": [] }), more) }));
    let open = |from: &str, to: &str| json!({ "weeklyHours": [{ "weekday": "SUNDAY", "from": from, "to": to }] });
    let nobody = |kind: &str| format!("{kind}_{NOBODYS}");
    for (verb, input, expected) in [
        ("createQueue", new_queue(json!({ "name": " " })), "REQUIRED name"),
        ("createQueue", new_queue(json!({ "name": long })), "INVALID name"),
        ("createQueue", new_queue(json!({ "name": "Chats" })), "DUPLICATE name"),
        ("createQueue", new_queue(json!({ "offerSeconds": 0 })), "OUT_OF_RANGE offerSeconds"),
        ("createQueue", new_queue(json!({ "offerSeconds": 6_001 })), "OUT_OF_RANGE offerSeconds"),
        ("createQueue", new_queue(json!({ "autoWrapUpSeconds": 0 })), "OUT_OF_RANGE autoWrapUpSeconds"),
        ("createQueue", new_queue(json!({ "inactivitySeconds": -1 })), "OUT_OF_RANGE inactivitySeconds"),
        ("createQueue", new_queue(json!({ "serviceLevelSeconds": 0 })), "OUT_OF_RANGE serviceLevelSeconds"),
        ("createQueue", new_queue(json!({ "agentIds": [nobody("agent")] })), "NOT_FOUND agentIds"),
        ("createQueue", new_queue(json!({ "agentIds": [agent_id(&jane)] })), "NOT_FOUND agentIds"),
        ("createQueue", new_queue(json!({ "skillRelaxation": [step(5, 1)] })), "INVALID skillRelaxation"),
        ("createQueue", new_queue(json!({ "skillRelaxation": [step(0, 1), step(0, 1)] })), "INVALID skillRelaxation"),
        ("createQueue", new_queue(json!({ "skillRelaxation": [step(0, 0)] })), "OUT_OF_RANGE skillRelaxation"),
        ("createQueue", new_queue(json!({ "skillRelaxation": [step(0, 11)] })), "OUT_OF_RANGE skillRelaxation"),
        (
            "createQueue",
            new_queue(
                json!({ "skillRelaxation": [{ "afterSeconds": 0, "required": [{ "skillId": nobody("skill"), "level": 1 }] }] }),
            ),
            "NOT_FOUND skillRelaxation",
        ),
        ("createQueue", hours(json!({ "timeZone": "Here" })), "INVALID hours.timeZone"),
        ("createQueue", hours(open("17:00", "09:00")), "INVALID hours.weeklyHours.0"),
        ("createQueue", hours(open("9", "17:00")), "INVALID hours.weeklyHours.0"),
        ("createQueue", hours(json!({ "closedOn": ["25.12.2026"] })), "INVALID hours.closedOn.0"),
        ("updateQueue", change(json!({ "queueId": nobody("queue") })), "NOT_FOUND queueId"),
        ("updateQueue", change(json!({ "queueId": "nonsense" })), "NOT_FOUND queueId"),
        ("updateQueue", json!({ "queueId": old, "name": "New" }), "ARCHIVED queueId"),
        ("updateQueue", change(json!({ "name": "SMS" })), "DUPLICATE name"),
        ("archiveQueue", json!({ "queueId": nobody("queue") }), "NOT_FOUND queueId"),
        ("archiveQueue", json!({ "queueId": queue }), "NOT_ALLOWED moveTo"),
        ("archiveQueue", json!({ "queueId": queue, "moveTo": sms }), "INVALID moveTo"),
        ("archiveQueue", json!({ "queueId": queue, "moveTo": queue }), "INVALID moveTo"),
        ("archiveQueue", json!({ "queueId": queue, "moveTo": old }), "ARCHIVED moveTo"),
        ("archiveQueue", json!({ "queueId": queue, "moveTo": nobody("queue") }), "NOT_FOUND moveTo"),
        ("createEntryPoint", new_door(json!({ "name": "Chats" })), "DUPLICATE name"),
        ("createEntryPoint", new_door(json!({ "address": "Chats" })), "DUPLICATE address"),
        ("createEntryPoint", new_door(json!({ "address": "" })), "REQUIRED address"),
        ("createEntryPoint", new_door(json!({ "queueId": sms })), "INVALID queueId"),
        ("createEntryPoint", new_door(json!({ "queueId": old })), "ARCHIVED queueId"),
        ("createEntryPoint", new_door(json!({ "queueId": nobody("queue") })), "NOT_FOUND queueId"),
        ("createEntryPoint", new_door(json!({ "priority": 0 })), "OUT_OF_RANGE priority"),
        ("createEntryPoint", new_door(json!({ "priority": 10 })), "OUT_OF_RANGE priority"),
        ("createEntryPoint", new_door(json!({ "origins": ["example.com"] })), "INVALID origins.0"),
        ("createEntryPoint", new_door(json!({ "origins": ["https://example.com/a"] })), "INVALID origins.0"),
        ("createEntryPoint", new_door(json!({ "origins": ["https://*"] })), "INVALID origins.0"),
        (
            "createEntryPoint",
            new_door(json!({ "origins": ["https://shop.example", "https://*.shop.example"] })),
            "INVALID origins.1",
        ),
        ("createEntryPoint", new_door(json!({ "origins": ["https://x\"onerror="] })), "INVALID origins.0"),
        ("createEntryPoint", new_door(json!({ "identitySecret": "short" })), "INVALID identitySecret"),
        (
            "createEntryPoint",
            new_door(json!({ "fields": [{ "name": "", "label": "L", "kind": "TEXT" }] })),
            "INVALID fields.0.name",
        ),
        (
            "createEntryPoint",
            new_door(json!({ "fields": [{ "name": "a", "label": "L", "kind": "CHOICE" }] })),
            "INVALID fields.0.options",
        ),
        (
            "createEntryPoint",
            json!({ "name": "New", "channel": "SMS", "address": "+1", "queueId": sms, "origins": ["https://example.com"] }),
            "INVALID origins",
        ),
        ("updateEntryPoint", json!({ "entryPointId": nobody("entry"), "name": "New" }), "NOT_FOUND entryPointId"),
        ("updateEntryPoint", json!({ "entryPointId": entry_point, "name": "Old" }), "DUPLICATE name"),
        ("updateEntryPoint", json!({ "entryPointId": entry_point, "queueId": sms }), "INVALID queueId"),
        ("archiveEntryPoint", json!({ "entryPointId": nobody("entry") }), "NOT_FOUND entryPointId"),
        ("rotateIdentitySecret", json!({ "entryPointId": nobody("entry") }), "NOT_FOUND entryPointId"),
        ("createMultimediaProfile", new_profile(json!({ "name": "Default" })), "DUPLICATE name"),
        ("createMultimediaProfile", new_profile(json!({ "name": "a/b" })), "INVALID name"),
        ("createMultimediaProfile", new_profile(json!({ "chat": 6 })), "OUT_OF_RANGE chat"),
        ("createMultimediaProfile", new_profile(json!({ "email": 6 })), "OUT_OF_RANGE email"),
        ("createMultimediaProfile", new_profile(json!({ "social": -1 })), "OUT_OF_RANGE social"),
        ("createMultimediaProfile", new_profile(json!({ "mode": "BLENDED_REALTIME", "chat": 0 })), "OUT_OF_RANGE chat"),
        ("updateMultimediaProfile", json!({ "profileId": nobody("profile"), "chat": 1 }), "NOT_FOUND profileId"),
        ("updateMultimediaProfile", json!({ "profileId": default, "isDefault": false }), "IS_DEFAULT isDefault"),
        ("archiveMultimediaProfile", json!({ "profileId": default }), "IS_DEFAULT profileId"),
        ("createSkill", json!({ "name": "French" }), "DUPLICATE name"),
        ("updateSkill", json!({ "skillId": nobody("skill"), "name": "New" }), "NOT_FOUND skillId"),
        ("deleteSkill", json!({ "skillId": skill }), "NOT_ALLOWED skillId"),
        ("deleteSkill", json!({ "skillId": nobody("skill") }), "NOT_FOUND skillId"),
        ("createWrapUpReason", json!({ "name": "Other" }), "DUPLICATE name"),
        ("createWrapUpReason", json!({ "name": long }), "INVALID name"),
        ("updateWrapUpReason", json!({ "wrapUpReasonId": other, "isDefault": false }), "IS_DEFAULT isDefault"),
        ("updateWrapUpReason", json!({ "wrapUpReasonId": idle, "name": "New" }), "NOT_FOUND wrapUpReasonId"),
        ("archiveWrapUpReason", json!({ "wrapUpReasonId": other }), "IS_DEFAULT wrapUpReasonId"),
        ("createIdleReason", json!({ "name": "Declined" }), "DUPLICATE name"),
        ("updateIdleReason", json!({ "idleReasonId": declined, "name": "New" }), "NOT_ALLOWED idleReasonId"),
        ("updateIdleReason", json!({ "idleReasonId": declined, "isDefault": true }), "NOT_ALLOWED idleReasonId"),
        ("archiveIdleReason", json!({ "idleReasonId": declined }), "NOT_ALLOWED idleReasonId"),
        ("archiveIdleReason", json!({ "idleReasonId": idle }), "IS_DEFAULT idleReasonId"),
        ("updateAgent", json!({ "profileId": profile }), "INVALID userId"),
        ("updateAgent", json!({ "userId": jane.id(), "profileId": profile }), "NOT_ALLOWED userId"),
        ("updateAgent", json!({ "userId": nobody("user") }), "NOT_FOUND userId"),
        ("updateAgent", json!({ "agentId": nobody("agent") }), "NOT_FOUND agentId"),
        ("updateAgent", json!({ "userId": ada.id(), "profileId": nobody("profile") }), "NOT_FOUND profileId"),
        (
            "updateAgent",
            json!({ "userId": ada.id(), "skills": [{ "skillId": skill, "level": 0 }] }),
            "OUT_OF_RANGE skills",
        ),
        (
            "updateAgent",
            json!({ "userId": ada.id(), "skills": [{ "skillId": nobody("skill"), "level": 1 }] }),
            "NOT_FOUND skills",
        ),
    ] {
        let told = format!("{verb} {input}");
        assert_eq!(ada.arranges(verb, input).await, expected, "{told}");
    }
    // A profile cannot be archived while an agent uses it. It can be when the agent loses the role.
    let ann = app.agent("ann").await;
    ada.makes("updateAgent", json!({ "userId": ann.id(), "profileId": profile })).await;
    let archive = json!({ "profileId": profile });
    assert_eq!(ada.arranges("archiveMultimediaProfile", archive.clone()).await, "NOT_ALLOWED profileId");
    let query = "mutation($id: ID!, $r: Role!) { setUserRole(input: { userId: $id, role: $r }) { outcome } }";
    ada.ask(query, json!({ "id": ann.id(), "r": "MEMBER" })).await.at("setUserRole");
    assert_eq!(ada.arranges("archiveMultimediaProfile", archive).await, "APPLIED");
    ada.ask(query, json!({ "id": ann.id(), "r": "AGENT" })).await.at("setUserRole");
    let read = ada.reads(&agent_id(&ann), "Agent", "profile { name }").await;
    assert_eq!(read["profile"]["name"], "Default");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_change_the_configuration_and_read_its_private_parts() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let (queue, entry_point) = app.web_queue(&ada, "Chats", json!({})).await;
    let reason = ada.makes("createWrapUpReason", json!({ "name": "Sold" })).await;
    let pause = ada.makes("createIdleReason", json!({ "name": "Lunch" })).await;
    let skill = ada.makes("createSkill", json!({ "name": "French" })).await;
    let input = json!({ "name": "P", "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 });
    let profile = ada.makes("createMultimediaProfile", input.clone()).await;
    let before = app.database.number("SELECT count(*) FROM audit_entry").await;
    let calls = [
        ("createQueue", json!({ "name": "New", "channel": "SMS" })),
        ("updateQueue", json!({ "queueId": queue, "name": "New" })),
        ("archiveQueue", json!({ "queueId": queue })),
        ("createEntryPoint", json!({ "name": "New", "channel": "WEBCHAT", "address": "n", "queueId": queue })),
        ("updateEntryPoint", json!({ "entryPointId": entry_point, "name": "New" })),
        ("archiveEntryPoint", json!({ "entryPointId": entry_point })),
        ("rotateIdentitySecret", json!({ "entryPointId": entry_point })),
        ("createMultimediaProfile", json!({ "name": "New", "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 })),
        ("updateMultimediaProfile", json!({ "profileId": profile, "chat": 2 })),
        ("archiveMultimediaProfile", json!({ "profileId": profile })),
        ("createSkill", json!({ "name": "New" })),
        ("updateSkill", json!({ "skillId": skill, "name": "New" })),
        ("deleteSkill", json!({ "skillId": skill })),
        ("createWrapUpReason", json!({ "name": "New" })),
        ("updateWrapUpReason", json!({ "wrapUpReasonId": reason, "name": "New" })),
        ("archiveWrapUpReason", json!({ "wrapUpReasonId": reason })),
        ("createIdleReason", json!({ "name": "New" })),
        ("updateIdleReason", json!({ "idleReasonId": pause, "name": "New" })),
        ("archiveIdleReason", json!({ "idleReasonId": pause })),
        ("updateAgent", json!({ "userId": ada.id(), "profileId": profile })),
    ];
    let jane = app.person("jane").await;
    let ann = app.agent("ann").await;
    let sue = app.person_of("sue", "sue", Role::Supervisor, Scopes::all()).await;
    let all_but_admin: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Admin).collect();
    let script = app.limited(&ada, &all_but_admin);
    let clients: [&Client; 4] = [&jane.clients[0], &ann.clients[0], &sue.clients[0], &script];
    for (verb, input) in calls {
        for client in clients {
            assert_eq!(arrange(client, verb, input.clone()).await.code(), "FORBIDDEN", "{verb}");
        }
    }
    assert_eq!(app.database.number("SELECT count(*) FROM audit_entry").await, before);
    for field in ["origins", "hasIdentitySecret"] {
        let query = format!("{{ entryPoints {{ name {field} }} }}");
        for client in [&ann.clients[0], &sue.clients[0], &script] {
            let answer = client.ask(&query, Value::Null).await;
            assert_eq!(answer.code(), "FORBIDDEN", "{field}");
            assert_eq!(answer.body["data"]["entryPoints"][0], json!({ "name": "Chats", field: null }));
        }
    }
    for list in ["multimediaProfiles", "skills", "entryPoints", "wrapUpReasons", "idleReasons"] {
        let query = format!("{{ {list} {{ name }} }}");
        assert_eq!(jane.ask(&query, Value::Null).await.at(list), &json!([]), "{list}");
        assert_ne!(ann.ask(&query, Value::Null).await.at(list), &json!([]), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_configuration_change_leaves_one_audit_entry_without_secrets() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let (queue, _) = app.web_queue(&ada, "Chats", json!({})).await;
    let secret = "a secret that nobody else knows";
    let input =
        json!({ "name": "Shop", "channel": "WEBCHAT", "address": "s", "queueId": queue, "identitySecret": secret });
    let entry_point = ada.makes("createEntryPoint", input).await;
    let another = "another secret that nobody knows";
    let change = json!({ "entryPointId": entry_point, "identitySecret": another });
    assert_eq!(ada.arranges("updateEntryPoint", change.clone()).await, "APPLIED");
    assert_eq!(ada.arranges("updateEntryPoint", change).await, "NO_CHANGE");
    let rotated = ada.arranges_on(0, "rotateIdentitySecret", json!({ "entryPointId": entry_point })).await;
    ada.makes("updateQueue", json!({ "queueId": queue, "offerSeconds": 60 })).await;
    ada.makes("updateQueue", json!({ "queueId": queue, "offerSeconds": 60 })).await;
    assert_eq!(ada.arranges("archiveQueue", json!({ "queueId": queue })).await, "NOT_ALLOWED moveTo");
    let query =
        "query($t: ID) { auditEntries(target: $t, first: 100) { nodes { action target details actor { handle } } } }";
    let of = async |target: &str| {
        let answer = ada.ask(query, json!({ "t": target })).await;
        answer.at("auditEntries.nodes").as_array().cloned().unwrap_or_default()
    };
    let entries = of(&entry_point).await;
    let actions: Vec<&str> = entries.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["rotateIdentitySecret", "updateEntryPoint", "createEntryPoint"]);
    assert_eq!(entries[1]["details"], json!({ "identitySecret": "set anew" }));
    assert_eq!(entries[2]["details"]["identitySecret"], "set");
    let of_queue = of(&queue).await;
    assert_eq!((of_queue.len(), &of_queue[0]["details"]), (2, &json!({ "offerSeconds": 60 })));
    assert_eq!(of_queue[1]["actor"]["handle"], "ada");
    let new = rotated["identitySecret"].as_str().expected("a secret");
    let told = json!([entries, of_queue]).to_string();
    assert!([secret, another, new].iter().all(|secret| !told.contains(secret)));
    let ann = app.agent("ann").await;
    ada.makes("updateAgent", json!({ "userId": ann.id(), "skills": [] })).await;
    assert_eq!(of(&agent_id(&ann)).await[0]["action"], "updateAgent", "who becomes an agent by it");
    ada.makes("updateAgent", json!({ "agentId": agent_id(&ann), "skills": [] })).await;
    assert_eq!(of(&agent_id(&ann)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_200_queues_are_in_use_and_an_archived_one_makes_room() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let queue = |number: i64| json!({ "name": format!("Queue {number}"), "channel": "SMS" });
    let before = app.database.number("SELECT count(*) FROM queue WHERE archived_at IS NULL").await;
    let mut newest = String::new();
    for number in before..200 {
        newest = ada.makes("createQueue", queue(number)).await;
    }
    assert_eq!(ada.arranges("createQueue", queue(200)).await, "LIMIT_REACHED name");
    assert_eq!(ada.arranges("archiveQueue", json!({ "queueId": newest })).await, "APPLIED");
    assert_eq!(ada.arranges("createQueue", queue(200)).await, "APPLIED");
}
