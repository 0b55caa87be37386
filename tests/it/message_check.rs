//! Tests of the one check of messages: every way in judges a text and an id alike, and stores an accepted text in the
//! same form.

use api::{
    conversations::message_content::MessageContent,
    inbound::messages::{self, InboundMessage},
};
use entity::{channel::Channel, entry_point, participant::ParticipantRole, thread_item::TextFormat};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    arrivals::address_of,
    conversations::{Chat, SEND, code},
    person::Person,
    visitors::{refusal, start},
};

const NOTE: &str = include_str!("operations/message_check/note.graphql");
const EDIT: &str = include_str!("operations/message_check/edit.graphql");

/// A text as it is stored, or the code of its refusal and the last part of the refused field.
type Verdict = Result<String, String>;

/// A web chat with an agent, and all ways by which a text comes in.
struct Ways {
    app: TestApp,
    ann: Person,
    chat: Chat,
    shop: entry_point::Model,
    /// The number of the next client message id.
    next: u32,
}

impl Ways {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let ann = app.agent("ann").await;
        let chat = app.chat(Channel::Webchat, "kim").await;
        app.answers(&chat, &ann, ParticipantRole::Owner).await;
        let shop = app.web_site("shop").await;
        Self { app, ann, chat, shop, next: 0 }
    }

    fn id(&mut self) -> String {
        self.next += 1;
        self.next.to_string()
    }

    /// Starts a chat with a message.
    async fn starts(&self, id: &str, body: &str) -> Verdict {
        let input = json!({ "message": { "clientMessageId": id, "body": body } });
        let answer = start(&self.app.anonymous(), &self.shop, input).await;
        if refusal(&answer).is_empty() {
            let newest = "SELECT body FROM thread_item WHERE kind = 1 ORDER BY id DESC LIMIT 1";
            return Ok(self.app.database.texts(newest).await.remove(0));
        }
        Err(refused(answer.at("startWebChat")))
    }

    async fn agent_sends(&self, id: &str, body: &str) -> Verdict {
        let variables = json!({ "c": self.chat.id(), "m": id, "b": body });
        verdict(self.ann.ask(SEND, variables).await.at("sent"), "message")
    }

    async fn visitor_sends(&self, id: &str, body: &str) -> Verdict {
        let variables = json!({ "c": self.chat.id(), "m": id, "b": body });
        verdict(self.chat.visitor.ask(SEND, variables).await.at("sent"), "message")
    }

    async fn agent_notes(&self, id: &str, body: &str) -> Verdict {
        let variables = json!({ "c": self.chat.id(), "m": id, "b": body });
        verdict(self.ann.ask(NOTE, variables).await.at("done"), "note")
    }

    async fn agent_edits(&mut self, body: &str) -> Verdict {
        let variables = json!({ "c": self.chat.id(), "m": self.id(), "b": "before" });
        let message = self.ann.ask(SEND, variables).await.at("sent.message.id").clone();
        verdict(self.ann.ask(EDIT, json!({ "m": message, "b": body })).await.at("done"), "message")
    }

    /// Delivers a text as a provider does. It is never refused.
    async fn provider_delivers(&mut self, body: &str) -> String {
        let content = MessageContent::delivered(body, TextFormat::Plain, None);
        let incoming = InboundMessage::delivered(address_of(&self.shop, "kim"), &self.id(), content);
        let received = messages::deliver(self.app.app(), self.shop.id, &incoming).await.expected("a message");
        received.message.expected("a message").body
    }
}

fn refused(payload: &Value) -> String {
    let field = payload["userErrors"][0]["field"].as_array().and_then(|path| path.last()).cloned().unwrap_or_default();
    format!("{} {}", code(payload), field.as_str().unwrap_or_default())
}

