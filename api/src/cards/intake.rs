//! A card that came in, cut to what an address book keeps: the same limits as what is written by hand. What is too long is
//! shortened, what cannot be right is left out, and both are said.

use std::collections::HashSet;

use entity::{
    details::{Address, Details, Email, Phone, Url, Visibility},
    personal_contact,
};
use sha2::{Digest as _, Sha256};

use super::card::DIGEST;
use crate::{
    contacts::{
        details::{self, MAX_EXTENSION, MAX_LABEL, MAX_NUMBER, MAX_PLACE, MAX_STREET, MOST, is_email, is_page},
        fields::MAX_NAME,
    },
    personal::book::{self, MAX_NOTE},
    text,
    vcard::{card::Card, escape, read},
};

/// The longest `UID`, in bytes: it stands in an index. A longer one is known by its digest.
const LONGEST_UID: usize = 500;

/// A card as an address book would keep it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What names the card for ever: its `UID`, or a digest of the card.
    pub uid: String,
    display_name: String,
    given_name: Option<String>,
    family_name: Option<String>,
    additional_name: Option<String>,
    name_prefix: Option<String>,
    name_suffix: Option<String>,
    title: Option<String>,
    organisation: Option<String>,
    note: Option<String>,
    pub details: Details,
    /// What did not come in as it was, as a sentence.
    pub loss: Option<String>,
}

/// The cards of a file, each as an entry or as the reason why it cannot be one; at most one more than `most`.
#[must_use]
pub fn read(file: &[u8], most: usize) -> Vec<Result<Entry, String>> {
    let cards = read::cards(file).take(most + 1);
    let entry = |card: Result<Card, read::Damage>| match card {
        Ok(card) => Entry::of(&card).ok_or_else(|| "It has no name.".to_owned()),
        Err(damage) if damage.ordinal == 0 => Err(damage.why.into_owned()),
        Err(damage) => Err(format!("Line {}: {}", damage.line, damage.why)),
    };
    cards.map(entry).collect()
}

/// What happened to the parts of a card.
#[derive(Default)]
struct Cut {
    shortened: bool,
    left_out: Vec<&'static str>,
}

impl Cut {
    fn text(&mut self, text: &str, most: usize) -> Option<String> {
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.shorten(plain.trim(), most)
    }

    fn lines(&mut self, text: &str, most: usize) -> Option<String> {
        let plain: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
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

    /// Keeps each thing once, so many of them, and one preference.
    fn few<T, K: Eq + std::hash::Hash>(
        &mut self,
        items: Vec<T>,
        key: impl Fn(&T) -> K,
        preferred: impl Fn(&mut T) -> Option<&mut bool>,
        what: &'static str,
    ) -> Vec<T> {
        let mut known = HashSet::new();
        let mut kept: Vec<T> = items.into_iter().filter(|item| known.insert(key(item))).collect();
        if kept.len() > MOST {
            self.left_out.push(what);
            kept.truncate(MOST);
        }
        let mut one = false;
        for flag in kept.iter_mut().filter_map(preferred) {
            *flag &= !one;
            one |= *flag;
        }
        kept
    }

    fn loss(mut self) -> Option<String> {
        self.left_out.dedup();
        let left_out = (!self.left_out.is_empty())
            .then(|| format!("Left out, because it cannot be kept: {}.", self.left_out.join(", ")));
        let shortened = self.shortened.then(|| "What was too long was shortened.".to_owned());
        [left_out, shortened].into_iter().flatten().reduce(|first, second| format!("{first} {second}"))
    }
}

impl Entry {
    /// The card as an entry; none when nothing is left of its name.
    fn of(card: &Card) -> Option<Self> {
        let mut cut = Cut::default();
        let display_name = cut.text(&card.full_name, MAX_NAME)?;
        let organisation: Vec<&str> = card.organisation.iter().chain(&card.units).map(String::as_str).collect();
        let details = Details {
            emails: emails(&mut cut, card),
            phones: phones(&mut cut, card),
            addresses: addresses(&mut cut, card),
            urls: urls(&mut cut, card),
        };
        for (there, what) in [
            (!card.nicknames.is_empty(), "nicknames"),
            (!card.messengers.is_empty(), "addresses of messengers"),
            (card.photo_url.is_some(), "a picture"),
            (card.birthday.is_some(), "a birthday"),
            (!card.categories.is_empty(), "tags"),
        ] {
            cut.left_out.extend(there.then_some(what));
        }
        let mut entry = Self {
            uid: String::new(),
            display_name,
            given_name: cut.optional(card.name.given.as_deref(), MAX_NAME),
            family_name: cut.optional(card.name.family.as_deref(), MAX_NAME),
            additional_name: cut.optional(card.name.additional.as_deref(), MAX_NAME),
            name_prefix: cut.optional(card.name.prefix.as_deref(), MAX_NAME),
            name_suffix: cut.optional(card.name.suffix.as_deref(), MAX_NAME),
            title: cut.optional(card.title.as_deref(), MAX_NAME),
            organisation: cut.text(&organisation.join(", "), MAX_NAME),
            note: card.note.as_deref().and_then(|note| cut.lines(note, MAX_NOTE)),
            details: book::private(details),
            loss: None,
        };
        let uid = card.uid.as_deref().map(str::trim).filter(|uid| !uid.is_empty() && !uid.starts_with(DIGEST));
        entry.uid = match uid {
            Some(uid) if uid.len() <= LONGEST_UID => uid.to_owned(),
            Some(uid) => digest(uid),
            None => digest(&format!("{entry:?}")),
        };
        entry.loss = cut.loss();
        Some(entry)
    }

