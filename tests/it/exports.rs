//! Tests of account exports: they contain everything that the person can see and nothing that must stay hidden.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _},
};

use api::{
    auth::viewer::Scope,
    conversations::{
        announcements::{self, NewAnnouncement},
        conversation_rows, participants,
    },
};
use entity::{id::ConversationId, thread_item::AnnouncementKind};
use serde_json::{Value, json};

use crate::support::accounts::{about_account, key, refusal, with_password};
use crate::support::{Expected as _, app::TestApp, avatars, graphql::Client};

const EXPORT: &str =
    "mutation($id: ID) { exportAccount(input: { userId: $id }) { url expiresAt userErrors { code } } }";

/// Returns the download address of a person's data.
async fn address(client: &Client, whose: Option<String>) -> String {
    let answer = client.ask(EXPORT, json!({ "id": whose })).await;
    format!("{}{}", client.url, answer.text("exportAccount.url"))
}

async fn status(address: &str) -> u16 {
    reqwest::get(address).await.expected("an answer").status().as_u16()
}

/// Downloads an archive. Returns its files.
async fn fetch(address: &str) -> BTreeMap<String, String> {
    let answer = reqwest::get(address).await.expected("an answer");
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().expected("text").to_owned();
    assert_eq!(header("content-type"), "application/zip");
    assert_eq!(header("content-disposition"), "attachment; filename=\"rapport-export.zip\"");
    assert_eq!(header("cache-control"), "no-store");
    let bytes = answer.bytes().await.expected("an archive").to_vec();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expected("an archive");
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expected("a file");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expected("the content");
        let name = file.name().expected("a name").into_owned();
        files.insert(name, String::from_utf8_lossy(&content).into_owned());
    }
    files
}