fn verdict(payload: &Value, item: &str) -> Verdict {
    match payload[item]["body"].as_str() {
        Some(body) => Ok(body.to_owned()),
        None => Err(refused(payload)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_judges_a_text_alike() {
    let mut ways = Ways::new().await;
    let invalid = || Err("INVALID body".to_owned());
    let empty = || Err("REQUIRED body".to_owned());
    let (full, over) = ("\u{d55c}".repeat(1_000), "\u{d55c}".repeat(1_001));
    // Line breaks count once, however they are written.
    let (breaks, lines) = ("a\r\n".repeat(500), "a\n".repeat(500));
    for (body, expected) in [
        ("Hello", Ok("Hello".to_owned())),
        ("a\r\nb", Ok("a\nb".to_owned())),
        ("a\rb", Ok("a\nb".to_owned())),
        ("a\r\r\nb", Ok("a\n\nb".to_owned())),
        ("a\u{85}b\u{2028}c\u{2029}d", Ok("a\nb\nc\nd".to_owned())),
        (" a\tb\n", Ok(" a\tb\n".to_owned())),
        (breaks.as_str(), Ok(lines)),
        (full.as_str(), Ok(full.clone())),
        ("", empty()),
        (" \r\n\t ", empty()),
        ("\u{200b}\u{2800}", empty()),
        ("a\u{7}b", invalid()),
        ("a\u{7f}b", invalid()),
        ("a\u{9f}b", invalid()),
        ("a\u{b}b", invalid()),
        (over.as_str(), Err("TOO_LONG body".to_owned())),
    ] {
        let id = ways.id();
        let judged = [
            ("startWebChat", ways.starts(&id, body).await),
            ("sendMessage of a visitor", ways.visitor_sends(&id, body).await),
            ("sendMessage of an agent", ways.agent_sends(&id, body).await),
            ("editMessage", ways.agent_edits(body).await),
        ];
        for (way, verdict) in judged {
            assert_eq!(verdict, expected, "{way}: {body:?}");
        }
        // A note may be longer than a message of the channel.
        if body != over {
            assert_eq!(ways.agent_notes(&format!("note {id}"), body).await, expected, "addNote: {body:?}");
        }
        // A provider's message cannot be refused. What others store, it stores alike, and of the rest what is allowed.
        let allowed = |c: &char| !c.is_control() || "\n\t".contains(*c);
        let kept = body.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
        let kept: String = kept.chars().filter(allowed).collect();
        assert_eq!(ways.provider_delivers(body).await, expected.unwrap_or(kept), "a provider: {body:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_judges_a_client_message_id_alike() {
    let ways = Ways::new().await;
    let (longest, longer) = ("\u{d55c}".repeat(100), "\u{d55c}".repeat(101));
    for (id, accepted) in [
        ("1", true),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", true),
        (" ", true),
        (longest.as_str(), true),
        (longer.as_str(), false),
        ("", false),
        ("a\tb", false),
        ("a\nb", false),
        ("a\rb", false),
        ("a\u{7f}b", false),
    ] {
        let expected = match (accepted, id) {
            (true, _) => Ok("Hello".to_owned()),
            (false, "") => Err("REQUIRED clientMessageId".to_owned()),
            (false, _) => Err("INVALID clientMessageId".to_owned()),
        };
        assert_eq!(ways.starts(id, "Hello").await, expected, "startWebChat: {id:?}");
        assert_eq!(ways.visitor_sends(id, "Hello").await, expected, "sendMessage of a visitor: {id:?}");
        assert_eq!(ways.agent_sends(id, "Hello").await, expected, "sendMessage of an agent: {id:?}");
        let noted = ways.agent_notes(&format!("{id}!"), "Hello").await;
        let over = id == longest || !accepted && !id.is_empty();
        assert_eq!(noted.is_err(), over, "addNote: {id:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_message_and_a_later_one_with_the_same_id_are_one_message() {
    let app = TestApp::new().await;
    let shop = app.web_site("shop").await;
    let input = json!({ "message": { "clientMessageId": "1", "body": "a\r\nb" } });
    let begun = start(&app.anonymous(), &shop, input).await;
    let kim = crate::support::visitors::by(&app, &begun);
    let chat = begun.text("startWebChat.conversation.id").to_owned();
    let again = kim.ask(SEND, json!({ "c": chat, "m": "1", "b": "a\r\nb" })).await.at("sent").clone();
    assert_eq!((&again["replayed"], &again["message"]["body"]), (&json!(true), &json!("a\nb")));
    let other = kim.ask(SEND, json!({ "c": chat, "m": "1", "b": "a\nc" })).await.at("sent").clone();
    assert_eq!(code(&other), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(app.database.number("SELECT count(*) FROM thread_item WHERE kind = 1").await, 1);
}
