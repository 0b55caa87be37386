//! Tests of deleted accounts: no row names the person, others get events, and no concurrent call restores anything.

mod races;
mod scale;

use entity::channel::Channel;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Expected as _,
    accounts::{ME, about_account, key, refusal, sign_in, sign_up, with_password},
    app::TestApp,
    avatars, consistency, eventually,
    graphql::Client,
    person::{ABOUT_A_USER, Person},
};

/// The columns that may still name a deleted person: the remaining user row, the log, conversations, the audit log, and
/// organization keys that the person created.
const MAY_NAME: [&str; 15] = [
    "user id",
    "stream owner_id",
    "event_entry owner_id",
    // The other side keeps messages of the deleted person.
    "conversation lo",
    "conversation hi",
    "participant user_id",
    // The organization keeps conversations with customers.
    "agent user_id",
    "agent_interval agent_id",
    "offer agent_id",
    "routing_decision chosen_id",
    "task owner_id",
    "task conference_agent_id",
    "wrap_up agent_id",
    "audit_entry user_id",
    "api_key owner_id",
];

async fn delete(client: &Client) {
    let answer = about_account(client, "deleteAccount", json!({ "password": "correct horse" })).await;
    assert_eq!(refusal(&answer), "");
}

/// Creates rows of every kind about a person, through the API and by SQL where the API has no call.
async fn fill(app: &TestApp, jane: &Person, client: &Client, others: &[Person; 6]) {
    let [ann, ben, cem, dan, eli, fay] = others;
    let accepted = jane.asks(ann).await;
    ann.must("acceptConnectionRequest", &accepted).await;
    jane.asks(ben).await;
    cem.asks(jane).await;
    let of_eli = jane.asks(eli).await;
    eli.must("acceptConnectionRequest", &of_eli).await;
    // One pair is before and one after in the order of ids. A later block ends the second conversation.
    for other in [ann, eli] {
        let id = direct_conversation(jane, other).await;
        other.sends(0, &id, "1", "Hello").await;
        jane.sends(0, &id, "1", "Hello too").await;
    }
    let ignored = jane.asks(fay).await;
    fay.must("ignoreConnectionRequest", &ignored).await;
    for (who, verb, whom) in
        [(jane, "followUser", ben), (ann, "followUser", jane), (jane, "blockUser", dan), (eli, "blockUser", jane)]
    {
        who.must(verb, &whom.id()).await;
    }
    for (who, whom) in [(jane, ann), (ann, jane)] {
        let query = "mutation($id: ID!) { a: saveNote(input: { userId: $id, text: \"zanzibar\" }) { outcome } \
                     b: muteUser(input: { userId: $id, feed: true, notifications: false }) { outcome } }";
        who.ask(query, json!({ "id": whom.id() })).await.at("a");
    }
    jane.ask(
        "mutation { postStatus(input: { text: \"zanzibar\", idempotencyKey: \"zanzibar\" }) { activity { id } } }",
        Value::Null,
    )
    .await
    .at("");
    let picture = avatars::plain(image::ImageFormat::Png, (9, 9), [1, 2, 3]);
    assert_eq!(avatars::upload(client, picture).await.0, 200);
    let wish = "mutation { updateNotificationPreferences(input: { preferences: [{ kind: FOLLOWED, inApp: false }] }) \
                { userErrors { code } } }";
    jane.ask(wish, Value::Null).await.at("");
    jane.ask(
        "mutation { updateProfile(input: { displayName: \"Jane Zanzibar\", title: \"zanzibar\" }) { user { id } } }",
        Value::Null,
    )
    .await
    .at("");
    key(client, json!({ "name": "zanzibar", "scopes": ["PROFILE_READ"] })).await;
    let (id, other, row) =
        (app.database.literal(jane.id.0), app.database.literal(ann.id.0), app.database.literal(some_id()));
    let details = r#"{"emails":[{"address":"zanzibar@example.com","label":null,"preferred":false}]}"#;
    let now = "'2026-01-01 00:00:00+00:00'";
    for sql in [
        format!("INSERT INTO user_detail (user_id, details) VALUES ({id}, '{details}')"),
        format!("INSERT INTO user_email (address_key, user_id, visibility) VALUES ('zanzibar@example.com', {id}, 1)"),
        format!(
            "INSERT INTO confirmed_email (user_id, address_key, confirmed_at) VALUES ({id}, 'zanzibar@example.com', {now})"
        ),
        format!(
            "INSERT INTO mail_token (hash, user_id, purpose, address_key, created_at, expires_at) \
             VALUES ({}, {id}, 1, 'zanzibar@example.com', {now}, {now})",
            bytes(app)
        ),
        format!(
            "INSERT INTO delivery (id, kind, lane, retry, status, ready, payload, user_id, attempts, created_at, due_at) \
             VALUES ({row}, 1, 'zanzibar', 1, 1, TRUE, 'zanzibar@example.com', {id}, 0, {now}, '2999-01-01 00:00:00+00:00')"
        ),
        format!(
            "INSERT INTO personal_contact (id, owner_id, display_name, details, name_key, search_text, created_at, updated_at) \
             VALUES ({row}, {id}, 'Old Zanzibar', '{{}}', {id}, 'zanzibar', {now}, {now})"
        )
        .replace(&format!("'{{}}', {id}"), &format!("'{{}}', {}", bytes(app))),
        format!("INSERT INTO personal_email (owner_id, address_key, contact_id) VALUES ({id}, 'zanzibar@example.org', {row})"),
        format!(
            "INSERT INTO notification_mail (id, user_id, kind, actor_id, created_at, due_at) \
             VALUES ({row}, {other}, 3, {id}, {now}, '2999-01-01 00:00:00+00:00')"
        ),
        format!(
            "INSERT INTO notification_mail (id, user_id, kind, actor_id, created_at, due_at) \
             VALUES ({other}, {id}, 3, {other}, {now}, '2999-01-01 00:00:00+00:00')"
        ),
    ] {
        app.database.run(&sql).await;
    }
}

