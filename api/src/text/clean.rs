//! Cleaned names for search, order, headings and uniqueness. The stored name itself stays unchanged.

use super::tables::TABLES;
use crate::plain_text;

/// Removes insignificant characters and unifies characters that only look different. Default ignorable code points
/// and apostrophes are removed. Dashes become hyphens, and a dotless i becomes an i. Runs of white space and controls
/// become one space.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        match opened(c) {
            Some(parts) => parts.chars().for_each(|part| add(&mut cleaned, part)),
            None => add(&mut cleaned, c),
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

fn add(cleaned: &mut String, c: char) {
    match c {
        c if c.is_ascii_alphanumeric() => cleaned.push(c),
        c if c.is_whitespace() || c.is_control() => {
            if !cleaned.is_empty() && !cleaned.ends_with(' ') {
                cleaned.push(' ');
            }
        }
        c if counts_for_nothing(c) => {}
        // People type Turkish and Azerbaijani names with either letter, and ICU distinguishes the two.
        'ı' => cleaned.push('i'),
        c if TABLES.is_dash(c) => cleaned.push('-'),
        c => cleaned.push(c),
    }
}

fn counts_for_nothing(c: char) -> bool {
    // The last two are noncharacters. The first of them separates the parts of a key.
    is_apostrophe(c) || TABLES.is_ignorable(c) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Returns the parts of a character when one of them is insignificant: `ŉ` is an apostrophe and an `n`.
fn opened(c: char) -> Option<String> {
    if c.is_ascii() || counts_for_nothing(c) || TABLES.is_normal(c) {
        return None;
    }
    let same = plain_text::composed(c.encode_utf8(&mut [0; 4]));
    // In Unicode the oxia equals the acute accent, which stands for an apostrophe. Its compatibility form is a space
    // with a mark.
    let parts = if same.chars().all(counts_for_nothing) { same } else { TABLES.normalize(&same) };
    parts.contains(|part: char| part.is_whitespace() || counts_for_nothing(part)).then_some(parts)
}

/// Returns true when a reader sees nothing: only white space, controls, default ignorable code points and empty
/// Braille patterns.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || c == '\u{2800}' || TABLES.is_ignorable(c))
}

/// Returns the usual form of an e-mail address. East Asian keyboards type full width characters, and copied text
/// contains invisible code points.
#[must_use]
pub fn email_address(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3002}' | '\u{ff61}' => '.',
        c => c,
    };
    text.trim().chars().filter(|c| !TABLES.is_ignorable(*c)).map(narrow).collect()
}

/// Returns true for a character that stands for an apostrophe in names. Unicode has no property for them. Some are
/// quotation marks, some accents and some letters, depending on the keyboard.
fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{b4}' | '\u{2b9}' | '\u{2bb}'
            ..='\u{2bf}'
                | '\u{55a}'
                | '\u{2018}'
                | '\u{2019}'
                | '\u{201b}'
                | '\u{2032}'
                | '\u{a78b}'
                | '\u{a78c}'
                | '\u{ff07}'
                | '\u{ff40}'
    )
}

#[cfg(test)]
mod tests {
    use super::{clean, email_address, is_blank};

    #[test]
    fn what_cannot_be_seen_counts_for_nothing() {
        assert_eq!(clean("\u{200e}Anna\u{ad}bel \t\u{a0} \u{200b}O\u{2019}Brien "), "Annabel OBrien");
        assert_eq!(clean("Jean\u{2011}Luc"), "Jean-Luc");
        assert_eq!(clean("\u{fffe}"), "");
    }

    #[test]
    fn an_apostrophe_counts_for_nothing_inside_a_character_either() {
        for (text, cleaned) in [
            ("ŉaam", "naam"),
            ("a\u{149}Huis", "anHuis"),
            ("\u{1e9a}l", "al"),
            ("O\u{2033}Brien", "OBrien"),
            ("\u{1fef}Anna\u{1ffd}", "Anna"),
            ("\u{374}Anna", "Anna"),
        ] {
            assert_eq!(clean(text), cleaned, "{text}");
        }
        // Other composed characters stay whole.
        assert_eq!(clean("\u{1c4}a\u{fb01}\u{2168}"), "\u{1c4}a\u{fb01}\u{2168}");
    }

    #[test]
    fn e_mail_addresses_are_narrow() {
        for wide in
            ["ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", " jane＠example。com\u{200b}", "\u{202a}jane@example.com\u{202c}"]
        {
            assert_eq!(email_address(wide), "jane@example.com");
        }
        assert_eq!(email_address("Jürgen@bücher.example"), "Jürgen@bücher.example");
    }

    #[test]
    fn blank_is_what_shows_nothing() {
        for blank in
            ["", " ", "\u{200b}", "\u{3164}", "\u{ffa0}", "\u{fe0f}", "\u{2800}", "\u{e0020}", "\u{115f}\u{a0}"]
        {
            assert!(is_blank(blank), "{blank:?}");
        }
        for seen in ["a", "\u{200b}a", "\u{2764}\u{fe0f}", ".", "\u{301}", "가"] {
            assert!(!is_blank(seen), "{seen:?}");
        }
    }
}
