//! One card understood: from the properties of any version and of many programs to the model. What makes no sense is left
//! out; a card is refused only if it is nobody's.

use calcard::{
    Entry, Parser,
    common::PartialDateTime,
    vcard::{VCard, VCardEntry, VCardParameterName, VCardParameterValue, VCardProperty, VCardValue},
};
use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::{
    card::{Address, Birthday, Card, Email, Messenger, NameParts, Phone, Url},
    forms, labels,
};

/// Messengers that have a property of their own, and the scheme of their addresses.
const MESSENGERS: [(&str, &str); 9] = [
    ("X-JABBER", "xmpp"),
    ("X-GOOGLE-TALK", "xmpp"),
    ("X-SKYPE", "skype"),
    ("X-SKYPE-USERNAME", "skype"),
    ("X-AIM", "aim"),
    ("X-ICQ", "icq"),
    ("X-MSN", "msnim"),
    ("X-YAHOO", "ymsgr"),
    ("X-QQ", "qq"),
];

/// Schemes that are code or content rather than a place.
const REFUSED: [&str; 5] = ["javascript", "vbscript", "data", "blob", "file"];

/// The card that stands in a text of whole lines, or why there is none.
pub fn card(text: &str) -> Result<Card, &'static str> {
    let Entry::VCard(vcard) = Parser::new(text).entry() else { return Err("It is no vCard.") };
    let labels: Vec<(&str, String)> = vcard
        .entries
        .iter()
        .filter(|entry| entry.name.as_str().eq_ignore_ascii_case("X-ABLabel"))
        .filter_map(|entry| Some((entry.group.as_deref()?, own_label(&text_of(entry)?)?)))
        .collect();
    let mut card = Card::default();
    for entry in &vcard.entries {
        property(&mut card, entry, &labels)?;
    }
    named(card, &vcard)
}

fn property(card: &mut Card, entry: &VCardEntry, labels: &[(&str, String)]) -> Result<(), &'static str> {
    let label = || label(entry, labels);
    let preferred = is_preferred(entry);
    match &entry.name {
        VCardProperty::Kind if is_text(entry, "group") => return Err("It is a list of cards and not one of its own."),
        VCardProperty::Kind => card.organisation_card |= is_text(entry, "org"),
        VCardProperty::Uid => card.uid = card.uid.take().or_else(|| text_of(entry)),
        VCardProperty::Fn if card.full_name.is_empty() => card.full_name = text_of(entry).unwrap_or_default(),
        VCardProperty::N if card.name.is_empty() => card.name = name(entry),
        VCardProperty::Nickname => card.nicknames.extend(words(entry)),
        VCardProperty::Categories => card.categories.extend(words(entry)),
        VCardProperty::Org if card.organisation.is_none() && card.units.is_empty() => {
            card.organisation = part(entry, 0, " ");
            card.units = (1..entry.values.len()).filter_map(|unit| part(entry, unit, " ")).collect();
        }
        VCardProperty::Title => card.title = card.title.take().or_else(|| text_of(entry)),
        VCardProperty::Email => {
            let address = line_of(entry).map(|text| without_scheme(&text, "mailto").to_owned());
            card.emails.extend(address.filter(|address| !address.is_empty()).map(|address| Email {
                address,
                label: label(),
                preferred,
            }));
        }
        VCardProperty::Tel => card.phones.extend(phone(entry, label(), preferred)),
        VCardProperty::Adr => card.addresses.extend(address(entry, label(), preferred)),
        VCardProperty::Url => {
            card.urls.extend(place(entry).map(|address| Url { address, label: label() }));
        }
        VCardProperty::Impp => {
            card.messengers.extend(place(entry).map(|uri| Messenger { uri, label: label() }));
        }
        VCardProperty::Socialprofile => card.urls.extend(social_profile(entry)),
        VCardProperty::Photo if card.photo_url.is_none() => card.photo_url = place(entry).filter(|url| is_https(url)),
        VCardProperty::Bday if card.birthday.is_none() => card.birthday = birthday(entry),
        VCardProperty::Lang | VCardProperty::Language if card.locale.is_none() || preferred => {
            card.locale = line_of(entry).or(card.locale.take());
        }
        VCardProperty::Tz if card.time_zone.is_none() => card.time_zone = time_zone(entry),
        VCardProperty::Note => {
            let notes = [card.note.take(), text_of(entry)];
            card.note = notes.into_iter().flatten().reduce(|first, second| format!("{first}\n\n{second}"));
        }
        VCardProperty::Rev if card.changed_at.is_none() => card.changed_at = date_of(entry).and_then(moment),
        VCardProperty::Other(name) => other(card, &name.to_ascii_uppercase(), entry)?,
        _ => {}
    }
    Ok(())
}

