//! Visitors of web sites and entry points for them.

use api::{
    auth::viewer::{Caller, VisitorViewer},
    contact_center::admin_change::AdminActor,
    entry_points::{
        entry_point_admin, entry_point_changes::CreateEntryPointInput, form_validation::EntryPointFieldInput,
    },
    queues::queue_admin,
    tasks::closing,
};
use entity::{
    channel::Channel,
    conversation,
    entry_point::{self, FormField, FormFieldKind},
    id::{ConversationId, VisitorTokenId},
    queue::BusinessHours,
};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use super::{
    Expected as _,
    app::TestApp,
    desk::{NewQueue, QueueSetup, address},
    graphql::{Answer, Client},
    person::Person,
};

pub const START: &str = include_str!("../operations/support/visitors/start.graphql");

/// The properties of an entry point.
#[derive(Clone, Debug, Default)]
pub struct EntryPointSetup {
    pub fields: Vec<FormField>,
    pub origins: Vec<&'static str>,
    pub secret: Option<&'static str>,
    pub hours: Option<BusinessHours>,
}

impl TestApp {
    /// Creates an entry point of a channel with its own queue.
    pub async fn entry_point(&self, channel: Channel, name: &str, entry_setup: EntryPointSetup) -> entry_point::Model {
        let queue = NewQueue { hours: entry_setup.hours, ..NewQueue::of(channel, name) }.input();
        let queue = queue_admin::create(self.app(), AdminActor::System, &queue).await.expected("a queue").row;
        let field = |field: FormField| {
            let FormField { name, label, kind, required, options } = field;
            EntryPointFieldInput { name, label, kind, required, options }
        };
        let input = CreateEntryPointInput {
            fields: entry_setup.fields.into_iter().map(field).collect(),
            origins: entry_setup.origins.iter().map(|origin| (*origin).to_owned()).collect(),
            identity_secret: entry_setup.secret.map(str::to_owned),
            ..CreateEntryPointInput::new(name, channel, &address(channel, name), queue.id)
        };
        let made = entry_point_admin::create(self.app(), AdminActor::System, &input).await;
        made.expected("an entry point").row
    }

    /// Creates an entry point for a web site without a form.
    pub async fn web_site(&self, name: &str) -> entry_point::Model {
        self.entry_point(Channel::Webchat, name, EntryPointSetup::default()).await
    }
}

/// Returns a form field.
pub fn field(name: &str, kind: FormFieldKind, required: bool) -> FormField {
    FormField { name: name.to_owned(), label: format!("Your {name}"), kind, required, options: vec![] }
}

/// Starts a chat with a client.
pub async fn start(client: &Client, at: &entry_point::Model, more: Value) -> Answer {
    let mut input = json!({ "entryPointId": at.id.to_string() });
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    client.ask(START, json!({ "input": input })).await
}

/// Returns the input of a first message.
pub fn message(id: &str, body: &str) -> Value {
    json!({ "message": { "clientMessageId": id, "body": body } })
}

/// Starts a chat as a new visitor. Returns the visitor's client and the conversation's id.
pub async fn visitor(app: &TestApp, at: &entry_point::Model) -> (Client, String) {
    let answer = start(&app.anonymous(), at, message("1", "Hello")).await;
    let token = answer.text("startWebChat.visitorToken").to_owned();
    let client = Client::new(&app.instances[0].url, Some(token));
    (client, answer.text("startWebChat.conversation.id").to_owned())
}

/// Returns the code of the first refusal, or an empty string.
pub fn refusal(answer: &Answer) -> &str {
    answer.at("startWebChat.userErrors")[0]["code"].as_str().unwrap_or_default()
}

/// A page of a web site, whose browser sends its origin.
pub struct Page<'a> {
    pub client: &'a Client,
    pub origin: &'a str,
}

impl Page<'_> {
    pub async fn ask(&self, query: &str, variables: Value) -> Answer {
        let request = reqwest::Client::new()
            .post(format!("{}/graphql", self.client.url))
            .header("origin", self.origin)
            .json(&json!({ "query": query, "variables": variables }));
        let request = match &self.client.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.expected("an answer");
        Answer { status: response.status().as_u16(), body: response.json().await.expected("JSON") }
    }
}

/// Returns a site's signed identity of a visitor, valid until a time in seconds.
pub fn identity(secret: &str, external_id: &str, expires: i64) -> Value {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, format!("{external_id}.{expires}").as_bytes());
    let signature: String = tag
        .as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect();
    json!({ "externalId": external_id, "expires": expires, "signature": signature })
}

/// Ends a conversation as its customer.
pub async fn leave(app: &TestApp, conversation_id: &str) {
    let id = ConversationId::parse(conversation_id).expected("an id");
    let row = conversation::Entity::find_by_id(id).one(app.app().db.read()).await.expected("a look");
    let row = row.expected("a conversation");
    let visitor = Caller::Visitor(VisitorViewer {
        token: VisitorTokenId(app.clock.uuid()),
        customer: row.customer_id.expected("a customer"),
        entry_point: row.entry_point_id.expected("an entry point"),
        expires_at: app.clock.now() + chrono::Duration::hours(1),
    });
    closing::end(app.app(), &visitor, conversation_id, false).await.expected("an end");
}

/// Returns a client for the visitor who started a chat.
pub fn by(app: &TestApp, answer: &Answer) -> Client {
    let token = answer.text("startWebChat.visitorToken").to_owned();
    Client::new(&app.instances[0].url, Some(token))
}

/// Returns the id of a started chat.
pub fn chat(answer: &Answer) -> &str {
    answer.text("startWebChat.conversation.id")
}

/// Returns true when the server accepts the client's token.
pub async fn is_taken(client: &Client) -> bool {
    let answer = client.ask("{ __typename }", Value::Null).await;
    assert!(answer.status == 200 || answer.code() == "UNAUTHENTICATED", "{}", answer.body);
    answer.status == 200
}

/// Two instances with a customer's chat that Sue of the queue Support has accepted. Ann serves the queue Sales.
pub struct AcceptedChat {
    pub app: TestApp,
    pub sue: Person,
    pub ann: Person,
    pub support: QueueSetup,
    pub sales: QueueSetup,
    pub visitor: Client,
    pub conversation: String,
    pub task: String,
}

/// Creates an accepted chat.
pub async fn accepted_chat() -> AcceptedChat {
    let app = Box::pin(TestApp::two()).await;
    let [sue, ann] = app.agents(["sue", "ann"]).await;
    let support = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Support"), &[&sue]).await;
    let sales = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Sales"), &[&ann]).await;
    for agent in [&sue, &ann] {
        assert_eq!(agent.turns("AVAILABLE").await, "");
    }
    let (visitor, conversation) = visitor(&app, &support.entry_point).await;
    app.settle().await;
    let task = sue.accepts_it().await;
    AcceptedChat { app, sue, ann, support, sales, visitor, conversation, task }
}
