//! What entry points are made of, as it may be: addresses, forms before a chat, web sites, secrets.

use std::collections::HashSet;

use async_graphql::InputObject;
use entity::{
    channel::Channel,
    entry_point::{Form, FormField, FormFieldKind, Origins},
};

use super::names::invalid;
use crate::{
    contacts::{
        details,
        fields::{self, Field},
    },
    conversations::channels::{self, AddressKind},
    error::Result,
    plain_text, text,
    visitors::forms,
    web,
};

/// The longest address and text of a form, in characters.
const MAX_ADDRESS: usize = 200;
const MAX_TEXT: usize = 200;
/// The longest name of a field, in characters.
const MAX_FIELD_NAME: usize = 40;
/// The most options of a choice, and web sites of an entry point.
const MAX_OPTIONS: usize = 50;
const MAX_ORIGINS: usize = 50;
/// How long a secret may be, in characters.
const SECRET: std::ops::RangeInclusive<usize> = 16..=200;

const ADDRESS: Field = &["input", "address"];
const FIELDS: Field = &["input", "fields"];
const ORIGINS: Field = &["input", "origins"];
const IDENTITY_SECRET: Field = &["input", "identitySecret"];

/// A field of the form before a chat.
#[derive(Clone, Debug, InputObject)]
pub struct EntryPointFieldInput {
    /// By this an answer names it: 1 to 40 letters, digits, `_` and `-`. No two fields have one name.
    pub name: String,
    /// What to show beside it, 1 to 200 characters.
    pub label: String,
    /// What it takes.
    pub kind: FormFieldKind,
    /// Whether a chat begins only with an answer.
    #[graphql(default)]
    pub required: bool,
    /// Of a CHOICE, what can be chosen: 1 to 50, each of 1 to 200 characters. Of other kinds nothing.
    #[graphql(default)]
    pub options: Vec<String>,
}

/// An address on a channel, as it is kept.
pub fn address(channel: Channel, given: &str) -> Result<String> {
    let kind = channels::of(channel).address;
    let given = if kind == AddressKind::Phone { plain_text::telephone(given) } else { given.to_owned() };
    let Some(address) = fields::line(&given, ADDRESS, MAX_ADDRESS)? else {
        return Err(invalid(ADDRESS, "An address is needed."));
    };
    if kind != AddressKind::Email {
        return Ok(address);
    }
    let address = text::email_address(&address);
    if !details::is_email(&address) {
        return Err(invalid(ADDRESS, "A mailbox has an address such as help@example.com."));
    }
    Ok(address.to_lowercase())
}

/// The form before a chat.
pub fn form(given: &[EntryPointFieldInput]) -> Result<Form> {
    if given.len() > forms::MOST {
        return Err(invalid(FIELDS, format!("At most {} fields.", forms::MOST)));
    }
    let mut seen = HashSet::new();
    let mut form = Vec::new();
    for field in given {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if field.name.is_empty() || field.name.len() > MAX_FIELD_NAME || !field.name.chars().all(plain) {
            let why = format!("A field's name has 1 to {MAX_FIELD_NAME} letters, digits, _ and -.");
            return Err(invalid(FIELDS, why));
        }
        if !seen.insert(&field.name) {
            return Err(invalid(FIELDS, format!("Two fields are called {}.", field.name)));
        }
        let Some(label) = fields::line(&field.label, FIELDS, MAX_TEXT)? else {
            return Err(invalid(FIELDS, "A field has a label."));
        };
        let (name, kind, required) = (field.name.clone(), field.kind, field.required);
        form.push(FormField { name, label, kind, required, options: options(field)? });
    }
    Ok(Form(form))
}

fn options(field: &EntryPointFieldInput) -> Result<Vec<String>> {
    let possible = if field.kind == FormFieldKind::Choice { 1..=MAX_OPTIONS } else { 0..=0 };
    if !possible.contains(&field.options.len()) {
        return Err(invalid(FIELDS, format!("A CHOICE has 1 to {MAX_OPTIONS} options, and no other field has any.")));
    }
    let mut options: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for option in &field.options {
        match fields::line(option, FIELDS, MAX_TEXT)? {
            Some(option) if known.insert(plain_text::composed(&option)) => options.push(option),
            _ => return Err(invalid(FIELDS, "Options have text and differ from one another.")),
        }
    }
    Ok(options)
}

/// Web sites, each as browsers say it: scheme, host and port.
pub fn origins(given: &[String]) -> Result<Origins> {
    if given.len() > MAX_ORIGINS {
        return Err(invalid(ORIGINS, format!("At most {MAX_ORIGINS}.")));
    }
    let mut origins: Vec<String> = Vec::new();
    for text in given {
        let why = "A web site is written as https://example.com or http://localhost:3000, without a path.";
        let origin = web::origin(text).ok_or_else(|| invalid(ORIGINS, why))?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(Origins(origins))
}

/// A secret that a site chose.
pub fn secret(given: &str) -> Result<String> {
    if !SECRET.contains(&given.chars().count()) || plain_text::has_control(given) {
        let why = format!("A secret has {} to {} printable characters.", SECRET.start(), SECRET.end());
        return Err(invalid(IDENTITY_SECRET, why));
    }
    Ok(given.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Channel, EntryPointFieldInput, FormFieldKind, address, form, secret};

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
        assert!(form(&[text("a"), field("b", FormFieldKind::Choice, &["x", "y"])]).is_ok());
        assert!(form(&(0..20).map(|number| text(&number.to_string())).collect::<Vec<_>>()).is_ok());
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
            assert!(form(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_mailbox_has_the_address_of_one() {
        assert_eq!(address(Channel::Email, " Help@Example.com ").ok().as_deref(), Some("help@example.com"));
        assert!(address(Channel::Email, "help").is_err());
        assert_eq!(address(Channel::Messenger, "Page").ok().as_deref(), Some("Page"));
        assert!(address(Channel::Sms, " ").is_err());
    }

    #[test]
    fn a_secret_is_not_short() {
        assert!(secret("0123456789abcdef").is_ok());
        assert!(
            secret("short").is_err() && secret(&"x".repeat(201)).is_err() && secret("0123456789abcdef\n\0").is_err()
        );
    }
}
