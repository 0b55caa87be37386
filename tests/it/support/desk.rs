//! A floor of agents who answer customers: queues, who serves them, and customers who wait.

use api::{
    agents::{
        routing,
        set_up::{self, NewEntryPoint, NewQueue},
        tasks, workers,
    },
    auth::viewer::Scopes,
    conversations::{
        customers::{self, About},
        items::{self, NewItem},
        participants::{self, Who},
        threads::{self, Place},
    },
};
use entity::{
    channel::Channel,
    entry_point::{self, Form, Origins},
    id::{ConversationId, SkillId, TaskId},
    participant::ParticipantRole,
    queue,
    user::Role,
};
use serde_json::{Value, json};

use super::{Expected as _, app::TestApp, graphql::Answer, person::Person};

/// A queue and the entry point that feeds it.
pub struct Floor {
    pub queue: queue::Model,
    pub entry_point: entry_point::Model,
}

/// A customer who waits, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arrival {
    pub task: TaskId,
    pub conversation: ConversationId,
}

impl TestApp {
    /// Somebody who answers customers.
    pub async fn agent(&self, handle: &str) -> Person {
        self.person_of(handle, handle, Role::Agent, Scopes::all()).await
    }

    pub async fn agents<const N: usize>(&self, handles: [&str; N]) -> [Person; N] {
        let mut agents = Vec::new();
        for handle in handles {
            agents.push(self.agent(handle).await);
        }
        agents.try_into().unwrap_or_else(|_| panic!("{N} agents"))
    }

    /// A queue of a channel that is served by some.
    pub async fn floor(&self, channel: Channel, agents: &[&Person]) -> Floor {
        self.floor_of(NewQueue::of(channel, &format!("{channel:?}")), agents).await
    }

    pub async fn floor_of(&self, new: NewQueue, agents: &[&Person]) -> Floor {
        let agents: Vec<_> = agents.iter().map(|agent| agent.id).collect();
        let (new, agents) = (&new, &agents);
        let made = self.app().transaction(|tx| {
            Box::pin(async move {
                let queue = set_up::queue(tx, new.clone()).await?;
                set_up::name_agents(tx, &queue, agents).await?;
                let entry_point = NewEntryPoint {
                    name: format!("{} door", new.name),
                    channel: new.channel,
                    address: new.name.clone(),
                    queue: queue.id,
                    priority: None,
                    form: Form::default(),
                    origins: Origins::default(),
                    identity_secret: None,
                };
                Ok(Floor { entry_point: set_up::entry_point(tx, entry_point).await?, queue })
            })
        });
        made.await.expected("a queue")
    }

    /// A customer writes for the first time, on an instance, with a priority.
    pub async fn arrives_at(&self, instance: usize, floor: &Floor, name: &str, priority: i16) -> Arrival {
        let app = &self.instances[instance % self.instances.len()].app;
        let door = &entry_point::Model { priority, ..floor.entry_point.clone() };
        let arrived = app.transaction(|tx| {
            Box::pin(async move {
                let about = About { name: Some(name.to_owned()), ..About::default() };
                let customer = customers::identify(tx, door.channel, name, &about).await?;
                let place = Place {
                    channel: door.channel,
                    entry_point: door.id,
                    queue: door.queue_id,
                    customer: customer.id,
                    topic: String::new(),
                };
                let (mut conversation, _) = threads::open_or_make(tx, &place).await?;
                let who = Who::Customer(customer.id);
                let customer = participants::join(tx, &conversation, who, ParticipantRole::Customer).await?;
                let message = NewItem { inbound: true, ..NewItem::message(customer.id, format!("I am {name}")) };
                items::append(tx, &mut conversation, message).await?;
                let enqueued = tasks::enqueue(tx, &mut conversation, door).await?;
                let task = tasks::answer(tx, &mut conversation, enqueued).await?;
                Ok(Arrival { task: task.id, conversation: conversation.id })
            })
        });
        arrived.await.expected("a task")
    }

    pub async fn waits(&self, floor: &Floor, name: &str) -> Arrival {
        self.arrives_at(0, floor, name, 10).await
    }

    /// One more reason of wrap-ups; its id.
    pub async fn reason(&self, name: &str) -> String {
        let made = self.app().transaction(|tx| Box::pin(async move { set_up::wrap_up_reason(tx, name).await }));
        made.await.expected("a reason").id.to_string()
    }

