//! A hundred hostile vCard files: damaged, absurd or malicious. A reader must finish quickly on each, with a reason or
//! a harmless card.

const MB: usize = 1 << 20;

/// Returns the files with their names.
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    [damaged(), framed(), encoded(), oversized(), injected(), odd()].into_iter().flatten().collect()
}

/// Returns a card in 3.0 with a name and these lines.
fn card(lines: &str) -> Vec<u8> {
    framed_by("3.0", &format!("N:Doe;Jane;;;\r\nFN:Jane Doe\r\n{lines}"))
}

fn framed_by(version: &str, lines: &str) -> Vec<u8> {
    format!("BEGIN:VCARD\r\nVERSION:{version}\r\n{lines}\r\nEND:VCARD\r\n").into_bytes()
}

/// Returns a card with a line of bytes that need not be text.
fn with(line: &[u8]) -> Vec<u8> {
    [b"BEGIN:VCARD\r\nVERSION:2.1\r\n", line, b"\r\nFN:Jane\r\nEND:VCARD\r\n"].concat()
}

/// Returns a line with a start and a repeated part.
fn long(start: &str, part: &str, length: usize) -> String {
    format!("{start}{}", part.repeat(length / part.len()))
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once('\u{feff}').chain(text.chars()).collect::<String>().encode_utf16().flat_map(unit).collect()
}

const WHOLE: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Doe;Jane;;;\r\nFN:Jane \u{1f469}\r\nEMAIL;TYPE=WORK:jane@example.com\r\n\
    ADR;TYPE=HOME:;;1 Main St;Town;;12345;US\r\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\r\nb\r\nEND:VCARD\r\n";

/// Returns files that are truncated or damaged.
fn damaged() -> Vec<(&'static str, Vec<u8>)> {
    let cut = |length: usize| WHOLE.as_bytes()[..length].to_vec();
    let from = |from: usize| WHOLE.as_bytes()[from..].to_vec();
    vec![
        ("nothing at all", vec![]),
        ("one octet", cut(1)),
        ("cut in BEGIN", cut(8)),
        ("only BEGIN", cut(11)),
        ("cut after BEGIN and CR", cut(12)),
        ("cut in VERSION", cut(18)),
        ("cut in a name", cut(35)),
        ("cut inside a character", cut(WHOLE.find('\u{1f469}').unwrap_or_default() + 2)),
        ("cut in a parameter", cut(WHOLE.find("TYPE=").unwrap_or_default() + 3)),
        ("cut behind a parameter", cut(WHOLE.find(":jane@").unwrap_or_default())),
        ("cut in a soft line break", cut(WHOLE.find("a=").unwrap_or_default() + 2)),
        ("cut before END", cut(WHOLE.find("END").unwrap_or_default())),
        ("cut in END", cut(WHOLE.len() - 5)),
        ("no BEGIN", from(13)),
        ("the first octet is missing", from(1)),
        ("every tenth octet is missing", every_tenth(WHOLE.as_bytes(), None)),
        ("every tenth octet is NUL", every_tenth(WHOLE.as_bytes(), Some(0))),
        ("every tenth octet is 0xFF", every_tenth(WHOLE.as_bytes(), Some(0xff))),
        ("backwards", WHOLE.bytes().rev().collect()),
        ("noise", noise(MB / 4)),
        ("noise inside a card", with(&noise(32_000))),
    ]
}

fn every_tenth(bytes: &[u8], instead: Option<u8>) -> Vec<u8> {
    // The frame stays intact, so that the file still contains a card.
    let inside = 13..bytes.len() - 13;
    let octet = |(at, byte): (usize, &u8)| if at % 10 == 9 && inside.contains(&at) { instead } else { Some(*byte) };
    bytes.iter().enumerate().filter_map(octet).collect()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut octet = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[1]
    };
    (0..length).map(|_| octet()).collect()
}

