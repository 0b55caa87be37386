//! Escaping of values and folding of lines. An escaped value contains no line end, no quote and no separator of its
//! own.

use crate::{plain_text, web_address};

/// The maximum length of a line in octets, without its end.
const WIDTH: usize = 75;

/// Escapes a text value. Separators and backslashes are escaped, line ends become `\n`, and other control characters
/// are removed.
#[must_use]
pub fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    // Many programs treat the line ends of Unicode as their own, so a value must not contain them.
    for c in plain_text::file_lines(value).chars() {
        match c {
            '\\' | ',' | ';' => out.extend(['\\', c]),
            '\t' => out.push(c),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Encodes a URI value. URIs have no escapes, so characters that a reader could mistake for a separator or an escape
/// are percent-encoded. These are commas and semicolons of a query, quotes, backslashes, white space, and characters
/// that change the text direction.
#[must_use]
pub fn uri(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    let mut in_query = false;
    for c in around(value).chars() {
        in_query |= matches!(c, '?' | '#');
        match c {
            ',' | ';' if !in_query => out.push(c),
            ',' | ';' | '\\' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}' => percent_encode(&mut out, c),
            c if c.is_control() => {}
            c if c.is_whitespace() || web_address::changes_direction(c) => percent_encode(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

/// Returns an address without characters that change the text direction. Programs put them around an address for
/// display, so they are removed there. They are percent-encoded within the address.
#[must_use]
pub fn undirected(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for c in around(address).chars() {
        if web_address::changes_direction(c) { percent_encode(&mut out, c) } else { out.push(c) }
    }
    out
}

/// Returns an address without the white space and direction marks around it.
fn around(address: &str) -> &str {
    address.trim_matches(|c: char| c.is_whitespace() || web_address::changes_direction(c))
}

/// Quotes a parameter value by RFC 6868, which writes quotes and line ends with a caret.
#[must_use]
pub fn parameter(value: &str) -> String {
    let mut out = String::from("\"");
    for c in plain_text::file_lines(value).chars() {
        match c {
            '^' => out.push_str("^^"),
            '"' => out.push_str("^'"),
            '\n' => out.push_str("^n"),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    // By the standard a backslash is a plain character, but many programs take it as the escape of the next quote.
    out.push_str(if out.ends_with('\\') { " \"" } else { "\"" });
    out
}

/// Adds a line and its end. The line is folded at 75 octets, between characters.
pub fn fold(out: &mut String, line: &str) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > WIDTH {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}

fn percent_encode(out: &mut String, c: char) {
    out.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|octet| format!("%{octet:02X}")));
}

#[cfg(test)]
mod tests {
    use super::{fold, parameter, text, undirected, uri};

    #[test]
    fn each_kind_of_value_is_escaped_its_own_way() {
        assert_eq!(text("a,b;c\\n\r\nd\0\u{2028}e:\"f\""), r#"a\,b\;c\\n\nd\ne:"f""#);
        assert_eq!(uri("https://x.org/a,b?x=1,2;3\r\nEND:VCARD"), "https://x.org/a,b?x=1%2C2%3B3END:VCARD");
        assert_eq!(uri(r#" https://x.org/"\ <b>"#), "https://x.org/%22%5C%20%3Cb%3E");
        assert_eq!(uri(" https://x.org/My Page\u{3000}\t.html\u{2028}"), "https://x.org/My%20Page%E3%80%80.html");
        assert_eq!(parameter("a\r\n\"b\"^;,:"), r#""a^n^'b^'^^;,:""#);
        assert_eq!(parameter("a\\"), r#""a\ ""#);
    }

    #[test]
    fn every_line_break_of_a_text_is_written_as_one() {
        for text in ["a\u{85}b", "a\u{b}b", "a\u{c}b", "a\rb", "a\u{2029}b"] {
            assert_eq!((super::text(text).as_str(), parameter(text).as_str()), ("a\\nb", "\"a^nb\""), "{text:?}");
        }
    }

    #[test]
    fn nothing_in_an_address_turns_the_direction_of_what_is_read() {
        for (address, kept) in [
            ("https://example.org/\u{2066}x\u{2069}", "https://example.org/%E2%81%A6x"),
            ("\u{200e}https://example.org/x\u{200e}", "https://example.org/x"),
            (" \u{61c}https://example.org/\u{202e}gnp.a\u{202c} ", "https://example.org/%E2%80%AEgnp.a"),
        ] {
            assert_eq!((undirected(address).as_str(), uri(address).as_str()), (kept, kept));
        }
    }

    #[test]
    fn lines_are_folded_at_75_octets_and_never_inside_a_character() {
        for letter in ["a", "é", "김", "😀"] {
            let line = format!("NOTE:{}", letter.repeat(300));
            let mut out = String::new();
            fold(&mut out, &line);
            assert!(out.ends_with("\r\n"));
            assert!(out.split("\r\n").all(|line| line.len() <= 75 && line.len() != 1), "{letter}");
            assert_eq!(out.replace("\r\n ", "").trim_end(), line);
        }
    }
}
