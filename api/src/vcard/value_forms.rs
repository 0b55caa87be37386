//! The forms of values that a version writes differently from the others.

/// Returns true when the text begins with a scheme and can be a URI.
#[must_use]
pub fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Returns true for an international number that has only the characters that RFC 3966 allows.
#[must_use]
pub fn is_global(number: &str) -> bool {
    let digits = number.chars().filter(char::is_ascii_digit).count();
    number.starts_with('+') && is_dialled(&number[1..]) && (3..=15).contains(&digits)
}

/// Returns true when a telephone can dial the number. Separators that make it readable are allowed.
#[must_use]
pub fn is_dialled(number: &str) -> bool {
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | '(' | ')'))
}

/// Returns the offset of a time zone that is one: `+09:00` for `+09`, `+0900` or `+09:00`.
#[must_use]
pub fn offset(zone: &str) -> Option<String> {
    let sign = zone.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let mut digits = zone[1..].replacen(':', "", 1);
    if digits.len() == 2 {
        digits.push_str("00");
    }
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    (hours < "24" && minutes < "60").then(|| format!("{sign}{hours}:{minutes}"))
}

/// Returns true when a year can be written. Both versions have four digits for it.
#[must_use]
pub fn has_four_digits(year: i32) -> bool {
    (0..=9999).contains(&year)
}

/// Returns the media type of a picture by the extension in its address.
#[must_use]
pub fn media_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{has_scheme, is_global, offset};

    #[test]
    fn a_time_zone_is_a_name_or_an_offset() {
        assert_eq!((offset("-0330").as_deref(), offset("+09").as_deref()), (Some("-03:30"), Some("+09:00")));
        for zone in ["Asia/Seoul", "+9", "+24:00", "+09:60", "+０９:00", "", "+"] {
            assert_eq!(offset(zone), None, "{zone}");
        }
    }

    #[test]
    fn only_what_rfc_3966_allows_is_dialled() {
        assert!(["+1-555-0100", "+82-2-312-3456", "+1(555)0100"].into_iter().all(is_global));
        assert!(
            !["555-0100", "+1 555 0100", "+1;ext=1", "+", "+-1", "+1234567890123456", "+１２３"]
                .into_iter()
                .any(is_global)
        );
        assert!(has_scheme("urn:uuid:1") && !has_scheme("1:2") && !has_scheme("plain") && !has_scheme("a b:c"));
    }
}
