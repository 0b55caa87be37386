//! Names as a search and an order see them: folded to lower case without accents, hiragana for katakana. What is folded
//! here is stored, so that both databases find and sort alike without a collation of their own.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Lower case, compatibility forms resolved, accents off Latin, Greek and Cyrillic letters, katakana as hiragana, runs
/// of white space as one space. Hangul and kana keep their marks: there they make another letter.
#[must_use]
pub fn fold(text: &str) -> String {
    let folded: String = text
        .nfkd()
        .filter(|c| !(('\u{300}'..='\u{36f}').contains(c) && is_combining_mark(*c)))
        .nfc()
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            // Katakana stands 0x60 above hiragana, letter by letter.
            '\u{30a1}'..='\u{30f6}' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The place in name order: the parts in the order given, folded, empty ones left out. Compared as bytes; the byte 1
/// between parts sorts before every letter, so that "Roe, Ann" stands before "Roederer, Al".
#[must_use]
pub fn name_key(parts: &[&str]) -> Vec<u8> {
    let folded: Vec<String> = parts.iter().map(|part| fold(part)).filter(|part| !part.is_empty()).collect();
    folded.join("\u{1}").into_bytes()
}

/// The heading a contact list puts a name under: the letter for Latin, Greek and Cyrillic, the initial consonant for
/// Korean, the first kana of the row for Japanese, the first character of other scripts, `#` for the rest.
#[must_use]
pub fn heading(name_key: &[u8]) -> String {
    let start = String::from_utf8_lossy(&name_key[..name_key.len().min(16)]);
    match start.chars().next() {
        Some(c @ '\u{ac00}'..='\u{d7a3}') => {
            const INITIALS: [char; 19] = [
                'ㄱ', 'ㄲ', 'ㄴ', 'ㄷ', 'ㄸ', 'ㄹ', 'ㅁ', 'ㅂ', 'ㅃ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅉ', 'ㅊ', 'ㅋ', 'ㅌ',
                'ㅍ', 'ㅎ',
            ];
            // A syllable is (initial × 21 + vowel) × 28 + final.
            INITIALS[(c as usize - 0xac00) / 588].to_string()
        }
        Some(c @ '\u{3041}'..='\u{3096}') => {
            const ROWS: [(char, char); 10] = [
                ('わ', 'わ'),
                ('ら', 'ら'),
                ('ゃ', 'や'),
                ('ま', 'ま'),
                ('は', 'は'),
                ('な', 'な'),
                ('た', 'た'),
                ('さ', 'さ'),
                ('か', 'か'),
                ('ぁ', 'あ'),
            ];
            ROWS.iter().find(|(from, _)| c >= *from).map_or_else(|| c.to_string(), |(_, row)| row.to_string())
        }
        Some(c) if c.is_alphabetic() => c.to_uppercase().collect(),
        _ => "#".to_owned(),
    }
}

/// The text a search looks through: each word led by a space, so that a word's start can be asked for.
#[must_use]
pub fn search_text(parts: &[&str]) -> String {
    let words = fold(&parts.join(" "));
    format!(" {words}")
}

/// Every two neighbouring characters of a search text, each once, but for those that end in a space.
#[must_use]
pub fn grams(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut grams: Vec<String> =
        chars.windows(2).filter(|pair| pair[1] != ' ').map(|pair| pair.iter().collect()).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Whether the text holds what the databases cannot keep or a reader should not be shown.
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

#[cfg(test)]
mod tests {
    use super::{fold, grams, heading, name_key, search_text};

    #[test]
    fn folding_drops_case_accents_and_width_but_keeps_letters() {
        assert_eq!(fold("  ÉCOLE  Zürich "), "ecole zurich");
        assert_eq!(fold("カタカナ ｶﾅ"), "かたかな かな");
        assert_eq!(fold("김철수"), "김철수");
        assert_eq!(fold("がぎ"), "がぎ");
        assert_eq!(fold("ＡＢＣ"), "abc");
    }

    #[test]
    fn a_shorter_family_name_stands_before_a_longer_one() {
        assert!(name_key(&["Roe", "Zoe"]) < name_key(&["Roederer", "Al"]));
        assert!(name_key(&["Doe", "Jane"]) < name_key(&["Roe", "Ann"]));
        assert!(name_key(&["Zorn"]) < name_key(&["さとう"]));
    }

    #[test]
    fn headings_follow_the_script() {
        for (name, letter) in [
            ("Éva", "E"),
            ("김", "ㄱ"),
            ("하", "ㅎ"),
            ("すずき", "さ"),
            ("ガ", "か"),
            ("やま", "や"),
            ("42", "#"),
            ("山", "山"),
        ] {
            assert_eq!(heading(&name_key(&[name])), letter, "{name}");
        }
        assert_eq!(heading(b""), "#");
    }

    #[test]
    fn grams_mark_where_words_begin() {
        assert_eq!(grams(&search_text(&["Al Bo"])), [" a", " b", "al", "bo"]);
    }
}
