//! The rules of the specification. apollo-compiler checks most of them. This module corrects two, adds missing ones,
//! and checks the formats of the schema's own scalars and the access to introspection.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Node, Schema,
    ast::{Argument, Definition, Directive, Document, Type, Value, VariableDefinition},
    executable::{Operation, Selection, SelectionSet},
    parser::{SourceMap, SourceSpan},
    schema::{ExtendedType, InputValueDefinition},
    validation::{DiagnosticList, Valid},
};
use async_graphql::{Pos, ServerError};

use super::variables;

/// Validates a document with apollo-compiler, and returns it with its types.
///
/// Two rules are corrected. Two fields of one response key are one field at the root of a subscription too, where
/// apollo-compiler counts two. A default of `null` does not allow a nullable variable in a position that must not be
/// null.
pub fn valid(schema: &Valid<Schema>, parsed: &Document) -> Result<Valid<ExecutableDocument>, DiagnosticList> {
    let valid = parsed.to_executable_validate(schema).or_else(|invalid| {
        let mut errors = invalid.errors.iter();
        let counted = errors.all(|error| error.error.unstable_error_name() == Some("SubscriptionUsesMultipleFields"));
        let one_stream = |operation: &Node<Operation>| {
            !operation.is_subscription() || has_one_root_field(&invalid.partial, operation)
        };
        if counted && invalid.partial.operations.iter().all(one_stream) {
            return Ok(Valid::assume_valid(invalid.partial));
        }
        drop(errors);
        Err(invalid.errors)
    })?;
    let mut strict = parsed.clone();
    let mut changed = false;
    for definition in &mut strict.definitions {
        let Definition::OperationDefinition(operation) = definition else { continue };
        if !operation.variables.iter().any(defaults_to_null) {
            continue;
        }
        for variable in &mut operation.make_mut().variables {
            if defaults_to_null(variable) {
                variable.make_mut().default_value = None;
                changed = true;
            }
        }
    }
    if changed {
        strict.to_executable_validate(schema).map_err(|invalid| invalid.errors)?;
    }
    Ok(valid)
}

fn defaults_to_null(variable: &Node<VariableDefinition>) -> bool {
    variable.default_value.as_ref().is_some_and(|default| default.is_null())
}

/// Returns true when all fields at the root of an operation have one response key, including fragments.
fn has_one_root_field(document: &ExecutableDocument, operation: &Operation) -> bool {
    let (mut keys, mut visited) = (HashSet::new(), HashSet::new());
    let mut waiting = vec![&operation.selection_set];
    while let Some(set) = waiting.pop() {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    keys.insert(field.alias.as_ref().unwrap_or(&field.name));
                }
                Selection::InlineFragment(inline) => waiting.push(&inline.selection_set),
                Selection::FragmentSpread(spread) if visited.insert(&spread.fragment_name) => {
                    waiting
                        .extend(document.fragments.get(&spread.fragment_name).map(|fragment| &fragment.selection_set));
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    keys.len() == 1
}

/// Returns the errors of a document that apollo-compiler finds valid.
pub fn broken(schema: &Valid<Schema>, document: &Valid<ExecutableDocument>, introspection: bool) -> Vec<ServerError> {
    let mut rules = Rules { schema, sources: &document.sources, errors: Vec::new() };
    for operation in document.operations.iter() {
        rules.operation(operation, introspection);
    }
    for fragment in document.fragments.values() {
        rules.directives(&fragment.directives);
        rules.selection_set(&fragment.selection_set, fragment.name.location());
        if !introspection
            && schema.root_operation(apollo_compiler::ast::OperationType::Query) == Some(&fragment.selection_set.ty)
        {
            rules.introspection(&fragment.selection_set);
        }
    }
    rules.errors
}

struct Rules<'a> {
    schema: &'a Valid<Schema>,
    sources: &'a SourceMap,
    errors: Vec<ServerError>,
}

impl Rules<'_> {
    fn error(&mut self, message: impl Into<String>, place: Option<SourceSpan>) {
        let place = place.and_then(|span| span.line_column(self.sources));
        self.errors.push(ServerError::new(message, place.map(|place| Pos { line: place.line, column: place.column })));
    }

    fn operation(&mut self, operation: &Node<Operation>, introspection: bool) {
        self.directives(&operation.directives);
        for variable in &operation.variables {
            self.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                self.value(&variable.ty, default);
            }
        }
        self.selection_set(&operation.selection_set, operation.location());
        if !introspection && operation.is_query() {
            self.introspection(&operation.selection_set);
        }
    }

    /// Refuses `__schema` and `__type` at the root of a query. `__typename` is always allowed.
    fn introspection(&mut self, set: &SelectionSet) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) if matches!(field.name.as_str(), "__schema" | "__type") => {
                    self.error("Introspection is disabled on this server.", field.name.location());
                }
                Selection::InlineFragment(inline) => self.introspection(&inline.selection_set),
                _ => {}
            }
        }
    }

    fn selection_set(&mut self, set: &SelectionSet, place: Option<SourceSpan>) {
        // A later edition allows an empty selection. The edition of this server does not.
        if set.selections.is_empty() {
            self.error("A selection set must select at least one field.", place);
        }
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    self.directives(&field.directives);
                    self.arguments(&field.arguments, &field.definition.arguments);
                    if let Some(below) = &field.selection_set {
                        self.selection_set(below, field.name.location());
                    }
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.directives),
                Selection::InlineFragment(inline) => {
                    self.directives(&inline.directives);
                    self.selection_set(&inline.selection_set, inline.location());
                }
            }
        }
    }

    fn directives(&mut self, directives: &[Node<Directive>]) {
        let schema = self.schema;
        for directive in directives {
            if let Some(definition) = schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(&mut self, arguments: &[Node<Argument>], definitions: &[Node<InputValueDefinition>]) {
        for argument in arguments {
            if let Some(definition) = definitions.iter().find(|definition| definition.name == argument.name) {
                self.value(&definition.ty, &argument.value);
            }
        }
    }

    fn value(&mut self, ty: &Type, value: &Node<Value>) {
        if let (Value::List(items), Type::List(inner) | Type::NonNullList(inner)) = (value.as_ref(), ty) {
            for item in items {
                self.value(inner, item);
            }
            return;
        }
        let schema = self.schema;
        match (schema.types.get(ty.inner_named_type()), value.as_ref()) {
            (Some(ExtendedType::InputObject(object)), Value::Object(fields)) => {
                let mut seen = HashSet::new();
                for (name, value) in fields {
                    if !seen.insert(name) {
                        self.error(format!("There is more than one input field named {name}."), name.location());
                    }
                    if let Some(field) = object.fields.get(name) {
                        self.value(&field.ty, value);
                    }
                }
            }
            (_, Value::String(text)) if text.contains('\0') => {
                self.error("A text contains the character U+0000.", value.location());
            }
            (Some(ExtendedType::Scalar(scalar)), literal) if !scalar.is_built_in() => {
                if let Some(literal) = variables::constant(literal)
                    && let Err(message) = variables::check_scalar(&scalar.name, &literal)
                {
                    self.error(message, value.location());
                }
            }
            _ => {}
        }
    }
}
