//! Plain texts from the values of properties of all versions and programs.

use calcard::vcard::{VCardEntry, VCardParameterName, VCardParameterValue, VCardProperty, VCardValue};
use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::{
    card::{Address, Birthday, NameParts, Phone, Url},
    escape,
    head::{CONTROLS, ENCODED},
    labels, value_forms,
};
use crate::{plain_text, text, web_address};

/// Schemes of code or content instead of an address.
const REFUSED: [&str; 5] = ["javascript", "vbscript", "data", "blob", "file"];
/// The rank of a property without a preference.
const UNRANKED: u32 = 101;

/// Returns the parts of an `N`.
pub fn name(entry: &VCardEntry) -> NameParts {
    NameParts {
        family: words_of(entry, 0, " "),
        given: words_of(entry, 1, " "),
        additional: words_of(entry, 2, " "),
        prefix: words_of(entry, 3, " "),
        suffix: words_of(entry, 4, ", "),
    }
}

/// Returns the number of a `TEL`, which may be a text or a URI, with its extension.
pub fn phone(entry: &VCardEntry, label: Option<String>, preferred: bool) -> Option<Phone> {
    let text = line_of(entry)?;
    let (number, extension) = if is_dialled(&text) {
        let mut parts = text[4..].split(';');
        let number = |text: &str| plain_text::telephone(&percent_decoded(text).replace(char::is_control, ""));
        let extension =
            parts.clone().skip(1).find_map(|part| part.strip_prefix("ext=").or_else(|| part.strip_prefix("EXT=")));
        (number(parts.next().unwrap_or_default()), extension.map(number))
    } else {
        let text = plain_text::telephone(&text);
        let (number, extension) = plain_text::split_extension(&text);
        (number.to_owned(), extension.map(str::to_owned))
    };
    (!number.is_empty()).then_some(Phone { number, label, extension, preferred })
}

/// Returns true when a number is a URI.
fn is_dialled(number: &str) -> bool {
    number.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"))
}

/// Returns the parts of an `ADR`. When all are empty, the address comes from the parameter `LABEL`.
pub fn address(entry: &VCardEntry, label: Option<String>, preferred: bool) -> Option<Address> {
    // The post office box and the suite become lines of the street.
    let street = [part(entry, 0, ", "), part(entry, 1, ", "), part(entry, 2, ", ")];
    let address = Address {
        label,
        street: street.into_iter().flatten().reduce(|first, second| format!("{first}\n{second}")),
        city: words_of(entry, 3, ", "),
        region: words_of(entry, 4, ", "),
        postal_code: words_of(entry, 5, ", "),
        country: words_of(entry, 6, ", "),
        preferred,
    };
    if address.lines().is_empty() {
        return Some(Address { street: Some(label_parameter(entry)?), ..address });
    }
    Some(address)
}

/// Returns the address lines from the parameter `LABEL`.
pub fn label_parameter(entry: &VCardEntry) -> Option<String> {
    let label = entry.parameters(&VCardParameterName::Label).find_map(VCardParameterValue::as_text)?;
    let label = plain_text::file_lines(&caret_decoded(label).replace("\\n", "\n"));
    let label = label.trim();
    (!label.is_empty()).then(|| label.to_owned())
}

/// Decodes a parameter value by RFC 6868, which writes quotes and line ends with a caret. The library decodes it only
/// in 4.0.
fn caret_decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let meant = match (c, chars.peek()) {
            ('^', Some('n')) => '\n',
            ('^', Some('\'')) => '"',
            ('^', Some('^')) => '^',
            _ => {
                plain.push(c);
                continue;
            }
        };
        chars.next();
        plain.push(meant);
    }
    plain
}

/// Returns the address in a value, unless its scheme is code or content.
pub fn place(entry: &VCardEntry) -> Option<String> {
    let text = text_of(entry)?.replace(char::is_control, "");
    let unseen = |c: char| c.is_whitespace() || web_address::changes_direction(c);
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase().replace(unseen, ""));
    let refused = scheme.is_some_and(|scheme| REFUSED.contains(&scheme.as_str()));
    let text = escape::undirected(&text);
    (!text.is_empty() && !refused).then_some(text)
}

