//! Agents, queues and waiting customers, and the actions of agents.

use api::{
    agents::{
        agent_admin::{self, AgentSkillInput, UpdateAgentInput},
        skills::{self, CreateSkillInput, RequiredSkillInput, SkillStepInput},
    },
    auth::viewer::Scopes,
    contact_center::admin_change::AdminActor,
    entry_points::{entry_point_admin, entry_point_changes::CreateEntryPointInput},
    queues::{
        hours_input::{OpenHoursInput, QueueHoursInput},
        opening_hours::{self, Weekday},
        queue_admin::{self, CreateQueueInput, UpdateQueueInput},
    },
    reason_codes::reasons::{self, NewReason, ReasonKind},
    routing::{background, queue_changes, router},
};
use entity::{
    agent_skill,
    channel::Channel,
    entry_point,
    id::{AgentId, ConversationId, QueueId, SkillId, TaskId, UserId, WrapUpReasonId},
    queue::{self, BusinessHours, SkillSteps, UnacceptedTransfer},
    user::Role,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use super::{Expected as _, app::TestApp, graphql::Answer, person::Person};

/// A queue that an administrator creates.
#[derive(Clone, Debug)]
pub struct NewQueue {
    pub name: String,
    pub channel: Channel,
    pub offer_seconds: Option<i32>,
    pub on_unaccepted_transfer: UnacceptedTransfer,
    pub auto_wrap_up_seconds: Option<i32>,
    pub inactivity_seconds: Option<i32>,
    pub service_level_seconds: Option<i32>,
    pub skills: SkillSteps,
    pub hours: Option<BusinessHours>,
}

impl NewQueue {
    /// Describes a queue with the default rules.
    pub fn of(channel: Channel, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            channel,
            offer_seconds: None,
            on_unaccepted_transfer: UnacceptedTransfer::Drop,
            auto_wrap_up_seconds: None,
            inactivity_seconds: None,
            service_level_seconds: None,
            skills: SkillSteps::default(),
            hours: None,
        }
    }

    /// Returns the input that creates the queue.
    pub fn input(&self) -> CreateQueueInput {
        let required = |skill: &queue::RequiredSkill| RequiredSkillInput {
            skill_id: skill.skill_id.into(),
            level: skill.level.into(),
        };
        let step = |step: &queue::SkillStep| SkillStepInput {
            after_seconds: step.after_seconds,
            required: step.required.iter().map(required).collect(),
        };
        CreateQueueInput {
            skill_relaxation: self.skills.0.iter().map(step).collect(),
            offer_seconds: self.offer_seconds,
            auto_wrap_up_seconds: self.auto_wrap_up_seconds,
            inactivity_seconds: self.inactivity_seconds,
            service_level_seconds: self.service_level_seconds,
            on_unaccepted_transfer: self.on_unaccepted_transfer,
            hours: self.hours.as_ref().map(hours_input),
            ..CreateQueueInput::new(&self.name, self.channel)
        }
    }
}

/// Returns an address on a channel, made from a name.
pub fn address(channel: Channel, name: &str) -> String {
    let mailbox = || format!("{}@example.com", name.to_lowercase().replace(' ', "."));
    if channel == Channel::Email && !name.contains('@') { mailbox() } else { name.to_owned() }
}

fn hours_input(hours: &BusinessHours) -> QueueHoursInput {
    let open = |open: &queue::OpenHours| OpenHoursInput {
        weekday: Weekday::numbered(open.weekday).expected("a day of the week"),
        from: opening_hours::time(open.from),
        to: opening_hours::time(open.to),
    };
    QueueHoursInput {
        time_zone: hours.time_zone.clone(),
        weekly_hours: hours.open.iter().map(open).collect(),
        closed_on: hours.closed_on.clone(),
        closed_message: hours.answer.clone(),
    }
}

/// A queue and its entry point.
pub struct QueueSetup {
    pub queue: queue::Model,
    pub entry_point: entry_point::Model,
}

/// A customer's task and conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arrival {
    pub task: TaskId,
    pub conversation: ConversationId,
}

impl TestApp {
    /// Creates an agent.
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

