//! Decodes the octets of one line. A head is the part of a property before its value, with the colon.

use std::borrow::Cow;

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

const ENCODING: &[u8] = b"ENCODING=";

/// Names that mail programs use and that the Encoding Standard does not list.
const ALIASES: [(&str, &Encoding); 8] = [
    ("cp949", EUC_KR),
    ("ms949", EUC_KR),
    ("uhc", EUC_KR),
    ("cp936", GBK),
    ("ms936", GBK),
    ("cp932", SHIFT_JIS),
    ("cp950", BIG5),
    ("ms950", BIG5),
];

/// The known character set of a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfFile {
    /// The character set that was declared for the file or by the file.
    charset: Option<&'static Encoding>,
    /// True when the first octets of the file show that it is Unicode. This overrides all other declarations.
    marked: bool,
}

impl OfFile {
    /// Creates the value for a file with a declared character set, or without one.
    #[must_use]
    pub fn new(charset: Option<&'static Encoding>) -> Self {
        Self { charset, marked: false }
    }

    /// Creates the value for a file with a byte order mark.
    #[must_use]
    pub fn unicode() -> Self {
        Self { charset: Some(UTF_8), marked: true }
    }
}

/// A decoded line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The head, without the parameters that declare the encoding of the value.
    pub head: String,
    /// The value in one line, decoded and unfolded.
    pub value: String,
    /// True when some octets could not be decoded. U+FFFD replaces them.
    pub damaged: bool,
    /// True when control characters were removed.
    pub has_controls: bool,
}

/// Returns true when the first octets of a file show that it is Unicode.
#[must_use]
pub fn is_marked(file: &[u8]) -> bool {
    Encoding::for_bom(file).is_some()
}

/// Returns the character set with this name, or none if it is unknown. It is never UTF-16, because only whole files use
/// it, and their first octets show it.
#[must_use]
pub fn charset(name: &[u8]) -> Option<&'static Encoding> {
    let name = name.trim_ascii();
    let alias = ALIASES.into_iter().find(|(alias, _)| name.eq_ignore_ascii_case(alias.as_bytes()));
    let known = alias.map(|(_, known)| known).or_else(|| Encoding::for_label_no_replacement(name));
    known.filter(|known| *known != UTF_16LE && *known != UTF_16BE)
}

/// Returns true when the value is quoted-printable. 2.1 declares it with or without the name of the parameter.
#[must_use]
pub fn is_quoted(head: &[u8]) -> bool {
    parameters(head).any(names_quoted_printable)
}

/// Returns true when the value is in base 64. 2.1 declares it with or without the name of the parameter.
#[must_use]
pub fn is_base64(head: &[u8]) -> bool {
    parameters(head).any(|parameter| {
        let value = after(parameter, ENCODING).unwrap_or(parameter).trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        [&b"B"[..], b"BASE64"].iter().any(|name| value.eq_ignore_ascii_case(name))
    })
}

/// Decodes a line in the character set that it names, or else in that of its file.
#[must_use]
pub fn line(head: &[u8], value: &[u8], of_file: OfFile) -> Line {
    let is_quoted = is_quoted(head);
    // In a Unicode file, only quoted-printable octets can have another character set.
    let own = parameter(head, b"CHARSET=").filter(|_| is_quoted || !of_file.marked);
    let charset = own.and_then(|name| charset(&name)).or(of_file.charset);
    let (name, head_damaged) = decode(head, of_file.charset);
    if !is_quoted {
        let (value, damaged) = decode(value, charset);
        let damaged = damaged || head_damaged;
        return Line { head: name.into_owned(), value: value.into_owned(), damaged, has_controls: false };
    }
    let (plain, has_controls) = unquoted(value, charset);
    let (value, damaged) = decode(&plain, charset);
    let mut text = name.split([':', ';']).next().unwrap_or_default().to_owned();
    let says_encoding = |part: &[u8]| names_quoted_printable(part) || after(part, b"CHARSET=").is_some();
    for part in parameters(name.as_bytes()).filter(|part| !says_encoding(part)) {
        text.push(';');
        text.push_str(&String::from_utf8_lossy(part));
    }
    text.push(':');
    Line { head: text, value: Marks::resolve(&value), damaged: damaged || head_damaged, has_controls }
}

/// Returns the parameters of a head. Semicolons inside quotes do not separate them.
pub fn parameters(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut inside = false;
    let separates = move |byte: &u8| {
        inside ^= *byte == b'"';
        *byte == b';' && !inside
    };
    head.strip_suffix(b":").unwrap_or(head).split(separates).skip(1)
}

/// Returns the rest of a text that begins with `name` in any case.
fn after<'a>(part: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = part.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

