//! Tests of secrecy: what a caller may not see looks as if it did not exist. Outsiders use every argument that takes an
//! id, with each id of a conversation. The answers equal those for ids that do not exist.

use std::collections::{BTreeMap, BTreeSet};

use entity::{channel::Channel, id::ConversationId};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    desk::{NewQueue, QueueSetup},
    graphql::Client,
    person::Person,
    probes::{Place, Schema, told},
    visitors::{by, chat, message, start},
};

const ALL_OF_IT: &str = include_str!("operations/secrecy/all_of_it.graphql");
const NOTE: &str = include_str!("operations/secrecy/note.graphql");

/// Creates a customer with a waiting chat.
async fn comes(app: &TestApp, queue_setup: &QueueSetup) -> (Client, String) {
    let begun = start(&app.anonymous(), &queue_setup.entry_point, message("1", "In confidence")).await;
    app.settle().await;
    (by(app, &begun), chat(&begun).to_owned())
}

/// Returns one id of each kind in a conversation, by the names of the arguments that take it.
async fn ids_of(agent: &Person, conversation: &str) -> Value {
    let answer = agent.ask(ALL_OF_IT, json!({ "id": conversation })).await;
    let seen = answer.at("conversation");
    let mut ids = json!({
        "conversationId": seen["id"], "customerId": seen["customer"]["id"], "taskId": seen["task"]["id"],
        "participantId": seen["participants"][0]["id"],
    });
    for item in seen["items"]["nodes"].as_array().into_iter().flatten() {
        let kind = item["__typename"].as_str().unwrap_or_default();
        ids[if kind == "Message" { "messageId" } else { kind }] = item["id"].clone();
    }
    ids
}

/// Returns an id of the same kind that does not exist.
fn nobodys(id: &str) -> String {
    let (kind, _) = id.rsplit_once('_').expected("an id");
    format!("{kind}_01m7xnapkeess9yf3kt8ay0ya3")
}

/// Returns the answer to an operation with an id, without the id itself.
async fn answer(schema: &Schema, client: &Client, place: &Place, id: &str, own: &Value) -> String {
    let (query, variables) = schema.operation(place, id, own);
    told(client, place, &query, &variables).await.replace(id, "ID")
}

/// Operations whose answers differ for an agent who may see the objects.
const REVEALING: [&str; 20] = [
    "Query.node.id",
    "Query.nodes.ids",
    "Query.conversation.id",
    "Query.conversations.filter.customerId",
    "Mutation.sendMessage.input.conversationId",
    "Mutation.sendMessage.input.replyToId",
    "Mutation.addNote.input.conversationId",
    "Mutation.editMessage.input.messageId",
    "Mutation.deleteMessage.input.messageId",
    "Mutation.markConversationRead.input.conversationId",
    "Mutation.setTyping.input.conversationId",
    "Mutation.acceptOffer.input.offerId",
    "Mutation.declineOffer.input.offerId",
    "Mutation.endConversation.input.conversationId",
    "Mutation.wrapUpTask.input.taskId",
    "Mutation.extendWrapUp.input.taskId",
    "Mutation.transferTask.input.taskId",
    "Mutation.requestConference.input.taskId",
    "Mutation.endConference.input.taskId",
    "Subscription.conversationEvents.conversationId",
];

#[tokio::test(flavor = "multi_thread")]
async fn outsiders_get_the_same_answers_for_a_conversation_as_for_nothing() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let elsewhere = app.agent("cem").await;
    let jane = app.person("jane").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    let other = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Elsewhere"), &[&elsewhere]).await;
    ann.turns("AVAILABLE").await;
    elsewhere.turns("AVAILABLE").await;

    // The test data has a live conversation, an ended one before its wrap-up, and an open offer.
    let (_, chat_conversation) = comes(&app, &queue_setup).await;
    ann.accepts_it().await;
    ann.sends(0, &chat_conversation, "2", "Hello").await;
    assert!(ann.ask(NOTE, json!({ "c": chat_conversation })).await.at("addNote.note.id").is_string());
    let (_, ended) = comes(&app, &queue_setup).await;
    ann.accepts_it().await;
    assert_eq!(ann.ends(&ended).await, "");
    comes(&app, &queue_setup).await;
    let ids = ids_of(&ann, &chat_conversation).await;
    let mut hidden = ann.offers().await;
    hidden.extend(ids.as_object().into_iter().flatten().filter_map(|(_, id)| id.as_str().map(str::to_owned)));
    hidden.extend(ids_of(&ann, &ended).await["taskId"].as_str().map(str::to_owned));
    assert_eq!(hidden.len(), 9, "{hidden:?}");

    // Some outsiders have a conversation of their own, so that a refusal is about the other conversation.
    let (lee, own_conversation) = comes(&app, &other).await;
    elsewhere.accepts_it().await;
    let mut own = ids_of(&elsewhere, &own_conversation).await;
    own["userId"] = json!(jane.id());
    own["agentId"] = ann.as_target()["agentId"].clone();
    own["body"] = json!("Words");
    let schema = Schema::read(&ann.clients[0]).await;
    let places = schema.places();
    assert!(places.len() >= 60, "{}", places.len());
    let streams = format!(
        "SELECT CAST(coalesce(sum(last_sequence), 0) AS bigint) FROM stream WHERE owner_id IN ({}, {})",
        app.database.literal(ann.id.0),
        app.database.literal(ConversationId::parse(&chat_conversation).expected("an id").0)
    );
    let before = app.database.number(&streams).await;
    let mut asked = 0;
    for place in &places {
        for (who, client) in [("cem", &elsewhere.clients[0]), ("jane", &jane.clients[0]), ("lee", &lee)] {
            let mut of_nobodys = BTreeMap::new();
            for id in &hidden {
                let nobodys = nobodys(id);
                if !of_nobodys.contains_key(&nobodys) {
                    let told = answer(&schema, client, place, &nobodys, &own).await;
                    of_nobodys.insert(nobodys.clone(), told);
                }
                let of_theirs = answer(&schema, client, place, id, &own).await;
                assert_eq!(of_theirs, of_nobodys[&nobodys], "{} of {id} by {who}", place.name());
                assert!(!of_theirs.contains("In confidence") && !of_theirs.contains("between us"), "{}", place.name());
                asked += 1;
            }
        }
    }
    assert!(asked >= 1_500, "{asked}");
    assert_eq!(app.database.number(&streams).await, before, "nothing came of it");

    // An authorized agent gets different answers from the same operations, so the comparison above is meaningful.
    let mut telling = BTreeSet::new();
    let (reasons, target) = (ann.reason("Other").await, elsewhere.as_target()["agentId"].clone());
    let mut own =
        json!({ "conversationId": chat_conversation, "reasonIds": reasons, "agentId": target, "body": "Words" });
    // Operations that end the conversation or delete a message run last.
    let ends = |place: &Place| {
        ["endConversation", "deleteMessage", "transferTask", "Conference"]
            .iter()
            .any(|verb| place.name().contains(verb))
    };
    let (last, first): (Vec<_>, Vec<_>) = places.iter().partition(|place| ends(place));
    for place in first.into_iter().chain(last) {
        for id in &hidden {
            own["clientMessageId"] = json!(format!("{} {id}", place.path.join(" ")));
            let (seen, not) = (
                answer(&schema, &ann.clients[0], place, id, &own).await,
                answer(&schema, &ann.clients[0], place, &nobodys(id), &own).await,
            );
            if seen != not {
                telling.insert(place.name());
            }
        }
    }
    for name in REVEALING {
        assert!(telling.remove(name), "{name} tells nobody anything: {telling:?}");
    }
}
