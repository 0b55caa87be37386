//! Values made harmless, and lines folded. Whatever is put in, what comes out holds no line end, no quote and no separator
//! of its own.

use crate::{plain_text, web_address};

/// The longest line in octets, its end not counted.
const WIDTH: usize = 75;

/// A text value: separators and backslashes are escaped, a line end is `\n`, other control characters are gone.
#[must_use]
pub fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    // Many a program takes Unicode's line ends for its own, so that they must not stand in a value as they are.
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

/// A URI value. Nothing is escaped there, so what a reader might take for a separator or an escape is percent-encoded:
/// commas and semicolons of a query, quotes, backslashes and spaces anywhere; and what turns the direction of what is read.
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

/// An address without what turns the direction of what is read: it is left out around the address, where programs put it so
/// that the address is shown well, and percent-encoded within it.
#[must_use]
pub fn undirected(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for c in around(address).chars() {
        if web_address::changes_direction(c) { percent_encode(&mut out, c) } else { out.push(c) }
    }
    out
}

/// What stands between the white space and the marks around an address.
fn around(address: &str) -> &str {
    address.trim_matches(|c: char| c.is_whitespace() || web_address::changes_direction(c))
}

/// A quoted parameter value by RFC 6868, in which quotes and line ends are written with a caret.
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
    // To the letter a backslash is one; to many a program it escapes the quote behind it.
    out.push_str(if out.ends_with('\\') { " \"" } else { "\"" });
    out
}

/// Adds a line, folded at 75 octets between characters, and its end.
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
