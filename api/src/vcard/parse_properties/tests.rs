//! Tests of the mapping of properties, with cards of many programs.

use super::{Messenger, Reading};
use crate::vcard::{card::Card, read::cards};

fn read(lines: &str) -> Reading {
    let text = format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{lines}\r\nEND:VCARD\r\n");
    cards(text.as_bytes(), None).next().expect("one").expect("a card")
}

fn with(lines: &str) -> Card {
    read(&format!("FN:Jane\r\n{lines}")).card
}

#[test]
fn the_lowest_number_is_preferred() {
    for (lines, name) in [
        ("FN:Nick\r\nFN;PREF=1:Real", "Real"),
        ("FN;PREF=50:Nick\r\nFN;PREF=7:Real\r\nFN:Other", "Real"),
        ("FN;TYPE=x:Nick\r\nFN;TYPE=PREF:Real", "Real"),
        ("FN:\u{3164}\r\nFN:Real\r\nFN:Other", "Real"),
    ] {
        let reading = read(lines);
        assert_eq!(reading.card.full_name, name);
        assert!(
            !reading.left_out.is_empty() && reading.left_out.iter().all(|name| name == "FN")
                || lines.contains('\u{3164}')
        );
    }
    let card = with(
        "EMAIL;PREF=10:a@x.org\r\nEMAIL;PREF=5:b@x.org\r\nEMAIL:c@x.org\r\nTEL;PREF=0:1\r\nTEL:2\r\nTITLE:A\r\nTITLE;PREF=100:B",
    );
    let preferred: Vec<bool> = card.emails.iter().map(|email| email.preferred).collect();
    assert_eq!(preferred, [false, true, false]);
    assert!(card.phones.iter().all(|phone| !phone.preferred));
    let preferred = |lines: &str| with(lines).emails.iter().position(|email| email.preferred);
    for number in ["4294967297", "4294967346", "18446744073709551617", "-4294967295", "101", "0", "1e0"] {
        assert_eq!(preferred(&format!("EMAIL;PREF={number}:a@x.org\r\nEMAIL;PREF=50:b@x.org")), Some(1), "{number}");
        assert_eq!(preferred(&format!("EMAIL;PREF={number}:a@x.org\r\nEMAIL:b@x.org")), None, "{number}");
    }
    assert_eq!(card.title.as_deref(), Some("B"));
}

#[test]
fn types_in_one_pair_of_quotes_are_a_list() {
    for version in ["2.1", "3.0", "4.0"] {
        for (types, label) in [
            ("TYPE=\"home,pref\"", Some("home")),
            ("type=\"pref,work\"", Some("work")),
            ("TYPE=\"home\";TYPE=\"x-desk,pref\"", Some("home")),
            ("TYPE=\"x-desk, PREF\"", Some("desk")),
            ("TYPE=\"internet,pref\"", None),
        ] {
            let lines = format!("FN:Jane\r\nTEL;{types}:1\r\nEMAIL;{types}:a@x.org\r\nADR;{types}:;;1 Main St;;;;");
            let text = format!("BEGIN:VCARD\r\nVERSION:{version}\r\n{lines}\r\nEND:VCARD\r\n");
            let card = cards(text.as_bytes(), None).next().expect("one").expect("a card").card;
            let found = [
                (card.phones[0].label.as_deref(), card.phones[0].preferred),
                (card.emails[0].label.as_deref(), card.emails[0].preferred),
                (card.addresses[0].label.as_deref(), card.addresses[0].preferred),
            ];
            assert_eq!(found, [(label, true); 3], "{version} {types}");
        }
    }
    assert_eq!(with("TEL;TYPE=\"work,cell\":1").phones[0].label.as_deref(), Some("work mobile"));
}

