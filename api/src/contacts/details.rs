//! How someone can be reached: e-mail addresses, telephone numbers, postal addresses and web pages, of a profile as of a
//! personal contact. What is stored has passed [`Change::apply`]: short, of a plausible form, each thing once, at most one
//! of a kind preferred.

use std::collections::HashSet;

use async_graphql::{InputObject, MaybeUndefined};
use entity::details::{Address, Details, Email, Phone, Url, Visibility};

use super::fields::{self, Field};
use crate::{
    error::{Error, Result, UserErrorCode},
    plain_text, text,
    vcard::escape,
    web,
};

/// The most of one kind.
pub const MOST: usize = 10;
/// The longest texts, in characters.
pub const MAX_EMAIL: usize = 254;
const MAX_LOCAL_PART: usize = 64;
pub const MAX_LABEL: usize = 50;
pub const MAX_NUMBER: usize = 64;
pub const MAX_EXTENSION: usize = 20;
pub const MAX_STREET: usize = 500;
pub const MAX_PLACE: usize = 100;
pub const MAX_URL: usize = 2_000;

const EMAILS: Field = &["input", "emails"];
const PHONES: Field = &["input", "phones"];
const ADDRESSES: Field = &["input", "addresses"];
const URLS: Field = &["input", "urls"];

/// An e-mail address to keep.
#[derive(Clone, Debug, InputObject)]
pub struct EmailAddressInput {
    /// The address, at most 254 characters, such as `jane@example.com`.
    pub address: String,
    /// What it is for: `work`, `home` or any words, at most 50 characters.
    pub label: Option<String>,
    /// Whether it is the one to use. At most one is.
    #[graphql(default = false)]
    pub preferred: bool,
    /// Who may see it. Of a personal contact nobody but its owner sees anything.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// A telephone number to keep.
#[derive(Clone, Debug, InputObject)]
pub struct PhoneInput {
    /// The number as it is shown, at most 64 characters. With `+` and the country's code it can be dialled everywhere. Digits
    /// of every script are kept in ASCII, dashes of every kind as `-`; direction marks are left out.
    pub number: String,
    /// What it is for: `work`, `mobile`, `home fax` or any words, at most 50 characters.
    pub label: Option<String>,
    /// What is dialled once the call is taken: at most 20 digits or signs.
    pub extension: Option<String>,
    /// Whether it is the one to use. At most one is.
    #[graphql(default = false)]
    pub preferred: bool,
    /// Who may see it. Of a personal contact nobody but its owner sees anything.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// A postal address to keep. At least one of its parts is needed.
#[derive(Clone, Debug, InputObject)]
pub struct PostalAddressInput {
    /// What it is for: `work`, `home` or any words, at most 50 characters.
    pub label: Option<String>,
    /// Street and house, in lines, at most 500 characters.
    pub street: Option<String>,
    /// Town, at most 100 characters.
    pub city: Option<String>,
    /// State or province, at most 100 characters.
    pub region: Option<String>,
    /// Postal code, at most 100 characters.
    pub postal_code: Option<String>,
    /// Country, as it is written on an envelope, at most 100 characters.
    pub country: Option<String>,
    /// Whether it is the one to use. At most one is.
    #[graphql(default = false)]
    pub preferred: bool,
    /// Who may see it. Of a personal contact nobody but its owner sees anything.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// A page of the web to keep.
#[derive(Clone, Debug, InputObject)]
pub struct WebAddressInput {
    /// The address, beginning with `https://` or `http://`, at most 2,000 characters.
    pub address: String,
    /// What it is, at most 50 characters.
    pub label: Option<String>,
    /// Who may see it. Of a personal contact nobody but its owner sees anything.
    #[graphql(default_with = "Visibility::Connections")]
    pub visibility: Visibility,
}

/// Which lists to put in the place of those that are kept. What is left out stays; null empties.
pub struct Change<'a> {
    pub emails: &'a MaybeUndefined<Vec<EmailAddressInput>>,
    pub phones: &'a MaybeUndefined<Vec<PhoneInput>>,
    pub addresses: &'a MaybeUndefined<Vec<PostalAddressInput>>,
    pub urls: &'a MaybeUndefined<Vec<WebAddressInput>>,
}

impl Change<'_> {
    /// The details with the change made, or the refusal of what breaks a limit.
    pub fn apply(&self, before: &Details) -> Result<Details> {
        let mut details = before.clone();
        replace(&mut details.emails, self.emails, EMAILS, email)?;
        replace(&mut details.phones, self.phones, PHONES, phone)?;
        replace(&mut details.addresses, self.addresses, ADDRESSES, address)?;
        replace(&mut details.urls, self.urls, URLS, url)?;
        once(&details.emails, |email| key(&email.address), EMAILS)?;
        once(&details.phones, |phone| (phone.number.clone(), phone.extension.clone()), PHONES)?;
        once(&details.addresses, parts, ADDRESSES)?;
        once(&details.urls, |url| url.address.clone(), URLS)?;
        one_preferred(details.emails.iter().map(|email| email.preferred), EMAILS)?;
        one_preferred(details.phones.iter().map(|phone| phone.preferred), PHONES)?;
        one_preferred(details.addresses.iter().map(|address| address.preferred), ADDRESSES)?;
        Ok(details)
    }
}

/// An e-mail address as it is compared: whatever its case, it is the same mailbox.
#[must_use]
pub fn key(address: &str) -> String {
    text::email_address(address).to_lowercase()
}

/// The addresses of which a kind of visibility holds, as one text.
#[must_use]
pub fn addresses_for(details: &Details, visibility: Visibility) -> String {
    let addresses = details.emails.iter().filter(|email| email.visibility == visibility);
    addresses.map(|email| email.address.as_str()).collect::<Vec<_>>().join(" ")
}

/// An e-mail address without the scheme that makes a link of it.
#[must_use]
pub fn without_mailto(address: &str) -> &str {
    match address.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => rest.trim(),
        _ => address,
    }
}

