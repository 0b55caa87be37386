//! The octets of one line as text, whatever they are encoded in. A head is what stands before the value, with its colon.

use std::borrow::Cow;

use mail_parser::decoders::{charsets::map::charset_decoder, quoted_printable::quoted_printable_decode};

const ENCODING: &[u8] = b"ENCODING=";

/// Whether the value is quoted-printable, which 2.1 says with or without the parameter's name.
#[must_use]
pub fn is_quoted(head: &[u8]) -> bool {
    parameters(head).any(names_encoding)
}

/// A line that is not encoded but may be in a charset of its own.
#[must_use]
pub fn plain(head: &[u8], value: &[u8]) -> String {
    let charset = parameter(head, "CHARSET=");
    // A backslash escapes nothing among parameters, but the library lets it escape a quote.
    decode(head, None).replace('\\', "\\\\") + &decode(value, charset.as_deref())
}

/// A quoted-printable line with its encoding and its charset named the way the library knows. It is the library that decodes,
/// because separators that were encoded are none.
#[must_use]
pub fn quoted(head: &[u8], value: &[u8]) -> String {
    // A soft break that nothing follows would swallow what does.
    let value = value.trim_ascii_end();
    let value = value.strip_suffix(b"=").unwrap_or(value);
    let mut line = String::new();
    let name = head.split(|byte| matches!(byte, b':' | b';')).next().unwrap_or_default();
    line.push_str(&String::from_utf8_lossy(name));
    for part in parameters(head).filter(|part| !names_encoding(part)) {
        line.push(';');
        line.push_str(&String::from_utf8_lossy(part));
    }
    line.push_str(";ENCODING=QUOTED-PRINTABLE");
    if parameter(head, "CHARSET=").is_none() {
        // Unnamed, it is UTF-8 wherever it can be, as everywhere else.
        let utf8 = quoted_printable_decode(value).is_some_and(|bytes| std::str::from_utf8(&bytes).is_ok());
        line.push_str(if utf8 { ";CHARSET=UTF-8" } else { ";CHARSET=ISO-8859-1" });
    }
    line.push(':');
    line.push_str(&decode(value, None));
    line
}

/// What stands between the semicolons, but for those inside quotes.
fn parameters(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut inside = false;
    let separates = move |byte: &u8| {
        inside ^= *byte == b'"';
        *byte == b';' && !inside
    };
    head.strip_suffix(b":").unwrap_or(head).split(separates).skip(1)
}

fn names_encoding(parameter: &[u8]) -> bool {
    let (name, value) = parameter.split_at(ENCODING.len().min(parameter.len()));
    let value = if name.eq_ignore_ascii_case(ENCODING) { value } else { parameter };
    value.trim_ascii().eq_ignore_ascii_case(b"QUOTED-PRINTABLE")
}

fn parameter(head: &[u8], name: &str) -> Option<Vec<u8>> {
    parameters(head)
        .find(|part| part.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes())))
        .map(|part| part[name.len()..].trim_ascii().iter().copied().filter(|byte| *byte != b'"').collect())
}

/// Bytes as text: UTF-8 if they are that, else the charset they claim, else Latin-1.
fn decode<'a>(bytes: &'a [u8], charset: Option<&[u8]>) -> Cow<'a, str> {
    // ISO 2022 looks like ASCII, but for its escapes.
    match std::str::from_utf8(bytes) {
        Ok(text) if charset.is_none() || !text.contains('\u{1b}') => Cow::Borrowed(text),
        _ => {
            let claimed =
                charset.filter(|name| !name.to_ascii_uppercase().starts_with(b"UTF")).and_then(charset_decoder);
            let decoder = claimed.or_else(|| charset_decoder(b"iso-8859-1"));
            decoder.map_or_else(|| String::from_utf8_lossy(bytes), |decoder| Cow::Owned(decoder(bytes)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_quoted;
    use crate::vcard::{
        card::{Card, Phone},
        read::cards,
    };

    fn only(file: &[u8]) -> Card {
        let mut read: Vec<_> = cards(file).collect();
        assert_eq!(read.len(), 1);
        read.remove(0).expect("a card")
    }

    #[test]
    fn only_a_parameter_names_the_encoding() {
        for head in ["N;QUOTED-PRINTABLE:", "N;CHARSET=UTF-8;encoding=Quoted-Printable:"] {
            assert!(is_quoted(head.as_bytes()), "{head}");
        }
        for head in
            ["ADR;LABEL=\"a;QUOTED-PRINTABLE;b\":", "ADR;LABEL=ENCODING=QUOTED-PRINTABLE:", "QUOTED-PRINTABLE:", ":"]
        {
            assert!(!is_quoted(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn cards_of_2_1_are_read_in_their_charsets() {
        let card = only(
            b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=EA=B9=80;=EC=B2=\r\n=A0\r\n\
              TEL;WORK;CELL;PREF:1 x5\r\nTITLE;QUOTED-PRINTABLE:a=C3=A9=\r\nEND:VCARD\r\n",
        );
        assert_eq!((card.name.family.as_deref(), card.name.given.as_deref()), (Some("김"), Some("철")));
        assert_eq!(card.title.as_deref(), Some("aé"));
        let phone = Phone {
            number: "1".into(),
            label: Some("work mobile".into()),
            extension: Some("5".into()),
            preferred: true,
        };
        assert_eq!(card.phones, [phone]);
        for (bytes, name) in [
            (&b"FN;CHARSET=SHIFT_JIS:\x83\x5c\x83\x7c"[..], "ソポ"),
            (b"FN;CHARSET=EUC-KR:\xb1\xe8", "김"),
            (b"FN;CHARSET=EUC-KR;ENCODING=QUOTED-PRINTABLE:=B1=E8", "김"),
            (b"FN;CHARSET=ISO-2022-JP:\x1b$B;3ED\x1b(B", "山田"),
            (b"FN:Zo\xeb", "Zoë"),
            (b"FN:\xea\xb9\r\n \x80", "김"),
        ] {
            let file = [b"BEGIN:VCARD\r\n", bytes, b"\r\nEND:VCARD"].concat();
            let read = only(&file);
            assert_eq!(read.full_name, name);
        }
    }
}
