//! Tests of the secrets with which sites sign the identities of customers.

use serde_json::json;

use crate::support::{Expected as _, app::TestApp, contact_center::refused, visitors::identity};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_valid_from_its_creation_until_the_next_one() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let (_, entry_point) = app.web_queue(&ada, "Chats", json!({})).await;
    let has = "hasIdentitySecret";
    assert_eq!(ada.finds("entryPoints", "Chats", has).await[has], false);
    let rotate = async || {
        let payload = ada.arranges_on(0, "rotateIdentitySecret", json!({ "entryPointId": entry_point })).await;
        payload["identitySecret"].as_str().expected("a secret").to_owned()
    };
    let (first, second) = (rotate().await, rotate().await);
    assert_eq!(ada.finds("entryPoints", "Chats", has).await[has], true);
    let expires = app.clock.now().timestamp() + 60;
    let begin = async |secret: &str| {
        let query =
            "mutation($input: StartWebChatInput!) { startWebChat(input: $input) { userErrors { code field } } }";
        let input = json!({ "entryPointId": entry_point, "identity": identity(secret, "42", expires) });
        refused(app.anonymous().ask(query, json!({ "input": input })).await.at("startWebChat"))
    };
    assert_eq!(begin(&second).await, "");
    assert_eq!(begin(&first).await, "NOT_ALLOWED identity.signature");
    ada.makes("updateEntryPoint", json!({ "entryPointId": entry_point, "identitySecret": null })).await;
    assert_eq!(ada.finds("entryPoints", "Chats", has).await[has], false);
    assert_eq!(begin(&second).await, "NOT_ALLOWED identity.signature");
    let sms = ada.makes("createQueue", json!({ "name": "SMS", "channel": "SMS" })).await;
    let number =
        ada.makes("createEntryPoint", json!({ "name": "N", "channel": "SMS", "address": "+1", "queueId": sms })).await;
    assert_eq!(ada.arranges("rotateIdentitySecret", json!({ "entryPointId": number })).await, "INVALID entryPointId");
}
