//! The order of names: the first level of the Unicode Collation Algorithm, as ICU's sort keys define it.

use super::{clean::clean, tables::TABLES};

/// Maximum length of a key, in bytes. Keys are stored in indexes, whose rows have a size limit.
const MAX_KEY: usize = 480;

/// Returns the sort key of a name, compared as bytes. The parts follow in the given order, without the empty ones.
/// The separator sorts before every letter, so that "Roe, Ann" stands before "Roederer, Al". The heading follows
/// behind a zero byte, which no sort key contains, and so does not change the order.
#[must_use]
pub fn name_key(parts: &[&str]) -> Vec<u8> {
    let cleaned: Vec<String> = parts.iter().map(|part| clean(part)).filter(|part| !part.is_empty()).collect();
    let text = cleaned.join("\u{fffe}");
    let mut key = TABLES.key(&text);
    let heading = TABLES.heading(&text, &key);
    key.truncate(MAX_KEY);
    key.push(0);
    key.extend_from_slice(heading.as_bytes());
    key
}

/// Returns the sort heading of a name in a contact list. It is the base letter for alphabets, the initial consonant
/// for Korean and the first kana of the row for Japanese. It is the first character for Chinese, and `#` for the
/// rest.
#[must_use]
pub fn heading(name_key: &[u8]) -> String {
    let heading = name_key.iter().rposition(|byte| *byte == 0).map(|zero| &name_key[zero + 1..]);
    heading.map_or_else(|| "#".to_owned(), |heading| String::from_utf8_lossy(heading).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{TABLES, clean, heading, name_key};

    #[test]
    fn a_shorter_family_name_stands_before_a_longer_one() {
        for names in [
            [&["Roe", "Zoe"][..], &["Roederer", "Al"]],
            [&["Doe", "Jane"], &["Roe", "Ann"]],
            [&["Zorn"], &["さとう"]],
            [&["Иван", "Яна"], &["Иванов", "Аня"]],
            [&["김", "하나"], &["김김", "가나"]],
        ] {
            assert!(name_key(names[0]) < name_key(names[1]), "{names:?}");
        }
    }

    #[test]
    fn headings_follow_the_script() {
        for (name, letter) in [
            ("Éva", "E"),
            ("łukasz", "L"),
            ("Ærø", "A"),
            ("ßeta", "S"),
            ("ışık", "I"),
            ("ʻAkahi", "A"),
            ("\u{200e}Anna", "A"),
            ("\u{2066}Łukasz\u{2069}", "L"),
            ("\u{ad}Zoe", "Z"),
            ("\u{feff}\u{3164}김", "ㄱ"),
            ("Đorđe", "D"),
            ("Œuvre", "O"),
            ("ŉaam", "N"),
            ("\u{2033}Anna", "A"),
            ("\u{1ffd}Anna", "A"),
            ("\u{a8}Anna", "A"),
            ("ǆamija", "D"),
            ("김", "ㄱ"),
            ("하", "ㅎ"),
            ("ㅋㅋ", "ㅋ"),
            ("카", "ㅋ"),
            ("\u{ffa1}", "ㄱ"),
            ("\u{ffbb}\u{ffbb}", "ㅋ"),
            ("\u{ffbe}", "ㅎ"),
            ("ㅎㅎ", "ㅎ"),
            ("꽃", "ㄲ"),
            ("すずき", "さ"),
            ("ガ", "か"),
            ("ヴァン", "あ"),
            ("ヵ", "か"),
            ("ヶ", "か"),
            ("ヮ", "わ"),
            ("ヴィオラ", "あ"),
            ("ヷ", "わ"),
            ("ん", "わ"),
            ("やま", "や"),
            ("ﾜﾀ", "わ"),
            ("გიორგი", "გ"),
            ("ნინო", "ნ"),
            ("ქეთი", "ქ"),
            ("ὀδυσσεύς", "Ο"),
            ("ёлка", "Е"),
            ("أحمد", "أ"),
            ("เกาะ", "ก"),
            ("42", "#"),
            ("", "#"),
            ("山", "山"),
            ("𐐨", "𐐀"),
        ] {
            assert_eq!(heading(&name_key(&[name])), letter, "{name}");
        }
        assert_eq!(heading(b""), "#");
    }

    #[test]
    fn no_character_is_headed_by_what_counts_for_nothing() {
        let headed = |start: &str| heading(&name_key(&[&format!("{start}aam")]));
        let mut seen = 0;
        for c in ('\u{80}'..=char::MAX).filter(|c| !TABLES.is_normal(*c)) {
            let parts = TABLES.normalize(&c.to_string());
            if clean(&parts) != parts {
                assert_eq!(headed(&c.to_string()), headed(&clean(&parts)), "{c} {:x} {parts:?}", u32::from(c));
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn keys_fit_into_an_index() {
        assert!(name_key(&["山".repeat(200).as_str(), "a".repeat(200).as_str()]).len() <= 512);
    }
}