    /// Creates a queue of a channel with the given agents.
    pub async fn queue_setup(&self, channel: Channel, agents: &[&Person]) -> QueueSetup {
        self.queue_setup_of(NewQueue::of(channel, &format!("{channel:?}")), agents).await
    }

    pub async fn queue_setup_of(&self, new: NewQueue, agents: &[&Person]) -> QueueSetup {
        let agent_ids = agents.iter().map(|agent| AgentId(agent.id.0).into()).collect();
        let input = CreateQueueInput { agent_ids, ..new.input() };
        let queue = queue_admin::create(self.app(), AdminActor::System, &input).await.expected("a queue").row;
        let address = address(new.channel, &new.name);
        let input = CreateEntryPointInput::new(&format!("{} entry_setup", new.name), new.channel, &address, queue.id);
        let made = entry_point_admin::create(self.app(), AdminActor::System, &input).await;
        QueueSetup { entry_point: made.expected("an entry point").row, queue }
    }

    /// Sets the agents of a queue.
    pub async fn assigns(&self, queue: QueueId, agents: &[UserId]) {
        let update = UpdateQueueInput {
            agent_ids: Some(agents.iter().map(|agent| AgentId(agent.0).into()).collect()),
            ..UpdateQueueInput::of(queue)
        };
        queue_changes::update(self.app(), AdminActor::System, &update).await.expected("the agents of a queue");
    }

    /// Creates a wrap-up reason. Returns its id.
    pub async fn reason(&self, name: &str) -> String {
        let new = NewReason { name: name.to_owned(), is_default: false, idempotency_key: None };
        let made = reasons::create(self.app(), AdminActor::System, ReasonKind::WrapUp, &new).await;
        WrapUpReasonId(made.expected("a reason").row).to_string()
    }

    /// Creates a skill and sets the level of some agents.
    pub async fn skill(&self, name: &str, levels: &[(&Person, i16)]) -> SkillId {
        let new = CreateSkillInput { name: name.to_owned(), idempotency_key: None };
        let skill = skills::create(self.app(), AdminActor::System, &new).await.expected("a skill").row.id;
        for (agent, level) in levels {
            let had = agent_skill::Entity::find().filter(agent_skill::Column::AgentId.eq(agent.id));
            let had = had.all(self.app().db.read()).await.expected("skills");
            let has = had.iter().map(|row| (row.skill_id, row.level)).chain([(skill, *level)]);
            let has = has.map(|(skill, level)| AgentSkillInput { skill_id: skill.into(), level: level.into() });
            let update = UpdateAgentInput {
                agent_id: None,
                user_id: Some(agent.id.into()),
                profile_id: None,
                skills: Some(has.collect()),
            };
            agent_admin::update(self.app(), AdminActor::System, &update).await.expected("an agent's skills");
        }
        skill
    }

    /// Runs routing and due timers until nothing is left to do.
    pub async fn settle(&self) {
        loop {
            for instance in &self.instances {
                router::run(&instance.app).await.expected("routing");
            }
            if !background::step(self.app()).await.expected("what is due") {
                break;
            }
        }
    }

    /// Advances the clock and runs everything that is due.
    pub async fn pass(&self, seconds: i64) {
        self.clock.advance(chrono::Duration::seconds(seconds));
        self.settle().await;
    }
}

/// The query of an agent's desktop.
const DESK: &str = include_str!("../operations/support/desk/desk.graphql");

impl Person {
    pub async fn desk(&self) -> Value {
        self.ask(DESK, Value::Null).await.body["data"]["viewer"]["agentDesktop"].clone()
    }

    /// Changes the agent's state. Returns the code of the refusal, or an empty string.
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

    /// Returns the ids of the offers that the agent can accept.
    pub async fn offers(&self) -> Vec<String> {
        ids(&self.desk().await["offers"])
    }

    /// Returns the ids of the tasks that are offered to the agent.
    pub async fn is_offered(&self) -> Vec<String> {
        let desk = self.desk().await;
        let offers = desk["offers"].as_array().cloned().unwrap_or_default();
        offers.iter().filter_map(|offer| offer["task"]["id"].as_str().map(str::to_owned)).collect()
    }

