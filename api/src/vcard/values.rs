//! Values of single properties as plain texts, whatever version or program wrote them.

use calcard::vcard::{VCardEntry, VCardParameterName, VCardParameterValue, VCardProperty, VCardValue};
use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::{
    card::{Address, Birthday, NameParts, Phone, Url},
    escape,
    head::{CONTROLS, ENCODED},
    labels, value_forms,
};
use crate::{plain_text, text, web_address};

/// Schemes that are code or content rather than a place.
const REFUSED: [&str; 5] = ["javascript", "vbscript", "data", "blob", "file"];
/// The rank of a property that says nothing of preference.
const UNRANKED: u32 = 101;

/// The parts of an `N`.
pub fn name(entry: &VCardEntry) -> NameParts {
    NameParts {
        family: words_of(entry, 0, " "),
        given: words_of(entry, 1, " "),
        additional: words_of(entry, 2, " "),
        prefix: words_of(entry, 3, " "),
        suffix: words_of(entry, 4, ", "),
    }
}

/// The number of a `TEL`, which may be a text or a URI, with its extension.
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

/// Whether a number is a URI.
fn is_dialled(number: &str) -> bool {
    number.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"))
}

/// The parts of an `ADR`. Where they are empty, the address may stand in the parameter `LABEL`.
pub fn address(entry: &VCardEntry, label: Option<String>, preferred: bool) -> Option<Address> {
    // A box and a suite belong to the street.
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

/// The lines of an envelope that stand in the parameter `LABEL`.
pub fn label_parameter(entry: &VCardEntry) -> Option<String> {
    let label = entry.parameters(&VCardParameterName::Label).find_map(VCardParameterValue::as_text)?;
    let label = plain_text::file_lines(&caret_decoded(label).replace("\\n", "\n"));
    let label = label.trim();
    (!label.is_empty()).then(|| label.to_owned())
}

/// A parameter's value by RFC 6868, which writes quotes and line ends with a caret. The library does so in 4.0 alone.
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

/// An address of something, unless it is code in disguise.
pub fn place(entry: &VCardEntry) -> Option<String> {
    let text = text_of(entry)?.replace(char::is_control, "");
    let unseen = |c: char| c.is_whitespace() || web_address::changes_direction(c);
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase().replace(unseen, ""));
    let refused = scheme.is_some_and(|scheme| REFUSED.contains(&scheme.as_str()));
    let text = escape::undirected(&text);
    (!text.is_empty() && !refused).then_some(text)
}

