//! Tests of authorization: every root field refuses an anonymous caller and a caller without the scope. Introspection
//! finds the fields, so a new field cannot be forgotten. The list of exceptions may only become shorter.

use api::auth::viewer::Scope;
use entity::user::UserStatus;
use serde_json::{Value, json};

use crate::support::introspection::{INTROSPECTION, OPEN, operation, refusal, text};
use crate::support::{Expected as _, accounts::set_status, app::TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn every_root_field_refuses_anonymous_callers_and_callers_without_the_scope() {
    let app = TestApp::new().await;
    // The caller is an administrator, so that a missing role cannot look like a missing scope.
    let ann = app.admin("ann").await;
    let schema = ann.ask(INTROSPECTION, Value::Null).await;
    let types = schema.at("__schema.types").as_array().cloned().expected("types");
    let mut checked = 0;
    for root in ["Query", "Mutation", "Subscription"] {
        let kind = types.iter().find(|kind| kind["name"] == root).expected(root);
        for field in kind["fields"].as_array().into_iter().flatten() {
            let name = format!("{root}.{}", text(&field["name"]));
            let operation = operation(&types, root, field);
            let anonymous = refusal(&app.anonymous(), root, &operation).await;
            if OPEN.contains(&name.as_str()) {
                assert_eq!(anonymous, "", "{name} is open: {operation}");
                continue;
            }
            assert_eq!(anonymous, "UNAUTHENTICATED", "{name}: {operation}");
            assert_eq!(refusal(&app.limited(&ann, &[]), root, &operation).await, "FORBIDDEN", "{name}: {operation}");
            // Exactly one scope allows the field.
            let mut opening = Vec::new();
            for scope in Scope::ALL {
                if refusal(&app.limited(&ann, &[scope]), root, &operation).await != "FORBIDDEN" {
                    opening.push(scope);
                }
                if root == "Subscription" && !opening.is_empty() {
                    break;
                }
            }
            assert_eq!(opening.len(), 1, "{name} is opened by {opening:?}");
            if root == "Mutation" {
                let writes = opening[0].name().ends_with("_WRITE") || opening[0] == Scope::Admin;
                assert!(writes, "{name} is opened by {opening:?}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scope_for_profiles_does_not_allow_relationships() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    let limited = app.limited(&ann, &[Scope::ProfileRead]);
    for field in [
        "relationship { blocking }",
        "connections { totalCount }",
        "followers { totalCount }",
        "following { totalCount }",
    ] {
        let query = format!("query($id: ID!) {{ user(id: $id) {{ handle {field} }} }}");
        let answer = limited.ask(&query, json!({ "id": ben.id() })).await;
        assert_eq!(answer.code(), "FORBIDDEN", "{field}");
        // Only the field is refused. The rest of the person stays readable.
        assert_eq!(answer.body["data"]["user"]["handle"], "ben", "{field}");
    }
    assert_eq!(limited.ask("{ viewer { contactCounts { following } } }", Value::Null).await.code(), "FORBIDDEN");
    let node = limited.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": request })).await;
    assert_eq!(node.body["data"]["node"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_seen_by_its_two_people_only() {
    let app = TestApp::new().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    let request = ann.asks(&ben).await;
    let query = "query($id: ID!) { node(id: $id) { id } nodes(ids: [$id, \"x\"]) { id } }";
    for (person, visible) in [(&ann, true), (&ben, true), (&cem, false)] {
        let answer = person.ask(query, json!({ "id": request })).await;
        assert_eq!(answer.body["data"]["node"]["id"].is_string(), visible, "{}", person.handle);
        assert_eq!(answer.at("nodes").as_array().map(Vec::len), Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_user_is_refused_and_does_not_exist_for_others() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    set_status(&app, "ann", UserStatus::Suspended).await;
    assert_eq!(ann.ask("{ viewer { user { id } } }", Value::Null).await.code(), "UNAUTHENTICATED");
    let follow = "mutation($id: ID!) { followUser(input: { userId: $id }) { outcome } }";
    assert_eq!(ann.ask(follow, json!({ "id": ben.id() })).await.code(), "UNAUTHENTICATED");
    assert_eq!(ben.does("followUser", &ann.id()).await.said(), "NOT_FOUND");
    assert_eq!(
        ben.ask("query($id: ID!) { user(id: $id) { id } }", json!({ "id": ann.id() })).await.body["data"]["user"],
        Value::Null
    );
}
