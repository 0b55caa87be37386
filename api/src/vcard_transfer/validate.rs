//! Reduces imported cards to what an address book keeps, with the limits of contacts that are entered by hand. Long
//! texts are shortened and unsupported properties are left out. A message names each property that lost something.

use std::collections::HashMap;

use encoding_rs::Encoding;
use entity::{
    details::{Address, Details, Email, Phone, Url, Visibility},
    personal_contact,
};
use sha2::{Digest as _, Sha256};

use super::card::DIGEST;
use crate::{
    address_book::book_entries::{self, MAX_NOTE},
    contacts::{
        detail_validation::MAX_NAME,
        details::{self, MAX_EXTENSION, MAX_LABEL, MAX_NUMBER, MAX_PER_KIND, MAX_PLACE, MAX_STREET, is_email, is_page},
    },
    plain_text, text,
    vcard::{
        card::Card,
        escape,
        read::{self, Reading},
    },
};

/// The longest `UID`, in bytes. It is part of an index. A longer one is replaced by its digest.
const LONGEST_UID: usize = 500;
/// The longest name of a property in a message, in characters.
const LONGEST_NAME: usize = 64;

/// An imported card in the form of an address book.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedCard {
    /// The permanent identity of the card: its `UID`, or a digest of the card.
    pub uid: String,
    display_name: String,
    given_name: Option<String>,
    family_name: Option<String>,
    additional_name: Option<String>,
    name_prefix: Option<String>,
    name_suffix: Option<String>,
    title: Option<String>,
    organization: Option<String>,
    note: Option<String>,
    /// The contact details, visible only to the owner of the address book.
    pub details: Details,
    /// The parts of the card that were not kept, as sentences. None when all were kept.
    pub loss: Option<String>,
}

/// Returns the cards of a file, each as an address book entry or as the reason for its refusal. Returns at most one
/// card more than `most`, so that the caller detects a file with too many. `charset` is the character set that was
/// declared for the file.
#[must_use]
pub fn read(file: &[u8], charset: Option<&'static Encoding>, most: usize) -> Vec<Result<ParsedCard, String>> {
    let cards = read::cards(file, charset).take(most + 1);
    let entry = |read: Result<Reading, read::Damage>| match read {
        Ok(read) => ParsedCard::of(&read).ok_or_else(|| "It has no name.".to_owned()),
        Err(damage) if damage.ordinal == 0 => Err(damage.why.into_owned()),
        Err(damage) => Err(format!("Line {}: {}", damage.line, damage.why)),
    };
    cards.map(entry).collect()
}

/// The record of the parts of a card that were shortened or left out.
#[derive(Default)]
struct Truncation {
    shortened: bool,
    losses: DroppedProperties,
}

