//! The checks of a template before it is stored.

use std::collections::BTreeSet;

use async_graphql::{InputObject, InputType as _};
use entity::{
    template_version::{ParameterKind, TemplateParameter, TemplateParameters},
    thread_item::TextFormat,
};

use crate::{
    contact_center::name_validation::invalid,
    contacts::detail_validation::{self, FieldPath},
    conversations::{markdown, message_content::MAX_BODY},
    error::{Error, Result, UserErrorCode},
    plain_text,
    templates::{
        system_values::SYSTEM_NAMES,
        template_body::{Malformed, TemplateBody, is_name},
    },
    text,
};

/// Maximum number of parameters that an agent fills in.
const MAX_PARAMETERS: usize = 20;
/// Maximum number of options of a choice.
const MAX_OPTIONS: usize = 50;
/// Maximum length of a shortcut, in characters.
const MAX_SHORTCUT: usize = 30;
/// Maximum length of a label, an option, an example and a category, in characters.
const MAX_LABEL: usize = 80;

const BODY: FieldPath = &["input", "body"];
const FORMAT: FieldPath = &["input", "format"];
const SHORTCUT: FieldPath = &["input", "shortcut"];
const CATEGORY: FieldPath = &["input", "category"];
const PARAMETERS: FieldPath = &["input", "parameters"];
const NAME: FieldPath = &["input", "parameters", "name"];
const LABEL: FieldPath = &["input", "parameters", "label"];
const OPTIONS: FieldPath = &["input", "parameters", "options"];
const EXAMPLE: FieldPath = &["input", "parameters", "example"];

/// A parameter that the agent fills in.
#[derive(Clone, Debug, PartialEq, Eq, InputObject, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateParameterInput {
    /// The name in the text, at most 40 ASCII letters, digits and `_` after a letter.
    pub name: String,
    /// The question to the agent, 1 to 80 characters.
    pub label: String,
    /// The kind of value.
    #[graphql(default_with = "ParameterKind::Text")]
    pub kind: ParameterKind,
    /// True if a message needs a value, unless the text has one for a missing value.
    #[graphql(default = true)]
    pub required: bool,
    /// The possible values of a CHOICE, 1 to 50 with at most 80 characters each.
    #[graphql(default)]
    #[serde(default)]
    pub options: Vec<String>,
    /// An example of a value, at most 80 characters.
    #[serde(default)]
    pub example: Option<String>,
}

/// Checks the text of a template with its parameters, and returns both in their stored form. Refuses with `REQUIRED`,
/// `TOO_LONG`, `INVALID`, `DUPLICATE`, `LIMIT_REACHED` or `FORMAT_NOT_SUPPORTED`.
pub fn check_text(
    body: &str,
    format: TextFormat,
    parameters: &[TemplateParameterInput],
) -> Result<(String, TemplateParameters)> {
    let body = plain_text::lines(body);
    if text::is_blank(&body) {
        return Err(Error::refused(UserErrorCode::Required, BODY, "A template has a text."));
    }
    let most = if format == TextFormat::Markdown { markdown::LONGEST } else { MAX_BODY };
    let length = body.chars().count();
    if length > most {
        let refused = Error::refused(UserErrorCode::TooLong, BODY, format!("At most {most} characters are allowed."));
        return Err(refused.with_excess(most, length));
    }
    if plain_text::has_control(&body) {
        return Err(invalid(BODY, "Control characters are not allowed."));
    }
    if format == TextFormat::Html {
        let why = "HTML is not supported. Use Markdown.";
        return Err(Error::refused(UserErrorCode::FormatNotSupported, FORMAT, why));
    }
    let parameters = check_parameters(parameters)?;
    let parsed = TemplateBody::parse(&body).map_err(|why| invalid(BODY, told(&why)))?;
    let known = |name: &&str| parameters.0.iter().any(|one| one.name == *name) || SYSTEM_NAMES.contains(name);
    if let Some(unknown) = parsed.names().into_iter().find(|name| !known(name)) {
        return Err(invalid(BODY, format!("There is no parameter {unknown}.")));
    }
    let names = parsed.names();
    if let Some(position) = parameters.0.iter().position(|one| !names.contains(one.name.as_str())) {
        return Err(invalid(NAME, "The text has no such parameter.").in_item(PARAMETERS, position));
    }
    Ok((body, parameters))
}

