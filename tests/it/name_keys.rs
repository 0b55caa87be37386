//! Tests of the rebuild of stored name keys after a change of the collation tables. One of the instances rebuilds all
//! keys once, and an interrupted rebuild continues.

use api::{auth::viewer::Scopes, name_keys, text};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, consistency, person::Person};

const NAMES: [&str; 6] = ["Łukasz", "Søren", "김철수", "Οδυσσεύς", "さとう", "Ærø"];

/// Creates people with contacts, address books, queues and the other named things.
async fn filled() -> (TestApp, Person) {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    for (index, name) in NAMES.iter().enumerate() {
        let person = app.person_with(&format!("p{index}x"), name, Scopes::all()).await;
        ada.must("followUser", &person.id()).await;
        let save = "mutation($n: String!) { savePersonalContact(input: { displayName: $n }) { userErrors { code } } }";
        ada.ask(save, json!({ "n": name })).await;
        let (_, entry_point) = app.web_queue(&ada, name, json!({})).await;
        app.chats_at(&entry_point).await.expected("a chat");
        for verb in ["createSkill", "createWrapUpReason", "createIdleReason"] {
            ada.makes(verb, json!({ "name": name })).await;
        }
    }
    let customers = ada.ask("{ customers { nodes { id } } }", Value::Null).await;
    let customers = customers.at("customers.nodes").as_array().expected("customers").clone();
    assert_eq!(customers.len(), NAMES.len());
    let update =
        "mutation($c: ID!, $n: String!) { updateCustomer(input: { customerId: $c, displayName: $n }) { outcome } }";
    for (customer, name) in customers.iter().zip(NAMES) {
        let updated = ada.ask(update, json!({ "c": customer["id"], "n": name })).await;
        assert_eq!(updated.at("updateCustomer.outcome"), "APPLIED");
    }
    (app, ada)
}

/// Returns all keys, in an order that does not depend on them.
async fn keys(app: &TestApp) -> Vec<String> {
    let mut keys = Vec::new();
    for (table, id) in [
        ("queue", "id"),
        ("entry_point", "id"),
        ("multimedia_profile", "id"),
        ("idle_reason", "id"),
        ("wrap_up_reason", "id"),
        ("skill", "id"),
        ("personal_contact", "id"),
        ("customer", "id"),
    ] {
        let key = app.database.digits("name_key");
        let sql = format!("SELECT CAST({key} AS text) || search_text FROM {table} ORDER BY {id}");
        keys.extend(app.database.texts(&sql).await);
    }
    let key = app.database.digits("name_key");
    keys.extend(app.database.texts(&format!("SELECT CAST({key} AS text) FROM \"user\" ORDER BY id")).await);
    for of in ["user", "customer"] {
        let sql = format!("SELECT gram || CAST({key} AS text) FROM {of}_bigram ORDER BY {of}_id, gram");
        keys.extend(app.database.texts(&sql).await);
    }
    keys.extend(app.database.texts("SELECT text || connections_text FROM user_search ORDER BY user_id").await);
    keys
}

/// Changes all keys, as if another version of the tables had made them.
async fn spoil(app: &TestApp) {
    for table in ["queue", "entry_point", "multimedia_profile", "idle_reason", "wrap_up_reason", "skill"] {
        let id = app.database.digits("id");
        app.database.run(&format!("UPDATE {table} SET name_key = name_key || name_key, search_text = {id}")).await;
    }
    app.database.run("UPDATE personal_contact SET search_text = 'old', name_key = name_key || name_key").await;
    app.database.run("UPDATE \"user\" SET name_key = name_key || name_key").await;
    app.database.run("UPDATE contact SET name_key = name_key || name_key").await;
    app.database.run("DELETE FROM user_bigram").await;
    app.database.run("UPDATE customer SET search_text = 'old', name_key = name_key || name_key").await;
    app.database.run("DELETE FROM customer_bigram").await;
    app.database.run("UPDATE user_search SET text = 'old'").await;
    app.database.run("UPDATE text_keys SET version = 'old'").await;
}

async fn state(app: &TestApp) -> Vec<String> {
    app.database.texts("SELECT version || ' ' || building || ' ' || stage FROM text_keys").await
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_together_rebuild_keys_of_other_tables() {
    let (app, ada) = filled().await;
    let right = keys(&app).await;
    spoil(&app).await;
    assert_ne!(keys(&app).await, right);
    let all = app.instances.iter().map(|instance| name_keys::refresh(&instance.app));
    for done in futures_util::future::join_all(all).await {
        done.expected("a rebuild");
    }
    assert_eq!(keys(&app).await, right);
    assert_eq!(state(&app).await, [format!("{}  8", text::version())]);
    let search = "{ contacts(search: \"soren\", list: FOLLOWING) { totalCount } all: contacts(search: \"SOREN\") { totalCount } }";
    let answer = ada.ask(search, Value::Null).await;
    assert_eq!((answer.at("contacts.totalCount"), answer.at("all.totalCount")), (&json!(1), &json!(2)));
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rebuild_continues_where_it_stopped() {
    let (app, _) = filled().await;
    let right = keys(&app).await;
    spoil(&app).await;
    let mut steps = 0;
    // Each step is one transaction. An interrupted step leaves nothing, and no other state is kept between steps.
    drop(name_keys::step(app.app(), 2).now_or_never());
    while name_keys::step(app.app(), 2).await.expected("a step") {
        steps += 1;
        assert!(steps < 100, "it does not end");
        let state = state(&app).await.remove(0);
        assert!(state.starts_with(&format!("old {}", text::version())), "{state}");
        drop(name_keys::step(app.app(), 2).now_or_never());
    }
    assert!(steps > 6, "{steps}");
    assert_eq!(keys(&app).await, right);
    // A rebuild for other tables starts again.
    spoil(&app).await;
    app.database.run("UPDATE text_keys SET building = 'other', stage = 8").await;
    name_keys::refresh(app.app()).await.expected("a rebuild");
    assert_eq!(keys(&app).await, right);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_that_become_equal_both_stay() {
    let (app, ada) = filled().await;
    app.database.run("UPDATE queue SET name = 'lukasz' WHERE name = 'Søren'").await;
    app.database.run("UPDATE text_keys SET version = 'old'").await;
    name_keys::refresh(app.app()).await.expected("a rebuild");
    let answer = ada.ask("{ queues(search: \"łukasz\") { nodes { name } } }", Value::Null).await;
    let names: Vec<&str> =
        answer.at("queues.nodes").as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["Łukasz", "lukasz"]);
    let again = json!({ "name": "LUKASZ", "channel": "WEBCHAT" });
    assert_eq!(ada.arranges("createQueue", again).await, "DUPLICATE name");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_current_tables_are_not_rebuilt() {
    let (app, _) = filled().await;
    app.database.run("UPDATE user_search SET text = 'mine'").await;
    name_keys::refresh(app.app()).await.expected("nothing to do");
    assert_eq!(app.database.texts("SELECT DISTINCT text FROM user_search").await, ["mine"]);
}
