//! Interprets one card: maps properties of any version and program to the model. Properties that the model has no field
//! for are named. A card is refused if it is a list of cards, or if it has nothing to identify a contact.

use std::collections::{HashMap, HashSet};

use calcard::{
    Entry, Parser,
    vcard::{VCardEntry, VCardParameterName, VCardProperty},
};

use super::{
    card::{Address, Card, Email, Messenger, NameParts, Url},
    lexer::Text,
    values::{
        self, has_controls, is_empty, is_ranked, is_text, label, line_of, own_label, rank, text_of, without_scheme,
        words,
    },
};
use crate::{plain_text, text};

/// Messengers with a property of their own, and the scheme of their addresses.
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

/// Parameters that add a fact about the contact to their value.
const TELLING: [(VCardParameterName, &str); 3] =
    [(VCardParameterName::SortAs, "SORT-AS"), (VCardParameterName::Geo, "GEO"), (VCardParameterName::Tz, "TZ")];

const LIST: &str = "It is a list of cards and not one of its own.";
const NOBODY: &str = "It has no name, no organization, no e-mail address and no telephone number.";

/// A card that was read, with its losses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The card.
    pub card: Card,
    /// The names of the properties of other kinds, such as tags, pictures and days. The card has them, but an address
    /// book may not keep them.
    pub extras: Vec<String>,
    /// The names of the properties that the card has no field for, one for each occurrence.
    pub left_out: Vec<String>,
    /// The names of the properties from which control characters were removed, including those that became empty.
    pub without_controls: Vec<String>,
    /// True when the card had lines that are not properties.
    pub has_junk: bool,
    /// True when some letters could not be decoded. U+FFFD replaces them.
    pub damaged: bool,
}

/// Interprets the properties of a card. Fails with the reason why there is no card.
pub fn card(text: Text) -> Result<Reading, &'static str> {
    let Entry::VCard(vcard) = Parser::new(&text.lines).entry() else { return Err("It is no vCard.") };
    let entries: Vec<VCardEntry> = vcard
        .entries
        .into_iter()
        .filter(|entry| !matches!(entry.name, VCardProperty::Version | VCardProperty::Begin | VCardProperty::End))
        .collect();
    let is_bare = entries.is_empty() && text.left_out.is_empty();
    let mut reader = Reader::of(&entries);
    reader.reading.left_out = text.left_out;
    for (index, entry) in entries.iter().enumerate() {
        let taken = reader.property(index, entry)?;
        if !taken && !is_empty(entry) {
            reader.lose(name_of(entry));
        } else if has_controls(entry) && !is_of_file(entry) {
            reader.reading.without_controls.push(name_of(entry));
        }
        for (parameter, name) in &TELLING {
            if taken && entry.parameters(parameter).next().is_some() {
                reader.lose((*name).to_owned());
            }
        }
    }
    reader.delivery_labels();
    let card = named(reader.reading.card).ok_or(if is_bare { "It is empty." } else { NOBODY })?;
    Ok(Reading { card, has_junk: text.has_junk, damaged: text.damaged, ..reader.reading })
}

/// Returns true when a property describes the file and not the contact.
fn is_of_file(entry: &VCardEntry) -> bool {
    matches!(&entry.name, VCardProperty::Prodid | VCardProperty::Rev)
        || entry.name.as_str().eq_ignore_ascii_case("PROFILE")
}

/// Returns the name of a property in upper case.
fn name_of(entry: &VCardEntry) -> String {
    entry.name.as_str().to_ascii_uppercase()
}

struct Reader<'a> {
    reading: Reading,
    /// The labels of groups, by the name of the group.
    labels: Vec<(&'a str, String)>,
    /// The groups with a property that can have a label.
    labelled: HashSet<&'a str>,
    /// For properties that a card has once: the index of the chosen one.
    chosen: HashMap<&'a str, usize>,
    /// For properties of a list: the best rank.
    ranks: HashMap<&'a str, u32>,
    /// The text of each chosen property, by the name of the property.
    kept: HashMap<&'a str, String>,
    /// Addresses as delivery labels, each with its label.
    envelopes: Vec<(Option<String>, String)>,
}

