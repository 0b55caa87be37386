//! The form before a chat: what was answered is checked against what is asked.

use std::collections::HashSet;

use async_graphql::InputObject;
use entity::entry_point::{Form, FormField, FormFieldKind};

use crate::{
    contacts::{
        details::{self, MAX_EMAIL, MAX_NUMBER},
        fields::{self, Field},
    },
    conversations::customers::{About, MAX_NAME},
    error::{Error, Result, UserErrorCode},
    plain_text, text,
};

/// An answer to a field of the form.
#[derive(Clone, Debug, InputObject)]
pub struct WebChatAnswerInput {
    /// The field's name, as `webChat` gives it.
    pub name: String,
    /// What the visitor answers. A text of nothing is no answer.
    pub value: String,
}

/// The most answers.
pub const MOST: usize = 20;
/// The longest answer to a field of the kind TEXT, in characters.
const MAX_TEXT: usize = 1_000;

const FIELDS: Field = &["input", "fields"];

macro_rules! paths {
    ($part:literal: $($place:literal)*) => { [$(&["input", "fields", $place, $part]),*] };
}

/// Where each answer stands in the input.
const NAMES: [Field; MOST] =
    paths!("name": "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15" "16" "17" "18" "19");
const VALUES: [Field; MOST] =
    paths!("value": "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15" "16" "17" "18" "19");

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    pub about: About,
    /// Each answer with the label of its field, in the order of the form.
    pub lines: Vec<String>,
}

/// The answers to a form, or the refusal of the first that is wrong.
pub fn check(form: &Form, given: &[WebChatAnswerInput]) -> Result<Answers> {
    if given.len() > MOST {
        return Err(Error::refused(UserErrorCode::Invalid, FIELDS, format!("At most {MOST} answers.")));
    }
    let mut seen = HashSet::new();
    for (answer, path) in given.iter().zip(NAMES) {
        if !form.0.iter().any(|field| field.name == answer.name) {
            return Err(Error::refused(UserErrorCode::Invalid, path, "The form has no such field."));
        }
        if !seen.insert(&answer.name) {
            return Err(Error::refused(UserErrorCode::Invalid, path, "This field is answered already."));
        }
    }
    let mut answers = Answers::default();
    for field in &form.0 {
        let found = given.iter().zip(VALUES).find(|(answer, _)| answer.name == field.name);
        let value = match found {
            Some((answer, path)) => read(field, &answer.value, path)?,
            None => None,
        };
        let Some(value) = value else {
            if field.required {
                let why = format!("The field {} must be answered.", field.name);
                return Err(Error::refused(UserErrorCode::Invalid, found.map_or(FIELDS, |(_, path)| path), why));
            }
            continue;
        };
        answers.lines.push(format!("{}: {value}", field.label));
        match field.kind {
            FormFieldKind::Name => answers.about.name = Some(value),
            FormFieldKind::Email => answers.about.email = Some(value),
            FormFieldKind::Phone => answers.about.phone = Some(value),
            FormFieldKind::Text | FormFieldKind::Choice => {}
        }
    }
    Ok(answers)
}

/// An answer as its field takes it; none where nothing is answered.
fn read(field: &FormField, value: &str, path: Field) -> Result<Option<String>> {
    match field.kind {
        FormFieldKind::Name => fields::line(value, path, MAX_NAME),
        FormFieldKind::Email => email(value, path),
        FormFieldKind::Phone => phone(value, path),
        FormFieldKind::Text => fields::lines(value, path, MAX_TEXT),
        FormFieldKind::Choice => {
            fields::line(value, path, MAX_TEXT)?.map(|value| option(field, &value, path)).transpose()
        }
    }
}

/// The option that is chosen, as it is written in the form. Keyboards write the same letters in several ways.
fn option(field: &FormField, value: &str, path: Field) -> Result<String> {
    let value = plain_text::composed(value);
    let chosen = field.options.iter().find(|option| plain_text::composed(option) == value);
    chosen.cloned().ok_or_else(|| Error::refused(UserErrorCode::Invalid, path, "This is none of the options."))
}

/// An e-mail address as it may be; none where there is nothing.
pub fn email(value: &str, path: Field) -> Result<Option<String>> {
    let address = text::email_address(value);
    if text::is_blank(&address) {
        return Ok(None);
    }
    if !details::is_email(&address) {
        let why = format!("An e-mail address looks like jane@example.com and has at most {MAX_EMAIL} characters.");
        return Err(Error::refused(UserErrorCode::Invalid, path, why));
    }
    Ok(Some(address))
}

