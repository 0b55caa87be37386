//! Tests of vCard files from other programs: every property is imported or named as left out, in any character set and
//! form.

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, person::Person};

const CONTACT: &str = include_str!("operations/vcard_files/contact.graphql");

async fn brings(person: &Person, kind: &str, file: &[u8]) -> (u16, Value) {
    let client = &person.clients[0];
    let request = reqwest::Client::new().post(format!("{}/contacts.vcf", client.url)).header("content-type", kind);
    let request = request.bearer_auth(client.token.as_deref().expected("a token")).body(file.to_vec());
    let response = request.send().await.expected("an answer");
    (response.status().as_u16(), response.json().await.expected("JSON"))
}

/// Imports one card. Returns the contact and the message of the result.
async fn card(person: &Person, kind: &str, lines: &[u8]) -> (Value, String) {
    let file = [b"BEGIN:VCARD\r\nVERSION:3.0\r\n", lines, b"\r\nEND:VCARD\r\n"].concat();
    let (status, body) = brings(person, kind, &file).await;
    let result = &body["results"][0];
    // A repeated import of the same card finds the existing contact.
    assert!(
        status == 200 && ["CREATED", "UNCHANGED"].contains(&result["outcome"].as_str().unwrap_or_default()),
        "{body}"
    );
    let contact = person.ask(CONTACT, json!({ "id": result["contact"]["id"] })).await.at("personalContact").clone();
    (contact, result["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_read_in_any_character_set() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let plain = "text/vcard";
    for (kind, lines, name) in [
        (plain, &b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=F6rg"[..], "Jörg"),
        (plain, b"FN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Andr=E9 Stra=DFe", "André Straße"),
        (plain, b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=FCller-L=FCdenscheidt", "Müller-Lüdenscheidt"),
        (plain, b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Fran=E7ois", "François"),
        (plain, b"FN;CHARSET=windows-1251;ENCODING=QUOTED-PRINTABLE:=C8=E2=E0=ED", "Иван"),
        ("text/vcard; charset=euc-kr", b"FN:\xb1\xe8\xc3\xb6\xbc\xf6", "김철수"),
        ("text/vcard; charset=EUC-KR", b"FN:\xc8\xab", "홍"),
        ("text/vcard;charset=\"gb18030\"", b"FN:\xc0\xee\xc3\xf7 \x95\x32\x82\x36", "李明 𠀀"),
        ("text/x-vcard; charset=windows-1251", b"FN:\xcc\xe0\xf0\xe8\xff", "Мария"),
        ("text/vcard; charset=shift_jis", b"FN:\x8e\x52\x93\x63", "山田"),
        ("text/vcard; charset=koi8-r", b"FN:\xf0\xa3\xd4\xd2", "Пётр"),
        ("text/vcard; charset=big5", b"FN:\xa4\xfd\xa4p\xa9\xfa", "王小明"),
        ("text/vcard; charset=iso-8859-2", b"FN:\xa3ukasz \xafak", "Łukasz Żak"),
        ("text/vcard; charset=euc-kr", "FN:이미 UTF-8".as_bytes(), "이미 UTF-8"),
        ("text/vcard; charset=nonesuch", "FN:Ünicode".as_bytes(), "Ünicode"),
    ] {
        let (contact, message) = card(&ann, kind, lines).await;
        assert_eq!((contact["displayName"].as_str(), message.as_str()), (Some(name), ""), "{kind}");
    }
    for lines in [
        &b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=EA=B9=80=EC=B2"[..],
        b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Ana Mar=C3",
        b"FN;CHARSET=EUC-KR:\xb1\xe8\xc3",
    ] {
        let (contact, message) = card(&ann, plain, lines).await;
        assert!(contact["displayName"].as_str().is_some_and(|name| name.ends_with('\u{fffd}')), "{contact}");
        assert_eq!(message, "Letters that could not be read are shown as \u{fffd}.");
    }
    let (status, body) = brings(&ann, "text/vcard; charset=nonesuch", b"BEGIN:VCARD\r\nFN:\xff\r\nEND:VCARD").await;
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_property_that_is_left_out_is_named() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let picture = "QUJD".repeat(4_000);
    for (lines, names) in [
        ("PHOTO;ENCODING=b;TYPE=JPEG:QUJDQUJD".to_owned(), "PHOTO (a picture)"),
        (
            format!("PHOTO;ENCODING=b:{picture}\r\nLOGO;VALUE=uri:https://x.org/l.png"),
            "PHOTO (a picture), LOGO (a picture)",
        ),
        (
            "ORG:A\r\nORG:B\r\nTITLE:C\r\nTITLE:D\r\nROLE:E".to_owned(),
            "ORG (another organization), TITLE (another title), ROLE (a role)",
        ),
        (
            "ANNIVERSARY:20200101\r\nRELATED;TYPE=spouse:urn:uuid:1\r\nX-PHONETIC-LAST-NAME:x\r\nSORT-STRING:x"
                .to_owned(),
            "ANNIVERSARY (an anniversary), RELATED (related people), X-PHONETIC-LAST-NAME (how a name is read), SORT-STRING (how a name is sorted)",
        ),
        (
            "X-FOO:1\r\nX-FOO:2\r\nX-BAR;X=Y:3\r\nGEO:geo:1\\,2\r\nLANG:ko\r\nTZ:+0900".to_owned(),
            "2 × X-FOO, X-BAR, GEO (a place on the map), LANG (a language), TZ (a time zone)",
        ),
        (
            "EMAIL:none\r\nURL:ftp://x.org\r\nNICKNAME:J\r\nX-SKYPE:j".to_owned(),
            "NICKNAME (nicknames), X-SKYPE, EMAIL (not an e-mail address), URL (an address that is no page of the web)",
        ),
        ("TEL;TYPE=HOME:1\r\nTEL;TYPE=WORK:1\r\nTEL;TYPE=HOME,PREF:1".to_owned(), "TEL (given twice)"),
        ("AGENT:\r\nBEGIN:VCARD\r\nFN:Agent\r\nEND:VCARD".to_owned(), "AGENT (somebody else's card)"),
        (
            "KEY;ENCODING=b:AAAA\r\nPHOTO;ENCODING=b:AAECAwQ=\r\nSOUND;ENCODING=b:DQoNCg==\r\nLOGO;ENCODING=b;TYPE=PNG:ICAg"
                .to_owned(),
            "KEY (a key), PHOTO (a picture), SOUND (a sound), LOGO (a picture)",
        ),
        (
            "ROLE:\u{1}\r\nNOTE:a\u{1}b\r\nTITLE;ENCODING=QUOTED-PRINTABLE:a=02b".to_owned(),
            "ROLE (control characters), NOTE (control characters), TITLE (control characters)",
        ),
    ] {
        let (_, message) = card(&ann, "text/vcard", format!("FN:Jane\r\n{lines}").as_bytes()).await;
        assert_eq!(message, format!("Left out, because it cannot be kept: {names}."), "{lines:.80}");
    }
    let whole = "FN:Jane\r\nN:Doe;Jane;;;\r\nUID:1\r\nPRODID:x\r\nREV:20260101T000000Z\r\nEMAIL:\r\nX-EMPTY:\r\nKIND:individual";
    assert_eq!(card(&ann, "text/vcard", whole.as_bytes()).await.1, "");
    let (contact, message) =
        card(&ann, "text/vcard", b"UID:2\r\nTITLE:Poet\r\njunk\r\n of two lines\r\nF\r\n N:Jane").await;
    assert_eq!(
        (contact["title"].as_str(), message.as_str()),
        (Some("Poet"), "Lines that are no property were passed over.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_of_other_programs_are_mapped_to_the_right_fields() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let kind = "text/vcard";
    let (contact, _) = card(
        &ann,
        kind,
        b"FN:Nick\r\nFN;PREF=1:Real\r\nEMAIL;PREF=10:a@x.org\r\nEMAIL;PREF=5:b@x.org\r\nEMAIL:c@x.org",
    )
    .await;
    assert_eq!(contact["displayName"], "Real");
    let preferred: Vec<&str> = contact["emails"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|email| email["preferred"] == true)
        .filter_map(|email| email["address"].as_str())
        .collect();
    assert_eq!(preferred, ["b@x.org"]);
    let number = "TEL:\u{202a}+15550100\u{202c}\r\nTEL;VALUE=uri:tel:+82-2-312;ext=7\r\nTEL:０９０－１２３４ ext. 5";
    let (contact, message) = card(&ann, kind, number.as_bytes()).await;
    assert_eq!((contact["displayName"].as_str(), message.as_str()), (Some("+15550100"), ""));
    let numbers = json!([{ "number": "+15550100", "extension": null, "preferred": false },
        { "number": "+82-2-312", "extension": "7", "preferred": false }, { "number": "090-1234", "extension": "5", "preferred": false }]);
    assert_eq!(contact["phones"], numbers);
    for (url, kept) in [
        ("https://example.org/My Page.html", "https://example.org/My%20Page.html"),
        ("www.example.org:8080/x", "https://www.example.org:8080/x"),
        ("example.org/a:b", "https://example.org/a:b"),
        ("HTTP://x.org/ü y", "HTTP://x.org/ü%20y"),
        ("//example.org/?q=a:b", "https://example.org/?q=a:b"),
        ("localhost:3000", "https://localhost:3000"),
    ] {
        let (contact, message) = card(&ann, kind, format!("FN:U {url}\r\nURL:{url}").as_bytes()).await;
        assert_eq!((contact["urls"][0]["address"].as_str(), message.as_str()), (Some(kept), ""), "{url}");
    }
    for (url, kept) in [
        ("https://example.org/\u{2066}x\u{2069}", "https://example.org/%E2%81%A6x"),
        ("\u{200e}https://example.org/x\u{200e}", "https://example.org/x"),
        ("https://example.org/\u{202e}gnp.a", "https://example.org/%E2%80%AEgnp.a"),
    ] {
        let (contact, message) = card(&ann, kind, format!("FN:U {kept}\r\nURL:{url}").as_bytes()).await;
        assert_eq!((contact["urls"][0]["address"].as_str(), message.as_str()), (Some(kept), ""), "{url}");
    }
    for url in [
        "https://exa\u{202e}mple.org/",
        "javascript:alert(document.cookie)",
        "java script:alert(a.b)",
        "mailto:a@x.org",
        "sms:12345",
        "example.org:port/x",
    ] {
        let (contact, message) = card(&ann, kind, format!("FN:U {url}\r\nURL:{url}").as_bytes()).await;
        assert_eq!((&contact["urls"], message.contains("URL")), (&json!([]), true), "{url}");
    }
    let (contact, message) = card(
        &ann,
        kind,
        b"FN:Lab\r\nLABEL;TYPE=WORK:1 Main St\\nTown\r\nADR;TYPE=HOME;LABEL=\"2 Side St^nTown\":;;;;;;",
    )
    .await;
    assert_eq!((contact["addresses"].as_array().map(Vec::len), message.as_str()), (Some(2), ""));
    assert_eq!(contact["addresses"][1], json!({ "label": "work", "street": "1 Main St\nTown", "city": null }));
    let (contact, _) = card(&ann, kind, b"FN:Sof=\r\nN;ENCODING=QUOTED-PRINTABLE:Doe=3B=\r\n Roe;Ja=\r\nne").await;
    assert_eq!((&contact["name"]["family"], &contact["name"]["given"]), (&json!("Doe; Roe"), &json!("Jane")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_break_becomes_a_line_break_or_a_space() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    for (broken, coded) in [("\u{85}", "=C2=85"), ("\u{b}", "=0B"), ("\u{c}", "=0C")] {
        let quoted = "CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE";
        for lines in [
            format!(
                "FN:A{broken}B\r\nN:C{broken}D;E;;;\r\nORG:F{broken}G\r\nTITLE:H{broken}I\r\nNOTE:a{broken}b\r\nADR:;;1{broken}2;;;;"
            ),
            format!(
                "FN;{quoted}:A{coded}B\r\nN;{quoted}:C{coded}D;E;;;\r\nORG;{quoted}:F{coded}G\r\nTITLE;{quoted}:H{coded}I\r\n\
                 NOTE;{quoted}:a{coded}b\r\nADR;{quoted}:;;1{coded}2;;;;"
            ),
        ] {
            let (contact, message) = card(&ann, "text/vcard", lines.as_bytes()).await;
            assert_eq!(
                (&contact["displayName"], &contact["name"]["family"]),
                (&json!("A B"), &json!("C D")),
                "{lines:?}"
            );
            assert_eq!((&contact["organization"], &contact["title"]), (&json!("F G"), &json!("H I")), "{lines:?}");
            assert_eq!((&contact["note"], &contact["addresses"][0]["street"]), (&json!("a\nb"), &json!("1\n2")));
            assert_eq!(message, "");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_decides_the_encoding_before_the_header() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let text = "\u{feff}BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoë é 김\r\nEND:VCARD\r\n";
    let units = |of: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(of).collect() };
    for file in [text.as_bytes().to_vec(), units(u16::to_le_bytes), units(u16::to_be_bytes)] {
        for charset in ["euc-kr", "windows-1251", "nonesuch", "utf-16", "\"euc\\-kr\""] {
            let (status, body) = brings(&ann, &format!("text/vcard; charset={charset}"), &file).await;
            assert_eq!((status, &body["results"][0]["contact"]["displayName"]), (200, &json!("Zoë é 김")), "{charset}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_files_are_refused_and_empty_parameters_count_as_absent() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let client = &ann.clients[0];
    let url = format!("{}/contacts.vcf", client.url);
    let token = client.token.as_deref().expected("a token");
    let file = "BEGIN:VCARD\r\nFN:Jane\r\nEND:VCARD\r\n";
    let post = |kind: &'static str, encoding: &'static str| {
        let request = reqwest::Client::new().post(&url).bearer_auth(token).header("content-type", kind);
        request.header("content-encoding", encoding).body(file).send()
    };
    for encoding in ["gzip", "br", "identity, gzip"] {
        let answer = post("text/vcard", encoding).await.expected("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["accept-encoding"]),
            (415, &"identity".parse().expected("a value"))
        );
    }
    for kind in ["text/vcard", "Text/VCard; foo=\"a;charset=nonesuch\"", "text/x-vcard; charset=\"ut\\f-8\""] {
        assert_eq!(post(kind, "identity").await.expected("an answer").status(), 200, "{kind}");
    }
    let answer = post("text/plain", "identity").await.expected("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers().get("accept-encoding")), (415, None));
    for (query, status) in [
        ("list=PERSONAL&version=", 200),
        ("list=PERSONAL&notes=", 200),
        ("ids=&list=PERSONAL", 200),
        ("ids=&list=PERSONAL&version=&notes=", 200),
        ("ids=&list=&version=4.0", 400),
        ("list=PERSONAL&version=2.1", 400),
        ("list=PERSONAL&notes=no", 400),
    ] {
        let request = reqwest::Client::new().get(format!("{url}?{query}")).bearer_auth(token);
        assert_eq!(request.send().await.expected("an answer").status(), status, "{query}");
    }
    let own = format!("{}/contacts/{}.vcf?version=&notes=", client.url, ann.id());
    assert_eq!(reqwest::Client::new().get(own).bearer_auth(token).send().await.expected("an answer").status(), 200);
}
