//! Tests of activities that an application records for its user.

use serde_json::{Value, json};

use crate::support::{app::TestApp, consistency};

#[tokio::test(flavor = "multi_thread")]
async fn an_application_records_what_its_user_did_and_followers_see_it_with_its_page() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;
    let record = "mutation($input: RecordActivityInput!) { recordActivity(input: $input) { outcome replayed \
                  activity { id kind text application url audience } userErrors { code field } } }";
    let input = json!({ "text": "published the prices for spring", "application": "Documents",
                        "url": "https://docs.example/prices?v=3", "idempotencyKey": "doc-3" });
    let recorded = ann.ask(record, json!({ "input": input })).await.at("recordActivity").clone();
    let activity = &recorded["activity"];
    let id = activity["id"].clone();
    let expected = json!({ "id": id, "kind": "RECORDED", "text": "published the prices for spring",
        "application": "Documents", "url": "https://docs.example/prices?v=3", "audience": "EVERYONE" });
    assert_eq!((activity, &recorded["outcome"], &recorded["replayed"]), (&expected, &json!("APPLIED"), &json!(false)));
    let again = ann.ask(record, json!({ "input": input })).await.at("recordActivity").clone();
    assert_eq!(
        (&again["activity"], &again["outcome"], &again["replayed"]),
        (&expected, &json!("NO_CHANGE"), &json!(true))
    );
    let feed = "{ activityFeed(first: 1) { nodes { id kind text application url audience } } }";
    assert_eq!(ben.ask(feed, Value::Null).await.at("activityFeed.nodes.0"), &expected);
    let mut other = input.clone();
    other["url"] = json!("https://docs.example/prices?v=4");
    for (change, refusal) in [
        (other, json!([{ "code": "IDEMPOTENCY_KEY_REUSED", "field": ["input", "idempotencyKey"] }])),
        (
            json!({ "text": "x", "application": " " }),
            json!([{ "code": "REQUIRED", "field": ["input", "application"] }]),
        ),
        (
            json!({ "text": "x", "application": "a".repeat(81) }),
            json!([{ "code": "INVALID", "field": ["input", "application"] }]),
        ),
        (
            json!({ "text": "x", "application": "a", "url": "javascript:alert(1)" }),
            json!([{ "code": "INVALID", "field": ["input", "url"] }]),
        ),
        (json!({ "text": " ", "application": "a" }), json!([{ "code": "REQUIRED", "field": ["input", "text"] }])),
    ] {
        assert_eq!(ann.ask(record, json!({ "input": change })).await.at("recordActivity.userErrors"), &refusal);
    }
    let delete = "mutation($id: ID!) { deleteActivity(input: { activityId: $id }) { deletedId } }";
    assert_eq!(ann.ask(delete, json!({ "id": id })).await.at("deleteActivity.deletedId"), &id);
    assert_ne!(ben.ask(feed, Value::Null).await.at("activityFeed.nodes.0.id"), &id);
    consistency::check(&app.database).await;
}
