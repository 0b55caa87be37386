//! Templates: made by supervisors and administrators, filled in by agents, sent to customers.

use entity::{channel::Channel, participant::ParticipantRole};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    graphql::Answer,
    person::Person,
    rounds,
    templates::{CREATE, UPDATE, create, order, refused},
    visitors::{AcceptedChat, accepted_chat},
};

const RENDER: &str = include_str!("operations/templates/render.graphql");
const EDIT: &str = "mutation($input: EditMessageInput!) { editMessage(input: $input) { userErrors { code field } } }";
const SEND: &str = include_str!("operations/templates/send.graphql");

async fn render(by: &Person, template: &str, conversation: &str, values: Value) -> Answer {
    let input = json!({ "templateId": template, "conversationId": conversation, "values": values });
    by.ask(RENDER, json!({ "input": input })).await
}

async fn send(by: &Person, conversation: &str, id: &str, more: Value) -> Answer {
    let mut input = json!({ "conversationId": conversation, "clientMessageId": id });
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    by.ask(SEND, json!({ "input": input })).await
}

/// Returns the refusal of a message.
async fn unsent(by: &Person, conversation: &str, id: &str, more: Value) -> (String, String) {
    refused(&send(by, conversation, id, more).await, "sendMessage")
}

fn values() -> Value {
    json!([{ "name": "number", "value": "4711" }, { "name": "bought", "value": "2026-11-30" }])
}

#[tokio::test]
async fn a_locked_template_is_sent_as_it_was_shown() {
    let AcceptedChat { app, sue, visitor, conversation, .. } = Box::pin(accepted_chat()).await;
    let chief = app.supervisor("chief").await;
    let template = create(&chief, order()).await;
    let open = render(&sue, &template, &conversation, json!([])).await;
    assert_eq!(open.at("renderTemplate.openParameters"), &json!(["number", "bought"]));
    assert!(open.text("renderTemplate.text").contains("order {{number}} () of {{bought}}"));
    let used = |values: Value| json!({ "template": { "templateId": template, "values": values } });
    let missing = unsent(&sue, &conversation, "1", used(json!([]))).await;
    assert_eq!(missing, ("PARAMETER_MISSING".to_owned(), "input.template.values".to_owned()));

    let shown = render(&sue, &template, &conversation, values()).await;
    let text = shown.text("renderTemplate.text");
    assert_eq!(text, "Dear customer, order 4711 () of 30 November 2026 left us.\nsue, Support");
    assert_eq!(shown.at("renderTemplate.characters"), text.chars().count());
    assert_eq!(
        (shown.at("renderTemplate.fits"), shown.at("renderTemplate.characterLimit")),
        (&json!(true), &json!(1_000))
    );
    for replayed in [false, true] {
        let sent = send(&sue, &conversation, "2", used(values())).await;
        assert_eq!((sent.text("sendMessage.message.body"), sent.at("sendMessage.replayed")), (text, &json!(replayed)));
        assert_eq!(sent.at("sendMessage.message.template.edited"), false);
        assert_eq!(sent.at("sendMessage.message.template.template.id"), template.as_str());
    }
    // The same text may come along, and no other.
    let mut with = used(values());
    with["body"] = json!(text);
    assert_eq!(unsent(&sue, &conversation, "3", with.clone()).await, (String::new(), String::new()));
    with["body"] = json!(format!("{text} "));
    assert_eq!(unsent(&sue, &conversation, "4", with).await, ("TEMPLATE_LOCKED".to_owned(), "input.body".to_owned()));
    // Nor may it be changed afterwards.
    let edit = async |id: &str, body: &str| {
        let input = json!({ "messageId": id, "body": body });
        let answer = sue.ask(EDIT, json!({ "input": input })).await;
        refused(&answer, "editMessage").0
    };
    let id = send(&sue, &conversation, "2", used(values())).await.text("sendMessage.message.id").to_owned();
    assert_eq!(edit(&id, "Dear customer, forget it.").await, "TEMPLATE_LOCKED");
    assert_eq!(edit(&id, text).await, "");
    // The customer reads the text and nothing about the template.
    let query = "query($id: ID!) { conversation(id: $id) { items(last: 1) { nodes { ... on Message { body template { version } } } } } }";
    let seen = visitor.ask(query, json!({ "id": conversation })).await;
    assert_eq!(seen.at("conversation.items.nodes.0"), &json!({ "body": text, "template": null }));
}

