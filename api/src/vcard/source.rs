//! A file cut into cards and each card into whole lines, in one pass and without looking back. What the syntax library
//! would stumble over is put right here: line ends and folds of every kind, charsets, soft line breaks, pictures that
//! nobody asked for.

use std::borrow::Cow;

use super::encoding;

/// The most properties of one card.
pub const MAX_PROPERTIES: usize = 500;

/// The longest card in octets. Pictures, sounds and keys do not count, since they are not kept.
pub const MAX_CARD: usize = 64 * 1024;

/// The longest of those that is looked at: room for an address, none for a picture.
const MAX_ATTACHMENT: usize = 2 * 1024;

/// The cards of a file, one at a time.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    bytes: Cow<'a, [u8]>,
    at: usize,
    line: usize,
    ordinal: usize,
    /// Where the card that ended the one before it begins.
    begun: Option<usize>,
    ended: bool,
}

/// A card of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which card of the file it is, from 1; 0 when there is none.
    pub ordinal: usize,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its properties, each on a line of its own, or why it cannot be read.
    pub text: Result<String, &'static str>,
}

impl<'a> Source<'a> {
    /// A file in UTF-8, UTF-16 or whatever its cards say.
    pub fn new(bytes: &'a [u8]) -> Self {
        let utf16 = match bytes {
            [0xff, 0xfe, ..] => Some((2, u16::from_le_bytes as fn([u8; 2]) -> u16)),
            [0xfe, 0xff, ..] => Some((2, u16::from_be_bytes as fn([u8; 2]) -> u16)),
            [b'B' | b'b', 0, ..] => Some((0, u16::from_le_bytes as fn([u8; 2]) -> u16)),
            [0, b'B' | b'b', ..] => Some((0, u16::from_be_bytes as fn([u8; 2]) -> u16)),
            _ => None,
        };
        let bytes = match utf16 {
            Some((skip, unit)) => {
                let units = bytes[skip..].as_chunks().0.iter().map(|pair| unit(*pair));
                let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect();
                Cow::Owned(text.into_bytes())
            }
            None => Cow::Borrowed(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
        };
        Self { bytes, at: 0, line: 0, ordinal: 0, begun: None, ended: false }
    }

    /// The next line without its end, which may be CR, LF or both.
    fn next_line(&mut self) -> Option<std::ops::Range<usize>> {
        let from = self.at;
        let rest = self.bytes.get(from..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let end = if rest[length..].starts_with(b"\r\n") { 2 } else { 1 };
        self.at = from + length + end;
        self.line += 1;
        Some(from..from + length)
    }
}

impl Iterator for Source<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let begun = self.begun.take().or_else(|| {
            while let Some(line) = self.next_line() {
                let line = self.bytes[line].trim_ascii_start();
                // Files that were put together have marks inside.
                if is(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line), "BEGIN:VCARD") {
                    return Some(self.line);
                }
            }
            None
        });
        let Some(begun) = begun else {
            let nothing = !std::mem::replace(&mut self.ended, true) && self.ordinal == 0;
            let text = Err("This is no vCard file: no line of it is BEGIN:VCARD.");
            return nothing.then_some(Piece { ordinal: 0, line: 1, text });
        };
        self.ordinal += 1;
        let mut card = Collected::default();
        let mut depth = 0_usize;
        let ended = loop {
            let Some(line) = self.next_line() else { break false };
            let line = &self.bytes[line];
            if is(line, "END:VCARD") {
                if depth == 0 {
                    break true;
                }
                depth -= 1;
            } else if is(line, "BEGIN:VCARD") {
                // In 2.1 an agent's card stands inside; it is passed over.
                if depth == 0 && !card.expects_card() {
                    self.begun = Some(self.line);
                    break false;
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

/// Whether a line is this one, but for case and white space behind it. Before it there must be none: a folded line may say
/// anything.
fn is(line: &[u8], expected: &str) -> bool {
    line.trim_ascii_end().eq_ignore_ascii_case(expected.as_bytes())
}

/// The card so far.
#[derive(Debug, Default)]
struct Collected {
    text: String,
    properties: usize,
    length: usize,
    damage: Option<&'static str>,
    open: Option<Open>,
}

/// A property that may go on in the next line.
#[derive(Debug)]
struct Open {
    bytes: Vec<u8>,
    kind: Kind,
    /// Where its value begins, once that was seen; how far it was looked for, and whether that is inside quotes.
    value: Option<usize>,
    seen: usize,
    quoted: bool,
}

/// How a property may go on, besides by folded lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Some programs write its lines raw.
    Lines,
    /// The next line belongs to it when this one ends with `=`.
    QuotedPrintable,
    /// Kept only if it is short.
    Attachment,
    /// A time zone.
    Zone,
}

impl Collected {
    fn line(&mut self, line: &[u8]) {
        if self.damage.is_some() {
            return;
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.is_softly_broken()) {
            open.bytes.pop();
            self.extend(line);
        } else if let [b' ' | b'\t', folded @ ..] = line {
            self.extend(folded);
        } else if let Some(name) = name(line) {
            self.close();
            self.properties += 1;
            if self.properties > MAX_PROPERTIES {
                self.damage = Some("It has more than 500 properties.");
            }
            self.open = Some(Open { bytes: vec![], kind: Kind::of(name), value: None, seen: 0, quoted: false });
            self.extend(line);
        } else if self.open.as_ref().is_some_and(|open| open.kind == Kind::Lines) && !line.trim_ascii().is_empty() {
            self.extend(b"\\n");
            self.extend(line);
        }
    }

    /// Goes on with the open property. What follows of one that was dropped is dropped with it.
    fn extend(&mut self, bytes: &[u8]) {
        let Some(open) = self.open.as_mut() else { return };
        if open.kind == Kind::Attachment {
            if open.bytes.len() + bytes.len() > MAX_ATTACHMENT {
                self.open = None;
                return;
            }
        } else {
            self.length += bytes.len();
            if self.length > MAX_CARD {
                self.damage = Some("It is longer than 64 kB.");
                self.open = None;
                return;
            }
        }
        open.extend(bytes);
    }

    fn expects_card(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.bytes.trim_ascii_end().eq_ignore_ascii_case(b"AGENT:"))
    }

    /// Ends the open property: from here on it is text.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        // A quote that is never closed is a letter like any other.
        let colon = || open.bytes.iter().position(|byte| *byte == b':').map(|colon| colon + 1);
        let Some((head, value)) = open.value.or_else(colon).map(|at| open.bytes.split_at(at)) else { return };
        let mut line = match open.kind {
            Kind::QuotedPrintable => encoding::quoted(head, value),
            // The library would take a zone that begins like an offset for one.
            Kind::Zone => encoding::plain(b"TZ;VALUE=text:", value),
            _ => encoding::plain(head, value),
        };
        line.retain(|c| c == '\t' || !c.is_control());
        // The version decides only how dates are read, and the older way reads those of both.
        if !line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("VERSION:")) {
            self.text.push_str(&line);
            self.text.push_str("\r\n");
        }
    }

