//! Conversations with customers, created by the functions of the API's modules, and visitors who follow them.

use std::{pin::Pin, sync::Arc, time::Duration};

use api::{
    auth::viewer::{Caller, Scopes, VisitorViewer},
    conversations::{
        announcements::{self, NewAnnouncement},
        conversation_rows::{self, ConversationSide},
        customers::{CustomerDetails, CustomerReference},
        message_content::MessageContent,
        participants::{self, ParticipantRef},
    },
    events::{
        cursor::{conversation_of, customer_side_of},
        log,
    },
    http::executor::{Executor, Params, RequestOrigin},
    inbound::messages::{self, InboundMessage},
    tasks::task_rows,
};
use entity::{
    channel::Channel,
    entry_point,
    id::{ConversationId, CustomerId, EntryPointId, QueueId, VisitorTokenId},
    participant::{self, ParticipantRole},
    task::{self, TaskStatus},
    thread_item::{AnnouncementKind, TextFormat},
    user::Role,
};
use futures_util::{Stream, StreamExt as _};
use serde_json::{Value, json};

use super::{
    Expected as _,
    app::TestApp,
    arrivals::address_of,
    desk::{NewQueue, QueueSetup},
    graphql::Answer,
    person::Person,
};

/// A subscription to every kind of event of a conversation.
pub const EVENTS: &str = include_str!("../operations/support/conversations/events.graphql");

pub const SEND: &str = include_str!("../operations/support/conversations/send.graphql");

/// A conversation with a customer, who can call the API as a visitor.
pub struct Chat {
    pub id: ConversationId,
    pub queue: QueueId,
    pub entry_point: entry_point::Model,
    pub customer: CustomerId,
    pub visitor: Visitor,
    name: String,
}

/// A customer as a visitor, with an executor for each instance.
pub struct Visitor {
    pub caller: Caller,
    executors: Vec<Arc<Executor>>,
}

/// A visitor's subscription.
pub struct Following(Pin<Box<dyn Stream<Item = async_graphql::Response> + Send>>);

impl TestApp {
    /// Creates a supervisor.
    pub async fn supervisor(&self, handle: &str) -> Person {
        self.person_of(handle, handle, Role::Supervisor, Scopes::all()).await
    }

    /// Creates a customer's open conversation on a channel, as a web chat begins without a message. Each customer needs
    /// a different name.
    pub async fn chat(&self, channel: Channel, name: &str) -> Chat {
        let QueueSetup { queue, entry_point } =
            self.queue_setup_of(NewQueue::of(channel, &format!("{channel:?} {name}")), &[]).await;
        let incoming = InboundMessage {
            customer: CustomerReference::Address(address_of(&entry_point, name)),
            details: CustomerDetails {
                name: Some(name.to_owned()),
                email: Some(format!("{name}@example.org")),
                phone: None,
            },
            topic: String::new(),
            introduction: None,
            message: None,
            provider_id: None,
            start_key: None,
        };
        let began = messages::deliver(self.app(), entry_point.id, &incoming).await.expected("a conversation");
        let customer = began.conversation.customer_id.expected("a customer");
        let visitor = self.visitor(customer, entry_point.id).await;
        Chat { id: began.conversation.id, queue: queue.id, entry_point, customer, visitor, name: name.to_owned() }
    }

    /// Returns a visitor for a customer at an entry point.
    pub async fn visitor(&self, customer: CustomerId, entry_point: EntryPointId) -> Visitor {
        let caller = Caller::Visitor(VisitorViewer {
            token: VisitorTokenId(self.clock.uuid()),
            customer,
            entry_point,
            expires_at: self.clock.now() + chrono::Duration::days(1),
        });
        let mut executors = Vec::new();
        for instance in &self.instances {
            executors.push(Arc::new(Executor::start(instance.app.clone()).await.expected("an executor")));
        }
        Visitor { caller, executors }
    }

    /// Lets an agent join a conversation, as the owner of the task or in another role.
    pub async fn answers(&self, chat: &Chat, agent: &Person, role: ParticipantRole) -> participant::Model {
        let (id, user) = (chat.id, agent.id);
        let joined = self.app().transaction(|tx| {
            Box::pin(async move {
                let mut row = conversation_rows::lock(tx, id).await?;
                let joined = participants::join(tx, &row, ParticipantRef::User(user), role).await?;
                let new = NewAnnouncement::own(AnnouncementKind::AgentJoined, &joined);
                announcements::announce(tx, &mut row, new).await?;
                Ok(joined)
            })
        });
        joined.await.expected("an agent who answers")
    }

    /// Closes a conversation without an announcement, with its task, and removes its agents.
    pub async fn ends(&self, chat: &Chat) {
        let id = chat.id;
        let ended = self.app().transaction(|tx| {
            Box::pin(async move {
                let mut row = conversation_rows::lock(tx, id).await?;
                if let Some(task) = task_rows::find_live(tx, &row).await? {
                    task_rows::save(tx, &row, &task::Model { status: TaskStatus::Completed, ..task }).await?;
                }
                conversation_rows::close(tx, &mut row).await?;
                participants::remove_agents(tx, &row).await
            })
        });
        ended.await.expected("the end");
    }

