//! Folded texts for searching. A letter folds to the plainest letter that is equal on the first level of the Unicode
//! Collation Algorithm. Two rules differ on purpose, as in the search of browsers. Voiced and small kana stay,
//! because they make another word, and Korean syllables stay whole.

use std::collections::BTreeSet;

use super::{
    clean::clean,
    tables::{TABLES, is_kana},
};

/// Maximum length of the search text of a unique name, in bytes. The text is stored in an index, whose rows have a size
/// limit.
const MAX_UNIQUE: usize = 1_000;

/// Folds a text: it loses case, accents and width, and single spaces separate its words.
#[must_use]
pub fn fold(text: &str) -> String {
    let normal = TABLES.normalize(&clean(text));
    let mut folded = String::with_capacity(normal.len());
    for c in normal.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => folded.push(c.to_ascii_lowercase()),
            c if c.is_whitespace() || is_separator(c) => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            // Each katakana letter is encoded 0x60 above its hiragana letter.
            '\u{30a1}'..='\u{30f6}' | '\u{30fd}' | '\u{30fe}' => {
                folded.push(char::from_u32(u32::from(c) - 0x60).unwrap_or(c));
            }
            // People often type alef without its hamza or madda.
            '\u{622}' | '\u{623}' | '\u{625}' | '\u{671}' => folded.push('\u{627}'),
            // Part of the vowel am of Thai and Lao, which ICU does not count as a letter on its own.
            '\u{e4d}' | '\u{ecd}' => folded.push(c),
            c if is_kana(c) || is_syllable(c) || TABLES.is_ideograph(c) => folded.push(c),
            c => TABLES.fold_into(&mut folded, c),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Returns the text that a search looks through. A space precedes each word, so that a search can find the start of a
/// word. The initial consonants of Korean words follow, because people search by them.
#[must_use]
pub fn search_text(parts: &[&str]) -> String {
    let folded = fold(&parts.join(" "));
    let words = folded.split(' ').filter(|word| word.contains(is_syllable));
    let initials: BTreeSet<String> = words.map(initials).collect();
    initials.into_iter().fold(format!(" {folded}"), |text, word| format!("{text} {word}"))
}

/// Returns the search text of a name that must be unique.
#[must_use]
pub fn unique_text(name: &str) -> String {
    let mut text = search_text(&[name]);
    text.truncate(text.floor_char_boundary(MAX_UNIQUE));
    text
}

/// Returns the words of a search, as they occur in a search text. A word of one letter gets the space before it, so
/// that it must begin a word. Han and Hangul letters are words on their own and get none. A word that mixes Korean
/// syllables and initial consonants becomes one word for the initials and one for each run of syllables.
#[must_use]
pub fn search_words(search: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in fold(search).split(' ').filter(|word| !word.is_empty()) {
        if word.contains(is_initial) && word.contains(is_syllable) {
            words.push(initials(word));
            let runs = word.split(|c| !is_syllable(c)).filter(|run| !run.is_empty());
            words.extend(runs.map(str::to_owned));
        } else {
            words.push(word.to_owned());
        }
    }
    for word in &mut words {
        let mut letters = word.chars();
        if let (Some(c), None) = (letters.next(), letters.next())
            && !says_a_word(c)
        {
            word.insert(0, ' ');
        }
    }
    words
}

/// Returns the grams of a search text for an index, each once. They are all pairs of neighboring characters, except
/// pairs that end in a space, and all single Han and Hangul letters.
#[must_use]
pub fn grams(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let pairs = chars.windows(2).filter(|pair| pair[1] != ' ').map(|pair| pair.iter().collect());
    let single = chars.iter().filter(|c| says_a_word(**c)).map(char::to_string);
    let mut grams: Vec<String> = pairs.chain(single).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Returns true for a character that only separates words, as in "Doe, Jane".
fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '\u{60c}' | '\u{61b}' | '\u{3001}' | '\u{30fb}')
}

