//! Every mutation is sent twice with the same input, the second time to another instance. The second answer has the
//! same objects and the outcome NO_CHANGE, and no event is written. The mutations are found by introspection, so that a
//! new one cannot be left out.

use std::collections::BTreeSet;

use entity::channel::Channel;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::{sign_up, with_password},
    app::TestApp,
    arrivals::connected_task,
    contact_center::{input_of, refused},
    desk::{NewQueue, QueueSetup},
    emails::{addresses, deliver, token, with_mail},
    graphql::Client,
    introspection::{INTROSPECTION, named, text},
    person::Person,
    smtp::MailServer,
};

/// The fields of payloads that differ between two answers: tokens that each answer creates, and numbers of changes.
const NOT_COMPARED: [&str; 11] = [
    "accessToken",
    "changed",
    "changes",
    "count",
    "created",
    "expiresAt",
    "outcome",
    "refreshToken",
    "replayed",
    "unchanged",
    "visitorToken",
];

/// The mutations that were sent, with the schema from which their selections are made.
struct Twice<'a> {
    app: &'a TestApp,
    types: Vec<Value>,
    sent: BTreeSet<String>,
}

impl Twice<'_> {
    fn fields(&self, kind: &str) -> &[Value] {
        let found = self.types.iter().find(|found| found["name"] == kind).expected(kind);
        found["fields"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns a selection of all fields of a type: the id of an object, and all fields of a result without one.
    fn selection(&self, kind: &str) -> String {
        let select = |field: &Value| {
            let (name, kind) = (text(&field["name"]), named(&field["type"]));
            if matches!(text(&kind["kind"]), "SCALAR" | "ENUM") {
                return name.to_owned();
            }
            let inner = text(&kind["name"]);
            let within = self.types.iter().find(|found| found["name"] == inner).expected(inner);
            let has_id = within["fields"].as_array().into_iter().flatten().any(|field| field["name"] == "id");
            format!("{name} {{ {} }}", if has_id { "id".to_owned() } else { self.selection(inner) })
        };
        self.fields(kind).iter().map(select).collect::<Vec<_>>().join(" ")
    }

    /// Sends a mutation to the first client and again to the last one. Returns the first payload.
    async fn send(&mut self, clients: &[Client], mutation: &str, input: Value) -> Value {
        let field = self.fields("Mutation").iter().find(|field| field["name"] == mutation).expected(mutation);
        let payload = self.selection(text(&named(&field["type"])["name"]));
        let query = match input.is_null() {
            true => format!("mutation {{ done: {mutation} {{ {payload} }} }}"),
            false => {
                let kind = input_of(mutation);
                format!("mutation($input: {kind}!) {{ done: {mutation}(input: $input) {{ {payload} }} }}")
            }
        };
        let variables = json!({ "input": input });
        let (first_client, last) = clients.first().zip(clients.last()).expected("a client");
        let first = first_client.ask(&query, variables.clone()).await.at("done").clone();
        let events = self.app.database.number("SELECT count(*) FROM event").await;
        let again = last.ask(&query, variables).await.at("done").clone();
        assert_eq!((refused(&first), refused(&again)), (String::new(), String::new()), "{mutation}: {first} {again}");
        // An export changes nothing the first time either.
        let expected = if mutation == "exportAccount" { "NO_CHANGE" } else { "APPLIED" };
        assert_eq!((&first["outcome"], &again["outcome"]), (&json!(expected), &json!("NO_CHANGE")), "{mutation}");
        assert!(again["replayed"] != json!(false), "{mutation}: {again}");
        assert_eq!(again["changes"], json!([]), "{mutation}");
        assert_eq!(self.app.database.number("SELECT count(*) FROM event").await, events, "{mutation}");
        for (name, value) in first.as_object().expected("a payload") {
            if !NOT_COMPARED.contains(&name.as_str()) && name != "results" && name != "url" {
                assert_eq!(&again[name], value, "{mutation}.{name}");
            }
        }
        self.sent.insert(mutation.to_owned());
        first
    }

    async fn person(&mut self, who: &Person, mutation: &str, input: Value) -> Value {
        self.send(&who.clients, mutation, input).await
    }
}

fn key(name: &str) -> String {
    format!("{name} that nobody else makes up")
}

/// Returns a client of the given token for each instance.
fn clients_of(app: &TestApp, token: Option<&str>) -> Vec<Client> {
    app.instances.iter().map(|instance| Client::new(&instance.url, token.map(str::to_owned))).collect()
}

async fn templates(twice: &mut Twice<'_>, ada: &Person) {
    let template = json!({ "name": "Hello", "body": "Hello!", "idempotencyKey": key("template") });
    let template = twice.person(ada, "createTemplate", template).await["template"]["id"].clone();
    twice.person(ada, "updateTemplate", json!({ "templateId": template, "body": "Good day!" })).await;
    twice.person(ada, "archiveTemplate", json!({ "templateId": template })).await;
    let file = r#"{ "version": 1, "templates": [{ "name": "Bye", "body": "Bye!" }] }"#;
    twice.person(ada, "importTemplates", json!({ "json": file })).await;
}

async fn configuration(twice: &mut Twice<'_>, ada: &Person, ann: &Person) {
    let skill = json!({ "name": "French", "idempotencyKey": key("skill") });
    let skill = twice.person(ada, "createSkill", skill).await["skill"]["id"].clone();
    twice.person(ada, "updateSkill", json!({ "skillId": skill, "name": "Français" })).await;
    let skills = json!([{ "skillId": skill, "level": 3 }]);
    twice.person(ada, "updateAgent", json!({ "userId": ann.id(), "skills": skills })).await;
    twice.person(ada, "deleteSkill", json!({ "skillId": skill })).await;
    let profile = json!({ "name": "Some", "mode": "BLENDED", "chat": 2, "email": 2, "social": 2, "idempotencyKey": key("profile") });
    let profile = twice.person(ada, "createMultimediaProfile", profile).await["profile"]["id"].clone();
    twice.person(ada, "updateMultimediaProfile", json!({ "profileId": profile, "chat": 3 })).await;
    twice.person(ada, "archiveMultimediaProfile", json!({ "profileId": profile })).await;
    for (kind, id) in [("WrapUpReason", "wrapUpReasonId"), ("IdleReason", "idleReasonId")] {
        let new = json!({ "name": "Spring", "idempotencyKey": key(kind) });
        let reason = twice.person(ada, &format!("create{kind}"), new).await["reason"]["id"].clone();
        twice.person(ada, &format!("update{kind}"), json!({ id: reason, "name": "Summer" })).await;
        twice.person(ada, &format!("archive{kind}"), json!({ id: reason })).await;
    }
    let document = "{ viewer { scopes } }";
    let added = twice.person(ada, "addTrustedDocuments", json!({ "documents": [document] })).await;
    let document = &added["documents"][0]["documentId"];
    twice.person(ada, "removeTrustedDocument", json!({ "documentId": document })).await;
    let queue = json!({ "name": "Orders", "channel": "WEBCHAT", "idempotencyKey": key("queue") });
    let queue = twice.person(ada, "createQueue", queue).await["queue"]["id"].clone();
    twice.person(ada, "updateQueue", json!({ "queueId": queue, "name": "Purchases" })).await;
    let new = json!({ "name": "Shop", "channel": "WEBCHAT", "address": "shop", "queueId": queue, "idempotencyKey": key("entry point") });
    let entry_point = twice.person(ada, "createEntryPoint", new).await["entryPoint"]["id"].clone();
    twice.person(ada, "updateEntryPoint", json!({ "entryPointId": entry_point, "name": "Store" })).await;
    let rotation = json!({ "entryPointId": entry_point, "idempotencyKey": key("rotation") });
    let rotated = twice.person(ada, "rotateIdentitySecret", rotation).await;
    assert_eq!(rotated["identitySecret"].as_str().map(str::len), Some(43));
    twice.person(ada, "archiveEntryPoint", json!({ "entryPointId": entry_point })).await;
    twice.person(ada, "archiveQueue", json!({ "queueId": queue })).await;
}

async fn accounts(twice: &mut Twice<'_>, server: &MailServer) {
    let app = twice.app;
    let anyone = clients_of(app, None);
    let pat =
        json!({ "handle": "pat", "password": "correct horse", "displayName": "Pat", "idempotencyKey": key("pat") });
    let signed_up = twice.send(&anyone, "signUp", pat.clone()).await;
    let me = clients_of(app, signed_up["accessToken"].as_str());
    let sign_in = json!({ "handle": "pat", "password": "correct horse", "idempotencyKey": key("sign in") });
    let signed_in = twice.send(&anyone, "signIn", sign_in).await;
    let sessions = me[0].ask("{ viewer { sessions { id current } } }", Value::Null).await;
    let sessions = sessions.at("viewer.sessions").as_array().cloned().expected("sessions");
    assert_eq!(sessions.len(), 2);
    twice.send(&anyone, "refreshSession", json!({ "refreshToken": signed_in["refreshToken"] })).await;
    let other = sessions.iter().find(|session| session["current"] == false).expected("another session");
    twice.send(&me, "revokeSession", json!({ "sessionId": other["id"] })).await;
    let new = json!({ "name": "Reports", "scopes": ["PROFILE_READ"], "idempotencyKey": key("key") });
    let created = twice.send(&me, "createApiKey", new).await;
    let (id, secret) = (&created["apiKey"]["id"], created["secret"].as_str());
    let reader = clients_of(app, secret);
    assert_eq!(
        reader[reader.len() - 1].ask("{ viewer { user { handle } } }", Value::Null).await.text("viewer.user.handle"),
        "pat"
    );
    twice.send(&me, "updateApiKey", json!({ "apiKeyId": id, "name": "Sums" })).await;
    let rotation = json!({ "apiKeyId": id, "idempotencyKey": key("rotation") });
    assert_ne!(twice.send(&me, "rotateApiKey", rotation).await["secret"], created["secret"]);
    twice.send(&me, "revokeApiKey", json!({ "apiKeyId": id })).await;
    let profile = json!({ "title": "Clerk", "emails": [{ "address": "pat@example.org" }] });
    twice.send(&me, "updateProfile", profile).await;
    twice.send(&me, "updateSettings", json!({ "whoMayFollow": "NOBODY" })).await;
    twice.send(&me, "requestEmailConfirmation", json!({ "address": "pat@example.org" })).await;
    let mails = deliver(app, server).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    twice.send(&anyone, "confirmEmail", json!({ "token": token(&mails[0]) })).await;
    let passwords = json!({ "currentPassword": "correct horse", "newPassword": "battery staple" });
    twice.send(&me, "changePassword", passwords).await;
    deliver(app, server).await;
    twice.send(&me, "signOut", Value::Null).await;
    twice.send(&anyone, "requestPasswordReset", json!({ "handleOrEmail": "pat" })).await;
    let mails = deliver(app, server).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    twice.send(&anyone, "resetPassword", json!({ "token": token(&mails[0]), "newPassword": "another horse" })).await;
}

async fn administration(twice: &mut Twice<'_>, ada: &Person, server: &MailServer) {
    let app = twice.app;
    let (kim, client) = with_password(app, "kim").await;
    twice.person(ada, "exportAccount", json!({ "userId": kim.id() })).await;
    for (mutation, more) in [
        ("suspendUser", json!({})),
        ("reinstateUser", json!({})),
        ("setUserRole", json!({ "role": "AGENT" })),
        ("deactivateAccount", json!({})),
        ("deleteAccount", json!({})),
    ] {
        let mut input = more;
        input["userId"] = json!(kim.id());
        twice.person(ada, mutation, input).await;
    }
    drop(client);
    let (lee, _) = sign_up(app, "lee").await;
    addresses(&lee, &["lee@example.org"]).await;
    server.reject(1);
    lee.ask("mutation { requestEmailConfirmation(input: { address: \"lee@example.org\" }) { outcome } }", Value::Null)
        .await;
    app.deliver().await;
    let failed = ada.ask("{ deliveries { nodes { id } } }", Value::Null).await.at("deliveries.nodes.0.id").clone();
    twice.person(ada, "sendDeliveryAgain", json!({ "deliveryId": failed })).await;
}

async fn relationships(twice: &mut Twice<'_>) {
    let [jane, richard, max] = twice.app.people(["jane", "richard", "max"]).await;
    let about = |other: &Person| json!({ "userId": other.id() });
    for ending in ["withdrawConnectionRequest", "ignoreConnectionRequest", "acceptConnectionRequest"] {
        let (from, to) = if ending.starts_with("ignore") { (&max, &jane) } else { (&jane, &richard) };
        let request = twice.person(from, "requestConnection", about(to)).await["request"]["id"].clone();
        let who = if ending.starts_with("withdraw") { from } else { to };
        twice.person(who, ending, json!({ "requestId": request })).await;
    }
    let direct = twice.person(&jane, "startDirectConversation", about(&richard)).await["conversation"]["id"].clone();
    let first = json!({ "conversationId": direct, "clientMessageId": "1", "body": "Lunch?" });
    let message = twice.person(&jane, "sendMessage", first).await["message"]["id"].clone();
    let file = json!({ "conversationId": direct, "clientUploadId": "1", "name": "a.txt", "byteSize": 1,
        "sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" });
    twice.person(&jane, "createAttachmentUpload", file).await;
    let read = json!({ "conversationId": direct, "upToSequence": 1 });
    twice.person(&richard, "markConversationRead", read).await;
    twice.person(&jane, "editMessage", json!({ "messageId": message, "body": "Tea?" })).await;
    twice.person(&jane, "deleteMessage", json!({ "messageId": message })).await;
    for (who, mutation, other) in [
        (&jane, "followUser", &richard),
        (&jane, "unfollowUser", &richard),
        (&jane, "muteUser", &richard),
        (&jane, "unmuteUser", &richard),
        (&jane, "disconnect", &richard),
        (&jane, "blockUser", &richard),
        (&jane, "unblockUser", &richard),
    ] {
        twice.person(who, mutation, about(other)).await;
    }
    max.must("followUser", &jane.id()).await;
    twice.person(&jane, "removeFollower", about(&max)).await;
    twice.person(&jane, "saveNote", json!({ "userId": max.id(), "text": "Tall." })).await;
    let many = json!({ "action": "FOLLOW", "userIds": [richard.id(), max.id()] });
    twice.person(&jane, "updateContacts", many).await;
    let contact = json!({ "displayName": "Aunt", "idempotencyKey": key("aunt") });
    let contact = twice.person(&jane, "savePersonalContact", contact).await["contact"]["id"].clone();
    twice.person(&jane, "deletePersonalContact", json!({ "contactId": contact })).await;
    let card = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Uncle\r\nEND:VCARD\r\n";
    twice.person(&jane, "importVCard", json!({ "vCard": card })).await;
    let status = json!({ "text": "Hello", "idempotencyKey": key("status") });
    let status = twice.person(&jane, "postStatus", status).await["activity"]["id"].clone();
    twice.person(&jane, "deleteActivity", json!({ "activityId": status })).await;
    let act = json!({ "text": "published the prices", "application": "Documents", "idempotencyKey": key("act") });
    twice.person(&jane, "recordActivity", act).await;
    let newest = richard.ask("{ notifications(first: 1) { nodes { id } } }", Value::Null).await;
    let ids = json!({ "ids": [newest.at("notifications.nodes.0.id")] });
    for mutation in ["markNotificationsRead", "markNotificationsUnread", "deleteNotifications"] {
        twice.person(&richard, mutation, ids.clone()).await;
    }
    let preferences = json!({ "preferences": [{ "kind": "FOLLOWED", "email": "DAILY" }] });
    twice.person(&jane, "updateNotificationPreferences", preferences).await;
}

async fn tasks(twice: &mut Twice<'_>, setup: &QueueSetup, other: &QueueSetup, ann: &Person, ben: &Person) {
    let app = twice.app;
    for agent in [ann, ben] {
        twice.person(agent, "setAgentState", json!({ "state": "AVAILABLE" })).await;
    }
    let wrap_up = |task: &Value, reason: String| json!({ "taskId": task, "reasonIds": [reason], "note": "Done." });
    // An invitation that is withdrawn, then a conference that the invited agent leaves, and one that is left for them.
    let chat = connected_task(app, ann, setup, "Kim").await;
    let task = json!(chat.task.to_string());
    let invitation = json!({ "taskId": task, "to": ben.as_target() });
    for ending in ["cancelConference", "exitConference", "removeFromConference", "endConference"] {
        twice.person(ann, "requestConference", invitation.clone()).await;
        if ending == "cancelConference" {
            twice.person(ann, ending, json!({ "taskId": task })).await;
            continue;
        }
        let offer = ben.offers().await[0].clone();
        twice.person(ben, "acceptOffers", json!({ "offerIds": [offer] })).await;
        let who = if ending == "exitConference" { ben } else { ann };
        twice.person(who, ending, json!({ "taskId": task })).await;
        twice.person(ben, "wrapUpTask", wrap_up(&task, ben.reason("Other").await)).await;
    }
    twice.person(ann, "extendWrapUp", json!({ "taskId": task })).await;
    twice.person(ann, "wrapUpTask", wrap_up(&task, ann.reason("Other").await)).await;

    app.waits(setup, "Ida").await;
    app.settle().await;
    let offer = ann.offers().await[0].clone();
    twice.person(ann, "declineOffer", json!({ "offerId": offer })).await;
    twice.person(ann, "setAgentState", json!({ "state": "AVAILABLE" })).await;
    app.settle().await;
    let offer = ann.offers().await[0].clone();
    let accepted = twice.person(ann, "acceptOffer", json!({ "offerId": offer })).await["task"]["id"].clone();
    let queue = json!({ "queueId": other.queue.id.to_string() });
    twice.person(ann, "transferTask", json!({ "taskId": accepted, "to": queue })).await;
    let sue = app.supervisor("sue").await;
    let chat = connected_task(app, ann, setup, "Noa").await;
    twice.person(&sue, "joinConversation", json!({ "conversationId": chat.conversation.to_string() })).await;
    let note = json!({ "conversationId": chat.conversation.to_string(), "clientMessageId": "n", "body": "Be kind." });
    twice.person(&sue, "addNote", note).await;
    twice.person(&sue, "leaveConversation", json!({ "conversationId": chat.conversation.to_string() })).await;
    let customers = ann.ask("{ customers(search: \"kim\") { nodes { id } } }", Value::Null).await;
    let customer = customers.at("customers.nodes.0.id").clone();
    twice.person(ann, "updateCustomer", json!({ "customerId": customer, "displayName": "Kim Minsu" })).await;
    let urgent = json!({ "taskId": chat.task.to_string(), "priority": 1 });
    twice.person(&sue, "setTaskPriority", urgent).await;
    let only = [&ann.clients[..1], &ann.clients[..1]].concat();
    let typing = json!({ "conversationId": chat.conversation.to_string(), "typing": true });
    // Each instance counts signals for itself.
    twice.send(&only, "setTyping", typing).await;
    twice.person(&sue, "assignTask", json!({ "taskId": chat.task.to_string(), "to": queue })).await;
    let chat = connected_task(app, ann, setup, "Lee").await;
    twice.person(ann, "endConversation", json!({ "conversationId": chat.conversation.to_string() })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_that_is_sent_twice_takes_effect_once() {
    let (app, server) = Box::pin(with_mail(&[])).await;
    let (ada, [ann, ben]) = (app.admin("ada").await, [app.agent("ann").await, app.agent("ben").await]);
    let schema = ada.ask(INTROSPECTION, Value::Null).await;
    let types = schema.at("__schema.types").as_array().cloned().expected("types");
    let mut twice = Twice { app: &app, types, sent: BTreeSet::new() };
    let new = NewQueue { auto_wrap_up_seconds: Some(60), ..NewQueue::of(Channel::Webchat, "Chats") };
    let setup = app.queue_setup_of(new, &[&ann]).await;
    let other = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Others"), &[]).await;
    Box::pin(configuration(&mut twice, &ada, &ann)).await;
    Box::pin(templates(&mut twice, &ada)).await;
    Box::pin(accounts(&mut twice, &server)).await;
    Box::pin(administration(&mut twice, &ada, &server)).await;
    Box::pin(relationships(&mut twice)).await;
    Box::pin(tasks(&mut twice, &setup, &other, &ann, &ben)).await;
    let visitor = json!({
        "entryPointId": setup.entry_point.id.to_string(),
        "message": { "clientMessageId": "1", "body": "Hello" },
        "idempotencyKey": key("chat"),
    });
    let started = twice.send(&clients_of(&app, None), "startWebChat", visitor).await;
    let visitor = clients_of(&app, started["visitorToken"].as_str());
    twice.send(&visitor, "revokeVisitorToken", Value::Null).await;
    let all: BTreeSet<String> = twice.fields("Mutation").iter().map(|field| text(&field["name"]).to_owned()).collect();
    assert_eq!(twice.sent, all);
}
