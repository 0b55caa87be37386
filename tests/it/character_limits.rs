//! Tests of the limits of messages that an administrator sets for an entry point.

use entity::{channel::Channel, participant::ParticipantRole};
use serde_json::{Value, json};

use crate::support::{app::TestApp, visitors};

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_point_sets_the_limit_of_its_next_conversations() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let site = app.web_site("shop").await;
    let limit = |limit: Value| json!({ "entryPointId": site.id.to_string(), "characterLimit": limit });
    for (given, shown) in [(json!(0), 1), (json!(4_097), 4_096)] {
        let update = "mutation($i: UpdateEntryPointInput!) { updateEntryPoint(input: $i) { userErrors { code field limit actual } } }";
        let refused = ada.ask(update, json!({ "i": limit(given.clone()) })).await;
        let expected =
            json!([{ "code": "OUT_OF_RANGE", "field": ["input", "characterLimit"], "limit": shown, "actual": given }]);
        assert_eq!(refused.at("updateEntryPoint.userErrors"), &expected);
    }
    let (earlier, first) = visitors::visitor(&app, &site).await;
    assert_eq!(ada.arranges("updateEntryPoint", limit(json!(5))).await, "APPLIED");
    assert_eq!(ada.arranges("updateEntryPoint", limit(json!(5))).await, "NO_CHANGE");
    let shown = "query($id: ID!) { conversation(id: $id) { replyCapability { characterLimit } entryPoint { characterLimit } } }";
    let expected = json!({ "replyCapability": { "characterLimit": 1_000 }, "entryPoint": { "characterLimit": 5 } });
    assert_eq!(ada.ask(shown, json!({ "id": first })).await.at("conversation"), &expected);
    let send = "mutation($c: ID!, $b: String!) { sendMessage(input: { conversationId: $c, clientMessageId: $b, body: $b }) { \
                userErrors { code limit actual } } }";
    let long = json!([{ "code": "TOO_LONG", "limit": 5, "actual": 6 }]);
    let sent = earlier.ask(send, json!({ "c": first, "b": "123456" })).await;
    assert_eq!(sent.at("sendMessage.userErrors"), &json!([]), "the conversation has the limit with which it began");
    let refused = visitors::start(&app.anonymous(), &site, visitors::message("1", "123456")).await;
    assert_eq!(visitors::refusal(&refused), "TOO_LONG");
    let (later, second) = visitors::visitor(&app, &site).await;
    assert_eq!(ada.ask(shown, json!({ "id": second })).await.at("conversation.replyCapability.characterLimit"), 5);
    let refused = later.ask(send, json!({ "c": second, "b": "123456" })).await;
    assert_eq!(refused.at("sendMessage.userErrors"), &long);
    assert_eq!(ada.arranges("updateEntryPoint", limit(Value::Null)).await, "APPLIED");
    let answer = visitors::start(&app.anonymous(), &site, visitors::message("1", "123456")).await;
    assert_eq!(visitors::refusal(&answer), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_judged_by_the_chat_that_it_continues_and_a_repeated_start_not_again() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let site = app.web_site("shop").await;
    let limit = |limit: i32| json!({ "entryPointId": site.id.to_string(), "characterLimit": limit });
    let mut input = visitors::message("1", "123456");
    input["idempotencyKey"] = json!("a-key-that-nobody-can-guess");
    let began = visitors::start(&app.anonymous(), &site, input.clone()).await;
    let chat = visitors::chat(&began).to_owned();
    assert_eq!(ada.arranges("updateEntryPoint", limit(5)).await, "APPLIED");
    // The answer was lost. The same call again finds the chat, although its text is too long for a new one.
    let again = visitors::start(&app.anonymous(), &site, input).await;
    assert_eq!((visitors::refusal(&again), visitors::chat(&again)), ("", chat.as_str()));
    // The open chat keeps its limit, whichever mutation writes in it.
    let visitor = visitors::by(&app, &began);
    let more = visitors::start(&visitor, &site, visitors::message("2", "1234567")).await;
    assert_eq!((visitors::refusal(&more), visitors::chat(&more)), ("", chat.as_str()));
    let (short, _) = visitors::visitor(&app, &site).await;
    assert_eq!(ada.arranges("updateEntryPoint", limit(50)).await, "APPLIED");
    let over = visitors::start(&short, &site, visitors::message("2", "123456")).await;
    assert_eq!(visitors::refusal(&over), "TOO_LONG");
    let shown = "query($id: ID!) { webChat(entryPointId: $id) { characterLimit } }";
    assert_eq!(short.ask(shown, json!({ "id": site.id.to_string() })).await.at("webChat.characterLimit"), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_conversation_takes_the_limit_of_its_entry_point() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let ann = app.agent("ann").await;
    let chat = app.chat(Channel::Sms, "kim").await;
    let conversation = chat.id();
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let change = json!({ "entryPointId": chat.entry_point.id.to_string(), "characterLimit": 160 });
    assert_eq!(ada.arranges("updateEntryPoint", change).await, "APPLIED");
    let shown = "query($id: ID!) { conversation(id: $id) { replyCapability { characterLimit } } }";
    let limit = async || {
        ada.ask(shown, json!({ "id": conversation })).await.at("conversation.replyCapability.characterLimit").clone()
    };
    assert_eq!(limit().await, 1_000);
    app.ends(&chat).await;
    app.arrives(&chat, "again").await;
    assert_eq!(limit().await, 160);
}
