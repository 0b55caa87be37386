//! Lists of conversations show just what was asked for, in order, to whoever may see it, and are led there by indexes however
//! much of something else there is.

use std::cmp::Reverse;

use api::agents::set_up;
use chrono::{DateTime, Utc};
use entity::{channel::Channel, id::ConversationId};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    desk::{Arrival, Floor},
    person::Person,
    plans,
    threads::code,
};

const LIST: &str = "query($f: ConversationFilter, $a: String) { conversations(filter: $f, first: 3, after: $a) { \
    nodes { id } pageInfo { hasNextPage endCursor } } }";
const BACKWARDS: &str = "query($f: ConversationFilter, $b: String) { conversations(filter: $f, last: 2, before: $b) { \
    nodes { id } pageInfo { hasPreviousPage startCursor } } }";
const ONE: &str = "query($id: ID!) { conversation(id: $id) { id kind status channel lastItemAt customer { id } } }";
const NOTE: &str = "mutation($c: ID!, $m: String!) { addNote(input: { conversationId: $c, clientMessageId: $m, body: \"later\" }) \
    { userErrors { code } } }";
const START: &str = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }";

/// Who looks, and whom they look at.
struct Office {
    people: Vec<Person>,
    /// A customer who wrote twice, on two channels.
    customer: Value,
}

impl TestApp {
    /// Customers who wait, talk, were handed over, have left and come back; some are noted upon after that.
    async fn office(&self) -> Office {
        let [ann, ben] = self.agents(["ann", "ben"]).await;
        let sue = self.supervisor("sue").await;
        let mia = self.person("mia").await;
        let chats = self.floor(Channel::Webchat, &[&ann]).await;
        let texts = self.floor(Channel::Sms, &[&ann]).await;
        let mails = self.floor(Channel::Email, &[&ben]).await;
        assert_eq!(ann.turns("AVAILABLE").await, "");
        let mut talks = Vec::new();
        for (number, floor) in [&chats, &texts, &texts, &chats, &chats].into_iter().enumerate() {
            talks.push(self.taken(floor, &format!("kim{number}"), &ann).await);
        }
        for over in [0, 1, 2, 4] {
            self.clock.advance(chrono::Duration::seconds(1));
            assert_eq!(ann.ends_with(&talks[over].conversation.to_string(), true).await, "");
            assert_eq!(ann.wraps_up(&talks[over].task.to_string()).await, "");
        }
        assert_eq!(ann.turns("IDLE").await, "");
        // One is handed over, and goes on without who had it first.
        assert_eq!(ben.turns("AVAILABLE").await, "");
        assert_eq!(ann.transfers(&talks[3].task.to_string(), ben.as_target()).await, "");
        self.settle().await;
        ben.accepts_it().await;
        // Two come back: a text to the same conversation, a chat to another. A closed one gets a note, from who was never in it.
        self.clock.advance(chrono::Duration::seconds(1));
        self.waits(&texts, "kim1").await;
        self.waits(&chats, "kim0").await;
        self.clock.advance(chrono::Duration::seconds(1));
        let closed = talks[0].conversation.to_string();
        let noted = sue.ask(NOTE, json!({ "c": closed, "m": "1" })).await;
        assert_eq!(noted.at("addNote.userErrors"), &json!([]));
        for number in 0..3 {
            self.waits(&mails, &format!("mail {number}")).await;
        }
        // What ann has had part in she sees for this alone: nobody is named for its queues but ben.
        for floor in [&chats, &texts] {
            self.is_served_by(floor, &ben).await;
        }
        let talk = self.direct(&ann, &ben).await;
        self.clock.advance(chrono::Duration::seconds(1));
        assert_eq!(code(&ben.sends(0, &talk, "1", "Lunch?").await), "");
        let customer = sue.ask(ONE, json!({ "id": closed })).await.at("conversation.customer.id").clone();
        Office { people: vec![ann, ben, sue, mia], customer }
    }

    async fn taken(&self, floor: &Floor, name: &str, agent: &Person) -> Arrival {
        let arrival = self.waits(floor, name).await;
        self.settle().await;
        assert_eq!(agent.accepts_it().await, arrival.task.to_string());
        arrival
    }

    async fn is_served_by(&self, floor: &Floor, agent: &Person) {
        let (queue, agents) = (&floor.queue, &[agent.id]);
        let named = self.app().transaction(|tx| Box::pin(async move { set_up::name_agents(tx, queue, agents).await }));
        named.await.expected("who serves it");
    }

    async fn direct(&self, one: &Person, other: &Person) -> String {
        let request = one.asks(other).await;
        other.must("acceptConnectionRequest", &request).await;
        let started = one.ask(START, json!({ "u": other.id() })).await;
        started.at("startDirectConversation.conversation.id").as_str().expected("a conversation").to_owned()
    }

    /// The ids of conversations that a condition finds.
    async fn conversations(&self, condition: &str) -> Vec<String> {
        let digits = self.database.digits("c.id");
        let found = self.database.texts(&format!("SELECT {digits} FROM conversation c WHERE {condition}")).await;
        found.iter().map(|id| ConversationId(id.parse().expected("an id")).to_string()).collect()
    }
}