    /// A skill, and how good some agents are at it.
    pub async fn skill(&self, name: &str, levels: &[(&Person, i16)]) -> SkillId {
        let levels: Vec<_> = levels.iter().map(|(agent, level)| (agent.id, *level)).collect();
        let levels = &levels;
        let made = self.app().transaction(|tx| {
            Box::pin(async move {
                let skill = set_up::skill(tx, name).await?;
                for (agent, level) in levels {
                    set_up::rate(tx, *agent, skill.id, *level).await?;
                }
                Ok(skill.id)
            })
        });
        made.await.expected("a skill")
    }

    /// Lets everything happen that goes on by itself, until nothing more does.
    pub async fn settle(&self) {
        loop {
            for instance in &self.instances {
                routing::run(&instance.app).await.expected("routing");
            }
            if !workers::step(self.app()).await.expected("what is due") {
                break;
            }
        }
    }

    /// Lets time pass, and what is due by then happen.
    pub async fn pass(&self, seconds: i64) {
        self.clock.advance(chrono::Duration::seconds(seconds));
        self.settle().await;
    }
}

/// What somebody sees of their desk.
const DESK: &str = "{ viewer { desk { agent { state idleReason { name } capacity { channel limit used open } } \
    offers { id status expiresAt task { id status position } details { queueName customerName customerEmail customerPhone sourceNumber sourcePage receivedAt } } \
    tasks { id status conversation { id } availableActions owner { displayName } wrapUps { dueAt submittedAt automatic reasons { name } } } streamCursor } } }";

impl Person {
    pub async fn desk(&self) -> Value {
        self.ask(DESK, Value::Null).await.body["data"]["viewer"]["desk"].clone()
    }

    /// Turns to a state; the code of the refusal, or nothing.
    pub async fn turns(&self, state: &str) -> String {
        self.turns_with(json!({ "state": state })).await
    }

    pub async fn turns_with(&self, input: Value) -> String {
        let query = "mutation($input: SetAgentStateInput!) { setAgentState(input: $input) { agent { state } userErrors { code } } }";
        let answer = self.ask(query, json!({ "input": input })).await;
        refusal(&answer, "setAgentState")
    }

    pub async fn state(&self) -> String {
        self.desk().await["agent"]["state"].as_str().unwrap_or_default().to_owned()
    }

    /// The ids of the offers that the agent can accept.
    pub async fn offers(&self) -> Vec<String> {
        ids(&self.desk().await["offers"])
    }

    /// The tasks that are held out to the agent.
    pub async fn is_offered(&self) -> Vec<String> {
        let desk = self.desk().await;
        let offers = desk["offers"].as_array().cloned().unwrap_or_default();
        offers.iter().filter_map(|offer| offer["task"]["id"].as_str().map(str::to_owned)).collect()
    }