#[test]
fn every_line_break_of_a_text_is_one() {
    for broken in ["\u{85}", "\u{b}", "\u{c}", "\u{2028}", "\\n"] {
        let card = with(&format!(
            "NOTE:a{broken}b\r\nADR:;;1 Main St{broken}Flat 2;New{broken}Town;;;\r\nN:Van{broken}Doe;Jane{broken};;;\r\n\
             ORG:A{broken}B;C{broken}D\r\nTITLE:E{broken}F\r\nNICKNAME:G{broken}H"
        ));
        assert_eq!(card.note.as_deref(), Some("a\nb"), "{broken:?}");
        let address = &card.addresses[0];
        assert_eq!((address.street.as_deref(), address.city.as_deref()), (Some("1 Main St\nFlat 2"), Some("New Town")));
        assert_eq!((card.name.family.as_deref(), card.name.given.as_deref()), (Some("Van Doe"), Some("Jane")));
        assert_eq!((card.organization.as_deref(), card.units[0].as_str()), (Some("A B"), "C D"));
        assert_eq!((card.title.as_deref(), card.nicknames[0].as_str()), (Some("E F"), "G H"));
        assert_eq!(read(&format!("FN:Jane{broken}Doe")).card.full_name, "Jane Doe");
    }
    for coded in ["=C2=85", "=0B", "=0C", "=0D=0A", "=E2=80=A9"] {
        let lines = format!(
            "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Jane{coded}Doe\r\nNOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:a{coded}b"
        );
        let reading = read(&lines);
        assert_eq!(
            (reading.card.full_name.as_str(), reading.card.note.as_deref()),
            ("Jane Doe", Some("a\nb")),
            "{coded}"
        );
        assert!(reading.without_controls.is_empty() && reading.left_out.is_empty());
    }
    assert_eq!(with("NOTE;ENCODING=b:YQti").note.as_deref(), Some("a\nb"));
    let shifted = "NOTE;CHARSET=ISO-2022-JP;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab";
    assert_eq!(with(shifted).note.as_deref(), Some("a\nb"));
}

#[test]
fn a_control_character_is_left_out_and_its_property_named() {
    for (lines, names) in [
        ("NOTE:a\u{1}b", &["NOTE"][..]),
        ("NOTE;ENCODING=QUOTED-PRINTABLE:a=01b\r\nTITLE;QUOTED-PRINTABLE:a=7Fb", &["NOTE", "TITLE"]),
        ("NOTE;ENCODING=b:YQBi", &["NOTE"]),
        ("ROLE:\u{1}\r\nX-FOO:\u{7f} \u{90}\r\nADR:;;\u{2};;;;", &["ROLE", "X-FOO", "ADR"]),
        ("ADR;LABEL=\"1 Main\u{1} St\":;;1 Main St;;;;", &["ADR"]),
        ("URL:https://x.org/a\tb\r\nURL:https://x.org/\\nb", &["URL", "URL"]),
        ("TEL;VALUE=uri:tel:+1%000\r\nTEL:5%00", &["TEL"]),
        ("item1.TEL:1\r\nitem1.X-ABLabel:de\u{1f}sk", &["X-ABLABEL"]),
        ("PRODID:\u{1}\r\nREV:20200101T000000Z\u{1}\r\nVERSION:\u{1}4.0\r\nNOTE:a\tb", &[]),
    ] {
        let reading = read(&format!("FN:Jane\r\n{lines}"));
        assert_eq!(reading.without_controls, names, "{lines:?}");
        assert!(reading.left_out.is_empty(), "{lines:?} {:?}", reading.left_out);
    }
    assert_eq!(with("NOTE:a\u{1}b").note.as_deref(), Some("ab"));
    // A property that the card has no field for is reported once.
    let reading = read("FN:Jane\r\nROLE:Po\u{1}et\r\nX-FOO:a\u{1}");
    assert_eq!((reading.left_out.len(), reading.without_controls.len()), (2, 0));
}

#[test]
fn what_is_in_base_64_is_something_whatever_it_decodes_to() {
    for (lines, names) in [
        (
            "KEY;ENCODING=b:AAAA\r\nPHOTO;ENCODING=b:AAECAwQ=\r\nSOUND;ENCODING=b:DQoNCg==",
            &["KEY", "PHOTO", "SOUND"][..],
        ),
        (
            "LOGO;ENCODING=b;TYPE=PNG:ICAg\r\nLOGO;TYPE=PNG;ENCODING=\"B\":ICAg\r\nKEY;BASE64:\r\n ICAg",
            &["LOGO", "LOGO", "KEY"],
        ),
        (
            "X-PIC;ENCODING=b:ICAg\r\nNOTE;ENCODING=BASE64:ICAg\r\nX-THUMB;ENCODING=b:AAAA",
            &["X-PIC", "NOTE", "X-THUMB"],
        ),
        // An address in base 64 is not kept either.
        ("PHOTO;ENCODING=b:aHR0cHM6Ly94Lm9yZy9w", &["PHOTO"]),
        ("PHOTO;ENCODING=b:\r\nKEY;ENCODING=b:  \r\nX-PIC;ENCODING=b:", &[]),
    ] {
        let reading = read(&format!("FN:Jane\r\n{lines}"));
        assert_eq!(reading.left_out, names, "{lines}");
        assert_eq!(reading.card.photo_url, None);
    }
    // Some programs declare base 64 for a plain address.
    assert_eq!(with("PHOTO;ENCODING=b:https://x.org/p").photo_url.as_deref(), Some("https://x.org/p"));
}