fn told(why: &Malformed) -> String {
    match why {
        Malformed::Unbalanced => "Double braces begin or end without the other side.".to_owned(),
        Malformed::NoName(name) => format!("{name} is no name of a parameter."),
        Malformed::BraceBeside => "A brace stands beside a parameter.".to_owned(),
    }
}

fn check_parameters(given: &[TemplateParameterInput]) -> Result<TemplateParameters> {
    if given.len() > MAX_PARAMETERS {
        let why = format!("A template has at most {MAX_PARAMETERS} parameters.");
        let refused = Error::refused(UserErrorCode::LimitReached, PARAMETERS, why);
        return Err(refused.with_excess(MAX_PARAMETERS, given.len()));
    }
    let mut names = BTreeSet::new();
    let mut checked = Vec::new();
    for (position, one) in given.iter().enumerate() {
        let parameter = check_parameter(one, &mut names).map_err(|error| error.in_item(PARAMETERS, position))?;
        checked.push(parameter);
    }
    Ok(TemplateParameters(checked))
}

fn check_parameter<'a>(one: &'a TemplateParameterInput, names: &mut BTreeSet<&'a str>) -> Result<TemplateParameter> {
    if !is_name(&one.name) || one.name.contains('.') {
        return Err(invalid(NAME, "A name has at most 40 ASCII letters, digits and _, after a letter."));
    }
    if !names.insert(&one.name) {
        return Err(Error::refused(UserErrorCode::Duplicate, NAME, "Two parameters have this name."));
    }
    let label = detail_validation::required_line(&one.label, LABEL, MAX_LABEL, "A label is needed.")?;
    let options = one.options.iter().map(|option| {
        let option = detail_validation::required_line(option, OPTIONS, MAX_LABEL, "An option has a text.")?;
        if option.contains(['{', '}']) { Err(invalid(OPTIONS, "An option has no braces.")) } else { Ok(option) }
    });
    let options = options.collect::<Result<Vec<_>>>()?;
    if (one.kind == ParameterKind::Choice) == options.is_empty() || options.len() > MAX_OPTIONS {
        return Err(invalid(OPTIONS, "A CHOICE has 1 to 50 options, and no other kind has any."));
    }
    let example = detail_validation::optional(one.example.as_deref(), EXAMPLE, MAX_LABEL)?;
    let (name, kind, required) = (one.name.clone(), one.kind, one.required);
    Ok(TemplateParameter { name, label, kind, required, options, example })
}

/// Checks a shortcut. Refuses with `INVALID`.
pub fn check_shortcut(shortcut: &str) -> Result<Option<String>> {
    let shortcut = detail_validation::optional(Some(shortcut), SHORTCUT, MAX_SHORTCUT)?;
    match shortcut {
        Some(text) if text.contains(char::is_whitespace) => Err(invalid(SHORTCUT, "A shortcut is one word.")),
        shortcut => Ok(shortcut),
    }
}

/// Checks the name of a category. Refuses with `INVALID`.
pub fn check_category(category: &str) -> Result<Option<String>> {
    detail_validation::optional(Some(category), CATEGORY, MAX_LABEL)
}

/// Returns a parameter as an input has it.
#[must_use]
pub fn as_input(parameter: &TemplateParameter) -> TemplateParameterInput {
    let TemplateParameter { name, label, kind, required, options, example } = parameter.clone();
    TemplateParameterInput { name, label, kind, required, options, example }
}

/// Returns parameters in the form of the audit log.
#[must_use]
pub fn to_audit_value(parameters: &TemplateParameters) -> serde_json::Value {
    let all = parameters.0.iter().map(|one| as_input(one).to_value().into_json().unwrap_or_default());
    serde_json::Value::Array(all.collect())
}
