//! Files of messages, through the door: announced, uploaded, sent, downloaded, removed.

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    files::{self, NewFile, announce, download, put, refusal, send, upload},
    graphql::Client,
    plans,
    visitors::{AcceptedChat, accepted_chat},
};

#[tokio::test]
async fn each_side_sees_and_downloads_the_files_of_the_other() {
    let AcceptedChat { app, sue, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let photo = NewFile { name: "사진 1.png", media_type: "image/png", bytes: files::sample("png") };
    let report = NewFile { name: "report.pdf", media_type: "application/pdf", bytes: files::sample("pdf") };
    let agent = app.instances.last().map(|instance| Client::new(&instance.url, Some(sue.token.clone())));
    let agent = &agent.expected("an instance");
    for (from, to, file) in [(&visitor, agent, &photo), (agent, &visitor, &report)] {
        let id = upload(from, &conversation, file).await;
        let sent = send(from, &conversation, file.name, "Look", &[&id]).await;
        assert_eq!(sent.at("sendMessage.message.attachments.0.name"), file.name);
        let seen = files::files(to, &conversation).await;
        let seen = seen.last().expected("a file");
        assert_eq!((seen["id"].as_str(), seen["name"].as_str()), (Some(id.as_str()), Some(file.name)));
        assert_eq!(seen["mediaType"], file.media_type);
        assert_eq!(seen["byteSize"], file.bytes.len());
        let path = seen["url"].as_str().expected("a path");
        assert_eq!(download(to, path).await, file.bytes);
        let answer = files::get(to, path).await;
        let header = |name: &str| answer.headers()[name].to_str().expected(name).to_owned();
        assert_eq!(header("content-type"), file.media_type);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("sandbox"));
        assert!(header("content-disposition").starts_with("attachment; filename="));
        assert_eq!(header("content-length"), file.bytes.len().to_string());
    }
    let seen = files::files(agent, &conversation).await;
    assert_eq!((&seen[0]["width"], &seen[0]["height"]), (&json!(6), &json!(4)));
    let small = download(agent, seen[0]["thumbnailUrl"].as_str().expected("a path")).await;
    assert_eq!(image::guess_format(&small).ok(), Some(ImageFormat::Jpeg));
    assert_eq!(seen[1]["thumbnailUrl"], Value::Null);
    let query = format!("{{ conversation(id: \"{conversation}\") {{ transcript }} }}");
    let transcript = agent.ask(&query, Value::Null).await;
    assert!(transcript.text("conversation.transcript").contains("(file 사진 1.png, "));
}

#[tokio::test]
async fn a_range_of_a_file_and_an_unchanged_file_are_answered_as_the_standard_has_it() {
    let AcceptedChat { app: _app, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let file = NewFile::of("a.csv", b"0123456789".iter().copied().cycle().take(9_999).collect());
    let id = upload(&visitor, &conversation, &file).await;
    send(&visitor, &conversation, "m", "", &[&id]).await;
    let seen = files::files(&visitor, &conversation).await;
    let url = format!("{}{}", visitor.url, seen[0]["url"].as_str().expected("a path"));
    let with = |name: &'static str, value: String| reqwest::Client::new().get(&url).header(name, value).send();
    let part = with("range", "bytes=10-19".to_owned()).await.expected("an answer");
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-range"]),
        (206, &"bytes 10-19/9999".parse().expected("a value"))
    );
    let tag = part.headers()["etag"].to_str().expected("a tag").to_owned();
    assert_eq!(part.text().await.ok().as_deref(), Some("0123456789"));
    let beyond = with("range", "bytes=9999-".to_owned()).await.expected("an answer");
    assert_eq!(
        (beyond.status().as_u16(), &beyond.headers()["content-range"]),
        (416, &"bytes */9999".parse().expected("a value"))
    );
    assert_eq!(with("if-none-match", tag).await.expected("an answer").status(), 304);
    let several = with("range", "bytes=0-0,5-5".to_owned()).await.expected("an answer");
    assert_eq!(several.status(), 200);
}

