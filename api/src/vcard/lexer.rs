//! Splits a file into cards and each card into whole properties. It also corrects input that the syntax library cannot
//! read, such as other character sets and raw line breaks. Large attachments are left out, and their properties are
//! named.

use std::iter::Peekable;

use encoding_rs::Encoding;

use super::{
    encoding::{self, OfFile},
    head,
    logical::{Line, Lines, MAX_CARD},
};
use crate::plain_text;

/// Maximum number of properties of one card.
pub const MAX_PROPERTIES: usize = 500;

/// Maximum length of an attachment property, in octets. There is room for an address, but not for a picture.
const MAX_ATTACHMENT: usize = 2 * 1024;

/// Iterates over the cards of a file.
pub struct Lexer<'a> {
    lines: Peekable<Lines<'a>>,
    of_file: OfFile,
    ordinal: usize,
    ended: bool,
}

/// A card of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The number of the card in the file, from 1. It is 0 when the file has no card.
    pub ordinal: usize,
    /// The line on which the card begins, from 1.
    pub line: usize,
    /// The properties of the card, or the reason why it cannot be read.
    pub text: Result<Text, &'static str>,
}

/// The properties of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The properties, one on each line.
    pub lines: String,
    /// The names of the omitted properties, as the card writes them.
    pub left_out: Vec<String>,
    /// True when the card has lines that are not properties.
    pub has_junk: bool,
    /// True when some octets could not be decoded.
    pub damaged: bool,
}

impl<'a> Lexer<'a> {
    /// Reads a file in UTF-8, UTF-16, the declared character set, or the character sets that its cards name. A byte
    /// order mark overrides the declared character set (Encoding Standard, section 6).
    pub fn new(octets: &'a [u8], charset: Option<&'static Encoding>) -> Self {
        let lines = Lines::new(octets);
        let of_file = if lines.is_unicode { OfFile::unicode() } else { OfFile::new(charset) };
        Self { lines: lines.peekable(), of_file, ordinal: 0, ended: false }
    }

    /// Skips to the next card and returns the line on which it begins.
    fn begin(&mut self) -> Option<usize> {
        self.lines.find_map(|line| {
            let octets = line.octets.trim_ascii_start();
            // Concatenated files have byte order marks inside.
            let unmarked = octets.strip_prefix(b"\xef\xbb\xbf");
            let begins = unmarked.unwrap_or(octets).trim_ascii_end().eq_ignore_ascii_case(b"BEGIN:VCARD");
            if begins && unmarked.is_some() {
                self.of_file = OfFile::unicode();
            }
            begins.then_some(line.number)
        })
    }
}

impl Iterator for Lexer<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let Some(begun) = self.begin() else {
            let nothing = !std::mem::replace(&mut self.ended, true) && self.ordinal == 0;
            let text = Err("This is no vCard file: no line of it is BEGIN:VCARD.");
            return nothing.then_some(Piece { ordinal: 0, line: 1, text });
        };
        self.ordinal += 1;
        let mut card = CollectedLine { of_file: self.of_file, ..CollectedLine::default() };
        let mut depth = 0_usize;
        let ended = loop {
            // A card without an end stops where the next card begins.
            let interrupts = |line: &Line| line.is("BEGIN:VCARD") && depth == 0 && !card.expects_card();
            if self.lines.peek().is_some_and(interrupts) {
                break false;
            }
            let Some(line) = self.lines.next() else { break false };
            if line.is("END:VCARD") {
                if depth == 0 {
                    break true;
                }
                depth -= 1;
            } else if line.is("BEGIN:VCARD") || line.is("AGENT:BEGIN:VCARD") {
                // In 2.1 the card of an agent is nested in the property, and it is left out.
                if depth == 0 {
                    card.open = None;
                    card.text.left_out.push("AGENT".to_owned());
                }
                depth += 1;
            } else if depth == 0 {
                card.line(line);
            }
        };
        let text = card.finish().and_then(|text| if ended { Ok(text) } else { Err("It has no END:VCARD.") });
        Some(Piece { ordinal: self.ordinal, line: begun, text })
    }
}

/// The part of a card that was read so far.
#[derive(Debug, Default)]
struct CollectedLine {
    of_file: OfFile,
    text: Text,
    properties: usize,
    length: usize,
    damage: Option<&'static str>,
    open: Option<OpenCard>,
}

/// A property that may continue in the next line.
#[derive(Debug)]
struct OpenCard {
    line: Line,
    kind: TokenKind,
}