#[tokio::test]
async fn an_agent_may_change_the_text_of_an_open_template_but_leave_no_parameter_in_it() {
    let AcceptedChat { app, sue, conversation, .. } = Box::pin(accepted_chat()).await;
    let template = create(
        &app.admin("ada").await,
        json!({ "name": "Hello", "body": "Hello {{who}}!",
        "parameters": [{ "name": "who", "label": "Name" }] }),
    )
    .await;
    let used = |body: &str| json!({ "body": body, "template": { "templateId": template } });
    let left = unsent(&sue, &conversation, "1", used("Hello {{who}}, and welcome!")).await;
    assert_eq!(left, ("PARAMETER_MISSING".to_owned(), "input.body".to_owned()));
    let sent = send(&sue, &conversation, "2", used("Hello Kim, and welcome!")).await;
    assert_eq!(sent.text("sendMessage.message.body"), "Hello Kim, and welcome!");
    assert_eq!(sent.at("sendMessage.message.template.edited"), true);
    let id = sent.text("sendMessage.message.id");
    let edit = async |body: &str| {
        let answer = sue.ask(EDIT, json!({ "input": { "messageId": id, "body": body } })).await;
        refused(&answer, "editMessage").0
    };
    assert_eq!((edit("Hello {{who}}").await.as_str(), edit("Hello, Kim!").await.as_str()), ("PARAMETER_MISSING", ""));
    // A message without a template may have braces.
    assert_eq!(unsent(&sue, &conversation, "3", json!({ "body": "Write {{who}}." })).await.0, "");
}

#[tokio::test]
async fn values_are_checked_by_their_kind() {
    let AcceptedChat { app, sue, conversation, .. } = Box::pin(accepted_chat()).await;
    let template = create(&app.admin("ada").await, order()).await;
    for (values, code, field) in [
        (json!([{ "name": "number", "value": "many" }]), "INVALID", "input.template.values.0.value"),
        (json!([{ "name": "number", "value": "{1}" }]), "INVALID", "input.template.values.0.value"),
        (json!([{ "name": "colour", "value": "green" }]), "INVALID", "input.template.values.0.value"),
        (json!([{ "name": "bought", "value": "30.11.2026" }]), "INVALID", "input.template.values.0.value"),
        (
            json!([{ "name": "number", "value": "1" }, { "name": "number", "value": "2" }]),
            "DUPLICATE",
            "input.template.values.1.name",
        ),
        (json!([{ "name": "nothing", "value": "1" }]), "NOT_FOUND", "input.template.values.0.name"),
        (json!([{ "name": "customer.name", "value": "Kim" }]), "NOT_FOUND", "input.template.values.0.name"),
    ] {
        let more = json!({ "template": { "templateId": template, "values": values } });
        assert_eq!(unsent(&sue, &conversation, "m", more).await, (code.to_owned(), field.to_owned()), "{values}");
    }
    let none = json!({ "template": { "templateId": "template_0" } });
    assert_eq!(unsent(&sue, &conversation, "m", none).await.0, "NOT_FOUND");
}

#[tokio::test]
async fn the_customers_language_zone_and_details_are_in_the_text() {
    let AcceptedChat { app, sue, support, .. } = Box::pin(accepted_chat()).await;
    let input =
        json!({ "locale": "ko-KR", "timeZone": "Asia/Seoul", "message": { "clientMessageId": "1", "body": "안녕" } });
    let started = crate::support::visitors::start(&app.anonymous(), &support.entry_point, input).await;
    let conversation = crate::support::visitors::chat(&started).to_owned();
    app.settle().await;
    sue.accepts_it().await;
    let template =
        create(&app.admin("ada").await, json!({ "name": "Day", "body": "{{date.today}} {{organization.name|us}}" }))
            .await;
    let now = app.clock.now().with_timezone(&chrono_tz::Asia::Seoul).format("%Y년 %-m월 %-d일").to_string();
    let shown = render(&sue, &template, &conversation, json!([])).await;
    assert_eq!(shown.text("renderTemplate.text"), format!("{now} us"));
    let input = json!({ "timeZone": "Mars/Base", "message": { "clientMessageId": "1", "body": "x" } });
    let wrong = crate::support::visitors::start(&app.anonymous(), &support.entry_point, input).await;
    assert_eq!(crate::support::visitors::refusal(&wrong), "INVALID");
}

