//! Binds an operation to the values of its variables, as CollectFields and CoerceArgumentValues do. Selections that
//! `@skip` and `@include` exclude are removed, and fields of one response key become one field. An argument whose
//! variable has no value is absent, so that its default counts.

use std::collections::{HashMap, HashSet};

use apollo_compiler::validation::Valid;
use async_graphql::{
    Name, Positioned,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread, InlineFragment,
        OperationDefinition, Selection, SelectionSet,
    },
};
use async_graphql_value::Value;

use super::{JsonMap, Operation, variables::to_const};

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Binds an operation of a valid document. Returns none when a variable makes a condition null, which a nullable
/// variable with a default can do.
pub fn bind(operation: &Operation, fragments: &Fragments, values: &Valid<JsonMap>) -> Option<ExecutableDocument> {
    let mut binder = Binder { fragments, values, needed: Vec::new(), known: HashSet::new(), undecided: false };
    let mut root = Selections::default();
    binder.root(&operation.selections.node, &mut HashSet::new(), &mut root);
    let definition = OperationDefinition {
        ty: operation.kind,
        variable_definitions: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(root.done(), operation.selections.pos),
    };
    let mut bound = HashMap::new();
    while let Some(name) = binder.needed.pop() {
        let Some(fragment) = fragments.get(&name) else { continue };
        let definition = FragmentDefinition {
            type_condition: fragment.node.type_condition.clone(),
            directives: Vec::new(),
            selection_set: binder.selection_set(&fragment.node.selection_set),
        };
        bound.insert(name, Positioned::new(definition, fragment.pos));
    }
    let operations = DocumentOperations::Single(Positioned::new(definition, operation.selections.pos));
    (!binder.undecided).then_some(ExecutableDocument { operations, fragments: bound })
}

/// A selection set under construction, in which every response key occurs once.
#[derive(Default)]
struct Selections {
    items: Vec<Positioned<Selection>>,
    fields: HashMap<Name, usize>,
    spread: HashSet<Name>,
}

impl Selections {
    /// Adds a field, or merges its selections into the field of the same response key. Validation has ensured that
    /// the two agree.
    fn field(&mut self, field: Positioned<Field>) {
        let key = &field.node.response_key().node;
        if let Some(index) = self.fields.get(key)
            && let Some(Selection::Field(first)) = self.items.get_mut(*index).map(|item| &mut item.node)
        {
            let set = &mut first.node.selection_set.node;
            let mut merged = Self::of(std::mem::take(set));
            for item in field.node.selection_set.node.items {
                merged.add(item);
            }
            *set = merged.done();
            return;
        }
        self.fields.insert(key.clone(), self.items.len());
        let pos = field.pos;
        self.items.push(Positioned::new(Selection::Field(field), pos));
    }

    fn add(&mut self, item: Positioned<Selection>) {
        match item.node {
            Selection::Field(field) => self.field(field),
            // A fragment counts once however often it is spread, so a short document cannot multiply into a long one.
            Selection::FragmentSpread(spread) if !self.spread.insert(spread.node.fragment_name.node.clone()) => {}
            other => self.items.push(Positioned::new(other, item.pos)),
        }
    }

    fn of(set: SelectionSet) -> Self {
        let mut selections = Self::default();
        for item in set.items {
            selections.add(item);
        }
        selections
    }

    fn done(self) -> SelectionSet {
        SelectionSet { items: self.items }
    }
}

struct Binder<'a> {
    fragments: &'a Fragments,
    values: &'a Valid<JsonMap>,
    /// The fragments that are spread and not bound yet.
    needed: Vec<Name>,
    known: HashSet<Name>,
    /// True when a condition was neither true nor false.
    undecided: bool,
}

impl Binder<'_> {
    /// Adds the root's fields without the fragments around them. Each fragment counts once, as in CollectFields.
    /// Every type condition at the root names the root type.
    fn root(&mut self, set: &SelectionSet, visited: &mut HashSet<Name>, into: &mut Selections) {
        for item in &set.items {
            if !self.is_included(item.node.directives()) {
                continue;
            }
            match &item.node {
                Selection::Field(field) => into.field(self.field(field)),
                Selection::InlineFragment(inline) => self.root(&inline.node.selection_set.node, visited, into),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.fragments.get(name).filter(|_| visited.insert(name.clone())) {
                        self.root(&fragment.node.selection_set.node, visited, into);
                    }
                }
            }
        }
    }

    fn selection_set(&mut self, set: &Positioned<SelectionSet>) -> Positioned<SelectionSet> {
        let mut selections = Selections::default();
        for item in &set.node.items {
            if !self.is_included(item.node.directives()) {
                continue;
            }
            match &item.node {
                Selection::Field(field) => selections.field(self.field(field)),
                Selection::InlineFragment(inline) => {
                    let fragment = InlineFragment {
                        type_condition: inline.node.type_condition.clone(),
                        directives: Vec::new(),
                        selection_set: self.selection_set(&inline.node.selection_set),
                    };
                    let fragment = Selection::InlineFragment(Positioned::new(fragment, inline.pos));
                    selections.add(Positioned::new(fragment, item.pos));
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.clone();
                    if self.known.insert(name.node.clone()) {
                        self.needed.push(name.node.clone());
                    }
                    let spread =
                        Positioned::new(FragmentSpread { fragment_name: name, directives: Vec::new() }, spread.pos);
                    selections.add(Positioned::new(Selection::FragmentSpread(spread), item.pos));
                }
            }
        }
        Positioned::new(selections.done(), set.pos)
    }

    fn field(&mut self, field: &Positioned<Field>) -> Positioned<Field> {
        let arguments = field
            .node
            .arguments
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), Positioned::new(self.value(&value.node)?, value.pos))));
        let bound = Field {
            alias: field.node.alias.clone(),
            name: field.node.name.clone(),
            arguments: arguments.collect(),
            directives: Vec::new(),
            selection_set: self.selection_set(&field.node.selection_set),
        };
        Positioned::new(bound, field.pos)
    }

    /// Replaces the variables of a value. Returns none for a variable without a value. An argument or an input field
    /// is then absent, and a list item is null.
    fn value(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::Variable(name) => to_const(self.values.get(name.as_str())?).into(),
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.value(item).unwrap_or(Value::Null)).collect())
            }
            Value::Object(fields) => {
                let present = fields.iter().filter_map(|(name, value)| Some((name.clone(), self.value(value)?)));
                Value::Object(present.collect())
            }
            constant => constant.clone(),
        })
    }

    fn is_included(&mut self, directives: &[Positioned<Directive>]) -> bool {
        let mut included = true;
        for directive in directives {
            let name = directive.node.name.node.as_str();
            if name != "skip" && name != "include" {
                continue;
            }
            let condition = directive.node.get_argument("if").and_then(|value| self.value(&value.node));
            let Some(Value::Boolean(condition)) = condition else {
                self.undecided = true;
                return false;
            };
            included &= condition == (name == "include");
        }
        included
    }
}
