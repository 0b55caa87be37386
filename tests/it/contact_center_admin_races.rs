//! Tests of concurrent configuration changes on two instances, while customers arrive and agents work. Each kind keeps
//! one default, every agent keeps a valid profile, and no task is stranded.

use entity::id::AgentId;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::consistency;
use crate::support::{Expected as _, app::TestApp, contact_center::refused, desk::ids, person::Person, rounds};

fn agent_id(person: &Person) -> String {
    AgentId(person.id.0).to_string()
}

/// Counts tasks that wait in an archived queue, and active entry points that lead to an archived queue.
const STRANDED: &str = "SELECT (SELECT count(*) FROM task t JOIN queue q ON q.id = t.queue_id WHERE t.status = 1 AND q.archived_at IS NOT NULL) \
    + (SELECT count(*) FROM entry_point e JOIN queue q ON q.id = e.queue_id WHERE e.archived_at IS NULL AND q.archived_at IS NOT NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_keeps_one_default_under_concurrent_changes() {
    let app = TestApp::two().await;
    let [ada, eve] = [app.admin("ada").await, app.admin("eve").await];
    let profile = |name: &str| json!({ "name": name, "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 });
    for (create, update, field, table) in [
        ("createWrapUpReason", "updateWrapUpReason", "wrapUpReasonId", "wrap_up_reason"),
        ("createIdleReason", "updateIdleReason", "idleReasonId", "idle_reason"),
        ("createMultimediaProfile", "updateMultimediaProfile", "profileId", "multimedia_profile"),
    ] {
        let mut made = Vec::new();
        for number in 0..10 {
            let name = format!("R{number}");
            let input = if table == "multimedia_profile" { profile(&name) } else { json!({ "name": name }) };
            made.push(ada.makes(create, input).await);
        }
        let changes = (0..20).map(|number| {
            let by = if number % 2 == 0 { &ada } else { &eve };
            let input = json!({ field: made[number / 2], "isDefault": true });
            by.arranges_on(number, update, input)
        });
        let answers = join_all(changes).await;
        assert!(answers.iter().all(|payload| refused(payload).is_empty()), "{answers:?}");
        assert_eq!(app.database.number(&format!("SELECT count(*) FROM {table} WHERE is_default")).await, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creations_with_one_name_create_one_queue() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let calls =
        (0..10).map(|number| ada.arranges_on(number, "createQueue", json!({ "name": "Same", "channel": "SMS" })));
    let answers = join_all(calls).await;
    let refusals: Vec<String> = answers.iter().map(refused).filter(|refused| !refused.is_empty()).collect();
    assert_eq!(refusals, vec!["DUPLICATE name"; 9]);
    let key = json!({ "name": "Keyed", "channel": "SMS", "idempotencyKey": "one" });
    let answers = join_all((0..10).map(|number| ada.arranges_on(number, "createQueue", key.clone()))).await;
    let made: Vec<&Value> = answers.iter().map(|payload| &payload["queue"]["id"]).collect();
    assert!(made[0].is_string() && made.iter().all(|id| *id == made[0]), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_queues_cannot_be_archived_into_each_other() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    for round in 0..rounds(5) {
        let (a, _) = app.web_queue(&ada, &format!("a{round}"), json!({})).await;
        let (b, _) = app.web_queue(&ada, &format!("b{round}"), json!({})).await;
        let (first, second) = tokio::join!(
            ada.arranges_on(0, "archiveQueue", json!({ "queueId": a, "moveTo": b })),
            ada.arranges_on(1, "archiveQueue", json!({ "queueId": b, "moveTo": a })),
        );
        let mut said = [refused(&first), refused(&second)];
        said.sort();
        assert_eq!(said, ["", "ARCHIVED moveTo"]);
    }
    assert_eq!(app.database.number(STRANDED).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_entry_point_leads_to_a_queue_that_is_archived_at_the_same_time() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    for round in 0..rounds(5) {
        let queue = ada.makes("createQueue", json!({ "name": format!("q{round}"), "channel": "WEBCHAT" })).await;
        let entry_setup = json!({ "name": format!("d{round}"), "channel": "WEBCHAT", "address": format!("d{round}"), "queueId": queue });
        let (made, archived) = tokio::join!(
            ada.arranges_on(round, "createEntryPoint", entry_setup),
            ada.arranges_on(round + 1, "archiveQueue", json!({ "queueId": queue })),
        );
        let said = (refused(&made), refused(&archived));
        let one = said == (String::new(), "NOT_ALLOWED moveTo".to_owned())
            || said == ("ARCHIVED queueId".to_owned(), String::new());
        assert!(one, "{said:?}");
    }
    assert_eq!(app.database.number(STRANDED).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_agent_follows_their_profile_also_when_they_become_one_meanwhile() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let mut agents = Vec::new();
    for number in 0..12 {
        agents.push(app.agent(&format!("agent{number}")).await);
    }
    let input = json!({ "name": "Other", "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 });
    let other = ada.makes("createMultimediaProfile", input).await;
    let default = ada.finds("multimediaProfiles", "Default", "id").await["id"].clone();
    for round in 0..rounds(3) {
        let number = i32::try_from(round % 5).expected("a number");
        let turning = join_all(agents.iter().enumerate().map(|(place, agent)| async move {
            let query = "mutation($s: AgentState!) { setAgentState(input: { state: $s }) { userErrors { code } } }";
            let state = if round % 2 == 0 { "AVAILABLE" } else { "IDLE" };
            agent.clients[place % agent.clients.len()].ask(query, json!({ "s": state })).await.at("setAgentState");
        }));
        let changing = async {
            for (place, id) in [&default, &json!(other), &default].into_iter().enumerate() {
                let input = json!({ "profileId": id, "chat": 1 + number, "social": (number + 2) % 6 });
                ada.arranges_on(place, "updateMultimediaProfile", input).await;
            }
        };
        let giving = join_all(agents.iter().step_by(2).enumerate().map(|(place, agent)| {
            let profile = if (place + round) % 2 == 0 { json!(other) } else { default.clone() };
            ada.arranges_on(place, "updateAgent", json!({ "userId": agent.id(), "profileId": profile }))
        }));
        let moving = ada.arranges_on(
            1,
            "updateMultimediaProfile",
            json!({ "profileId": if round % 2 == 0 { json!(other) } else { default.clone() }, "isDefault": true }),
        );
        tokio::join!(turning, changing, giving, moving);
        let beside = "SELECT count(*) FROM agent a JOIN multimedia_profile p ON p.id = a.profile_id WHERE a.mode <> p.mode \
            OR a.chat_limit <> p.chat OR a.email_limit <> p.email OR a.social_limit <> p.social";
        assert_eq!(app.database.number(beside).await, 0);
        assert_eq!(app.database.number("SELECT count(*) FROM agent").await, 12);
    }
    // No agent has an archived profile, also when the profile is assigned at the same moment.
    for round in 0..rounds(3) {
        let input = json!({ "name": format!("Brief{round}"), "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 });
        let brief = ada.makes("createMultimediaProfile", input).await;
        let give = json!({ "userId": agents[0].id(), "profileId": brief });
        let (given, archived) = tokio::join!(
            ada.arranges_on(round, "updateAgent", give),
            ada.arranges_on(round + 1, "archiveMultimediaProfile", json!({ "profileId": brief })),
        );
        assert_ne!(refused(&given).is_empty(), refused(&archived).is_empty());
    }
    let archived =
        "SELECT count(*) FROM agent a JOIN multimedia_profile p ON p.id = a.profile_id WHERE p.archived_at IS NOT NULL";
    assert_eq!(app.database.number(archived).await, 0);
}

/// Performs random actions with the tasks and offers of an agent.
async fn works(agent: &Person, turn: usize) {
    let client = turn % agent.clients.len();
    let desk = agent.desk().await;
    if desk["agent"]["state"] != "AVAILABLE" {
        agent.turns("AVAILABLE").await;
    }
    for (place, offer) in ids(&desk["offers"]).into_iter().enumerate() {
        match (turn + place) % 4 {
            0 => drop(agent.declines(&offer).await),
            _ => drop(agent.accepts_on(client, &offer).await),
        }
    }
    for task in desk["tasks"].as_array().into_iter().flatten() {
        let id = task["id"].as_str().unwrap_or_default();
        if task["status"] == "CONNECTED" && turn.is_multiple_of(3) {
            agent.ends(task["conversation"]["id"].as_str().unwrap_or_default()).await;
        }
        if task["availableActions"].as_array().is_some_and(|actions| actions.contains(&json!("WRAP_UP"))) {
            agent.wraps_up(id).await;
        }
    }
}

/// Transfers the agent's live tasks, in turn to either queue. A transfer is refused once its queue is archived.
async fn hands_over(agent: &Person, present: &str, next: &str) {
    let desk = agent.desk().await;
    let tasks = desk["tasks"].as_array().cloned().unwrap_or_default();
    for (place, task) in tasks.iter().filter(|task| task["status"] == "CONNECTED").enumerate() {
        let to = if place % 2 == 0 { present } else { next };
        let id = task["id"].as_str().unwrap_or_default();
        drop(agent.transfers(id, json!({ "queueId": to })).await);
    }
}

/// Lets the agents work until no task is left.
async fn finishes_all(app: &TestApp, ada: &Person, agents: &[Person], present: &str) {
    // The remaining offers expire, and finally every customer is served.
    app.pass(31).await;
    assert_eq!(app.database.number(STRANDED).await, 0);
    let left = "SELECT count(*) FROM task WHERE status < 7";
    let named: Vec<String> = agents.iter().map(agent_id).collect();
    ada.makes("updateQueue", json!({ "queueId": present, "agentIds": named })).await;
    let mut turn = 1;
    while app.database.number(left).await > 0 {
        assert!(turn < 500, "not worked off");
        app.settle().await;
        for agent in agents {
            works(agent, turn * 3 + 1 - turn % 2).await;
        }
        turn += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn archiving_queues_under_load_strands_no_task() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let mut agents = Vec::new();
    for number in 0..4 {
        let agent = app.agent(&format!("agent{number}")).await;
        agent.turns("AVAILABLE").await;
        agents.push(agent);
    }
    let named =
        json!({ "agentIds": agents.iter().map(agent_id).collect::<Vec<_>>(), "onUnacceptedTransfer": "REQUEUE" });
    let (mut present, entry_point) = app.web_queue(&ada, "0", named.clone()).await;
    let chains = rounds(6);
    let mut came = 0;
    for chain in 1..=chains {
        let mut input = json!({ "name": chain.to_string(), "channel": "WEBCHAT" });
        for (field, value) in named.as_object().into_iter().flatten() {
            input[field] = value.clone();
        }
        let next = ada.makes("createQueue", input).await;
        let customers = join_all((0..12).map(|number| app.chats_on(number, &entry_point)));
        let working = join_all(agents.iter().enumerate().map(|(place, agent)| async move {
            for turn in 0..4 {
                works(agent, place + turn + chain).await;
            }
        }));
        let handing = join_all(agents.iter().map(|agent| {
            let (present, next) = (present.clone(), next.clone());
            async move { hands_over(agent, &present, &next).await }
        }));
        let archiving = async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            let input = json!({ "queueId": present, "moveTo": next });
            ada.arranges_on(chain, "archiveQueue", input).await
        };
        let shuffling = async {
            let named: Vec<String> = agents.iter().skip(chain % 2).map(agent_id).collect();
            ada.arranges_on(chain + 1, "updateQueue", json!({ "queueId": next, "agentIds": named })).await
        };
        let routing = async {
            for _ in 0..10 {
                for instance in &app.instances {
                    api::routing::router::run(&instance.app).await.expected("routing");
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let (begun, (), (), archived, changed, ()) = tokio::join!(
            customers,
            async { drop(working.await) },
            async { drop(handing.await) },
            archiving,
            shuffling,
            routing,
        );
        assert_eq!((refused(&archived), refused(&changed)), (String::new(), String::new()));
        for one in begun {
            one.expected("a chat");
            came += 1;
        }
        assert_eq!(app.database.number(STRANDED).await, 0, "after {chain}");
        consistency::check(&app.database).await;
        present = next;
    }
    finishes_all(&app, &ada, &agents, &present).await;
    consistency::check(&app.database).await;
    let served = "SELECT count(*) FROM conversation c JOIN task t ON t.id = c.task_id WHERE t.status = 7";
    assert_eq!(app.database.number(served).await, i64::from(came));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_successor_is_either_archived_or_gets_customers() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    for round in 0..rounds(6) {
        let (old, entry_point) = app.web_queue(&ada, &format!("old{round}"), json!({})).await;
        let new = ada.makes("createQueue", json!({ "name": format!("new{round}"), "channel": "WEBCHAT" })).await;
        // These customers read the entry point while it leads to the old queue and arrive after the change.
        let customers = join_all((0..6).map(|number| app.chats_on(number, &entry_point)));
        let archiving = async {
            ada.makes("updateEntryPoint", json!({ "entryPointId": entry_point, "queueId": new })).await;
            ada.arranges_on(round, "archiveQueue", json!({ "queueId": old })).await
        };
        let (begun, archived) = tokio::join!(customers, archiving);
        assert!(begun.iter().all(Result::is_ok));
        assert!(["", "NOT_ALLOWED moveTo"].contains(&refused(&archived).as_str()), "{archived}");
        assert_eq!(app.database.number(STRANDED).await, 0);
    }
}
