//! Operations found by introspection: for each argument that takes an id, an operation that contains an id.

use serde_json::{Map, Value, json};

use super::{Expected as _, graphql::Client, socket::Socket};
use crate::support::introspection::INTROSPECTION;

/// The schema from introspection.
pub struct Schema(Vec<Value>);

/// A position of a root field that takes an id: the argument, and the input fields below it.
#[derive(Clone, Debug)]
pub struct Place {
    pub root: &'static str,
    pub field: Value,
    pub path: Vec<String>,
}

impl Place {
    /// Returns a name such as `Mutation.sendMessage.input.conversationId`.
    pub fn name(&self) -> String {
        format!("{}.{}.{}", self.root, text(&self.field["name"]), self.path.join("."))
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the type without its lists and non-nulls.
pub fn named(kind: &Value) -> &Value {
    if kind["ofType"].is_null() { kind } else { named(&kind["ofType"]) }
}

pub fn written(kind: &Value) -> String {
    match text(&kind["kind"]) {
        "NON_NULL" => format!("{}!", written(&kind["ofType"])),
        "LIST" => format!("[{}]", written(&kind["ofType"])),
        _ => text(&kind["name"]).to_owned(),
    }
}

pub fn is_required(given: &Value) -> bool {
    given["type"]["kind"] == "NON_NULL" && given["defaultValue"].is_null()
}

impl Schema {
    pub async fn read(client: &Client) -> Self {
        let answer = client.ask(INTROSPECTION, Value::Null).await;
        Self(answer.at("__schema.types").as_array().cloned().expected("types"))
    }

    pub fn of(&self, name: &Value) -> &Value {
        self.0.iter().find(|kind| kind["name"] == *name).expected("a type of the schema")
    }

    /// Returns every position that takes an id.
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for root in ["Query", "Mutation", "Subscription"] {
            for field in self.of(&json!(root))["fields"].as_array().into_iter().flatten() {
                let mut paths = Vec::new();
                self.walk(&field["args"], &mut Vec::new(), &mut paths);
                places.extend(paths.into_iter().map(|path| Place { root, field: field.clone(), path }));
            }
        }
        places
    }

    fn walk(&self, given: &Value, above: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        for one in given.as_array().into_iter().flatten() {
            above.push(text(&one["name"]).to_owned());
            let kind = named(&one["type"]);
            if kind["name"] == "ID" {
                found.push(above.clone());
            } else if kind["kind"] == "INPUT_OBJECT" {
                self.walk(&self.of(&kind["name"])["inputFields"], above, found);
            }
            above.pop();
        }
    }

    /// Returns an operation with an id at the position, and its variables. Other required ids are the caller's own. An
    /// optional text is given only if `own` has a value for it.
    pub fn operation(&self, place: &Place, id: &str, own: &Value) -> (String, Value) {
        let (mut declared, mut passed, mut variables) = (Vec::new(), Vec::new(), Map::new());
        for given in place.field["args"].as_array().into_iter().flatten() {
            let name = text(&given["name"]);
            let path = (place.path[0] == name).then(|| &place.path[1..]);
            if path.is_none() && !is_required(given) {
                continue;
            }
            declared.push(format!("${name}: {}", written(&given["type"])));
            passed.push(format!("{name}: ${name}"));
            variables.insert(name.to_owned(), self.value(name, &given["type"], path, id, own));
        }
        let (field, selection) = (text(&place.field["name"]), self.selection(&place.field["type"], 2));
        let query = format!(
            "{}({}) {{ {field}({}) {selection} }}",
            place.root.to_lowercase(),
            declared.join(", "),
            passed.join(", ")
        );
        (query, Value::Object(variables))
    }

    fn value(&self, name: &str, kind: &Value, path: Option<&[String]>, id: &str, own: &Value) -> Value {
        let below = |kind| self.value(name, kind, path, id, own);
        match (text(&kind["kind"]), text(&kind["name"])) {
            ("NON_NULL", _) => below(&kind["ofType"]),
            ("LIST", _) => json!([below(&kind["ofType"])]),
            ("INPUT_OBJECT", _) => {
                let mut object = Map::new();
                let input = self.of(&kind["name"]);
                // In a oneOf input the first field is used, unless another field is tested.
                if let (true, None, Some(first)) = (input["isOneOf"] == true, path, input["inputFields"].get(0)) {
                    let inner = text(&first["name"]);
                    object.insert(inner.to_owned(), self.value(inner, &first["type"], None, id, own));
                    return Value::Object(object);
                }
                for field in input["inputFields"].as_array().into_iter().flatten() {
                    let inner = text(&field["name"]);
                    let path = path.and_then(|path| (path[0] == inner).then(|| &path[1..]));
                    let prepared = own[inner].is_string() && named(&field["type"])["name"] == "String";
                    if path.is_some() || is_required(field) || prepared {
                        object.insert(inner.to_owned(), self.value(inner, &field["type"], path, id, own));
                    }
                }
                Value::Object(object)
            }
            ("ENUM", _) => self.of(&kind["name"])["enumValues"][0]["name"].clone(),
            (_, "ID") if path.is_some() => json!(id),
            (_, "ID") => own[name].clone(),
            (_, "Boolean") => json!(true),
            (_, "Int") => json!(1),
            (_, "DateTime") => json!("2040-01-01T00:00:00Z"),
            (_, "String") if own[name].is_string() => own[name].clone(),
            _ => json!("x1"),
        }
    }

    /// Returns a selection of all fields without required arguments, to a depth.
    fn selection(&self, kind: &Value, depth: usize) -> String {
        let kind = named(kind);
        if ["SCALAR", "ENUM"].contains(&text(&kind["kind"])) {
            return String::new();
        }
        let mut parts = vec!["__typename".to_owned()];
        for field in self.of(&kind["name"])["fields"].as_array().into_iter().flatten() {
            let plain = ["SCALAR", "ENUM"].contains(&text(&named(&field["type"])["kind"]));
            let asks = field["args"].as_array().is_some_and(|given| given.iter().any(is_required));
            if !asks && (plain || depth > 1) {
                parts.push(format!("{} {}", text(&field["name"]), self.selection(&field["type"], depth - 1)));
            }
        }
        format!("{{ {} }}", parts.join(" "))
    }
}

/// Returns the complete answer over the transport of the operation, without its time and cost.
pub async fn told(client: &Client, place: &Place, query: &str, variables: &Value) -> String {
    if place.root != "Subscription" {
        let answer = client.ask(query, variables.clone()).await;
        return format!("{} {} {}", answer.status, answer.body["data"], answer.body["errors"]);
    }
    let mut socket = Socket::open(&client.url, client.token.as_deref()).await;
    socket.subscribe("1", query, variables.clone()).await;
    let message = socket.hear().await.expected("an answer");
    format!("{} {} {}", message["type"], message["payload"]["data"], message["payload"]["errors"])
}
