//! Tests of variables at every position of the schema that takes a value, found by introspection. A required value is
//! never missing when an operation runs, a value of another type is refused, and an omitted value takes its default.

use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    graphql::Client,
    probes::{self, is_required, named, text, written},
    socket::Socket,
};

/// The codes of requests that do not run.
const REFUSED: [&str; 2] = ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"];

/// A position in the arguments of a root field that takes a value.
struct Place<'a> {
    root: &'static str,
    field: &'a Value,
    /// The argument's name, followed by the names of the input fields.
    path: Vec<&'a str>,
    kind: &'a Value,
    has_default: bool,
}

struct Schema(probes::Schema);

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

impl Schema {
    fn places(&self) -> Vec<Place<'_>> {
        let mut places = Vec::new();
        for root in ["Query", "Mutation", "Subscription"] {
            for field in items(&self.0.of(&json!(root))["fields"]) {
                self.walk(root, field, &field["args"], &[], &mut places);
            }
        }
        places
    }

    fn walk<'a>(
        &'a self,
        root: &'static str,
        field: &'a Value,
        given: &'a Value,
        above: &[&'a str],
        places: &mut Vec<Place<'a>>,
    ) {
        for one in items(given) {
            let path = [above, &[text(&one["name"])]].concat();
            let below = self.0.of(&named(&one["type"])["name"]);
            if below["kind"] == "INPUT_OBJECT" {
                self.walk(root, field, &below["inputFields"], &path, places);
            }
            places.push(Place { root, field, path, kind: &one["type"], has_default: !one["defaultValue"].is_null() });
        }
    }

    /// Returns a document with `value` at the position, and with literals for all other required values.
    fn document(&self, place: &Place<'_>, declared: Option<&str>, value: Option<&str>) -> String {
        let mut arguments = Vec::new();
        for given in items(&place.field["args"]) {
            let name = text(&given["name"]);
            let path = (place.path[0] == name).then(|| &place.path[1..]);
            if path.is_some() || is_required(given) {
                arguments.extend(self.literal(&given["type"], path, value).map(|literal| format!("{name}: {literal}")));
            }
        }
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let leaf = ["SCALAR", "ENUM"].contains(&text(&named(&place.field["type"])["kind"]));
        let selection = if leaf { "" } else { "{ __typename }" };
        let declared = declared.map(|kind| format!("($v: {kind})")).unwrap_or_default();
        format!("{}{declared} {{ {}{arguments} {selection} }}", place.root.to_lowercase(), text(&place.field["name"]))
    }

    /// Returns a literal of a type. At the position itself it is the value, or None.
    fn literal(&self, kind: &Value, path: Option<&[&str]>, value: Option<&str>) -> Option<String> {
        if path.is_some_and(<[&str]>::is_empty) {
            return value.map(str::to_owned);
        }
        Some(match text(&kind["kind"]) {
            "NON_NULL" => self.literal(&kind["ofType"], path, value)?,
            "LIST" => format!("[{}]", self.literal(&kind["ofType"], path, value)?),
            "INPUT_OBJECT" => {
                let input = self.0.of(&kind["name"]);
                let one_of = input["isOneOf"] == true;
                let is_inside = path.is_some() && value.is_some();
                let mut fields = Vec::new();
                for (index, field) in items(&input["inputFields"]).iter().enumerate() {
                    let name = text(&field["name"]);
                    let path = path.and_then(|path| (path[0] == name).then(|| &path[1..]));
                    let needed = if one_of { index == 0 && !is_inside } else { is_required(field) };
                    if path.is_some() || needed {
                        let literal = self.literal(&field["type"], path, value);
                        fields.extend(literal.map(|literal| format!("{name}: {literal}")));
                    }
                }
                format!("{{ {} }}", fields.join(", "))
            }
            "ENUM" => text(&self.0.of(&kind["name"])["enumValues"][0]["name"]).to_owned(),
            _ => match text(&kind["name"]) {
                "Boolean" => "true".to_owned(),
                "Int" | "Float" => "1".to_owned(),
                "DateTime" => "\"2040-01-01T00:00:00Z\"".to_owned(),
                _ => "\"user_01m7xnapkeess9yf3kt8ay0ya3\"".to_owned(),
            },
        })
    }

    /// Returns values that a type does not accept.
    fn wrong(kind: &Value) -> Vec<Value> {
        match (text(&kind["kind"]), text(&kind["name"])) {
            ("NON_NULL", _) => Self::wrong(&kind["ofType"]),
            ("LIST", _) => Self::wrong(&kind["ofType"]).into_iter().map(|item| json!([item])).collect(),
            ("INPUT_OBJECT", _) => vec![json!("x"), json!({ "noSuchField": 1 })],
            ("ENUM", _) => vec![json!("NO_SUCH_VALUE"), json!(1)],
            (_, "Int") => vec![json!("1"), json!(1.5), json!(3_000_000_000_i64), json!(true)],
            (_, "Boolean") => vec![json!("true"), json!(1)],
            (_, "DateTime") => vec![json!("soon"), json!(1_900_000_000), json!("2030-02-30T00:00:00Z")],
            (_, "Float") => vec![json!("1")],
            _ => vec![json!({ "x": 1 }), json!(true)],
        }
    }

    fn is_one_of_field(&self, place: &Place<'_>) -> bool {
        let argument = items(&place.field["args"]).iter().find(|given| given["name"] == place.path[0]);
        let mut kind = argument.map_or(&Value::Null, |given| named(&given["type"]));
        for name in &place.path[1..] {
            let input = self.0.of(&kind["name"]);
            let field = items(&input["inputFields"]).iter().find(|field| field["name"] == *name);
            if field.is_some() && input["isOneOf"] == true {
                return true;
            }
            kind = field.map_or(&Value::Null, |field| named(&field["type"]));
        }
        false
    }
}

