//! Tests of the audit log: each administrative change leaves one entry. Refused calls and calls without an effect leave
//! none.

use serde_json::{Value, json};

use crate::support::accounts::{about_account, key, refusal, with_password};
use crate::support::{Expected as _, app::TestApp, consistency, graphql::Client, person::Person, plans};

const AUDIT: &str = include_str!("operations/audit/audit.graphql");

async fn entries(by: &Person, filter: Value) -> Vec<Value> {
    by.ask(AUDIT, filter).await.at("auditEntries.nodes").as_array().cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_administrative_change_leaves_one_entry_and_a_refusal_none() {
    let app = TestApp::two().await;
    let [ada, eve] = [app.admin("ada").await, app.admin("eve").await];
    let (jane, _) = with_password(&app, "jane").await;
    let user = json!({ "userId": jane.id() });
    let mut expected = 0;
    for (mutation, input, done) in [
        ("suspendUser", user.clone(), true),
        ("suspendUser", user.clone(), false),
        ("deactivateAccount", user.clone(), false),
        ("reinstateUser", user.clone(), true),
        ("reinstateUser", user.clone(), false),
        ("suspendUser", json!({ "userId": ada.id() }), false),
        ("suspendUser", json!({ "userId": "user_x" }), false),
        ("setUserRole", json!({ "userId": jane.id(), "role": "AGENT" }), true),
        ("setUserRole", json!({ "userId": jane.id(), "role": "AGENT" }), false),
        ("exportAccount", user.clone(), true),
        ("exportAccount", json!({}), false),
        ("deactivateAccount", user.clone(), true),
        ("deactivateAccount", user.clone(), false),
        ("deactivateAccount", json!({ "password": "wrong" }), false),
        ("reinstateUser", user.clone(), true),
        ("deleteAccount", user.clone(), true),
        ("deleteAccount", user.clone(), false),
    ] {
        about_account(&ada.clients[0], mutation, input.clone()).await.at("done");
        expected += usize::from(done);
        let all = entries(&eve, json!({ "f": 100 })).await;
        assert_eq!(all.len(), expected, "{mutation} {input}");
        if done {
            let newest = &all[0];
            assert_eq!(
                (newest["action"].as_str(), newest["target"].as_str()),
                (Some(mutation), Some(jane.id().as_str()))
            );
            assert_eq!(newest["actor"]["handle"], "ada");
            assert_eq!(newest["address"], "127.0.0.1");
            assert!(newest["key"].is_null());
        }
    }
    let role = entries(&eve, json!({ "a": "setUserRole" })).await;
    assert_eq!(role[0]["details"], json!({ "from": "MEMBER", "to": "AGENT" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_organization_keys_are_audited_and_changes_of_personal_keys_are_not() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let (_, own) = key(&ada.clients[0], json!({ "name": "own", "scopes": ["PROFILE_READ"] })).await;
    let input = json!({ "name": "crm", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ"] });
    let (secret, id) = key(&ada.clients[0], input).await;
    for key in [&own, &id] {
        for mutation in ["updateApiKey", "rotateApiKey", "revokeApiKey"] {
            let mut input = json!({ "apiKeyId": key });
            if mutation == "updateApiKey" {
                input["name"] = json!("new");
            }
            assert_eq!(refusal(&about_account(&ada.clients[0], mutation, input).await), "", "{mutation}");
        }
        let again = about_account(&ada.clients[0], "revokeApiKey", json!({ "apiKeyId": key })).await;
        assert_eq!(refusal(&again), "");
    }
    let all = entries(&ada, json!({ "t": id })).await;
    let actions: Vec<&str> = all.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["revokeApiKey", "rotateApiKey", "updateApiKey", "createApiKey"]);
    assert_eq!(entries(&ada, json!({})).await.len(), 4);
    assert_eq!(all[3]["details"], json!({ "name": "crm", "scopes": ["PROFILE_READ"], "trustedDocumentsOnly": false }));
    let told = json!(all).to_string();
    assert!(secret.split_once('.').is_some_and(|(_, secret)| !told.contains(secret)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_the_key_and_only_current_administrators_read_it() {
    let app = TestApp::new().await;
    let [ada, eve] = [app.admin("ada").await, app.admin("eve").await];
    let ann = app.person("ann").await;
    let (secret, id) = key(&eve.clients[0], json!({ "name": "script", "scopes": ["ADMIN", "PROFILE_READ"] })).await;
    let script = Client::new(&eve.clients[0].url, Some(secret));
    for mutation in ["suspendUser", "reinstateUser", "suspendUser", "reinstateUser", "suspendUser"] {
        about_account(&script, mutation, json!({ "userId": ann.id() })).await.at("done");
    }
    let all = entries(&ada, json!({ "u": eve.id() })).await;
    assert_eq!((all.len(), &all[0]["key"]["id"]), (5, &json!(id)));
    assert_eq!(entries(&ada, json!({ "u": ada.id() })).await.len(), 0);
    assert_eq!(entries(&ada, json!({ "a": "reinstateUser" })).await.len(), 2);
    // The pages show each entry once, newest first.
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = ada.ask(AUDIT, json!({ "f": 2, "c": cursor })).await;
        seen.extend(page.at("auditEntries.nodes").as_array().into_iter().flatten().map(|entry| entry["id"].clone()));
        cursor = page.at("auditEntries.pageInfo.endCursor").clone();
        if page.at("auditEntries.pageInfo.hasNextPage") == false {
            break;
        }
    }
    assert_eq!(seen, all.iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>());
    // A deleted administrator appears as deleted, and the entries stay.
    assert_eq!(refusal(&about_account(&ada.clients[0], "deleteAccount", json!({ "userId": eve.id() })).await), "");
    let all = entries(&ada, json!({ "u": eve.id() })).await;
    assert_eq!((all.len(), &all[0]["actor"]["displayName"], &all[0]["key"]), (5, &json!("Deleted user"), &Value::Null));
    let ben = app.person("ben").await;
    assert_eq!(ben.ask(AUDIT, json!({})).await.code(), "FORBIDDEN", "the scope alone is not enough");
    for (filter, field) in
        [(json!({ "u": "x" }), "userId"), (json!({ "t": "x" }), "target"), (json!({ "a": "drop table" }), "action")]
    {
        let answer = ada.ask(AUDIT, filter).await;
        assert_eq!(
            (answer.code(), &answer.body["errors"][0]["extensions"]["field"]),
            ("BAD_USER_INPUT", &json!(field))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_organization_outlives_the_administrator_who_made_it() {
    let app = TestApp::new().await;
    let [ada, eve] = [app.admin("ada").await, app.admin("eve").await];
    let (secret, id) =
        key(&eve.clients[0], json!({ "name": "crm", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ"] })).await;
    let answer = about_account(&ada.clients[0], "deleteAccount", json!({ "userId": eve.id() })).await;
    assert_eq!(refusal(&answer), "");
    let crm = Client::new(&ada.clients[0].url, Some(secret));
    assert_eq!(
        crm.ask("{ viewer { actor { displayName } } }", Value::Null).await.text("viewer.actor.displayName"),
        "crm"
    );
    let revoke = format!("mutation {{ revokeApiKey(input: {{ apiKeyId: \"{id}\" }}) {{ outcome }} }}");
    assert_eq!(ada.ask(&revoke, Value::Null).await.text("revokeApiKey.outcome"), "APPLIED");
    // A repeated deletion changes nothing, and the account is gone for all other calls.
    let again = about_account(&ada.clients[0], "deleteAccount", json!({ "userId": eve.id() })).await;
    assert_eq!(refusal(&again), "");
    for mutation in ["deactivateAccount", "suspendUser", "reinstateUser", "exportAccount"] {
        let answer = about_account(&ada.clients[0], mutation, json!({ "userId": eve.id() })).await;
        assert_eq!(refusal(&answer), "NOT_FOUND", "{mutation}");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_by_organization_keys_are_audited_and_personal_exports_are_not() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let ann = app.person("ann").await;
    let input = json!({ "name": "crm", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ", "CONTACTS_READ"] });
    let (secret, id) = key(&ada.clients[0], input).await;
    let crm = Client::new(&ada.clients[0].url, Some(secret.clone()));
    let export = "query($ids: [ID!]!) { vCard(userIds: $ids) { text } }";
    crm.ask(export, json!({ "ids": [ann.id()] })).await.at("vCard.text");
    ann.ask(export, json!({ "ids": [ada.id()] })).await.at("vCard.text");
    let file = format!("{}/contacts.vcf?ids={}", ada.clients[0].url, ann.id());
    assert_eq!(reqwest::Client::new().get(file).bearer_auth(secret).send().await.expected("a file").status(), 200);
    let all = entries(&ada, json!({ "a": "exportCards" })).await;
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["key"]["id"], &all[0]["details"]["userIds"]), (&json!(id), &json!([ann.id()])));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_of_the_audit_uses_an_index() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let ada = app.admin("ada").await;
    for filter in [json!({ "u": ada.id() }), json!({ "a": "suspendUser" }), json!({ "t": ada.id() })] {
        app.statements();
        entries(&ada, filter).await;
        let statements = app.statements();
        let look = statements.iter().find(|look| look.sql.contains("audit_entry")).expected("a look");
        let plan = plans::explain(app.app(), look, true).await;
        assert!(plans::scans(&plan).is_empty(), "{}\n{plan}", look.sql);
    }
}
