//! Reads the cards of a file. A card that cannot be read gives an error, and the cards after it are still read.

use std::borrow::Cow;

use encoding_rs::Encoding;

pub use super::parse_properties::Reading;
use super::{lexer::Lexer, parse_properties};

/// A card that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The number of the card in the file, from 1. It is 0 when the file has no card.
    pub ordinal: usize,
    /// The line on which the card begins, from 1.
    pub line: usize,
    /// The reason, as a sentence for the person who imports the file.
    pub why: Cow<'static, str>,
}

/// Returns the cards of a file in its order. Each card is read when the iterator reaches it. `charset` is the character
/// set that was declared for the file. A card may declare another.
pub fn cards(octets: &[u8], charset: Option<&'static Encoding>) -> impl Iterator<Item = Result<Reading, Damage>> {
    Lexer::new(octets, charset).map(|piece| {
        let card = piece.text.and_then(parse_properties::card);
        card.map_err(|why| Damage { ordinal: piece.ordinal, line: piece.line, why: Cow::Borrowed(why) })
    })
}

#[cfg(test)]
mod tests {
    use super::cards;
    use crate::vcard::{fixtures::people, version::Version, write};

    #[test]
    fn what_was_written_comes_back_unchanged() {
        for version in [Version::V3, Version::V4] {
            let mut people = people();
            let file: String = people.iter().map(|person| write::card(person, version)).collect();
            assert!(file.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])));
            for person in people.iter_mut().filter(|_| version == Version::V3) {
                person.locale = None;
            }
            let read: Vec<_> = cards(file.as_bytes(), None).map(|read| read.expect("a card").card).collect();
            assert_eq!(read.len(), people.len());
            for (read, person) in read.iter().zip(&people) {
                assert_eq!(read, person, "{version:?} {}", write::card(person, version));
            }
        }
    }

    #[test]
    fn a_card_that_cannot_be_read_says_why_and_the_next_is_read() {
        let many = "X-A:1\r\n".repeat(501);
        let long = format!("FN:Jane\r\nNOTE:{}\r\n", "x".repeat(70_000));
        for (bad, ordinal, why) in [
            ("BEGIN:VCARD\r\nFN:Jane\r\n".to_owned(), 1, "It has no END:VCARD."),
            ("BEGIN:VCARD\r\nEND:VCARD\r\n".to_owned(), 1, "It is empty."),
            (
                "BEGIN:VCARD\r\nNOTE:1\r\nEND:VCARD\r\n".to_owned(),
                1,
                "It has no name, no organization, no e-mail address and no telephone number.",
            ),
            (format!("BEGIN:VCARD\r\n{many}END:VCARD\r\n"), 1, "It has more than 500 properties."),
            (format!("BEGIN:VCARD\r\n{long}END:VCARD\r\n"), 1, "It is longer than 64 kB."),
            (
                "BEGIN:VCARD\r\nFN:A\r\nX-ADDRESSBOOKSERVER-KIND:group\r\nEND:VCARD\r\n".to_owned(),
                1,
                "It is a list of cards and not one of its own.",
            ),
        ] {
            let file = format!("junk\r\n{bad}BEGIN:VCARD\r\nFN:Next\r\nEND:VCARD");
            let read: Vec<_> = cards(file.as_bytes(), None).collect();
            let damage = read[0].as_ref().expect_err("damage");
            assert_eq!((damage.ordinal, damage.line, &*damage.why), (ordinal, 2, why));
            assert_eq!(read[1].as_ref().map(|read| read.card.full_name.as_str()), Ok("Next"));
        }
        let nothing: Vec<_> = cards(b"", None).take(2).collect();
        assert!(matches!(&nothing[..], [Err(damage)] if damage.ordinal == 0));
    }
}
