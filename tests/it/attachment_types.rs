//! The types of files that each channel permits, and files and announcements that are refused.

use entity::{channel::Channel, participant::ParticipantRole};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    files::{self, NewFile, announce, put, refusal, send, try_upload, upload, zip},
    graphql::Answer,
    visitors::{AcceptedChat, accepted_chat},
};

/// The types and directions of the manual's table: web chat, e-mail, Messenger, WhatsApp, each with outbound first. A
/// full stop stands for what the manual leaves open.
const MANUAL: [(&str, &str); 21] = [
    ("txt", "NN YN NY YY"),
    ("csv", "YY NN NY NY"),
    ("doc", "YY YN NY YY"),
    ("docx", "YY YN NY YY"),
    ("ppt", "YY YN NY YY"),
    ("pptx", "YY YN NY YY"),
    ("xls", "YY YN NY YY"),
    ("xlsx", "YY YN NY YY"),
    ("pdf", "YY YN NY YY"),
    ("png", "YY YY YY YY"),
    ("jpg", "YY YY YY YY"),
    ("jpeg", "NY YY YY YY"),
    ("gif", "YY YY YY NY"),
    ("bmp", "NN NY NY NY"),
    ("zip", "NN YN NY NY"),
    ("mp3", "Y. N. N. .."),
    ("wav", "YY NY NY NY"),
    ("mp4", "YY NY YY YY"),
    ("avi", "NN NY YY NY"),
    ("flv", "NN NN YY NY"),
    ("mkv", "NN NN NY NY"),
];
const CHANNELS: [&str; 4] = ["WEBCHAT", "EMAIL", "MESSENGER", "WHATSAPP"];

/// Returns what the manual says of a type on a channel, outbound first. None for what it leaves open.
fn manual(extension: &str, channel: &str) -> (Option<bool>, Option<bool>) {
    let (_, cells) = MANUAL.iter().find(|(one, _)| *one == extension).expected("a row");
    let column = CHANNELS.iter().position(|one| *one == channel).expected("a column");
    let cell = cells.split(' ').nth(column).expected("a cell");
    let said = |c: char| (c != '.').then_some(c == 'Y');
    (cell.chars().next().and_then(said), cell.chars().nth(1).and_then(said))
}

#[tokio::test]
async fn the_channels_show_the_table_of_the_manual() {
    let app = TestApp::new().await;
    let ann = app.agent("ann").await;
    let query = "{ channels { channel attachments attachmentRules { maximumCount maximumBytes \
                 types { extension mediaTypes inbound outbound maximumBytes } } } }";
    let answer = ann.ask(query, Value::Null).await;
    for shown in answer.at("channels").as_array().expected("channels") {
        let channel = shown["channel"].as_str().expected("a name");
        let types = shown["attachmentRules"]["types"].as_array().expected("types");
        assert_eq!(shown["attachments"], json!(channel != "SMS"));
        if channel == "SMS" {
            assert!(types.is_empty());
            continue;
        }
        assert_eq!(shown["attachmentRules"]["maximumCount"], 10);
        for (extension, _) in MANUAL {
            let rule = types.iter().find(|one| one["extension"] == extension);
            let shows = |side: &str| rule.is_some_and(|rule| rule[side] == true);
            let (outbound, inbound) = manual(extension, channel);
            assert!(outbound.is_none_or(|said| said == shows("outbound")), "{extension} to customers on {channel}");
            assert!(inbound.is_none_or(|said| said == shows("inbound")), "{extension} of customers on {channel}");
        }
    }
}

