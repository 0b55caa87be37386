//! Translates a valid document into async-graphql's types and keeps its positions. Only apollo-compiler parses the
//! text, so every escape and description of the specification is understood.

use apollo_compiler::{
    ExecutableDocument, Name as ApolloName, Node,
    ast::{Argument, Directive, OperationType as ApolloKind, Value as ApolloValue},
    executable::{
        Field as ApolloField, Operation as ApolloOperation, Selection as ApolloSelection, SelectionSet as ApolloSet,
    },
    parser::SourceSpan,
    validation::Valid,
};
use async_graphql::{
    Name, Pos, Positioned,
    parser::types::{
        self, Field, FragmentDefinition, FragmentSpread, InlineFragment, OperationType, Selection, SelectionSet,
        TypeCondition,
    },
};
use async_graphql_value::Value;

use super::{Document, Operation, variables::number_of};

/// Translates a document. `text` is its source.
pub fn document(document: &Valid<ExecutableDocument>, text: &str) -> Document {
    let mut translator = Translator { text, last: (0, Pos { line: 1, column: 1 }) };
    let operations = document.operations.iter().map(|operation| translator.operation(operation)).collect();
    let fragments = document.fragments.iter().map(|(name, fragment)| {
        let definition = FragmentDefinition {
            type_condition: translator.condition(&fragment.selection_set.ty),
            directives: Vec::new(),
            selection_set: translator.selection_set(&fragment.selection_set, fragment.location()),
        };
        (Name::new(name.as_str()), Positioned::new(definition, translator.pos(fragment.location())))
    });
    let fragments = fragments.collect();
    Document { operations, fragments }
}

struct Translator<'a> {
    text: &'a str,
    /// The last requested position. Positions are nearly always requested in the order of the text.
    last: (usize, Pos),
}

impl Translator<'_> {
    fn pos(&mut self, span: Option<SourceSpan>) -> Pos {
        let Some(offset) = span.map(|span| span.offset()).filter(|offset| *offset <= self.text.len()) else {
            return Pos::default();
        };
        let (from, mut pos) = if offset >= self.last.0 { self.last } else { (0, Pos { line: 1, column: 1 }) };
        for letter in self.text.get(from..offset).unwrap_or_default().chars() {
            if letter == '\n' {
                pos = Pos { line: pos.line + 1, column: 1 };
            } else {
                pos.column += 1;
            }
        }
        self.last = (offset, pos);
        pos
    }

    fn operation(&mut self, operation: &Node<ApolloOperation>) -> Operation {
        let mut declared = ApolloOperation::clone(operation);
        declared.selection_set.selections.clear();
        Operation {
            name: operation.name.as_ref().map(|name| Name::new(name.as_str())),
            kind: match operation.operation_type {
                ApolloKind::Query => OperationType::Query,
                ApolloKind::Mutation => OperationType::Mutation,
                ApolloKind::Subscription => OperationType::Subscription,
            },
            declared,
            selections: self.selection_set(&operation.selection_set, operation.location()),
        }
    }

    fn name(&mut self, name: &ApolloName) -> Positioned<Name> {
        Positioned::new(Name::new(name.as_str()), self.pos(name.location()))
    }

    fn condition(&mut self, ty: &ApolloName) -> Positioned<TypeCondition> {
        let on = self.name(ty);
        let pos = on.pos;
        Positioned::new(TypeCondition { on }, pos)
    }

    fn selection_set(&mut self, set: &ApolloSet, place: Option<SourceSpan>) -> Positioned<SelectionSet> {
        let pos = self.pos(place);
        let items = set.selections.iter().map(|selection| self.selection(selection)).collect();
        Positioned::new(SelectionSet { items }, pos)
    }

    fn selection(&mut self, selection: &ApolloSelection) -> Positioned<Selection> {
        match selection {
            ApolloSelection::Field(field) => {
                let pos = self.pos(field.location());
                Positioned::new(Selection::Field(Positioned::new(self.field(field), pos)), pos)
            }
            ApolloSelection::FragmentSpread(spread) => {
                let pos = self.pos(spread.location());
                let spread = FragmentSpread {
                    fragment_name: self.name(&spread.fragment_name),
                    directives: self.directives(&spread.directives),
                };
                Positioned::new(Selection::FragmentSpread(Positioned::new(spread, pos)), pos)
            }
            ApolloSelection::InlineFragment(inline) => {
                let pos = self.pos(inline.location());
                let fragment = InlineFragment {
                    type_condition: inline.type_condition.as_ref().map(|ty| self.condition(ty)),
                    directives: self.directives(&inline.directives),
                    selection_set: self.selection_set(&inline.selection_set, inline.location()),
                };
                Positioned::new(Selection::InlineFragment(Positioned::new(fragment, pos)), pos)
            }
        }
    }

    fn field(&mut self, field: &Node<ApolloField>) -> Field {
        let nothing = Positioned::new(SelectionSet::default(), Pos::default());
        Field {
            alias: field.alias.as_ref().map(|alias| self.name(alias)),
            name: self.name(&field.name),
            arguments: self.arguments(&field.arguments),
            directives: self.directives(&field.directives),
            selection_set: match &field.selection_set {
                Some(set) => self.selection_set(set, field.location()),
                None => nothing,
            },
        }
    }

    fn arguments(&mut self, arguments: &[Node<Argument>]) -> Vec<(Positioned<Name>, Positioned<Value>)> {
        let each = arguments.iter().map(|argument| {
            let name = self.name(&argument.name);
            let pos = self.pos(argument.value.location());
            (name, Positioned::new(value(&argument.value), pos))
        });
        each.collect()
    }

    fn directives(&mut self, directives: &[Node<Directive>]) -> Vec<Positioned<types::Directive>> {
        let each = directives.iter().map(|directive| {
            let pos = self.pos(directive.location());
            let name = self.name(&directive.name);
            Positioned::new(types::Directive { name, arguments: self.arguments(&directive.arguments) }, pos)
        });
        each.collect()
    }
}

fn value(literal: &ApolloValue) -> Value {
    match literal {
        ApolloValue::Variable(name) => Value::Variable(Name::new(name.as_str())),
        ApolloValue::Null => Value::Null,
        ApolloValue::Enum(name) => Value::Enum(Name::new(name.as_str())),
        ApolloValue::String(text) => Value::String(text.clone()),
        ApolloValue::Boolean(value) => Value::Boolean(*value),
        ApolloValue::Int(number) => number_of(number.as_str()).into(),
        ApolloValue::Float(number) => number_of(number.as_str()).into(),
        ApolloValue::List(items) => Value::List(items.iter().map(|item| value(item)).collect()),
        ApolloValue::Object(fields) => {
            Value::Object(fields.iter().map(|(name, item)| (Name::new(name.as_str()), value(item))).collect())
        }
    }
}
