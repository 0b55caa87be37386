//! Splits a file into unfolded lines. Folds and soft line breaks are removed in one pass, and memory is limited to the
//! size of one card, even for very long lines.

use std::{borrow::Cow, ops::Range};

use super::encoding;

/// Maximum size of a card, in octets. Pictures, sounds and keys do not count, because they are not kept.
pub const MAX_CARD: usize = 64 * 1024;

/// Iterates over the unfolded lines of a file.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    octets: Cow<'a, [u8]>,
    /// True when the first octets of the file show that it is Unicode.
    pub is_unicode: bool,
    at: usize,
    /// The number of lines that were read so far, as an editor counts them.
    line: usize,
}

/// An unfolded line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The content without the line end.
    pub octets: Vec<u8>,
    /// The offset of the value, if the line has one.
    pub value: Option<usize>,
    /// The number of the first line in the file, from 1.
    pub number: usize,
    /// True when the line exceeds the size of a card. The rest of the line is dropped.
    pub too_long: bool,
    /// The offset up to which the value was searched, and true if that offset is inside quotes.
    seen: usize,
    in_quotes: bool,
    quoted_printable: bool,
}

impl<'a> Lines<'a> {
    /// Reads a file in UTF-8, UTF-16 or the character sets that its cards name.
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

    /// Returns the range of the next line without its end, and the offset of the line after it. A line ends with CR, LF
    /// or CR LF. In files that were converted twice it ends with CR CR LF.
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
            // When a program folds all lines, a fold may split an escape in two.
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
        // The part that fits is kept, because it names the property that is too long.
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

    /// Returns true when the line equals `expected`, without regard to case and trailing white space.
    #[must_use]
    pub fn is(&self, expected: &str) -> bool {
        is(&self.octets, expected)
    }

    /// Returns the name of the property without its group, or none if the line is not a property.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        let named = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        let end = self.octets.iter().position(|octet| !named(octet))?;
        let (name, rest) = self.octets.split_at(end);
        let name = name.rsplit(|octet| *octet == b'.').next().unwrap_or_default();
        (!name.is_empty() && matches!(rest, [b':' | b';', ..])).then_some(name)
    }

    /// Returns the property up to its colon, and its value. Returns none without a colon.
    #[must_use]
    pub fn parts(&self) -> Option<(&[u8], &[u8])> {
        // An unclosed quote is a plain character, so the first colon counts.
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
