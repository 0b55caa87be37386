//! Validation of texts that people enter about themselves and others. An accepted text is within its limits and has no
//! control characters.

use async_graphql::MaybeUndefined;

use crate::{
    error::{Error, Result, UserErrorCode},
    plain_text, text,
};

/// Maximum length of a display name, a part of a name, a title and similar texts, in characters.
pub const MAX_NAME: usize = 200;

/// The path of an input field, for refusals.
pub type FieldPath = &'static [&'static str];

/// Cleans a one-line text by the rule of [`plain_text::line`] and checks its limit. Returns `None` when no visible text
/// is left. Refuses with INVALID.
pub fn line(text: &str, field: FieldPath, most: usize) -> Result<Option<String>> {
    let text = plain_text::line(text);
    if text.chars().count() > most {
        let refused = Error::refused(UserErrorCode::Invalid, field, format!("At most {most} characters."));
        return Err(refused.with_excess(most, text.chars().count()));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::refused(UserErrorCode::Invalid, field, "Control characters are not allowed."));
    }
    Ok((!text::is_blank(&text)).then_some(text))
}

/// Cleans and checks a one-line text that is needed. Refuses as [`line()`] does, and with REQUIRED and the sentence
/// `why` when no visible text is left.
pub fn required_line(text: &str, field: FieldPath, most: usize, why: &'static str) -> Result<String> {
    line(text, field, most)?.ok_or_else(|| Error::refused(UserErrorCode::Required, field, why))
}

/// Cleans a text of several lines by the rule of [`plain_text::lines`], trims it and checks its limit. Returns `None`
/// when no visible text is left. Refuses with INVALID.
pub fn lines(text: &str, field: FieldPath, most: usize) -> Result<Option<String>> {
    let text = plain_text::lines(text);
    let text = text.trim();
    if text.chars().count() > most {
        let refused = Error::refused(UserErrorCode::Invalid, field, format!("At most {most} characters."));
        return Err(refused.with_excess(most, text.chars().count()));
    }
    if plain_text::has_control(text) {
        return Err(Error::refused(UserErrorCode::Invalid, field, "Control characters are not allowed."));
    }
    Ok((!text::is_blank(text)).then(|| text.to_owned()))
}

/// Cleans and checks an optional one-line text. Refuses with INVALID.
pub fn optional(text: Option<&str>, field: FieldPath, most: usize) -> Result<Option<String>> {
    text.map_or(Ok(None), |text| line(text, field, most))
}

/// Cleans and checks a display name. Refuses with INVALID, or with REQUIRED when the name is empty.
pub fn name(text: &str, field: FieldPath) -> Result<String> {
    required_line(text, field, MAX_NAME, "A name is needed.")
}

/// Applies a change to a display name. Refuses with INVALID, or with REQUIRED when the change would clear
/// the name.
pub fn patch_name(column: &mut String, change: &MaybeUndefined<String>, field: FieldPath) -> Result<()> {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *column = name("", field)?,
        MaybeUndefined::Value(text) => *column = name(text, field)?,
    }
    Ok(())
}

/// Applies a change to a column. Null and a blank text clear it. Refuses with INVALID.
pub fn patch(
    column: &mut Option<String>,
    change: &MaybeUndefined<String>,
    field: FieldPath,
    most: usize,
) -> Result<()> {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *column = None,
        MaybeUndefined::Value(text) => *column = line(text, field, most)?,
    }
    Ok(())
}