#[tokio::test]
async fn an_old_message_shows_the_text_that_was_sent() {
    let AcceptedChat { app, sue, conversation, .. } = Box::pin(accepted_chat()).await;
    let ada = app.admin("ada").await;
    let template = create(&ada, json!({ "name": "Hello", "body": "Hello!", "locked": true })).await;
    let used = json!({ "template": { "templateId": template, "version": 1 } });
    let first = send(&sue, &conversation, "1", used.clone()).await;
    assert_eq!(first.text("sendMessage.message.body"), "Hello!");
    let change = json!({ "input": { "templateId": template, "body": "Good day!" } });
    for outcome in ["APPLIED", "NO_CHANGE"] {
        let changed = ada.ask(UPDATE, change.clone()).await;
        assert_eq!(
            (changed.text("updateTemplate.outcome"), changed.at("updateTemplate.template.version")),
            (outcome, &json!(2))
        );
    }
    // Another name is no other text.
    let renamed = ada.ask(UPDATE, json!({ "input": { "templateId": template, "name": "Greeting" } })).await;
    assert_eq!(renamed.at("updateTemplate.template.version"), 2);
    let outdated = unsent(&sue, &conversation, "2", used).await;
    assert_eq!(outdated, ("OUT_OF_RANGE".to_owned(), "input.template.version".to_owned()));
    let id = first.text("sendMessage.message.id");
    let query =
        "query($id: ID!) { node(id: $id) { ... on Message { body template { version body template { body } } } } }";
    let seen = sue.ask(query, json!({ "id": id })).await;
    let expected = json!({ "body": "Hello!", "template": { "version": 1, "body": "Hello!", "template": { "body": "Good day!" } } });
    assert_eq!(seen.at("node"), &expected);
    let archive = "mutation($input: ArchiveTemplateInput!) { archiveTemplate(input: $input) { outcome } }";
    let archived = ada.ask(archive, json!({ "input": { "templateId": template } })).await;
    assert_eq!(archived.text("archiveTemplate.outcome"), "APPLIED");
    let gone = unsent(&sue, &conversation, "3", json!({ "template": { "templateId": template } })).await;
    assert_eq!(gone.0, "ARCHIVED");
    assert_eq!(sue.ask(query, json!({ "id": id })).await.at("node"), &expected);
}

#[tokio::test]
async fn a_template_is_for_its_channels_and_markdown_becomes_what_the_channel_shows() {
    let AcceptedChat { app, sue, conversation, .. } = Box::pin(accepted_chat()).await;
    let ada = app.admin("ada").await;
    let mail = create(&ada, json!({ "name": "Mail", "body": "x", "channels": ["EMAIL"] })).await;
    let used = |id: &str| json!({ "template": { "templateId": id } });
    assert_eq!(unsent(&sue, &conversation, "1", used(&mail)).await.0, "NOT_ALLOWED");
    let rich = create(
        &ada,
        json!({ "name": "Rich", "format": "MARKDOWN", "body": "**Hello** [shop](https://shop.example/)\n\n- a\n- b" }),
    )
    .await;
    let plain = send(&sue, &conversation, "2", used(&rich)).await;
    assert_eq!(plain.text("sendMessage.message.body"), "Hello shop (https://shop.example/)\n\n- a\n- b");
    assert_eq!(plain.text("sendMessage.message.format"), "PLAIN");
    let chat = app.chat(Channel::Whatsapp, "kim").await;
    app.answers(&chat, &sue, ParticipantRole::Owner).await;
    let marked = send(&sue, &chat.id.to_string(), "1", used(&rich)).await;
    assert_eq!(marked.text("sendMessage.message.format"), "MARKDOWN");
    let query = "{ channels { channel templates templateAttachments } }";
    let shown = sue.ask(query, Value::Null).await;
    assert!(shown.at("channels").as_array().is_some_and(|all| all.iter().all(|one| one["templates"] == true)));
}