fn names_quoted_printable(parameter: &[u8]) -> bool {
    let value = after(parameter, ENCODING).unwrap_or(parameter);
    value.trim_ascii().eq_ignore_ascii_case(b"QUOTED-PRINTABLE")
}

fn parameter(head: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let value = parameters(head).find_map(|part| after(part, name))?;
    Some(value.trim_ascii().iter().copied().filter(|byte| *byte != b'"').collect())
}

/// Substitutes for encoded separators, which must not separate anything. They are control characters, because a value
/// contains none and every character set keeps them.
struct Marks;

impl Marks {
    const PAIRS: [(u8, u8); 5] = [(b';', 1), (b',', 2), (b'\\', 3), (b'\n', 4), (b'\r', 5)];

    fn of(byte: u8) -> Option<u8> {
        Self::PAIRS.into_iter().find(|(plain, _)| *plain == byte).map(|(_, mark)| mark)
    }

    fn is(byte: u8) -> bool {
        (1..=5).contains(&byte)
    }

    /// Returns the text with each mark replaced by an escape.
    fn resolve(text: &str) -> String {
        text.replace("\u{5}\u{4}", "\\n")
            .replace(['\u{4}', '\u{5}'], "\\n")
            .replace('\u{1}', "\\;")
            .replace('\u{2}', "\\,")
            .replace('\u{3}', "\\\\")
    }
}

/// Decodes a quoted-printable value. Returns true with it if control characters that serve as marks were removed. Text
/// that is not an escape stays unchanged.
fn unquoted(value: &[u8], charset: Option<&'static Encoding>) -> (Vec<u8>, bool) {
    let value = value.trim_ascii_end();
    // A soft line break at the end has no line to join.
    let value = value.strip_suffix(b"=").unwrap_or(value);
    let marked = charset != Some(ISO_2022_JP);
    let second_may_be_ascii = [SHIFT_JIS, BIG5, GBK, GB18030].into_iter().any(|known| charset == Some(known));
    let mut octets: Vec<u8> = Vec::with_capacity(value.len());
    let mut has_controls = false;
    let mut rest = value;
    while let [byte, behind @ ..] = rest {
        let code = behind.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|code| *byte == b'=' && code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(octet) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) else {
            has_controls |= Marks::is(*byte);
            octets.extend(Some(*byte).filter(|byte| !Marks::is(*byte)));
            rest = behind;
            continue;
        };
        rest = &behind[2..];
        let is_second = second_may_be_ascii && octets.last().is_some_and(|last| *last >= 0x81) && octet == b'\\';
        let mark = Marks::of(octet).filter(|_| marked && !is_second);
        has_controls |= Marks::is(octet);
        octets.extend(mark.or(Some(octet).filter(|octet| !Marks::is(*octet))));
    }
    (octets, has_controls)
}

/// Decodes octets, and returns true with the text if some could not be decoded. Tries UTF-8, then the declared
/// character set, then windows-1252, which the web uses for Latin-1.
fn decode<'a>(octets: &'a [u8], claimed: Option<&'static Encoding>) -> (Cow<'a, str>, bool) {
    let other = claimed.filter(|claimed| *claimed != UTF_8);
    match (std::str::from_utf8(octets), other) {
        (Ok(text), Some(other)) if is_other(text, other) => other.decode_without_bom_handling(octets),
        (Ok(text), _) => (Cow::Borrowed(text), false),
        (Err(_), Some(other)) => other.decode_without_bom_handling(octets),
        (Err(_), None) if is_torn(octets, claimed.is_some()) => (String::from_utf8_lossy(octets), true),
        (Err(_), None) => WINDOWS_1252.decode_without_bom_handling(octets),
    }
}

/// Returns true when octets that are valid UTF-8 are more likely in the declared character set. ISO 2022 looks like
/// ASCII except for its escapes. Two octets of an East Asian letter can look like one letter of UTF-8, which takes
/// three octets for such letters.
fn is_other(text: &str, claimed: &'static Encoding) -> bool {
    if claimed == ISO_2022_JP {
        return text.contains('\u{1b}');
    }
    let east_asian = [EUC_KR, EUC_JP, SHIFT_JIS, BIG5, GBK, GB18030].contains(&claimed);
    east_asian
        && !text.is_ascii()
        && text.chars().all(|c| c < '\u{800}')
        && !claimed.decode_without_bom_handling(text.as_bytes()).1
}

