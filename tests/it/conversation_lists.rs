//! Tests of lists of conversations: each filter shows exactly what the viewer may see, in order. Indexes find the rows,
//! whatever else is stored.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    id::{ConversationId, CustomerId, UserId},
};
use serde_json::{Value, json};

use crate::support::{
    Expected as _, accounts,
    app::TestApp,
    consistency,
    conversations::{Visitor, code},
    desk::{Arrival, NewQueue, QueueSetup},
    graphql::{Answer, Client},
    person::Person,
    plans,
    plans::keep_from_counting,
};

const LIST: &str = include_str!("operations/conversation_lists/list.graphql");
const BACKWARDS: &str = include_str!("operations/conversation_lists/backwards.graphql");
const ONE: &str = "query($id: ID!) { conversation(id: $id) { id kind status channel lastItemAt customer { id } } }";
const NOTE: &str = include_str!("operations/conversation_lists/note.graphql");
const START: &str = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }";

/// People with different rights to see conversations.
struct Office {
    ann: Person,
    ben: Person,
    sue: Person,
    mia: Person,
    crm: Client,
    kim: Visitor,
    /// The id of a customer who wrote twice.
    customer: Value,
}

impl TestApp {
    /// Creates conversations that wait, are live, were transferred, have ended or were reopened. Some get a note
    /// afterwards. Ann has had tasks of two queues that she does not serve. She has an offer of a third queue.
    async fn office(&self) -> Office {
        let [ann, ben] = self.agents(["ann", "ben"]).await;
        let (sue, mia) = (self.supervisor("sue").await, self.person("mia").await);
        let key = json!({ "name": "crm", "kind": "ORGANIZATION", "scopes": ["CONVERSATIONS_READ"] });
        let (secret, _) = accounts::key(&self.admin("ada").await.clients[0], key).await;
        let crm = Client::new(&sue.clients[0].url, Some(secret));
        let chats = self.queue_setup(Channel::Webchat, &[&ann]).await;
        let texts = self.queue_setup(Channel::Sms, &[&ann]).await;
        let mails = self.queue_setup(Channel::Email, &[&ben]).await;
        assert_eq!(ann.turns("AVAILABLE").await, "");
        let mut conversations = Vec::new();
        for (number, queue_setup) in [&chats, &texts, &texts, &chats, &chats].into_iter().enumerate() {
            conversations.push(self.taken(queue_setup, &format!("kim{number}"), &ann).await);
        }
        for over in [0, 1, 2, 4] {
            self.clock.advance(chrono::Duration::seconds(1));
            assert_eq!(ann.ends_with(&conversations[over].conversation.to_string(), true).await, "");
            assert_eq!(ann.wraps_up(&conversations[over].task.to_string()).await, "");
        }
        assert_eq!(ann.turns("IDLE").await, "");
        // One task is transferred and continues without its first agent.
        assert_eq!(ben.turns("AVAILABLE").await, "");
        assert_eq!(ann.transfers(&conversations[3].task.to_string(), ben.as_target()).await, "");
        self.settle().await;
        ben.accepts_it().await;
        assert_eq!(ann.wraps_up(&conversations[3].task.to_string()).await, "");
        // Two customers return: a text message reopens its conversation, and a chat starts a new one. A closed
        // conversation gets a note from a person who never took part.
        self.clock.advance(chrono::Duration::seconds(1));
        self.waits(&texts, "kim1").await;
        self.waits(&chats, "kim0").await;
        self.clock.advance(chrono::Duration::seconds(1));
        let closed = conversations[0].conversation.to_string();
        let noted = sue.ask(NOTE, json!({ "c": closed, "m": "1" })).await;
        assert_eq!(noted.at("addNote.userErrors"), &json!([]));
        for queue_setup in [&chats, &texts] {
            self.is_served_by(queue_setup, &[]).await;
        }
        self.waits(&mails, "mail").await;
        let others = self.queue_setup_of(NewQueue::of(Channel::Webchat, "others"), &[&ben]).await;
        let held_out = self.waits(&others, "another").await;
        self.settle().await;
        for offer in ben.offers().await {
            ben.accepts(&offer).await.expected("a task");
        }
        assert_eq!(ann.turns("AVAILABLE").await, "");
        assert_eq!(ben.transfers(&held_out.task.to_string(), ann.as_target()).await, "");
        self.settle().await;
        assert_eq!(ann.offers().await.len(), 1);
        let chat_conversation = self.direct(&ann, &ben).await;
        self.direct(&mia, &ann).await;
        self.clock.advance(chrono::Duration::seconds(1));
        assert_eq!(code(&ben.sends(0, &chat_conversation, "1", "Lunch?").await), "");
        let customer = sue.ask(ONE, json!({ "id": closed })).await.at("conversation.customer.id").clone();
        let known = customer.as_str().and_then(CustomerId::parse).expected("a customer");
        let kim = self.visitor(known, chats.entry_point.id).await;
        Office { ann, ben, sue, mia, crm, kim, customer }
    }

