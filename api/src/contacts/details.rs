//! Contact details of profiles and personal contacts: e-mail addresses, telephone numbers, postal addresses and web
//! pages. Stored details have passed [`DetailsChange::apply`]. So they are short and plausible, have no duplicates, and
//! at most one item of a kind is preferred.

use std::collections::HashSet;

use async_graphql::{InputObject, MaybeUndefined};
use entity::details::{Address, Details, Email, Phone, Url, Visibility};

use super::detail_validation::{self, FieldPath};
use crate::{
    error::{Error, Result, UserErrorCode},
    plain_text, text,
    vcard::escape,
    web_address,
};

/// Maximum number of items of one kind.
pub const MAX_PER_KIND: usize = 10;
/// Maximum length of an e-mail address, in characters.
pub const MAX_EMAIL: usize = 254;
const MAX_LOCAL_PART: usize = 64;
/// Maximum length of a label, in characters.
pub const MAX_LABEL: usize = 50;
/// Maximum length of a telephone number, in characters.
pub const MAX_NUMBER: usize = 64;
/// Maximum length of a telephone extension, in characters.
pub const MAX_EXTENSION: usize = 20;
/// Maximum length of street and house number, in characters.
pub const MAX_STREET: usize = 500;
/// Maximum length of city, region, postal code and country, in characters each.
pub const MAX_PLACE: usize = 100;
/// Maximum length of a web page's address, in characters.
pub const MAX_URL: usize = 2_000;

const EMAILS: FieldPath = &["input", "emails"];
const PHONES: FieldPath = &["input", "phones"];
const ADDRESSES: FieldPath = &["input", "addresses"];
const URLS: FieldPath = &["input", "urls"];

