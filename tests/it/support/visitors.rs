//! Customers and the doors they come through: queues, entry points, visitors of web sites.

use entity::{
    channel::Channel,
    entry_point::{self, Form, FormField, FormFieldKind, Origins},
    id::{EntryPointId, QueueId},
    queue::{self, BusinessHours, SkillSteps, UnacceptedTransfer},
};
use sea_orm::{EntityTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};

use super::{
    Expected as _,
    app::TestApp,
    graphql::{Answer, Client},
};

pub const START: &str = "mutation($input: StartWebChatInput!) { startWebChat(input: $input) \
    { conversationId visitorToken expiresAt outcome replayed userErrors { code field } } }";

/// What an entry point is like.
#[derive(Clone, Debug, Default)]
pub struct Door {
    pub fields: Vec<FormField>,
    pub origins: Vec<&'static str>,
    pub secret: Option<&'static str>,
    pub hours: Option<BusinessHours>,
}

impl TestApp {
    /// An entry point of a channel with a queue of its own.
    pub async fn entry_point(&self, channel: Channel, name: &str, door: Door) -> entry_point::Model {
        let (door, name) = (&door, name.to_owned());
        let made = self.app().transaction(|tx| {
            let name = name.clone();
            Box::pin(async move {
                let now = tx.clock().now();
                let queue = queue::Model {
                    id: QueueId(tx.clock().uuid()),
                    name: name.clone(),
                    channel,
                    offer_seconds: None,
                    on_unaccepted_transfer: UnacceptedTransfer::Drop,
                    auto_wrap_up_seconds: None,
                    inactivity_seconds: None,
                    service_level_seconds: None,
                    skills: SkillSteps::default(),
                    hours: door.hours.clone(),
                    created_at: now,
                    archived_at: None,
                };
                let row = entry_point::Model {
                    id: EntryPointId(tx.clock().uuid()),
                    name: name.clone(),
                    channel,
                    address: name,
                    queue_id: queue.id,
                    priority: 10,
                    form: Form(door.fields.clone()),
                    origins: Origins(door.origins.iter().map(|origin| (*origin).to_owned()).collect()),
                    identity_secret: door.secret.map(str::to_owned),
                    created_at: now,
                    archived_at: None,
                };
                queue::Entity::insert(queue.into_active_model()).exec_without_returning(tx.db()).await?;
                entry_point::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
                Ok(row)
            })
        });
        made.await.expected("an entry point")
    }

    /// A web site's entry point without a form.
    pub async fn web_site(&self, name: &str) -> entry_point::Model {
        self.entry_point(Channel::Webchat, name, Door::default()).await
    }
}

/// A field of a form.
pub fn field(name: &str, kind: FormFieldKind, required: bool) -> FormField {
    FormField { name: name.to_owned(), label: format!("Your {name}"), kind, required, options: vec![] }
}

/// Begins a chat as whoever the client is.
pub async fn start(client: &Client, at: &entry_point::Model, more: Value) -> Answer {
    let mut input = json!({ "entryPointId": at.id.to_string() });
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    client.ask(START, json!({ "input": input })).await
}

/// A first message.
pub fn message(id: &str, body: &str) -> Value {
    json!({ "message": { "clientMessageId": id, "body": body } })
}

/// A visitor who has begun a chat, and the conversation's id.
pub async fn visitor(app: &TestApp, at: &entry_point::Model) -> (Client, String) {
    let answer = start(&app.anonymous(), at, message("1", "Hello")).await;
    let token = answer.text("startWebChat.visitorToken").to_owned();
    let client = Client::new(&app.instances[0].url, Some(token));
    (client, answer.text("startWebChat.conversationId").to_owned())
}

/// The code of the first refusal, or nothing.
pub fn refusal(answer: &Answer) -> &str {
    answer.at("startWebChat.userErrors")[0]["code"].as_str().unwrap_or_default()
}