fn list(files: &BTreeMap<String, String>, name: &str) -> Vec<Value> {
    serde_json::from_str(&files[name]).expected(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_contains_what_its_person_can_see_and_nothing_hidden() {
    let app = TestApp::two().await;
    let [ann, ben, cem, dan, eli, fay] = app.people(["ann", "ben", "cem", "dan", "eli", "fay"]).await;
    let (jane, client) = with_password(&app, "jane").await;
    let accepted = jane.asks(&ann).await;
    ann.must("acceptConnectionRequest", &accepted).await;
    let ignored = jane.asks(&ben).await;
    app.clock.advance(chrono::Duration::minutes(1));
    ben.must("ignoreConnectionRequest", &ignored).await;
    cem.asks(&jane).await;
    for (who, verb, whom) in [
        (&jane, "followUser", &ann),
        (&dan, "followUser", &jane),
        (&jane, "blockUser", &fay),
        // Eli blocks Jane and wrote a note. They have no other relationship.
        (&eli, "blockUser", &jane),
    ] {
        who.must(verb, &whom.id()).await;
    }
    let note = "mutation($id: ID!, $t: String!) { saveNote(input: { userId: $id, text: $t }) { outcome } }";
    jane.ask(note, json!({ "id": dan.id(), "t": "met in Lisbon" })).await.at("saveNote");
    jane.ask(note, json!({ "id": eli.id(), "t": "owes me a book" })).await.at("saveNote");
    eli.ask(note, json!({ "id": jane.id(), "t": "secretly tiresome" })).await.at("saveNote");
    let mute = "mutation($id: ID!) { muteUser(input: { userId: $id, feed: true, notifications: false }) { outcome } }";
    jane.ask(mute, json!({ "id": dan.id() })).await.at("muteUser");
    let record = "mutation { recordActivity(input: { text: \"published\", application: \"Documents\", \
                  url: \"https://docs.example/3\" }) { activity { id } } }";
    jane.ask(record, Value::Null).await.text("recordActivity.activity.id");
    jane.ask("mutation { postStatus(input: { text: \"here\" }) { activity { id } } }", Value::Null)
        .await
        .at("postStatus");
    let save = "mutation { savePersonalContact(input: { displayName: \"Uncle Zed\", note: \"brings fish\" }) { userErrors { code } } }";
    assert_eq!(jane.ask(save, Value::Null).await.at("savePersonalContact.userErrors"), &json!([]));
    let (secret, _) = key(&client, json!({ "name": "backup", "scopes": ["PROFILE_READ"] })).await;
    let files = fetch(&address(&client, None).await).await;
    assert_eq!(
        files.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "README.txt",
            "activities.json",
            "keys.json",
            "messages.json",
            "notifications.json",
            "personal-contacts.json",
            "profile.json",
            "relationships.json",
            "requests.json",
            "sessions.json"
        ]
    );
    let people = list(&files, "relationships.json");
    let of = |handle: &str| people.iter().find(|person| person["handle"] == handle).cloned().unwrap_or_default();
    assert_eq!(of("ann")["connection"], "CONNECTED");
    assert!(of("ann")["followingSince"].is_string() && of("ann")["connectedSince"].is_string());
    assert_eq!(of("cem")["connection"], "REQUEST_RECEIVED");
    assert!(of("dan")["followedSince"].is_string());
    assert_eq!(of("dan")["note"], "met in Lisbon");
    assert_eq!(of("dan")["mute"], json!({ "feed": true, "notifications": false, "until": null }));
    assert!(of("fay")["blockingSince"].is_string());
    // The ignored request looks pending to Jane, without a time of the decision.
    assert_eq!(of("ben")["connection"], "REQUEST_SENT");
    let strangers = json!({ "connection": "NONE", "connectedSince": null, "followingSince": null, "followedSince": null,
                            "blockingSince": null, "mute": null, "note": "owes me a book", "handle": "eli", "displayName": "eli" });
    assert_eq!(of("eli"), strangers);
    let requests = list(&files, "requests.json");
    let to = |handle: &str| {
        requests.iter().find(|request| request["person"]["handle"] == handle).cloned().unwrap_or_default()
    };
    assert_eq!((to("ben")["status"].as_str(), &to("ben")["decidedAt"]), (Some("PENDING"), &Value::Null));
    assert_eq!((to("ann")["status"].as_str(), to("cem")["direction"].as_str()), (Some("ACCEPTED"), Some("INCOMING")));
    for part in ["here", "CONNECTED", "Documents", "https://docs.example/3"] {
        assert!(files["activities.json"].contains(part), "{part}");
    }
    assert!(files["notifications.json"].contains("CONNECTION_REQUESTED"));
    assert_eq!(list(&files, "profile.json")[0]["handle"], "jane");
    assert_eq!(list(&files, "sessions.json").len(), 1);
    let all = files.values().cloned().collect::<String>();
    let hash = app.database.texts("SELECT password_hash FROM credential").await;
    assert!(!all.contains("secretly") && !all.contains("IGNORED") && !all.contains(&hash[0]));
    assert_eq!(list(&files, "personal-contacts.json")[0]["note"], "brings fish");
    assert!(files["keys.json"].contains("backup"));
    assert!(secret.split_once('.').is_some_and(|(prefix, rest)| all.contains(prefix) && !all.contains(rest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_contains_the_uploaded_picture() {
    let app = TestApp::two().await;
    let jane = app.person("jane").await;
    let client = &jane.clients[0];
    let picture = avatars::plain(image::ImageFormat::Png, (9, 9), [1, 2, 3]);
    assert_eq!(avatars::upload(client, picture).await.0, 200);
    let files = fetch(&address(client, None).await).await;
    assert!(files["avatar.jpg"].contains("JFIF"), "{:?}", files.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ticket_is_valid_for_one_export_and_ten_minutes() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let address = address(&ann.clients[0], None).await;
    let (entry_setup, ticket) = address.split_once("ticket=").expected("a ticket");
    assert_eq!(status(&address).await, 200);
    let as_token = Client::new(&ann.clients[0].url, Some(ticket.to_owned()));
    assert_eq!(as_token.ask("{ viewer { scopes } }", Value::Null).await.status, 401, "no access token");
    for wrong in [String::new(), "x".to_owned(), ann.token.clone(), format!("{ticket}x"), "%00".to_owned()] {
        assert_eq!(status(&format!("{entry_setup}ticket={wrong}")).await, 404, "{wrong}");
    }
    assert_eq!(status(entry_setup.trim_end_matches('?')).await, 404);
    assert_eq!(ben.ask(EXPORT, json!({ "id": ann.id() })).await.code(), "FORBIDDEN");
    assert_eq!(
        refusal(&about_account(&ben.clients[0], "exportAccount", json!({ "userId": "user_x" })).await),
        "NOT_FOUND"
    );
    // An export requires the scopes for everything in it.
    let few = app.limited(&ann, &[Scope::ProfileWrite, Scope::ProfileRead, Scope::ContactsRead, Scope::ActivityRead]);
    let (secret, _) = key(&ann.clients[0], json!({ "name": "all", "scopes": ["PROFILE_WRITE", "PROFILE_READ", "CONTACTS_READ", "ACTIVITY_READ", "NOTIFICATIONS_READ"] })).await;
    for (client, code) in [(few, "NOT_ALLOWED"), (Client::new(&ann.clients[0].url, Some(secret)), "NOT_FOR_KEYS")] {
        assert_eq!(refusal(&about_account(&client, "exportAccount", json!({})).await), code);
    }
    app.clock.advance(chrono::Duration::seconds(599));
    assert_eq!(status(&address).await, 200);
    app.clock.advance(chrono::Duration::seconds(2));
    assert_eq!(status(&address).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ticket_ends_with_the_rights_of_its_requester() {
    let app = TestApp::new().await;
    let [ada, eve] = [app.admin("ada").await, app.admin("eve").await];
    let ann = app.person("ann").await;
    let [own, foreign] = [address(&ann.clients[0], None).await, address(&eve.clients[0], Some(ann.id())).await];
    assert_eq!(list(&fetch(&foreign).await, "profile.json")[0]["handle"], "ann");
    about_account(&ada.clients[0], "setUserRole", json!({ "userId": eve.id(), "role": "MEMBER" })).await.at("done");
    assert_eq!((status(&foreign).await, status(&own).await), (404, 200));
    let by_ada = address(&ada.clients[0], Some(ann.id())).await;
    about_account(&ada.clients[0], "suspendUser", json!({ "userId": ann.id() })).await.at("done");
    assert_eq!((status(&by_ada).await, status(&own).await), (200, 404));
    about_account(&ada.clients[0], "deleteAccount", json!({ "userId": ann.id() })).await.at("done");
    assert_eq!(status(&by_ada).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_export_is_complete() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let id = app.database.literal(ann.id.0);
    let rows: Vec<String> = (0..1_203_u128)
        .map(|number| {
            let row = app.database.literal(uuid::Uuid::from_u128(number + 1));
            format!("({row}, {id}, 4, 'number {number}', '2026-01-01 00:00:00+00:00')")
        })
        .collect();
    let sql = format!("INSERT INTO notification (id, user_id, kind, text, created_at) VALUES {}", rows.join(", "));
    app.database.run(&sql).await;
    let files = fetch(&address(&ann.clients[0], None).await).await;
    let told = list(&files, "notifications.json");
    assert_eq!(told.len(), 1_203);
    assert_eq!(told[0]["text"], "number 1202");
    assert_eq!(told[1_202]["text"], "number 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_contains_the_messages_of_both_sides() {
    let app = TestApp::two().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    let (jane, client) = with_password(&app, "jane").await;
    for other in [&ann, &ben] {
        let request = jane.asks(other).await;
        other.must("acceptConnectionRequest", &request).await;
    }
    let request = ann.asks(&cem).await;
    cem.must("acceptConnectionRequest", &request).await;
    let start = "mutation($u: ID!) { started: startDirectConversation(input: { userId: $u }) { conversation { id } } }";
    for (one, other, what) in [(&jane, &ann, "Lunch?"), (&ben, &jane, "Hello"), (&ann, &cem, "a secret")] {
        let id = one.ask(start, json!({ "u": other.id() })).await.text("started.conversation.id").to_owned();
        one.sends(0, &id, "1", what).await;
        other.sends(0, &id, "1", "Yes").await;
    }
    ben.must("blockUser", &jane.id()).await;
    let files = fetch(&address(&client, None).await).await;
    let said: Vec<Value> = list(&files, "messages.json")
        .into_iter()
        .map(|one| json!([one["person"]["handle"], one["direction"], one["body"]]))
        .collect();
    assert_eq!(
        said,
        [
            json!(["ann", "OUTBOUND", "Lunch?"]),
            json!(["ann", "INBOUND", "Yes"]),
            json!(["ben", "INBOUND", "Hello"]),
            json!(["ben", "OUTBOUND", "Yes"]),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_contains_announcements_as_data_and_in_english() {
    let app = TestApp::two().await;
    let ann = app.person("ann").await;
    let (jane, client) = with_password(&app, "jane").await;
    let request = jane.asks(&ann).await;
    ann.must("acceptConnectionRequest", &request).await;
    let start = "mutation($u: ID!) { started: startDirectConversation(input: { userId: $u }) { conversation { id } } }";
    let started = jane.ask(start, json!({ "u": ann.id() })).await;
    let id = ConversationId::parse(started.text("started.conversation.id")).expected("an id");
    let announced = app.app().transaction(|tx| {
        Box::pin(async move {
            let mut row = conversation_rows::lock(tx, id).await?;
            let author = participants::all(tx.db(), id).await?.remove(0);
            announcements::announce(tx, &mut row, NewAnnouncement::own(AnnouncementKind::AgentJoined, &author)).await
        })
    });
    let author = announced.await.expected("an announcement").author_id.expected("an author");
    let files = fetch(&address(&client, None).await).await;
    let row = &list(&files, "messages.json")[0];
    assert_eq!(row["announcement"], "AGENT_JOINED");
    assert_eq!(row["data"]["subject"], json!({ "participant": author.0 }));
    assert!(["jane has joined.", "ann has joined."].contains(&row["body"].as_str().unwrap_or_default()), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_address_ends_with_the_session_and_with_the_password() {
    let app = TestApp::new().await;
    let (jane, _) = crate::support::accounts::sign_up(&app, "jane").await;
    let signed_in = async || {
        let answer = crate::support::accounts::sign_in(&app, "jane", "correct horse").await;
        Client::new(&jane.url, Some(answer.text("signIn.accessToken").to_owned()))
    };
    let (leaving, staying) = (signed_in().await, signed_in().await);
    let (of_leaving, of_staying) = (address(&leaving, None).await, address(&staying, None).await);
    assert_eq!((status(&of_leaving).await, status(&of_staying).await), (200, 200));
    leaving.ask("mutation { signOut { outcome } }", Value::Null).await.at("signOut");
    assert_eq!((status(&of_leaving).await, status(&of_staying).await), (404, 200));
    // Ending a session from another device ends its download address too.
    let elsewhere = signed_in().await;
    let of_elsewhere = address(&elsewhere, None).await;
    let sessions = elsewhere.ask(crate::support::accounts::ME, Value::Null).await.at("viewer.sessions").clone();
    let current = sessions.as_array().into_iter().flatten().find(|session| session["current"] == true);
    let revoke = "mutation($id: ID!) { revokeSession(input: { sessionId: $id }) { outcome } }";
    let revoked = jane.ask(revoke, json!({ "id": current.expected("a session")["id"] })).await;
    assert_eq!(revoked.text("revokeSession.outcome"), "APPLIED");
    assert_eq!((status(&of_elsewhere).await, status(&of_staying).await), (404, 200));
    let own = address(&jane, None).await;
    app.clock.advance(chrono::Duration::seconds(1));
    let change = "mutation { changePassword(input: { currentPassword: \"correct horse\", newPassword: \"battery staple\" }) \
                  { outcome userErrors { code } } }";
    assert_eq!(jane.ask(change, Value::Null).await.text("changePassword.outcome"), "APPLIED");
    // The download address of the continuing session ends too.
    assert_eq!((status(&of_staying).await, status(&own).await), (404, 404));
    assert_eq!(status(&address(&jane, None).await).await, 200);
}
