//! The fields of the schema with the parts of their definitions that decide their price: lists with pages take `first`,
//! and other lists have the directive `@listSize`.

use std::collections::HashMap;

use async_graphql::{
    Name, Value as ConstValue,
    parser::types::{BaseType, FieldDefinition, OperationType, ServiceDocument, TypeKind, TypeSystemDefinition},
};

/// The fields of a schema, by their types and names.
#[derive(Clone, Debug)]
pub struct PricedFields {
    fields: HashMap<Name, HashMap<Name, PricedField>>,
    /// The names of the types of queries, mutations and subscriptions.
    roots: [Name; 3],
    /// The name of no type.
    unknown: Name,
}

/// The parts of a field's definition that decide its price.
#[derive(Clone, Debug)]
pub struct PricedField {
    /// The name of the type that the field returns.
    pub returns: Name,
    /// True for a list with pages, which takes `first`.
    pub paged: bool,
    /// The assumed size of a list without pages.
    pub size: Option<u64>,
}

impl PricedFields {
    /// Reads the fields of a schema.
    #[must_use]
    pub fn of(schema: &ServiceDocument) -> Self {
        let roots = ["Query", "Mutation", "Subscription"].map(Name::new);
        let mut fields = HashMap::<_, HashMap<_, _>>::new();
        for definition in &schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let of_type = match &definition.node.kind {
                TypeKind::Object(object) => &object.fields,
                TypeKind::Interface(interface) => &interface.fields,
                _ => continue,
            };
            let known = fields.entry(definition.node.name.node.clone()).or_default();
            for field in of_type {
                known.insert(field.node.name.node.clone(), PricedField::of(&field.node));
            }
        }
        Self { fields, roots, unknown: Name::new("") }
    }

    /// Returns the name of the root type of an operation.
    #[must_use]
    pub fn root(&self, operation: OperationType) -> &Name {
        match operation {
            OperationType::Query => &self.roots[0],
            OperationType::Mutation => &self.roots[1],
            OperationType::Subscription => &self.roots[2],
        }
    }

    /// Returns a field of a type. None for a field of the introspection.
    #[must_use]
    pub fn find(&self, parent: &Name, field: &Name) -> Option<&PricedField> {
        self.fields.get(parent)?.get(field)
    }

    /// Returns the name of the type below a field.
    #[must_use]
    pub fn below<'a>(&'a self, field: Option<&'a PricedField>) -> &'a Name {
        field.map_or(&self.unknown, |field| &field.returns)
    }
}

impl PricedField {
    fn of(field: &FieldDefinition) -> Self {
        let mut returns = &field.ty.node.base;
        while let BaseType::List(of) = returns {
            returns = &of.base;
        }
        let returns = match returns {
            BaseType::Named(name) => name.clone(),
            BaseType::List(_) => Name::new(""),
        };
        let paged = field.arguments.iter().any(|argument| argument.node.name.node == "first");
        Self { returns, paged, size: Self::assumed_size(field) }
    }

    /// Returns the argument of a field's directive `@listSize`.
    fn assumed_size(field: &FieldDefinition) -> Option<u64> {
        let directive = field.directives.iter().find(|directive| directive.node.name.node == "listSize")?;
        match &directive.node.get_argument("assumedSize")?.node {
            ConstValue::Number(size) => size.as_u64(),
            _ => None,
        }
    }
}