#[tokio::test]
async fn every_call_can_be_repeated() {
    let AcceptedChat { app: _app, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let file = NewFile::sample("a.png");
    let calls = (0..8).map(|_| announce(&visitor, &conversation, &file, Value::Null));
    let answers = futures_util::future::join_all(calls).await;
    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.text("createAttachmentUpload.upload.attachment.id")).collect();
    let first = answers.iter().filter(|answer| answer.at("createAttachmentUpload.replayed") == false).count();
    assert_eq!((ids.len(), first), (1, 1));
    let id = ids.first().expected("an id");
    let other = announce(&visitor, &conversation, &file, json!({ "name": "b.png" })).await;
    assert_eq!(refusal(&other, "createAttachmentUpload"), "IDEMPOTENCY_KEY_REUSED");
    let path = answers[0].text("createAttachmentUpload.upload.url");
    let puts = (0..4).map(|_| put(&visitor, path, file.bytes.clone()));
    for (status, answer) in futures_util::future::join_all(puts).await {
        assert_eq!((status, answer["attachmentId"].as_str()), (200, Some(*id)));
    }
    assert_eq!(put(&visitor, path, file.bytes.clone()).await.1["outcome"], "NO_CHANGE");
    let again = announce(&visitor, &conversation, &file, Value::Null).await;
    assert_eq!(again.body["data"]["createAttachmentUpload"]["upload"]["url"], Value::Null);
    assert_eq!(again.at("createAttachmentUpload.upload.attachment.uploaded"), true);
    for replayed in [false, true] {
        let sent = send(&visitor, &conversation, "m", "", &[id]).await;
        assert_eq!(sent.at("sendMessage.replayed"), replayed);
        assert_eq!(sent.at("sendMessage.message.attachments.0.id"), *id);
    }
    let other = send(&visitor, &conversation, "m", "", &[]).await;
    assert_eq!(refusal(&other, "sendMessage"), "IDEMPOTENCY_KEY_REUSED");
    // Two messages race for one file.
    let id = upload(&visitor, &conversation, &NewFile::sample("b.png")).await;
    let file = [id.as_str()];
    let race = futures_util::future::join(
        send(&visitor, &conversation, "x", "", &file),
        send(&visitor, &conversation, "y", "", &file),
    );
    let (one, two) = race.await;
    let mut codes = [refusal(&one, "sendMessage"), refusal(&two, "sendMessage")];
    codes.sort_unstable();
    assert_eq!(codes, ["", "NOT_ALLOWED"]);
}

#[tokio::test]
async fn a_file_belongs_to_its_conversation_and_its_uploader() {
    let AcceptedChat { app, sue, ann, visitor, conversation, support, .. } = Box::pin(accepted_chat()).await;
    let agent = &sue.clients[0];
    let id = upload(agent, &conversation, &NewFile::sample("a.pdf")).await;
    // Nobody else sees it before it is sent, and nobody else can send it.
    let node = "query($id: ID!) { node(id: $id) { id } }";
    let sees = async |client: &Client| !client.ask(node, json!({ "id": id })).await.body["data"]["node"].is_null();
    assert!(sees(agent).await && !sees(&visitor).await && !sees(&ann.clients[0]).await);
    assert_eq!(refusal(&send(&visitor, &conversation, "m", "", &[&id]).await, "sendMessage"), "NOT_FOUND");
    let (stranger, elsewhere) = crate::support::visitors::visitor(&app, &support.entry_point).await;
    let own = upload(&stranger, &elsewhere, &NewFile::sample("b.png")).await;
    for file in [&own, &id, &"file_0".to_owned(), &elsewhere] {
        let sent = send(&visitor, &conversation, "m", "", &[file]).await;
        assert_eq!(refusal(&sent, "sendMessage"), "NOT_FOUND", "{file}");
    }
    let twice = send(agent, &conversation, "m", "", &[&id, &id]).await;
    assert_eq!(refusal(&twice, "sendMessage"), "INVALID");
    send(agent, &conversation, "m", "", &[&id]).await;
    assert!(sees(agent).await && sees(&visitor).await && !sees(&ann.clients[0]).await && !sees(&stranger).await);
    let again = send(agent, &conversation, "n", "", &[&id]).await;
    assert_eq!(refusal(&again, "sendMessage"), "NOT_ALLOWED");
    // A token alone downloads with its own rights, and a path is worth nothing in other hands.
    let by_header = async |client: &Client| {
        let request = reqwest::Client::new().get(format!("{}/attachments/{id}", client.url));
        request
            .bearer_auth(client.token.as_deref().unwrap_or_default())
            .send()
            .await
            .expected("an answer")
            .status()
            .as_u16()
    };
    assert_eq!(by_header(agent).await, 200);
    assert_eq!(by_header(&visitor).await, 200);
    assert_eq!(by_header(&ann.clients[0]).await, 404);
    assert_eq!(by_header(&stranger).await, 404);
    let bare = reqwest::get(format!("{}/attachments/{id}", agent.url)).await.expected("an answer");
    assert_eq!(bare.status(), 401);
}