    async fn taken(&self, queue_setup: &QueueSetup, name: &str, agent: &Person) -> Arrival {
        let arrival = self.waits(queue_setup, name).await;
        self.settle().await;
        assert_eq!(agent.accepts_it().await, arrival.task.to_string());
        arrival
    }

    async fn is_served_by(&self, queue_setup: &QueueSetup, agents: &[UserId]) {
        self.assigns(queue_setup.queue.id, agents).await;
    }

    async fn direct(&self, one: &Person, other: &Person) -> String {
        let request = one.asks(other).await;
        other.must("acceptConnectionRequest", &request).await;
        let started = one.ask(START, json!({ "u": other.id() })).await;
        started.at("startDirectConversation.conversation.id").as_str().expected("a conversation").to_owned()
    }

    /// Returns the ids of the conversations that match a condition.
    async fn conversations(&self, condition: &str) -> Vec<String> {
        let digits = self.database.digits("c.id");
        let found = self.database.texts(&format!("SELECT {digits} FROM conversation c WHERE {condition}")).await;
        found.iter().map(|id| ConversationId(id.parse().expected("an id")).to_string()).collect()
    }

    /// Compares the list of a person with the conversations that they can see one by one. Returns how many they see.
    async fn compare(
        &self,
        who: &str,
        ask: impl AsyncFn(&str, Value) -> Answer,
        mine: &str,
        customer: &Value,
    ) -> usize {
        let mine = self.conversations(mine).await;
        let mut seen = Vec::new();
        for id in self.conversations("TRUE").await {
            let found = ask(ONE, json!({ "id": id })).await.body["data"]["conversation"].clone();
            if !found.is_null() {
                let at: DateTime<Utc> = found["lastItemAt"].as_str().expected("a time").parse().expected("a time");
                seen.push((Reverse((at, id)), found));
            }
        }
        seen.sort_by(|(one, _), (other, _)| one.cmp(other));
        for filter in filters(customer) {
            let fits = |row: &Value| {
                filter.as_object().into_iter().flatten().all(|(field, value)| match field.as_str() {
                    "customerId" => row["customer"]["id"] == *value,
                    "channels" => value.as_array().is_some_and(|channels| channels.contains(&row["channel"])),
                    "mine" => mine.iter().any(|id| row["id"] == **id),
                    _ => row[field] == *value,
                })
            };
            let expected: Vec<_> = seen.iter().filter(|(_, row)| fits(row)).map(|(key, _)| key.0.1.clone()).collect();
            for found in pages(&ask, &filter).await {
                assert_eq!(found, expected, "{who} {filter}");
            }
        }
        seen.len()
    }
}