/// A telephone number, of whatever country: digits with signs between them, by the rule of [`plain_text::telephone`].
fn phone(value: &str, path: Field) -> Result<Option<String>> {
    let Some(number) = fields::line(&plain_text::telephone(value), path, MAX_NUMBER)? else { return Ok(None) };
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let odd = |c: char| !(c.is_ascii_digit() || " +-./()".contains(c));
    if !(3..=20).contains(&digits) || number.contains(odd) {
        let why = "A telephone number has 3 to 20 digits, and between them spaces and + - . / ( ).";
        return Err(Error::refused(UserErrorCode::Invalid, path, why));
    }
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::{Answers, Error, Form, FormField, FormFieldKind, WebChatAnswerInput, check};

    fn form() -> Form {
        let field = |name: &str, kind, required| FormField {
            name: name.to_owned(),
            label: name.to_uppercase(),
            kind,
            required,
            options: ["red", "blue", "Caf\u{e9}", "도움", "A\u{30a}land"].map(str::to_owned).to_vec(),
        };
        Form(vec![
            field("name", FormFieldKind::Name, true),
            field("email", FormFieldKind::Email, false),
            field("phone", FormFieldKind::Phone, false),
            field("order", FormFieldKind::Text, false),
            field("colour", FormFieldKind::Choice, false),
        ])
    }

    fn answer(given: &[(&str, &str)]) -> Result<Answers, Vec<&'static str>> {
        let given: Vec<_> = given
            .iter()
            .map(|(name, value)| WebChatAnswerInput { name: (*name).to_owned(), value: (*value).to_owned() })
            .collect();
        check(&form(), &given).map_err(|error| match error {
            Error::Refused(refusal) => refusal.field.to_vec(),
            _ => vec![],
        })
    }

    #[test]
    fn what_is_answered_is_kept_in_the_order_of_the_form() {
        let given =
            [("colour", "blue"), ("phone", " +49 (30) 1 "), ("name", " Kim "), ("order", "a\nb"), ("email", "")];
        let answers = answer(&given).unwrap_or_default();
        assert_eq!(answers.lines, ["NAME: Kim", "PHONE: +49 (30) 1", "ORDER: a\nb", "COLOUR: blue"]);
        assert_eq!((answers.about.name.as_deref(), answers.about.email), (Some("Kim"), None));
    }

    #[test]
    fn a_choice_may_be_written_in_any_equivalent_way() {
        for (given, kept) in [
            ("Caf\u{e9}", "Caf\u{e9}"),
            (" Cafe\u{301} ", "Caf\u{e9}"),
            ("\u{1103}\u{1169}\u{110b}\u{116e}\u{11b7}", "도움"),
            ("\u{212b}land", "A\u{30a}land"),
            ("\u{c5}land", "A\u{30a}land"),
        ] {
            let answers = answer(&[("name", "Kim"), ("colour", given)]).unwrap_or_default();
            assert_eq!(answers.lines, ["NAME: Kim".to_owned(), format!("COLOUR: {kept}")], "{given:?}");
        }
        for given in ["Cafe", "CAF\u{c9}", "\u{ff52}ed"] {
            assert!(answer(&[("name", "Kim"), ("colour", given)]).is_err(), "{given:?}");
        }
    }

    #[test]
    fn a_number_may_be_written_in_any_script() {
        for (given, kept) in [
            ("０９０－１２３４－５６７８", "090-1234-5678"),
            ("٠٥٠١٢٣٤٥٦٧", "0501234567"),
            ("(02)\u{a0}123–4567", "(02) 123-4567"),
            ("\u{202d}+41\u{2009}44\u{202f}668\u{202c}", "+41 44 668"),
            ("০১৭১২‐৩৪৫৬৭৮", "01712-345678"),
        ] {
            let answers = answer(&[("name", "Kim"), ("phone", given)]).unwrap_or_default();
            assert_eq!(answers.about.phone.as_deref(), Some(kept), "{given}");
        }
        assert_eq!(answer(&[("name", "Kim"), ("phone", "\u{200e}")]).map(|answers| answers.about.phone), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_refused_where_it_stands() {
        let (long, longer) = ("x".repeat(201), "x".repeat(1_001));
        for (given, path) in [
            (vec![], vec!["input", "fields"]),
            (vec![("name", "  ")], vec!["input", "fields", "0", "value"]),
            (vec![("name", long.as_str())], vec!["input", "fields", "0", "value"]),
            (vec![("name", "a\u{0}b")], vec!["input", "fields", "0", "value"]),
            (vec![("name", "Kim"), ("email", "kim@")], vec!["input", "fields", "1", "value"]),
            (vec![("name", "Kim"), ("phone", "call me")], vec!["input", "fields", "1", "value"]),
            (vec![("name", "Kim"), ("phone", "++")], vec!["input", "fields", "1", "value"]),
            (vec![("name", "Kim"), ("order", longer.as_str())], vec!["input", "fields", "1", "value"]),
            (vec![("name", "Kim"), ("colour", "green")], vec!["input", "fields", "1", "value"]),
            (vec![("name", "Kim"), ("size", "L")], vec!["input", "fields", "1", "name"]),
            (vec![("name", "Kim"), ("name", "Lee")], vec!["input", "fields", "1", "name"]),
            (vec![("name", "Kim"); 21], vec!["input", "fields"]),
        ] {
            assert_eq!(answer(&given).err(), Some(path), "{given:?}");
        }
    }
}
