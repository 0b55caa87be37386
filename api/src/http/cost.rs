//! The cost of an operation, computed before it runs. Every field and every fragment costs one, and a page of a list
//! costs ten more. Selections below `nodes` and `edges` count as often as the page is long, and a count beside them
//! counts once. A list without pages has the directive `@listSize` in the schema, and selections below it count that
//! often.
//!
//! Each fragment is measured once, however often it is spread, so that a short document cannot hide a long one. The
//! measured document is valid and bound: it has no variables, conditions or cycles, and every response key of its
//! root occurs once.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value as ConstValue,
    parser::types::{ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet},
};

use super::priced_fields::PricedFields;
use crate::{
    config::Limits,
    pagination::{DEFAULT_PAGE, MAX_PAGE},
};

/// The maximum of fragments that a document may define.
const MAX_FRAGMENTS: usize = 100;
/// The maximum depth of nested selections, including fragments. It bounds the recursion of this module.
const MAX_LEVELS: usize = 64;
/// The cost of the statement of a list or a count, beside its rows.
const STATEMENT: u64 = 10;
/// The fields of a page that show its rows.
const ROWS: [&str; 2] = ["nodes", "edges"];
/// The pages that are read only if a field of theirs is selected which needs the rows.
const LAZY: [&str; 2] = ["ContactConnection", "UserConnection"];
/// Arguments with a list of ids, each of which is one result.
const IDS: [&str; 2] = ["ids", "userIds"];
/// The size from which a list without pages costs a statement of its own.
const LONG: u64 = 10;
/// Fields that read a lot, with their cost.
const DEAR: [(&str, u64); 2] = [("transcript", 1_000), ("renderMarkdown", 32)];
/// Fields of long texts, each with the cost of a long text in an answer. Some long arguments share these names, but
/// arguments cost nothing.
const TEXTS: [(&str, u64); 7] =
    [("body", 16), ("html", 32), ("vCard", 16), ("note", 8), ("message", 4), ("text", 4), ("avatarUrl", 2)];
/// The cost of counting the results of a search, which reads every person whose name may match.
const COUNTED_SEARCH: u64 = 1_000;
/// Lists of the introspection, which have no pages, and the length that the cost assumes for them.
const INTROSPECTION: [&str; 7] =
    ["types", "fields", "inputFields", "interfaces", "possibleTypes", "enumValues", "args"];
const INTROSPECTION_LENGTH: u64 = 8;

/// The sentence that explains which limit an operation or a document exceeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostLimitExceeded(pub String);

/// Returns the cost of the most expensive operation of a document. Fails when the document exceeds a limit.
pub fn check(document: &ExecutableDocument, lists: &PricedFields, limits: &Limits) -> Result<u64, CostLimitExceeded> {
    if document.fragments.len() > MAX_FRAGMENTS {
        return Err(CostLimitExceeded(format!("The document has more than {MAX_FRAGMENTS} fragments.")));
    }
    let aliases = count_aliases(document);
    if aliases > limits.aliases {
        return Err(CostLimitExceeded(format!(
            "The document has {aliases} aliases; the maximum is {}.",
            limits.aliases
        )));
    }
    let mut dearest = 0;
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        let mut meter =
            CostVisitor { fragments: &document.fragments, lists, known: HashMap::new(), searched: false, level: 0 };
        let size = meter.selection(&operation.selection_set.node, lists.root(operation.ty))?;
        let (cost, depth) = (size.all(), size.depth);
        if depth > limits.depth {
            return Err(CostLimitExceeded(format!(
                "The operation is {depth} levels deep; the maximum is {}.",
                limits.depth
            )));
        }
        if cost > limits.cost {
            return Err(CostLimitExceeded(format!("The operation costs {cost}; the maximum is {}.", limits.cost)));
        }
        dearest = dearest.max(cost);
    }
    Ok(dearest)
}

/// Counts the fields of a document that have an alias.
fn count_aliases(document: &ExecutableDocument) -> usize {
    fn of(set: &SelectionSet) -> usize {
        let each = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => usize::from(field.node.alias.is_some()) + of(&field.node.selection_set.node),
            Selection::InlineFragment(fragment) => of(&fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => 0,
        });
        each.sum()
    }
    let operations = document.operations.iter().map(|(_, operation)| of(&operation.node.selection_set.node));
    let fragments = document.fragments.values().map(|fragment| of(&fragment.node.selection_set.node));
    operations.chain(fragments).sum()
}

fn one_more(size: SelectionCost) -> SelectionCost {
    SelectionCost { once: size.once.saturating_add(1), ..size }
}

