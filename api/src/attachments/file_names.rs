//! The names of files, as people read them and as they are written into headers.

use crate::{plain_text, web_address};

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 200;

/// Returns a name in its stored form. None for a name that could mean something to a file system, hides its ending, or
/// is too long.
#[must_use]
pub fn check(name: &str) -> Option<String> {
    let name = plain_text::composed(name);
    let forbidden = |c: char| c.is_control() || web_address::changes_direction(c) || matches!(c, '/' | '\\');
    let length = name.chars().count();
    let odd = name.starts_with('.') || name.ends_with('.') || name.trim() != name || name.contains(forbidden);
    ((1..=LONGEST_NAME).contains(&length) && !odd).then_some(name)
}

/// Returns the value of `Content-Disposition` for a download: the name in ASCII for old clients, and as RFC 8187 has
/// it.
#[must_use]
pub fn disposition(name: &str) -> String {
    let ascii: String = name.chars().map(|c| if c.is_ascii() && !matches!(c, '%' | '"') { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            // The characters of `attr-char`.
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(byte.into()),
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => {
                encoded.push(byte.into());
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::{check, disposition};

    #[test]
    fn a_name_is_one_readable_line_without_a_path() {
        for good in
            ["a.pdf", "사진 1.png", "Q3 report (final).xlsx", "a.tar.zip", "100%.txt", "it's.txt", "10:30 <b>?.txt"]
        {
            assert_eq!(check(good).as_deref(), Some(good));
        }
        // NFC, as people on another system write the same name.
        assert_eq!(check("e\u{301}.txt").as_deref(), Some("\u{e9}.txt"));
        for bad in [
            "",
            " ",
            "../a.txt",
            "..\\a.txt",
            "/etc/passwd",
            "a\nb.txt",
            "a\r.txt",
            "a\0.txt",
            ".htaccess",
            "a.",
            " a.txt",
            "a.txt ",
            "a\u{202e}gpj.exe",
            &"x".repeat(201),
        ] {
            assert_eq!(check(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_header_has_the_name_in_both_forms() {
        assert_eq!(disposition("a b.txt"), "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt");
        assert!(disposition("a\"b.txt").starts_with("attachment; filename=\"a_b.txt\"; "));
        // The example of RFC 8187, section 3.2.2.
        assert!(disposition("£ rates").ends_with("filename*=UTF-8''%C2%A3%20rates"));
        assert!(disposition("사진.png").starts_with("attachment; filename=\"__.png\"; "));
    }
}
