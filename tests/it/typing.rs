//! Tests of typing indicators: they reach the other participants on every instance and are not stored.

use entity::{channel::Channel, participant::ParticipantRole};
use serde_json::json;

use crate::support::{Expected as _, app::TestApp, conversations::code, graphql::Answer};

const TYPING: &str = include_str!("operations/typing/typing.graphql");

fn said(answer: &Answer) -> String {
    let said = answer.at("said");
    if code(said).is_empty() { said["outcome"].as_str().unwrap_or_default().to_owned() } else { code(said).to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_customers_see_each_other_typing_on_every_instance() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let sue = app.supervisor("sue").await;
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    let id = chat.id();
    let events = app.database.number("SELECT count(*) FROM event WHERE kind <> 'rights_ended'").await;
    for instance in 0..app.instances.len() {
        // Everybody follows, on another instance where there is one.
        let mut of_ann = ann.socket(instance + 1).await;
        of_ann.follow_conversation(&id, None).await;
        let mut of_kim = chat.visitor.follow(instance + 1, &id, None).await;
        let mut of_sue = sue.socket(instance + 1).await;
        of_sue.follow_conversation(&id, None).await;
        for typing in [true, false] {
            let variables = json!({ "c": id, "t": typing });
            assert_eq!(said(&ann.clients[instance].ask(TYPING, variables.clone()).await), "APPLIED");
            let hint = json!({ "__typename": "TypingIndicator", "typing": typing, "actor": { "__typename": "Representative", "displayName": "ann" } });
            assert_eq!(of_kim.event().await.expected("a hint"), hint);
            let hint = json!({ "__typename": "TypingIndicator", "typing": typing, "actor": { "__typename": "User", "displayName": "ann" } });
            assert_eq!(of_sue.event().await.expected("a hint"), hint);
            // Each person receives the other's indicator but not their own.
            assert_eq!(said(&chat.visitor.ask_on(instance, TYPING, variables).await), "APPLIED");
            let hint = json!({ "__typename": "TypingIndicator", "typing": typing, "actor": { "__typename": "Customer", "displayName": "kim" } });
            assert_eq!(of_ann.event().await.expected("a hint"), hint);
            assert_eq!(of_sue.event().await.expected("a hint"), hint);
        }
        of_ann.cut();
        of_sue.cut();
    }
    let after = app.database.number("SELECT count(*) FROM event WHERE kind <> 'rights_ended'").await;
    assert_eq!(after, events, "no signal is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customer_does_not_see_hidden_participants_typing() {
    let app = TestApp::new().await;
    let (ann, ben) = (app.agent("ann").await, app.agent("ben").await);
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    app.answers(&chat, &ben, ParticipantRole::Observer).await;
    let id = chat.id();
    let mut of_kim = chat.visitor.follow(0, &id, None).await;
    assert_eq!(said(&ben.ask(TYPING, json!({ "c": id, "t": true })).await), "APPLIED");
    assert_eq!(said(&ann.ask(TYPING, json!({ "c": id, "t": true })).await), "APPLIED");
    assert_eq!(of_kim.event().await.expected("a hint")["actor"]["displayName"], "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn non_participants_and_too_frequent_indicators_are_refused() {
    let app = TestApp::new().await;
    let [ann, ben] = [app.agent("ann").await, app.agent("ben").await];
    let (sue, jane) = (app.supervisor("sue").await, app.person("jane").await);
    let chat = app.chat(Channel::Webchat, "kim").await;
    app.answers(&chat, &ann, ParticipantRole::Owner).await;
    app.answers(&chat, &ben, ParticipantRole::Joined).await;
    app.leaves(&chat, &ben).await;
    let variables = json!({ "c": chat.id(), "t": true });
    for (person, refused) in [(&ben, "NOT_A_PARTICIPANT"), (&sue, "NOT_A_PARTICIPANT"), (&jane, "NOT_FOUND")] {
        assert_eq!(said(&person.ask(TYPING, variables.clone()).await), refused, "{}", person.handle);
    }
    let mut taken = Vec::new();
    for number in 0..25 {
        let typing = json!({ "c": chat.id(), "t": number % 2 == 0 });
        taken.push(said(&ann.ask(TYPING, typing).await));
    }
    assert_eq!(taken.iter().filter(|said| *said == "APPLIED").count(), 20);
    assert_eq!(taken.iter().filter(|said| *said == "NO_CHANGE").count(), 5);
    app.clock.advance(chrono::Duration::seconds(10));
    assert_eq!(said(&ann.ask(TYPING, variables.clone()).await), "APPLIED");
    assert_eq!(said(&ann.ask(TYPING, variables.clone()).await), "NO_CHANGE", "the same one a moment ago");
    app.clock.advance(chrono::Duration::seconds(1));
    assert_eq!(said(&ann.ask(TYPING, variables.clone()).await), "APPLIED");
    assert_eq!(said(&chat.visitor.ask(TYPING, variables.clone()).await), "APPLIED", "each for themselves");
    app.ends(&chat).await;
    assert_eq!(said(&ann.ask(TYPING, variables).await), "CONVERSATION_ENDED");
    assert_eq!(
        ann.ask(TYPING, json!({ "c": "x", "t": true })).await.at("said.userErrors"),
        &json!([{ "code": "NOT_FOUND" }])
    );
}
