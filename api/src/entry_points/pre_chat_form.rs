//! The pre-chat form: checks a visitor's answers against the fields of the form.

use std::collections::HashSet;

use async_graphql::InputObject;
use entity::{
    announcement::FormAnswer,
    entry_point::{Form, FormField, FormFieldKind},
};

use crate::{
    contacts::{
        detail_validation::{self, FieldPath},
        details::{self, MAX_EMAIL, MAX_NUMBER},
    },
    conversations::customers::{CustomerDetails, MAX_NAME},
    error::{Error, Result, UserErrorCode},
    plain_text, text,
};

/// An answer to a field of the pre-chat form.
#[derive(Clone, Debug, InputObject)]
pub struct WebChatAnswerInput {
    /// The name of the field, as `webChat` gives it.
    pub name: String,
    /// The visitor's answer. An empty text is no answer.
    pub value: String,
}

/// Maximum number of answers.
pub const MAX_ANSWERS: usize = 20;
/// Maximum length of an answer to a field of the kind TEXT, in characters.
const MAX_TEXT: usize = 1_000;

const FIELDS: FieldPath = &["input", "fields"];

const NAME: FieldPath = &["input", "fields", "name"];
const VALUE: FieldPath = &["input", "fields", "value"];

/// The answers to a form, after the check.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The customer's details among the answers.
    pub about: CustomerDetails,
    /// Each answer with the label of its field, in the order of the form.
    pub all: Vec<FormAnswer>,
}

/// Checks the answers to a form, and returns them. Refuses the first wrong answer.
pub fn check(form: &Form, given: &[WebChatAnswerInput]) -> Result<Answers> {
    if given.len() > MAX_ANSWERS {
        return Err(Error::refused(UserErrorCode::Invalid, FIELDS, format!("The maximum is {MAX_ANSWERS} answers.")));
    }
    let mut seen = HashSet::new();
    for (index, answer) in given.iter().enumerate() {
        let refused = |why| Err(Error::refused(UserErrorCode::Invalid, NAME, why).in_item(FIELDS, index));
        if !form.0.iter().any(|field| field.name == answer.name) {
            return refused("The form has no field with this name.");
        }
        if !seen.insert(&answer.name) {
            return refused("This field has already been answered.");
        }
    }
    let mut answers = Answers::default();
    for field in &form.0 {
        let found = given.iter().position(|answer| answer.name == field.name);
        let value = match found {
            Some(index) => read(field, &given[index].value, VALUE).map_err(|error| error.in_item(FIELDS, index))?,
            None => None,
        };
        let Some(value) = value else {
            if field.required {
                let why = format!("The field {} is required.", field.name);
                return Err(match found {
                    Some(index) => Error::refused(UserErrorCode::Required, VALUE, why).in_item(FIELDS, index),
                    None => Error::refused(UserErrorCode::Required, FIELDS, why),
                });
            }
            continue;
        };
        answers.all.push(FormAnswer { name: field.name.clone(), label: field.label.clone(), value: value.clone() });
        match field.kind {
            FormFieldKind::Name => answers.about.name = Some(value),
            FormFieldKind::Email => answers.about.email = Some(value),
            FormFieldKind::Phone => answers.about.phone = Some(value),
            FormFieldKind::Text | FormFieldKind::Choice => {}
        }
    }
    Ok(answers)
}

/// Reads an answer by the kind of its field. Returns `None` if the answer is empty.
fn read(field: &FormField, value: &str, path: FieldPath) -> Result<Option<String>> {
    match field.kind {
        FormFieldKind::Name => detail_validation::line(value, path, MAX_NAME),
        FormFieldKind::Email => email(value, path),
        FormFieldKind::Phone => phone(value, path),
        FormFieldKind::Text => detail_validation::lines(value, path, MAX_TEXT),
        FormFieldKind::Choice => {
            detail_validation::line(value, path, MAX_TEXT)?.map(|value| option(field, &value, path)).transpose()
        }
    }
}

/// Returns the chosen option as the form writes it. Keyboards encode the same letters in several ways, so the
/// comparison ignores that.
fn option(field: &FormField, value: &str, path: FieldPath) -> Result<String> {
    let value = plain_text::composed(value);
    let chosen = field.options.iter().find(|option| plain_text::composed(option) == value);
    chosen.cloned().ok_or_else(|| Error::refused(UserErrorCode::Invalid, path, "This is not one of the options."))
}

/// Reads an e-mail address. Returns `None` if it is blank. Refuses with `INVALID` if it cannot be an address.
pub fn email(value: &str, path: FieldPath) -> Result<Option<String>> {
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

/// Reads a telephone number of any country: digits with signs between them, by the rule of [`plain_text::telephone`].
pub fn phone(value: &str, path: FieldPath) -> Result<Option<String>> {
    let Some(number) = detail_validation::line(&plain_text::telephone(value), path, MAX_NUMBER)? else {
        return Ok(None);
    };
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let odd = |c: char| !(c.is_ascii_digit() || " +-./()".contains(c));
    if !(3..=20).contains(&digits) || number.contains(odd) {
        let why = "A telephone number has 3 to 20 digits. Spaces and + - . / ( ) may stand between them.";
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

    fn answer(given: &[(&str, &str)]) -> Result<Answers, Vec<String>> {
        let given: Vec<_> = given
            .iter()
            .map(|(name, value)| WebChatAnswerInput { name: (*name).to_owned(), value: (*value).to_owned() })
            .collect();
        check(&form(), &given).map_err(|error| match error {
            Error::Refused(refusal) => refusal.field.into_iter().map(Into::into).collect(),
            _ => vec![],
        })
    }

    fn lines(answers: &Answers) -> Vec<String> {
        answers.all.iter().map(|answer| format!("{}: {}", answer.label, answer.value)).collect()
    }

    #[test]
    fn what_is_answered_is_kept_in_the_order_of_the_form() {
        let given =
            [("colour", "blue"), ("phone", " +49 (30) 1 "), ("name", " Kim "), ("order", "a\nb"), ("email", "")];
        let answers = answer(&given).unwrap_or_default();
        assert_eq!(lines(&answers), ["NAME: Kim", "PHONE: +49 (30) 1", "ORDER: a\nb", "COLOUR: blue"]);
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
            assert_eq!(lines(&answers), ["NAME: Kim".to_owned(), format!("COLOUR: {kept}")], "{given:?}");
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
            let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
            assert_eq!(answer(&given).err(), Some(path), "{given:?}");
        }
    }
}
