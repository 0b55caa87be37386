//! Limits on the text of a document, checked before it is parsed: length, tokens, depth of brackets, and characters
//! that no text may contain. The check is one pass without recursion.

use super::cost::CostLimitExceeded;
use crate::config::Limits;

/// The maximum depth of brackets in a document.
const MAX_NESTING: usize = 100;

/// Checks the limits of a document and returns its number of tokens.
pub fn check(query: &str, limits: &Limits) -> Result<usize, CostLimitExceeded> {
    if query.len() > limits.document_bytes {
        return Err(CostLimitExceeded(format!("The document is longer than {} bytes.", limits.document_bytes)));
    }
    let (mut depth, mut tokens) = (0_usize, 0_usize);
    let mut rest = query.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | 0xef | 0xbb | 0xbf => {
                rest = after;
                continue;
            }
            b'#' => {
                rest = until(after, |byte| matches!(byte, b'\n' | b'\r'));
                continue;
            }
            b'"' => string(rest)?,
            0 => return Err(CostLimitExceeded("The document contains the character U+0000.".to_owned())),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => until(
                after,
                |byte| !matches!(byte, b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'+' | b'-'),
            ),
            b'.' => rest.strip_prefix(b"...").unwrap_or(after),
            b'{' | b'[' | b'(' => {
                depth += 1;
                after
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                after
            }
            _ => after,
        };
        tokens += 1;
        if depth > MAX_NESTING {
            return Err(CostLimitExceeded(format!("The document is nested deeper than {MAX_NESTING} brackets.")));
        }
        if tokens > limits.tokens {
            return Err(CostLimitExceeded(format!("The document has more than {} tokens.", limits.tokens)));
        }
    }
    Ok(tokens)
}

fn until(text: &[u8], end: impl Fn(u8) -> bool) -> &[u8] {
    let length = text.iter().position(|byte| end(*byte)).unwrap_or(text.len());
    &text[length..]
}

/// Returns the text behind a string or a block string. `text` begins with its quote. The parser checks the escapes
/// later.
fn string(text: &[u8]) -> Result<&[u8], CostLimitExceeded> {
    if let Some(mut block) = text.strip_prefix(b"\"\"\"") {
        loop {
            block = match block {
                [] => return Ok(block),
                [0, ..] => return Err(CostLimitExceeded("A text contains the character U+0000.".to_owned())),
                [b'\\', b'"', b'"', b'"', after @ ..] => after,
                [b'"', b'"', b'"', after @ ..] => return Ok(after),
                [_, after @ ..] => after,
            };
        }
    }
    let mut string = &text[1..];
    loop {
        string = match string {
            [] | [b'\n' | b'\r', ..] => return Ok(string),
            [0, ..] => return Err(CostLimitExceeded("A text contains the character U+0000.".to_owned())),
            [b'\\', _, after @ ..] => after,
            [b'"', after @ ..] => return Ok(after),
            [_, after @ ..] => after,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::config::Config;

    fn refused(query: &str) -> bool {
        let limits = Config::read(std::collections::HashMap::default()).map(|config| config.limits);
        limits.is_ok_and(|limits| check(query, &limits).is_err())
    }

    #[test]
    fn brackets_count_outside_of_texts_and_comments_only() {
        assert!(refused(&"{".repeat(5_000)));
        assert!(!refused("{ a(x: \"{{{{ \\\" [[[\") # {{{{\n { b } }"));
        assert!(refused(&format!("{{ a(x: \"\"\"a\"b\"\"\" {} ) }}", "[".repeat(200))));
        assert!(!refused(&format!("{{ a(x: \"\"\"{} \\\"\"\" {}\"\"\") }}", "[".repeat(200), "{".repeat(200))));
    }

    #[test]
    fn words_and_signs_are_counted_as_the_language_counts_them() {
        let fields = |count: usize| format!("{{ {} }}", "a ".repeat(count));
        assert!(!refused(&fields(1_998)));
        assert!(refused(&fields(1_999)));
        assert!(!refused(&format!("{{ a(x: [{}]) }}", "-1.5e+10, ".repeat(1_000))));
        assert!(!refused(&format!("{{ a(x: \"{}\") }}", "word ".repeat(2_500))));
        assert!(refused(&"#".repeat(20_000)), "too long");
    }

    #[test]
    fn nul_is_refused_wherever_it_stands() {
        assert!(refused("{ a\0 }") && refused("{ a(x: \"\0\") }") && refused("{ a(x: \"\"\"\0\"\"\") }"));
        assert!(!refused(r#"{ a(x: "\\u0000") }"#));
    }
}
