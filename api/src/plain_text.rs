//! Plain texts in their stored form. All fields share three rules: one for texts of several lines, one for texts of
//! one line, and one for telephone numbers.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};

/// The long vowel mark of Katakana. Japanese input writes it in place of a dash.
const LONG_VOWEL: char = '\u{30fc}';
/// The mathematical minus sign, whose Unicode category is not a dash.
const MINUS: char = '\u{2212}';

/// Normalizes a text of several lines: CR LF, CR, U+0085, U+2028 and U+2029 become `\n`. Everything else stays.
#[must_use]
pub fn lines(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                kept.push('\n');
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' => kept.push('\n'),
            c => kept.push(c),
        }
    }
    kept
}

/// Normalizes a text of several lines from a file. Vertical tabs and form feeds are line breaks too.
#[must_use]
pub fn file_lines(text: &str) -> String {
    lines(&text.replace(['\u{b}', '\u{c}'], "\u{2028}"))
}

/// Normalizes a text of one line: each line break and each tab becomes a space. White space around the text is
/// removed.
#[must_use]
pub fn line(text: &str) -> String {
    lines(text).replace(['\n', '\t'], " ").trim().to_owned()
}

/// Returns true when a text has control characters besides line breaks and tabs. The databases cannot store all of
/// them, and no reader should see them.
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

/// Normalizes a telephone number for storage and comparison. Compatibility forms are resolved, and digits of every
/// script become ASCII. Dashes of every kind become `-`, and white space of every kind becomes a space. Format
/// characters are left out, and so is a leading `tel:`.
#[must_use]
pub fn telephone(number: &str) -> String {
    let folded = ComposingNormalizerBorrowed::new_nfkc().normalize(number);
    let plain: String = folded.chars().filter_map(dialled).collect();
    // Letters may compose into one now that the character between them is left out.
    let plain = composed(&plain);
    let plain = plain.trim();
    match plain.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => plain[4..].trim_start().to_owned(),
        _ => plain.to_owned(),
    }
}

fn dialled(c: char) -> Option<char> {
    if c.is_ascii_graphic() {
        return Some(c);
    }
    if c.is_whitespace() {
        return Some(' ');
    }
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Format => None,
        _ if is_ignorable(c) => None,
        GeneralCategory::DashPunctuation => Some('-'),
        GeneralCategory::DecimalNumber => Some(digit(c)),
        _ if matches!(c, LONG_VOWEL | MINUS) => Some('-'),
        _ => Some(c),
    }
}

/// Returns the ASCII digit of a decimal digit. Unicode encodes the ten digits of a script in a row, from zero up.
fn digit(c: char) -> char {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let code = u32::from(c);
    let before = (0..code).rev().take_while(|code| categories.get32(*code) == GeneralCategory::DecimalNumber);
    let value = u32::try_from(before.count()).unwrap_or_default() % 10;
    char::from_digit(value, 10).unwrap_or(c)
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Composes the letters of a text (NFC). Canonically equivalent texts become equal.
#[must_use]
pub fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Splits a number from its extension, which follows ` x`, `ext.` or `;ext=`.
#[must_use]
pub fn split_extension(number: &str) -> (&str, Option<&str>) {
    const MARKS: [&str; 4] = [" x", " ext. ", " ext.", " ext "];
    if let Some((number, extension)) = number.rsplit_once(";ext=").filter(|(_, extension)| !extension.is_empty()) {
        return (number.trim_end(), Some(extension));
    }
    let split = MARKS.into_iter().find_map(|mark| number.rsplit_once(mark));
    match split {
        Some((number, extension)) if is_extension(extension) => (number.trim_end(), Some(extension)),
        _ => (number, None),
    }
}

/// Returns true when a telephone can dial the extension.
#[must_use]
pub fn is_extension(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | '-' | '.'))
}

