//! How much a mutation writes at most: the values that its fields are given, each as often as it is used. A variable that
//! several fields use counts for each of them, as each field stores it.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{ExecutableDocument, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet},
};

/// What each field of a mutation stores beside its values: rows, indexes, an event.
const ROW: u64 = 256;

/// The bytes that the fields of a mutation may store.
#[must_use]
pub fn bytes(document: &ExecutableDocument, operation: &OperationDefinition, variables: &Variables) -> u64 {
    let reading = Reading { fragments: &document.fragments, operation, variables };
    reading.selection(&operation.selection_set.node)
}

struct Reading<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
}

impl Reading<'_> {
    /// Fragments hold no cycles and select each root field once: the cost was measured before.
    fn selection(&self, set: &SelectionSet) -> u64 {
        let each = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.field(&field.node),
            Selection::InlineFragment(fragment) => self.selection(&fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.fragments.get(&spread.node.fragment_name.node);
                fragment.map_or(0, |fragment| self.selection(&fragment.node.selection_set.node))
            }
        });
        each.sum()
    }

    fn field(&self, field: &Field) -> u64 {
        let given = field.arguments.iter().map(|(_, value)| {
            let value = value.node.clone().into_const_with(|name| Ok::<_, ()>(self.variable(&name)));
            value.map_or(0, |value| size(&value))
        });
        ROW + given.sum::<u64>()
    }

    fn variable(&self, name: &Name) -> Value {
        if let Some(value) = self.variables.get(name) {
            return value.clone();
        }
        let defined = self.operation.variable_definitions.iter().find(|defined| defined.node.name.node == *name);
        let default = defined.and_then(|defined| defined.node.default_value.as_ref());
        default.map_or(Value::Null, |value| value.node.clone())
    }
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
    use async_graphql::{Variables, parser::parse_query};

    use super::{ROW, bytes};

    fn written(query: &str, variables: serde_json::Value) -> u64 {
        let document = parse_query(query).expect("a document");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        bytes(&document, &operation.node, &Variables::from_json(variables))
    }

    #[test]
    fn a_value_counts_for_each_field_that_is_given_it() {
        let text = "x".repeat(1_000);
        let variables = serde_json::json!({ "t": text });
        assert_eq!(written("mutation($t: String!) { a(text: $t) }", variables.clone()), ROW + 1_000);
        assert_eq!(written("mutation($t: String!) { a(t: $t) b: a(t: $t) }", variables.clone()), 2 * (ROW + 1_000));
        let spread = "mutation($t: String!) { ...F } fragment F on M { a(t: $t) ... { c: a(t: [$t, $t]) } }";
        assert_eq!(written(spread, variables), 2 * ROW + 3_000);
        assert_eq!(written("mutation($t: String = \"abc\") { a(t: $t) }", serde_json::json!({})), ROW + 3);
        assert_eq!(written("mutation { a(input: {t: \"abcd\"}) }", serde_json::json!({})), ROW + 5);
        assert_eq!(written("mutation { a }", serde_json::json!({ "unused": "x" })), ROW);
    }
}