/// An e-mail address to store.
#[derive(Clone, Debug, InputObject)]
pub struct EmailAddressInput {
    /// The address, at most 254 characters, such as `jane@example.com`.
    pub address: String,
    /// The purpose: `work`, `home` or free text, at most 50 characters.
    pub label: Option<String>,
    /// True for the address to use first. At most one address can be preferred.
    #[graphql(default = false)]
    pub preferred: bool,
    /// The audience of the address. Only the owner of a personal contact sees it, whatever this says.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// A telephone number to store.
#[derive(Clone, Debug, InputObject)]
pub struct PhoneInput {
    /// The number as displayed, at most 64 characters. With `+` and the country code it can be dialed from everywhere.
    /// Digits of every script are stored as ASCII digits, and every kind of dash as `-`. Direction marks are removed.
    pub number: String,
    /// The purpose: `work`, `mobile`, `home fax` or free text, at most 50 characters.
    pub label: Option<String>,
    /// The extension to dial after the call is answered, at most 20 digits or signs.
    pub extension: Option<String>,
    /// True for the number to use first. At most one number can be preferred.
    #[graphql(default = false)]
    pub preferred: bool,
    /// The audience of the number. Only the owner of a personal contact sees it, whatever this says.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// A postal address to store. It needs at least one of street, city, region, postal code and country.
#[derive(Clone, Debug, InputObject)]
pub struct PostalAddressInput {
    /// The purpose: `work`, `home` or free text, at most 50 characters.
    pub label: Option<String>,
    /// The street and house number, in lines, at most 500 characters.
    pub street: Option<String>,
    /// The town or city, at most 100 characters.
    pub city: Option<String>,
    /// The state or province, at most 100 characters.
    pub region: Option<String>,
    /// The postal or ZIP code, at most 100 characters.
    pub postal_code: Option<String>,
    /// The country, as written on an envelope, at most 100 characters.
    pub country: Option<String>,
    /// True for the address to use first. At most one address can be preferred.
    #[graphql(default = false)]
    pub preferred: bool,
    /// The audience of the address. Only the owner of a personal contact sees it, whatever this says.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// A web page to store.
#[derive(Clone, Debug, InputObject)]
pub struct WebAddressInput {
    /// The page's URL. It begins with `https://` or `http://` and has at most 2,000 characters.
    pub address: String,
    /// The kind of page, at most 50 characters.
    pub label: Option<String>,
    /// The audience of the page's address. Only the owner of a personal contact sees it, whatever this says.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// New lists of contact details. An omitted list keeps the stored one, and null clears it.
pub struct DetailsChange<'a> {
    /// The new e-mail addresses.
    pub emails: &'a MaybeUndefined<Vec<EmailAddressInput>>,
    /// The new telephone numbers.
    pub phones: &'a MaybeUndefined<Vec<PhoneInput>>,
    /// The new postal addresses.
    pub addresses: &'a MaybeUndefined<Vec<PostalAddressInput>>,
    /// The new web pages.
    pub urls: &'a MaybeUndefined<Vec<WebAddressInput>>,
}

impl DetailsChange<'_> {
    /// Returns the details after the change. Refuses with INVALID when a limit or a form is broken, and with DUPLICATE
    /// when an item occurs twice.
    pub fn apply(&self, before: &Details) -> Result<Details> {
        let mut details = before.clone();
        replace(&mut details.emails, self.emails, EMAILS, email)?;
        replace(&mut details.phones, self.phones, PHONES, phone)?;
        replace(&mut details.addresses, self.addresses, ADDRESSES, address)?;
        replace(&mut details.urls, self.urls, URLS, url)?;
        check_unique(&details.emails, |email| key(&email.address), EMAILS)?;
        check_unique(&details.phones, |phone| (phone.number.clone(), phone.extension.clone()), PHONES)?;
        check_unique(&details.addresses, parts, ADDRESSES)?;
        check_unique(&details.urls, |url| url.address.clone(), URLS)?;
        one_preferred(details.emails.iter().map(|email| email.preferred), EMAILS)?;
        one_preferred(details.phones.iter().map(|phone| phone.preferred), PHONES)?;
        one_preferred(details.addresses.iter().map(|address| address.preferred), ADDRESSES)?;
        Ok(details)
    }
}

/// Returns the comparison key of an e-mail address. Addresses that differ only in case are the same mailbox.
#[must_use]
pub fn key(address: &str) -> String {
    text::email_address(address).to_lowercase()
}

/// Returns the e-mail addresses with one visibility, as one text.
#[must_use]
pub fn addresses_for(details: &Details, visibility: Visibility) -> String {
    let addresses = details.emails.iter().filter(|email| email.visibility == visibility);
    addresses.map(|email| email.address.as_str()).collect::<Vec<_>>().join(" ")
}

/// Returns an e-mail address without the scheme `mailto:`.
#[must_use]
pub fn without_mailto(address: &str) -> &str {
    match address.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => rest.trim(),
        _ => address,
    }
}

/// Returns true when a text has the form of an e-mail address: a local part, an @ and a host.
#[must_use]
pub fn is_email(address: &str) -> bool {
    let Some((local, host)) = address.rsplit_once('@') else { return false };
    let odd =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | '(' | ')' | ',' | ';' | '"');
    let part = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
    address.chars().count() <= MAX_EMAIL
        && (1..=MAX_LOCAL_PART).contains(&local.chars().count())
        && !local.contains(odd)
        && host.chars().all(named)
        && host.split('.').all(part)
}

/// Returns true when a text has the form of a web page's address, is one word and is within the limit.
#[must_use]
pub fn is_page(address: &str) -> bool {
    address.chars().count() <= MAX_URL && web_address::is_page(address)
}

fn email(input: &EmailAddressInput) -> Result<Email> {
    let address = text::email_address(without_mailto(input.address.trim()));
    if !is_email(&address) {
        let why = format!("An e-mail address looks like jane@example.com and has at most {MAX_EMAIL} characters.");
        return Err(Error::refused(UserErrorCode::Invalid, EMAILS, why));
    }
    let label = detail_validation::optional(input.label.as_deref(), EMAILS, MAX_LABEL)?;
    Ok(Email { address, label, preferred: input.preferred, visibility: input.visibility })
}

fn phone(input: &PhoneInput) -> Result<Phone> {
    let number = plain_text::telephone(&input.number);
    let extension = input.extension.as_deref().map(plain_text::telephone).filter(|extension| !extension.is_empty());
    // A card has both in one text, so this split makes an exported number come back the same.
    let (number, extension) = match plain_text::split_extension(&number) {
        (first, Some(second)) if extension.is_none() => (first.to_owned(), Some(second.to_owned())),
        _ => (number, extension),
    };
    let number = detail_validation::required_line(&number, PHONES, MAX_NUMBER, "A number is needed.")?;
    Ok(Phone {
        number,
        label: detail_validation::optional(input.label.as_deref(), PHONES, MAX_LABEL)?,
        extension: detail_validation::optional(extension.as_deref(), PHONES, MAX_EXTENSION)?,
        preferred: input.preferred,
        visibility: input.visibility,
    })
}