/// Returns true when octets are damaged UTF-8 text. Such text has complete letters of UTF-8 or a truncated letter.
fn is_torn(octets: &[u8], claims_utf8: bool) -> bool {
    let (mut whole, mut invalid, mut cut) = (0, 0, false);
    let mut before = None;
    for chunk in octets.utf8_chunks() {
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        before = chunk.valid().chars().next_back().or(before);
        match chunk.invalid() {
            [] => {}
            // In Latin-1 such an octet is a capital letter, which rarely ends a word in small letters.
            [0xc2..=0xde] if claims_utf8 && octets.ends_with(chunk.invalid()) => {
                cut |= before.is_none_or(|before| !before.is_uppercase());
                invalid += 1;
            }
            [_] => invalid += 1,
            [_, _, ..] => cut = true,
        }
    }
    cut || whole > 0 && whole >= invalid
}

#[cfg(test)]
mod tests {
    use super::is_quoted;
    use crate::vcard::{
        card::{Card, Phone},
        read::{Reading, cards},
    };

    fn only(file: &[u8]) -> Reading {
        let mut read: Vec<_> = cards(file, None).collect();
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
        let card: Card = only(
            b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=EA=B9=80;=EC=B2=\r\n=A0\r\n\
              TEL;WORK;CELL;PREF:1 x5\r\nTITLE;QUOTED-PRINTABLE:a=C3=A9=\r\nEND:VCARD\r\n",
        )
        .card;
        assert_eq!((card.name.family.as_deref(), card.name.given.as_deref()), (Some("김"), Some("철")));
        assert_eq!(card.title.as_deref(), Some("aé"));
        let phone = Phone {
            number: "1".into(),
            label: Some("work mobile".into()),
            extension: Some("5".into()),
            preferred: true,
        };
        assert_eq!(card.phones, [phone]);
        for (bytes, name, damaged) in [
            (&b"FN;CHARSET=SHIFT_JIS:\x83\x5c\x83\x7c"[..], "ソポ", false),
            (b"FN;CHARSET=SHIFT_JIS;ENCODING=QUOTED-PRINTABLE:=83=5C=83|", "ソポ", false),
            (b"FN;CHARSET=SHIFT_JIS;ENCODING=QUOTED-PRINTABLE:=83\\=83=7C", "ソポ", false),
            (b"FN;CHARSET=EUC-KR:\xb1\xe8", "김", false),
            (b"FN;CHARSET=EUC-KR:\xc8\xab", "홍", false),
            (b"FN;CHARSET=cp949;ENCODING=QUOTED-PRINTABLE:=B1=E8", "김", false),
            (b"FN;CHARSET=EUC-KR;ENCODING=QUOTED-PRINTABLE:=B1=E8=B1", "김\u{fffd}", true),
            (b"FN;CHARSET=ISO-2022-JP:\x1b$B;3ED\x1b(B", "山田", false),
            (b"FN;CHARSET=windows-1251;ENCODING=QUOTED-PRINTABLE:=C8=E2=E0=ED", "Иван", false),
            (b"FN:Zo\xeb", "Zoë", false),
            (b"FN:\xea\xb9\r\n \x80", "김", false),
            (b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=F6rg", "Jörg", false),
            (b"FN;CHARSET=UTF-8:Jos\xe9", "José", false),
            (b"FN;ENCODING=QUOTED-PRINTABLE:Zo=EB =80 5", "Zoë € 5", false),
            (b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=EA=B9=80=EC=B2", "김\u{fffd}", true),
            (b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Jos=C3", "Jos\u{fffd}", true),
            (b"FN;CHARSET=UTF-8:\xe6\x9d\x8e \xe5\xb0", "李 \u{fffd}", true),
            (b"FN;CHARSET=none-such:Zo\xeb", "Zoë", false),
            (b"FN;ENCODING=QUOTED-PRINTABLE:100 =\r\n% a=3Db", "100 % a=b", false),
            (b"FN;ENCODING=QUOTED-PRINTABLE:a=\r\n C3=A9", "aé", false),
        ] {
            let file = [b"BEGIN:VCARD\r\n", bytes, b"\r\nEND:VCARD"].concat();
            let read = only(&file);
            assert_eq!((read.card.full_name.as_str(), read.damaged), (name, damaged), "{bytes:?}");
        }
    }

    #[test]
    fn a_separator_that_is_encoded_separates_nothing() {
        let read = only(
            b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;ENCODING=QUOTED-PRINTABLE:Doe=3B Roe;Jane=2C J.;a=5Cb\r\n\
              NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab=0Ac\r\nEND:VCARD\r\n",
        );
        let name = read.card.name;
        assert_eq!((name.family.as_deref(), name.given.as_deref()), (Some("Doe; Roe"), Some("Jane, J.")));
        assert_eq!((name.additional.as_deref(), read.card.note.as_deref()), (Some("a\\b"), Some("a\nb\nc")));
    }
}