/// Returns the data and the errors of an answer, without their locations in the document.
async fn answer(client: &Client, place: &Place<'_>, document: &str, variables: Value) -> (bool, Value) {
    let body = if place.root == "Subscription" {
        let mut socket = Socket::open(&client.url, client.token.as_deref()).await;
        socket.subscribe("1", document, variables).await;
        let message = socket.hear().await.expected("an answer");
        if message["type"] == "error" { json!({ "errors": message["payload"] }) } else { message["payload"].clone() }
    } else {
        client.ask(document, variables).await.body
    };
    let messages: Vec<_> = items(&body["errors"]).iter().map(|error| error["message"].clone()).collect();
    let refused = body.get("data").is_none() && REFUSED.contains(&text(&body["errors"][0]["extensions"]["code"]));
    let started = place.root == "Subscription";
    (refused, if started { Value::Null } else { json!([body["data"], messages]) })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_runs_with_a_missing_value_or_a_value_of_another_type() {
    let app = TestApp::new().await;
    let ann = app.admin("ann").await;
    let schema = Schema(probes::Schema::read(&ann.clients[0]).await);
    let places = schema.places();
    assert!(places.len() > 300, "{}", places.len());
    app.statements();
    for place in &places {
        let kind = written(place.kind);
        let required = format!("{}!", kind.trim_end_matches('!'));
        let document = schema.document(place, Some(&required), Some("$v"));
        let mut tries = vec![(document.clone(), json!({})), (document.clone(), json!({ "v": null }))];
        tries.extend(Schema::wrong(place.kind).into_iter().map(|wrong| (document.clone(), json!({ "v": wrong }))));
        if kind.ends_with('!') && !place.has_default {
            let nullable = schema.document(place, Some(kind.trim_end_matches('!')), Some("$v"));
            tries.push((nullable, json!({})));
        }
        for (document, variables) in tries {
            let (refused, told) = answer(&ann.clients[0], place, &document, variables.clone()).await;
            assert!(refused, "{document} {variables}: {told}");
        }
    }
    // A refused request runs no statement.
    assert_eq!(app.statements().iter().map(|statement| statement.sql.clone()).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_omitted_variable_counts_as_omitted_and_takes_the_default() {
    let app = TestApp::new().await;
    let ann = app.admin("ann").await;
    let schema = Schema(probes::Schema::read(&ann.clients[0]).await);
    let mut defaults = 0;
    for (number, place) in schema.places().iter().enumerate() {
        let kind = written(place.kind);
        if (kind.ends_with('!') && !place.has_default) || schema.is_one_of_field(place) {
            continue;
        }
        defaults += usize::from(place.has_default);
        // A mutation may end its caller's rights, so each one has its own callers.
        let mut callers = vec![ann.clients[0].clone(), ann.clients[0].clone()];
        if place.root == "Mutation" {
            callers.clear();
            for copy in ["a", "b"] {
                callers.push(app.admin(&format!("{copy}{number}")).await.clients[0].clone());
            }
        }
        let with = schema.document(place, Some(kind.trim_end_matches('!')), Some("$v"));
        let without = schema.document(place, None, None);
        let (refused, told) = answer(&callers[0], place, &with, json!({})).await;
        assert!(!refused, "{with}: {told}");
        if place.root != "Mutation" {
            assert_eq!(answer(&callers[1], place, &without, json!({})).await, (false, told), "{with}");
        }
    }
    assert!(defaults > 10, "{defaults}");
}