    /// Whether the card names itself, and is not merely known by what it holds.
    #[must_use]
    pub fn names_itself(&self) -> bool {
        !self.uid.starts_with(DIGEST)
    }

    /// Writes the entry over a contact.
    pub fn write(&self, row: &mut personal_contact::Model) {
        let parts = [&self.given_name, &self.family_name, &self.additional_name, &self.name_prefix, &self.name_suffix];
        // A card cannot tell a name that is all family name from one that was never split.
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
        row.organisation.clone_from(&self.organisation);
        row.note.clone_from(&self.note);
        row.details.clone_from(&self.details);
        book::place(row);
    }
}

fn digest(text: &str) -> String {
    let octets = Sha256::digest(text.as_bytes());
    octets.iter().fold(DIGEST.to_owned(), |text, octet| format!("{text}{octet:02x}"))
}

fn emails(cut: &mut Cut, card: &Card) -> Vec<Email> {
    let mut kept = Vec::new();
    for email in &card.emails {
        let address = text::email_address(&email.address);
        if !is_email(&address) {
            cut.left_out.push("an e-mail address that is none");
            continue;
        }
        kept.push(Email {
            address,
            label: cut.optional(email.label.as_deref(), MAX_LABEL),
            preferred: email.preferred,
            visibility: Visibility::Nobody,
        });
    }
    cut.few(kept, |item| details::key(&item.address), |item| Some(&mut item.preferred), "e-mail addresses beyond ten")
}

fn phones(cut: &mut Cut, card: &Card) -> Vec<Phone> {
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
    cut.few(kept, key, |item| Some(&mut item.preferred), "telephone numbers beyond ten")
}

fn addresses(cut: &mut Cut, card: &Card) -> Vec<Address> {
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
    cut.few(kept, details::parts, |item| Some(&mut item.preferred), "postal addresses beyond ten")
}

fn urls(cut: &mut Cut, card: &Card) -> Vec<Url> {
    let mut kept = Vec::new();
    for url in &card.urls {
        let address = escape::uri(&url.address);
        // Many a program leaves out what goes without saying.
        let bare = !address.contains(':') && address.contains('.');
        let address = if bare { format!("https://{address}") } else { address };
        if !is_page(&address) {
            cut.left_out.push("an address that is no page of the web");
            continue;
        }
        let label = cut.optional(url.label.as_deref(), MAX_LABEL);
        kept.push(Url { address, label, visibility: Visibility::Nobody });
    }
    cut.few(kept, |item| item.address.clone(), |_| None, "pages beyond ten")
}
