//! Builds the card of one person or one personal contact.

use entity::{details::Details, personal_contact, user};

use crate::{
    users::avatars,
    vcard::card::{Address, Card, Email, NameParts, Phone, Url},
};

/// The prefix of a `card_uid` that is the digest of an imported card without a `UID`.
pub const DIGEST: &str = "sha256:";

/// Returns the card of a person with the contact details in `seen`, which the reader can see. `note` is the reader's
/// note about the person.
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
        // A card stands alone, so it names only a picture with a whole address.
        photo_url: person.avatar_url.clone().filter(|stored| !avatars::is_uploaded(stored)),
        locale: person.locale.clone(),
        time_zone: person.time_zone.clone(),
        note,
        // `changed_at` stays empty. It would reveal changes of details that are hidden from the reader. It would also
        // distinguish a withdrawn access from an edit.
        ..Card::default()
    };
    reached(card, seen)
}

/// Returns the card of a personal contact. A contact that was imported keeps the `UID` of its card.
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
