//! An organization whose people and customers do random things, each through the API.

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    desk::{NewQueue, QueueSetup},
    graphql::Client,
    person::{ABOUT_A_USER, Person},
    random::Chance,
    visitors::{self, message},
};

/// No visitor starts a chat while this many are open.
const CHATS: usize = 5;

/// A customer on the web site.
pub struct Visitor {
    pub client: Client,
    pub conversation: String,
}

/// The organization and its customers.
pub struct World {
    pub app: TestApp,
    /// Ann, whose screens are followed, is the first. She is an agent too.
    pub people: Vec<Person>,
    /// Ann, Ben and the supervisor Sue.
    pub agents: Vec<Person>,
    pub queues: Vec<QueueSetup>,
    pub visitors: Vec<Visitor>,
    pub chance: Chance,
    pub acts: usize,
    reason: String,
}

impl World {
    pub async fn new(seed: u64) -> Self {
        let app = Box::pin(TestApp::two()).await;
        app.database.run("UPDATE multimedia_profile SET chat = 3, email = 3, social = 3").await;
        let (ann, ben, sue) = (app.agent("ann").await, app.agent("ben").await, app.supervisor("sue").await);
        let members = app.people(["mia", "max", "kim"]).await;
        let agents = [&ann, &ben];
        let mut queues = Vec::new();
        for name in ["Support", "Sales"] {
            queues.push(app.queue_setup_of(NewQueue::of(Channel::Webchat, name), &agents).await);
        }
        let reason = app.reason("Solved").await;
        for agent in [&ann, &ben, &sue] {
            assert_eq!(agent.turns("AVAILABLE").await, "");
        }
        let again = app.known("ann").await;
        let people = [again].into_iter().chain(members).collect();
        let agents = vec![ann, ben, sue];
        Self { app, people, agents, queues, visitors: vec![], chance: Chance::seeded(seed), acts: 0, reason }
    }

    pub fn ann(&self) -> &Person {
        &self.agents[0]
    }

    /// Calls a mutation on one of the instances. It may be refused.
    async fn calls(&self, client: &Client, verb: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", verb[..1].to_uppercase(), &verb[1..]);
        let query =
            format!("mutation($input: {kind}!) {{ {verb}(input: $input) {{ outcome userErrors {{ code }} }} }}");
        let answer = client.ask(&query, json!({ "input": input })).await;
        assert!(answer.body.get("errors").is_none(), "{verb}: {}", answer.body);
        answer.body["data"][verb].clone()
    }