#[derive(Clone, Copy, Default)]
struct SelectionCost {
    /// The cost of the selected fields except `nodes` and `edges`.
    once: u64,
    /// The cost of the selected fields `nodes` and `edges`, for one row.
    rows: u64,
    /// True when a field is selected that needs the rows of a page.
    paged: bool,
    depth: usize,
}

impl SelectionCost {
    /// Returns the cost of a selection that is not a page.
    fn all(self) -> u64 {
        self.once.saturating_add(self.rows)
    }
}

struct CostVisitor<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    lists: &'a PricedFields,
    /// The cost of each fragment, within a searched list and elsewhere. It is none while the fragment is being
    /// measured, which reveals a cycle.
    known: HashMap<(&'a Name, bool), Option<SelectionCost>>,
    /// True when the selection belongs to a searched list.
    searched: bool,
    level: usize,
}

impl<'a> CostVisitor<'a> {
    fn selection(&mut self, set: &'a SelectionSet, parent: &'a Name) -> Result<SelectionCost, CostLimitExceeded> {
        self.level += 1;
        if self.level > MAX_LEVELS {
            return Err(CostLimitExceeded(format!("The document nests more than {MAX_LEVELS} selections.")));
        }
        let mut all = SelectionCost::default();
        for selection in &set.items {
            let size = match &selection.node {
                Selection::Field(field) => self.field(&field.node, parent)?,
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(parent, |condition| &condition.node.on.node);
                    one_more(self.selection(&fragment.node.selection_set.node, on)?)
                }
                Selection::FragmentSpread(spread) => one_more(self.fragment(&spread.node.fragment_name.node)?),
            };
            all.once = all.once.saturating_add(size.once);
            all.rows = all.rows.saturating_add(size.rows);
            all.paged |= size.paged;
            all.depth = all.depth.max(size.depth);
        }
        self.level -= 1;
        Ok(all)
    }

    fn field(&mut self, field: &'a Field, parent: &'a Name) -> Result<SelectionCost, CostLimitExceeded> {
        let searched = self.searched;
        let lists: &'a PricedFields = self.lists;
        let priced = lists.find(parent, &field.name.node);
        // Activities are checked one by one, as the people that a search finds.
        self.searched =
            Self::is_search(field) || priced.is_some_and(|priced| priced.returns.as_str() == "ActivityConnection");
        let below = self.selection(&field.selection_set.node, lists.below(priced))?;
        self.searched = searched;
        let name = field.name.node.as_str();
        let (own, times) = if priced.is_some_and(|priced| priced.paged) {
            let size = Self::page_size(field);
            let own = match priced.is_some_and(|priced| LAZY.contains(&priced.returns.as_str())) {
                _ if below.paged => 1 + STATEMENT,
                true => 1,
                // The page is read although nothing of it is selected.
                false => 1 + STATEMENT + size,
            };
            let rows = below.rows.saturating_mul(size);
            return Ok(Self::sized(name, own.saturating_add(below.once).saturating_add(rows), below.depth));
        } else if let Some(ids) = IDS.into_iter().find(|ids| field.get_argument(ids).is_some()) {
            (1 + STATEMENT, Self::length(field, ids))
        } else if name == "totalCount" {
            (if searched { COUNTED_SEARCH } else { STATEMENT }, 1)
        } else if let Some((_, cost)) = DEAR.into_iter().chain(TEXTS).find(|(dear, _)| *dear == name) {
            (cost, 1)
        } else if let Some(size) = priced.and_then(|priced| priced.size) {
            (if size < LONG { 1 } else { 1 + STATEMENT }, size)
        } else if INTROSPECTION.contains(&name) {
            (1, INTROSPECTION_LENGTH)
        } else {
            (1, 1)
        };
        Ok(Self::sized(name, below.all().saturating_mul(times).saturating_add(own), below.depth))
    }

    /// Returns the size of a field with its whole cost.
    fn sized(name: &str, cost: u64, depth_below: usize) -> SelectionCost {
        let depth = depth_below + 1;
        let paged = ROWS.contains(&name) || name == "pageInfo";
        match ROWS.contains(&name) {
            true => SelectionCost { once: 0, rows: cost, paged, depth },
            false => SelectionCost { once: cost, rows: 0, paged, depth },
        }
    }

    fn fragment(&mut self, name: &'a Name) -> Result<SelectionCost, CostLimitExceeded> {
        match self.known.get(&(name, self.searched)) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(CostLimitExceeded(format!("The fragment {name} contains itself."))),
            None => {}
        }
        // Validation reports an unknown fragment. Its spread still counts here.
        let Some((name, definition)) = self.fragments.get_key_value(name) else { return Ok(SelectionCost::default()) };
        self.known.insert((name, self.searched), None);
        let on = &definition.node.type_condition.node.on.node;
        let size = self.selection(&definition.node.selection_set.node, on)?;
        self.known.insert((name, self.searched), Some(size));
        Ok(size)
    }

    /// Returns true when a list is filtered by a search text.
    fn is_search(field: &Field) -> bool {
        match Self::argument(field, "search") {
            Some(ConstValue::String(text)) => !text.trim().is_empty(),
            _ => false,
        }
    }

    /// Returns the larger of the two given sizes. The field itself refuses a size outside the limits.
    fn page_size(field: &Field) -> u64 {
        let number = |name| match Self::argument(field, name) {
            Some(ConstValue::Number(number)) => number.as_u64(),
            _ => None,
        };
        let asked = number("first").max(number("last"));
        asked.unwrap_or(DEFAULT_PAGE.unsigned_abs().into()).min(MAX_PAGE.unsigned_abs().into())
    }

    fn length(field: &Field, name: &str) -> u64 {
        match Self::argument(field, name) {
            Some(ConstValue::List(items)) => items.len() as u64,
            _ => 1,
        }
    }

    fn argument(field: &Field, name: &str) -> Option<ConstValue> {
        field.get_argument(name)?.node.clone().into_const()
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_schema;

    use super::{CostLimitExceeded, Limits, PricedFields, check};
    use crate::http::validation::bound;

    const SDL: &str = "directive @listSize(assumedSize: Int!) on FIELD_DEFINITION \
                       type Query { items(first: Int): Items people(first: Int, last: Int, search: String): UserConnection nodes(ids: [ID!]!): [Person] \
                       me: Person body: String transcript: String name: String } \
                       type Items { nodes: [Person] streamCursor: String } type UserConnection { nodes: [Person] edges: [Edge] totalCount: Int pageInfo: Info } \
                       type Edge { cursor: String node: Person } type Info { endCursor: String } \
                       type Person { me: Person emails: [Email] @listSize(assumedSize: 4) \
                       skills: [Email] @listSize(assumedSize: 20) people(first: Int, search: String): UserConnection \
                       name: String body: String html: String transcript: String } \
                       type Email { name: String }";
    const LIMITS: Limits = Limits {
        body_bytes: 0,
        document_bytes: 0,
        tokens: 0,
        aliases: 3,
        cost: 1_000,
        depth: 6,
        introspection: true,
        request_timeout: std::time::Duration::ZERO,
        answer_bytes: 0,
        all_answers_bytes: 0,
    };

    fn measure(query: &str, variables: &str) -> Result<u64, CostLimitExceeded> {
        let lists = PricedFields::of(&parse_schema(SDL).expect("a schema"));
        let variables = serde_json::from_str(variables).expect("JSON");
        check(&bound(SDL, query, variables).expect("a valid document"), &lists, &LIMITS)
    }

    #[test]
    fn what_stands_below_a_list_counts_as_often_as_the_page_is_long() {
        assert_eq!(measure("{ me { name } }", "{}"), Ok(2));
        assert_eq!(measure("{ people(first: 10) { nodes { name me { name } } } }", "{}"), Ok(51));
        assert_eq!(measure("{ people { nodes { name } } }", "{}"), Ok(51));
        assert_eq!(measure("{ people { edges { cursor node { name } } } }", "{}"), Ok(91));
        assert_eq!(measure("query($n: Int) { people(first: $n) { nodes { name } } }", r#"{"n": 7}"#), Ok(25));
        assert_eq!(measure("query($n: Int = 9) { people(first: $n) { nodes { name } } }", "{}"), Ok(29));
        assert_eq!(measure("{ people(first: null, last: 50) { nodes { name } } }", "{}"), Ok(111));
        assert_eq!(measure("query($ids: [ID!]!) { nodes(ids: $ids) { name } }", r#"{"ids": ["a", "b"]}"#), Ok(13));
        assert_eq!(measure("{ nodes(ids: [1, 2, 3]) { name } }", "{}"), Ok(14));
        assert!(measure("{ people(first: 100) { nodes { people(first: 100) { nodes { name } } } } }", "{}").is_err());
    }

    #[test]
    fn a_count_without_rows_costs_one_count() {
        assert_eq!(measure("{ people { totalCount } }", "{}"), Ok(11));
        assert_eq!(measure("{ people(first: 100) { totalCount } }", "{}"), Ok(11));
        assert_eq!(measure("{ people(first: 0) { totalCount nodes { name } } }", "{}"), Ok(21));
        assert_eq!(measure("{ people(first: 10) { totalCount nodes { name } } }", "{}"), Ok(41));
        assert_eq!(measure("{ people { ...F } } fragment F on UserConnection { totalCount }", "{}"), Ok(12));
        assert_eq!(measure("{ people { pageInfo { endCursor } } }", "{}"), Ok(13));
        assert_eq!(measure("{ people { nodes { people { totalCount } } } }", "{}"), Ok(251));
    }

    #[test]
    fn a_page_that_is_read_without_being_selected_costs_its_rows() {
        assert_eq!(measure("{ items(first: 100) { streamCursor } }", "{}"), Ok(112));
        assert_eq!(measure("{ items(first: 10) { __typename } }", "{}"), Ok(22));
        assert_eq!(measure("{ items(first: 10) { nodes { name } } }", "{}"), Ok(31));
    }

    #[test]
    fn a_list_without_pages_counts_by_its_assumed_size() {
        assert_eq!(measure("{ me { emails { name } } }", "{}"), Ok(6));
        assert_eq!(measure("{ me { skills { name } } }", "{}"), Ok(32));
    }

    #[test]
    fn counting_what_a_search_finds_has_its_price_wherever_it_is_selected() {
        for query in [
            "{ people(first: 1, search: \"an\") { totalCount } }",
            "{ people(first: 1, search: \"an\") { ...F } } fragment F on UserConnection { totalCount }",
            "{ people(first: 1) { ...F } me: people(search: \"an\") { ... { ...F } } } \
             fragment F on UserConnection { totalCount }",
            "query($s: String = \"an\") { people(first: 1, search: $s) { totalCount } }",
        ] {
            assert!(measure(query, "{}").is_err(), "{query}");
        }
        for query in [
            "{ people(first: 1, search: \"an\") { nodes { name people(first: 1) { totalCount } } } }",
            "{ people(first: 1, search: \" \") { totalCount } }",
            "{ people(first: 1, search: null) { totalCount } }",
            "query($s: String) { people(first: 1, search: $s) { totalCount } }",
        ] {
            assert!(measure(query, "{}").is_ok_and(|cost| cost < 50), "{query}");
        }
    }

    #[test]
    fn long_texts_cost_what_they_may_return_for_each_alias() {
        assert_eq!(measure("{ body }", "{}"), Ok(16));
        assert_eq!(measure("{ me { html } }", "{}"), Ok(33));
        assert_eq!(measure("{ me { a: body b: body ...F } } fragment F on Person { c: html }", "{}"), Ok(66));
        assert_eq!(measure("{ people(first: 10) { nodes { body } } }", "{}"), Ok(181));
        assert!(measure("{ a: transcript b: transcript }", "{}").is_err());
    }

    #[test]
    fn a_fragment_bomb_is_measured_in_one_pass_and_refused() {
        let mut bomb = String::from("{ me { ...F0 } } ");
        for n in 0..20 {
            bomb.push_str(&format!("fragment F{n} on Person {{ ... {{ ...F{0} }} ... {{ ...F{0} }} }} ", n + 1));
        }
        assert!(measure(&format!("{bomb} fragment F20 on Person {{ name }}"), "{}").is_err());
    }

    #[test]
    fn what_is_selected_twice_counts_once_and_aliases_are_few() {
        assert_eq!(measure("{ name name ...F ... { name } ...F } fragment F on Query { name }", "{}"), Ok(1));
        assert_eq!(measure("{ me { ...F name ...F } } fragment F on Person { html }", "{}"), Ok(35));
        assert!(measure("{ name b: name c: name d: name }", "{}").is_ok());
        assert!(measure("{ name b: name c: name ...F } fragment F on Query { d: name e: name }", "{}").is_err());
    }

    #[test]
    fn a_chain_of_deep_fragments_is_refused_before_it_is_walked() {
        let mut chain = String::from("{ me { ...F0 } } ");
        for n in 0..8 {
            let (down, up) = ("me{".repeat(9), "}".repeat(9));
            chain.push_str(&format!("fragment F{n} on Person {{ {down}...F{}{up} }} ", n + 1));
        }
        chain.push_str("fragment F8 on Person { name }");
        assert!(measure(&chain, "{}").is_err());
    }

    #[test]
    fn depths_are_refused() {
        assert!(measure("{me{me{me{me{me{me{name}}}}}}}", "{}").is_err());
    }
}