    /// Accepts an offer on an instance. Returns the task, or the code of the refusal and the current owner.
    pub async fn accepts_on(&self, instance: usize, offer: &str) -> Result<String, (String, Option<String>)> {
        let query = "mutation($id: ID!) { acceptOffer(input: { offerId: $id }) { task { id } acceptedBy { displayName } userErrors { code } } }";
        let answer = self.clients[instance % self.clients.len()].ask(query, json!({ "id": offer })).await;
        let payload = answer.at("acceptOffer");
        match payload["task"]["id"].as_str() {
            Some(task) => Ok(task.to_owned()),
            None => Err((
                payload["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned(),
                payload["acceptedBy"]["displayName"].as_str().map(str::to_owned),
            )),
        }
    }

    pub async fn accepts(&self, offer: &str) -> Result<String, (String, Option<String>)> {
        self.accepts_on(0, offer).await
    }

    /// Accepts the agent's only offer. Returns the task.
    pub async fn accepts_it(&self) -> String {
        let offers = self.offers().await;
        assert_eq!(offers.len(), 1, "{}", self.handle);
        self.accepts(&offers[0]).await.expected("a task")
    }

    /// Declines an offer. Returns the code of the refusal, or an empty string.
    pub async fn declines(&self, offer: &str) -> String {
        let query =
            "mutation($id: ID!) { declineOffer(input: { offerId: $id }) { offer { status } userErrors { code } } }";
        let answer = self.ask(query, json!({ "id": offer })).await;
        refusal(&answer, "declineOffer")
    }

    /// Ends a conversation. Returns the code of the refusal, or an empty string.
    pub async fn ends(&self, conversation: &str) -> String {
        self.ends_with(conversation, false).await
    }

    pub async fn ends_with(&self, conversation: &str, agreed: bool) -> String {
        let query = "mutation($id: ID!, $a: Boolean!) { endConversation(input: { conversationId: $id, customerAgreed: $a }) \
                     { task { status } userErrors { code } } }";
        let answer = self.ask(query, json!({ "id": conversation, "a": agreed })).await;
        refusal(&answer, "endConversation")
    }

    /// Returns the id of the wrap-up reason with a name.
    pub async fn reason(&self, name: &str) -> String {
        let answer = self.ask("query($s: String) { wrapUpReasons(search: $s) { id } }", json!({ "s": name })).await;
        answer.text("wrapUpReasons.0.id").to_owned()
    }

    /// Wraps up a task. Returns the code of the refusal, or an empty string.
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
    /// Calls a mutation with a task and a target. Returns the code of the refusal, or an empty string.
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

    /// Calls a mutation of a conference. Returns the code of the refusal, or an empty string.
    pub async fn confers_on(&self, instance: usize, verb: &str, task: &str) -> String {
        let input = super::contact_center::input_of(verb);
        let more = match verb {
            "endConference" => json!({ "taskId": task, "customerAgreed": true }),
            _ => json!({ "taskId": task }),
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

    /// Returns the agent as the target of a transfer or conference.
    pub fn as_target(&self) -> Value {
        json!({ "agentId": AgentId(self.id.0).to_string() })
    }

    /// Returns the status of a task, or an empty string when the person may not see it.
    pub async fn sees(&self, task: &str) -> String {
        let query = "query($id: ID!) { node(id: $id) { ... on Task { status } } }";
        let answer = self.ask(query, json!({ "id": task })).await;
        answer.body["data"]["node"]["status"].as_str().unwrap_or_default().to_owned()
    }
}

impl QueueSetup {
    /// Returns the queue as the target of a transfer.
    pub fn as_target(&self) -> Value {
        json!({ "queueId": self.queue.id.to_string() })
    }
}

/// Returns the code of a mutation's refusal, or an empty string.
#[track_caller]
fn refusal(answer: &Answer, field: &str) -> String {
    answer.at(field)["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

/// Returns the ids of the objects in a list.
pub fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|thing| thing["id"].as_str().map(str::to_owned)).collect()
}