/// The ways in which a property may continue without a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    Plain,
    /// Some programs write the lines of these properties raw.
    Lines,
    /// Some programs write the octets of these properties raw. They are kept only if they are short.
    Attachment,
    /// A time zone.
    Zone,
}

impl CollectedLine {
    fn line(&mut self, line: Line) {
        if self.damage.is_some() {
            return;
        }
        let Some(kind) = line.name().map(TokenKind::of) else { return self.no_property(&line) };
        self.close();
        self.properties += 1;
        if self.properties > MAX_PROPERTIES {
            self.damage = Some("It has more than 500 properties.");
        } else if kind != TokenKind::Attachment {
            self.count(line.octets.len(), line.too_long);
        }
        self.open = Some(OpenCard { line, kind });
    }

    fn no_property(&mut self, line: &Line) {
        if line.octets.trim_ascii().is_empty() {
            return;
        }
        match &mut self.open {
            Some(open) if open.kind == TokenKind::Lines => {
                open.line.octets.extend_from_slice(b"\\n");
                open.line.octets.extend_from_slice(&line.octets);
                self.count(line.octets.len() + 2, line.too_long);
            }
            // These are octets of a picture, which is left out as a whole.
            Some(open) if open.kind == TokenKind::Attachment && is_encoded(&open.line) => open.line.too_long = true,
            _ => {
                self.text.has_junk = true;
                self.close();
            }
        }
    }

    fn count(&mut self, octets: usize, too_long: bool) {
        self.length += octets;
        if too_long || self.length > MAX_CARD {
            self.damage = Some("It is longer than 64 kB.");
        }
    }

    fn expects_card(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.line.is("AGENT:"))
    }

    /// Ends the open property and adds its text.
    fn close(&mut self) {
        let Some(OpenCard { line, kind }) = self.open.take() else { return };
        let is_code = line.parts().is_some_and(|(head, value)| is_code(head, value));
        // An attachment in base 64 has no address to fetch, and its octets are not text even if they look like it.
        if kind == TokenKind::Attachment && (is_code || line.too_long || line.octets.len() > MAX_ATTACHMENT) {
            self.text.left_out.extend(line.name().map(|name| String::from_utf8_lossy(name).into_owned()));
            return;
        }
        let Some((head, value)) = line.parts() else {
            self.text.has_junk = true;
            return;
        };
        // The library would parse a zone that only begins like an offset as an offset.
        let head = if kind == TokenKind::Zone && !encoding::is_quoted(head) { b"TZ;VALUE=text:" } else { head };
        let read = encoding::line(head, value, self.of_file);
        self.text.damaged |= read.damaged;
        let ([head, value], has_controls) = without_controls([&read.head, &read.value]);
        let marks = [(has_controls || read.has_controls, head::CONTROLS), (is_code, head::ENCODED)];
        let marks: Vec<&str> = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
        let line = head::mended(&head, &marks) + &value;
        // The version only affects how dates are read. The rules of 3.0 read the dates of both versions.
        if !line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("VERSION:")) {
            self.text.lines.push_str(&line);
            self.text.lines.push_str("\r\n");
        }
    }

    fn finish(mut self) -> Result<Text, &'static str> {
        self.close();
        if let Some(why) = self.damage {
            return Err(why);
        }
        let lines = format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{}END:VCARD\r\n", self.text.lines);
        Ok(Text { lines, ..self.text })
    }
}

/// Returns true when a line declares that its value is in base 64.
fn is_encoded(line: &Line) -> bool {
    line.parts().is_some_and(|(head, _)| encoding::is_base64(head))
}

/// Returns true when a value is in base 64. Some programs also declare base 64 for an address, which is not.
fn is_code(head: &[u8], value: &[u8]) -> bool {
    encoding::is_base64(head) && !value.trim_ascii().is_empty() && !value.contains(&b':')
}

/// Returns texts without line ends and control characters, and true if there were control characters. Line ends become
/// U+2028, because it is not a control character and the library does not end a line there.
fn without_controls<const N: usize>(texts: [&str; N]) -> ([String; N], bool) {
    let mut found = false;
    let plain = texts.map(|text| {
        let mut plain = plain_text::file_lines(text).replace('\n', "\u{2028}");
        plain.retain(|c| {
            let is_control = c != '\t' && c.is_control();
            found |= is_control;
            !is_control
        });
        plain
    });
    (plain, found)
}

