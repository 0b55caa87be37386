//! The values of variables. apollo-compiler coerces them, and this module checks the formats of the schema's own
//! scalars.

use apollo_compiler::{
    Schema,
    ast::{Type, Value},
    executable::Operation,
    request::coerce_variable_values,
    response::{JsonMap, JsonValue, serde_json_bytes::ByteString},
    schema::ExtendedType,
    validation::Valid,
};
use async_graphql::{InputType, Value as ConstValue};

use crate::{events::cursor::Cursor, instant::Instant};

/// The largest integer that every number in JSON can represent exactly: 2^53 - 1.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Coerces the given values. Fails with a sentence that names the wrong value and the reason.
pub fn coerce(schema: &Valid<Schema>, operation: &Operation, mut given: JsonMap) -> Result<Valid<JsonMap>, String> {
    // Undeclared variables are ignored, so they cost nothing.
    given.retain(|name, _| operation.variables.iter().any(|variable| variable.name.as_str() == name.as_str()));
    for value in given.values_mut() {
        tidy(value)?;
    }
    let values =
        coerce_variable_values(schema, operation, &given).map_err(|error| sentence(&error.message().to_string()))?;
    for variable in &operation.variables {
        if let Some(value) = values.get(variable.name.as_str()) {
            check(schema, &variable.ty, value).map_err(|why| format!("Variable ${}: {why}", variable.name))?;
        }
    }
    Ok(values)
}

/// Turns numbers such as `3.0` into whole numbers, because JSON does not distinguish them from `3`. Refuses U+0000,
/// which PostgreSQL cannot store.
fn tidy(value: &mut JsonValue) -> Result<(), String> {
    const NUL: &str = "A variable contains the character U+0000.";
    match value {
        JsonValue::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64())
                && float.fract() == 0.0
                && float.abs() <= MAX_SAFE_INTEGER
            {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and safe")]
                let whole = float as i64;
                *number = whole.into();
            }
        }
        JsonValue::String(text) if text.as_str().contains('\0') => return Err(NUL.to_owned()),
        JsonValue::Array(items) => {
            for item in items {
                tidy(item)?;
            }
        }
        JsonValue::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if name.as_str().contains('\0') {
                    return Err(NUL.to_owned());
                }
                tidy(value)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Checks the values of the schema's own scalars at every position of a coerced value.
fn check(schema: &Valid<Schema>, ty: &Type, value: &JsonValue) -> Result<(), String> {
    match (ty, value) {
        (_, JsonValue::Null) => Ok(()),
        (Type::List(inner) | Type::NonNullList(inner), JsonValue::Array(items)) => {
            items.iter().try_for_each(|item| check(schema, inner, item))
        }
        (Type::Named(name) | Type::NonNullNamed(name), value) => match (schema.types.get(name), value) {
            (Some(ExtendedType::InputObject(object)), JsonValue::Object(fields)) => {
                fields.iter().try_for_each(|(field, value)| match object.fields.get(field.as_str()) {
                    Some(definition) => check(schema, &definition.ty, value),
                    None => Ok(()),
                })
            }
            (Some(ExtendedType::Scalar(scalar)), value) if !scalar.is_built_in() => {
                check_scalar(name.as_str(), &to_const(value))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Checks a value of one of the schema's own scalars with the code that parses it.
pub fn check_scalar(name: &str, value: &ConstValue) -> Result<(), String> {
    let read = match (name, value) {
        (_, ConstValue::Null) => return Ok(()),
        ("DateTime", value) => Instant::parse(Some(value.clone())).is_ok(),
        ("Cursor", value) => <Cursor as InputType>::parse(Some(value.clone())).is_ok(),
        _ => true,
    };
    if read { Ok(()) } else { Err(format!("{value} is not a valid {name}.")) }
}

/// Turns a literal into a value. Returns none when it contains a variable.
pub fn constant(value: &Value) -> Option<ConstValue> {
    Some(match value {
        Value::Null => ConstValue::Null,
        Value::Variable(_) => return None,
        Value::Enum(name) => ConstValue::Enum(async_graphql::Name::new(name.as_str())),
        Value::String(text) => ConstValue::String(text.clone()),
        Value::Boolean(value) => ConstValue::Boolean(*value),
        Value::Int(number) => number_of(number.as_str()),
        Value::Float(number) => number_of(number.as_str()),
        Value::List(items) => ConstValue::List(items.iter().map(|item| constant(item)).collect::<Option<_>>()?),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| Some((async_graphql::Name::new(name.as_str()), constant(value)?)));
            ConstValue::Object(fields.collect::<Option<_>>()?)
        }
    })
}

/// Parses the text of a number. Validation has already refused numbers that are too large for every type.
pub fn number_of(text: &str) -> ConstValue {
    text.parse::<serde_json::Number>().map_or(ConstValue::Null, ConstValue::Number)
}

/// Turns a JSON value into a value of async-graphql.
pub fn to_const(value: &JsonValue) -> ConstValue {
    match value {
        JsonValue::Null => ConstValue::Null,
        JsonValue::Bool(value) => ConstValue::Boolean(*value),
        JsonValue::Number(number) => ConstValue::Number(number.clone()),
        JsonValue::String(text) => ConstValue::String(text.as_str().to_owned()),
        JsonValue::Array(items) => ConstValue::List(items.iter().map(to_const).collect()),
        JsonValue::Object(fields) => {
            let name = |name: &ByteString| async_graphql::Name::new(name.as_str());
            ConstValue::Object(fields.iter().map(|(field, value)| (name(field), to_const(value))).collect())
        }
    }
}

/// Makes a sentence of the library's message, with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
