//! The store of files: crashes, memory, the virus scanner, and the archive of an account.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    path::Path,
    sync::Arc,
};

use api::attachments::retention;
use chrono::{DateTime, Duration, Utc};
use entity::id::AttachmentId;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::support::{
    Expected as _,
    app::TestApp,
    database::TestDatabase,
    eventually,
    files::{self, NewFile, announce, download, put, refusal, send, try_upload, upload},
    graphql::Client,
    process::{self, Server},
    rounds, visitors,
};

/// Returns a text of a length that differs from others of the same length.
fn text(length: usize, seed: usize) -> Vec<u8> {
    let mut bytes = format!("{seed}\n").into_bytes();
    bytes.extend((bytes.len()..length).map(|at| b'a' + u8::try_from((at * 7 + seed) % 26).unwrap_or_default()));
    bytes
}

/// Starts a chat at the demo's web site. Returns the visitor and the conversation.
async fn demo_chat(url: &str, ada: &str) -> (Client, String) {
    let query = "{ entryPoints { id channel } }";
    let answer = Client::new(url, Some(ada.to_owned())).ask(query, Value::Null).await;
    let all = answer.at("entryPoints").as_array().expected("entry points");
    let site = all.iter().find(|one| one["channel"] == "WEBCHAT").expected("a web site");
    let input = json!({ "entryPointId": site["id"], "message": { "clientMessageId": "1", "body": "Hello" },
        "fields": [{ "name": "name", "value": "Jane" }, { "name": "email", "value": "jane@example.org" }] });
    let started = Client::new(url, None).ask(visitors::START, json!({ "input": input })).await;
    let token = started.text("startWebChat.visitorToken").to_owned();
    (Client::new(url, Some(token)), started.text("startWebChat.conversation.id").to_owned())
}

fn token_of(database: &TestDatabase, handle: &str) -> String {
    let settings = [("RAPPORT_DATABASE_URL", database.url.as_str()), ("RAPPORT_LOG", "error")];
    let token = process::run(database.directory.path(), &settings, &["token", "--user", handle, "--expires", "1d"]);
    String::from_utf8(token.stdout).expected("text").trim().to_owned()
}

