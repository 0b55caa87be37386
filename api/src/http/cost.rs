//! What an operation would cost, found before it runs: every field counts one, and what stands below a list counts as
//! often as the page is long. Each fragment is measured once, however often it is spread, so that a short document cannot
//! hide a long one.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::OperationDefinition;
use async_graphql::{
    Name, Positioned, Value as ConstValue, Variables,
    parser::types::{
        ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet, ServiceDocument, TypeKind,
        TypeSystemDefinition,
    },
};

use crate::{
    config::Limits,
    page::{DEFAULT_PAGE, MAX_PAGE},
};

/// Brackets a document may be nested in before it is even parsed.
const MAX_NESTING: usize = 100;
/// Fragments a document may define.
const MAX_FRAGMENTS: usize = 100;

/// Which fields are lists with pages: those that take `first`.
#[derive(Clone, Debug, Default)]
pub struct Lists(HashSet<Name>);

impl Lists {
    /// Finds the lists of a schema.
    #[must_use]
    pub fn of(schema: &ServiceDocument) -> Self {
        let mut lists = HashSet::new();
        for definition in &schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = &definition.node.kind else { continue };
            for field in &object.fields {
                if field.node.arguments.iter().any(|argument| argument.node.name.node == "first") {
                    lists.insert(field.node.name.node.clone());
                }
            }
        }
        Self(lists)
    }
}

/// Why an operation is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooMuch(pub String);

/// Refuses text whose brackets are nested too deep for any parser that recurses.
pub fn check_text(query: &str) -> Result<(), TooMuch> {
    let (mut depth, mut in_string, mut in_comment, mut escaped) = (0_usize, false, false, false);
    for byte in query.bytes() {
        match byte {
            b'\n' | b'\r' => (in_comment, in_string, escaped) = (false, false, false),
            _ if in_comment => {}
            _ if in_string && escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'#' => in_comment = true,
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(TooMuch(format!("The document is nested deeper than {MAX_NESTING} brackets.")));
        }
    }
    Ok(())
}

/// The cost of an operation, or why it is refused.
pub fn check(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    lists: &Lists,
    limits: &Limits,
) -> Result<u64, TooMuch> {
    if document.fragments.len() > MAX_FRAGMENTS {
        return Err(TooMuch(format!("The document has more than {MAX_FRAGMENTS} fragments.")));
    }
    let mut meter = Meter { fragments: &document.fragments, variables, operation, lists, known: HashMap::new() };
    let Size { cost, depth } = meter.selection(&operation.selection_set.node)?;
    if depth > limits.depth {
        return Err(TooMuch(format!("The operation is {depth} levels deep; at most {} are served.", limits.depth)));
    }
    if cost > limits.cost {
        return Err(TooMuch(format!("The operation costs {cost}; at most {} is served.", limits.cost)));
    }
    Ok(cost)
}

#[derive(Clone, Copy, Default)]
struct Size {
    cost: u64,
    depth: usize,
}

struct Meter<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: &'a Variables,
    operation: &'a OperationDefinition,
    lists: &'a Lists,
    /// The size of each fragment; none while it is being measured, which is how a cycle shows.
    known: HashMap<&'a Name, Option<Size>>,
}

impl<'a> Meter<'a> {
    fn selection(&mut self, set: &'a SelectionSet) -> Result<Size, TooMuch> {
        let mut all = Size::default();
        for selection in &set.items {
            let size = match &selection.node {
                Selection::Field(field) => self.field(&field.node)?,
                Selection::InlineFragment(fragment) => self.selection(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            all.cost = all.cost.saturating_add(size.cost);
            all.depth = all.depth.max(size.depth);
        }
        Ok(all)
    }

    fn field(&mut self, field: &'a Field) -> Result<Size, TooMuch> {
        let below = self.selection(&field.selection_set.node)?;
        let times = if self.lists.0.contains(&field.name.node) { self.page_size(field) } else { 1 };
        Ok(Size { cost: below.cost.saturating_mul(times).saturating_add(1), depth: below.depth + 1 })
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Size, TooMuch> {
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(TooMuch(format!("The fragment {name} contains itself."))),
            None => {}
        }
        // Validation says that a fragment is unknown; here it costs nothing.
        let Some((name, definition)) = self.fragments.get_key_value(name) else { return Ok(Size::default()) };
        self.known.insert(name, None);
        let size = self.selection(&definition.node.selection_set.node)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }

    fn page_size(&self, field: &Field) -> u64 {
        let asked = ["first", "last"].into_iter().find_map(|name| field.get_argument(name)).and_then(|value| {
            let value = match &value.node {
                async_graphql_value::Value::Variable(name) => self.variable(name),
                other => other.clone().into_const(),
            };
            match value {
                Some(ConstValue::Number(number)) => number.as_u64(),
                _ => None,
            }
        });
        // A size outside the limits is refused by the field itself.
        asked.unwrap_or(DEFAULT_PAGE.unsigned_abs().into()).clamp(1, MAX_PAGE.unsigned_abs().into())
    }

    fn variable(&self, name: &Name) -> Option<ConstValue> {
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        let defined = self.operation.variable_definitions.iter().find(|defined| defined.node.name.node == *name)?;
        defined.node.default_value.as_ref().map(|value| value.node.clone())
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{
        Variables,
        parser::{parse_query, parse_schema, types::DocumentOperations},
    };

    use super::{Limits, Lists, TooMuch, check, check_text};

    const LIMITS: Limits = Limits { body_bytes: 0, cost: 1_000, depth: 6, introspection: true };

    fn measure(query: &str, variables: &str) -> Result<u64, TooMuch> {
        let schema = parse_schema("type Query { people(first: Int): Query me: Query name: String }").expect("a schema");
        let document = parse_query(query).expect("a document");
        let DocumentOperations::Single(operation) = &document.operations else { panic!("one operation") };
        let variables = Variables::from_json(serde_json::from_str(variables).expect("JSON"));
        check(&document, &operation.node, &variables, &Lists::of(&schema), &LIMITS)
    }

    #[test]
    fn what_stands_below_a_list_counts_as_often_as_the_page_is_long() {
        assert_eq!(measure("{ me { name } }", "{}"), Ok(2));
        assert_eq!(measure("{ people(first: 10) { name me { name } } }", "{}"), Ok(31));
        assert_eq!(measure("{ people { name } }", "{}"), Ok(21));
        assert_eq!(measure("query($n: Int) { people(first: $n) { name } }", r#"{"n": 7}"#), Ok(8));
        assert_eq!(measure("query($n: Int = 9) { people(first: $n) { name } }", "{}"), Ok(10));
        assert!(measure("{ people(first: 100) { people(first: 100) { name } } }", "{}").is_err());
    }

    #[test]
    fn a_fragment_bomb_is_measured_in_one_pass_and_refused() {
        let mut bomb = String::from("{ ...F0 } ");
        for n in 0..60 {
            bomb.push_str(&format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1));
        }
        bomb.push_str("fragment F60 on Query { name }");
        assert!(measure(&bomb, "{}").is_err());
    }

    #[test]
    fn cycles_and_depths_are_refused() {
        assert!(measure("{ ...A } fragment A on Query { me { ...A } }", "{}").is_err());
        assert!(measure("{me{me{me{me{me{me{name}}}}}}}", "{}").is_err());
        assert!(check_text(&"{".repeat(50_000)).is_err());
        assert!(check_text("{ a(x: \"{{{{ \\\" [[[\") # {{{{\n { b } }").is_ok());
    }
}