/// Properties that are nobody's standard.
fn other(card: &mut Card, name: &str, entry: &VCardEntry) -> Result<(), &'static str> {
    match name {
        "X-ABSHOWAS" => card.organisation_card |= is_text(entry, "COMPANY"),
        "X-ADDRESSBOOKSERVER-KIND" if is_text(entry, "group") => {
            return Err("It is a list of cards and not one of its own.");
        }
        "X-SOCIALPROFILE" => card.urls.extend(social_profile(entry)),
        name => {
            if let Some((_, scheme)) = MESSENGERS.into_iter().find(|(other, _)| *other == name)
                && let Some(text) = line_of(entry)
            {
                let label = labels::label(types(entry));
                card.messengers.push(Messenger { uri: format!("{scheme}:{}", without_scheme(&text, scheme)), label });
            }
        }
    }
    Ok(())
}

/// The card with a name to show, which may have to be made of other properties.
fn named(mut card: Card, vcard: &VCard) -> Result<Card, &'static str> {
    if card.full_name.is_empty() {
        let parts = &card.name;
        let latin = [&parts.prefix, &parts.given, &parts.additional, &parts.family, &parts.suffix];
        let joined = match (&parts.family, &parts.given) {
            // Chinese, Japanese and Korean put the family first, and no space.
            (Some(family), Some(given)) if is_cjk(family) && is_cjk(given) => format!("{family}{given}"),
            _ => latin.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" "),
        };
        let email = card.emails.first().map(|email| email.address.clone());
        let names = [Some(joined), card.organisation.clone(), email];
        card.full_name = names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default();
    }
    if card.full_name.is_empty() {
        let empty = vcard.entries.iter().all(|entry| matches!(entry.name, VCardProperty::Version | VCardProperty::End));
        return Err(if empty { "It is empty." } else { "It has no name, no organisation and no e-mail address." });
    }
    // 3.0 demands a split name; one that is all family name was never split.
    let family = NameParts { family: Some(card.full_name.clone()), ..NameParts::default() };
    if card.name == family {
        card.name = NameParts::default();
    }
    Ok(card)
}

fn is_cjk(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'))
}

fn name(entry: &VCardEntry) -> NameParts {
    NameParts {
        family: part(entry, 0, " "),
        given: part(entry, 1, " "),
        additional: part(entry, 2, " "),
        prefix: part(entry, 3, " "),
        suffix: part(entry, 4, ", "),
    }
}

fn phone(entry: &VCardEntry, label: Option<String>, preferred: bool) -> Option<Phone> {
    let text = line_of(entry)?;
    let (number, extension) = if text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:")) {
        let mut parts = text[4..].split(';');
        let number = percent_decoded(parts.next().unwrap_or_default());
        let extension = parts.find_map(|part| part.strip_prefix("ext=").or_else(|| part.strip_prefix("EXT=")));
        (number, extension.map(percent_decoded))
    } else {
        let split = [" x", " ext. ", " ext.", " ext ", ";ext="].into_iter().find_map(|mark| text.rsplit_once(mark));
        match split {
            Some((number, extension)) if is_extension(extension) => (number.to_owned(), Some(extension.to_owned())),
            _ => (text, None),
        }
    };
    let number = number.trim().to_owned();
    (!number.is_empty()).then_some(Phone { number, label, extension, preferred })
}

fn is_extension(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | '-' | '.'))
}

fn address(entry: &VCardEntry, label: Option<String>, preferred: bool) -> Option<Address> {
    // A box and a suite belong to the street.
    let street = [part(entry, 0, ", "), part(entry, 1, ", "), part(entry, 2, ", ")];
    let address = Address {
        label,
        street: street.into_iter().flatten().reduce(|first, second| format!("{first}\n{second}")),
        city: part(entry, 3, ", "),
        region: part(entry, 4, ", "),
        postal_code: part(entry, 5, ", "),
        country: part(entry, 6, ", "),
        preferred,
    };
    (!address.lines().is_empty()).then_some(address)
}

/// An address of something, unless it is code in disguise.
fn place(entry: &VCardEntry) -> Option<String> {
    let text: String = text_of(entry)?.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let refused = scheme.is_some_and(|scheme| REFUSED.contains(&scheme.as_str()));
    (!text.is_empty() && !refused).then_some(text)
}

fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// A page where one is met; names without an address are of no use.
fn social_profile(entry: &VCardEntry) -> Option<Url> {
    let address = place(entry).filter(|address| address.contains("://"))?;
    let service = entry.parameters(&VCardParameterName::ServiceType).find_map(VCardParameterValue::as_text);
    let label = service.map(str::to_ascii_lowercase).or_else(|| labels::label(types(entry)));
    Some(Url { address, label })
}

fn birthday(entry: &VCardEntry) -> Option<Birthday> {
    let date = date_of(entry)?;
    let omitted = entry.params.iter().find_map(|param| match &param.name {
        VCardParameterName::Other(name) if name.eq_ignore_ascii_case("X-APPLE-OMIT-YEAR") => param.value.as_text(),
        _ => None,
    });
    let year = date.year.filter(|year| omitted.and_then(|text| text.parse().ok()) != Some(*year));
    Birthday::new(year, date.month?, date.day?)
}

fn time_zone(entry: &VCardEntry) -> Option<String> {
    let text = line_of(entry)?;
    Some(forms::offset(&text).unwrap_or(text))
}