#[test]
fn nothing_in_an_address_turns_the_direction_of_what_is_read() {
    for (written, kept) in [
        ("https://example.org/\u{2066}x\u{2069}y", "https://example.org/%E2%81%A6x%E2%81%A9y"),
        ("\u{200e}https://example.org/x\u{200e}", "https://example.org/x"),
        ("\u{61c} https://example.org/\u{202e}gnp.a", "https://example.org/%E2%80%AEgnp.a"),
    ] {
        let card = with(&format!("URL:{written}\r\nPHOTO:{written}\r\nIMPP:{written}\r\nX-SOCIALPROFILE:{written}"));
        let kept = Some(kept);
        assert_eq!((card.urls[0].address.as_str().into(), card.photo_url.as_deref()), (kept, kept));
        assert_eq!((card.messengers[0].uri.as_str().into(), card.urls[1].address.as_str().into()), (kept, kept));
    }
    assert!(with("URL:java\u{200e}script\\:alert(1)\r\nURL:\u{202e}data:x").urls.is_empty());
}

#[test]
fn what_has_no_place_is_named() {
    for (lines, names) in [
        ("ORG:A\r\nORG:B\r\nTITLE:C\r\nTITLE:D\r\nTITLE:C", &["ORG", "TITLE"][..]),
        ("ORG:A;Sales\r\nORG;TYPE=home:B\r\nORG:C", &["ORG", "ORG"]),
        ("TITLE;LANGUAGE=en:Poet\r\nTITLE;LANGUAGE=ko:시인\r\nROLE;LANGUAGE=en:Writer", &["TITLE", "ROLE"]),
        (
            "RELATED;TYPE=spouse;VALUE=text:Joan\r\nRELATED;TYPE=child:mailto:kid@x.org\r\nX-SPOUSE:Joan\r\nX-MANAGER:Kim",
            &["RELATED", "RELATED", "X-SPOUSE", "X-MANAGER"],
        ),
        (
            "X-ANNIVERSARY:2020-01-01\r\nX-EVOLUTION-ANNIVERSARY:2020-01-01\r\nitem1.X-ABDATE:20200101\r\nitem1.X-ABLabel:_$!<Anniversary>!$_",
            &["X-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY", "X-ABDATE"],
        ),
        (
            "X-PHONETIC-LAST-NAME:x\r\nX-PHONETIC-ORG:y\r\nX-MAIDENNAME:z",
            &["X-PHONETIC-LAST-NAME", "X-PHONETIC-ORG", "X-MAIDENNAME"],
        ),
        (
            "SOUND;VALUE=uri:https://x.org/s\r\nKEY;VALUE=uri:https://x.org/k\r\nCALURI:https://x.org/c\r\nHOBBY:chess\r\nEXPERTISE:maths",
            &["SOUND", "KEY", "CALURI", "HOBBY", "EXPERTISE"],
        ),
        ("PHOTO;VALUE=uri:http://x.org/p.jpg\r\nPHOTO:cid:part1", &["PHOTO", "PHOTO"]),
        (
            "ROLE:x\r\nANNIVERSARY:20200101\r\nRELATED:urn:uuid:1\r\nSORT-STRING:x",
            &["ROLE", "ANNIVERSARY", "RELATED", "SORT-STRING"],
        ),
        (
            "X-PHONETIC-FIRST-NAME:x\r\nitem1.X-ABRELATEDNAMES:y\r\nitem1.X-ABLabel:_$!<Mother>!$_",
            &["X-PHONETIC-FIRST-NAME", "X-ABRELATEDNAMES"],
        ),
        (
            "PHOTO;ENCODING=b:QUJD\r\nPHOTO:http://x.org/p\r\nLOGO;VALUE=uri:https://x.org/l",
            &["PHOTO", "PHOTO", "LOGO"],
        ),
        ("BDAY:long ago\r\nGEO:1;2\r\nURL:javascript:alert(1)\r\nGENDER:F", &["BDAY", "GEO", "URL", "GENDER"]),
        (
            "N;SORT-AS=\"a,b\":Doe;Jane;;;\r\nN:Doe;Jane;;;;Roe\r\nTITLE;VALUE=date:2020-01-01",
            &["SORT-AS", "N", "TITLE"],
        ),
        ("X-EMPTY:\r\nROLE:\r\nN:;;;;\r\nADR:;;;;;;\r\nPRODID:x\r\nREV:20200101T000000Z\r\nPROFILE:VCARD", &[]),
        ("ADR;LABEL=\"Jane, 1 Main St\":;;1 Main St;;;;\r\nADR;LABEL=\"1 Main^nTown\":;;1 Main;Town;;;", &["LABEL"]),
    ] {
        let reading = read(&format!("FN:Jane\r\n{lines}"));
        assert_eq!(reading.left_out, names, "{lines}");
    }
    let extras = read("FN:J\r\nNICKNAME:x\r\nX-SKYPE:y\r\nCATEGORIES:z\r\nBDAY:2000-01-01").extras;
    assert_eq!(extras, ["NICKNAME", "X-SKYPE", "CATEGORIES", "BDAY"]);
}