/// Returns the names of the files in a folder and below it.
fn kept(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            names.extend(kept(&entry.path()));
        } else {
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_during_uploads_loses_nothing_that_was_acknowledged_and_leaves_no_orphan() {
    let database = TestDatabase::new().await;
    let mut server = Server::start(&database, &[]);
    let ada = token_of(&database, "ada");
    let (mut visitor, conversation) = demo_chat(&server.url, &ada).await;
    let stored = Arc::new(Mutex::new(BTreeMap::<String, Vec<u8>>::new()));
    for round in 0..rounds(3).min(20) {
        let uploaders: Vec<_> = (0..4)
            .map(|writer| {
                let (visitor, conversation, stored) = (visitor.clone(), conversation.clone(), Arc::clone(&stored));
                tokio::spawn(async move {
                    for number in 0.. {
                        let name = format!("{round}-{writer}-{number}.csv");
                        let length = if number % 3 == 0 { 6 << 20 } else { 40_000 };
                        let file = NewFile::of(&name, text(length, number + 1_000 * writer));
                        let input = json!({ "conversationId": conversation, "clientUploadId": name, "name": name,
                            "byteSize": length, "sha256": files::sha256(&file.bytes) });
                        let announced = visitor.try_ask(files::CREATE, json!({ "input": input })).await;
                        let Ok(announced) = announced else { return };
                        let upload = &announced.body["data"]["createAttachmentUpload"]["upload"];
                        let path = upload["url"].as_str().expected("a path");
                        let id = upload["attachment"]["id"].as_str().expected("an id").to_owned();
                        let request = reqwest::Client::new().put(format!("{}{path}", visitor.url));
                        match request.body(file.bytes.clone()).send().await {
                            Ok(answer) if answer.status() == 200 => stored.lock().insert(id, file.bytes),
                            _ => return,
                        };
                    }
                })
            })
            .collect();
        let enough = stored.lock().len() + 6 + round % 5;
        eventually("uploads are acknowledged", || async { stored.lock().len() >= enough }).await;
        server.kill();
        for uploader in uploaders {
            uploader.await.expected("an uploader");
        }
        server = Server::start(&database, &[]);
        visitor.url = server.url.clone();
    }
    let stored = stored.lock().clone();
    let ids: Vec<&String> = stored.keys().collect();
    let mut sent = BTreeSet::new();
    for (number, three) in ids.chunks(3).enumerate() {
        let answer = send(&visitor, &conversation, &format!("m{number}"), "", &[three[0].as_str()]).await;
        assert_eq!(refusal(&answer, "sendMessage"), "");
        sent.insert(AttachmentId::parse(three[0]).expected("an id").0.to_string());
    }
    for (id, bytes) in &stored {
        let path = "query($id: ID!) { node(id: $id) { ... on Attachment { url } } }";
        let path = visitor.ask(path, json!({ "id": id })).await.text("node.url").to_owned();
        assert_eq!(download(&visitor, &path).await, *bytes, "{id}");
    }
    drop(server);
    // Two days later only the files that were sent are left.
    let app = TestApp::on(database, 1, &[]).await;
    // The server had the time of the machine, which the clock of the test does not know.
    let newest = std::fs::metadata(app.database.files()).and_then(|about| about.modified()).expected("a time");
    let later = DateTime::<Utc>::from(newest) + Duration::days(2);
    app.clock.advance(later - app.clock.now());
    retention::prune(app.app()).await.expected("a run");
    app.app().files.sweep(later.into()).await.expected("a sweep");
    assert_eq!(kept(Path::new(&app.database.files())), sent);
}

/// Returns the most memory that a process has had, in bytes.
fn peak_memory(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expected("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expected("a line");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expected("a number");
    kilobytes << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn long_files_go_up_and_down_in_little_memory() {
    const LONGEST: usize = 25 << 20;
    let database = TestDatabase::new().await;
    let server = Server::start(&database, &[]);
    let (visitor, conversation) = demo_chat(&server.url, &token_of(&database, "ada")).await;
    let small = upload(&visitor, &conversation, &NewFile::of("small.csv", text(40_000, 1))).await;
    send(&visitor, &conversation, "small", "", &[&small]).await;
    let before = peak_memory(server.pid());
    for number in 0..4 {
        let name = format!("{number}.csv");
        let file = NewFile::of(&name, text(LONGEST, number));
        let id = upload(&visitor, &conversation, &file).await;
        let sent = send(&visitor, &conversation, &name, "", &[&id]).await;
        let path = sent.text("sendMessage.message.attachments.0.url");
        assert!(download(&visitor, path).await == file.bytes);
    }
    let grown = peak_memory(server.pid()).saturating_sub(before);
    println!("four files of 25 MiB up and down: the peak of memory grew by {} KiB", grown >> 10);
    assert!(grown < LONGEST, "{grown} bytes");
    // Pictures are decoded one at a time, however many come at once.
    let mut picture = files::sample("jpg");
    picture.resize(LONGEST, 0);
    let names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"];
    let pictures = names.map(|name| NewFile::of(name, picture.clone()));
    let uploads = pictures.iter().map(|picture| upload(&visitor, &conversation, picture));
    futures_util::future::join_all(uploads).await;
    let grown = peak_memory(server.pid()).saturating_sub(before);
    println!("four pictures of 25 MiB at once: the peak of memory grew by {} KiB in all", grown >> 10);
    assert!(grown < 3 * LONGEST, "{grown} bytes");
}

/// A stand-in for clamd: it speaks `INSTREAM` of clamd(8) and finds the word EICAR. `None` answers as for a stream that
/// is too long.
async fn scanner(finds: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expected("a port");
    let address = listener.local_addr().expected("an address");
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut command = [0; 10];
            connection.read_exact(&mut command).await.expected("a command");
            assert_eq!(&command, b"zINSTREAM\0");
            let mut bytes = Vec::new();
            loop {
                let length = connection.read_u32().await.expected("a length");
                if length == 0 {
                    break;
                }
                let mut chunk = vec![0; usize::try_from(length).expected("a length")];
                connection.read_exact(&mut chunk).await.expected("a chunk");
                bytes.extend(chunk);
            }
            let answer = match finds {
                None => "INSTREAM size limit exceeded. ERROR\0",
                Some(word) if String::from_utf8_lossy(&bytes).contains(word) => "stream: Eicar-Signature FOUND\0",
                Some(_) => "stream: OK\0",
            };
            connection.write_all(answer.as_bytes()).await.expected("an answer");
        }
    });
    format!("clamd://{address}")
}

