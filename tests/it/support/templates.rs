//! Templates: made by administrators, and what a call refuses.

use serde_json::{Value, json};

use super::{graphql::Answer, person::Person};

pub const CREATE: &str = include_str!("../operations/templates/create.graphql");
pub const UPDATE: &str = include_str!("../operations/templates/update.graphql");

/// Returns the code and the field of the first refusal, or two empty texts.
pub fn refused(answer: &Answer, call: &str) -> (String, String) {
    let first = &answer.at(call)["userErrors"][0];
    let field: Vec<&str> = first["field"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    (first["code"].as_str().unwrap_or_default().to_owned(), field.join("."))
}

/// Creates a template. Returns its id.
pub async fn create(by: &Person, template: Value) -> String {
    let answer = by.ask(CREATE, json!({ "input": template })).await;
    assert_eq!(refused(&answer, "createTemplate"), (String::new(), String::new()), "{template}");
    answer.text("createTemplate.template.id").to_owned()
}

/// Returns a locked template with parameters of several kinds.
pub fn order() -> Value {
    json!({
        "name": "Order", "shortcut": "ord", "category": "Shop", "locked": true,
        "body": "Dear {{customer.name|customer}}, order {{number}} ({{colour}}) of {{bought}} left us.\n{{agent.name}}, {{queue.name}}",
        "parameters": [
            { "name": "number", "label": "Number of the order", "kind": "NUMBER" },
            { "name": "colour", "label": "Colour", "kind": "CHOICE", "options": ["red", "blue"], "required": false },
            { "name": "bought", "label": "Day of the order", "kind": "DATE", "example": "2026-12-24" },
        ],
    })
}
