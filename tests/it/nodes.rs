//! Tests of ids and of the queries `node` and `viewer`: an id names one object, of one type, for everyone who may see
//! it.

use std::collections::{BTreeMap, BTreeSet};

use api::auth::viewer::Scope;
use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::key,
    app::TestApp,
    arrivals::connected_task,
    desk::NewQueue,
    graphql::Client,
    introspection::{INTROSPECTION, OPEN, operation, text},
    manual,
    visitors::{accepted_chat, visitor},
};

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id } }";

/// Collects the ids of all objects in an answer with their types.
fn ids_in(value: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Object(fields) => {
            if let (Some(id), Some(kind)) = (fields.get("id"), fields.get("__typename")) {
                found.entry(text(id).to_owned()).or_default().insert(text(kind).to_owned());
            }
            fields.values().for_each(|value| ids_in(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| ids_in(value, found)),
        _ => {}
    }
}

async fn kind_of(client: &Client, id: &str) -> String {
    client.ask(NODE, json!({ "id": id })).await.body["data"]["node"]["__typename"].as_str().unwrap_or("null").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_knows_who_they_are_and_pages_the_thread_by_its_id() {
    let chat = accepted_chat().await;
    let query = "query($id: ID!) { viewer { actor { __typename displayName } user { id } scopes expiresAt } \
                 node(id: $id) { ... on Conversation { items(first: 1) { nodes { id sequence } pageInfo { endCursor } } \
                 participants { __typename id actor { __typename id } } task { __typename id } customer { __typename id } } } }";
    let answer = chat.visitor.ask(query, json!({ "id": chat.conversation })).await;
    assert_eq!(answer.text("viewer.actor.__typename"), "Customer");
    assert!(answer.body["data"]["viewer"]["user"].is_null() && answer.at("viewer.expiresAt").is_string());
    assert_eq!(answer.at("node.items.nodes.0.sequence"), &json!(1));
    let mut seen = BTreeMap::new();
    ids_in(answer.at("node"), &mut seen);
    assert_eq!(seen.len(), 5, "two participants with their actors, and a task: {seen:?}");
    for (id, kinds) in &seen {
        assert_eq!(kinds.len(), 1, "{id}: {kinds:?}");
        assert_eq!(Some(&kind_of(&chat.visitor, id).await), kinds.first(), "{id}");
    }
    // The visitor sees nothing of the organization, and nobody else's conversation.
    let (stranger, other) = visitor(&chat.app, &chat.support.entry_point).await;
    let agent = chat.sue.id();
    let queue = chat.support.queue.id.to_string();
    for hidden in [&other, &agent, &queue, &chat.support.entry_point.id.to_string()] {
        assert_eq!(kind_of(&chat.visitor, hidden).await, "null", "{hidden}");
    }
    for id in seen.keys() {
        assert_eq!(kind_of(&stranger, id).await, "null", "{id}");
    }
    // Agents know the participant, and never the customer's view of them.
    let of_agent = |prefix: &str| seen.keys().find(|id| id.starts_with(prefix)).cloned().expected(prefix);
    assert_eq!(kind_of(&chat.sue.clients[0], &of_agent("participant_")).await, "Participant");
    assert_eq!(kind_of(&chat.sue.clients[0], &of_agent("rep_")).await, "null");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_of_one_type_and_leads_back_to_its_object() {
    let app = TestApp::new().await;
    let (ada, ann) = (app.admin("ada").await, app.agent("ann").await);
    let setup = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Chats"), &[&ann]).await;
    ann.turns("AVAILABLE").await;
    let chat = connected_task(&app, &ann, &setup, "Kim").await;
    app.skill("French", &[(&ann, 3)]).await;
    let (secret, _) =
        key(&ada.clients[0], json!({ "name": "crm", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ"] })).await;
    let crm = Client::new(&ada.clients[0].url, Some(secret));
    let query = "query($c: ID!) { viewer { actor { __typename id } } apiKeys { __typename id } \
        entryPoints { __typename id queue { __typename id } } idleReasons { __typename id } wrapUpReasons { __typename id } \
        multimediaProfiles { __typename id } skills { __typename id } agents { nodes { __typename id user { __typename id } } } \
        conversation(id: $c) { __typename id task { __typename id } customer { __typename id } \
        participants { __typename id actor { __typename id } } items { nodes { __typename ... on Message { id } ... on Announcement { id } } } } }";
    let mut seen = BTreeMap::new();
    for client in [&ada.clients[0], &ann.clients[0]] {
        ids_in(&client.ask(query, json!({ "c": chat.conversation.to_string() })).await.body["data"], &mut seen);
    }
    let service = crm.ask("{ viewer { actor { __typename id } } }", Value::Null).await;
    let service = service.text("viewer.actor.id").to_owned();
    assert_eq!(kind_of(&crm, &service).await, "ServiceAccount");
    seen.entry(service).or_default().insert("ServiceAccount".to_owned());
    let web_chat = app
        .anonymous()
        .ask(
            "query($e: ID!) { webChat(entryPointId: $e) { __typename id entryPointId } }",
            json!({ "e": setup.entry_point.id.to_string() }),
        )
        .await;
    assert_eq!(web_chat.text("webChat.entryPointId"), setup.entry_point.id.to_string());
    ids_in(&web_chat.body["data"], &mut seen);
    let kinds: BTreeSet<&String> = seen.values().flatten().collect();
    assert_eq!(kinds.len(), 17, "{kinds:?}");
    for (id, kinds) in &seen {
        assert_eq!(kinds.len(), 1, "{id}: {kinds:?}");
        assert_eq!(Some(&kind_of(&ada.clients[0], id).await), kinds.first(), "{id}");
    }
    // The prefix tells the type, so two types never share an id.
    let ids = manual::read("entity/src/id.rs");
    let prefixes: Vec<&str> = ids.lines().filter_map(|line| line.strip_prefix("    \"")?.strip_suffix('"')).collect();
    assert!(prefixes.len() > 20);
    assert_eq!(prefixes.iter().collect::<BTreeSet<_>>().len(), prefixes.len(), "{prefixes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_empties_its_own_field_and_no_other() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let schema = ada.ask(INTROSPECTION, Value::Null).await;
    let types = schema.at("__schema.types").as_array().cloned().expected("types");
    let clients: Vec<Client> = Scope::ALL.iter().map(|scope| app.limited(&ada, &[*scope])).collect();
    for root in ["Query", "Mutation"] {
        let kind = types.iter().find(|kind| kind["name"] == root).expected(root);
        for field in kind["fields"].as_array().into_iter().flatten() {
            let name = text(&field["name"]);
            assert_ne!(field["type"]["kind"], "NON_NULL", "{root}.{name}");
            if OPEN.contains(&format!("{root}.{name}").as_str()) {
                continue;
            }
            // The sibling needs no scope.
            let sibling = if root == "Query" { "serverTime" } else { "signOut { __typename }" };
            let operation = operation(&types, root, field);
            let both = operation.replacen('{', &format!("{{ sibling: {sibling} "), 1);
            let mut allowed = 0;
            for (scope, client) in Scope::ALL.iter().zip(&clients) {
                // Ended sessions would end the test.
                if root == "Mutation" && scope.name().ends_with("_WRITE") || *scope == Scope::Admin {
                    allowed += 1;
                    continue;
                }
                let answer = client.ask(&both, Value::Null).await.body;
                let errors = answer["errors"].as_array().cloned().unwrap_or_default();
                let refused = errors
                    .iter()
                    .any(|error| error["extensions"]["code"] == "FORBIDDEN" && error["path"] == json!([name]));
                if root == "Query" {
                    assert!(answer["data"]["sibling"].is_string(), "{scope:?} {name}: {answer}");
                }
                assert!(!refused || answer["data"].get(name) == Some(&Value::Null), "{scope:?} {name}: {answer}");
                allowed += usize::from(!refused);
            }
            assert!(allowed > 0, "{name}");
        }
    }
}