impl<'a> Reader<'a> {
    fn of(entries: &'a [VCardEntry]) -> Self {
        let labels = entries
            .iter()
            .filter(|entry| entry.name.as_str().eq_ignore_ascii_case("X-ABLabel"))
            .filter_map(|entry| Some((entry.group.as_deref()?, own_label(&line_of(entry)?)?)))
            .collect();
        let mut reader = Self {
            reading: Reading::default(),
            labels,
            labelled: entries.iter().filter(|entry| takes_label(entry)).filter_map(|e| e.group.as_deref()).collect(),
            chosen: HashMap::new(),
            ranks: HashMap::new(),
            kept: HashMap::new(),
            envelopes: Vec::new(),
        };
        for (index, entry) in entries.iter().enumerate() {
            let (name, rank) = (single(entry), rank(entry));
            let best = reader.ranks.entry(name).or_insert(rank);
            *best = rank.min(*best);
            if let Some(text) = value_of_single(entry) {
                let current = reader.chosen.get(name).map(|current| values::rank(&entries[*current]));
                if current.is_none_or(|current| rank < current) {
                    reader.chosen.insert(name, index);
                    reader.kept.insert(name, text);
                }
            }
        }
        reader
    }

    fn lose(&mut self, name: String) {
        self.reading.left_out.push(name);
    }

