//! The rules for new passwords. A password is refused when it is too short, too long, in common use or made of the
//! user's own names.

use std::{collections::HashSet, sync::LazyLock};

use crate::{
    auth::password,
    error::{Error, Result, UserErrorCode},
};

/// The allowed length of a password, in characters.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=200;
/// The characters that may surround a common word without making it a good password, such as a year and a sign.
const SHORT_DRESS: usize = 5;
/// The letters and digits beside a name that do not make it a good password.
const SHORT_REST: usize = 4;
/// The minimum length of a name that is checked. Shorter names occur in many good passwords.
const SHORTEST_NAME: usize = 3;

static LIST: &str = include_str!("common_passwords.txt");

struct CommonPasswords {
    /// Words that stay common with a few digits or signs around them.
    words: HashSet<&'static str>,
    whole: HashSet<&'static str>,
}

static COMMON: LazyLock<CommonPasswords> = LazyLock::new(|| {
    let (words, whole) = LIST.split_once("# whole\n").unwrap_or(("", LIST));
    let lines = |part: &'static str| part.lines().filter(|line| !line.starts_with('#')).collect();
    CommonPasswords { words: lines(words), whole: lines(whole) }
});

/// Refuses a new password that others could guess. `names` are the user's own: handle, names and addresses.
pub fn check(text: &str, names: &[&str], field: &'static [&'static str]) -> Result<()> {
    let refused = |why: String| Err(Error::refused(UserErrorCode::Invalid, field, why));
    let text = password::normalise(text);
    if !PASSWORD_LENGTH.contains(&text.chars().count()) {
        return refused(format!("Use {} to {} characters.", PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end()));
    }
    if text.chars().any(char::is_control) {
        return refused("The password must not have control characters.".to_owned());
    }
    if is_common(&text) {
        return refused("This password is too common. Choose another one.".to_owned());
    }
    if is_made_of(&text, names) {
        return refused("This password consists of your own names. Choose another one.".to_owned());
    }
    Ok(())
}

fn is_common(text: &str) -> bool {
    let lower = text.to_lowercase();
    let plain = |text: &str| text.chars().map(letter).collect::<String>();
    // A sign at the end usually stands for itself and not for a letter.
    let (all, inner) = (plain(&lower), plain(lower.trim_matches(|c: char| !c.is_alphanumeric())));
    [lower.as_str(), &all, &inner].into_iter().any(|text| {
        let word = text.trim_matches(|c: char| !c.is_alphabetic());
        let rest = text.chars().count() - word.chars().count();
        COMMON.whole.contains(text)
            || COMMON.words.contains(text)
            || rest <= SHORT_DRESS && COMMON.words.contains(word)
            || repeats(text)
    }) || is_row(&lower)
}

/// Returns the letter that a digit or sign stands for.
fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    }
}

/// Returns true for a text that repeats one to three characters or a common word.
fn repeats(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=chars.len() / 2).filter(|length| chars.len().is_multiple_of(*length)).any(|length| {
        let unit = &chars[..length];
        let again = chars.chunks(length).all(|chunk| chunk == unit);
        let word: String = unit.iter().collect();
        again && (length <= 3 || COMMON.words.contains(word.as_str()) || COMMON.whole.contains(word.as_str()))
    })
}

/// Returns true when each character follows the one before it, by code point or on a keyboard row.
fn is_row(text: &str) -> bool {
    const ROWS: [&str; 8] =
        ["qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "1234567890"];
    let chars: Vec<char> = text.chars().collect();
    let steps =
        |step: i64| chars.windows(2).all(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])) == step);
    let back: String = chars.iter().rev().collect();
    steps(1) || steps(-1) || ROWS.iter().any(|row| row.contains(text) || row.contains(back.as_str()))
}

/// Returns true when only a short rest remains of the text without the names.
fn is_made_of(text: &str, names: &[&str]) -> bool {
    let text = bare(text);
    let mut parts: Vec<String> = Vec::new();
    for name in names {
        // The local part of an address is a name too, and so is each word.
        parts.extend(name.split(|c: char| !c.is_alphanumeric()).map(bare));
        parts.push(bare(name.rsplit_once('@').map_or(*name, |(local, _)| local)));
        parts.push(bare(name));
    }
    parts.retain(|part| part.chars().count() >= SHORTEST_NAME);
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    let forwards = without(&text, &parts);
    let back: String = text.chars().rev().collect();
    let backwards = without(&back, &parts);
    let short = |rest: &Option<usize>| rest.is_some_and(|rest| rest <= SHORT_REST);
    short(&forwards) || short(&backwards)
}

/// Returns the number of characters that remain without the parts, or `None` when no part occurs.
fn without(text: &str, parts: &[String]) -> Option<usize> {
    let rest = parts.iter().fold(text.to_owned(), |rest, part| rest.replace(part.as_str(), ""));
    (rest.len() < text.len()).then(|| rest.chars().count())
}

/// Returns only the letters and digits, in lower case.
fn bare(text: &str) -> String {
    password::normalise(text).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{COMMON, check};

    fn refused(text: &str) -> bool {
        check(text, &["jane", "Jane Doe", "Jane", "Doe", "j.doe@example.com", "김철수"], &[]).is_err()
    }

    #[test]
    fn common_passwords_are_refused_however_they_are_dressed_up() {
        assert!(COMMON.words.len() > 500 && COMMON.whole.len() > 10_000);
        for common in [
            "password",
            "PASSWORD",
            "Password1",
            "password123",
            "P@ssw0rd",
            "P@ssw0rd!",
            "Password2026!",
            "12345678",
            "87654321",
            "11111111",
            "qwertyuiop",
            "asdfghjkl",
            "iloveyou",
            "letmein!!",
            "sunshine",
            "1q2w3e4r",
            "abcdefgh",
            "aaaaaaaaaa",
            "abababab",
            "abcabcabc",
            "dragondragon",
            "00000000",
            "zxcvbnm1",
            "trustno1",
            "football99",
            "!monkey!",
            "가나다라마바사아자차",
        ] {
            let row = common.starts_with('가');
            assert_eq!(refused(common), !row, "{common}");
        }
    }

    #[test]
    fn ones_own_names_make_no_password() {
        for own in [
            "jane1234",
            "Jane.Doe",
            "janejane",
            "DoeJane!1",
            "enaj enaj",
            "j.doe@example.com",
            "jdoe2026",
            "김철수1234",
        ] {
            assert!(refused(own), "{own}");
        }
        for other in ["janeway voyages", "adoeration-7", "jane likes tea"] {
            assert!(!refused(other), "{other}");
        }
    }

    #[test]
    fn other_passwords_are_taken() {
        for good in [
            "correct horse",
            "battery staple",
            "interoperable",
            "8yfj3kq2",
            "pässwörtlich-ñ",
            "한글로된비밀번호",
            "wonderland-99",
            "a b c d e f",
            "🦀🦀🐘🐘🐙🐙🦑🦑x",
            &"correct horse".repeat(15),
        ] {
            assert!(!refused(good), "{good}");
        }
        for bad in ["short", "", "1234567", "with\u{7}bell", "line\nbreaks", &"x y".repeat(67)] {
            assert!(refused(bad), "{bad:?}");
        }
    }
}
