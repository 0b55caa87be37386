//! The model of one contact. The texts are plain: nothing is escaped or encoded, and a line ends in `\n`.

use chrono::{DateTime, NaiveDate, Utc};

/// A contact. A missing part is `None` or empty. Lists are in display order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// The permanent identity of the card: `urn:uuid:…` for our own cards, and any text for other cards.
    pub uid: Option<String>,
    /// True when the card describes an organization, and false for a person.
    pub organization_card: bool,
    /// The display name.
    pub full_name: String,
    /// The parts of the name. All are empty when the name was never split.
    pub name: NameParts,
    /// Other names.
    pub nicknames: Vec<String>,
    /// The organization.
    pub organization: Option<String>,
    /// The units inside the organization, from the largest down.
    pub units: Vec<String>,
    /// The position in the organization.
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
    /// The `https` address of a picture.
    pub photo_url: Option<String>,
    /// The birthday.
    pub birthday: Option<Birthday>,
    /// The language, as a BCP 47 tag. vCard 3.0 has no property for it.
    pub locale: Option<String>,
    /// The time zone: an IANA name or an offset such as `+09:00`.
    pub time_zone: Option<String>,
    /// Tags.
    pub categories: Vec<String>,
    /// A note of one or more lines.
    pub note: Option<String>,
    /// The time of the last change. vCards keep whole seconds.
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
    /// The prefix, such as Dr.
    pub prefix: Option<String>,
    /// The suffix, such as Jr.
    pub suffix: Option<String>,
}

/// An e-mail address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email {
    /// The address itself.
    pub address: String,
    /// The label: `work`, `home` or any other text.
    pub label: Option<String>,
    /// True for the preferred address.
    pub preferred: bool,
}

/// A telephone number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phone {
    /// The number as it is displayed.
    pub number: String,
    /// The label: `work`, `mobile`, `home fax` or any other text.
    pub label: Option<String>,
    /// The extension that is dialed after the call is answered.
    pub extension: Option<String>,
    /// True for the preferred number.
    pub preferred: bool,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The label: `work`, `home` or any other text.
    pub label: Option<String>,
    /// The street and house number, in lines.
    pub street: Option<String>,
    /// The town.
    pub city: Option<String>,
    /// The state or province.
    pub region: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The country, as it is written on an envelope.
    pub country: Option<String>,
    /// True for the preferred postal address.
    pub preferred: bool,
}

/// A web page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// The address of the page.
    pub address: String,
    /// The label.
    pub label: Option<String>,
}

/// An address in a messenger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messenger {
    /// The address with its scheme: `xmpp:jane@example.com`.
    pub uri: String,
    /// The label.
    pub label: Option<String>,
}

/// A day of the year, with the year if it is known. The day always exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birthday {
    /// The year, from 1 to 9999.
    pub year: Option<u16>,
    /// The month, from 1.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

impl Birthday {
    /// Returns the day if it exists. 29 February exists when the year is unknown.
    #[must_use]
    pub fn new(year: Option<u16>, month: u8, day: u8) -> Option<Self> {
        const LEAP: u16 = 2000;
        let known = year.is_none_or(|year| (1..=9999).contains(&year));
        let date = NaiveDate::from_ymd_opt(i32::from(year.unwrap_or(LEAP)), u32::from(month), u32::from(day));
        (known && date.is_some()).then_some(Self { year, month, day })
    }
}

impl NameParts {
    /// Returns true when the name was never split.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Address {
    /// Returns the address as the lines of an envelope.
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