fn address(input: &PostalAddressInput) -> Result<Address> {
    let part = |part: &Option<String>| detail_validation::optional(part.as_deref(), ADDRESSES, MAX_PLACE);
    let street =
        input.street.as_deref().map_or(Ok(None), |street| detail_validation::lines(street, ADDRESSES, MAX_STREET))?;
    let address = Address {
        label: detail_validation::optional(input.label.as_deref(), ADDRESSES, MAX_LABEL)?,
        street,
        city: part(&input.city)?,
        region: part(&input.region)?,
        postal_code: part(&input.postal_code)?,
        country: part(&input.country)?,
        preferred: input.preferred,
        visibility: input.visibility,
    };
    if parts(&address).iter().all(Option::is_none) {
        return Err(Error::refused(UserErrorCode::Required, ADDRESSES, "An address needs at least one part."));
    }
    Ok(address)
}

/// Returns the parts of a postal address: street, city, region, postal code and country.
#[must_use]
pub fn parts(address: &Address) -> [Option<String>; 5] {
    let Address { street, city, region, postal_code, country, .. } = address.clone();
    [street, city, region, postal_code, country]
}

fn url(input: &WebAddressInput) -> Result<Url> {
    // The address takes the form that a card gives it, so that an exported address comes back the same.
    let address = escape::uri(&input.address);
    if input.address.contains(web_address::changes_direction) || !is_page(&address) {
        let why = format!(
            "A web address begins with https:// or http:// and has at most {MAX_URL} characters. No character can \
             change the text direction."
        );
        return Err(Error::refused(UserErrorCode::Invalid, URLS, why));
    }
    let label = detail_validation::optional(input.label.as_deref(), URLS, MAX_LABEL)?;
    Ok(Url { address, label, visibility: input.visibility })
}

fn replace<T, I>(
    kept: &mut Vec<T>,
    change: &MaybeUndefined<Vec<I>>,
    field: FieldPath,
    read: fn(&I) -> Result<T>,
) -> Result<()> {
    let new: &[I] = match change {
        MaybeUndefined::Undefined => return Ok(()),
        MaybeUndefined::Null => &[],
        MaybeUndefined::Value(new) => new,
    };
    if new.len() > MAX_PER_KIND {
        return Err(Error::refused(UserErrorCode::Invalid, field, format!("At most {MAX_PER_KIND} items.")));
    }
    *kept = new.iter().map(read).collect::<Result<_>>()?;
    Ok(())
}

fn check_unique<T, K: Eq + std::hash::Hash>(items: &[T], key: impl Fn(&T) -> K, field: FieldPath) -> Result<()> {
    let different: HashSet<K> = items.iter().map(key).collect();
    if different.len() < items.len() {
        return Err(Error::refused(UserErrorCode::Duplicate, field, "One of these items occurs twice."));
    }
    Ok(())
}

fn one_preferred(preferred: impl Iterator<Item = bool>, field: FieldPath) -> Result<()> {
    if preferred.filter(|preferred| *preferred).count() > 1 {
        return Err(Error::refused(UserErrorCode::Invalid, field, "Only one item can be preferred."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{is_email, is_page};

    #[test]
    fn an_address_has_a_plausible_form() {
        for good in ["jane@example.com", "a@b", "jane.o'brien+list@sub.example.co.kr", "김@예.한국", "Jane_1@x-y.org"]
        {
            assert!(is_email(good), "{good}");
        }
        let long = format!("jane@{}.com", "x".repeat(250));
        for bad in [
            "",
            "@",
            "jane",
            "jane@",
            "@x.org",
            "a b@x.org",
            "a@b@c",
            "a@x..org",
            "a@-x.org",
            "a@x.org,b@x.org",
            "a\n@x",
            "Jane <a@x.org>",
            "a@x_y",
            "\"a\"@x",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_page_is_of_the_web() {
        assert!(is_page("https://example.com/a?b=c#d") && is_page("HTTP://x"));
        for bad in
            ["", "https://", "https:///x", "javascript:alert(1)", "www.example.com", "https://a b", "ftp://x", "é"]
        {
            assert!(!is_page(bad), "{bad}");
        }
    }
}