/// Returns cards that begin and end in the wrong positions.
fn framed() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("nothing but BEGIN, many times", "BEGIN:VCARD\r\n".repeat(40_000).into_bytes()),
        ("nothing but END, many times", "END:VCARD\r\n".repeat(40_000).into_bytes()),
        ("nested without end", "BEGIN:VCARD\r\nAGENT:\r\n".repeat(30_000).into_bytes()),
        ("nested and closed", nested(30_000)),
        ("a card inside a card", card("BEGIN:VCARD\r\nFN:Inner\r\nEND:VCARD")),
        ("the first has no end", [text("BEGIN:VCARD\r\nFN:Lost\r\n"), card("")].concat()),
        ("twice ended", [card(""), text("END:VCARD\r\n")].concat()),
        ("a calendar", text("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")),
        ("a calendar inside a card", card("BEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT")),
        ("a card inside a calendar", [text("BEGIN:VCALENDAR\r\n"), card(""), text("END:VCALENDAR\r\n")].concat()),
        ("a page of HTML", text("<!doctype html><html><body>BEGIN:VCARD</body></html>")),
        ("JSON", text("[\"vcard\",[[\"version\",{},\"text\",\"4.0\"]]]")),
        ("a table", text("First Name,Last Name\r\nJane,Doe\r\n")),
        ("an empty card", text("BEGIN:VCARD\r\nEND:VCARD\r\n")),
        ("many empty cards", "BEGIN:VCARD\r\nEND:VCARD\r\n".repeat(20_000).into_bytes()),
        ("nobody's card", text("BEGIN:VCARD\r\nVERSION:3.0\r\nTEL:1\r\nEND:VCARD\r\n")),
        ("empty names", framed_by("3.0", "N:;;;;\r\nFN:\r\nORG:;;\r\nEMAIL:")),
        ("names of white space", framed_by("4.0", "N: ; ;\t; ; \r\nFN: \t \r\nORG:  ;\r\nEMAIL:  ")),
        ("END in a folded line", card("NOTE:x\r\n END:VCARD\r\n BEGIN:VCARD")),
        ("a colon and nothing else", with(b":")),
    ]
}

fn nested(depth: usize) -> Vec<u8> {
    format!("{}{}", "BEGIN:VCARD\r\nFN:x\r\nAGENT:\r\n".repeat(depth), "END:VCARD\r\n".repeat(depth)).into_bytes()
}

/// Returns texts with invalid encodings.
fn encoded() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("octets that are no UTF-8", with(b"NOTE:\xff\xfe\xc0\xaf\xed\xa0\x80\xf8\x88\x80\x80\x80")),
        ("an overlong slash", with(b"NOTE:\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf")),
        ("half a pair in UTF-8", with(b"FN:\xed\xb0\x80")),
        ("NULs everywhere", with(&b"NOTE:\0a\0b\0".repeat(500))),
        ("nothing but NULs", vec![0; MB]),
        ("all control characters", with(&(0..32).chain(127..160).collect::<Vec<u8>>())),
        (
            "UTF-16 without its last octet",
            utf16(WHOLE, u16::to_le_bytes).split_last().map_or(vec![], |(_, rest)| rest.to_vec()),
        ),
        ("UTF-16 of half pairs", [&b"\xff\xfe"[..], &[0x00, 0xd8].repeat(5_000)].concat()),
        ("UTF-16 that turns into UTF-8", [utf16("BEGIN:VCARD\r\n", u16::to_be_bytes), WHOLE.into()].concat()),
        ("a mark and nothing else", b"\xef\xbb\xbf".to_vec()),
        ("nothing but marks", b"\xef\xbb\xbf".repeat(MB / 3)),
        ("UTF-32", WHOLE.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("a charset that is none", with(b"FN;CHARSET=KLINGON;ENCODING=QUOTED-PRINTABLE:=FF=FE")),
        ("a charset with no name", with(b"FN;CHARSET=:\xe9")),
        ("a charset with a very long name", with(&[&b"FN;CHARSET="[..], &b"x".repeat(9_000), b":\xe9"].concat())),
        ("UTF-7 with a tag", with(b"FN;CHARSET=UTF-7;ENCODING=QUOTED-PRINTABLE:+ADw-script+AD4-")),
        ("UTF-16 in quoted-printable", with(b"FN;CHARSET=UTF-16;ENCODING=QUOTED-PRINTABLE:=FF=FE=00=D8=00")),
        ("ISO 2022 that never shifts back", with(b"FN;CHARSET=ISO-2022-JP:\x1b$B;3\x1b\x1b$")),
        ("half a character in Shift JIS", with(b"FN;CHARSET=SHIFT_JIS:\x83")),
        ("bad quoted-printable", with(b"NOTE;ENCODING=QUOTED-PRINTABLE:=ZZ=4=\x80==3D=G1=")),
        ("soft breaks to the end", with(&[&b"NOTE;ENCODING=QUOTED-PRINTABLE:"[..], &b"=\r\n".repeat(20_000)].concat())),
        ("a soft break before END", with(b"NOTE;ENCODING=QUOTED-PRINTABLE:x=")),
        ("line ends in quoted-printable", with(b"TITLE;QUOTED-PRINTABLE:x=0D=0AEND:VCARD=0D=0ABEGIN:VCARD=00")),
        ("bad base64", with(b"PHOTO;ENCODING=b:=====A!@#\r\nKEY;ENCODING=BASE64:A\r\nNOTE;ENCODING=b:%%%")),
        ("a name in base64", with(b"FN;ENCODING=b://///w==\r\nN;ENCODING=BASE64:AAAA")),
    ]
}