    /// Takes a property into the card. Returns true if the card has a field for it.
    fn property(&mut self, index: usize, entry: &VCardEntry) -> Result<bool, &'static str> {
        let name = single(entry);
        if value_of_single(entry).is_some() {
            if self.chosen.get(name) == Some(&index) {
                self.take_single(entry);
                return Ok(true);
            }
            // A repetition of the chosen value loses nothing.
            let same = value_of_single(entry).as_ref() == self.kept.get(name);
            return Ok(same || entry.name == VCardProperty::Rev);
        }
        let label = label(entry, &self.labels);
        let preferred = self.ranks.get(name).is_some_and(|best| is_ranked(*best) && *best == rank(entry));
        let card = &mut self.reading.card;
        match &entry.name {
            VCardProperty::Prodid | VCardProperty::Rev => Ok(true),
            VCardProperty::Kind if is_text(entry, "group") => Err(LIST),
            VCardProperty::Kind if is_text(entry, "org") => Ok(self.organization(entry)),
            VCardProperty::Kind => Ok(is_text(entry, "individual")),
            VCardProperty::Nickname => {
                card.nicknames.extend(words(entry));
                Ok(self.extra(entry))
            }
            VCardProperty::Categories => {
                card.categories.extend(words(entry));
                Ok(self.extra(entry))
            }
            VCardProperty::Email => {
                let address = line_of(entry).map(|text| without_scheme(&text, "mailto").to_owned());
                let address = address.filter(|address| !address.is_empty());
                Ok(push(&mut card.emails, address.map(|address| Email { address, label, preferred })))
            }
            VCardProperty::Tel => Ok(push(&mut card.phones, values::phone(entry, label, preferred))),
            VCardProperty::Adr => Ok(self.address(entry, label, preferred)),
            VCardProperty::Url => Ok(push(&mut card.urls, values::place(entry).map(|address| Url { address, label }))),
            VCardProperty::Impp => {
                let messenger = values::place(entry).map(|uri| Messenger { uri, label });
                Ok(push(&mut card.messengers, messenger) && self.extra(entry))
            }
            VCardProperty::Socialprofile => Ok(push(&mut card.urls, values::social_profile(entry, label))),
            VCardProperty::Note => {
                let Some(note) = text_of(entry) else { return Ok(false) };
                let notes = [card.note.take(), Some(note)];
                card.note = notes.into_iter().flatten().reduce(|first, second| format!("{first}\n\n{second}"));
                Ok(true)
            }
            VCardProperty::Other(name) => self.other(&name.to_ascii_uppercase(), entry),
            _ => Ok(false),
        }
    }

    /// Takes the chosen property of its name into the card.
    fn take_single(&mut self, entry: &VCardEntry) {
        let card = &mut self.reading.card;
        match &entry.name {
            VCardProperty::Uid => card.uid = text_of(entry),
            VCardProperty::Fn => card.full_name = line_of(entry).unwrap_or_default(),
            VCardProperty::N => {
                card.name = values::name(entry);
                self.more_parts(entry, 5);
            }
            VCardProperty::Org => {
                card.organization = values::words_of(entry, 0, " ");
                card.units = (1..entry.values.len()).filter_map(|unit| values::words_of(entry, unit, " ")).collect();
            }
            VCardProperty::Title => card.title = line_of(entry),
            VCardProperty::Photo => {
                card.photo_url = values::picture(entry);
                self.extra(entry);
            }
            VCardProperty::Bday => {
                card.birthday = values::birthday(entry);
                self.extra(entry);
            }
            VCardProperty::Lang | VCardProperty::Language => {
                card.locale = line_of(entry);
                self.extra(entry);
            }
            VCardProperty::Tz => {
                card.time_zone = values::time_zone(entry);
                self.extra(entry);
            }
            _ => card.changed_at = values::moment(entry),
        }
    }

    fn extra(&mut self, entry: &VCardEntry) -> bool {
        if !is_empty(entry) {
            self.reading.extras.push(name_of(entry));
        }
        true
    }

    fn organization(&mut self, entry: &VCardEntry) -> bool {
        self.reading.card.organization_card = true;
        self.extra(entry)
    }

    fn address(&mut self, entry: &VCardEntry, label: Option<String>, preferred: bool) -> bool {
        let Some(address) = values::address(entry, label, preferred) else { return false };
        let written = values::label_parameter(entry);
        if written.is_some_and(|written| !contains_value(&address, &written)) {
            self.lose("LABEL".to_owned());
        }
        self.reading.card.addresses.push(address);
        self.more_parts(entry, 7);
        true
    }

    /// Reports a property with more parts than its kind allows, unless they repeat the other parts.
    fn more_parts(&mut self, entry: &VCardEntry, count: usize) {
        let part = |index| values::part(entry, index, " ");
        let known: Vec<String> = (0..count).filter_map(part).flat_map(|text| plain_text::bare_words(&text)).collect();
        let more = (count..entry.values.len()).filter_map(part).flat_map(|text| plain_text::bare_words(&text));
        if !more.into_iter().all(|word| known.contains(&word)) {
            self.lose(name_of(entry));
        }
    }

    /// Takes a nonstandard property, or one of older versions.
    fn other(&mut self, name: &str, entry: &VCardEntry) -> Result<bool, &'static str> {
        match name {
            "X-ABSHOWAS" if is_text(entry, "COMPANY") => Ok(self.organization(entry)),
            "X-ADDRESSBOOKSERVER-KIND" if is_text(entry, "group") => Err(LIST),
            "X-SOCIALPROFILE" => {
                let label = label(entry, &self.labels);
                Ok(push(&mut self.reading.card.urls, values::social_profile(entry, label)))
            }
            "PROFILE" => Ok(is_text(entry, "VCARD")),
            // A label is kept or reported together with the property of its group.
            "X-ABLABEL" => Ok(entry.group.as_deref().is_some_and(|group| self.labelled.contains(group))),
            "LABEL" => {
                let Some(text) = text_of(entry) else { return Ok(false) };
                self.envelopes.push((label(entry, &self.labels), text));
                Ok(true)
            }
            name => {
                let known = MESSENGERS.into_iter().find(|(other, _)| *other == name);
                let Some(((_, scheme), text)) = known.zip(line_of(entry)) else { return Ok(false) };
                let label = label(entry, &self.labels);
                let uri = format!("{scheme}:{}", without_scheme(&text, scheme));
                self.reading.card.messengers.push(Messenger { uri, label });
                Ok(self.extra(entry))
            }
        }
    }

    /// Takes addresses that exist only as delivery labels. A delivery label with the label of a known address repeats
    /// it. It is reported unless the address contains all of its words.
    fn delivery_labels(&mut self) {
        for (label, text) in std::mem::take(&mut self.envelopes) {
            let addresses = &mut self.reading.card.addresses;
            if addresses.iter().any(|address| contains_value(address, &text)) {
                continue;
            }
            if addresses.iter().any(|address| address.label == label) {
                self.lose("LABEL".to_owned());
                continue;
            }
            addresses.push(Address { label, street: Some(text), ..Address::default() });
        }
    }
}

