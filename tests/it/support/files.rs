//! Files of messages: files of every type, and the calls that upload, send and download them.

use std::io::{Cursor, Write as _};

use image::{ImageFormat, Rgb, RgbImage};
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    Expected as _,
    graphql::{Answer, Client},
};

pub const CREATE: &str = include_str!("../operations/attachments/create.graphql");
pub const SEND: &str = include_str!("../operations/attachments/send.graphql");
pub const THREAD: &str = include_str!("../operations/attachments/thread.graphql");

/// Returns the digits of the SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Returns a ZIP archive with files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expected("a file");
        zip.write_all(bytes).expected("bytes");
    }
    zip.finish().expected("an archive").into_inner()
}

/// Returns a compound file with streams and storages.
pub fn compound(streams: &[&str], storages: &[&str]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expected("a compound file");
    for storage in storages {
        file.create_storage(storage).expected("a storage");
    }
    for stream in streams {
        file.create_stream(stream).expected("a stream").write_all(b"text").expected("bytes");
    }
    file.into_inner().into_inner()
}

fn picture(format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(6, 4, Rgb([200, 10, 10])).write_to(&mut file, format).expected("a picture");
    file.into_inner()
}

/// Returns the bytes of a small file of a type, by its ending. The heads are those of the formats' specifications.
pub fn sample(extension: &str) -> Vec<u8> {
    let office = |folder: &str| zip(&[("[Content_Types].xml", b"<Types/>"), (folder, b"<xml/>")]);
    let head = |bytes: &[u8]| [bytes, &[0; 64]].concat();
    match extension {
        "txt" => "Liebe Grüße\n안녕하세요\n".into(),
        "csv" => "name,number\nJane,1\n".into(),
        "doc" => compound(&["/WordDocument"], &[]),
        "docx" => office("word/document.xml"),
        "ppt" => compound(&["/PowerPoint Document"], &[]),
        "pptx" => office("ppt/presentation.xml"),
        "xls" => compound(&["/Workbook"], &[]),
        "xlsx" => office("xl/workbook.xml"),
        "pdf" => b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n".into(),
        "png" => picture(ImageFormat::Png),
        "jpg" | "jpeg" => picture(ImageFormat::Jpeg),
        "gif" => picture(ImageFormat::Gif),
        "webp" => picture(ImageFormat::WebP),
        "bmp" => head(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x06\0\0\0\x04\0\0\0"),
        "zip" => zip(&[("a.txt", b"a")]),
        "mp3" => head(b"ID3\x04\0\0"),
        "wav" => head(b"RIFF\x24\0\0\0WAVEfmt "),
        "ogg" => head(b"OggS\0\x02"),
        "m4a" => head(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42"),
        "aac" => head(b"\xff\xf1\x50\x80"),
        "amr" => head(b"#!AMR\n"),
        "mp4" => head(b"\0\0\0\x18ftypisom\0\0\x02\0isommp41"),
        "3gp" => head(b"\0\0\0\x18ftyp3gp4\0\0\x02\0isom3gp4"),
        "avi" => head(b"RIFF\x24\0\0\0AVI LIST"),
        "flv" => head(b"FLV\x01\x05\0\0\0\x09"),
        "mkv" => head(
            b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x88matroska",
        ),
        other => panic!("no sample of {other}"),
    }
}

/// A file as a client announces it.
#[derive(Clone, Debug)]
pub struct NewFile<'a> {
    pub name: &'a str,
    pub media_type: &'a str,
    pub bytes: Vec<u8>,
}

impl<'a> NewFile<'a> {
    /// Returns a file whose media type the client does not know.
    pub fn of(name: &'a str, bytes: Vec<u8>) -> Self {
        Self { name, media_type: "", bytes }
    }

    /// Returns the sample of the type that the name's ending has.
    pub fn sample(name: &'a str) -> Self {
        let (_, extension) = name.rsplit_once('.').expected("an ending");
        Self::of(name, sample(extension))
    }
}

/// Announces a file. The id of the upload is its name unless `more` has another.
pub async fn announce(client: &Client, conversation: &str, file: &NewFile<'_>, more: Value) -> Answer {
    let mut input = json!({
        "conversationId": conversation,
        "clientUploadId": file.name,
        "name": file.name,
        "mediaType": file.media_type,
        "byteSize": file.bytes.len(),
        "sha256": sha256(&file.bytes),
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    client.ask(CREATE, json!({ "input": input })).await
}

/// Returns the code of the first refusal of a call, or an empty string.
pub fn refusal<'a>(answer: &'a Answer, call: &str) -> &'a str {
    assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    answer.body["data"][call]["userErrors"][0]["code"].as_str().unwrap_or_default()
}

/// Puts bytes to a path. Returns the status and the answer.
pub async fn put(client: &Client, path: &str, bytes: Vec<u8>) -> (u16, Value) {
    let answer = reqwest::Client::new().put(format!("{}{path}", client.url)).body(bytes).send().await;
    let answer = answer.expected("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Announces a file and uploads its bytes. Returns its id, and the status of the upload.
pub async fn try_upload(client: &Client, conversation: &str, file: &NewFile<'_>) -> (String, u16) {
    let announced = announce(client, conversation, file, Value::Null).await;
    let id = announced.text("createAttachmentUpload.upload.attachment.id").to_owned();
    let path = announced.text("createAttachmentUpload.upload.url");
    (id, put(client, path, file.bytes.clone()).await.0)
}

/// Announces a file and uploads its bytes. Returns its id.
pub async fn upload(client: &Client, conversation: &str, file: &NewFile<'_>) -> String {
    let (id, status) = try_upload(client, conversation, file).await;
    assert_eq!(status, 200, "{}", file.name);
    id
}

/// Sends a message with files.
pub async fn send(client: &Client, conversation: &str, id: &str, body: &str, files: &[&str]) -> Answer {
    let input = json!({ "conversationId": conversation, "clientMessageId": id, "body": body, "attachmentIds": files });
    client.ask(SEND, json!({ "input": input })).await
}

/// Returns the files of all messages that a client sees.
pub async fn files(client: &Client, conversation: &str) -> Vec<Value> {
    let thread = client.ask(THREAD, json!({ "id": conversation })).await;
    let items = thread.at("conversation.items.nodes").as_array().expected("items");
    items.iter().flat_map(|item| item["attachments"].as_array().cloned().unwrap_or_default()).collect()
}

/// Downloads a path without a header.
pub async fn get(client: &Client, path: &str) -> Response {
    reqwest::get(format!("{}{path}", client.url)).await.expected("an answer")
}

/// Downloads the bytes of a path.
pub async fn download(client: &Client, path: &str) -> Vec<u8> {
    let answer = get(client, path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.expected("bytes").to_vec()
}