/// Reads all pages of a list, forwards and then backwards.
async fn pages(ask: &impl AsyncFn(&str, Value) -> Answer, filter: &Value) -> [Vec<String>; 2] {
    let mut both = [Vec::new(), Vec::new()];
    for (found, (query, more, cursor)) in
        both.iter_mut().zip([(LIST, "hasNextPage", "endCursor"), (BACKWARDS, "hasPreviousPage", "startCursor")])
    {
        let mut at = Value::Null;
        loop {
            let answer = ask(query, json!({ "f": filter, "a": at, "b": at })).await;
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

/// Returns every combination of filters.
fn filters(customer: &Value) -> Vec<Value> {
    let mut filters = vec![json!({})];
    for (field, values) in [
        ("kind", vec![json!("CUSTOMER"), json!("DIRECT")]),
        ("status", vec![json!("OPEN"), json!("CLOSED")]),
        ("channels", vec![json!(["SMS"]), json!(["EMAIL", "WEBCHAT"])]),
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
async fn every_filter_shows_the_visible_conversations_newest_first() {
    let app = TestApp::new().await;
    let Office { ann, ben, sue, mia, crm, kim, customer } = app.office().await;
    for (person, sees) in [(&ann, 8), (&ben, 4), (&sue, 8), (&mia, 1)] {
        let me = app.database.literal(person.id.0);
        let mine = format!(
            "c.id IN (SELECT p.conversation_id FROM participant p WHERE p.left_at IS NULL AND p.user_id = {me})"
        );
        let ask = async |query: &str, variables| person.ask(query, variables).await;
        assert_eq!(app.compare(&person.handle, ask, &mine, &customer).await, sees, "{}", person.handle);
    }
    let ask = async |query: &str, variables| crm.ask(query, variables).await;
    assert_eq!(app.compare("a key", ask, "FALSE", &customer).await, 8);
    // A customer takes part in every conversation that they see.
    let ask = async |query: &str, variables| kim.ask(query, variables).await;
    assert_eq!(app.compare("a customer", ask, "TRUE", &customer).await, 2);
    consistency::check(&app.database).await;
}

/// Each list uses an index that fits its filter: an agent's past by its order, open conversations by their tasks, and a
/// customer's conversations by the customer. No list reads through all conversations.
#[tokio::test(flavor = "multi_thread")]
async fn filtered_lists_skip_other_conversations_by_index() {
    const ALL: [&str; 3] = ["conversation_of_kind_by_age", "conversation_in_queue", "task_accepted"];
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    keep_from_counting(&app).await;
    let Office { ann, ben, sue, customer, .. } = app.office().await;
    for (person, filter, never) in [
        (&ann, json!({}), &ALL[..]),
        (&ann, json!({ "status": "OPEN" }), &ALL),
        (&ann, json!({ "status": "CLOSED" }), &ALL),
        (&ann, json!({ "kind": "CUSTOMER" }), &ALL),
        (&ann, json!({ "mine": true, "kind": "CUSTOMER" }), &ALL),
        (&ann, json!({ "customerId": customer }), &ALL),
        (&ben, json!({}), &ALL[..1]),
        (&ben, json!({ "status": "OPEN" }), &ALL),
        (&ben, json!({ "status": "CLOSED" }), &ALL[..1]),
        (&ben, json!({ "channels": ["SMS"] }), &ALL),
        (&sue, json!({ "status": "OPEN" }), &ALL),
        (&sue, json!({ "customerId": customer, "kind": "CUSTOMER", "status": "CLOSED" }), &ALL),
    ] {
        let mut after = Value::Null;
        // Checks the first page and a page after a cursor. PostgreSQL plans the first page by its row counts, so only
        // few rows are left.
        for beginning in [true, false] {
            app.statements();
            let list = person.ask(LIST, json!({ "f": filter, "a": after })).await;
            after = list.at("conversations.pageInfo").clone()["endCursor"].take();
            let looks = app.statements();
            let look = looks.iter().find(|look| look.sql.contains("each_one")).expected("a list");
            let plan = plans::explain(app.app(), look, true).await;
            let said = format!("{} {filter}\n{}\n{plan}", person.handle, look.sql);
            // The index of live tasks is small, so a scan of it is allowed.
            let reads: Vec<_> = plans::scans(&plan).into_iter().filter(|line| !line.contains("task_live")).collect();
            assert!(reads.is_empty(), "{reads:?} {said}");
            let counted = app.database.is_postgres() && !beginning;
            assert!(counted || !never.iter().any(|index| plan.contains(index)), "{said}");
            if look.sql.contains("j.settled_at IS NOT NULL") {
                let ordered = |line: &str| {
                    line.contains("participant_by_user (user_id=? AND settled_at>?)")
                        || line.contains(
                            "participant_by_user (user_id=? AND settled_at>? AND (settled_at,conversation_id)<(?,?))",
                        )
                        || line.contains("Index Cond: ") && line.contains("(settled_at IS NOT NULL)")
                };
                assert!(plan.lines().any(ordered), "{said}");
            }
        }
    }
}