/// A picture that can be fetched.
pub fn picture(entry: &VCardEntry) -> Option<String> {
    place(entry).filter(|url| url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")))
}

/// A page where one is met; names without an address are of no use.
pub fn social_profile(entry: &VCardEntry, label: Option<String>) -> Option<Url> {
    let address = place(entry).filter(|address| address.contains("://"))?;
    let service = entry.parameters(&VCardParameterName::ServiceType).find_map(VCardParameterValue::as_text);
    let label = service.map(str::to_ascii_lowercase).or(label);
    Some(Url { address, label })
}

/// The day of a `BDAY`, if it is one.
pub fn birthday(entry: &VCardEntry) -> Option<Birthday> {
    let date = entry.values.first()?.as_partial_date_time()?;
    let omitted = entry.params.iter().find_map(|param| match &param.name {
        VCardParameterName::Other(name) if name.eq_ignore_ascii_case("X-APPLE-OMIT-YEAR") => param.value.as_text(),
        _ => None,
    });
    let year = date.year.filter(|year| omitted.and_then(|text| text.parse().ok()) != Some(*year));
    Birthday::new(year, date.month?, date.day?)
}

/// A time zone: a name or an offset.
pub fn time_zone(entry: &VCardEntry) -> Option<String> {
    let text = line_of(entry)?;
    Some(value_forms::offset(&text).unwrap_or(text))
}

/// The instant of a `REV`. A leap second is the second after it.
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

/// The label: the one that stands beside the property, or what its types say.
pub fn label(entry: &VCardEntry, labels: &[(&str, String)]) -> Option<String> {
    let own = entry.group.as_deref().and_then(|group| labels.iter().find(|(other, _)| *other == group));
    own.map(|(_, label)| label.clone()).or_else(|| labels::label(types(entry)))
}

/// Apple wraps the labels that its programs translate.
pub fn own_label(text: &str) -> Option<String> {
    let inner = text.strip_prefix("_$!<").and_then(|text| text.strip_suffix(">!$_"));
    let label = inner.map_or_else(|| text.to_owned(), str::to_lowercase);
    (!label.is_empty()).then_some(label)
}

/// The types, which stand bare in 2.1.
pub fn types(entry: &VCardEntry) -> impl Iterator<Item = &str> {
    let words = entry.params.iter().filter_map(|param| match (&param.name, &param.value) {
        (VCardParameterName::Type, value) => value.as_text(),
        (VCardParameterName::Other(name), VCardParameterValue::Null) => Some(name.as_str()),
        _ => None,
    });
    words.filter(|word| ![CONTROLS, ENCODED].contains(word))
}

/// How much a property is preferred among those of its name: the lowest number is, from 1 to 100. Older versions say it by
/// a type and without a number, which is as good as the first.
pub fn rank(entry: &VCardEntry) -> u32 {
    let ranks = entry.parameters(&VCardParameterName::Pref).filter_map(|value| match value {
        VCardParameterValue::Integer(rank) => Some(*rank),
        VCardParameterValue::Null => Some(1),
        other => other.as_text()?.trim().parse().ok(),
    });
    let of_type = types(entry).any(|word| word.eq_ignore_ascii_case("pref")).then_some(1);
    ranks.chain(of_type).filter(|rank| (1..UNRANKED).contains(rank)).min().unwrap_or(UNRANKED)
}

/// Whether a property has a rank, which may be the lowest of all.
pub fn is_ranked(rank: u32) -> bool {
    rank < UNRANKED
}

fn is_marked(entry: &VCardEntry, mark: &str) -> bool {
    entry.params.iter().any(|param| matches!(&param.name, VCardParameterName::Other(name) if name == mark))
}

/// Whether a property has control characters, which are left out of what is kept of it.
pub fn has_controls(entry: &VCardEntry) -> bool {
    let has = |text: &str| plain_text::has_control(&plain_text::file_lines(text));
    // There neither a line break nor a tab stands for anything.
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

/// Whether nothing stands in a property. What is in base 64 is something, although it may decode to blanks.
pub fn is_empty(entry: &VCardEntry) -> bool {
    !is_marked(entry, ENCODED)
        && entry.values.iter().all(|value| match value {
            VCardValue::Text(text) => text::is_blank(text),
            VCardValue::Component(items) => items.iter().all(|item| text::is_blank(item)),
            _ => false,
        })
}

/// The whole value as text.
pub fn text_of(entry: &VCardEntry) -> Option<String> {
    let texts: Vec<String> = entry.values.iter().filter_map(|value| clean(value, ",")).collect();
    (!texts.is_empty()).then(|| texts.join(";"))
}

/// The whole value as one line.
pub fn line_of(entry: &VCardEntry) -> Option<String> {
    text_of(entry).map(|text| plain_text::line(&text)).filter(|text| !text.is_empty())
}

/// One part of a value; where a part is a list, its items are joined.
pub fn part(entry: &VCardEntry, index: usize, separator: &str) -> Option<String> {
    clean(entry.values.get(index)?, separator)
}

/// One part of a value as one line.
pub fn words_of(entry: &VCardEntry, index: usize, separator: &str) -> Option<String> {
    part(entry, index, separator).map(|text| plain_text::line(&text)).filter(|text| !text.is_empty())
}

/// The words of a list, white space made even.
pub fn words(entry: &VCardEntry) -> impl Iterator<Item = String> {
    let texts = entry.values.iter().filter_map(|value| clean(value, ","));
    texts.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether the value is a text, whatever its case.
pub fn is_text(entry: &VCardEntry, expected: &str) -> bool {
    text_of(entry).is_some_and(|text| text.eq_ignore_ascii_case(expected))
}

/// A value as plain text: lines end in `\n`, no other control characters, nothing around it.
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

/// A text without its scheme, whatever the scheme's case.
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
