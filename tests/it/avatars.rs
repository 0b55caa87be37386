//! Tests of uploaded pictures: what files they accept, what they show, to whom, and when they end.

use std::io::Cursor;

use image::{
    Delay, Frame, ImageEncoder as _, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder},
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::{
    Expected as _,
    accounts::{about_account, key, refusal, with_password},
    app::TestApp,
    avatars::{picture, plain, put, status, upload, upload_path},
    eventually,
    graphql::Client,
    plans,
    visitors::accepted_chat,
};

const RED: [u8; 3] = [200, 20, 20];
const BLUE: [u8; 3] = [20, 20, 200];
const UPDATE: &str = "mutation($url: String) { updateProfile(input: { avatarUrl: $url }) { outcome user { avatarUrl } \
                      userErrors { code field } } }";

/// Asserts that a colour is near another. JPEG changes colours a little.
fn near(pixel: Rgb<u8>, colour: [u8; 3]) {
    let distance = pixel.0.iter().zip(colour).map(|(a, b)| a.abs_diff(b)).max();
    assert!(distance.is_some_and(|distance| distance < 24), "{pixel:?} is not {colour:?}");
}

async fn address(client: &Client, size: i32) -> Option<String> {
    let answer = client.ask("query($s: Int!) { viewer { actor { avatarUrl(size: $s) } } }", json!({ "s": size })).await;
    answer.body["data"]["viewer"]["actor"]["avatarUrl"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_picture_is_shown_in_four_sizes_and_a_repeated_upload_changes_nothing() {
    let app = TestApp::two().await;
    let [jane, tom] = app.people(["jane", "tom"]).await;
    let client = &jane.clients[0];
    let path = upload_path(client).await;
    // The middle of a wide picture is kept.
    let mut wide = RgbImage::from_pixel(900, 300, Rgb(BLUE));
    for (x, _, pixel) in wide.enumerate_pixels_mut() {
        if (300..600).contains(&x) {
            *pixel = Rgb(RED);
        }
    }
    let mut file = Cursor::new(Vec::new());
    wide.write_to(&mut file, ImageFormat::Png).expected("a file");
    let file = file.into_inner();
    let first: Value = put(client, &path, file.clone()).await.json().await.expected("JSON");
    assert_eq!(first["outcome"], "APPLIED", "{first}");
    let events = app.database.number("SELECT count(*) FROM event").await;
    let again: Value = put(client, &path, file).await.json().await.expected("JSON");
    assert_eq!(again, json!({ "outcome": "NO_CHANGE", "avatarUrl": first["avatarUrl"] }));
    assert_eq!(app.database.number("SELECT count(*) FROM event").await, events);
    for (asked, width) in [(-1, 64), (48, 64), (65, 128), (256, 256), (400, 512), (2_000, 512)] {
        let query = "query($id: ID!, $s: Int!) { user(id: $id) { avatarUrl(size: $s) } }";
        let answer = tom.ask(query, json!({ "id": jane.id(), "s": asked })).await;
        let picture = picture(client, answer.text("user.avatarUrl")).await;
        assert_eq!(picture.dimensions(), (width, width), "{asked}");
        near(picture[(1, 1)], RED);
        near(picture[(width - 2, width - 2)], RED);
    }
    assert_eq!(address(client, 128).await.as_deref(), first["avatarUrl"].as_str());
    // Another file has another address, and the earlier picture ends.
    let (_, other) = upload(client, plain(ImageFormat::WebP, (40, 40), BLUE)).await;
    assert_eq!(other["outcome"], "APPLIED");
    near(picture(client, other["avatarUrl"].as_str().expected("an address")).await[(5, 5)], BLUE);
    assert_eq!(status(client, first["avatarUrl"].as_str().expected("an address")).await, 404);
}

/// The top and the left of a stored picture, as sides of the upright one, for the orientations 1 to 8 (Exif 2.32,
/// section 4.6.4 A).
const SIDES: [(&str, &str); 8] = [
    ("top", "left"),
    ("top", "right"),
    ("bottom", "right"),
    ("bottom", "left"),
    ("left", "top"),
    ("right", "top"),
    ("right", "bottom"),
    ("left", "bottom"),
];

/// Returns Exif data with an orientation: a TIFF header and one entry with the tag 274.
fn exif(orientation: u8) -> Vec<u8> {
    let mut data = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    data.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
    data.extend(b"secret place");
    data
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_stands_upright_and_does_not_tell_what_its_camera_noted() {
    const WHITE: [u8; 3] = [250, 250, 250];
    const GREEN: [u8; 3] = [20, 200, 20];
    let app = TestApp::new().await;
    let jane = app.person("jane").await;
    let client = &jane.clients[0];
    for (orientation, (first_row, first_column)) in (1..).zip(SIDES) {
        let mut stored = RgbImage::new(64, 64);
        for (x, y, pixel) in stored.enumerate_pixels_mut() {
            // Each stored pixel lies on the named side, or on the side opposite to it.
            let on = |side: &str| match side {
                name if name == first_row => y < 32,
                name if name == first_column => x < 32,
                "left" if first_row == "right" => y >= 32,
                "left" => x >= 32,
                _ if first_row == "bottom" => y >= 32,
                _ => x >= 32,
            };
            *pixel = Rgb(match (on("top"), on("left")) {
                (true, true) => RED,
                (true, false) => GREEN,
                (false, true) => BLUE,
                (false, false) => WHITE,
            });
        }
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, 95);
        encoder.set_exif_metadata(exif(orientation)).expected("Exif data");
        encoder.encode_image(&stored).expected("a file");
        let (_, answer) = upload(client, file).await;
        let address = answer["avatarUrl"].as_str().expected("an address");
        let shown = picture(client, address).await;
        for ((x, y), colour) in [((20, 20), RED), ((108, 20), GREEN), ((20, 108), BLUE), ((108, 108), WHITE)] {
            near(shown[(x, y)], colour);
        }
        let bytes = reqwest::get(format!("{}{address}", client.url)).await.expected("an answer").bytes().await;
        let bytes = bytes.expected("a file");
        assert!(!bytes.windows(6).any(|part| part == b"secret"), "{orientation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transparent_parts_are_white_and_a_moving_picture_stands_still() {
    let app = TestApp::new().await;
    let jane = app.person("jane").await;
    let client = &jane.clients[0];
    let mut clear = Cursor::new(Vec::new());
    RgbaImage::from_pixel(80, 80, Rgba([0, 0, 0, 0])).write_to(&mut clear, ImageFormat::Png).expected("a file");
    let mut moving = Vec::new();
    let mut encoder = GifEncoder::new(&mut moving);
    for colour in [RED, BLUE] {
        let frame = RgbaImage::from_pixel(50, 50, Rgba([colour[0], colour[1], colour[2], 255]));
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(100, 1))).expected("a frame");
    }
    drop(encoder);
    for (file, colour) in [(clear.into_inner(), [255, 255, 255]), (moving, RED)] {
        let (status, answer) = upload(client, file).await;
        assert_eq!(status, 200, "{answer}");
        near(picture(client, answer["avatarUrl"].as_str().expected("an address")).await[(30, 30)], colour);
    }
}

/// Returns the start of a PNG file with the header of a picture of `side` by `side` pixels (PNG, third edition,
/// section 11.2.1).
fn claimed(side: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(side.to_be_bytes());
    header.extend(side.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut check = flate2::Crc::new();
    check.update(&header);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend(&header);
    file.extend(check.sum().to_be_bytes());
    // A chunk of data follows, so that a decoder goes on.
    file.extend(b"\0\0\0\x01IDAT\x78\0\0\0\0");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_picture_is_refused_with_the_reason() {
    let app = TestApp::new().await;
    let jane = app.person("jane").await;
    let client = &jane.clients[0];
    let whole = plain(ImageFormat::Png, (90, 90), RED);
    let jpeg = plain(ImageFormat::Jpeg, (90, 90), RED);
    for (what, file, expected) in [
        ("nothing", Vec::new(), (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("a text", b"hello".to_vec(), (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("SVG", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("TIFF", b"II*\0\x08\0\0\0\0\0".to_vec(), (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("a form", b"--x\r\ncontent-disposition: form-data\r\n\r\n".to_vec(), (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("half a JPEG", jpeg[..jpeg.len() / 2].to_vec(), (400, "INVALID")),
        ("half a PNG", whole[..whole.len() / 2].to_vec(), (400, "INVALID")),
        ("the start of a JPEG", jpeg[..30].to_vec(), (400, "INVALID")),
        ("the start of a GIF", b"GIF89a".to_vec(), (400, "INVALID")),
        ("the start of a WebP", b"RIFF\x08\0\0\0WEBP".to_vec(), (400, "INVALID")),
        ("a side too long", claimed(8_193), (413, "LIMIT_EXCEEDED")),
        ("too many pixels", claimed(8_192), (413, "LIMIT_EXCEEDED")),
        ("a bomb", claimed(2_000_000_000), (413, "LIMIT_EXCEEDED")),
        ("a file too long", vec![0xff; (8 << 20) + 1], (413, "LIMIT_EXCEEDED")),
    ] {
        let (status, answer) = upload(client, file).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        assert_eq!((status, code), expected, "{what}: {answer}");
    }
    assert_eq!(address(client, 128).await, None);
    // What is refused leaves the picture as it was.
    let (_, kept) = upload(client, whole).await;
    assert_eq!(upload(client, b"hello".to_vec()).await.0, 415);
    assert_eq!(address(client, 128).await.as_deref(), kept["avatarUrl"].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_person_uploads_and_the_link_ends_with_their_rights() {
    let app = TestApp::two().await;
    let (_, client) = with_password(&app, "jane").await;
    let file = plain(ImageFormat::Png, (90, 90), RED);
    let path = upload_path(&client).await;
    assert_eq!(put(&client, "/avatar", file.clone()).await.status(), 401);
    assert_eq!(put(&client, &path.replace("ticket=", "ticket=x"), file.clone()).await.status(), 401);
    // A link to another file does not open this one, and the other way round.
    let card = client.ask("{ viewer { user { vCardUrl } } }", Value::Null).await;
    let ticket = |path: &str| path.split_once("ticket=").expected("a ticket").1.to_owned();
    let swapped = format!("/avatar?ticket={}", ticket(card.text("viewer.user.vCardUrl")));
    assert_eq!(put(&client, &swapped, file.clone()).await.status(), 401);
    // A header works too.
    let by_header = reqwest::Client::new().put(format!("{}/avatar", client.url)).body(file.clone());
    let by_header = by_header.bearer_auth(client.token.clone().expected("a token")).send().await.expected("an answer");
    assert_eq!(by_header.status(), 200);
    let (secret, _) = key(&client, json!({ "name": "x", "scopes": ["PROFILE_READ"] })).await;
    let reader = Client::new(&client.url, Some(secret));
    let refused = reader.ask("{ viewer { avatarUploadUrl user { handle } } }", Value::Null).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    assert_eq!(refused.body["data"]["viewer"], json!({ "avatarUploadUrl": null, "user": { "handle": "jane" } }));
    client.ask("mutation { signOut { outcome } }", Value::Null).await;
    for instance in &app.instances {
        let there = Client::new(&instance.url, None);
        eventually("the link has ended", || async { put(&there, &path, Vec::new()).await.status() == 401 }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_sent_back_keeps_the_upload_and_another_address_replaces_it() {
    let app = TestApp::two().await;
    let jane = app.person("jane").await;
    let client = &jane.clients[0];
    let file = plain(ImageFormat::Jpeg, (90, 90), RED);
    let (_, uploaded) = upload(client, file.clone()).await;
    let small = address(client, 10).await;
    let same = jane.ask(UPDATE, json!({ "url": small })).await;
    assert_eq!(same.text("updateProfile.outcome"), "NO_CHANGE", "{}", same.body);
    let whole = format!("https://rapport.example.org{}", small.as_deref().expected("an address"));
    let same = jane.ask(UPDATE, json!({ "url": whole })).await;
    assert_eq!(same.text("updateProfile.outcome"), "NO_CHANGE", "{}", same.body);
    let foreign = jane.ask(UPDATE, json!({ "url": "/avatars/0123/64.jpg" })).await;
    assert_eq!(
        foreign.at("updateProfile.userErrors"),
        &json!([{ "code": "INVALID", "field": ["input", "avatarUrl"] }])
    );
    // Another field changes while the picture stays.
    let titled = jane.ask("mutation { updateProfile(input: { title: \"Poet\" }) { outcome } }", Value::Null).await;
    assert_eq!(titled.text("updateProfile.outcome"), "APPLIED");
    let uploaded = uploaded["avatarUrl"].as_str().expected("an address");
    assert_eq!(status(client, uploaded).await, 200);
    for replacement in [json!("https://example.org/me.png"), json!(null)] {
        upload(client, file.clone()).await;
        let replaced = jane.ask(UPDATE, json!({ "url": replacement })).await;
        assert_eq!(replaced.body["data"]["updateProfile"]["user"]["avatarUrl"], replacement);
        assert_eq!(status(client, uploaded).await, 404);
        assert_eq!(app.database.number("SELECT count(*) FROM avatar").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_changes_at_the_same_time_leave_one_picture() {
    let app = TestApp::two().await;
    let jane = app.person("jane").await;
    let paths = [upload_path(&jane.clients[0]).await, upload_path(jane.clients.last().expected("a client")).await];
    for round in 0..crate::support::rounds(6) {
        let file = |shade: usize| {
            let shade = u8::try_from((round * 3 + shade) % 256).unwrap_or_default();
            plain(ImageFormat::Png, (64, 64), [shade, 0, 0])
        };
        let last = jane.clients.last().expected("a client");
        let (first, second, third, linked) = tokio::join!(
            put(&jane.clients[0], &paths[0], file(0)),
            put(last, &paths[1], file(1)),
            put(last, &paths[1], file(2)),
            jane.ask(UPDATE, json!({ "url": "https://example.org/me.png" })),
        );
        for upload in [first, second, third] {
            assert_eq!(upload.status(), 200);
        }
        assert_eq!(linked.at("updateProfile.userErrors"), &json!([]));
        let stored = app.database.texts("SELECT avatar_url FROM \"user\" WHERE handle = 'jane'").await;
        let rows = app.database.texts("SELECT '/avatars/' || token FROM avatar ORDER BY size").await;
        let uploaded = stored[0].starts_with("/avatars/");
        assert_eq!(rows, if uploaded { vec![stored[0].clone(); 4] } else { Vec::new() }, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_sees_the_picture_of_their_agent_and_a_deleted_account_takes_it_along() {
    let chat = Box::pin(accepted_chat()).await;
    let sue = &chat.sue;
    let (_, uploaded) = upload(&sue.clients[0], plain(ImageFormat::Png, (90, 90), RED)).await;
    let query =
        "query($c: ID!) { conversation(id: $c) { participants { actor { __typename avatarUrl(size: 128) } } } }";
    let seen = chat.visitor.ask(query, json!({ "c": chat.conversation })).await.body.to_string();
    let address = uploaded["avatarUrl"].as_str().expected("an address");
    assert!(seen.contains("Representative") && seen.contains(address), "{seen}");
    assert!(!address.contains(&sue.id.0.to_string()) && !address.contains(&sue.id.0.simple().to_string()));
    near(picture(&chat.visitor, address).await[(9, 9)], RED);
    let app = &chat.app;
    app.statements();
    status(&sue.clients[0], address).await;
    let statements = app.statements();
    assert_eq!(statements.len(), 1, "{statements:#?}");
    for statement in statements {
        let plan = plans::explain(app.app(), &statement, true).await;
        assert!(plans::scans(&plan).is_empty(), "{}\n{plan}", statement.sql);
    }
    let (_, client) = with_password(app, "jane").await;
    let (_, uploaded) = upload(&client, plain(ImageFormat::Png, (90, 90), BLUE)).await;
    let address = uploaded["avatarUrl"].as_str().expected("an address");
    assert_eq!(status(&client, address).await, 200);
    assert_eq!(refusal(&about_account(&client, "deleteAccount", json!({ "password": "correct horse" })).await), "");
    assert_eq!(status(&client, address).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_names_no_picture_is_not_found() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    let token = "0123456789abcdef0123456789abcdef";
    for address in [
        format!("/avatars/{token}/64.jpg"),
        format!("/avatars/{token}/65.jpg"),
        format!("/avatars/{token}/64.png"),
        format!("/avatars/{token}/-64.jpg"),
        format!("/avatars/{token}/99999999999.jpg"),
        "/avatars/%00/64.jpg".to_owned(),
        "/avatars/%FF/64.jpg".to_owned(),
        "/avatars/../64.jpg".to_owned(),
    ] {
        let found = status(&client, &address).await;
        assert!(found == 404 || found == 400 && address.contains("%FF"), "{address}: {found}");
    }
}

/// A caller may send four files at once, and an instance receives sixteen, pictures or vCards.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_receives_a_bounded_number_of_files_at_once() {
    let app = TestApp::new().await;
    let people = app.people(["ann", "ben", "cem", "dan", "eli"]).await;
    let mut open = Vec::new();
    for person in &people[..4] {
        for _ in 0..4 {
            let path = upload_path(&person.clients[0]).await;
            let host = person.clients[0].url.strip_prefix("http://").expected("an address").to_owned();
            let mut stream = tokio::net::TcpStream::connect(&host).await.expected("a connection");
            let head = format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1000\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expected("sent");
            open.push(stream);
        }
    }
    let eli = &people[4].clients[0];
    let path = upload_path(eli).await;
    let file = plain(ImageFormat::Png, (64, 64), RED);
    eventually("all slots are taken", || async { put(eli, &path, file.clone()).await.status() == 503 }).await;
    let refused: Value = put(eli, &path, file.clone()).await.json().await.expected("JSON");
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{refused}");
    let card = reqwest::Client::new().post(format!("{}/contacts.vcf", eli.url)).header("content-type", "text/vcard");
    let card = card.bearer_auth(&people[4].token).body("BEGIN:VCARD").send().await.expected("an answer");
    assert_eq!(card.status(), 503);
    drop(open);
    eventually("a slot is free", || async { put(eli, &path, file.clone()).await.status() == 200 }).await;
}