/// Random templates and values: the sent text has no open parameter, is within the limit and equals the preview, and
/// the fixed parts of a locked template are in it byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn every_sent_text_is_complete_within_the_limit_and_as_shown() {
    const FIXED: [&str; 10] = [" ", "\n", "Hello ", "{", "}", "안녕 ", "*a*", "| ", "\u{1f600}", "x}y{z"];
    const PLACES: [&str; 6] =
        ["{{a}}", "{{b|none}}", "{{customer.name|you}}", "{{agent.name}}", "{{date.today}}", "{{customer.email}}"];
    let AcceptedChat { app, sue, conversation, .. } = Box::pin(accepted_chat()).await;
    let ada = app.admin("ada").await;
    let mut chance = StdRng::seed_from_u64(5);
    let (mut sent, mut refusals) = (0, 0);
    for round in 0..rounds(60) {
        let parts: Vec<&str> = (0..chance.random_range(1..8))
            .map(|_| match chance.random_bool(0.5) {
                true => FIXED[chance.random_range(0..FIXED.len())],
                false => PLACES[chance.random_range(0..PLACES.len())],
            })
            .collect();
        let body = parts.concat();
        let kinds = [("a", "{{a}}"), ("b", "{{b|none}}")].into_iter().filter(|(_, place)| body.contains(place));
        let parameters: Vec<Value> = kinds
            .map(|(name, _)| json!({ "name": name, "label": name, "required": chance.random_bool(0.7) }))
            .collect();
        let template = json!({ "name": format!("t{round}"), "body": body, "locked": true, "parameters": parameters });
        let made = ada.ask(CREATE, json!({ "input": template })).await;
        let Some(id) = made.at("createTemplate")["template"]["id"].as_str() else { continue };
        let long = "y".repeat(chance.random_range(0..500));
        let texts = ["", "Kim", "한국 \u{1f600}", "a\nb", long.as_str()];
        let mut values = Vec::new();
        for one in &parameters {
            let text = texts[chance.random_range(0..texts.len())];
            if chance.random_bool(0.9) {
                values.push(json!({ "name": one["name"], "value": text }));
            }
        }
        let shown = render(&sue, id, &conversation, json!(values)).await;
        let (text, open) = (shown.text("renderTemplate.text"), shown.at("renderTemplate.openParameters"));
        let more = json!({ "template": { "templateId": id, "values": values } });
        let answer = send(&sue, &conversation, &format!("m{round}"), more).await;
        let (code, _) = refused(&answer, "sendMessage");
        let fits = shown.at("renderTemplate.fits") == true;
        if !code.is_empty() {
            refusals += 1;
            let expected = if open != &json!([]) {
                "PARAMETER_MISSING"
            } else if fits {
                "REQUIRED"
            } else {
                "TOO_LONG"
            };
            assert_eq!(code, expected, "{body:?}");
            continue;
        }
        sent += 1;
        let body_sent = answer.text("sendMessage.message.body");
        assert_eq!((body_sent, open, fits), (text, &json!([]), true));
        assert!(!api::templates::template_body::has_placeholder(body_sent) && body_sent.chars().count() <= 1_000);
        let mut rest = body_sent;
        for fixed in parts.iter().filter(|part| FIXED.contains(part)) {
            let at = rest.find(fixed).expected("the fixed text");
            rest = &rest[at + fixed.len()..];
        }
    }
    assert!(sent > 5 && refusals > 2, "{sent} {refusals}");
}

#[tokio::test]
async fn templates_are_for_agents_and_conversations_with_customers() {
    let AcceptedChat { app, sue, conversation, .. } = Box::pin(accepted_chat()).await;
    let template = create(&app.admin("ada").await, json!({ "name": "Hello", "body": "Hello!" })).await;
    let [jane, richard] = app.people(["jane", "richard"]).await;
    let request = jane.asks(&richard).await;
    richard.does("acceptConnectionRequest", &request).await;
    let start = "mutation($id: ID!) { startDirectConversation(input: { userId: $id }) { conversation { id } } }";
    let direct = jane.ask(start, json!({ "id": richard.id.to_string() })).await;
    let direct = direct.text("startDirectConversation.conversation.id");
    let used = json!({ "template": { "templateId": template } });
    assert_eq!(unsent(&jane, direct, "1", used.clone()).await.0, "NOT_FOUND");
    assert!(render(&jane, &template, direct, json!([])).await.body["data"]["renderTemplate"].is_null());
    assert_eq!(unsent(&sue, &conversation, "1", used).await.0, "");
}

#[tokio::test]
async fn a_name_in_a_markdown_template_makes_no_link() {
    let AcceptedChat { app, sue, .. } = Box::pin(accepted_chat()).await;
    let chat = app.chat(Channel::Whatsapp, "[pay](https://evil.example)").await;
    app.answers(&chat, &sue, ParticipantRole::Owner).await;
    let body = "**Dear** {{customer.name}}, {{what}}";
    let parameters = json!([{ "name": "what", "label": "What" }]);
    let template = json!({ "name": "Dear", "format": "MARKDOWN", "body": body, "parameters": parameters });
    let template = create(&app.admin("ada").await, template).await;
    let values = json!([{ "name": "what", "value": "5*3*2" }]);
    let used = json!({ "template": { "templateId": template, "values": values } });
    let sent = send(&sue, &chat.id.to_string(), "1", used).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Message { html } } }";
    let shown = sue.ask(query, json!({ "id": sent.text("sendMessage.message.id") })).await;
    let html = "<p><strong>Dear</strong> [pay](https://evil.example), 5*3*2</p>\n";
    assert_eq!(shown.text("node.html"), html);
}