const START: &str = include_str!("operations/deletion/start.graphql");

/// Returns the conversation of two connected people.
async fn direct_conversation(one: &Person, other: &Person) -> String {
    one.ask(START, json!({ "u": other.id() })).await.text("started.conversation.id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_deleted_user_stay_without_their_name() {
    let app = TestApp::two().await;
    let ann = app.person("ann").await;
    let (jane, client) = with_password(&app, "jane.zanzibar").await;
    let request = jane.asks(&ann).await;
    ann.must("acceptConnectionRequest", &request).await;
    let id = direct_conversation(&jane, &ann).await;
    jane.sends(0, &id, "1", "Lunch?").await;
    ann.sends(0, &id, "1", "Yes").await;
    let mut socket = ann.socket(1).await;
    socket.follow_conversation(&id, None).await;
    delete(&client).await;
    for _ in 0..2 {
        let event = socket.event().await.expected("an event");
        assert_eq!(event["__typename"], "ParticipantChanged");
        assert!(event["participant"]["leftAt"].is_string(), "{event}");
    }
    let query = "query($id: ID!) { conversation(id: $id) { status replyCapability { reason } participants { actor { displayName } } \
                 items { nodes { ... on Message { body direction author { id displayName ... on User { handle relationship { availableActions } } } } } } } }";
    let seen = ann.ask(query, json!({ "id": id })).await;
    assert_eq!(seen.at("conversation.status"), "CLOSED");
    let first = seen.at("conversation.items.nodes.0");
    assert_eq!(
        (&first["body"], &first["direction"], &first["author"]["displayName"]),
        (&json!("Lunch?"), &json!("INBOUND"), &json!("Deleted user"))
    );
    assert_eq!(first["author"]["handle"], jane.id());
    assert!(!seen.body.to_string().contains("zanzibar"));
    assert_eq!(ann.sends(0, &id, "2", "x").await["userErrors"][0]["code"], "CONVERSATION_ENDED");
    assert_eq!(ann.ask(START, json!({ "u": jane.id() })).await.at("started.userErrors.0.code"), "NOT_FOUND");
    consistency::check(&app.database).await;
}

/// Makes a person an agent who has served one customer and has an offer of another.
async fn answer_somebody(app: &TestApp, person: &Person) {
    let me = app.database.literal(person.id.0);
    app.database.run(&format!("UPDATE \"user\" SET role = 2 WHERE id = {me}")).await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[person]).await;
    app.skill("Zulu", &[(person, 5)]).await;
    assert_eq!(person.turns("AVAILABLE").await, "");
    let first = app.waits(&queue_setup, "first").await;
    app.settle().await;
    let task = person.accepts_it().await;
    person.ends(&first.conversation.to_string()).await;
    assert_eq!(person.wraps_up(&task).await, "");
    app.waits(&queue_setup, "second").await;
    app.settle().await;
    app.database.run(&format!("UPDATE task SET conference_agent_id = owner_id WHERE owner_id = {me}")).await;
}

