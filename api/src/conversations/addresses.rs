//! The addresses by which customers are known. Each kind has one canonical form, which names the kind and the scope:
//! an id that a provider gives for one page says which page. Two addresses are equal if their forms are equal.
//!
//! | form | address |
//! |---|---|
//! | `tel:+4930123456` | a telephone number with its country code |
//! | `mail:kim@example.org` | a mailbox, in small letters and half width |
//! | `psid:PAGE/ID` | a person as one page knows them |
//! | `bsuid:ID` | a person as one business knows them |
//! | `code:68849` | a short code |
//! | `name:SUPPORT` | a name in place of a number |
//! | `visitor:ENTRY/id/ID` | a visitor whose web site signs their id |
//! | `visitor:ENTRY/key/KEY` | a visitor who is known by the key of their first call |
//! | `visitor:ENTRY/new/ID` | a visitor about whom nothing is known |

use std::fmt;

use async_graphql::Enum;
use entity::id::EntryPointId;
use uuid::Uuid;

use crate::{contacts::details, plain_text, text};

/// The kind of a customer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum AddressKind {
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// An id that a provider gives a person for one page.
    PageScoped,
    /// An id that a provider gives a person for one business.
    BusinessScoped,
    /// A short code, such as 68849. It is no telephone number.
    ShortCode,
    /// A name in place of a number, such as SUPPORT.
    Name,
    /// A visitor of a web site.
    Visitor,
}

impl AddressKind {
    const ALL: [Self; 7] =
        [Self::Phone, Self::Email, Self::PageScoped, Self::BusinessScoped, Self::ShortCode, Self::Name, Self::Visitor];

    /// Returns the text before the colon of the canonical form.
    const fn scheme(self) -> &'static str {
        match self {
            Self::Phone => "tel",
            Self::Email => "mail",
            Self::PageScoped => "psid",
            Self::BusinessScoped => "bsuid",
            Self::ShortCode => "code",
            Self::Name => "name",
            Self::Visitor => "visitor",
        }
    }
}

/// Allowed number of digits of a telephone number with its country code.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Allowed number of digits of a short code.
const CODE_DIGITS: std::ops::RangeInclusive<usize> = 3..=8;
/// Maximum length of an id and of a name, in characters.
const MAX_ID: usize = 255;

/// The id by which a visitor of a web site is known.
#[derive(Clone, Debug)]
pub enum VisitorId<'a> {
    /// The id that the web site signed.
    Signed(&'a str),
    /// The name of the key of the visitor's first call. Two simultaneous calls with one key find one customer.
    Key(&'a str),
    /// A new id, of a visitor about whom nothing is known.
    New(Uuid),
}

/// A customer's address in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    kind: AddressKind,
    /// The canonical form after the colon.
    text: String,
}

impl Address {
    /// Returns the address of a telephone number: `+` and 7 to 15 digits, with or without signs between them.
    #[must_use]
    pub fn phone(number: &str) -> Option<Self> {
        let number = plain_text::telephone(number).replace([' ', '-', '.', '/', '(', ')'], "");
        let digits = number.strip_prefix('+')?;
        let is_number = PHONE_DIGITS.contains(&digits.len()) && is_digits(digits) && !digits.starts_with('0');
        is_number.then(|| Self { kind: AddressKind::Phone, text: number.clone() })
    }

    /// Returns the address of a mailbox.
    #[must_use]
    pub fn email(address: &str) -> Option<Self> {
        let text = details::key(address);
        details::is_email(&text).then_some(Self { kind: AddressKind::Email, text })
    }

    /// Returns the address of a person whom a provider knows by an id for one page. A page's id has no `/`.
    #[must_use]
    pub fn page_scoped(page: &str, id: &str) -> Option<Self> {
        let is_page = is_id(page) && !page.contains('/');
        (is_page && is_id(id)).then(|| Self { kind: AddressKind::PageScoped, text: format!("{page}/{id}") })
    }

    /// Returns the address of a person whom a provider knows by an id for one business.
    #[must_use]
    pub fn business_scoped(id: &str) -> Option<Self> {
        is_id(id).then(|| Self { kind: AddressKind::BusinessScoped, text: id.to_owned() })
    }

    /// Returns the address of a short code: 3 to 8 digits.
    #[must_use]
    pub fn short_code(code: &str) -> Option<Self> {
        let is_code = CODE_DIGITS.contains(&code.len()) && is_digits(code);
        is_code.then(|| Self { kind: AddressKind::ShortCode, text: code.to_owned() })
    }

