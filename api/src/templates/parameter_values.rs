//! The values that an agent gives to the parameters of a template: checked by kind, and written for the customer.

use std::collections::HashMap;

use async_graphql::InputObject;
use chrono::NaiveDate;
use entity::template_version::{ParameterKind, TemplateParameter};

use crate::{
    contacts::detail_validation::FieldPath,
    error::{Error, Result, UserErrorCode},
    plain_text, text,
    text::{dates, locale::Locale},
};

/// The longest value, in characters.
const LONGEST_VALUE: usize = 500;
/// The longest number, in characters.
const LONGEST_NUMBER: usize = 30;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, InputObject)]
pub struct TemplateValueInput {
    /// The name of the parameter.
    pub name: String,
    /// The value, at most 500 characters and without braces, in the form of the parameter's kind. An empty value
    /// counts as missing.
    pub value: String,
}

/// The input fields of the values, for refusals.
#[derive(Clone, Copy, Debug)]
pub struct ValueFields {
    /// The list of values.
    pub values: FieldPath,
    /// The name of a value.
    pub name: FieldPath,
    /// The text of a value.
    pub value: FieldPath,
}

/// Checks values and returns them as the customer reads them, by name. A parameter without a value is not in the map,
/// and an optional one is empty. Refuses with `INVALID` or `DUPLICATE`, and with `NOT_FOUND` for an unknown name.
pub fn check(
    parameters: &[TemplateParameter],
    given: &[TemplateValueInput],
    locale: Locale,
    fields: ValueFields,
) -> Result<HashMap<String, String>> {
    let mut values = HashMap::new();
    for (position, one) in given.iter().enumerate() {
        let checked = || {
            let parameter = parameters.iter().find(|parameter| parameter.name == one.name);
            let parameter = parameter.ok_or_else(|| Error::not_found(fields.name))?;
            if values.contains_key(&one.name) {
                return Err(Error::refused(UserErrorCode::Duplicate, fields.name, "The parameter has two values."));
            }
            written(parameter, &one.value, locale)
                .map_err(|why| Error::refused(UserErrorCode::Invalid, fields.value, why))
        };
        let checked = checked().map_err(|error: Error| error.in_item(fields.values, position))?;
        if let Some(value) = checked {
            values.insert(one.name.clone(), value);
        }
    }
    for parameter in parameters.iter().filter(|parameter| !parameter.required) {
        values.entry(parameter.name.clone()).or_default();
    }
    Ok(values)
}

/// Returns a value as the customer reads it. None for an empty one. The error says what is wrong.
fn written(parameter: &TemplateParameter, given: &str, locale: Locale) -> Result<Option<String>, &'static str> {
    let value = plain_text::lines(given);
    let value = value.trim();
    if text::is_blank(value) {
        return Ok(None);
    }
    if value.chars().count() > LONGEST_VALUE {
        return Err("A value has at most 500 characters.");
    }
    if value.contains(['{', '}']) {
        return Err("A value has no braces.");
    }
    if plain_text::has_control(value) {
        return Err("Control characters are not allowed.");
    }
    let fits = match parameter.kind {
        ParameterKind::Text => true,
        ParameterKind::Choice => parameter.options.iter().any(|option| option == value),
        ParameterKind::Number => is_number(value),
        ParameterKind::Email => is_email(value),
        ParameterKind::Phone => is_phone(value),
        ParameterKind::Date => {
            let day = NaiveDate::parse_from_str(value, "%Y-%m-%d").map_err(|_| "A day is written as 2026-12-24.")?;
            return Ok(Some(dates::day(day, locale)));
        }
    };
    match (fits, parameter.kind) {
        (true, _) => Ok(Some(value.to_owned())),
        (false, ParameterKind::Choice) => Err("This is none of the options."),
        (false, ParameterKind::Number) => Err("A number is written as 12 or -12.50."),
        (false, ParameterKind::Email) => Err("This is no e-mail address."),
        (false, _) => Err("A telephone number has 3 to 20 digits."),
    }
}

fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    value.len() <= LONGEST_NUMBER && all(whole) && all(fraction)
}

/// Returns true for an address with one `@` between a name and a host with a full stop.
fn is_email(value: &str) -> bool {
    let address = text::email_address(value);
    let parts = address.split_once('@').filter(|(_, host)| !host.contains('@'));
    let host = |host: &str| host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
    parts.is_some_and(|(name, of)| !name.is_empty() && host(of)) && !address.contains(char::is_whitespace)
}

fn is_phone(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    (3..=20).contains(&digits) && value.chars().all(|c| c.is_ascii_digit() || " +-()./".contains(c))
}

#[cfg(test)]
mod tests {
    use entity::template_version::{
        ParameterKind::{self, Choice, Date, Email, Number, Phone, Text},
        TemplateParameter,
    };

    use super::written;
    use crate::text::locale::Locale;

    #[test]
    fn each_kind_takes_its_values_and_no_others() {
        let parameter = |kind: ParameterKind| TemplateParameter {
            name: "p".to_owned(),
            label: "P".to_owned(),
            kind,
            required: true,
            options: vec!["red".to_owned(), "blue".to_owned()],
            example: None,
        };
        for (kind, good, bad) in [
            (Text, vec!["a", "한국 \u{1f600}"], vec!["{a}", "a}", "a\u{7}", &"x".repeat(501)]),
            (Number, vec!["0", "-12.50", "007"], vec!["1,5", "1.", ".5", "+1", "1e3", "--1"]),
            (Date, vec!["2026-12-24", "2028-02-29"], vec!["24.12.2026", "2026-02-30", "2026-12-24T00:00"]),
            (Email, vec!["kim@example.org"], vec!["kim", "kim@", "a b@example.org"]),
            (Phone, vec!["+82 2 1234 5678", "112"], vec!["12", "call me", &"1".repeat(21)]),
            (Choice, vec!["red", "blue"], vec!["Red", "green"]),
        ] {
            for value in good {
                assert!(
                    written(&parameter(kind), value, Locale::English).is_ok_and(|value| value.is_some()),
                    "{value}"
                );
            }
            for value in bad {
                assert!(written(&parameter(kind), value, Locale::English).is_err(), "{kind:?} {value}");
            }
        }
        assert_eq!(written(&parameter(Text), "  \n", Locale::English), Ok(None));
        let day = |locale| written(&parameter(Date), "2026-12-24", locale).ok().flatten();
        assert_eq!(day(Locale::Korean).as_deref(), Some("2026년 12월 24일"));
        assert_eq!(day(Locale::German).as_deref(), Some("24. Dezember 2026"));
    }
}
