//! Tests of reduced rights: every subscription that depends on a lost right ends within two seconds on every instance.
//! A table lists each subscription of the schema with its rights.

use std::{collections::BTreeSet, time::Duration};

use api::auth::viewer::Scopes;
use entity::{channel::Channel, user::Role};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::key,
    app::TestApp,
    desk::QueueSetup,
    graphql::Client,
    person::Person,
    socket::Socket,
    visitors::{self, AcceptedChat},
};

/// The maximum time until a subscription ends.
const WITHIN: Duration = Duration::from_secs(2);

/// A right that a person can lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    /// An active account. It is suspended.
    Account,
    /// An active session. It is signed out.
    Session,
    /// A scope of a personal key.
    KeyScope,
    /// A scope of an organization key.
    ServiceScope,
    /// The role of a supervisor.
    Supervisor,
    /// The role of an agent.
    Agent,
    /// The assignment to a queue.
    Queue,
    /// The participation in a conversation.
    Part,
    /// An offer of a task from a queue that the agent does not serve.
    Offer,
    /// A visit of a web site.
    Visit,
}

use Right::{Account, Agent, KeyScope, Offer, Part, Queue, ServiceScope, Session, Supervisor, Visit};

/// Every subscription, with the rights whose loss must end it.
const MATRIX: [(&str, &[Right]); 14] = [
    ("activityFeed", &[Account, Session, KeyScope]),
    ("agentStates", &[Account, Session, KeyScope, ServiceScope, Supervisor]),
    ("contacts", &[Account, Session, KeyScope]),
    ("conversationEvents", &[Account, Session, KeyScope, ServiceScope, Supervisor, Agent, Queue, Part, Offer, Visit]),
    ("agentDesktop", &[Account, Session, KeyScope, Agent]),
    ("incomingRequests", &[Account, Session, KeyScope]),
    ("notifications", &[Account, Session, KeyScope]),
    ("queueEvents", &[Account, Session, KeyScope, ServiceScope, Supervisor]),
    ("events", &[Account, Session, KeyScope, ServiceScope]),
    ("inbox", &[Account, Session, KeyScope, ServiceScope]),
    ("supervisorDesktop", &[Account, Session, KeyScope, ServiceScope, Supervisor]),
    ("viewerEvents", &[Account, Session, KeyScope]),
    ("userEvents", &[Account, Session]),
    // Only the owner of a task follows its targets.
    ("targetEvents", &[Agent, Part]),
];

const READING: [&str; 7] = [
    "PROFILE_READ",
    "CONTACTS_READ",
    "NOTIFICATIONS_READ",
    "ACTIVITY_READ",
    "CONVERSATIONS_READ",
    "AGENTS_READ",
    "EVENTS_READ",
];
/// Those of them that an organization key can have.
const OF_KEYS: [&str; 5] = ["PROFILE_READ", "CONTACTS_READ", "CONVERSATIONS_READ", "AGENTS_READ", "EVENTS_READ"];

/// An organization with an agent in a conversation with a customer.
struct Scene {
    app: TestApp,
    ada: Person,
    sue: Person,
    ann: Person,
    support: QueueSetup,
    sales: QueueSetup,
    visitor: Client,
    conversation: String,
    task: String,
}

impl Scene {
    async fn new() -> Self {
        let AcceptedChat { app, sue, ann, support, sales, visitor, conversation, task } =
            visitors::accepted_chat().await;
        let ada = app.admin("ada").await;
        Self { app, ada, sue, ann, support, sales, visitor, conversation, task }
    }

    async fn does(&self, by: &Client, verb: &str, input: Value) {
        let kind = format!("{}{}Input", verb[..1].to_uppercase(), &verb[1..]);
        let query = format!("mutation($input: {kind}!) {{ {verb}(input: $input) {{ userErrors {{ code }} }} }}");
        let answer = by.ask(&query, json!({ "input": input })).await;
        assert_eq!(answer.at(verb)["userErrors"], json!([]), "{verb}");
    }

    async fn becomes(&self, who: &str, role: &str) {
        self.does(&self.ada.clients[0], "setUserRole", json!({ "userId": who, "role": role })).await;
    }

