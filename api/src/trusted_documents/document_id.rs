//! The ids of documents: `sha256:` and the digest of the text (GraphQL over HTTP, appendix A).

use sha2::{Digest as _, Sha256};

/// The prefix of an id.
const PREFIX: &str = "sha256:";
/// The digits of a digest.
const DIGITS: usize = 64;

/// Returns the SHA-256 of a text in UTF-8, as 64 hexadecimal digits in lower case.
#[must_use]
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Returns the id of the document with a digest.
#[must_use]
pub fn of(digest: &str) -> String {
    format!("{PREFIX}{digest}")
}

/// Returns the digest that an id names, with or without its prefix. None for any other text.
#[must_use]
pub fn parse(id: &str) -> Option<&str> {
    let digest = id.strip_prefix(PREFIX).unwrap_or(id);
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digest.len() == DIGITS && digest.bytes().all(is_digit)).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::{digest, of, parse};

    #[test]
    fn the_examples_of_the_specification_have_their_ids() {
        for (text, id) in [
            (
                "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}",
                "sha256:7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e",
            ),
            (
                "query($id:ID!){user(id:$id){name}}",
                "sha256:71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b",
            ),
        ] {
            assert_eq!(of(&digest(text)), id);
            assert_eq!(parse(id), Some(digest(text).as_str()));
            assert_eq!(parse(&digest(text)), Some(digest(text).as_str()));
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        let digest = digest("{a}");
        for text in ["", "x", "sha256:", "sha256:x", &digest[1..], &digest.to_uppercase(), &format!("md5:{digest}")] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