    /// Returns the address of a sender who gives a name in place of a number.
    #[must_use]
    pub fn name(name: &str) -> Option<Self> {
        is_id(name).then(|| Self { kind: AddressKind::Name, text: name.to_owned() })
    }

    /// Returns the address of the sender of a text message: a telephone number, a short code or a name.
    #[must_use]
    pub fn sender(text: &str) -> Option<Self> {
        let text = plain_text::line(text);
        Self::phone(&text).or_else(|| Self::short_code(&text)).or_else(|| Self::name(&text))
    }

    /// Returns the address of a visitor. It has the entry point as its scope, because two sites may number their
    /// visitors separately.
    #[must_use]
    pub fn visitor(entry_point: EntryPointId, visitor: &VisitorId<'_>) -> Self {
        let text = match visitor {
            VisitorId::Signed(id) => format!("{entry_point}/id/{id}"),
            VisitorId::Key(name) => format!("{entry_point}/key/{name}"),
            VisitorId::New(id) => format!("{entry_point}/new/{id}"),
        };
        Self { kind: AddressKind::Visitor, text }
    }

    /// Reads a canonical form. Returns `None` for any other text.
    #[must_use]
    pub fn parse(form: &str) -> Option<Self> {
        let (scheme, text) = form.split_once(':')?;
        let kind = AddressKind::ALL.into_iter().find(|kind| kind.scheme() == scheme)?;
        let address = match kind {
            AddressKind::Phone => Self::phone(text),
            AddressKind::Email => Self::email(text),
            AddressKind::PageScoped => text.split_once('/').and_then(|(page, id)| Self::page_scoped(page, id)),
            AddressKind::BusinessScoped => Self::business_scoped(text),
            AddressKind::ShortCode => Self::short_code(text),
            AddressKind::Name => Self::name(text),
            AddressKind::Visitor => Self::parse_visitor(text),
        };
        address.filter(|address| address.text == text)
    }

    fn parse_visitor(text: &str) -> Option<Self> {
        let (entry_point, rest) = text.split_once('/')?;
        let (kind, id) = rest.split_once('/')?;
        let visitor = match kind {
            "id" => VisitorId::Signed(id),
            "key" => VisitorId::Key(id),
            "new" => VisitorId::New(Uuid::parse_str(id).ok()?),
            _ => return None,
        };
        (!id.is_empty()).then_some(Self::visitor(EntryPointId::parse(entry_point)?, &visitor))
    }

    /// Returns the kind of the address.
    #[must_use]
    pub fn kind(&self) -> AddressKind {
        self.kind
    }

    /// Returns the address without its kind and scope, as the provider or the web site writes it.
    #[must_use]
    pub fn shown(&self) -> &str {
        let scopes = match self.kind {
            AddressKind::PageScoped => 2,
            AddressKind::Visitor => 3,
            _ => 1,
        };
        self.text.splitn(scopes, '/').last().unwrap_or(&self.text)
    }

    /// Returns the telephone number, if the address is one.
    #[must_use]
    pub fn phone_number(&self) -> Option<&str> {
        (self.kind == AddressKind::Phone).then_some(&self.text)
    }

    /// Returns the e-mail address, if the address is one.
    #[must_use]
    pub fn email_address(&self) -> Option<&str> {
        (self.kind == AddressKind::Email).then_some(&self.text)
    }

    /// Returns the name to show of a customer whose name is not known.
    #[must_use]
    pub fn default_name(&self) -> &str {
        if self.kind == AddressKind::Visitor { entity::customer::NAMELESS } else { self.shown() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.scheme(), self.text)
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    let plain = plain_text::line(text) == text && !text.contains(char::is_control);
    plain && !text::is_blank(text) && text.chars().count() <= MAX_ID
}

#[cfg(test)]
mod tests {
    use entity::id::EntryPointId;
    use uuid::Uuid;

    use super::{Address, AddressKind, VisitorId};

    fn form(address: Option<Address>) -> String {
        address.map_or_else(String::new, |address| address.to_string())
    }

    #[test]
    fn a_number_has_one_form_however_it_is_written() {
        for number in ["+4930123456", "+49 30 123456", "+49 (30) 12-34-56", "tel:+4930123456", "＋４９30123456"] {
            assert_eq!(form(Address::phone(number)), "tel:+4930123456", "{number}");
        }
        // Without a country code nobody knows which number it is.
        for other in ["4930123456", "030123456", "+123456", "+1234567890123456", "+0930123456", "+49 30 x", "68849", ""]
        {
            assert_eq!(form(Address::phone(other)), "", "{other}");
        }
    }

