//! Media types with their parameters in HTTP headers (RFC 9110, sections 5.6 and 8.3.1).

use axum::http::{HeaderMap, header};

/// A media type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaType {
    /// The type and subtype, in lower case.
    pub name: String,
    /// The parameters, with names in lower case and values without quotes.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Returns the media type of a body from `Content-Type`. It has no name when the header is missing.
    #[must_use]
    pub fn of_body(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Self::parse(&value.unwrap_or_default())
    }

    /// Parses a media type. Parts that are not parameters are ignored.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = split(text, ';');
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
        };
        Self { name, parameters: parts.filter_map(parameter).collect() }
    }

    /// Returns the first value of a parameter. `name` must be in lower case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Splits a text at separators outside of quotes, and trims the parts.
pub fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut inside, mut escaped) = (false, false);
    let separates = move |c: char| {
        let is_escaped = escaped;
        escaped = inside && !is_escaped && c == '\\';
        inside ^= c == '"' && !is_escaped;
        c == separator && !inside
    };
    text.split(separates).map(str::trim)
}

/// Returns a value without its quotes and the backslashes of its escapes.
fn unquoted(value: &str) -> String {
    let Some(rest) = value.strip_prefix('"') else { return value.to_owned() };
    let mut plain = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            '"' => break,
            c => plain.push(c),
        }
    }
    // Text behind the closing quote is kept, because such a value is not a quoted one.
    plain.extend(chars);
    plain
}

#[cfg(test)]
mod tests {
    use super::{MediaType, split};

    #[test]
    fn a_parameter_may_stand_in_quotes() {
        for (text, charset) in [
            ("a/b; charset=utf-8", Some("utf-8")),
            ("A/B ;CHARSET = \"utf-8\" ", Some("utf-8")),
            (r#"a/b; charset="ut\f-8""#, Some("utf-8")),
            (r#"a/b; foo="a;charset=latin1""#, None),
            (r#"a/b; foo="a\";charset=latin1"; charset=utf-8"#, Some("utf-8")),
            (r#"a/b; foo="\\"; charset=utf-8"#, Some("utf-8")),
            (r#"a/b; charset="a\"b""#, Some("a\"b")),
            (r#"a/b; charset="utf-8"x"#, Some("utf-8x")),
            (r#"a/b; charset="utf-8"#, Some("utf-8")),
            ("a/b; charset=\"\"", Some("")),
            ("a/b; charset", None),
            ("a/b; charset=x; charset=y", Some("x")),
        ] {
            let read = MediaType::parse(text);
            assert_eq!((read.name.as_str(), read.parameter("charset")), ("a/b", charset), "{text}");
        }
        assert_eq!(MediaType::parse(""), MediaType::default());
    }

    #[test]
    fn nothing_is_separated_inside_quotes() {
        let parts: Vec<&str> = split(r#"a;x="1,2", b , "c\",d",e"#, ',').collect();
        assert_eq!(parts, [r#"a;x="1,2""#, "b", r#""c\",d""#, "e"]);
    }
}