    fn client<'a>(&self, of: &'a Person) -> &'a Client {
        &of.clients[self.acts % of.clients.len()]
    }

    async fn reads(&self, by: &Person, query: &str) -> Value {
        let answer = by.ask(query, Value::Null).await;
        assert!(answer.body.get("errors").is_none(), "{query}: {}", answer.body);
        answer.body["data"].clone()
    }

    /// Picks one of the values of a list, if it has any.
    fn one(&mut self, list: &Value) -> Option<Value> {
        let list = list.as_array().filter(|list| !list.is_empty())?;
        Some(self.chance.pick(list).clone())
    }

    /// One random act, and what the organization's timers do then.
    pub async fn act(&mut self) {
        self.acts += 1;
        self.app.clock.advance(chrono::Duration::milliseconds(10));
        match self.chance.below(40) {
            0..=8 => self.relates().await,
            9..=11 => self.answers_request().await,
            12..=13 => self.posts().await,
            14 => self.changes_profile().await,
            15..=16 => self.handles_notifications().await,
            17..=18 => self.writes_directly().await,
            19..=21 => self.starts_chat().await,
            22..=25 => self.visitor_writes().await,
            26 => self.visitor_leaves().await,
            27..=28 => self.changes_state().await,
            29..=32 => self.answers_offer().await,
            33..=34 => self.agent_writes().await,
            35..=37 => self.handles_task().await,
            38 => self.wraps_up().await,
            _ => {
                let seconds = i64::try_from(self.chance.below(40)).unwrap_or_default();
                self.app.pass(seconds).await;
            }
        }
        self.app.settle().await;
    }

    fn pair(&mut self) -> (usize, usize) {
        let one = self.chance.below(self.people.len());
        (one, (one + 1 + self.chance.below(self.people.len() - 1)) % self.people.len())
    }

    async fn relates(&mut self) {
        let (by, other) = self.pair();
        // Most acts make relationships. Few end them.
        let rare = self.chance.below(6) == 0;
        let verb = match rare {
            true => *self.chance.pick(&ABOUT_A_USER),
            false => *self.chance.pick(&["requestConnection", "followUser", "unblockUser", "unmuteUser"]),
        };
        // A block gives the blocked person no sign, so it shows at the next reading.
        let verb = if verb == "blockUser" && other == 0 { "unfollowUser" } else { verb };
        let input = json!({ "userId": self.people[other].id() });
        self.calls(self.client(&self.people[by]), verb, input).await;
    }

    async fn answers_request(&mut self) {
        let by = self.chance.below(self.people.len());
        let incoming = "{ connectionRequests(status: PENDING) { nodes { id } } }";
        let outgoing = "{ connectionRequests(status: PENDING, direction: OUTGOING) { nodes { id } } }";
        let (list, verb) = *self.chance.pick(&[
            (incoming, "acceptConnectionRequest"),
            (incoming, "acceptConnectionRequest"),
            (incoming, "ignoreConnectionRequest"),
            (outgoing, "withdrawConnectionRequest"),
        ]);
        let list = self.reads(&self.people[by], list).await;
        let Some(request) = self.one(&list["connectionRequests"]["nodes"]) else { return };
        self.calls(self.client(&self.people[by]), verb, json!({ "requestId": request["id"] })).await;
    }

    async fn posts(&mut self) {
        let by = self.chance.below(self.people.len());
        if self.chance.below(4) > 0 {
            let text = format!("Status {}", self.acts);
            self.calls(self.client(&self.people[by]), "postStatus", json!({ "text": text })).await;
            return;
        }
        let own = "{ activityFeed(scope: ME) { nodes { id kind } } }";
        let own = self.reads(&self.people[by], own).await;
        let Some(activity) = self.one(&own["activityFeed"]["nodes"]) else { return };
        if activity["kind"] == "STATUS_POSTED" {
            self.calls(self.client(&self.people[by]), "deleteActivity", json!({ "activityId": activity["id"] })).await;
        }
    }

    async fn changes_profile(&mut self) {
        let by = self.chance.below(self.people.len());
        // The lists of agents show a new name with the agent's next change.
        let change = match self.chance.below(2) {
            0 if by > 0 => json!({ "displayName": format!("{} {}", self.people[by].handle, self.acts) }),
            _ => json!({ "title": format!("Title {}", self.acts) }),
        };
        self.calls(self.client(&self.people[by]), "updateProfile", change).await;
    }

    async fn handles_notifications(&mut self) {
        let ann = &self.people[0];
        let list = self.reads(ann, "{ notifications(first: 5) { nodes { id } } }").await;
        let Some(notification) = self.one(&list["notifications"]["nodes"]) else { return };
        let verb = *self.chance.pick(&["markNotificationsRead", "markNotificationsUnread", "deleteNotifications"]);
        self.calls(self.client(&self.people[0]), verb, json!({ "ids": [notification["id"]] })).await;
    }

    async fn writes_directly(&mut self) {
        let (by, other) = self.pair();
        let client = self.client(&self.people[by]);
        let start = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id lastItem { sequence } } } }";
        let started = client.ask(start, json!({ "u": self.people[other].id() })).await;
        let conversation = started.body["data"]["startDirectConversation"]["conversation"].clone();
        if conversation.is_null() {
            return;
        }
        self.writes_or_reads(self.acts % 3, client.clone(), &conversation).await;
    }

    async fn writes_or_reads(&self, how: usize, client: Client, conversation: &Value) {
        let (id, sequence) = (&conversation["id"], &conversation["lastItem"]["sequence"]);
        if how == 0 && sequence.is_number() {
            self.calls(&client, "markConversationRead", json!({ "conversationId": id, "upToSequence": sequence }))
                .await;
        } else {
            let (key, body) = (format!("m{}", self.acts), format!("Message {}", self.acts));
            let input = json!({ "conversationId": id, "clientMessageId": key, "body": body });
            self.calls(&client, "sendMessage", input).await;
        }
    }

    async fn starts_chat(&mut self) {
        if self.visitors.len() >= CHATS {
            return;
        }
        let queue = self.chance.below(self.queues.len());
        let (visitor, conversation) = visitors::visitor(&self.app, &self.queues[queue].entry_point).await;
        self.visitors.push(Visitor { client: visitor, conversation });
    }

    async fn visitor_writes(&mut self) {
        if self.visitors.is_empty() {
            return;
        }
        let which = self.chance.below(self.visitors.len());
        let Visitor { client, conversation } = &self.visitors[which];
        let read = "query($c: ID!) { conversation(id: $c) { id lastItem { sequence } } }";
        let found = client.ask(read, json!({ "c": conversation })).await.body["data"]["conversation"].clone();
        let client = client.clone();
        self.writes_or_reads(self.acts % 3, client, &found).await;
    }

    /// A visitor leaves, and perhaps comes back with a new conversation.
    async fn visitor_leaves(&mut self) {
        if self.visitors.is_empty() {
            return;
        }
        let which = self.chance.below(self.visitors.len());
        let Visitor { client, conversation } = self.visitors.swap_remove(which);
        self.calls(&client, "endConversation", json!({ "conversationId": conversation })).await;
        if self.chance.below(2) == 0 {
            let queue = self.chance.below(self.queues.len());
            let key = format!("again{}", self.acts);
            let answer = visitors::start(&client, &self.queues[queue].entry_point, message(&key, "Me again")).await;
            let conversation = answer.text("startWebChat.conversation.id").to_owned();
            let client = answer.body["data"]["startWebChat"]["visitorToken"]
                .as_str()
                .map_or(client, |token| Client::new(&self.app.instances[0].url, Some(token.to_owned())));
            self.visitors.push(Visitor { client, conversation });
        }
    }

    async fn changes_state(&mut self) {
        let by = self.chance.below(self.agents.len());
        let state =
            *self.chance.pick(&["AVAILABLE", "AVAILABLE", "AVAILABLE", "AVAILABLE", "AVAILABLE", "IDLE", "OFFLINE"]);
        self.calls(self.client(&self.agents[by]), "setAgentState", json!({ "state": state })).await;
    }

    async fn answers_offer(&mut self) {
        let Some((by, offer)) = self.on_desk("offers { id }", "offers").await else { return };
        let verb = *self.chance.pick(&["acceptOffer", "acceptOffer", "acceptOffer", "declineOffer"]);
        self.calls(self.client(&self.agents[by]), verb, json!({ "offerId": offer["id"] })).await;
    }

    /// Picks an object on the desk of a random agent who has one.
    async fn on_desk(&mut self, fields: &str, list: &str) -> Option<(usize, Value)> {
        let first = self.chance.below(self.agents.len());
        for next in 0..self.agents.len() {
            let by = (first + next) % self.agents.len();
            let desk = format!("{{ viewer {{ agentDesktop {{ {fields} }} }} }}");
            let desk = self.reads(&self.agents[by], &desk).await;
            if let Some(found) = self.one(&desk["viewer"]["agentDesktop"][list]) {
                return Some((by, found));
            }
        }
        None
    }

    async fn task(&mut self) -> Option<(usize, Value)> {
        let fields = "tasks { id status viewerRole conversation { id lastItem { sequence } customer { id } } }";
        self.on_desk(fields, "tasks").await
    }

    async fn agent_writes(&mut self) {
        let Some((by, task)) = self.task().await else { return };
        let client = self.client(&self.agents[by]).clone();
        let conversation = &task["conversation"];
        if self.chance.below(5) == 0 {
            let (key, body) = (format!("n{}", self.acts), format!("Note {}", self.acts));
            let input = json!({ "conversationId": conversation["id"], "clientMessageId": key, "body": body });
            self.calls(&client, "addNote", input).await;
        } else if self.chance.below(5) == 0 && task["status"] == "CONNECTED" {
            let name = format!("Customer {}", self.acts);
            let input = json!({ "customerId": conversation["customer"]["id"], "displayName": name });
            self.calls(&client, "updateCustomer", input).await;
        } else {
            self.writes_or_reads(self.acts % 3, client, conversation).await;
        }
    }

    async fn handles_task(&mut self) {
        let Some((by, task)) = self.task().await else { return };
        let client = self.client(&self.agents[by]).clone();
        let (other, queue) = (self.chance.below(self.agents.len()), self.chance.below(self.queues.len()));
        let id = &task["id"];
        let to_agent = self.agents[other].as_target();
        let (verb, input) = match self.chance.below(8) {
            0 => ("transferTask", json!({ "taskId": id, "to": self.queues[queue].as_target() })),
            1 => ("transferTask", json!({ "taskId": id, "to": to_agent })),
            2..=3 => ("requestConference", json!({ "taskId": id, "to": to_agent })),
            4 => ("cancelConference", json!({ "taskId": id })),
            5 => ("exitConference", json!({ "taskId": id })),
            6 => ("endConference", json!({ "taskId": id })),
            _ => ("endConversation", json!({ "conversationId": task["conversation"]["id"] })),
        };
        self.calls(&client, verb, input).await;
    }

    async fn wraps_up(&mut self) {
        for by in 0..self.agents.len() {
            let desk = "{ viewer { agentDesktop { tasks { id viewerRole } } } }";
            let desk = self.reads(&self.agents[by], desk).await;
            let tasks = desk["viewer"]["agentDesktop"]["tasks"].as_array().cloned().unwrap_or_default();
            let due: Vec<Value> = tasks.into_iter().filter(|task| task["viewerRole"] == "WRAP_UP").collect();
            let Some(task) = self.one(&Value::from(due)) else { continue };
            let input = json!({ "taskId": task["id"], "reasonIds": [self.reason], "note": format!("{}", self.acts) });
            self.calls(self.client(&self.agents[by]), "wrapUpTask", input).await;
        }
    }
}