    #[test]
    fn a_mailbox_has_one_form_however_it_is_written() {
        for address in ["Kim@Example.org", " kim@example.ORG ", "ｋｉｍ@example.org"] {
            assert_eq!(form(Address::email(address)), "mail:kim@example.org", "{address}");
        }
        assert_eq!(form(Address::email("kim")), "");
    }

    #[test]
    fn a_sender_is_a_number_a_code_or_a_name() {
        for (text, expected) in [
            ("+15550100200", "tel:+15550100200"),
            ("68849", "code:68849"),
            ("911", "code:911"),
            ("SUPPORT", "name:SUPPORT"),
            ("Support 24", "name:Support 24"),
            ("12", "name:12"),
            ("123456789", "name:123456789"),
            (" ", ""),
            ("\u{0}", ""),
        ] {
            assert_eq!(form(Address::sender(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn an_id_for_one_page_is_another_for_another_page() {
        let here = Address::page_scoped("page1", "24/7");
        assert_eq!(form(here.clone()), "psid:page1/24/7");
        assert_eq!(here.as_ref().map(Address::shown), Some("24/7"));
        assert_ne!(here, Address::page_scoped("page2", "24/7"));
        assert_eq!(Address::page_scoped("page1/24", "7"), None, "two addresses must not share a form");
        assert_eq!(form(Address::business_scoped("US.13491208655302741918")), "bsuid:US.13491208655302741918");
    }

    #[test]
    fn every_form_is_read_as_the_address_that_wrote_it() {
        let entry_point = EntryPointId(Uuid::from_u128(7));
        let addresses = [
            (Address::phone("+4930123456"), AddressKind::Phone, "+4930123456"),
            (Address::email("kim@example.org"), AddressKind::Email, "kim@example.org"),
            (Address::page_scoped("1", "2"), AddressKind::PageScoped, "2"),
            (Address::business_scoped("US.1"), AddressKind::BusinessScoped, "US.1"),
            (Address::short_code("68849"), AddressKind::ShortCode, "68849"),
            (Address::name("tel:+1"), AddressKind::Name, "tel:+1"),
            (Some(Address::visitor(entry_point, &VisitorId::Signed("4/2:1"))), AddressKind::Visitor, "4/2:1"),
            (Some(Address::visitor(entry_point, &VisitorId::Key("k"))), AddressKind::Visitor, "k"),
            (
                Some(Address::visitor(entry_point, &VisitorId::New(Uuid::nil()))),
                AddressKind::Visitor,
                "00000000-0000-0000-0000-000000000000",
            ),
        ];
        for (address, kind, shown) in addresses {
            assert_eq!(address.as_ref().map(Address::kind), Some(kind), "{shown}");
            assert_eq!(address.as_ref().map(Address::shown), Some(shown));
            assert_eq!(Address::parse(&form(address.clone())), address);
        }
        let whole = form(Some(Address::visitor(entry_point, &VisitorId::Signed("42"))));
        assert!(whole.starts_with("visitor:entry_") && whole.ends_with("/id/42"), "{whole}");
    }

    #[test]
    fn no_other_text_is_a_form() {
        for text in [
            "",
            "kim",
            "tel:",
            "tel:4930123456",
            "tel:+49 30 123456",
            "mail:Kim@example.org",
            "psid:1",
            "psid:/1",
            "code:1",
            "name:",
            "name: a",
            "visitor:1/id/2",
            "visitor:entry_x/id/2",
            "line:1/2",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_number_is_a_telephone_number() {
        for (address, phone) in [
            (Address::phone("+4930123456"), Some("+4930123456")),
            (Address::short_code("68849"), None),
            (Address::name("SUPPORT"), None),
            (Address::business_scoped("15550100"), None),
        ] {
            assert_eq!(address.as_ref().and_then(Address::phone_number), phone);
        }
        let visitor = Address::visitor(EntryPointId(Uuid::nil()), &VisitorId::Signed("42"));
        assert_eq!((visitor.default_name(), visitor.email_address()), ("Visitor", None));
        assert_eq!(Address::short_code("68849").as_ref().map(Address::default_name), Some("68849"));
    }
}