fn moment(date: &PartialDateTime) -> Option<DateTime<Utc>> {
    let read = date.to_date_time()?;
    let east = TimeDelta::seconds(read.offset.map_or(0, |offset| offset.local_minus_utc().into()));
    read.date_time.and_utc().checked_sub_signed(east).filter(|at| forms::has_four_digits(at.year()))
}

fn date_of(entry: &VCardEntry) -> Option<&PartialDateTime> {
    entry.values.first()?.as_partial_date_time()
}

/// The label: the one that stands beside the property, or what its types say.
fn label(entry: &VCardEntry, labels: &[(&str, String)]) -> Option<String> {
    let own = entry.group.as_deref().and_then(|group| labels.iter().find(|(other, _)| *other == group));
    own.map(|(_, label)| label.clone()).or_else(|| labels::label(types(entry)))
}

/// Apple wraps the labels that its programs translate.
fn own_label(text: &str) -> Option<String> {
    let inner = text.strip_prefix("_$!<").and_then(|text| text.strip_suffix(">!$_"));
    let label = inner.map_or_else(|| text.to_owned(), str::to_lowercase);
    (!label.is_empty()).then_some(label)
}

/// The types, which stand bare in 2.1.
fn types(entry: &VCardEntry) -> impl Iterator<Item = &str> {
    entry.params.iter().filter_map(|param| match (&param.name, &param.value) {
        (VCardParameterName::Type, value) => value.as_text(),
        (VCardParameterName::Other(name), VCardParameterValue::Null) => Some(name.as_str()),
        _ => None,
    })
}

fn is_preferred(entry: &VCardEntry) -> bool {
    let first =
        |value: &VCardParameterValue| matches!(value, VCardParameterValue::Integer(1) | VCardParameterValue::Null);
    entry.parameters(&VCardParameterName::Pref).any(first) || types(entry).any(|word| word.eq_ignore_ascii_case("pref"))
}

/// The whole value as text.
fn text_of(entry: &VCardEntry) -> Option<String> {
    let texts: Vec<String> = entry.values.iter().filter_map(|value| clean(value, ",")).collect();
    (!texts.is_empty()).then(|| texts.join(";"))
}

/// The whole value as one line.
fn line_of(entry: &VCardEntry) -> Option<String> {
    text_of(entry).map(|text| text.replace(['\n', '\t'], " "))
}

/// One part of a value; where a part is a list, its items are joined.
fn part(entry: &VCardEntry, index: usize, separator: &str) -> Option<String> {
    clean(entry.values.get(index)?, separator)
}

/// The words of a list, white space made even.
fn words(entry: &VCardEntry) -> impl Iterator<Item = String> {
    let texts = entry.values.iter().filter_map(|value| clean(value, ","));
    texts.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn is_text(entry: &VCardEntry, expected: &str) -> bool {
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
    let plain: String = text
        .chars()
        .map(|c| if matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') { '\n' } else { c })
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

fn without_scheme<'a>(text: &'a str, scheme: &str) -> &'a str {
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
    String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::Messenger;
    use crate::vcard::{card::Card, read::cards};

    fn with(lines: &str) -> Card {
        let text = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Jane\r\n{lines}\r\nEND:VCARD\r\n");
        cards(text.as_bytes()).next().expect("one").expect("a card")
    }

    #[test]
    fn the_habits_of_other_programs_are_understood() {
        let apple = with(
            "N:;;;;\r\nX-ABShowAs:COMPANY\r\nitem1.EMAIL;type=pref:a@b.c\r\nitem1.X-ABLabel:_$!<Other>!$_\r\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29\r\nPHOTO;VALUE=uri:https://x.org/p",
        );
        assert!(apple.organisation_card && apple.emails[0].preferred && apple.name.is_empty());
        assert_eq!(apple.emails[0].label.as_deref(), Some("other"));
        assert_eq!(apple.birthday.map(|day| (day.year, day.month, day.day)), Some((None, 2, 29)));
        assert_eq!(apple.photo_url.as_deref(), Some("https://x.org/p"));
        let liferay = with(
            "ADR;TYPE=BUSINESS:;;1 Main St, Flat 2\nSecond line;Town;;1;US\nURL:https\\://x.org/\nX-JABBER:jane@x.org\nTEL;TYPE=BUSINESS-FAX:1",
        );
        assert_eq!(liferay.addresses[0].street.as_deref(), Some("1 Main St, Flat 2\nSecond line"));
        assert_eq!(
            (liferay.urls[0].address.as_str(), liferay.phones[0].label.as_deref()),
            ("https://x.org/", Some("work fax"))
        );
        assert_eq!(liferay.messengers, [Messenger { uri: "xmpp:jane@x.org".into(), label: None }]);
        let photo = with(&format!(
            "PHOTO;ENCODING=BASE64;JPEG:\r\n {}\r\n{}\r\n\r\nTITLE:x",
            "QUJD".repeat(50_000),
            "QUJD".repeat(20)
        ));
        assert_eq!((photo.photo_url, photo.title.as_deref()), (None, Some("x")));
        assert!(with("URL:java\u{1}script\\:alert(1)\r\nPHOTO:http://x.org/p").urls.is_empty());
    }
}
