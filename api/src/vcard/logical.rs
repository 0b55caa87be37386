//! A file as whole lines: folds and soft line breaks are undone before anything is read. In one pass, and with as much
//! memory as one card may take, however long a line is.

use std::{borrow::Cow, ops::Range};

use super::encoding;

/// The longest card in octets. Pictures, sounds and keys do not count, since they are not kept.
pub const MAX_CARD: usize = 64 * 1024;

/// The lines of a file.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    octets: Cow<'a, [u8]>,
    /// Whether the file says by its first octets that it is Unicode.
    pub is_unicode: bool,
    at: usize,
    /// How many lines the file had so far, as an editor counts them.
    line: usize,
}

/// A line, unfolded.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it holds, without its end.
    pub octets: Vec<u8>,
    /// Where its value begins, if it has one.
    pub value: Option<usize>,
    /// On which line of the file it begins, from 1.
    pub number: usize,
    /// Whether it is longer than a card may be; what is beyond is not there.
    pub too_long: bool,
    /// How far the value was looked for, and whether that is inside quotes.
    seen: usize,
    in_quotes: bool,
    quoted_printable: bool,
}

impl<'a> Lines<'a> {
    /// A file in UTF-8, UTF-16 or whatever its cards say.
    pub fn new(octets: &'a [u8]) -> Self {
        let utf16 = match octets {
            [0xff, 0xfe, ..] => Some((2, u16::from_le_bytes as fn([u8; 2]) -> u16)),
            [0xfe, 0xff, ..] => Some((2, u16::from_be_bytes as fn([u8; 2]) -> u16)),
            [b'B' | b'b', 0, ..] => Some((0, u16::from_le_bytes as fn([u8; 2]) -> u16)),
            [0, b'B' | b'b', ..] => Some((0, u16::from_be_bytes as fn([u8; 2]) -> u16)),
            _ => None,
        };
        let is_unicode = utf16.is_some() || encoding::is_marked(octets);
        let octets = match utf16 {
            Some((skip, unit)) => {
                let units = octets[skip..].as_chunks().0.iter().map(|pair| unit(*pair));
                let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect();
                Cow::Owned(text.into_bytes())
            }
            None => Cow::Borrowed(octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets)),
        };
        Self { octets, is_unicode, at: 0, line: 0 }
    }

    /// The next line of the file without its end, and where the one behind it begins. A line ends with CR, LF or both, and
    /// in files that were converted twice with CR CR LF.
    fn physical(&self) -> Option<(Range<usize>, usize)> {
        let rest = self.octets.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n')).unwrap_or(rest.len());
        let end = match &rest[length..] {
            [b'\r', b'\r', b'\n', ..] => 3,
            [b'\r', b'\n', ..] => 2,
            _ => 1,
        };
        Some((self.at..self.at + length, self.at + length + end))
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let (first, behind) = self.physical()?;
        (self.at, self.line) = (behind, self.line + 1);
        let mut line = Line::begin(self.line, &self.octets[first.clone()]);
        let mut last = first;
        while let Some((next, behind)) = self.physical() {
            let octets = &self.octets[next.clone()];
            let is_folded = matches!(octets, [b' ' | b'\t', ..]);
            // Where every line is folded alike, a fold may cut an escape in two.
            let cuts_escape = matches!(octets, [_, first, second, ..]
                if is_folded && first.is_ascii_hexdigit() && second.is_ascii_hexdigit());
            if !cuts_escape && line.quoted_printable && is_softly_broken(&self.octets[last.clone()]) {
                if is(octets, "END:VCARD") {
                    break;
                }
                line.join_softly(octets);
            } else if is_folded {
                line.extend(&octets[1..]);
            } else {
                break;
            }
            (self.at, self.line) = (behind, self.line + 1);
            last = next;
        }
        Some(line)
    }
}

impl Line {
    fn begin(number: usize, octets: &[u8]) -> Self {
        let mut line = Self {
            octets: Vec::new(),
            value: None,
            number,
            too_long: false,
            seen: 0,
            in_quotes: false,
            quoted_printable: false,
        };
        line.extend(octets);
        line
    }

    fn join_softly(&mut self, octets: &[u8]) {
        if !self.too_long {
            let whole = self.octets.trim_ascii_end();
            let kept = whole.strip_suffix(b"=").unwrap_or(whole).len();
            self.octets.truncate(kept);
            self.seen = self.seen.min(kept);
        }
        self.extend(octets);
    }

    fn extend(&mut self, octets: &[u8]) {
        if self.too_long {
            return;
        }
        // What fits is kept: it tells which property is too long.
        let room = MAX_CARD - self.octets.len();
        self.too_long = octets.len() > room;
        self.octets.extend_from_slice(&octets[..octets.len().min(room)]);
        while self.value.is_none() && self.seen < self.octets.len() {
            let octet = self.octets[self.seen];
            self.seen += 1;
            self.in_quotes ^= octet == b'"';
            if octet == b':' && !self.in_quotes {
                self.value = Some(self.seen);
                self.quoted_printable = encoding::is_quoted(&self.octets[..self.seen]);
            }
        }
    }

    /// Whether the line is this one, but for case and white space behind it.
    #[must_use]
    pub fn is(&self, expected: &str) -> bool {
        is(&self.octets, expected)
    }

    /// The name of the property that begins here, without its group; none if the line is no property.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        let named = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        let end = self.octets.iter().position(|octet| !named(octet))?;
        let (name, rest) = self.octets.split_at(end);
        let name = name.rsplit(|octet| *octet == b'.').next().unwrap_or_default();
        (!name.is_empty() && matches!(rest, [b':' | b';', ..])).then_some(name)
    }

    /// The property up to its colon, and its value; none without a colon.
    #[must_use]
    pub fn parts(&self) -> Option<(&[u8], &[u8])> {
        // A quote that is never closed is a letter like any other.
        let colon = || self.octets.iter().position(|octet| *octet == b':').map(|colon| colon + 1);
        self.value.or_else(colon).map(|at| self.octets.split_at(at))
    }
}

fn is(line: &[u8], expected: &str) -> bool {
    line.trim_ascii_end().eq_ignore_ascii_case(expected.as_bytes())
}

fn is_softly_broken(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(b"=")
}