#[tokio::test]
async fn each_type_goes_the_ways_of_the_table_and_no_other() {
    let AcceptedChat { app, sue, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let agent = &sue.clients[0];
    for (extension, _) in MANUAL {
        let name = format!("file.{extension}");
        let file = NewFile::sample(&name);
        let (outbound, inbound) = manual(extension, "WEBCHAT");
        for (client, permitted) in [(agent, outbound), (&visitor, inbound.or(Some(true)))] {
            let announced = announce(client, &conversation, &file, Value::Null).await;
            let code = refusal(&announced, "createAttachmentUpload");
            assert_eq!(code, if permitted == Some(true) { "" } else { "FILE_TYPE_NOT_ALLOWED" }, "{extension}");
            if code.is_empty() {
                let path = announced.text("createAttachmentUpload.upload.url");
                let id = announced.text("createAttachmentUpload.upload.attachment.id");
                assert_eq!(put(client, path, file.bytes.clone()).await.0, 200, "{extension}");
                let sent = send(client, &conversation, extension, "", &[id]).await;
                assert_eq!(refusal(&sent, "sendMessage"), "", "{extension}: {}", sent.body);
            }
        }
    }
    // On the other channels the agent's direction.
    for channel in [Channel::Email, Channel::Messenger, Channel::Whatsapp] {
        let chat = app.chat(channel, &format!("jane{}", channel as i16)).await;
        app.answers(&chat, &sue, ParticipantRole::Owner).await;
        let id = chat.id.to_string();
        for (extension, _) in MANUAL {
            let name = format!("{channel:?}.{extension}");
            let announced = announce(agent, &id, &NewFile::sample(&name), Value::Null).await;
            let (outbound, _) = manual(extension, &format!("{channel:?}").to_uppercase());
            let code = refusal(&announced, "createAttachmentUpload");
            let expected = if outbound == Some(false) { "FILE_TYPE_NOT_ALLOWED" } else { "" };
            assert_eq!(code, expected, "{extension} on {channel:?}");
        }
    }
    let chat = app.chat(Channel::Sms, "sms").await;
    app.answers(&chat, &sue, ParticipantRole::Owner).await;
    let announced = announce(agent, &chat.id.to_string(), &NewFile::sample("a.png"), Value::Null).await;
    assert_eq!(refusal(&announced, "createAttachmentUpload"), "FILE_TYPE_NOT_ALLOWED");
}

#[tokio::test]
async fn what_is_wrong_with_an_announcement_is_said() {
    let AcceptedChat { app, sue, ann, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let file = NewFile::sample("a.png");
    let field = |answer: &Answer| {
        answer.at("createAttachmentUpload.userErrors.0.field").as_array().and_then(|path| path.last().cloned())
    };
    for (more, code, at) in [
        (json!({ "clientUploadId": "" }), "REQUIRED", "clientUploadId"),
        (json!({ "clientUploadId": "a\nb" }), "INVALID", "clientUploadId"),
        (json!({ "clientUploadId": "x".repeat(101) }), "INVALID", "clientUploadId"),
        (json!({ "name": "../a.png" }), "INVALID", "name"),
        (json!({ "name": "a\n.png" }), "INVALID", "name"),
        (json!({ "name": "a\u{202e}gnp.exe" }), "INVALID", "name"),
        (json!({ "name": "" }), "INVALID", "name"),
        (json!({ "name": "a" }), "FILE_TYPE_NOT_ALLOWED", "name"),
        (json!({ "name": "a.exe" }), "FILE_TYPE_NOT_ALLOWED", "name"),
        (json!({ "name": "a.png.svg" }), "FILE_TYPE_NOT_ALLOWED", "name"),
        (json!({ "name": "a.eml" }), "FILE_TYPE_NOT_ALLOWED", "name"),
        (json!({ "mediaType": "text/html" }), "FILE_TYPE_NOT_ALLOWED", "mediaType"),
        (json!({ "byteSize": 0 }), "OUT_OF_RANGE", "byteSize"),
        (json!({ "byteSize": 104_857_601 }), "OUT_OF_RANGE", "byteSize"),
        (json!({ "byteSize": 26_214_401 }), "FILE_TOO_LARGE", "byteSize"),
        (json!({ "sha256": "abc" }), "INVALID", "sha256"),
        (json!({ "conversationId": "conversation_0" }), "NOT_FOUND", "conversationId"),
    ] {
        let answer = announce(&visitor, &conversation, &file, more.clone()).await;
        assert_eq!(refusal(&answer, "createAttachmentUpload"), code, "{more}");
        assert_eq!(field(&answer), Some(json!(at)), "{more}");
    }
    // Ann serves another queue and does not see the conversation. A supervisor sees it and takes no part.
    let stranger = announce(&ann.clients[0], &conversation, &file, Value::Null).await;
    assert_eq!(refusal(&stranger, "createAttachmentUpload"), "NOT_FOUND");
    let chief = app.supervisor("chief").await;
    let onlooker = announce(&chief.clients[0], &conversation, &file, Value::Null).await;
    assert_eq!(refusal(&onlooker, "createAttachmentUpload"), "NOT_A_PARTICIPANT");
    assert_eq!(sue.ends(&conversation).await, "");
    let late = announce(&visitor, &conversation, &file, Value::Null).await;
    assert_eq!(refusal(&late, "createAttachmentUpload"), "CONVERSATION_ENDED");
}

#[tokio::test]
async fn bytes_that_are_not_what_was_announced_are_refused_and_can_be_sent_again() {
    let AcceptedChat { app: _app, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let file = NewFile::sample("a.png");
    let announced = announce(&visitor, &conversation, &file, Value::Null).await;
    let path = announced.text("createAttachmentUpload.upload.url");
    let id = announced.text("createAttachmentUpload.upload.attachment.id");
    let mut changed = file.bytes.clone();
    changed[20] ^= 1;
    let longer = [file.bytes.as_slice(), b"x"].concat();
    for (bytes, status) in [(changed, 400), (longer, 413), (file.bytes[..9].to_vec(), 400), (Vec::new(), 400)] {
        assert_eq!(put(&visitor, path, bytes).await.0, status);
        let unsent = send(&visitor, &conversation, "m", "", &[id]).await;
        assert_eq!(refusal(&unsent, "sendMessage"), "FILE_NOT_UPLOADED");
    }
    assert_eq!(put(&visitor, path, file.bytes.clone()).await.0, 200);
    assert_eq!(refusal(&send(&visitor, &conversation, "m", "", &[id]).await, "sendMessage"), "");
    // A path of one file does not upload another.
    let other = announce(&visitor, &conversation, &NewFile::sample("b.png"), Value::Null).await;
    let other = other.text("createAttachmentUpload.upload.attachment.id");
    assert_eq!(put(&visitor, &path.replace(id, other), file.bytes).await.0, 401);
}

/// Returns the head of a PNG file with these sides, whose pixels are missing.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut file = files::sample("png");
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}

/// Returns an archive whose end names one file, and whose record of ZIP64 could name any number.
fn many_files() -> Vec<u8> {
    let mut file = files::sample("docx");
    let end = file.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").expected("an end");
    file[end + 16..end + 20].copy_from_slice(&[0xff; 4]);
    file
}

/// The checksum of the chunks of PNG (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[tokio::test]
async fn hostile_files_are_refused_or_harmless() {
    let AcceptedChat { app, sue, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let html = b"<!DOCTYPE html><script>alert(1)</script>";
    let macros: &[(&str, &[u8])] =
        &[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<xml/>"), ("word/vbaProject.bin", b"x")];
    for (name, bytes) in [
        ("svg.png", svg.to_vec()),
        ("html.png", html.to_vec()),
        ("html.pdf", html.to_vec()),
        ("html.csv", html.to_vec()),
        ("late.csv", [b"a,b\n".repeat(50).as_slice(), svg].concat()),
        ("zero.csv", b"a,b\0c".to_vec()),
        ("program.csv", b"\x7fELF\x02\x01\x01".to_vec()),
        ("program.jpg", b"MZ\x90\0".to_vec()),
        ("gif.jpg", files::sample("gif")),
        ("jpg.png", files::sample("jpg")),
        ("zip.docx", zip(&[("a.txt", b"a")])),
        ("docx.xlsx", files::sample("docx")),
        ("macros.docx", zip(macros)),
        ("xls.doc", files::sample("xls")),
        ("macros.xls", files::compound(&["/Workbook"], &["/_VBA_PROJECT_CUR"])),
        ("many.docx", many_files()),
        ("wide.csv", b"\xff\xfea\0\x01\0b\0".to_vec()),
        ("text.doc", b"text".to_vec()),
        ("pdf.doc", files::sample("pdf")),
        // The PDF begins behind an HTML page.
        ("polyglot.pdf", [html.as_slice(), &files::sample("pdf")].concat()),
        ("half.png", files::sample("png")[..20].to_vec()),
        ("avi.wav", files::sample("avi")),
        ("html.mp4", html.to_vec()),
    ] {
        let (_, status) = try_upload(&visitor, &conversation, &NewFile::of(name, bytes)).await;
        assert_eq!(status, 415, "{name}");
    }
    // Two letters at the beginning make no other format of a text.
    for (name, text) in [("cars.csv", "BMW,320d\n"), ("names.csv", "MZ,1\n"), ("tags.csv", "ID3,x\n")] {
        assert_eq!(try_upload(&visitor, &conversation, &NewFile::of(name, text.into())).await.1, 200, "{name}");
    }
    for (name, width, height) in [("wide.png", 30_000, 30_000), ("flat.png", 16_385, 1), ("many.png", 12_000, 12_000)] {
        let (_, status) = try_upload(&visitor, &conversation, &NewFile::of(name, png_of(width, height))).await;
        assert_eq!(status, 413, "{name}");
    }
    // A picture that is also a page is served as a picture that nothing runs. The pixels of another one are missing.
    let polyglot = [files::sample("gif").as_slice(), html].concat();
    for (name, bytes, thumbnail) in [("polyglot.gif", polyglot, true), ("large.png", png_of(9_000, 9_000), false)] {
        let id = upload(&visitor, &conversation, &NewFile::of(name, bytes)).await;
        send(&visitor, &conversation, name, "", &[&id]).await;
        let seen = files::files(&sue.clients[0], &conversation).await;
        let seen = seen.last().expected("a file");
        assert_eq!(seen["thumbnailUrl"].is_string(), thumbnail, "{name}");
        let answer = files::get(&visitor, seen["url"].as_str().expected("a path")).await;
        assert!(answer.headers()["content-type"].to_str().is_ok_and(|kind| kind.starts_with("image/")));
        assert!(answer.headers()["content-security-policy"].to_str().is_ok_and(|policy| policy.starts_with("sandbox")));
    }
    // An archive that unpacks to a gigabyte is passed on and never unpacked.
    let chat = app.chat(Channel::Email, "jane").await;
    app.answers(&chat, &sue, ParticipantRole::Owner).await;
    let bomb = zip(&[("zeros", &vec![0; 64 << 20])]);
    upload(&sue.clients[0], &chat.id.to_string(), &NewFile::of("bomb.zip", bomb)).await;
}
