//! Validation of an entry point's address, pre-chat form, web sites and secret.

use std::collections::HashSet;

use async_graphql::InputObject;
use entity::{
    channel::Channel,
    entry_point::{Form, FormField, FormFieldKind, Origins},
};

use super::pre_chat_form;
use crate::{
    contact_center::name_validation::invalid,
    contacts::{
        detail_validation::{self, FieldPath},
        details,
    },
    conversations::channel_capabilities::{self, EntryPointAddress},
    error::Result,
    plain_text, text, web_address,
};

/// Maximum length of an address, in characters.
const MAX_ADDRESS: usize = 200;
/// Maximum length of a label or an option, in characters.
const MAX_TEXT: usize = 200;
/// Maximum length of a field's name, in characters.
const MAX_FIELD_NAME: usize = 40;
/// Maximum number of options of a choice.
const MAX_OPTIONS: usize = 50;
/// Maximum number of web sites of an entry point.
const MAX_ORIGINS: usize = 50;
/// Allowed length of a secret, in characters.
const SECRET: std::ops::RangeInclusive<usize> = 16..=200;

const ADDRESS: FieldPath = &["input", "address"];
const FIELDS: FieldPath = &["input", "fields"];
const FIELD_NAME: FieldPath = &["input", "fields", "name"];
const LABEL: FieldPath = &["input", "fields", "label"];
const OPTIONS: FieldPath = &["input", "fields", "options"];
const ORIGINS: FieldPath = &["input", "origins"];
const IDENTITY_SECRET: FieldPath = &["input", "identitySecret"];

/// A field of the pre-chat form.
#[derive(Clone, Debug, InputObject)]
pub struct EntryPointFieldInput {
    /// The name by which an answer refers to the field: 1 to 40 letters, digits, `_` and `-`. Unique in the form.
    pub name: String,
    /// The label to show beside the field, 1 to 200 characters.
    pub label: String,
    /// The kind of answer that the field takes.
    pub kind: FormFieldKind,
    /// True when a chat cannot begin without an answer.
    #[graphql(default)]
    pub required: bool,
    /// The options of a CHOICE, 1 to 50, of 1 to 200 characters each. Empty for other kinds.
    #[graphql(default)]
    pub options: Vec<String>,
}

/// Checks an address and returns it in its stored form. Refuses with `REQUIRED` or `INVALID`.
pub fn check_address(channel: Channel, given: &str) -> Result<String> {
    let form = channel_capabilities::of(channel).entry_point_address;
    let given = if form == EntryPointAddress::Number { plain_text::telephone(given) } else { given.to_owned() };
    let address = detail_validation::required_line(&given, ADDRESS, MAX_ADDRESS, "An address is needed.")?;
    if form != EntryPointAddress::Mailbox {
        return Ok(address);
    }
    let address = text::email_address(&address);
    if !details::is_email(&address) {
        return Err(invalid(ADDRESS, "The address of a mailbox looks like help@example.com."));
    }
    Ok(address.to_lowercase())
}

/// Checks the fields of a pre-chat form. Refuses with `REQUIRED` or `INVALID`.
pub fn check_form(given: &[EntryPointFieldInput]) -> Result<Form> {
    if given.len() > pre_chat_form::MAX_ANSWERS {
        return Err(invalid(FIELDS, format!("A form has at most {} fields.", pre_chat_form::MAX_ANSWERS)));
    }
    let mut seen = HashSet::new();
    let mut form = Vec::new();
    for (index, field) in given.iter().enumerate() {
        let refused = |path, why: String| Err(invalid(path, why).in_item(FIELDS, index));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if field.name.is_empty() || field.name.len() > MAX_FIELD_NAME || !field.name.chars().all(plain) {
            let why = format!("A field's name must have 1 to {MAX_FIELD_NAME} letters, digits, _ and -.");
            return refused(FIELD_NAME, why);
        }
        if !seen.insert(&field.name) {
            return refused(FIELD_NAME, format!("Two fields have the name {}.", field.name));
        }
        let label = detail_validation::required_line(&field.label, LABEL, MAX_TEXT, "Each field needs a label.");
        let label = label.map_err(|error| error.in_item(FIELDS, index))?;
        let options = options(field).map_err(|error| error.in_item(FIELDS, index))?;
        let (name, kind, required) = (field.name.clone(), field.kind, field.required);
        form.push(FormField { name, label, kind, required, options });
    }
    Ok(Form(form))
}