#[test]
fn an_address_may_stand_elsewhere() {
    let card = with("LABEL;TYPE=WORK:1 Main St\\nTown\r\nADR;LABEL=\"2 Side St^nTown\":;;;;;;");
    let streets: Vec<&str> = card.addresses.iter().filter_map(|address| address.street.as_deref()).collect();
    assert_eq!(streets, ["2 Side St\nTown", "1 Main St\nTown"]);
    assert_eq!(with("ADR;TYPE=HOME:;;1 Main St;Town;;;\r\nLABEL;TYPE=HOME:1 Main St\\nTown").addresses.len(), 1);
}

#[test]
fn a_number_is_a_name_where_there_is_no_other() {
    assert_eq!(read("TEL:\u{202a}+15550100\u{202c}").card.full_name, "+15550100");
    assert_eq!(read("TEL:\u{2066}+82 2 312 3456\u{2069}").card.full_name, "+82 2 312 3456");
    assert_eq!(read("TEL;TYPE=CELL:\u{200f}٠٥٠ ١٢٣\u{200e}").card.full_name, "050 123");
    assert_eq!(read("NICKNAME:Jo\r\nTEL:1").card.full_name, "Jo");
    assert_eq!(read("N:;;;;\r\nFN:\r\nTEL:tel:+1-555;ext=2").card.phones[0].extension.as_deref(), Some("2"));
}

#[test]
fn a_leap_second_is_the_one_after_it() {
    for rev in ["2016-12-31T23:59:60Z", "20161231T235960Z"] {
        let at = with(&format!("REV:{rev}")).changed_at.map(|at| at.to_rfc3339());
        assert_eq!(at.as_deref(), Some("2017-01-01T00:00:00+00:00"), "{rev}");
    }
}

#[test]
fn the_habits_of_other_programs_are_understood() {
    let apple = with(
        "N:;;;;\r\nX-ABShowAs:COMPANY\r\nitem1.EMAIL;type=pref:a@b.c\r\nitem1.X-ABLabel:_$!<Other>!$_\r\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29\r\nPHOTO;VALUE=uri:https://x.org/p",
    );
    assert!(apple.organization_card && apple.emails[0].preferred && apple.name.is_empty());
    assert_eq!(apple.emails[0].label.as_deref(), Some("other"));
    assert_eq!(apple.birthday.map(|day| (day.year, day.month, day.day)), Some((None, 2, 29)));
    assert_eq!(apple.photo_url.as_deref(), Some("https://x.org/p"));
    let liferay = with(
        "ADR;TYPE=BUSINESS:;;1 Main St, Flat 2\nSecond line;Town;;1;US\nURL:https\\://x.org/\nX-JABBER:jane@x.org\nTEL;TYPE=BUSINESS-FAX:1",
    );
    assert_eq!(liferay.addresses[0].street.as_deref(), Some("1 Main St, Flat 2\nSecond line"));
    assert_eq!(
        (liferay.urls[0].address.as_str(), liferay.phones[0].label.as_deref()),
        ("https://x.org/", Some("work fax"))
    );
    assert_eq!(liferay.messengers, [Messenger { uri: "xmpp:jane@x.org".into(), label: None }]);
    let photo = with(&format!(
        "PHOTO;ENCODING=BASE64;JPEG:\r\n {}\r\n{}\r\n\r\nTITLE:x",
        "QUJD".repeat(50_000),
        "QUJD".repeat(20)
    ));
    assert_eq!((photo.photo_url, photo.title.as_deref()), (None, Some("x")));
    assert!(with("URL:java\u{1}script\\:alert(1)\r\nPHOTO:http://x.org/p").urls.is_empty());
}