/// Whether a text can be an e-mail address: something, an @, and a host.
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

/// Whether a text can be the address of a page: of the web, and in one word.
#[must_use]
pub fn is_page(address: &str) -> bool {
    address.chars().count() <= MAX_URL && web::is_page(address)
}

fn email(input: &EmailAddressInput) -> Result<Email> {
    let address = text::email_address(without_mailto(input.address.trim()));
    if !is_email(&address) {
        let why = format!("An e-mail address looks like jane@example.com and has at most {MAX_EMAIL} characters.");
        return Err(Error::refused(UserErrorCode::Invalid, EMAILS, why));
    }
    let label = fields::optional(input.label.as_deref(), EMAILS, MAX_LABEL)?;
    Ok(Email { address, label, preferred: input.preferred, visibility: input.visibility })
}

fn phone(input: &PhoneInput) -> Result<Phone> {
    let number = plain_text::telephone(&input.number);
    let extension = input.extension.as_deref().map(plain_text::telephone).filter(|extension| !extension.is_empty());
    // A card says both in one text, and what goes out in a card comes back the same.
    let (number, extension) = match plain_text::split_extension(&number) {
        (first, Some(second)) if extension.is_none() => (first.to_owned(), Some(second.to_owned())),
        _ => (number, extension),
    };
    let number = fields::line(&number, PHONES, MAX_NUMBER)?
        .ok_or_else(|| Error::refused(UserErrorCode::Invalid, PHONES, "A number is needed."))?;
    Ok(Phone {
        number,
        label: fields::optional(input.label.as_deref(), PHONES, MAX_LABEL)?,
        extension: fields::optional(extension.as_deref(), PHONES, MAX_EXTENSION)?,
        preferred: input.preferred,
        visibility: input.visibility,
    })
}

fn address(input: &PostalAddressInput) -> Result<Address> {
    let part = |part: &Option<String>| fields::optional(part.as_deref(), ADDRESSES, MAX_PLACE);
    let street = input.street.as_deref().map_or(Ok(None), |street| fields::lines(street, ADDRESSES, MAX_STREET))?;
    let address = Address {
        label: fields::optional(input.label.as_deref(), ADDRESSES, MAX_LABEL)?,
        street,
        city: part(&input.city)?,
        region: part(&input.region)?,
        postal_code: part(&input.postal_code)?,
        country: part(&input.country)?,
        preferred: input.preferred,
        visibility: input.visibility,
    };
    if parts(&address).iter().all(Option::is_none) {
        return Err(Error::refused(UserErrorCode::Invalid, ADDRESSES, "An address needs at least one part."));
    }
    Ok(address)
}

/// What an address is made of.
#[must_use]
pub fn parts(address: &Address) -> [Option<String>; 5] {
    let Address { street, city, region, postal_code, country, .. } = address.clone();
    [street, city, region, postal_code, country]
}

fn url(input: &WebAddressInput) -> Result<Url> {
    // As a card writes it, so that what comes back from one is the same.
    let address = escape::uri(&input.address);
    if input.address.contains(web::turns_direction) || !is_page(&address) {
        let why = format!(
            "A page's address begins with https:// or http://, has at most {MAX_URL} characters and none that turns the \
             direction of what is read."
        );
        return Err(Error::refused(UserErrorCode::Invalid, URLS, why));
    }
    let label = fields::optional(input.label.as_deref(), URLS, MAX_LABEL)?;
    Ok(Url { address, label, visibility: input.visibility })
}

fn replace<T, I>(
    kept: &mut Vec<T>,
    change: &MaybeUndefined<Vec<I>>,
    field: Field,
    read: fn(&I) -> Result<T>,
) -> Result<()> {
    let new: &[I] = match change {
        MaybeUndefined::Undefined => return Ok(()),
        MaybeUndefined::Null => &[],
        MaybeUndefined::Value(new) => new,
    };
    if new.len() > MOST {
        return Err(Error::refused(UserErrorCode::Invalid, field, format!("At most {MOST}.")));
    }
    *kept = new.iter().map(read).collect::<Result<_>>()?;
    Ok(())
}

fn once<T, K: Eq + std::hash::Hash>(items: &[T], key: impl Fn(&T) -> K, field: Field) -> Result<()> {
    let different: HashSet<K> = items.iter().map(key).collect();
    if different.len() < items.len() {
        return Err(Error::refused(UserErrorCode::Duplicate, field, "One of these is given twice."));
    }
    Ok(())
}

fn one_preferred(preferred: impl Iterator<Item = bool>, field: Field) -> Result<()> {
    if preferred.filter(|preferred| *preferred).count() > 1 {
        return Err(Error::refused(UserErrorCode::Invalid, field, "At most one is preferred."));
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
