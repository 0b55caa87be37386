//! What one may not see is as if it were not: every place of the schema that takes an id is asked by those whom a
//! conversation does not concern, with each id there is in it, and answers as for an id that nobody has.

use std::collections::{BTreeMap, BTreeSet};

use entity::{channel::Channel, id::ConversationId};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    desk::{Floor, NewQueue},
    graphql::Client,
    person::Person,
    probes::{Place, Schema, told},
    visitors::{by, chat, message, start},
};

const ALL_OF_IT: &str = "query($id: ID!) { conversation(id: $id) { id customer { id } task { id } participants { id } items(first: 100) { nodes { id __typename } } } }";
const NOTE: &str = "mutation($c: ID!) { addNote(input: { conversationId: $c, clientMessageId: \"note\", body: \"between us\" }) { note { id } } }";

/// A customer who has begun a chat and waits.
async fn comes(app: &TestApp, floor: &Floor) -> (Client, String) {
    let begun = start(&app.anonymous(), &floor.entry_point, message("1", "In confidence")).await;
    app.settle().await;
    (by(app, &begun), chat(&begun).to_owned())
}

/// An id of each kind that there is in a conversation, by how the schema names what takes it.
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

/// One that nobody has, of the same kind.
fn nobodys(id: &str) -> String {
    let (kind, _) = id.rsplit_once('_').expected("an id");
    format!("{kind}_01m7xnapkeess9yf3kt8ay0ya3")
}

/// What a caller is told at a place of an id, with the id itself left out.
async fn answer(schema: &Schema, client: &Client, place: &Place, id: &str, own: &Value) -> String {
    let (query, variables) = schema.operation(place, id, own);
    told(client, place, &query, &variables).await.replace(id, "ID")
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_conversation_does_not_concern_is_told_what_is_told_of_nothing() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let elsewhere = app.agent("cem").await;
    let jane = app.person("jane").await;
    let floor = app.floor(Channel::Webchat, &[&ann]).await;
    let other = app.floor_of(NewQueue::of(Channel::Webchat, "Elsewhere"), &[&elsewhere]).await;
    ann.turns("AVAILABLE").await;
    elsewhere.turns("AVAILABLE").await;

    // One talk, one that has ended and is to be wrapped up, and one offer that is still open.
    let (_, talk) = comes(&app, &floor).await;
    ann.accepts_it().await;
    ann.sends(0, &talk, "2", "Hello").await;
    assert!(ann.ask(NOTE, json!({ "c": talk })).await.at("addNote.note.id").is_string());
    let (_, ended) = comes(&app, &floor).await;
    ann.accepts_it().await;
    assert_eq!(ann.ends(&ended).await, "");
    comes(&app, &floor).await;
    let ids = ids_of(&ann, &talk).await;
    let mut hidden = ann.offers().await;
    hidden.extend(ids.as_object().into_iter().flatten().filter_map(|(_, id)| id.as_str().map(str::to_owned)));
    hidden.extend(ids_of(&ann, &ended).await["taskId"].as_str().map(str::to_owned));
    assert_eq!(hidden.len(), 9, "{hidden:?}");

    // Those who have something of their own, so that what they are refused is the other's.
    let (lee, own_talk) = comes(&app, &other).await;
    elsewhere.accepts_it().await;
    let mut own = ids_of(&elsewhere, &own_talk).await;
    own["userId"] = json!(jane.id());
    own["agentId"] = ann.as_target()["agentId"].clone();
    let schema = Schema::read(&ann.clients[0]).await;
    let places = schema.places();
    assert!(places.len() >= 60, "{}", places.len());
    let streams = format!(
        "SELECT CAST(coalesce(sum(last_sequence), 0) AS bigint) FROM stream WHERE owner_id IN ({}, {})",
        app.database.literal(ann.id.0),
        app.database.literal(ConversationId::parse(&talk).expected("an id").0)
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

    // Who may does see it, by the same operations: so the answers above could have differed.
    let mut telling = BTreeSet::new();
    let mut own = json!({ "conversationId": talk, "reasonIds": ann.reason("Other").await, "agentId": elsewhere.as_target()["agentId"] });
    // What ends the conversation or takes a message back comes after what needs them.
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
    for name in [
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
    ] {
        assert!(telling.remove(name), "{name} tells nobody anything: {telling:?}");
    }
}
