//! The maximum number of bytes that a mutation writes: the values of its fields, each as often as it is used. A
//! variable counts for each field that uses it, because each field stores it.

use async_graphql::{
    Value,
    parser::types::{ExecutableDocument, Field, Selection},
};

/// The bytes that each field of a mutation stores beside its values: rows, indexes, an event.
const ROW: u64 = 1_024;

/// Returns the bytes that the fields of a mutation may store. The document must be bound: its root has only fields,
/// and their variables are replaced by values.
#[must_use]
pub fn bytes(document: &ExecutableDocument) -> u64 {
    let roots = document.operations.iter().flat_map(|(_, operation)| &operation.node.selection_set.node.items);
    let each = roots.map(|selection| match &selection.node {
        Selection::Field(root) => field(&root.node),
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => 0,
    });
    each.sum()
}

fn field(field: &Field) -> u64 {
    let given =
        field.arguments.iter().map(|(_, value)| value.node.clone().into_const().map_or(0, |value| size(&value)));
    ROW + given.sum::<u64>()
}

fn size(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::String(text) => text.len() as u64,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.as_str().len() as u64 + size(value)).sum(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::{ROW, bytes};
    use crate::http::validation::bound;

    const SDL: &str =
        "type Query { x: Int } type Mutation { a(t: String, all: [String], input: In): Int } input In { t: String }";

    fn written(query: &str, variables: serde_json::Value) -> u64 {
        bytes(&bound(SDL, query, variables).expect("a valid document"))
    }

    #[test]
    fn a_value_counts_for_each_field_that_is_given_it() {
        let variables = serde_json::json!({ "t": "x".repeat(1_000) });
        assert_eq!(written("mutation($t: String!) { a(t: $t) }", variables.clone()), ROW + 1_000);
        assert_eq!(written("mutation($t: String!) { a(t: $t) b: a(t: $t) }", variables.clone()), 2 * (ROW + 1_000));
        let spread = "mutation($t: String!) { ...F } fragment F on Mutation { a(t: $t) ... { c: a(all: [$t, $t]) } }";
        assert_eq!(written(spread, variables), 2 * ROW + 3_000);
        assert_eq!(written("mutation($t: String = \"abc\") { a(t: $t) }", serde_json::json!({})), ROW + 3);
        assert_eq!(written("mutation { a(input: {t: \"abcd\"}) }", serde_json::json!({})), ROW + 5);
        assert_eq!(written("mutation { a }", serde_json::json!({ "unused": "x" })), ROW);
    }
}
