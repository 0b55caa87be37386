//! The initials of a name, to show where there is no picture.

use super::{fold::says_a_word, tables::is_kana};

/// Returns the initials of a name: the first letters of its first and its last word in upper case. A name in Chinese,
/// Japanese or Korean script begins with the family name, so its first letter stands alone. Empty for a name without
/// letters and digits.
#[must_use]
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(first_letter);
    let Some(first) = words.next() else { return String::new() };
    if first.chars().next().is_some_and(|letter| says_a_word(letter) || is_kana(letter)) {
        return first;
    }
    let last = words.next_back().unwrap_or_default();
    format!("{first}{last}").to_uppercase()
}

/// Returns the first letter or digit of a word with its accents.
fn first_letter(word: &str) -> Option<String> {
    let mut letters = word.chars().skip_while(|letter| !letter.is_alphanumeric());
    let first = letters.next()?;
    Some(std::iter::once(first).chain(letters.take_while(|accent| is_accent(*accent))).collect())
}

/// Returns true for a mark that joins the letter before it.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}')
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_follow_the_script_of_the_name() {
        for (name, shown) in [
            ("Jane Doe", "JD"),
            ("ann", "A"),
            ("Mary Ann Evans", "ME"),
            ("Jean-Paul Sartre", "JS"),
            ("émile zola", "ÉZ"),
            ("e\u{301}mile zola", "E\u{301}Z"),
            ("Олег Иванов", "ОИ"),
            ("김철수", "김"),
            ("김 철수", "김"),
            ("山田 太郎", "山"),
            ("たなか はなこ", "た"),
            ("李小龙", "李"),
            ("(Bob) 7", "B7"),
            ("straße", "S"),
            ("ßeta", "SS"),
            ("", ""),
            ("—", ""),
        ] {
            assert_eq!(initials(name), shown, "{name}");
        }
    }
}
