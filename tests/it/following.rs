//! Tests of many followers of many conversations over bad networks. None misses an event or gets one twice or out of
//! order. Customers see no trace of notes. In a full run 200 followers follow 20 conversations of 5,000 messages
//! through 1,000 cuts.

use std::sync::Arc;

use api::{conversations::conversation_rows::ConversationSide, events::cursor::Cursor};
use entity::{channel::Channel, id::ConversationId};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    conversations::{SEND, code, stream_of},
    desk::{NewQueue, ids},
    graphql::Client,
    random::Chance,
    rounds,
    socket::Socket,
    visitors::{by, chat, message, start},
};

const FOLLOW: &str = include_str!("operations/following/follow.graphql");
const NOTE: &str = include_str!("operations/conversation_views/note.graphql");
const READ: &str = include_str!("operations/following/read.graphql");
/// The last message of each conversation.
const END: &str = "That is all";

/// A conversation between a customer and an agent, each with a client for every instance.
struct FollowedConversation {
    id: String,
    agent: Vec<Client>,
    customer: Vec<Client>,
}

/// A follower of a conversation.
struct Follower {
    id: String,
    side: ConversationSide,
    clients: Vec<Client>,
    cuts: usize,
    /// The maximum number of events between two cuts.
    stretch: usize,
}

fn on_all(app: &TestApp, token: Option<&str>) -> Vec<Client> {
    app.instances.iter().map(|instance| Client::new(&instance.url, token.map(str::to_owned))).collect()
}

impl FollowedConversation {
    async fn says(&self, by: &[Client], turn: usize, body: &str) {
        let variables = json!({ "c": self.id, "m": format!("{turn} {body}"), "b": body });
        let sent = by[turn % by.len()].ask(SEND, variables).await.at("sent").clone();
        assert_eq!(code(&sent), "");
    }

    /// Both sides write at once. The agent adds notes, and the customer marks messages as read.
    async fn goes_on(&self, messages: usize) {
        let of_agent = async {
            for turn in 0..messages / 2 {
                self.says(&self.agent, turn, "Hello").await;
                if turn % 3 == 1 {
                    let variables = json!({ "c": self.id, "m": format!("note {turn}") });
                    let noted = self.agent[turn % self.agent.len()].ask(NOTE, variables).await;
                    assert_eq!(noted.at("addNote.userErrors"), &json!([]));
                }
            }
        };
        let of_customer = async {
            for turn in 0..messages - messages / 2 {
                self.says(&self.customer, turn, "Hi").await;
                if turn % 5 == 1 {
                    let read = self.customer[turn % self.customer.len()].ask(READ, json!({ "c": self.id })).await;
                    assert_eq!(read.at("markConversationRead.userErrors"), &json!([]));
                }
            }
        };
        futures_util::future::join(of_agent, of_customer).await;
        self.says(&self.agent, messages, END).await;
    }
}

impl Follower {
    /// Follows from before the first event to the last message, with cuts at random. Returns the numbers of messages
    /// and cuts.
    async fn follows(self, seed: u64) -> (usize, usize) {
        let mut chance = Chance::seeded(seed);
        let id = ConversationId::parse(&self.id).expected("an id");
        let mut cursor = Cursor::in_stream(stream_of(self.side, id), 0).0;
        let (mut seen, mut items, mut messages, mut cut) = (0, 0, 0, 0);
        loop {
            let client = &self.clients[chance.below(self.clients.len())];
            let mut socket = Socket::open_later(&client.url, client.token.as_deref()).await;
            socket.subscribe("1", FOLLOW, json!({ "id": self.id, "after": cursor })).await;
            assert_eq!(socket.event().await.expected("the first event")["__typename"], "SubscriptionStarted");
            let mut left = if cut < self.cuts { 1 + chance.below(self.stretch) } else { usize::MAX };
            while left > 0 {
                let event = socket.event().await.expected("an event");
                // Hints have no sequence number.
                let Some(sequence) = event["sequence"].as_i64() else { continue };
                assert_eq!(sequence, seen + 1, "{event}");
                (seen, left) = (sequence, left - 1);
                event["cursor"].as_str().expected("a cursor").clone_into(&mut cursor);
                if self.side == ConversationSide::Customer {
                    let said = event.to_string();
                    assert!(!said.contains("between us") && !said.contains("Note"), "{said}");
                }
                if event["__typename"] == "ItemAdded" {
                    items += 1;
                    assert_eq!(event["item"]["sequence"], items, "{event}");
                    messages += usize::from(event["item"]["__typename"] == "Message");
                    if event["item"]["body"] == END {
                        return (messages, cut);
                    }
                }
            }
            socket.cut();
            cut += 1;
        }
    }
}