/// Returns the address of a picture that can be fetched by `https`.
pub fn picture(entry: &VCardEntry) -> Option<String> {
    place(entry).filter(|url| url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")))
}

/// Returns the page of a social profile. A user name without an address is not kept.
pub fn social_profile(entry: &VCardEntry, label: Option<String>) -> Option<Url> {
    let address = place(entry).filter(|address| address.contains("://"))?;
    let service = entry.parameters(&VCardParameterName::ServiceType).find_map(VCardParameterValue::as_text);
    let label = service.map(str::to_ascii_lowercase).or(label);
    Some(Url { address, label })
}

/// Returns the day of a `BDAY`, or none for other text.
pub fn birthday(entry: &VCardEntry) -> Option<Birthday> {
    let date = entry.values.first()?.as_partial_date_time()?;
    let omitted = entry.params.iter().find_map(|param| match &param.name {
        VCardParameterName::Other(name) if name.eq_ignore_ascii_case("X-APPLE-OMIT-YEAR") => param.value.as_text(),
        _ => None,
    });
    let year = date.year.filter(|year| omitted.and_then(|text| text.parse().ok()) != Some(*year));
    Birthday::new(year, date.month?, date.day?)
}

/// Returns a time zone: a name or an offset.
pub fn time_zone(entry: &VCardEntry) -> Option<String> {
    let text = line_of(entry)?;
    Some(value_forms::offset(&text).unwrap_or(text))
}

/// Returns the time of a `REV`. A leap second becomes the next second.
pub fn moment(entry: &VCardEntry) -> Option<DateTime<Utc>> {
    let mut date = entry.values.first()?.as_partial_date_time()?.clone();
    let leaps = date.second == Some(60);
    if leaps {
        date.second = Some(59);
    }
    let read = date.to_date_time()?;
    let east = TimeDelta::seconds(read.offset.map_or(0, |offset| offset.local_minus_utc().into()));
    let at = read.date_time.and_utc().checked_sub_signed(east)?;
    let at = at.checked_add_signed(TimeDelta::seconds(leaps.into()))?;
    Some(at).filter(|at| value_forms::has_four_digits(at.year()))
}

/// Returns the label of a property: from the label property of its group, or else from its types.
pub fn label(entry: &VCardEntry, labels: &[(&str, String)]) -> Option<String> {
    let own = entry.group.as_deref().and_then(|group| labels.iter().find(|(other, _)| *other == group));
    own.map(|(_, label)| label.clone()).or_else(|| labels::label(types(entry)))
}

/// Returns a label without the wrapping that Apple adds to labels that its programs translate.
pub fn own_label(text: &str) -> Option<String> {
    let inner = text.strip_prefix("_$!<").and_then(|text| text.strip_suffix(">!$_"));
    let label = inner.map_or_else(|| text.to_owned(), str::to_lowercase);
    (!label.is_empty()).then_some(label)
}

/// Returns the types. In 2.1 they have no parameter name.
pub fn types(entry: &VCardEntry) -> impl Iterator<Item = &str> {
    let words = entry.params.iter().filter_map(|param| match (&param.name, &param.value) {
        (VCardParameterName::Type, value) => value.as_text(),
        (VCardParameterName::Other(name), VCardParameterValue::Null) => Some(name.as_str()),
        _ => None,
    });
    words.filter(|word| ![CONTROLS, ENCODED].contains(word))
}

/// Returns the rank of a property among those of its name. The lowest number from 1 to 100 is preferred. Older versions
/// mark a preferred property with a type, which counts as 1.
pub fn rank(entry: &VCardEntry) -> u32 {
    let ranks = entry.parameters(&VCardParameterName::Pref).filter_map(|value| match value {
        VCardParameterValue::Integer(rank) => Some(*rank),
        VCardParameterValue::Null => Some(1),
        other => other.as_text()?.trim().parse().ok(),
    });
    let of_type = types(entry).any(|word| word.eq_ignore_ascii_case("pref")).then_some(1);
    ranks.chain(of_type).filter(|rank| (1..UNRANKED).contains(rank)).min().unwrap_or(UNRANKED)
}

/// Returns true for the rank of a property with a preference, including the lowest.
pub fn is_ranked(rank: u32) -> bool {
    rank < UNRANKED
}

fn is_marked(entry: &VCardEntry, mark: &str) -> bool {
    entry.params.iter().any(|param| matches!(&param.name, VCardParameterName::Other(name) if name == mark))
}

/// Returns true when a property contains control characters. They are removed from the kept value.
pub fn has_controls(entry: &VCardEntry) -> bool {
    let has = |text: &str| plain_text::has_control(&plain_text::file_lines(text));
    // In these properties a line break or a tab has no meaning.
    let is_one_word = matches!(&entry.name, VCardProperty::Url | VCardProperty::Impp | VCardProperty::Socialprofile)
        || entry.name.as_str().eq_ignore_ascii_case("X-SOCIALPROFILE");
    let in_word = |text: &str| is_one_word && text.trim().contains(char::is_control);
    let is_number = entry.name == VCardProperty::Tel;
    let in_number = |text: &str| is_number && is_dialled(text) && percent_decoded(text).contains(char::is_control);
    let texts = entry.values.iter().flat_map(|value| match value {
        VCardValue::Text(text) => std::slice::from_ref(text),
        VCardValue::Component(items) => items,
        _ => &[],
    });
    is_marked(entry, CONTROLS)
        || texts.into_iter().any(|text| has(text))
        || text_of(entry).is_some_and(|text| in_word(&text) || in_number(&text))
}

/// Returns true when a property has no content. A value in base 64 is content, even if it decodes to blanks.
pub fn is_empty(entry: &VCardEntry) -> bool {
    !is_marked(entry, ENCODED)
        && entry.values.iter().all(|value| match value {
            VCardValue::Text(text) => text::is_blank(text),
            VCardValue::Component(items) => items.iter().all(|item| text::is_blank(item)),
            _ => false,
        })
}

/// Returns the whole value as text.
pub fn text_of(entry: &VCardEntry) -> Option<String> {
    let texts: Vec<String> = entry.values.iter().filter_map(|value| clean(value, ",")).collect();
    (!texts.is_empty()).then(|| texts.join(";"))
}

/// Returns the whole value as one line.
pub fn line_of(entry: &VCardEntry) -> Option<String> {
    text_of(entry).map(|text| plain_text::line(&text)).filter(|text| !text.is_empty())
}

/// Returns one part of a value. The items of a list are joined.
pub fn part(entry: &VCardEntry, index: usize, separator: &str) -> Option<String> {
    clean(entry.values.get(index)?, separator)
}

/// Returns one part of a value as one line.
pub fn words_of(entry: &VCardEntry, index: usize, separator: &str) -> Option<String> {
    part(entry, index, separator).map(|text| plain_text::line(&text)).filter(|text| !text.is_empty())
}

/// Returns the items of a list with single spaces.
pub fn words(entry: &VCardEntry) -> impl Iterator<Item = String> {
    let texts = entry.values.iter().filter_map(|value| clean(value, ","));
    texts.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns true when the value equals a text, in any case.
pub fn is_text(entry: &VCardEntry, expected: &str) -> bool {
    text_of(entry).is_some_and(|text| text.eq_ignore_ascii_case(expected))
}

/// Returns a value as plain text. Lines end in `\n`, and other control characters and surrounding white space are
/// removed.
fn clean(value: &VCardValue, separator: &str) -> Option<String> {
    let text = match value {
        VCardValue::Text(text) => text.clone(),
        VCardValue::Component(items) => {
            let items: Vec<&str> = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).collect();
            items.join(separator)
        }
        VCardValue::Integer(number) => number.to_string(),
        VCardValue::Float(number) => number.to_string(),
        other => other.as_text()?.to_owned(),
    };
    let mut plain = plain_text::file_lines(&text);
    plain.retain(|c| matches!(c, '\n' | '\t') || !c.is_control());
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// Returns a text without its scheme, in any case.
pub fn without_scheme<'a>(text: &'a str, scheme: &str) -> &'a str {
    match text.split_once(':') {
        Some((other, rest)) if other.eq_ignore_ascii_case(scheme) => rest.trim(),
        _ => text,
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        let code = behind.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.filter(|_| *byte == b'%').and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                bytes.push(code);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