    fn finish(mut self) -> Result<String, &'static str> {
        self.close();
        match self.damage {
            Some(why) => Err(why),
            None => Ok(format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{}END:VCARD\r\n", self.text)),
        }
    }
}

impl Open {
    fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while self.value.is_none() && self.seen < self.bytes.len() {
            let byte = self.bytes[self.seen];
            self.seen += 1;
            self.quoted ^= byte == b'"';
            if byte == b':' && !self.quoted {
                self.value = Some(self.seen);
                if self.kind != Kind::Attachment && encoding::is_quoted(&self.bytes[..self.seen]) {
                    self.kind = Kind::QuotedPrintable;
                }
            }
        }
    }

    fn is_softly_broken(&self) -> bool {
        self.kind == Kind::QuotedPrintable && self.bytes.ends_with(b"=")
    }
}

impl Kind {
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

/// The name of the property that begins here, without its group; none if the line is no property.
fn name(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')))?;
    let (name, rest) = line.split_at(end);
    let name = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    (!name.is_empty() && matches!(rest, [b':' | b';', ..])).then_some(name)
}

#[cfg(test)]
mod tests {
    use crate::vcard::{card::Card, read::cards};

    fn only(file: &[u8]) -> Card {
        let mut read: Vec<_> = cards(file).collect();
        assert_eq!(read.len(), 1);
        read.remove(0).expect("a card")
    }

    #[test]
    fn every_line_end_and_utf_16_are_read() {
        let text = "BEGIN:VCARD\nVERSION:3.0\nFN:김 철\n  수\nNOTE:a\\nb\nEND:VCARD\n";
        let units = |of: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(of).collect()
        };
        let crlf = text.replace('\n', "\r\n");
        let cr = text.replace('\n', "\r");
        let files = [
            units(u16::to_le_bytes),
            units(u16::to_be_bytes),
            crlf.into_bytes(),
            cr.into_bytes(),
            format!("\u{feff}{text}").into_bytes(),
        ];
        for file in files {
            let card = only(&file);
            assert_eq!((card.full_name.as_str(), card.note.as_deref()), ("김 철 수", Some("a\nb")));
        }
    }
}