/// Creates conversations that agents with free capacity have accepted.
async fn find_conversations(app: &TestApp, number: usize) -> Vec<FollowedConversation> {
    let mut agents = Vec::new();
    for agent in 0..number.div_ceil(5) {
        agents.push(app.agent(&format!("agent{agent}")).await);
    }
    let queue_setup =
        app.queue_setup_of(NewQueue::of(Channel::Webchat, "Chats"), &agents.iter().collect::<Vec<_>>()).await;
    let mut customers = std::collections::BTreeMap::new();
    for customer in 0..number {
        let begun = start(&app.anonymous(), &queue_setup.entry_point, message("1", &format!("I am {customer}"))).await;
        customers.insert(chat(&begun).to_owned(), by(app, &begun));
    }
    let mut conversations = Vec::new();
    for agent in &agents {
        assert_eq!(agent.turns("AVAILABLE").await, "");
        app.settle().await;
        for offer in agent.offers().await {
            agent.accepts(&offer).await.expected("a task");
        }
        let answer = agent.ask("{ conversations(filter: { mine: true }) { nodes { id } } }", Value::Null).await;
        for id in ids(answer.at("conversations.nodes")) {
            let customer = customers.remove(&id).expected("a customer");
            conversations.push(FollowedConversation {
                id,
                agent: agent.clients.clone(),
                customer: on_all(app, customer.token.as_deref()),
            });
        }
    }
    assert_eq!(conversations.len(), number);
    conversations
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_cut_off_at_random_receive_every_event_once() {
    // A supervisor follows 40 conversations, each on a socket of its own.
    let app = TestApp::with(2, &[("RAPPORT_MAX_SOCKETS_PER_CALLER", "0")]).await;
    let messages = rounds(120);
    let is_full = messages >= 1_000;
    let (number, of_each) = if is_full { (20, 10) } else { (3, 5) };
    let messages = messages.min(5_000) / number;
    let sue = app.supervisor("sue").await;
    let conversations = Arc::new(find_conversations(&app, number).await);
    let mut following = Vec::new();
    for (place, conversation) in conversations.iter().enumerate() {
        for which in 0..of_each {
            let (side, clients) = match which % 5 {
                0 | 1 => (ConversationSide::Staff, conversation.agent.clone()),
                2 => (ConversationSide::Staff, sue.clients.clone()),
                _ => (ConversationSide::Customer, conversation.customer.clone()),
            };
            // There are more events than messages, so five stretches of at most a fifth each end before the last
            // message.
            let follower =
                Follower { id: conversation.id.clone(), side, clients, cuts: 5, stretch: (messages / 5).max(1) };
            following.push(tokio::spawn(follower.follows((place * of_each + which) as u64)));
        }
    }
    join_all(conversations.iter().map(|conversation| conversation.goes_on(messages))).await;
    let mut cuts = 0;
    for told in join_all(following).await {
        let (told, cut) = told.expected("a follower");
        // The first and the last message are additional.
        assert_eq!(told, messages + 2);
        cuts += cut;
    }
    assert_eq!(cuts, number * of_each * 5);
    consistency::check(&app.database).await;
}
