//! One contact, as vCards carry it. The texts are plain: nothing is escaped or encoded, and a line ends in `\n`.

use chrono::{DateTime, NaiveDate, Utc};

/// A contact. A missing part is `None` or empty; lists are in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// What names this card for ever: `urn:uuid:…` for our own, anything for those of others.
    pub uid: Option<String>,
    /// Whether the card is of an organization and not of a person.
    pub organization_card: bool,
    /// The name as it is shown.
    pub full_name: String,
    /// The name in parts; all empty when it was never split.
    pub name: NameParts,
    /// Other names.
    pub nicknames: Vec<String>,
    /// The organization.
    pub organization: Option<String>,
    /// The units inside the organization, from the largest down.
    pub units: Vec<String>,
    /// The position held there.
    pub title: Option<String>,
    /// E-mail addresses.
    pub emails: Vec<Email>,
    /// Telephone numbers.
    pub phones: Vec<Phone>,
    /// Postal addresses.
    pub addresses: Vec<Address>,
    /// Pages on the web.
    pub urls: Vec<Url>,
    /// Addresses in messengers.
    pub messengers: Vec<Messenger>,
    /// Where a picture is to be had: `https` alone.
    pub photo_url: Option<String>,
    /// The birthday.
    pub birthday: Option<Birthday>,
    /// The language, as a BCP 47 tag. vCard 3.0 has no place for it.
    pub locale: Option<String>,
    /// The time zone: an IANA name or an offset such as `+09:00`.
    pub time_zone: Option<String>,
    /// Tags.
    pub categories: Vec<String>,
    /// A note, in lines.
    pub note: Option<String>,
    /// When the contact last changed; vCards keep whole seconds.
    pub changed_at: Option<DateTime<Utc>>,
}

/// The parts of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameParts {
    /// The family name.
    pub family: Option<String>,
    /// The given name.
    pub given: Option<String>,
    /// Middle names.
    pub additional: Option<String>,
    /// What stands before: Dr.
    pub prefix: Option<String>,
    /// What stands behind: Jr.
    pub suffix: Option<String>,
}

/// An e-mail address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email {
    /// The address itself.
    pub address: String,
    /// What it is for: `work`, `home` or any words.
    pub label: Option<String>,
    /// Whether it is the one to use.
    pub preferred: bool,
}

/// A telephone number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phone {
    /// The number as it is shown.
    pub number: String,
    /// What it is for: `work`, `mobile`, `home fax` or any words.
    pub label: Option<String>,
    /// What is dialled once the call is taken.
    pub extension: Option<String>,
    /// Whether it is the one to use.
    pub preferred: bool,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// What it is for: `work`, `home` or any words.
    pub label: Option<String>,
    /// Street and house, in lines.
    pub street: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// State or province.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country, as it is written on an envelope.
    pub country: Option<String>,
    /// Whether it is the one to use.
    pub preferred: bool,
}

/// A page on the web.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// Where it is.
    pub address: String,
    /// What it is for.
    pub label: Option<String>,
}

/// An address in a messenger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messenger {
    /// The address with its scheme: `xmpp:jane@example.com`.
    pub uri: String,
    /// What it is for.
    pub label: Option<String>,
}

/// A day of the year, and the year if it is known. Only days that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birthday {
    /// From 1 to 9999.
    pub year: Option<u16>,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

impl Birthday {
    /// The day, if there is one such; without a year, 29 February is a day.
    #[must_use]
    pub fn new(year: Option<u16>, month: u8, day: u8) -> Option<Self> {
        const LEAP: u16 = 2000;
        let known = year.is_none_or(|year| (1..=9999).contains(&year));
        let date = NaiveDate::from_ymd_opt(i32::from(year.unwrap_or(LEAP)), u32::from(month), u32::from(day));
        (known && date.is_some()).then_some(Self { year, month, day })
    }
}

impl NameParts {
    /// Whether the name was never split.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Address {
    /// The lines of an envelope.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let town: Vec<&str> =
            [&self.city, &self.region, &self.postal_code].into_iter().flatten().map(String::as_str).collect();
        let lines = [self.street.clone(), Some(town.join(" ")), self.country.clone()];
        lines.into_iter().flatten().filter(|line| !line.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Birthday;

    #[test]
    fn a_birthday_is_a_day_that_exists() {
        assert!(Birthday::new(None, 2, 29).is_some() && Birthday::new(Some(2024), 2, 29).is_some());
        for (year, month, day) in
            [(Some(2023), 2, 29), (None, 2, 30), (None, 0, 1), (None, 13, 1), (Some(0), 1, 1), (Some(10_000), 1, 1)]
        {
            assert!(Birthday::new(year, month, day).is_none(), "{year:?} {month} {day}");
        }
    }
}
