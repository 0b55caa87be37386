//! The heads of properties: the part before a value. They are rewritten so that the syntax library interprets quoted
//! lists and long numbers correctly. Marks carry facts about a value that the library cannot see.

use super::encoding;

/// Marks a property from which control characters were removed.
pub const CONTROLS: &str = "X-RAPPORT-CONTROLS";
/// Marks a property whose value is in base 64. Such a value is not empty, even if it decodes to blanks.
pub const ENCODED: &str = "X-RAPPORT-ENCODED";

/// Types that make the library parse a value as a number. It would truncate long numbers and drop other characters of
/// telephone numbers.
const NUMBERS: [&str; 3] = ["INTEGER", "FLOAT", "BOOLEAN"];

/// Returns the head of a property for the library, with its marks and its colon.
#[must_use]
pub fn mended(head: &str, marks: &[&str]) -> String {
    let name = head.split([':', ';']).next().unwrap_or_default();
    let mut mended = String::with_capacity(head.len() + 1);
    mended.push_str(name);
    let parts = encoding::parameters(head.as_bytes()).filter_map(|part| parameter(&String::from_utf8_lossy(part)));
    for part in marks.iter().map(|mark| (*mark).to_owned()).chain(parts) {
        mended.push(';');
        // A backslash escapes nothing in parameters, but the library treats it as the escape of a quote.
        mended.push_str(&part.replace('\\', "\\\\"));
    }
    mended.push(':');
    mended
}

/// Returns a parameter in the form of the library, or none if it has no meaning.
fn parameter(part: &str) -> Option<String> {
    let Some((name, value)) = part.split_once('=') else { return Some(part.to_owned()) };
    match name.trim().to_ascii_uppercase().as_str() {
        "TYPE" if value.contains('"') => Some(format!("TYPE={}", list(value))),
        // RFC 6350, section 5.3, allows a number from 1 to 100.
        "PREF" => {
            let number = value.trim().trim_matches('"').trim();
            let number: u64 = number.parse().ok().filter(|_| number.bytes().all(|digit| digit.is_ascii_digit()))?;
            (1..=100).contains(&number).then(|| format!("PREF={number}"))
        }
        "VALUE" if NUMBERS.iter().any(|kind| value.trim().trim_matches('"').eq_ignore_ascii_case(kind)) => None,
        _ => Some(part.to_owned()),
    }
}

/// Returns a list of types with each type quoted on its own. The examples of RFC 6350, section 6.4.1, quote the list as
/// a whole.
fn list(value: &str) -> String {
    let types = value.split(',').map(|item| item.replace('"', "")).map(|item| item.trim().to_owned());
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '+');
    let quoted = types.filter(|item| !item.is_empty());
    quoted.map(|item| if item.chars().all(plain) { item } else { format!("\"{item}\"") }).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{CONTROLS, mended};

    #[test]
    fn a_list_in_quotes_is_a_list() {
        for (head, plain) in [
            ("TEL;TYPE=\"home,pref\":", "TEL;TYPE=home,pref:"),
            (
                "item1.TEL;type=\"work\",\"x-desk, pref\";LANGUAGE=\"a,b\":",
                "item1.TEL;TYPE=work,x-desk,pref;LANGUAGE=\"a,b\":",
            ),
            ("TEL;TYPE=\"a:b,cell\":", "TEL;TYPE=\"a:b\",cell:"),
            ("TEL;TYPE=home,pref:", "TEL;TYPE=home,pref:"),
        ] {
            assert_eq!(mended(head, &[]), plain);
        }
    }

    #[test]
    fn only_a_number_between_1_and_100_prefers() {
        for (value, kept) in [
            ("1", ";PREF=1"),
            ("\"100\"", ";PREF=100"),
            ("007", ";PREF=7"),
            ("0", ""),
            ("101", ""),
            ("4294967297", ""),
            ("4294967346", ""),
            ("18446744073709551617", ""),
            ("-4294967295", ""),
            ("+1", ""),
            ("1.5", ""),
            ("", ""),
        ] {
            assert_eq!(mended(&format!("EMAIL;PREF={value};TYPE=x:"), &[]), format!("EMAIL{kept};TYPE=x:"), "{value}");
        }
        assert_eq!(mended("TEL;PREF;VALUE=integer:", &[CONTROLS]), "TEL;X-RAPPORT-CONTROLS;PREF:");
    }
}
