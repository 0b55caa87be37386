//! Validation of documents and variables by the specification, before anything runs. apollo-compiler parses,
//! validates and coerces, and [`rules`] adds the missing checks. [`translate`] and [`bind`] create the document that
//! async-graphql executes. It has no variables and no conditions, so the deviations of async-graphql from the
//! specification never matter.

mod bind;
mod rules;
mod translate;
mod variables;

use std::collections::HashMap;

use apollo_compiler::{
    Schema, ast,
    executable::Operation as ApolloOperation,
    parser::Parser,
    response::GraphQLError,
    validation::{DiagnosticList, Valid},
};
use async_graphql::{
    Name, Positioned, ServerError,
    parser::types::{ExecutableDocument as Executable, FragmentDefinition, OperationType, SelectionSet},
};

pub use apollo_compiler::response::JsonMap;

/// The maximum depth of selections, values and types while a document is parsed. It bounds the recursion. The number
/// of brackets is limited before.
const MAX_RECURSION: usize = 200;

/// The code of a document that breaks a rule of the specification.
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";

/// The checks of documents against the schema.
pub struct Validator {
    schema: Valid<Schema>,
    introspection: bool,
}

/// The reasons to refuse a request before it runs.
#[derive(Debug)]
pub struct Refused {
    /// The documented code: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `BAD_USER_INPUT` or
    /// `LIMIT_EXCEEDED`.
    pub code: &'static str,
    /// The errors in the order of the document.
    pub errors: Vec<ServerError>,
}

impl Refused {
    fn one(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, errors: vec![ServerError::new(message, None)] }
    }
}

/// A document that is valid for the schema.
pub struct Document {
    operations: Vec<Operation>,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
}

/// One operation of a valid document.
pub struct Operation {
    /// The operation's name. None when the document gives none.
    pub name: Option<Name>,
    /// The kind: query, mutation or subscription.
    pub kind: OperationType,
    /// The operation with its variable definitions and without its selections, for the coercion by apollo-compiler.
    declared: ApolloOperation,
    selections: Positioned<SelectionSet>,
}

impl Validator {
    /// Parses the schema. Fails when the text is not a valid schema, which only a fault of the server could cause.
    pub fn new(sdl: &str, introspection: bool) -> anyhow::Result<Self> {
        let schema = Schema::parse_and_validate(sdl, "schema.graphql")
            .map_err(|invalid| anyhow::anyhow!("the schema is not valid: {}", invalid.errors))?;
        Ok(Self { schema, introspection })
    }

    /// Parses and validates a whole document: every operation and fragment, used or not.
    pub fn validate(&self, text: &str) -> Result<Document, Refused> {
        let parsed = Parser::new().recursion_limit(MAX_RECURSION).parse_ast(text, "document");
        let parsed = parsed.map_err(|invalid| refused("GRAPHQL_PARSE_FAILED", &invalid.errors))?;
        let valid = rules::valid(&self.schema, &parsed).map_err(|errors| refused(INVALID, &errors))?;
        let broken = rules::broken(&self.schema, &valid, self.introspection);
        if !broken.is_empty() {
            return Err(Refused { code: INVALID, errors: broken });
        }
        Ok(translate::document(&valid, text))
    }

    /// Coerces the values of the operation's variables by CoerceVariableValues. Defaults are filled in, and every
    /// value has its type.
    pub fn coerce(&self, operation: &Operation, given: JsonMap) -> Result<Valid<JsonMap>, Refused> {
        variables::coerce(&self.schema, &operation.declared, given)
            .map_err(|message| Refused::one("BAD_USER_INPUT", message))
    }
}

impl Document {
    /// Returns the requested operation by GetOperation: the named one, or the only one.
    #[must_use]
    pub fn operation(&self, name: Option<&str>) -> Option<&Operation> {
        match (name, &self.operations[..]) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), operations) => {
                operations.iter().find(|operation| operation.name.as_ref().is_some_and(|known| known == name))
            }
        }
    }

    /// Creates the document to execute: one operation with the values of its variables, and the fragments it needs.
    /// Refuses a variable that makes the condition of `@skip` or `@include` null.
    pub fn bind(&self, operation: &Operation, values: &Valid<JsonMap>) -> Result<Executable, Refused> {
        bind::bind(operation, &self.fragments, values).ok_or_else(|| {
            Refused::one("BAD_USER_INPUT", "The condition of @skip or @include must be true or false, not null.")
        })
    }

    /// Returns true when every request with this document runs identically, because it has one operation and no
    /// variables.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        matches!(&self.operations[..], [only] if only.declared.variables.is_empty())
    }
}

/// Parses a document without validating it. Returns none when it has a syntax error.
#[must_use]
pub fn parse(text: &str) -> Option<ast::Document> {
    Parser::new().recursion_limit(MAX_RECURSION).parse_ast(text, "document").ok()
}

fn refused(code: &'static str, errors: &DiagnosticList) -> Refused {
    // apollo-compiler limits the depth of selections and fragments. That is a limit, not a broken rule.
    let too_deep = errors.iter().any(|error| error.error.unstable_error_name() == Some("RecursionError"));
    let code = if too_deep { "LIMIT_EXCEEDED" } else { code };
    Refused { code, errors: errors.iter().map(|diagnostic| server_error(diagnostic.to_json())).collect() }
}

fn server_error(error: GraphQLError) -> ServerError {
    let locations = error.locations.iter().map(|place| async_graphql::Pos { line: place.line, column: place.column });
    let mut shown = ServerError::new(error.message, None);
    shown.locations = locations.collect();
    shown
}

/// Returns the bound document of a request, for tests of code that reads bound documents.
///
/// # Panics
/// When the schema is not valid or the variables are not an object.
#[cfg(test)]
pub fn bound(sdl: &str, document: &str, variables: serde_json::Value) -> Result<Executable, Refused> {
    let validator = Validator::new(sdl, true).expect("a schema");
    let document = validator.validate(document)?;
    let operation = &document.operations[0];
    let values = validator.coerce(operation, serde_json::from_value(variables).expect("variables"))?;
    document.bind(operation, &values)
}
