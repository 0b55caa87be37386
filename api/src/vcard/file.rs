//! Names of downloaded files. They are short, valid on every system and safe inside a header, whatever the name of the
//! person.

use crate::web_address;

/// The media type of vCards of every version.
pub const MEDIA_TYPE: &str = "text/vcard; charset=utf-8";

/// The name of a file with several cards.
pub const MANY: &str = "vcards.vcf";

/// The name of a file when the name of the person has no usable characters.
const NOBODY: &str = "contact.vcf";

/// The maximum length of a name in octets, without its extension. File systems allow 255 with it.
const LONGEST: usize = 120;

/// Returns the name of a file with one card: the name of the person with `.vcf`.
#[must_use]
pub fn file_name(full_name: &str) -> String {
    let mut name = String::new();
    for c in full_name.chars() {
        let c = match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            // These characters change the direction of the text and could disguise the extension.
            c if web_address::changes_direction(c) => continue,
            c if c.is_control() => '_',
            c if c.is_whitespace() => ' ',
            c => c,
        };
        if name.len() + c.len_utf8() > LONGEST {
            break;
        }
        // Leading dots hide a file.
        if !(name.is_empty() && (c == '.' || c == ' ')) {
            name.push(c);
        }
    }
    let name = name.trim_end_matches(['.', ' ']);
    if name.chars().all(|c| c == '_' || c == ' ') { NOBODY.to_owned() } else { format!("{name}.vcf") }
}

/// Returns the value of a `Content-Disposition` header for a file with that name. It has the name in ASCII for old
/// programs, and the name by RFC 8187 for others.
#[must_use]
pub fn content_disposition(file_name: &str) -> String {
    let name = self::file_name(file_name.strip_suffix(".vcf").unwrap_or(file_name));
    let stem: String = name
        .trim_end_matches(".vcf")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '_' })
        .collect();
    let plain =
        if stem.contains(|c: char| c.is_ascii_alphanumeric()) { format!("{stem}.vcf") } else { NOBODY.to_owned() };
    let mut encoded = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::{MANY, content_disposition, file_name};

    #[test]
    fn a_file_is_called_like_the_person() {
        for (name, file) in [
            ("Jane Doe", "Jane Doe.vcf"),
            ("김철수", "김철수.vcf"),
            ("../../etc/passwd", "_.._etc_passwd.vcf"),
            ("..hidden", "hidden.vcf"),
            ("a\r\nSet-Cookie: b", "a__Set-Cookie_ b.vcf"),
            ("\u{202e}fdp.exe", "fdp.exe.vcf"),
            ("Jane\u{61c} \u{2067}Doe", "Jane Doe.vcf"),
            ("", "contact.vcf"),
            (" . ", "contact.vcf"),
            ("???", "contact.vcf"),
            ("Jane Doe Jr.", "Jane Doe Jr.vcf"),
        ] {
            assert_eq!(file_name(name), file);
        }
        assert!(file_name(&"김".repeat(5_000)).len() <= 124);
    }

    #[test]
    fn the_header_carries_both_names_and_nothing_else() {
        let header = |name| content_disposition(&file_name(name));
        assert_eq!(header("Jane Doe"), "attachment; filename=\"Jane_Doe.vcf\"; filename*=UTF-8''Jane%20Doe.vcf");
        let korean = "attachment; filename=\"contact.vcf\"; filename*=UTF-8''%EA%B9%80.vcf";
        assert_eq!(header("김"), korean);
        assert_eq!(content_disposition(MANY), "attachment; filename=\"vcards.vcf\"; filename*=UTF-8''vcards.vcf");
        for hostile in ["\"; filename=evil.exe", "a\r\nb: c", "%22;'\\", "\u{0}", &"x;".repeat(9_000)] {
            let header = content_disposition(hostile);
            assert!(header.len() < 700 && header.is_ascii() && !header.contains(|c: char| c.is_control()), "{header}");
            assert_eq!((header.matches('"').count(), header.matches(';').count()), (2, 2), "{header}");
        }
    }
}
