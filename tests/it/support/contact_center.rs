//! Calls of administrators that configure the contact center: queues, entry points, profiles, skills, reasons and
//! agents.

use serde_json::{Value, json};

use super::{
    Expected as _,
    app::TestApp,
    graphql::{Answer, Client},
    person::Person,
};

/// Returns the payload field that contains the changed object of a mutation.
fn thing(verb: &str) -> &'static str {
    match verb.trim_start_matches(|c: char| c.is_ascii_lowercase()) {
        "Queue" => "queue",
        "EntryPoint" => "entryPoint",
        "MultimediaProfile" => "profile",
        "Skill" => "skill",
        "Agent" => "agent",
        _ => "reason",
    }
}

/// Returns the name of a mutation's input type.
pub fn input_of(verb: &str) -> String {
    format!("{}{}Input", verb[..1].to_uppercase(), &verb[1..])
}

/// Calls a mutation of the configuration.
pub async fn arrange(client: &Client, verb: &str, input: Value) -> Answer {
    let kind = input_of(verb);
    let shown = match verb {
        "deleteSkill" => "deletedId".to_owned(),
        "rotateIdentitySecret" => "entryPoint { id } identitySecret".to_owned(),
        _ => format!("{} {{ id }} outcome", thing(verb)),
    };
    let query = format!(
        "mutation($input: {kind}!) {{ done: {verb}(input: $input) {{ {shown} userErrors {{ code field message }} }} }}"
    );
    client.ask(&query, json!({ "input": input })).await
}

/// Returns the refusal of a payload as `CODE path.of.the.field`, or an empty string.
pub fn refused(payload: &Value) -> String {
    let error = &payload["userErrors"][0];
    let path: Vec<&str> = error["field"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let code = error["code"].as_str().unwrap_or_default();
    format!("{code} {}", path.join(".").trim_start_matches("input.")).trim().to_owned()
}

impl Person {
    /// Changes the configuration on an instance. Returns the payload.
    pub async fn arranges_on(&self, instance: usize, verb: &str, input: Value) -> Value {
        arrange(&self.clients[instance % self.clients.len()], verb, input).await.at("done").clone()
    }

    /// Changes the configuration. Returns the refusal or the outcome.
    pub async fn arranges(&self, verb: &str, input: Value) -> String {
        let payload = self.arranges_on(0, verb, input).await;
        match refused(&payload) {
            none if none.is_empty() => payload["outcome"].as_str().unwrap_or("APPLIED").to_owned(),
            refused => refused,
        }
    }

    /// Creates or changes an object, and fails when it is refused. Returns its id.
    #[track_caller]
    pub fn makes<'a>(&'a self, verb: &'a str, input: Value) -> impl Future<Output = String> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let payload = self.arranges_on(0, verb, input).await;
            assert_eq!(refused(&payload), "", "{verb} at {place}: {payload}");
            payload[thing(verb)]["id"].as_str().expected("an id").to_owned()
        }
    }

    /// Reads an object by its id.
    pub async fn reads(&self, id: &str, kind: &str, fields: &str) -> Value {
        let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {fields} }} }} }}");
        self.ask(&query, json!({ "id": id })).await.at("node").clone()
    }

    /// Returns the object with a name from a list without pages.
    pub async fn finds(&self, list: &str, name: &str, fields: &str) -> Value {
        let query = format!("{{ {list}(includeArchived: true) {{ name {fields} }} }}");
        let answer = self.ask(&query, Value::Null).await;
        let found = answer.at(list).as_array().into_iter().flatten().find(|thing| thing["name"] == name).cloned();
        found.unwrap_or_default()
    }
}

impl TestApp {
    /// Creates a queue of web chats and its entry point as an administrator. Returns their ids.
    pub async fn web_queue(&self, ada: &Person, name: &str, more: Value) -> (String, String) {
        let mut input = json!({ "name": name, "channel": "WEBCHAT" });
        for (field, value) in more.as_object().into_iter().flatten() {
            input[field] = value.clone();
        }
        let queue = ada.makes("createQueue", input).await;
        let input = json!({ "name": name, "channel": "WEBCHAT", "address": name, "queueId": queue });
        let entry_point = ada.makes("createEntryPoint", input).await;
        (queue, entry_point)
    }

    /// Starts a visitor's chat at an entry point. Returns the visitor's client, the conversation and its task, or the
    /// refusal.
    pub async fn chats_at(&self, entry_point: &str) -> Result<(Client, String, String), String> {
        self.chats_on(0, entry_point).await
    }

    /// Starts a visitor's chat on the given instance.
    pub async fn chats_on(&self, instance: usize, entry_point: &str) -> Result<(Client, String, String), String> {
        let url = &self.instances[instance % self.instances.len()].url;
        let query = "mutation($id: ID!) { startWebChat(input: { entryPointId: $id, message: { clientMessageId: \"1\", body: \"Hello\" } }) \
                     { visitorToken conversation { id } userErrors { code field } } }";
        let answer = Client::new(url, None).ask(query, json!({ "id": entry_point })).await;
        let payload = answer.at("startWebChat");
        let Some(token) = payload["visitorToken"].as_str() else { return Err(refused(payload)) };
        let client = Client::new(url, Some(token.to_owned()));
        let conversation = payload["conversation"]["id"].as_str().expected("a chat").to_owned();
        let query = "query($id: ID!) { conversation(id: $id) { task { id } } }";
        let task = client.ask(query, json!({ "id": conversation })).await.text("conversation.task.id").to_owned();
        Ok((client, conversation, task))
    }
}