/// All pages of a list, forwards and then backwards.
async fn pages(by: &Person, filter: &Value) -> [Vec<String>; 2] {
    let mut both = [Vec::new(), Vec::new()];
    for (found, (query, more, cursor)) in
        both.iter_mut().zip([(LIST, "hasNextPage", "endCursor"), (BACKWARDS, "hasPreviousPage", "startCursor")])
    {
        let mut at = Value::Null;
        loop {
            let answer = by.ask(query, json!({ "f": filter, "a": at, "b": at })).await;
            let nodes = answer.at("conversations.nodes").as_array().cloned().unwrap_or_default();
            let ids = nodes.iter().filter_map(|node| node["id"].as_str().map(str::to_owned));
            if query == LIST {
                found.extend(ids);
            } else {
                found.splice(..0, ids).for_each(drop);
            }
            let info = answer.at("conversations.pageInfo").clone();
            if info[more] == false {
                break;
            }
            at = info[cursor].clone();
        }
    }
    both
}

/// Every way to narrow the list.
fn filters(customer: &Value) -> Vec<Value> {
    let mut filters = vec![json!({})];
    for (field, values) in [
        ("kind", vec![json!("CUSTOMER"), json!("DIRECT")]),
        ("status", vec![json!("OPEN"), json!("CLOSED")]),
        ("channel", vec![json!("SMS"), json!("EMAIL")]),
        ("customerId", vec![customer.clone()]),
        ("mine", vec![json!(true)]),
    ] {
        for before in filters.clone() {
            for value in &values {
                let mut filter = before.clone();
                filter[field] = value.clone();
                filters.push(filter);
            }
        }
    }
    filters
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_shows_what_somebody_may_see_of_it_the_newest_first() {
    let app = TestApp::new().await;
    let Office { people, customer } = app.office().await;
    let all = app.conversations("TRUE").await;
    for person in people {
        let me = app.database.literal(person.id.0);
        let part = format!("SELECT p.conversation_id FROM participant p WHERE p.left_at IS NULL AND p.user_id = {me}");
        let mine = app.conversations(&format!("c.id IN ({part})")).await;
        let mut seen = Vec::new();
        for id in &all {
            let found = person.ask(ONE, json!({ "id": id })).await.body["data"]["conversation"].clone();
            if !found.is_null() {
                let at: DateTime<Utc> = found["lastItemAt"].as_str().expected("a time").parse().expected("a time");
                seen.push((Reverse((at, id.clone())), found));
            }
        }
        seen.sort_by(|(one, _), (other, _)| one.cmp(other));
        assert_eq!(seen.is_empty(), person.handle == "mia", "{}", person.handle);
        for filter in filters(&customer) {
            let fits = |row: &Value| {
                filter.as_object().into_iter().flatten().all(|(field, value)| match field.as_str() {
                    "customerId" => row["customer"]["id"] == *value,
                    "mine" => mine.iter().any(|id| row["id"] == **id),
                    _ => row[field] == *value,
                })
            };
            let expected: Vec<_> = seen.iter().filter(|(_, row)| fits(row)).map(|(key, _)| key.0.1.clone()).collect();
            for found in pages(&person, &filter).await {
                assert_eq!(found, expected, "{} {filter}", person.handle);
            }
        }
    }
    consistency::check(&app.database).await;
}

/// By what indexes a list is found in order, or few of many: of an agent, and of who sees all.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_led_past_what_was_not_asked_for() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let Office { people, customer } = app.office().await;
    let [ann, ben, sue, _] = &people[..] else { unreachable!() };
    // What leads to everything that was ever said to somebody, at a queue, or at all.
    let whole = ["conversation_of_kind_by_age", "conversation_in_queue", "task_accepted"];
    for (person, filter, never) in [
        (ann, json!({}), &whole[..1]),
        (ann, json!({ "status": "OPEN" }), &whole),
        (ann, json!({ "status": "CLOSED" }), &whole[..1]),
        (ann, json!({ "kind": "CUSTOMER" }), &whole[..1]),
        (ann, json!({ "mine": true, "kind": "CUSTOMER" }), &whole),
        (ann, json!({ "customerId": customer }), &whole),
        (ben, json!({}), &whole[..1]),
        (ben, json!({ "status": "OPEN" }), &whole),
        (sue, json!({ "status": "OPEN" }), &whole),
        (sue, json!({ "customerId": customer, "kind": "CUSTOMER", "status": "CLOSED" }), &whole),
    ] {
        app.statements();
        person.ask(LIST, json!({ "f": filter })).await.at("conversations");
        let looks = app.statements();
        let look = looks.iter().find(|look| look.sql.contains("each_one")).expected("a list");
        let plan = plans::explain(app.app(), look, true).await;
        let said = format!("{} {filter}\n{}\n{plan}", person.handle, look.sql);
        // Of open tasks alone there is an index of few.
        let reads: Vec<_> = plans::scans(&plan).into_iter().filter(|line| !line.contains("task_live")).collect();
        assert!(reads.is_empty(), "{reads:?} {said}");
        assert!(!never.iter().any(|index| plan.contains(index)), "{said}");
        // What somebody has taken part in comes from its index in the order of the list.
        if look.sql.contains("j.settled_at IS NOT NULL") {
            let ordered = plan.lines().any(|line| {
                line.contains("participant_by_user (user_id=? AND settled_at>?)")
                    || line.contains("settled_at IS NOT NULL")
            });
            assert!(ordered, "{said}");
        }
    }
}