    /// Lets an agent leave a conversation.
    pub async fn leaves(&self, chat: &Chat, agent: &Person) {
        let (id, user) = (chat.id, agent.id);
        let left = self.app().transaction(|tx| {
            Box::pin(async move {
                let row = conversation_rows::lock(tx, id).await?;
                match participants::find(tx.db(), id, ParticipantRef::User(user)).await? {
                    Some(leaving) => participants::leave(tx, &row, leaving).await,
                    None => Ok(()),
                }
            })
        });
        left.await.expected("an agent who leaves");
    }

    /// Receives a message of the customer, as a provider delivers it.
    pub async fn arrives(&self, chat: &Chat, body: &str) {
        let from = address_of(&chat.entry_point, &chat.name);
        let content = MessageContent::delivered(body, TextFormat::Plain, None);
        let incoming = InboundMessage::delivered(from, &self.clock.uuid().to_string(), content);
        messages::deliver(self.app(), chat.entry_point.id, &incoming).await.expected("a message");
    }

    /// Adds an agent to the queue of a conversation.
    pub async fn serves(&self, chat: &Chat, agent: &Person) {
        let (user, queue) = (self.database.literal(agent.id.0), self.database.literal(chat.queue.0));
        for sql in [
            format!(
                "INSERT INTO agent (user_id, profile_id, mode, chat_limit, email_limit, social_limit, chat_used, email_used, social_used, \
                 state, state_since, idle_channels, offerable_channels, available_since, \"interval\") \
                 SELECT {user}, id, 1, 5, 5, 5, 0, 0, 0, 1, '2026-01-01 00:00:00+00:00', 0, 0, '2026-01-01 00:00:00+00:00', 0 \
                 FROM multimedia_profile WHERE NOT EXISTS (SELECT 1 FROM agent WHERE user_id = {user})"
            ),
            format!("INSERT INTO queue_member (queue_id, agent_id, from_step) VALUES ({queue}, {user}, 0)"),
        ] {
            self.database.run(&sql).await;
        }
    }
}

impl Chat {
    pub fn id(&self) -> String {
        self.id.to_string()
    }
}

impl Visitor {
    fn prepare(
        &self,
        instance: usize,
        query: &str,
        variables: &Value,
    ) -> (Arc<Executor>, api::http::executor::Operation) {
        let executor = Arc::clone(&self.executors[instance % self.executors.len()]);
        let variables = serde_json::from_value(variables.clone()).expected("variables");
        let params = Params { query: query.to_owned(), operation_name: None, variables, digest: None, trusted: false };
        let asker = RequestOrigin { caller: Some(self.caller), ..RequestOrigin::default() };
        let operation = executor.prepare(params, asker).map_err(|answer| format!("{answer:?}")).expected(query);
        (executor, operation)
    }

    pub async fn ask(&self, query: &str, variables: Value) -> Answer {
        self.ask_on(0, query, variables).await
    }

    pub async fn ask_on(&self, instance: usize, query: &str, variables: Value) -> Answer {
        let (executor, operation) = self.prepare(instance, query, &variables);
        let answer = executor.run(operation).await.answer;
        Answer { status: 200, body: serde_json::to_value(&answer).expected("JSON") }
    }

    /// Subscribes to a conversation from a cursor and waits for the first event.
    pub async fn follow(&self, instance: usize, id: &str, after: Option<&str>) -> Following {
        let (executor, operation) = self.prepare(instance, EVENTS, &json!({ "id": id, "after": after }));
        let mut following = Following(Box::pin(executor.stream(operation).map(|answered| answered.answer)));
        let started = following.event().await.expected("the first event");
        assert_eq!(started["__typename"], "SubscriptionStarted");
        following
    }
}

impl Following {
    /// Returns the next event, except queue positions. None at the end of the stream.
    pub async fn event(&mut self) -> Option<Value> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.0.next()).await.expected("an event in time");
            let answer = serde_json::to_value(next?).expected("JSON");
            assert!(answer.get("errors").is_none(), "{answer}");
            let event = answer["data"]["event"].clone();
            if event["__typename"] != "QueuePositionUpdate" {
                return Some(event);
            }
        }
    }
}

impl Person {
    /// Sends a message with a client id.
    pub async fn sends(&self, instance: usize, conversation: &str, client_id: &str, body: &str) -> Value {
        let variables = json!({ "c": conversation, "m": client_id, "b": body });
        self.clients[instance % self.clients.len()].ask(SEND, variables).await.at("sent").clone()
    }
}

impl Visitor {
    /// Sends a message with a client id.
    pub async fn sends(&self, instance: usize, conversation: &str, client_id: &str, body: &str) -> Value {
        let variables = json!({ "c": conversation, "m": client_id, "b": body });
        self.ask_on(instance, SEND, variables).await.at("sent").clone()
    }
}

/// Returns the code of the refusal, or an empty string.
pub fn code(payload: &Value) -> &str {
    payload["userErrors"][0]["code"].as_str().unwrap_or_default()
}

/// Returns the stream in which a side follows a conversation with a customer.
pub fn stream_of(side: ConversationSide, id: ConversationId) -> log::Stream {
    match side {
        ConversationSide::Staff => conversation_of(id),
        ConversationSide::Customer => customer_side_of(id),
    }
}