    /// Returns a token that depends on a right, and the way to lose the right.
    async fn token(&self, right: Right) -> (String, Losing) {
        let scopes = json!(READING);
        match right {
            Account | Supervisor | KeyScope => {
                let tom = self.app.supervisor("tom").await;
                let (secret, id) = key(&tom.clients[0], json!({ "name": "desk", "scopes": scopes })).await;
                let losing = match right {
                    Account => Losing::Account(tom.id()),
                    Supervisor => Losing::Role(tom.id(), "AGENT"),
                    _ => Losing::Scope(tom.clients[0].clone(), id),
                };
                (secret, losing)
            }
            Session => {
                let (client, _) = crate::support::accounts::sign_up(&self.app, "tom").await;
                let id = client.ask("{ viewer { user { id } } }", Value::Null).await.text("viewer.user.id").to_owned();
                self.becomes(&id, "SUPERVISOR").await;
                (client.token.clone().expected("a token"), Losing::Session(client))
            }
            ServiceScope => {
                let input = json!({ "name": "board", "scopes": OF_KEYS, "kind": "ORGANIZATION" });
                let (secret, id) = key(&self.ada.clients[0], input).await;
                (secret, Losing::Scope(self.ada.clients[0].clone(), id))
            }
            Agent => {
                let (secret, _) = key(&self.sue.clients[0], json!({ "name": "desk", "scopes": scopes })).await;
                (secret, Losing::Role(self.sue.id(), "MEMBER"))
            }
            Queue => {
                let ben = self.app.agent("ben").await;
                let agents = json!({ "queueId": self.support.queue.id.to_string(), "agentIds": [agent(&self.sue), agent(&ben)] });
                self.does(&self.ada.clients[0], "updateQueue", agents).await;
                (ben.token.clone(), Losing::Queue)
            }
            Part => (self.sue.token.clone(), Losing::Part),
            Offer => {
                assert_eq!(self.sue.transfers(&self.task, self.ann.as_target()).await, "");
                let offer = self.ann.offers().await.pop().expected("an offer");
                (self.ann.token.clone(), Losing::Offer(offer))
            }
            Visit => (self.visitor.token.clone().expected("a token"), Losing::Visit),
        }
    }

    async fn lose(&self, losing: Losing) {
        let ada = &self.ada.clients[0];
        match losing {
            Losing::Account(id) => self.does(ada, "suspendUser", json!({ "userId": id })).await,
            Losing::Role(id, role) => self.becomes(&id, role).await,
            Losing::Scope(owner, id) => {
                self.does(&owner, "updateApiKey", json!({ "apiKeyId": id, "scopes": ["PROFILE_READ"] })).await;
            }
            Losing::Session(client) => {
                client.ask("mutation { signOut { outcome } }", Value::Null).await.at("signOut");
            }
            Losing::Queue => {
                let agents = json!({ "queueId": self.support.queue.id.to_string(), "agentIds": [agent(&self.sue)] });
                self.does(ada, "updateQueue", agents).await;
            }
            Losing::Part => assert_eq!(self.sue.transfers(&self.task, self.sales.as_target()).await, ""),
            Losing::Offer(offer) => assert_eq!(self.ann.declines(&offer).await, ""),
            Losing::Visit => {
                self.visitor
                    .ask("mutation { revokeVisitorToken { outcome } }", Value::Null)
                    .await
                    .at("revokeVisitorToken");
            }
        }
    }

    fn query(&self, field: &str) -> String {
        let arguments = match field {
            "conversationEvents" => format!("(conversationId: \"{}\")", self.conversation),
            "queueEvents" => format!("(queueId: \"{}\")", self.support.queue.id),
            "userEvents" => format!("(userId: \"{}\")", self.ann.id()),
            "targetEvents" => format!("(taskId: \"{}\")", self.task),
            _ => String::new(),
        };
        format!("subscription {{ event: {field}{arguments} {{ __typename }} }}")
    }
}