fn some_id() -> Uuid {
    Uuid::from_u128(0x0190_9e1e_1111_7abc_8000_0000_0000_0777)
}

/// A binary value in the SQL of the database.
fn bytes(app: &TestApp) -> &'static str {
    if app.database.is_postgres() { "'\\x7a'::bytea" } else { "x'7a'" }
}

/// Returns the columns that contain the id of a person.
async fn names(app: &TestApp, id: Uuid) -> Vec<String> {
    let mut found = Vec::new();
    for column in app.database.columns(&["uuid"]).await {
        let (table, name) = column.split_once(' ').expected("table and column");
        let sql = format!("SELECT count(*) FROM \"{table}\" WHERE {name} = {}", app.database.literal(id));
        if app.database.number(&sql).await > 0 {
            found.push(column);
        }
    }
    found
}

/// Returns the text columns that contain a word, except the payloads of events.
async fn tell(app: &TestApp, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for column in app.database.columns(&["text", "json", "TEXT"]).await {
        let (table, name) = column.split_once(' ').expected("table and column");
        let sql = format!("SELECT count(*) FROM \"{table}\" WHERE lower(CAST({name} AS text)) LIKE '%{word}%'");
        if column != "event payload" && app.database.number(&sql).await > 0 {
            found.push(column);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_names_a_deleted_user() {
    let app = TestApp::two().await;
    // Some people are created before Jane and some after, because a pair's row is ordered by the ids.
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    let (jane, client) = with_password(&app, "jane.zanzibar").await;
    let [dan, eli, fay] = app.people(["dan", "eli", "fay"]).await;
    let others = [ann, ben, cem, dan, eli, fay];
    fill(&app, &jane, &client, &others).await;
    answer_somebody(&app, &jane).await;
    // Ensures that the test covers every column: each column for people must contain Jane's id before the deletion.
    let before = names(&app, jane.id.0).await;
    for column in app.database.columns(&["uuid"]).await {
        let (table, name) = column.split_once(' ').expected("table and column");
        let of_a_person = ["user_id", "owner_id", "actor_id", "about_id", "lo", "hi", "requester_id", "recipient_id"];
        let of_a_person = of_a_person.contains(&name) && table != "audit_entry";
        assert!(!of_a_person || before.contains(&column), "nothing of jane's in {column}: fill it in this test");
    }
    assert!(tell(&app, "zanzibar").await.len() >= 12, "{:?}", tell(&app, "zanzibar").await);
    delete(&client).await;
    let left = names(&app, jane.id.0).await;
    assert!(left.iter().all(|column| MAY_NAME[..13].contains(&column.as_str())), "{left:?}");
    assert_eq!(tell(&app, "zanzibar").await, Vec::<String>::new());
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_not_found_and_their_handle_is_available() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let (jane, client) = with_password(&app, "jane").await;
    let (secret, _) = key(&client, json!({ "name": "x", "scopes": ["PROFILE_READ"] })).await;
    let request = jane.asks(&ann).await;
    let to_jane = ben.asks(&jane).await;
    delete(&client).await;
    for instance in &app.instances {
        for token in [client.token.clone(), Some(jane.token.clone()), Some(secret.clone())] {
            let gone = Client::new(&instance.url, token);
            eventually("the token is refused", || async { gone.ask(ME, Value::Null).await.status == 401 }).await;
        }
    }
    for verb in ABOUT_A_USER {
        assert_eq!(ann.does(verb, &jane.id()).await.said(), "NOT_FOUND", "{verb}");
    }
    for (person, verb, id) in [
        (&ann, "acceptConnectionRequest", &request),
        (&ann, "ignoreConnectionRequest", &request),
        (&ben, "withdrawConnectionRequest", &to_jane),
    ] {
        assert_eq!(person.does(verb, id).await.said(), "NOT_FOUND", "{verb}");
        let node = person.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
        assert!(node.body["data"]["node"].is_null());
    }
    let seen = ann
        .ask(
            "query($id: ID!) { user(id: $id) { id } node(id: $id) { id } contacts(search: \"jane\") { totalCount } \
             all: contacts { totalCount } deleted: contacts(search: \"deleted\") { totalCount } }",
            json!({ "id": jane.id() }),
        )
        .await;
    assert_eq!(
        seen.body["data"],
        json!({ "user": null, "node": null, "contacts": { "totalCount": 0 }, "all": { "totalCount": 2 }, "deleted": { "totalCount": 0 } })
    );
    let unknown = sign_in(&app, "nobody", "correct horse").await;
    assert_eq!(sign_in(&app, "jane", "correct horse").await, unknown);
    let by_id = sign_in(&app, &jane.id(), "correct horse").await;
    assert_eq!(by_id, unknown);
    // A new user may take the handle. Nobody may take the placeholder handle of the deleted user.
    let (other, _) = sign_up(&app, "jane").await;
    let id = other.ask("{ viewer { user { id } } }", Value::Null).await.text("viewer.user.id").to_owned();
    assert_ne!(id, jane.id());
    let query = "mutation($h: String!) { signUp(input: { handle: $h, password: \"correct horse\", displayName: \"x\" }) \
                 { userErrors { code field } } }";
    let answer = app.anonymous().ask(query, json!({ "h": jane.id() })).await;
    assert_eq!(answer.text("signUp.userErrors.0.code"), "INVALID");
    assert_eq!(ann.does("requestConnection", &id).await.said(), "APPLIED");
    consistency::check(&app.database).await;
}

/// Returns the pulled events, once an event of this kind is sequenced.
async fn pulled(by: &Person, query: &str, kind: &str) -> Value {
    for _ in 0..500 {
        let told = by.ask(query, Value::Null).await.at("events.nodes").clone();
        if told.to_string().contains(kind) {
            return told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("in vain: {kind}")
}

#[tokio::test(flavor = "multi_thread")]
async fn others_receive_removal_events_and_earlier_events_still_resolve() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let (jane, _) = with_password(&app, "jane").await;
    let accepted = ben.asks(&jane).await;
    jane.must("acceptConnectionRequest", &accepted).await;
    let mut socket = ann.socket(1).await;
    socket.follow(None).await;
    let request = jane.asks(&ann).await;
    assert_eq!(socket.event().await.expected("an event")["__typename"], "ConnectionRequestReceived");
    let shown =
        ann.ask("{ notifications { nodes { id } } }", Value::Null).await.text("notifications.nodes.0.id").to_owned();
    let answer = about_account(&ada.clients[0], "deleteAccount", json!({ "userId": jane.id() })).await;
    assert_eq!(refusal(&answer), "");
    let event = socket.event().await.expected("an event");
    assert_eq!((&event["__typename"], &event["sequence"]), (&json!("ConnectionRequestChanged"), &json!(2)));
    assert_eq!(event["request"], json!({ "id": request, "status": "WITHDRAWN" }));
    let query = "{ events(first: 100, topics: [REQUESTS, NOTIFICATIONS, ACTIVITIES, CONTACTS]) { nodes { __typename \
                 ... on ConnectionRequestReceived { request { status message \
                 requester { id handle displayName } recipient { handle } } } \
                 ... on ConnectionRequestChanged { request { status requester { displayName } } } \
                 ... on NotificationAdded { notification { kind actor { id } request { id } } } \
                 ... on NotificationsRemoved { notificationIds } \
                 ... on ActivityPosted { activity { kind actor { displayName } subject { id } } } \
                 ... on ActivityRemoved { activityId } \
                 ... on ContactRemoved { list user { displayName } } } } }";
    let told = pulled(&ann, query, "NotificationsRemoved").await;
    let received = &told[0]["request"];
    assert_eq!(received["requester"], json!({ "id": jane.id(), "handle": jane.id(), "displayName": "Deleted user" }));
    assert_eq!(received["recipient"]["handle"], "ann");
    assert!(told.to_string().contains(&format!("\"notificationIds\":[\"{shown}\"]")), "{told}");
    assert!(!told.to_string().contains("jane"), "{told}");
    // The shared activity is removed for the other person too.
    pulled(&ben, query, "ActivityRemoved").await;
    let told = pulled(&ben, query, "ContactRemoved").await;
    let left = told.as_array().into_iter().flatten().filter(|event| event["__typename"] == "ContactRemoved");
    let left: Vec<Value> = left.map(|event| json!([event["list"], event["user"]["displayName"]])).collect();
    assert_eq!(left, [json!(["OUTGOING_REQUESTS", "Deleted user"]), json!(["CONNECTIONS", "Deleted user"])]);
    assert_eq!(ben.ask("{ activityFeed { nodes { id } } }", Value::Null).await.at("activityFeed.nodes"), &json!([]));
    assert_eq!(ben.ask("{ notifications { nodes { id } } }", Value::Null).await.at("notifications.nodes"), &json!([]));
    consistency::check(&app.database).await;
}