    /// Accepts on an instance: the task, or the code of the refusal and who has it instead.
    pub async fn accepts_on(&self, instance: usize, offer: &str) -> Result<String, (String, Option<String>)> {
        let query = "mutation($id: ID!) { acceptOffer(input: { offerId: $id }) { task { id } takenBy { displayName } userErrors { code } } }";
        let answer = self.clients[instance % self.clients.len()].ask(query, json!({ "id": offer })).await;
        let payload = answer.at("acceptOffer");
        match payload["task"]["id"].as_str() {
            Some(task) => Ok(task.to_owned()),
            None => Err((
                payload["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned(),
                payload["takenBy"]["displayName"].as_str().map(str::to_owned),
            )),
        }
    }

    pub async fn accepts(&self, offer: &str) -> Result<String, (String, Option<String>)> {
        self.accepts_on(0, offer).await
    }

    /// Accepts the one offer there is; the task.
    pub async fn accepts_it(&self) -> String {
        let offers = self.offers().await;
        assert_eq!(offers.len(), 1, "{}", self.handle);
        self.accepts(&offers[0]).await.expected("a task")
    }

    /// Declines; the code of the refusal, or nothing.
    pub async fn declines(&self, offer: &str) -> String {
        let query =
            "mutation($id: ID!) { declineOffer(input: { offerId: $id }) { offer { status } userErrors { code } } }";
        let answer = self.ask(query, json!({ "id": offer })).await;
        refusal(&answer, "declineOffer")
    }

    /// Ends a conversation; the code of the refusal, or nothing.
    pub async fn ends(&self, conversation: &str) -> String {
        self.ends_with(conversation, false).await
    }

    pub async fn ends_with(&self, conversation: &str, agreed: bool) -> String {
        let query = "mutation($id: ID!, $a: Boolean!) { endConversation(input: { conversationId: $id, customerAgreed: $a }) \
                     { task { status } userErrors { code } } }";
        let answer = self.ask(query, json!({ "id": conversation, "a": agreed })).await;
        refusal(&answer, "endConversation")
    }

    /// The reasons there are, by their names.
    pub async fn reason(&self, name: &str) -> String {
        let answer = self.ask("query($s: String) { wrapUpReasons(search: $s) { id } }", json!({ "s": name })).await;
        answer.text("wrapUpReasons.0.id").to_owned()
    }

    /// Wraps up; the code of the refusal, or nothing.
    pub async fn wraps_up(&self, task: &str) -> String {
        let reason = self.reason("Other").await;
        self.wraps_up_with(task, json!([reason])).await
    }

    pub async fn wraps_up_with(&self, task: &str, reasons: Value) -> String {
        let query = "mutation($id: ID!, $r: [ID!]!) { wrapUpTask(input: { taskId: $id, reasonIds: $r, note: \"done\" }) \
                     { task { status } userErrors { code } } }";
        let answer = self.ask(query, json!({ "id": task, "r": reasons })).await;
        refusal(&answer, "wrapUpTask")
    }
}

impl Person {
    /// Does something with a task and another agent or queue; the code of the refusal, or nothing.
    pub async fn directs_on(&self, instance: usize, verb: &str, task: &str, to: Value) -> String {
        let input = format!("{}{}Input", verb[..1].to_uppercase(), &verb[1..]);
        let query = format!(
            "mutation($input: {input}!) {{ {verb}(input: $input) {{ task {{ status }} userErrors {{ code }} }} }}"
        );
        let client = &self.clients[instance % self.clients.len()];
        let answer = client.ask(&query, json!({ "input": { "taskId": task, "to": to } })).await;
        refusal(&answer, verb)
    }

    pub async fn transfers(&self, task: &str, to: Value) -> String {
        self.directs_on(0, "transferTask", task, to).await
    }

    pub async fn invites(&self, task: &str, to: Value) -> String {
        self.directs_on(0, "requestConference", task, to).await
    }

    /// Does something about a conference; the code of the refusal, or nothing.
    pub async fn confers_on(&self, instance: usize, verb: &str, task: &str) -> String {
        let (input, more) = match verb {
            "endConference" => ("EndConferenceInput", json!({ "taskId": task, "customerAgreed": true })),
            _ => ("ConferenceInput", json!({ "taskId": task })),
        };
        let query = format!(
            "mutation($input: {input}!) {{ {verb}(input: $input) {{ task {{ status }} userErrors {{ code }} }} }}"
        );
        let client = &self.clients[instance % self.clients.len()];
        refusal(&client.ask(&query, json!({ "input": more })).await, verb)
    }

    pub async fn confers(&self, verb: &str, task: &str) -> String {
        self.confers_on(0, verb, task).await
    }

    /// As others name the agent.
    pub fn as_target(&self) -> Value {
        json!({ "agentId": entity::id::AgentId(self.id.0).to_string() })
    }

    /// Where the person sees a task stand; nothing of one that they may not see.
    pub async fn sees(&self, task: &str) -> String {
        let query = "query($id: ID!) { node(id: $id) { ... on Task { status } } }";
        let answer = self.ask(query, json!({ "id": task })).await;
        answer.body["data"]["node"]["status"].as_str().unwrap_or_default().to_owned()
    }
}

impl Floor {
    /// As a transfer names the queue.
    pub fn as_target(&self) -> Value {
        json!({ "queueId": self.queue.id.to_string() })
    }
}

/// The code with which a mutation was refused, or nothing.
#[track_caller]
fn refusal(answer: &Answer, field: &str) -> String {
    answer.at(field)["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

/// The ids of a list of things.
pub fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|thing| thing["id"].as_str().map(str::to_owned)).collect()
}