/// The way in which a right is lost.
enum Losing {
    Account(String),
    Role(String, &'static str),
    Scope(Client, String),
    Session(Client),
    Queue,
    Part,
    Offer(String),
    Visit,
}

fn agent(person: &Person) -> String {
    entity::id::AgentId(person.id.0).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_subscription_is_in_the_table_of_rights() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let all = ada.ask("{ __schema { subscriptionType { fields { name } } } }", Value::Null).await;
    let all = all.at("__schema.subscriptionType.fields").as_array().cloned().unwrap_or_default();
    let all: BTreeSet<_> = all.iter().filter_map(|field| field["name"].as_str().map(str::to_owned)).collect();
    let known: BTreeSet<_> = MATRIX.iter().map(|(field, _)| (*field).to_owned()).collect();
    assert_eq!(all, known, "say by which rights each subscription lives");
}

/// Checks that every subscription that depends on a right ends on every instance.
async fn ends(right: Right) {
    let scene = Box::pin(Scene::new()).await;
    let (token, losing) = scene.token(right).await;
    let mut live = Vec::new();
    for (field, rights) in MATRIX {
        if !rights.contains(&right) {
            continue;
        }
        for instance in &scene.app.instances {
            let mut socket = Socket::open(&instance.url, Some(&token)).await;
            socket.subscribe("1", &scene.query(field), json!({})).await;
            let started = socket.event().await.expected(field);
            assert_eq!(started["__typename"], "SubscriptionStarted", "{field}");
            live.push((field, socket));
        }
    }
    assert!(!live.is_empty());
    scene.lose(losing).await;
    let since = tokio::time::Instant::now();
    for (field, mut socket) in live {
        let ended = tokio::time::timeout(WITHIN, async { while socket.event().await.is_some() {} }).await;
        ended.expected(&format!("{field} goes on without {right:?}"));
    }
    assert!(since.elapsed() <= WITHIN, "{right:?} took {:?}", since.elapsed());
    // The subscription cannot start again without the right.
    for (field, rights) in MATRIX {
        if !rights.contains(&right) || (field == "agentDesktop" && right == Agent) {
            continue;
        }
        let Some(mut socket) = try_open(&scene.app.instances[0].url, &token).await else { continue };
        socket.subscribe("1", &scene.query(field), json!({})).await;
        let said = socket.hear().await;
        assert!(
            said.as_ref().map_or(true, |said| !said.to_string().contains("SubscriptionStarted")),
            "{field}: {said:?}"
        );
    }
}

/// Opens a socket. Returns None when the token is refused.
async fn try_open(url: &str, token: &str) -> Option<Socket> {
    let mut socket = Socket::raw(url, Some("graphql-transport-ws"), None).await.ok()?;
    let payload = json!({ "authorization": format!("Bearer {token}") });
    socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
    socket.hear().await.ok().filter(|ack| ack["type"] == "connection_ack").map(|_| socket)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lower_role_ends_the_subscriptions_of_a_supervisor() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[]).await;
    let query = |field: &str| match field {
        "queueEvents" => {
            format!("subscription {{ event: queueEvents(queueId: \"{}\") {{ __typename }} }}", queue_setup.queue.id)
        }
        _ => format!("subscription {{ event: {field} {{ __typename }} }}"),
    };
    for (handle, from, to) in
        [("sue", Role::Supervisor, "MEMBER"), ("eve", Role::Admin, "AGENT"), ("tom", Role::Admin, "MEMBER")]
    {
        let person = app.person_of(handle, handle, from, Scopes::all()).await;
        let (secret, _) = key(&person.clients[0], json!({ "name": "desk", "scopes": READING })).await;
        let mut live = Vec::new();
        for field in ["agentStates", "queueEvents", "supervisorDesktop"] {
            for instance in &app.instances {
                let mut socket = Socket::open(&instance.url, Some(&secret)).await;
                socket.subscribe("1", &query(field), json!({})).await;
                assert_eq!(socket.event().await.expected(field)["__typename"], "SubscriptionStarted", "{handle}");
                live.push((field, socket));
            }
        }
        let role = "mutation($id: ID!, $r: Role!) { done: setUserRole(input: { userId: $id, role: $r }) { userErrors { code } } }";
        let done = ada.ask(role, json!({ "id": person.id(), "r": to })).await;
        assert_eq!(done.at("done.userErrors"), &json!([]), "{handle}");
        for (field, mut socket) in live {
            let ended = tokio::time::timeout(WITHIN, async { while socket.event().await.is_some() {} }).await;
            ended.expected(&format!("{field} goes on for {handle} as {to}"));
            let Some(mut again) = try_open(&app.instances[0].url, &secret).await else { continue };
            again.subscribe("1", &query(field), json!({})).await;
            let said = again.hear().await;
            assert!(said.as_ref().map_or(true, |said| !said.to_string().contains("SubscriptionStarted")), "{said:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_queue_does_not_end_the_events_of_an_agent() {
    let app = TestApp::two().await;
    let ann = app.agent("ann").await;
    let setup = app.queue_setup(Channel::Sms, &[]).await;
    let mut live = Vec::new();
    for instance in 0..app.instances.len() {
        let mut socket = ann.socket(instance).await;
        socket.subscribe("1", "subscription { event: events { __typename } }", json!({})).await;
        assert_eq!(socket.event().await.expected("a start")["__typename"], "SubscriptionStarted");
        live.push(socket);
    }
    app.assigns(setup.queue.id, &[ann.id]).await;
    let ben = app.person("ben").await;
    ben.asks(&ann).await;
    for mut socket in live {
        while socket.event().await.expected("the subscription goes on")["__typename"] != "ConnectionRequestReceived" {}
    }
}

macro_rules! rights {
    ($($name:ident $right:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            ends($right).await;
        }
    )*};
}

rights! {
    a_suspension_ends_all_subscriptions Account;
    a_sign_out_ends_all_subscriptions Session;
    reducing_the_scopes_of_a_personal_key_ends_its_subscriptions KeyScope;
    reducing_the_scopes_of_an_organization_key_ends_its_subscriptions ServiceScope;
    losing_the_role_of_a_supervisor_ends_subscriptions_about_others Supervisor;
    losing_the_role_of_an_agent_ends_subscriptions_about_customers Agent;
    leaving_a_queue_ends_subscriptions_of_its_conversations Queue;
    leaving_a_conversation_ends_its_subscription Part;
    declining_an_offer_ends_the_subscription_of_its_conversation Offer;
    the_end_of_a_visit_ends_its_subscriptions Visit;
}