#[tokio::test]
async fn numbers_and_sizes_have_limits_that_an_entry_point_can_change() {
    let AcceptedChat { app, sue, visitor, conversation, support, .. } = Box::pin(accepted_chat()).await;
    let mut ids = Vec::new();
    for number in 0..11 {
        ids.push(upload(&visitor, &conversation, &NewFile::sample(&format!("{number}.png"))).await);
    }
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let many = send(&visitor, &conversation, "m", "", &all).await;
    assert_eq!(refusal(&many, "sendMessage"), "LIMIT_REACHED");
    assert_eq!(many.at("sendMessage.userErrors.0.limit"), 10);
    let admin = app.admin("ada").await;
    let change = async |rules: Value| {
        let input = json!({ "entryPointId": support.entry_point.id.to_string(), "attachments": rules });
        let mutation = "mutation($input: UpdateEntryPointInput!) { updateEntryPoint(input: $input) { outcome \
                        entryPoint { attachmentRules { maximumCount maximumBytes types { extension inbound } } } \
                        userErrors { code field } } }";
        admin.ask(mutation, json!({ "input": input })).await
    };
    let bytes = files::sample("png").len();
    let rules = json!({ "maximumCount": 2, "maximumBytes": 2 * bytes - 1,
        "types": [{ "extension": "txt", "inbound": true, "outbound": true }, { "extension": "gif", "inbound": false, "outbound": false }] });
    let changed = change(rules.clone()).await;
    assert_eq!(changed.at("updateEntryPoint.entryPoint.attachmentRules.maximumCount"), 2);
    assert_eq!(change(rules).await.at("updateEntryPoint.outcome"), "NO_CHANGE");
    assert_eq!(refusal(&send(&visitor, &conversation, "m", "", &all[..3]).await, "sendMessage"), "LIMIT_REACHED");
    assert_eq!(refusal(&send(&visitor, &conversation, "m", "", &all[..2]).await, "sendMessage"), "FILE_TOO_LARGE");
    assert_eq!(refusal(&send(&visitor, &conversation, "m", "", &all[..1]).await, "sendMessage"), "");
    let announced = announce(&visitor, &conversation, &NewFile::sample("a.txt"), Value::Null).await;
    assert_eq!(refusal(&announced, "createAttachmentUpload"), "");
    let announced = announce(&visitor, &conversation, &NewFile::sample("a.gif"), Value::Null).await;
    assert_eq!(refusal(&announced, "createAttachmentUpload"), "FILE_TYPE_NOT_ALLOWED");
    for (rules, code, at) in [
        (json!({ "maximumCount": 11 }), "OUT_OF_RANGE", vec!["input", "attachments", "maximumCount"]),
        (json!({ "maximumBytes": 0 }), "OUT_OF_RANGE", vec!["input", "attachments", "maximumBytes"]),
        (
            json!({ "types": [{ "extension": "exe", "inbound": true, "outbound": true }] }),
            "INVALID",
            vec!["input", "attachments", "types", "0", "extension"],
        ),
    ] {
        let refused = change(rules).await;
        assert_eq!(refused.at("updateEntryPoint.userErrors.0.code"), code);
        assert_eq!(refused.at("updateEntryPoint.userErrors.0.field"), &json!(at));
    }
    change(json!({ "allowed": false })).await;
    let capability =
        "query($id: ID!) { conversation(id: $id) { replyCapability { attachments { types { extension } } } } }";
    let shown = sue.ask(capability, json!({ "id": conversation })).await;
    assert_eq!(shown.at("conversation.replyCapability.attachments.types"), &json!([]));
    let none = send(&visitor, &conversation, "n", "", &all[1..2]).await;
    assert_eq!(refusal(&none, "sendMessage"), "FILE_TYPE_NOT_ALLOWED");
    change(Value::Null).await;
    assert_eq!(refusal(&send(&visitor, &conversation, "n", "", &all[1..2]).await, "sendMessage"), "");
}