fn options(field: &EntryPointFieldInput) -> Result<Vec<String>> {
    let possible = if field.kind == FormFieldKind::Choice { 1..=MAX_OPTIONS } else { 0..=0 };
    if !possible.contains(&field.options.len()) {
        return Err(invalid(OPTIONS, format!("Only a CHOICE has options, from 1 to {MAX_OPTIONS}.")));
    }
    let mut options: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for option in &field.options {
        match detail_validation::line(option, OPTIONS, MAX_TEXT)? {
            Some(option) if known.insert(plain_text::composed(&option)) => options.push(option),
            _ => return Err(invalid(OPTIONS, "Options must not be empty or repeated.")),
        }
    }
    Ok(options)
}

/// Checks web sites and returns their origins, each with scheme, host and port. Refuses with `INVALID`.
pub fn check_origins(given: &[String]) -> Result<Origins> {
    if given.len() > MAX_ORIGINS {
        return Err(invalid(ORIGINS, format!("Allow at most {MAX_ORIGINS} web sites.")));
    }
    let mut origins: Vec<String> = Vec::new();
    for (index, text) in given.iter().enumerate() {
        let why = "A web site looks like https://example.com or http://localhost:3000, without a path.";
        let origin = web_address::origin(text).ok_or_else(|| invalid(ORIGINS, why).in_item(ORIGINS, index))?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(Origins(origins))
}

/// Checks a secret that an administrator chose. Refuses with `INVALID`.
pub fn check_secret(given: &str) -> Result<String> {
    if !SECRET.contains(&given.chars().count()) || plain_text::has_control(given) {
        let why = format!("A secret must have {} to {} printable characters.", SECRET.start(), SECRET.end());
        return Err(invalid(IDENTITY_SECRET, why));
    }
    Ok(given.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{EntryPointFieldInput, check_address, check_form, check_secret};
    use entity::{channel::Channel, entry_point::FormFieldKind};

    #[test]
    fn a_form_names_each_field_once_and_only_a_choice_has_options() {
        let field = |name: &str, kind, options: &[&str]| EntryPointFieldInput {
            name: name.to_owned(),
            label: "Label".to_owned(),
            kind,
            required: false,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        };
        let text = |name: &str| field(name, FormFieldKind::Text, &[]);
        assert!(check_form(&[text("a"), field("b", FormFieldKind::Choice, &["x", "y"])]).is_ok());
        assert!(check_form(&(0..20).map(|number| text(&number.to_string())).collect::<Vec<_>>()).is_ok());
        for bad in [
            vec![text("a"), text("a")],
            vec![text("")],
            vec![text("a b")],
            vec![EntryPointFieldInput { label: " ".to_owned(), ..text("a") }],
            vec![field("a", FormFieldKind::Choice, &[])],
            vec![field("a", FormFieldKind::Choice, &["x", " x "])],
            vec![field("a", FormFieldKind::Choice, &["Caf\u{e9}", "Cafe\u{301}"])],
            vec![field("a", FormFieldKind::Text, &["x"])],
            (0..21).map(|number| text(&number.to_string())).collect(),
        ] {
            assert!(check_form(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_mailbox_has_the_address_of_one() {
        assert_eq!(check_address(Channel::Email, " Help@Example.com ").ok().as_deref(), Some("help@example.com"));
        assert!(check_address(Channel::Email, "help").is_err());
        assert_eq!(check_address(Channel::Messenger, "Page").ok().as_deref(), Some("Page"));
        assert!(check_address(Channel::Sms, " ").is_err());
    }

    #[test]
    fn a_secret_is_not_short() {
        assert!(check_secret("0123456789abcdef").is_ok());
        assert!(
            check_secret("short").is_err()
                && check_secret(&"x".repeat(201)).is_err()
                && check_secret("0123456789abcdef\n\0").is_err()
        );
    }
}