/// Returns cards that exceed the limits.
fn oversized() -> Vec<(&'static str, Vec<u8>)> {
    let line = |start: &str, part: &str| card(&long(start, part, MB));
    vec![
        ("a line of 1 MB", line("NOTE:", "x")),
        ("a name of 1 MB", framed_by("4.0", &long("FN:", "김", MB))),
        ("a property's name of 1 MB", card(&format!("{}:1", long("X-", "A", MB)))),
        ("a parameter of 1 MB", card(&format!("{}:1", long("TEL;TYPE=", "A", MB)))),
        ("a group of 1 MB", card(&format!("{}.TEL:1", long("g", "g", MB)))),
        ("a picture of 1 MB", line("PHOTO;ENCODING=b;TYPE=JPEG:", "QUJD\r\n ")),
        ("commas, commas, commas", line("CATEGORIES:", ",")),
        ("semicolons", line("N:", ";")),
        ("commas within the limit", card(&long("CATEGORIES:", "a,", 60_000))),
        ("semicolons within the limit", card(&long("ADR:", ";", 60_000))),
        ("parameters within the limit", card(&format!("{}:1", long("TEL", ";TYPE=a,b", 60_000)))),
        ("backslashes", line("NOTE:", "\\")),
        ("an odd number of backslashes", card(&format!("{}\\", long("NOTE:", "\\\\", 40_000)))),
        ("quotes", line("TEL;TYPE=", "\"")),
        ("dots", line("a", ".")),
        ("100,000 properties", card(&"TEL:1\r\n".repeat(100_000))),
        ("100,000 unknown properties", card(&"X-A:\r\n".repeat(100_000))),
        ("a bomb of folded lines", card(&long("NOTE:", "\r\n ", 2 * MB))),
        ("a bomb of folded letters", card(&long("NOTE:", "\r\n x", 2 * MB))),
        (
            "a name folded after each octet",
            framed_by("3.0", &"FN:Jane".chars().map(|c| format!("{c}\r\n ")).collect::<Vec<_>>().concat()),
        ),
        ("line ends alone", "\r\n".repeat(MB / 2).into_bytes()),
        ("CRs alone", b"\r".repeat(MB)),
        ("white space alone", b" ".repeat(MB)),
        ("10,000 cards", card("").repeat(10_000)),
        (
            "500 labels for 500 groups",
            card(&(0..245).map(|n| format!("g{n}.TEL:1\r\ng{n}.X-ABLabel:x\r\n")).collect::<Vec<_>>().concat()),
        ),
    ]
}

/// Returns cards with injected content.
fn injected() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (
            "code for addresses",
            card("URL:javascript:alert(1)\r\nURL:JaVa\tScript\\:alert(1)\r\nPHOTO:data:text/html,<script>"),
        ),
        ("markup for a name", framed_by("3.0", "FN:<script>alert(1)</script>\r\nNOTE:<img src=x onerror=y>")),
        ("a query for a name", framed_by("3.0", "FN:'; DROP TABLE people; --")),
        ("a formula for a name", framed_by("3.0", "FN:=cmd|' /C calc'!A0")),
        ("a header in a name", framed_by("3.0", "FN:x\\r\\nSet-Cookie: a=b")),
        ("text that runs backwards", framed_by("3.0", "FN:\u{202e}fdp.exe\u{2066}")),
    ]
}

/// Returns cards with other errors.
fn odd() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a version to come", framed_by("99.9", "FN:Jane")),
        ("a version that changes", framed_by("2.1", "VERSION:4.0\r\nVERSION:\r\nVERSION;X=Y:3.0\r\nFN:Jane")),
        (
            "days that do not exist",
            card("BDAY:19900231\r\nBDAY:99999-99-99\r\nREV:2026-99-99T99:99:99+99:99\r\nTZ:+99:99"),
        ),
    ]
}