/// Returns the files in the store, without their folders.
fn kept(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            names.extend(kept(&entry.path()));
        } else {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
}

#[tokio::test]
async fn files_of_deleted_messages_and_unsent_files_are_deleted() {
    let AcceptedChat { app, sue, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let folder = app.database.files();
    let folder = std::path::Path::new(&folder);
    let kept_file = upload(&visitor, &conversation, &NewFile::sample("kept.pdf")).await;
    send(&visitor, &conversation, "1m", "", &[&kept_file]).await;
    let deleted = upload(&visitor, &conversation, &NewFile::sample("deleted.png")).await;
    let sent = send(&visitor, &conversation, "2m", "", &[&deleted]).await;
    let unsent = NewFile::sample("unsent.png");
    let unsent_id = upload(&visitor, &conversation, &unsent).await;
    let waiting = announce(&visitor, &conversation, &NewFile::sample("waiting.png"), Value::Null).await;
    assert_eq!(kept(folder).len(), 5, "three files and two thumbnails");
    let path = files::files(&sue.clients[0], &conversation).await[1]["url"].as_str().expected("a path").to_owned();
    let delete = "mutation($input: DeleteMessageInput!) { deleteMessage(input: $input) { outcome } }";
    let id = sent.text("sendMessage.message.id");
    visitor.ask(delete, json!({ "input": { "messageId": id } })).await;
    // It is gone at once for readers, and soon from the store.
    assert_eq!(files::get(&visitor, &path).await.status(), 404);
    assert_eq!(files::files(&sue.clients[0], &conversation).await.len(), 1);
    api::attachments::retention::prune(app.app()).await.expected("a run");
    assert_eq!(kept(folder).len(), 3);
    app.clock.advance(chrono::Duration::hours(25));
    api::attachments::retention::prune(app.app()).await.expected("a run");
    assert_eq!(kept(folder), [entity::id::AttachmentId::parse(&kept_file).expected("an id").0.to_string()]);
    let late = send(&visitor, &conversation, "3m", "", &[&unsent_id]).await;
    assert_eq!(refusal(&late, "sendMessage"), "NOT_FOUND");
    // The client announces and uploads it anew.
    let again = announce(&visitor, &conversation, &unsent, Value::Null).await;
    assert_eq!(again.at("createAttachmentUpload.replayed"), false);
    drop(waiting);
}

#[tokio::test]
async fn a_page_of_messages_with_files_takes_as_many_statements_as_one_message() {
    let AcceptedChat { app, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let (mut counts, mut read) = (Vec::new(), Vec::new());
    for round in 0..6 {
        let id = upload(&visitor, &conversation, &NewFile::sample(&format!("{round}.csv"))).await;
        send(&visitor, &conversation, &format!("m{round}"), "", &[&id]).await;
        app.statements();
        assert_eq!(files::files(&visitor, &conversation).await.len(), round + 1);
        read = app.statements();
        counts.push(read.len());
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    for statement in read {
        let plan = plans::explain(app.app(), &statement, true).await;
        assert!(plans::scans(&plan).is_empty(), "{}\n{plan}", statement.sql);
    }
}

#[tokio::test]
async fn a_picture_is_shown_upright_and_without_its_place() {
    let AcceptedChat { app: _app, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let mut wide = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(1_200, 600, Rgb([1, 2, 3])).write_to(&mut wide, ImageFormat::Png).expected("a picture");
    let id = upload(&visitor, &conversation, &NewFile::of("wide.png", wide.into_inner())).await;
    let sent = send(&visitor, &conversation, "m", "", &[&id]).await;
    let small = download(&visitor, sent.text("sendMessage.message.attachments.0.thumbnailUrl")).await;
    let small = image::load_from_memory(&small).expected("a picture");
    assert_eq!((small.width(), small.height()), (480, 240));
}
