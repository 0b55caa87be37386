//! Tests of wrap-up reasons and idle reasons: their defaults and archived reasons.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn reasons_have_one_default_and_archived_reasons_are_readable_but_not_selectable() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let ann = app.agent("ann").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let lunch = ada.makes("createIdleReason", json!({ "name": "Lunch" })).await;
    let sold = ada.makes("createWrapUpReason", json!({ "name": "Sold", "isDefault": true })).await;
    for (list, name, default) in [
        ("wrapUpReasons", "Other", false),
        ("wrapUpReasons", "Sold", true),
        ("idleReasons", "Idle", true),
        ("idleReasons", "Lunch", false),
    ] {
        assert_eq!(ada.finds(list, name, "isDefault").await["isDefault"], default, "{name}");
    }
    assert_eq!(
        ada.arranges("archiveWrapUpReason", json!({ "wrapUpReasonId": sold })).await,
        "IS_DEFAULT wrapUpReasonId"
    );
    ann.turns("AVAILABLE").await;
    let arrival = app.waits(&queue_setup, "kim").await;
    app.settle().await;
    let task = ann.accepts_it().await;
    ann.ends(&arrival.conversation.to_string()).await;
    assert_eq!(ann.wraps_up_with(&task, json!([sold])).await, "");
    assert_eq!(ann.turns_with(json!({ "state": "IDLE", "idleReasonId": lunch })).await, "");
    let other = ada.finds("wrapUpReasons", "Other", "id").await["id"].clone();
    ada.makes("updateWrapUpReason", json!({ "wrapUpReasonId": other, "isDefault": true })).await;
    assert_eq!(ada.arranges("archiveWrapUpReason", json!({ "wrapUpReasonId": sold })).await, "APPLIED");
    assert_eq!(ada.arranges("archiveIdleReason", json!({ "idleReasonId": lunch })).await, "APPLIED");
    assert_eq!(ada.arranges("archiveIdleReason", json!({ "idleReasonId": lunch })).await, "NO_CHANGE");
    assert_eq!(
        ada.arranges("updateIdleReason", json!({ "idleReasonId": lunch, "name": "L" })).await,
        "ARCHIVED idleReasonId"
    );
    let listed = ann.ask("{ wrapUpReasons { name } idleReasons { name } }", Value::Null).await;
    let names = |list: &str| {
        listed.at(list).as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names("wrapUpReasons"), ["Other"]);
    assert_eq!(names("idleReasons"), ["Declined", "Idle", "No answer"]);
    // Reasons that were used before stay readable.
    let read = ann.reads(&task, "Task", "wrapUps { reasons { name archivedAt } }").await;
    assert_eq!(read["wrapUps"][0]["reasons"][0]["name"], "Sold");
    assert!(read["wrapUps"][0]["reasons"][0]["archivedAt"].is_string());
    assert_eq!(ann.desk().await["agent"]["idleReason"]["name"], "Lunch");
    assert_eq!(ann.turns("AVAILABLE").await, "");
    assert_eq!(ann.turns_with(json!({ "state": "IDLE", "idleReasonId": lunch })).await, "INVALID_REASON");
    let arrival = app.waits(&queue_setup, "lee").await;
    app.settle().await;
    let task = ann.accepts_it().await;
    ann.ends(&arrival.conversation.to_string()).await;
    assert_eq!(ann.wraps_up_with(&task, json!([sold])).await, "INVALID_REASON");
    let again = ada.makes("createWrapUpReason", json!({ "name": "Sold" })).await;
    assert_eq!(ann.wraps_up_with(&task, json!([again])).await, "");
}