impl Truncation {
    fn text(&mut self, text: &str, most: usize) -> Option<String> {
        let plain: String = plain_text::line(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.shorten(plain.trim(), most)
    }

    fn lines(&mut self, text: &str, most: usize) -> Option<String> {
        let mut plain = plain_text::file_lines(text);
        plain.retain(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        self.shorten(plain.trim(), most)
    }

    fn shorten(&mut self, whole: &str, most: usize) -> Option<String> {
        let kept = match whole.char_indices().nth(most) {
            None => whole,
            Some((end, _)) => {
                self.shortened = true;
                whole[..end].trim_end()
            }
        };
        (!text::is_blank(kept)).then(|| kept.to_owned())
    }

    fn optional(&mut self, text: Option<&str>, most: usize) -> Option<String> {
        text.and_then(|text| self.text(text, most))
    }

    /// Returns the items without repetitions, at most [`MAX_PER_KIND`] of them, with at most one preferred item.
    fn few<T: Clone + PartialEq, K: Eq + std::hash::Hash>(
        &mut self,
        property: &'static str,
        items: Vec<T>,
        key: impl Fn(&T) -> K,
        preferred: impl Fn(&mut T) -> Option<&mut bool>,
    ) -> Vec<T> {
        let mut known: HashMap<K, T> = HashMap::new();
        let mut kept = Vec::new();
        for item in items {
            let mut plain = item.clone();
            if let Some(flag) = preferred(&mut plain) {
                *flag = false;
            }
            match known.get(&key(&item)) {
                None if kept.len() == MAX_PER_KIND => self.losses.add(property, "more than ten"),
                None => {
                    known.insert(key(&item), plain);
                    kept.push(item);
                }
                Some(same) if *same == plain => {}
                Some(_) => self.losses.add(property, "given twice"),
            }
        }
        let mut one = false;
        for flag in kept.iter_mut().filter_map(preferred) {
            *flag &= !one;
            one |= *flag;
        }
        kept
    }

    fn loss(&self, read: &Reading) -> Option<String> {
        let left_out = self.losses.named().map(|names| format!("Left out, because it cannot be kept: {names}."));
        let shortened = self.shortened.then(|| "What was too long was shortened.".to_owned());
        let damaged = read.damaged.then(|| "Letters that could not be read are shown as \u{fffd}.".to_owned());
        let junk = read.has_junk.then(|| "Lines that are no property were passed over.".to_owned());
        let sentences = [left_out, shortened, damaged, junk];
        sentences.into_iter().flatten().reduce(|first, second| format!("{first} {second}"))
    }
}

/// Properties that lost something, in the order in which they were found, with the reason and the count of each.
#[derive(Default)]
struct DroppedProperties(Vec<(String, &'static str, usize)>);

impl DroppedProperties {
    fn add(&mut self, property: &str, why: &'static str) {
        // The name of a property can be as long as a whole line.
        let name: String = property.chars().take(LONGEST_NAME).collect();
        match self.0.iter_mut().find(|(other, reason, _)| *other == name && *reason == why) {
            Some((.., count)) => *count += 1,
            None => self.0.push((name, why, 1)),
        }
    }

    /// Returns the message that names all properties: `PHOTO (a picture), 2 × X-NAME`.
    fn named(&self) -> Option<String> {
        let name = |(name, why, count): &(String, &str, usize)| {
            let times = if *count > 1 { format!("{count} × ") } else { String::new() };
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            format!("{times}{name}{why}")
        };
        let names: Vec<String> = self.0.iter().map(name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// Returns the content of a property in words, if its name alone does not explain it.
fn in_words(property: &str) -> &'static str {
    match property {
        "FN" => "another name",
        "N" => "another name, or more parts of it",
        "NICKNAME" => "nicknames",
        "ORG" => "another organization",
        "TITLE" => "another title",
        "PHOTO" | "LOGO" => "a picture",
        "SOUND" => "a sound",
        "KEY" => "a key",
        "BDAY" | "X-EVOLUTION-BIRTHDAY" => "a birthday",
        "ANNIVERSARY" | "X-ANNIVERSARY" | "X-EVOLUTION-ANNIVERSARY" => "an anniversary",
        "CATEGORIES" => "tags",
        "IMPP" => "an address in a messenger",
        "LANG" => "a language",
        "TZ" => "a time zone",
        "GEO" => "a place on the map",
        "KIND" | "X-ABSHOWAS" => "what the card is of",
        "ROLE" => "a role",
        "RELATED" | "X-ABRELATEDNAMES" => "related people",
        "MEMBER" => "members",
        "AGENT" => "somebody else's card",
        "LABEL" => "an address in other words",
        "ADR" => "more parts of an address",
        "URL" => "an address that is no page of the web",
        "SORT-STRING" | "SORT-AS" => "how a name is sorted",
        property if property.starts_with("X-PHONETIC-") => "how a name is read",
        _ => "",
    }
}

impl ParsedCard {
    /// Returns the card as an address book entry. Returns none if nothing is left of its name.
    fn of(read: &Reading) -> Option<Self> {
        let (card, mut cut) = (&read.card, Truncation::default());
        // An address book does not store these properties.
        for name in read.left_out.iter().chain(&read.extras) {
            cut.losses.add(name, in_words(&name.to_ascii_uppercase()));
        }
        for name in &read.without_controls {
            cut.losses.add(name, "control characters");
        }
        let display_name = cut.text(&card.full_name, MAX_NAME)?;
        let organization: Vec<&str> = card.organization.iter().chain(&card.units).map(String::as_str).collect();
        let details = Details {
            emails: emails(&mut cut, card),
            phones: phones(&mut cut, card),
            addresses: addresses(&mut cut, card),
            urls: urls(&mut cut, card),
        };
        let mut entry = Self {
            uid: String::new(),
            display_name,
            given_name: cut.optional(card.name.given.as_deref(), MAX_NAME),
            family_name: cut.optional(card.name.family.as_deref(), MAX_NAME),
            additional_name: cut.optional(card.name.additional.as_deref(), MAX_NAME),
            name_prefix: cut.optional(card.name.prefix.as_deref(), MAX_NAME),
            name_suffix: cut.optional(card.name.suffix.as_deref(), MAX_NAME),
            title: cut.optional(card.title.as_deref(), MAX_NAME),
            organization: cut.text(&organization.join(", "), MAX_NAME),
            note: card.note.as_deref().and_then(|note| cut.lines(note, MAX_NOTE)),
            details: book_entries::private(details),
            loss: None,
        };
        let uid = card.uid.as_deref().map(str::trim).filter(|uid| !uid.is_empty() && !uid.starts_with(DIGEST));
        entry.uid = match uid {
            Some(uid) if uid.len() <= LONGEST_UID => uid.to_owned(),
            Some(uid) => {
                cut.shortened = true;
                digest(uid)
            }
            None => digest(&format!("{entry:?}")),
        };
        entry.loss = cut.loss(read);
        Some(entry)
    }

    /// Returns true if the card has a `UID` of its own, and false if its content identifies it.
    #[must_use]
    pub fn names_itself(&self) -> bool {
        !self.uid.starts_with(DIGEST)
    }

    /// Replaces the fields of a contact with those of the card.
    pub fn write(&self, row: &mut personal_contact::Model) {
        let parts = [&self.given_name, &self.family_name, &self.additional_name, &self.name_prefix, &self.name_suffix];
        // A card cannot distinguish a name that is only a family name from a name that was never split.
        let unsplit = parts.into_iter().all(Option::is_none)
            && row.given_name.is_none()
            && row.family_name.as_ref() == Some(&self.display_name);
        if !unsplit {
            row.given_name.clone_from(&self.given_name);
            row.family_name.clone_from(&self.family_name);
            row.additional_name.clone_from(&self.additional_name);
            row.name_prefix.clone_from(&self.name_prefix);
            row.name_suffix.clone_from(&self.name_suffix);
        }
        row.display_name.clone_from(&self.display_name);
        row.title.clone_from(&self.title);
        row.organization.clone_from(&self.organization);
        row.note.clone_from(&self.note);
        row.details.clone_from(&self.details);
        book_entries::list_position(row);
    }
}

fn digest(text: &str) -> String {
    let octets = Sha256::digest(text.as_bytes());
    octets.iter().fold(DIGEST.to_owned(), |text, octet| format!("{text}{octet:02x}"))
}

fn emails(cut: &mut Truncation, card: &Card) -> Vec<Email> {
    let mut kept = Vec::new();
    for email in &card.emails {
        let address = text::email_address(&email.address);
        if !is_email(&address) {
            cut.losses.add("EMAIL", "not an e-mail address");
            continue;
        }
        kept.push(Email {
            address,
            label: cut.optional(email.label.as_deref(), MAX_LABEL),
            preferred: email.preferred,
            visibility: Visibility::Nobody,
        });
    }
    cut.few("EMAIL", kept, |item| details::key(&item.address), |item| Some(&mut item.preferred))
}

fn phones(cut: &mut Truncation, card: &Card) -> Vec<Phone> {
    let mut kept = Vec::new();
    for phone in &card.phones {
        kept.extend(cut.text(&phone.number, MAX_NUMBER).map(|number| Phone {
            number,
            label: cut.optional(phone.label.as_deref(), MAX_LABEL),
            extension: cut.optional(phone.extension.as_deref(), MAX_EXTENSION),
            preferred: phone.preferred,
            visibility: Visibility::Nobody,
        }));
    }
    let key = |item: &Phone| (item.number.clone(), item.extension.clone());
    cut.few("TEL", kept, key, |item| Some(&mut item.preferred))
}

fn addresses(cut: &mut Truncation, card: &Card) -> Vec<Address> {
    let mut kept = Vec::new();
    for address in &card.addresses {
        let address = Address {
            label: cut.optional(address.label.as_deref(), MAX_LABEL),
            street: address.street.as_deref().and_then(|street| cut.lines(street, MAX_STREET)),
            city: cut.optional(address.city.as_deref(), MAX_PLACE),
            region: cut.optional(address.region.as_deref(), MAX_PLACE),
            postal_code: cut.optional(address.postal_code.as_deref(), MAX_PLACE),
            country: cut.optional(address.country.as_deref(), MAX_PLACE),
            preferred: address.preferred,
            visibility: Visibility::Nobody,
        };
        if details::parts(&address).iter().any(Option::is_some) {
            kept.push(address);
        }
    }
    cut.few("ADR", kept, details::parts, |item| Some(&mut item.preferred))
}

fn urls(cut: &mut Truncation, card: &Card) -> Vec<Url> {
    let mut kept = Vec::new();
    for url in &card.urls {
        let address = with_scheme(escape::uri(&url.address));
        if !is_page(&address) {
            cut.losses.add("URL", in_words("URL"));
            continue;
        }
        let label = cut.optional(url.label.as_deref(), MAX_LABEL);
        kept.push(Url { address, label, visibility: Visibility::Nobody });
    }
    cut.few("URL", kept, |item| item.address.clone(), |_| None)
}

/// Adds the missing scheme to the address of a page. Many programs leave it out. The text before a colon is a host and
/// not a scheme if a port follows.
fn with_scheme(address: String) -> String {
    if let Some(rest) = address.strip_prefix("//") {
        return format!("https://{rest}");
    }
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let is_host = name == "localhost" && !port.is_empty()
        || name.contains('.')
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if is_host && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("https://{address}");
    }
    address
}
