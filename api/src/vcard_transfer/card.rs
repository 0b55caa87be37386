//! One person or one personal contact as a card.

use entity::{details::Details, personal_contact, user};

use crate::vcard::card::{Address, Card, Email, NameParts, Phone, Url};

/// What a `card_uid` begins with that is no `UID` of a card but the digest of one that had none.
pub const DIGEST: &str = "sha256:";

/// The card of a person, with as much of how they can be reached as its reader may see, and with what the reader wrote
/// about them if that is wished.
#[must_use]
pub fn of_user(person: &user::Model, seen: &Details, note: Option<String>) -> Card {
    let card = Card {
        uid: Some(person.id.0.urn().to_string()),
        full_name: person.display_name.clone(),
        name: NameParts {
            family: person.family_name.clone(),
            given: person.given_name.clone(),
            additional: person.additional_name.clone(),
            prefix: person.name_prefix.clone(),
            suffix: person.name_suffix.clone(),
        },
        organization: person.organization.clone(),
        title: person.title.clone(),
        photo_url: person.avatar_url.clone(),
        locale: person.locale.clone(),
        time_zone: person.time_zone.clone(),
        note,
        // Not when it changed: that would tell a change of what the reader may not see, and that somebody's refusal came
        // without one.
        ..Card::default()
    };
    reached(card, seen)
}

/// The card of a personal contact. One that came from a card keeps its `UID`.
#[must_use]
pub fn of_contact(contact: &personal_contact::Model) -> Card {
    let own = || contact.id.0.urn().to_string();
    let card = Card {
        uid: Some(contact.card_uid.clone().filter(|uid| !uid.starts_with(DIGEST)).unwrap_or_else(own)),
        full_name: contact.display_name.clone(),
        name: NameParts {
            family: contact.family_name.clone(),
            given: contact.given_name.clone(),
            additional: contact.additional_name.clone(),
            prefix: contact.name_prefix.clone(),
            suffix: contact.name_suffix.clone(),
        },
        organization: contact.organization.clone(),
        title: contact.title.clone(),
        note: contact.note.clone(),
        changed_at: Some(contact.updated_at),
        ..Card::default()
    };
    reached(card, &contact.details)
}

fn reached(mut card: Card, details: &Details) -> Card {
    let Details { emails, phones, addresses, urls } = details.clone();
    card.emails = emails
        .into_iter()
        .map(|item| Email { address: item.address, label: item.label, preferred: item.preferred })
        .collect();
    card.phones = phones
        .into_iter()
        .map(|item| Phone {
            number: item.number,
            label: item.label,
            extension: item.extension,
            preferred: item.preferred,
        })
        .collect();
    card.addresses = addresses
        .into_iter()
        .map(|item| Address {
            label: item.label,
            street: item.street,
            city: item.city,
            region: item.region,
            postal_code: item.postal_code,
            country: item.country,
            preferred: item.preferred,
        })
        .collect();
    card.urls = urls.into_iter().map(|item| Url { address: item.address, label: item.label }).collect();
    card
}