fn is_syllable(c: char) -> bool {
    ('\u{ac00}'..='\u{d7a3}').contains(&c)
}

/// Returns true for an initial consonant of Korean without a vowel.
fn is_initial(c: char) -> bool {
    ('\u{1100}'..='\u{1112}').contains(&c)
}

/// Returns true for a letter that stands for a whole word or syllable.
pub(super) fn says_a_word(c: char) -> bool {
    is_syllable(c) || TABLES.is_ideograph(c)
}

/// Replaces each syllable of a word with its initial consonant.
fn initials(word: &str) -> String {
    // A syllable is (initial × 21 + vowel) × 28 + final, counted from the first.
    let initial = |c: char| match is_syllable(c) {
        true => char::from_u32(0x1100 + (u32::from(c) - 0xac00) / 588).unwrap_or(c),
        false => c,
    };
    word.chars().map(initial).collect()
}

#[cfg(test)]
mod tests {
    use super::{TABLES, clean, fold, grams, search_text, search_words, unique_text};

    #[test]
    fn folding_drops_case_accents_and_width_but_keeps_letters() {
        for (text, folded) in [
            ("  ÉCOLE  Zürich ", "ecole zurich"),
            ("カタカナ ｶﾅ", "かたかな かな"),
            ("김철수", "김철수"),
            ("がぎ", "がぎ"),
            ("ＡＢＣ", "abc"),
            ("Straße Ærø Œuvre", "strasse aero oeuvre"),
            ("Łódź Søren Đorđe Işık", "lodz soren dorde isik"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"),
            ("Ёлка йод", "елка йод"),
            ("مُحَمَّد أحمد", "محمد احمد"),
            ("שָׁלוֹם", "שלומ"),
            ("٣ ३ ３", "3 3 3"),
            ("Doe, Jane; O’Brien", "doe jane obrien"),
            ("山田・花子", "山田 花子"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn a_folded_letter_is_the_same_letter_to_icu() {
        let points = (0x21..0x3000_u32).chain(0x3105..0x3131).chain(0xa000..0xac00).chain(0x1_0400..0x1_0600);
        for c in points.filter_map(char::from_u32).filter(|c| c.is_alphabetic()) {
            // Invisible characters, apostrophes, ı, alef and joined consonants differ on purpose. A few compatibility
            // forms sort apart from their letters.
            let text = c.to_string();
            if TABLES.normalize(&clean(&text)) != text
                || matches!(c, '\u{e4d}' | '\u{ecd}')
                || ('\u{622}'..='\u{671}').contains(&c)
                || ('\u{11a8}'..='\u{11ff}').contains(&c)
            {
                continue;
            }
            assert_eq!(TABLES.key(&fold(&text)), TABLES.key(&text), "{c} {:x}", u32::from(c));
        }
    }

    #[test]
    fn grams_mark_where_words_begin_and_han_and_hangul_stand_alone() {
        assert_eq!(grams(&search_text(&["Al Bo"])), [" a", " b", "al", "bo"]);
        assert_eq!(grams(&search_text(&["山田"])), [" 山", "山", "山田", "田"]);
    }

    #[test]
    fn korean_words_are_found_by_their_initial_consonants() {
        assert_eq!(search_text(&["김철수"]), " 김철수 \u{1100}\u{110e}\u{1109}");
        assert_eq!(search_words("ㄱㅊㅅ"), ["\u{1100}\u{110e}\u{1109}"]);
        assert_eq!(search_words("ㄱ 철 a"), [" \u{1100}", "철", " a"]);
        assert_eq!(search_words("김ㅊㅅ"), ["\u{1100}\u{110e}\u{1109}", "김"]);
        assert_eq!(search_words("ㄳ"), search_words("ㄱㅅ"));
    }

    #[test]
    fn a_text_that_must_be_unique_fits_into_an_index() {
        assert!(unique_text(&"\u{fdfa}".repeat(80)).len() <= 1_000);
    }
}
