//! The root fields of the schema, and the smallest operation for each.

use serde_json::{Value, json};

use super::{Expected as _, graphql::Client, socket::Socket};

pub const INTROSPECTION: &str = include_str!("../operations/support/introspection/introspection.graphql");

/// The root fields that an anonymous caller may use.
pub const OPEN: [&str; 11] = [
    "Query.serverTime",
    "Mutation.signUp",
    "Mutation.signIn",
    "Mutation.signOut",
    "Mutation.refreshSession",
    "Mutation.requestPasswordReset",
    "Mutation.resetPassword",
    "Mutation.confirmEmail",
    "Mutation.startWebChat",
    "Mutation.revokeVisitorToken",
    "Query.webChat",
];

/// Returns the smallest operation that uses a root field.
pub fn operation(types: &[Value], root: &str, field: &Value) -> String {
    let arguments: Vec<String> = required(&field["args"])
        .map(|argument| format!("{}: {}", text(&argument["name"]), literal(types, &argument["type"])))
        .collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    let selection = if named(&field["type"])["kind"] == "SCALAR" { "" } else { "{ __typename }" };
    format!("{} {{ {}{arguments} {selection} }}", root.to_lowercase(), text(&field["name"]))
}

/// Returns the code with which an operation is refused, over the transport of its kind.
pub async fn refusal(client: &Client, root: &str, operation: &str) -> String {
    if root != "Subscription" {
        return client.ask(operation, Value::Null).await.code().to_owned();
    }
    let mut socket = Socket::open(&client.url, client.token.as_deref()).await;
    socket.subscribe("1", operation, json!({})).await;
    let message = socket.hear().await.expected("an answer");
    let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
    text(&errors[0]["extensions"]["code"]).to_owned()
}

pub fn required(arguments: &Value) -> impl Iterator<Item = &Value> {
    let arguments = arguments.as_array().map(Vec::as_slice).unwrap_or_default();
    arguments.iter().filter(|argument| argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null())
}

pub fn named(kind: &Value) -> &Value {
    if kind["ofType"].is_null() { kind } else { named(&kind["ofType"]) }
}

pub fn literal(types: &[Value], kind: &Value) -> String {
    match text(&kind["kind"]) {
        "NON_NULL" => literal(types, &kind["ofType"]),
        "LIST" => "[]".to_owned(),
        "INPUT_OBJECT" => {
            let input = types.iter().find(|found| found["name"] == kind["name"]).expected("the input");
            if input["isOneOf"] == true {
                let first = &input["inputFields"][0];
                return format!("{{ {}: {} }}", text(&first["name"]), literal(types, &first["type"]));
            }
            let fields = required(&input["inputFields"])
                .map(|field| format!("{}: {}", text(&field["name"]), literal(types, &field["type"])));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        "ENUM" => {
            let found = types.iter().find(|found| found["name"] == kind["name"]).expected("the enum");
            text(&found["enumValues"][0]["name"]).to_owned()
        }
        _ if kind["name"] == "Boolean" => "true".to_owned(),
        _ if kind["name"] == "Int" => "1".to_owned(),
        _ => "\"user_01m7xnapkeess9yf3kt8ay0ya3\"".to_owned(),
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