/// Returns true when an address contains every word of a delivery label.
fn contains_value(address: &Address, envelope: &str) -> bool {
    let known = plain_text::bare_words(&address.lines().join("\n"));
    plain_text::bare_words(envelope).iter().all(|word| known.contains(word))
}

fn push<T>(list: &mut Vec<T>, item: Option<T>) -> bool {
    let taken = item.is_some();
    list.extend(item);
    taken
}

/// Returns true when a property is kept or left out together with the label of its group.
fn takes_label(entry: &VCardEntry) -> bool {
    !entry.name.as_str().eq_ignore_ascii_case("X-ABLabel")
        && value_of_single(entry).is_none()
        && !matches!(entry.name, VCardProperty::Note | VCardProperty::Nickname | VCardProperty::Categories)
}

/// Returns the name under which only one property is kept.
fn single(entry: &VCardEntry) -> &str {
    match &entry.name {
        VCardProperty::Language => VCardProperty::Lang.as_str(),
        name => name.as_str(),
    }
}

/// Returns the value of a property that a card has once, for comparison. Returns none for other properties and for
/// invalid values.
fn value_of_single(entry: &VCardEntry) -> Option<String> {
    match &entry.name {
        VCardProperty::Uid | VCardProperty::Org => text_of(entry),
        VCardProperty::Title => line_of(entry),
        VCardProperty::Fn => line_of(entry).filter(|text| !text::is_blank(text)),
        VCardProperty::N => Some(values::name(entry)).filter(|name| !name.is_empty()).and(text_of(entry)),
        VCardProperty::Photo => values::picture(entry),
        VCardProperty::Bday => values::birthday(entry).map(|day| format!("{day:?}")),
        VCardProperty::Lang | VCardProperty::Language => line_of(entry),
        VCardProperty::Tz => values::time_zone(entry),
        VCardProperty::Rev => values::moment(entry).map(|at| at.to_string()),
        _ => None,
    }
}

/// Returns the card with a display name, which is derived from other properties if needed. Returns none if the card has
/// nothing to derive it from.
fn named(mut card: Card) -> Option<Card> {
    if card.full_name.is_empty() {
        let parts = &card.name;
        let latin = [&parts.prefix, &parts.given, &parts.additional, &parts.family, &parts.suffix];
        let joined = match (&parts.family, &parts.given) {
            // Chinese, Japanese and Korean names put the family name first, without a space.
            (Some(family), Some(given)) if is_cjk(family) && is_cjk(given) => format!("{family}{given}"),
            _ => latin.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" "),
        };
        let nickname = card.nicknames.first().cloned();
        let email = card.emails.first().map(|email| email.address.clone());
        let number = card.phones.first().map(|phone| phone.number.clone());
        let names = [Some(joined), nickname, card.organization.clone(), email, number];
        card.full_name = names.into_iter().flatten().find(|name| !text::is_blank(name))?;
    }
    // 3.0 requires the parts of a name. A name that is only a family name was never split.
    let family = NameParts { family: Some(card.full_name.clone()), ..NameParts::default() };
    if card.name == family {
        card.name = NameParts::default();
    }
    Some(card)
}

fn is_cjk(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'))
}

#[cfg(test)]
mod tests;