/// Starts an instance with a scanner, and a chat.
async fn scanned(address: &str) -> (TestApp, Client, String) {
    let app = TestApp::with(1, &[("RAPPORT_SCANNER", address)]).await;
    let site = app.web_site("shop").await;
    let (visitor, conversation) = visitors::visitor(&app, &site).await;
    (app, visitor, conversation)
}

#[tokio::test]
async fn nobody_reads_a_file_before_the_scanner_has_seen_it() {
    let (app, visitor, conversation) = scanned(&scanner(Some("EICAR")).await).await;
    let id = upload(&visitor, &conversation, &NewFile::sample("a.csv")).await;
    let sent = send(&visitor, &conversation, "m", "", &[&id]).await;
    assert_eq!(sent.at("sendMessage.message.attachments.0.scan"), "CLEAN");
    let infected = NewFile::of("b.csv", b"X5O!P%@AP EICAR-STANDARD-ANTIVIRUS-TEST-FILE".to_vec());
    let announced = announce(&visitor, &conversation, &infected, Value::Null).await;
    let path = announced.text("createAttachmentUpload.upload.url");
    let (status, answer) = put(&visitor, path, infected.bytes.clone()).await;
    assert_eq!((status, answer["errors"][0]["extensions"]["code"].as_str()), (422, Some("FILE_INFECTED")));
    let id = announced.text("createAttachmentUpload.upload.attachment.id");
    assert_eq!(refusal(&send(&visitor, &conversation, "n", "", &[id]).await, "sendMessage"), "FILE_NOT_UPLOADED");
    assert_eq!(kept(Path::new(&app.database.files())).len(), 1);
}

#[tokio::test]
async fn without_a_verdict_of_the_scanner_a_file_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expected("a port");
    let closed = format!("clamd://{}", listener.local_addr().expected("an address"));
    drop(listener);
    for address in [closed, scanner(None).await] {
        let (app, visitor, conversation) = scanned(&address).await;
        let (_, status) = try_upload(&visitor, &conversation, &NewFile::sample("a.csv")).await;
        assert_eq!(status, 503);
        assert!(kept(Path::new(&app.database.files())).is_empty());
    }
}

#[tokio::test]
async fn the_archive_of_an_account_has_the_files_of_its_conversations() {
    let app = TestApp::new().await;
    let [jane, richard] = app.people(["jane", "richard"]).await;
    let request = jane.asks(&richard).await;
    richard.does("acceptConnectionRequest", &request).await;
    let start = "mutation($id: ID!) { startDirectConversation(input: { userId: $id }) { conversation { id } } }";
    let started = jane.ask(start, json!({ "id": richard.id.to_string() })).await;
    let conversation = started.text("startDirectConversation.conversation.id");
    let (mine, theirs) = (&jane.clients[0], &richard.clients[0]);
    let photo = NewFile::sample("사진.png");
    let id = upload(mine, conversation, &photo).await;
    send(mine, conversation, "1", "Look", &[&id]).await;
    // Two users may send all types.
    let notes = NewFile::sample("notes.txt");
    let other = upload(theirs, conversation, &notes).await;
    send(theirs, conversation, "1", "", &[&other]).await;
    let export = "mutation { exportAccount(input: {}) { url } }";
    let answer = mine.ask(export, Value::Null).await;
    let archive = download(mine, answer.text("exportAccount.url")).await;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).expected("an archive");
    for (id, file) in [(&id, &photo), (&other, &notes)] {
        let mut bytes = Vec::new();
        let mut entry = archive.by_name(&format!("files/{id}/{}", file.name)).expected("a file");
        entry.read_to_end(&mut bytes).expected("bytes");
        assert_eq!(bytes, file.bytes);
    }
    let messages: Value =
        serde_json::from_reader(archive.by_name("messages.json").expected("messages")).expected("JSON");
    assert_eq!(messages[0]["files"][0]["file"], format!("files/{id}/사진.png"));
}
