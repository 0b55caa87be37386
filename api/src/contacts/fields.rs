//! Texts that people write about themselves and about others: within their limits, without control characters.

use async_graphql::MaybeUndefined;

use crate::{
    error::{Error, Result, UserErrorCode},
    plain_text, text,
};

/// The longest display name, part of a name, title and the like, in characters.
pub const MAX_NAME: usize = 200;

/// The path of an input field, for refusals.
pub type Field = &'static [&'static str];

/// A text of one line within its limits, by the rule of [`plain_text::line`]; `None` when nothing is left that a reader sees.
pub fn line(text: &str, field: Field, most: usize) -> Result<Option<String>> {
    let text = plain_text::line(text);
    if text.chars().count() > most {
        return Err(Error::refused(UserErrorCode::Invalid, field, format!("At most {most} characters.")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::refused(UserErrorCode::Invalid, field, "Control characters are not allowed."));
    }
    Ok((!text::is_blank(&text)).then_some(text))
}

/// A text of several lines within its limits, by the rule of [`plain_text::lines`], trimmed; `None` when nothing is left.
pub fn lines(text: &str, field: Field, most: usize) -> Result<Option<String>> {
    let text = plain_text::lines(text);
    let text = text.trim();
    if text.chars().count() > most {
        return Err(Error::refused(UserErrorCode::Invalid, field, format!("At most {most} characters.")));
    }
    if plain_text::has_control(text) {
        return Err(Error::refused(UserErrorCode::Invalid, field, "Control characters are not allowed."));
    }
    Ok((!text::is_blank(text)).then(|| text.to_owned()))
}

/// A text that may be left out.
pub fn optional(text: Option<&str>, field: Field, most: usize) -> Result<Option<String>> {
    text.map_or(Ok(None), |text| line(text, field, most))
}

/// A name to show, which nobody is without.
pub fn name(text: &str, field: Field) -> Result<String> {
    line(text, field, MAX_NAME)?.ok_or_else(|| Error::refused(UserErrorCode::Invalid, field, "A name is needed."))
}

/// Changes a name to show, if it is to be changed.
pub fn patch_name(column: &mut String, change: &MaybeUndefined<String>, field: Field) -> Result<()> {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *column = name("", field)?,
        MaybeUndefined::Value(text) => *column = name(text, field)?,
    }
    Ok(())
}

/// Changes a column, if it is to be changed; null and a text of nothing empty it.
pub fn patch(column: &mut Option<String>, change: &MaybeUndefined<String>, field: Field, most: usize) -> Result<()> {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *column = None,
        MaybeUndefined::Value(text) => *column = line(text, field, most)?,
    }
    Ok(())
}