/// Returns the words of a text without marks and in lower case, to find words that one card repeats.
#[must_use]
pub fn bare_words(text: &str) -> Vec<String> {
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(text).to_lowercase();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{composed, file_lines, line, lines, split_extension, telephone};

    #[test]
    fn every_line_break_is_one() {
        for (text, kept) in [
            ("a\r\nb", "a\nb"),
            ("a\rb\r\r\nc", "a\nb\n\nc"),
            ("a\u{85}b\u{2028}c\u{2029}d", "a\nb\nc\nd"),
            ("a\tb\n", "a\tb\n"),
        ] {
            assert_eq!(lines(text), kept, "{text:?}");
            assert_eq!(lines(kept), kept);
        }
        for (text, kept) in
            [("a\r\nb", "a b"), ("a\u{2028}b\tc", "a b c"), ("\u{2029}a\u{85}", "a"), ("\r\n\u{2028}", "")]
        {
            assert_eq!(line(text), kept, "{text:?}");
        }
    }

    #[test]
    fn what_breaks_a_line_on_paper_breaks_one_of_a_file() {
        for (text, kept) in [
            ("a\u{b}b\u{c}c", "a\nb\nc"),
            ("a\r\n\u{c}b", "a\n\nb"),
            ("a\r\u{b}b\u{85}c", "a\n\nb\nc"),
            ("a\tb", "a\tb"),
        ] {
            assert_eq!(file_lines(text), kept, "{text:?}");
        }
        // Typed texts keep these characters, and their fields refuse them.
        assert_eq!(lines("a\u{b}b\u{c}c"), "a\u{b}b\u{c}c");
    }

    #[test]
    fn equivalent_texts_are_one_when_composed() {
        for (text, other) in [
            ("Caf\u{e9}", "Cafe\u{301}"),
            ("도움", "\u{1103}\u{1169}\u{110b}\u{116e}\u{11b7}"),
            ("\u{212b}", "A\u{30a}"),
        ] {
            assert_eq!(composed(text), composed(other));
        }
        assert_ne!(composed("\u{fb01}"), composed("fi"));
    }

    #[test]
    fn numbers_of_every_script_are_dialled_in_ascii() {
        for (number, plain) in [
            ("０９０－１２３４－５６７８", "090-1234-5678"),
            ("٠٥٠١٢٣٤٥٦٧", "0501234567"),
            ("(02)\u{a0}123–4567", "(02) 123-4567"),
            ("\u{202a}+15550100\u{202c}", "+15550100"),
            ("۰۹۱۲ ۳۴۵\u{2009}۶۷۸۹", "0912 345 6789"),
            ("+९१ ९८७६५ ४३२१०", "+91 98765 43210"),
            ("０９０ー１２３４ー５６７８", "090-1234-5678"),
            ("1\u{2212}2\u{2010}3\u{2011}4\u{2014}5\u{ad}6\u{fe58}7\u{fe63}8", "1-2-3-4-56-7-8"),
            ("\u{1d7d8}\u{1d7e3}\u{1d7ff}", "019"),
            ("\u{feff}＋８２\u{3000}２ \u{2066}1\u{2069}", "+82 2 1"),
            ("TEL:+1 (555) 0100", "+1 (555) 0100"),
            ("ask; for \\ me", "ask; for \\ me"),
            ("\u{200b}", ""),
        ] {
            assert_eq!(telephone(number), plain, "{number}");
            assert_eq!(telephone(plain), plain, "{number}");
        }
    }

    #[test]
    fn an_extension_stands_behind_its_mark() {
        for (text, number, extension) in [
            ("+1-555 x12", "+1-555", Some("12")),
            ("1 ext. 5", "1", Some("5")),
            ("1 ext.5", "1", Some("5")),
            ("1;ext=ask", "1", Some("ask")),
            ("call x-ray", "call x-ray", None),
            ("1", "1", None),
        ] {
            assert_eq!(split_extension(text), (number, extension), "{text}");
        }
    }
}