impl TokenKind {
    fn of(name: &[u8]) -> Self {
        let any = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()));
        if any(&["PHOTO", "LOGO", "SOUND", "KEY"]) {
            Self::Attachment
        } else if any(&["ADR", "LABEL", "NOTE"]) {
            Self::Lines
        } else if any(&["TZ"]) {
            Self::Zone
        } else {
            Self::Plain
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::vcard::read::{Reading, cards};

    fn only(file: &[u8]) -> Reading {
        let mut read: Vec<_> = cards(file, None).collect();
        assert_eq!(read.len(), 1);
        read.remove(0).expect("a card")
    }

    #[test]
    fn every_line_end_and_utf_16_are_read() {
        let text = "BEGIN:VCARD\nVERSION:3.0\nFN:김 철\n  수\nNOTE:a\\nb\nEND:VCARD\n";
        let units = |of: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(of).collect()
        };
        let files = [
            units(u16::to_le_bytes),
            units(u16::to_be_bytes),
            text.replace('\n', "\r\n").into_bytes(),
            text.replace('\n', "\r\r\n").into_bytes(),
            text.replace('\n', "\r").into_bytes(),
            format!("\u{feff}{text}").into_bytes(),
        ];
        for file in files {
            let card = only(&file).card;
            assert_eq!((card.full_name.as_str(), card.note.as_deref()), ("김 철 수", Some("a\nb")));
        }
    }

    #[test]
    fn a_mark_says_more_than_what_came_with_the_file() {
        let lines = "FN:é 김\r\nN;CHARSET=EUC-KR:Zoë;é;;;\r\nTITLE;CHARSET=EUC-KR;ENCODING=QUOTED-PRINTABLE:=B1=E8";
        let text = format!("BEGIN:VCARD\r\n{lines}\r\nEND:VCARD\r\n");
        let units = |of: fn(u16) -> [u8; 2], text: &str| -> Vec<u8> { text.encode_utf16().flat_map(of).collect() };
        let marked = format!("\u{feff}{text}");
        for file in [
            marked.clone().into_bytes(),
            units(u16::to_le_bytes, &marked),
            units(u16::to_be_bytes, &marked),
            units(u16::to_le_bytes, &text),
        ] {
            for charset in [None, Some(encoding_rs::EUC_KR), Some(encoding_rs::WINDOWS_1251)] {
                let card = cards(&file, charset).next().expect("one").expect("a card").card;
                assert_eq!((card.full_name.as_str(), card.title.as_deref()), ("é 김", Some("김")), "{charset:?}");
                assert_eq!((card.name.family.as_deref(), card.name.given.as_deref()), (Some("Zoë"), Some("é")));
            }
        }
        // The first card stands before the byte order mark, so the declared character set applies to it.
        let file = [b"BEGIN:VCARD\r\nFN:\xc8\xab\r\nEND:VCARD\r\n", marked.as_bytes()].concat();
        let names = cards(&file, Some(encoding_rs::EUC_KR)).map(|read| read.expect("a card").card.full_name);
        assert_eq!(names.collect::<Vec<_>>(), ["홍", "é 김"]);
    }

    #[test]
    fn lines_are_unfolded_before_they_are_read() {
        let read = only(
            b"BEGIN:VC\r\n ARD\r\nVERSION:3.0\r\nF\r\n N:Jane\r\nEM\r\n\tAIL;TYPE=WO\r\n RK:jane@\r\n example.com\r\n\
              junk without a colon\r\n of two lines\r\nTITLE:Poet\r\nmore junk\r\n , and more\r\nEND:\r\n VCARD\r\n",
        );
        let card = read.card;
        assert_eq!((card.full_name.as_str(), card.title.as_deref()), ("Jane", Some("Poet")));
        assert_eq!(
            (card.emails[0].address.as_str(), card.emails[0].label.as_deref()),
            ("jane@example.com", Some("work"))
        );
        assert!(read.has_junk);
    }

    #[test]
    fn what_is_too_long_to_look_at_is_named() {
        let picture = "QUJD".repeat(40_000);
        let raw = "QUJDQUJDQUJD\r\n".repeat(3);
        let agent = "AGENT:\r\nBEGIN:VCARD\r\nFN:Her agent\r\nEND:VCARD";
        let file = format!(
            "BEGIN:VCARD\r\nFN:Jane\r\nPHOTO;ENCODING=b:{picture}\r\nLOGO;BASE64:\r\n{raw}\r\n{agent}\r\nitem1.KEY:{picture}\r\nEND:VCARD\r\n"
        );
        let read = only(file.as_bytes());
        assert_eq!(read.left_out, ["PHOTO", "LOGO", "AGENT", "KEY"]);
        assert!(!read.has_junk && read.card.full_name == "Jane");
    }
}
