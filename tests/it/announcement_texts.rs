//! Tests of the sentences of announcements: every kind has one in every language, for both sides.

use api::{
    conversations::{
        announcement_text::{self, AnnouncementNames},
        conversation_rows::ConversationSide,
    },
    events::payloads::Logged as _,
    text::locale::Locale,
};
use entity::{
    announcement::{AnnouncementData, AnnouncementParameters, AnnouncementPerson, AnnouncementTarget, FormAnswer},
    id::{QueueId, UserId},
    thread_item::{self, AnnouncementKind, ItemKind},
};
use sea_orm::Iterable as _;
use serde_json::json;
use uuid::Uuid;

use crate::support::Expected as _;

const SIDES: [ConversationSide; 2] = [ConversationSide::Staff, ConversationSide::Customer];
const TARGETS: [AnnouncementTarget; 2] =
    [AnnouncementTarget::Agent(UserId(Uuid::nil())), AnnouncementTarget::Queue(QueueId(Uuid::nil()))];

/// Returns the row of an announcement.
fn row(kind: AnnouncementKind, data: Option<&AnnouncementData>) -> thread_item::Model {
    let payload = json!({
        "id": Uuid::nil(), "conversation_id": Uuid::nil(), "sequence": 1, "customer_sequence": 1,
        "kind": ItemKind::Announcement, "visibility": "BOTH", "author_id": Uuid::nil(), "inbound": false,
        "announcement": kind, "body": "", "format": "PLAIN",
        "reply_to_id": null, "task_id": null, "client_message_id": null, "sent_at": null,
        "created_at": "2026-11-29T08:00:00Z", "edited_at": null, "deleted_at": null, "announcement_data": data,
    });
    thread_item::Model::from_payload(&payload).expected("a row")
}

fn names() -> AnnouncementNames {
    let name = |name: &str| Some(name.to_owned());
    AnnouncementNames { actor: name("Ann"), subject: name("Ben"), target: name("Cem") }
}

/// Returns the names that the sentence of a kind contains.
fn named(kind: AnnouncementKind, side: ConversationSide) -> &'static [&'static str] {
    match kind {
        AnnouncementKind::AgentJoined | AnnouncementKind::SupervisorJoined | AnnouncementKind::AgentLeft => &["Ben"],
        AnnouncementKind::CustomerLeft if side == ConversationSide::Staff => &["Ben"],
        AnnouncementKind::EndedByAgent => &["Ann"],
        // Only the organization's side sees these.
        AnnouncementKind::Transferred
        | AnnouncementKind::ConferenceRequested
        | AnnouncementKind::ConferenceCancelled => &["Ann", "Cem"],
        AnnouncementKind::ConferenceNotAccepted => &["Cem"],
        AnnouncementKind::CustomerLeft
        | AnnouncementKind::Transferring
        | AnnouncementKind::TransferDropped
        | AnnouncementKind::OutOfHours
        | AnnouncementKind::Inactive
        | AnnouncementKind::FormAnswered
        | AnnouncementKind::Merged => &[],
    }
}

#[test]
fn every_kind_has_a_whole_sentence_in_every_language() {
    for kind in AnnouncementKind::iter() {
        for (side, target) in SIDES.into_iter().flat_map(|side| TARGETS.map(|target| (side, target))) {
            let data = AnnouncementData { target: Some(target), ..AnnouncementData::default() };
            let row = row(kind, Some(&data));
            let mut written = Vec::new();
            for locale in Locale::ALL {
                let text = announcement_text::render(&row, &names(), side, locale);
                let end = if locale == Locale::Japanese { '。' } else { '.' };
                assert!(text.ends_with(end) && text.chars().count() > 8, "{kind:?} {locale:?}: {text}");
                for name in ["Ann", "Ben", "Cem"] {
                    let expected = named(kind, side).contains(&name);
                    assert_eq!(text.contains(name), expected, "{kind:?} {side:?} {locale:?}: {text}");
                }
                written.push(text);
            }
            let all = written.len();
            written.dedup();
            assert_eq!(written.len(), all, "{kind:?}: {written:?}");
        }
    }
}

#[test]
fn a_sentence_without_known_names_has_no_gap() {
    for kind in AnnouncementKind::iter() {
        for side in SIDES {
            for data in [None, Some(AnnouncementData::default())] {
                let row = row(kind, data.as_ref());
                for locale in Locale::ALL {
                    let text = announcement_text::render(&row, &AnnouncementNames::default(), side, locale);
                    for gap in ["{", "}", "  ", " .", "「」", "()", "様様"] {
                        assert!(!text.contains(gap), "{kind:?} {locale:?}: {text}");
                    }
                    let starts =
                        text.chars().next().is_some_and(|first| first.is_alphabetic() && !first.is_lowercase());
                    assert!(starts, "{kind:?} {locale:?}: {text}");
                }
            }
        }
    }
}

#[test]
fn the_texts_of_people_keep_their_language() {
    let answer = |label: &str, value: &str| FormAnswer {
        label: label.to_owned(),
        value: value.to_owned(),
        ..FormAnswer::default()
    };
    let parameters = AnnouncementParameters {
        closed_message: Some("Am Montag wieder.".to_owned()),
        answers: vec![answer("Name", "{subject}"), answer("Bestellung", "42")],
        page_url: Some("https://shop.example".to_owned()),
        ..AnnouncementParameters::default()
    };
    let data = AnnouncementData {
        subject: Some(AnnouncementPerson::User(UserId(Uuid::nil()))),
        parameters,
        ..AnnouncementData::default()
    };
    for (locale, page) in Locale::ALL.into_iter().zip(["Page", "Seite", "페이지", "ページ"]) {
        let text = |kind| announcement_text::render(&row(kind, Some(&data)), &names(), SIDES[0], locale);
        assert_eq!(text(AnnouncementKind::OutOfHours), "Am Montag wieder.");
        let answers = format!("Name: {{subject}}\nBestellung: 42\n{page}: https://shop.example");
        assert_eq!(text(AnnouncementKind::FormAnswered), answers);
    }
}

#[test]
fn names_are_written_as_they_are() {
    let names = AnnouncementNames { subject: Some("{target} {actor}".to_owned()), ..names() };
    let row = row(AnnouncementKind::AgentLeft, Some(&AnnouncementData::default()));
    let text = announcement_text::render(&row, &names, SIDES[0], Locale::German);
    assert_eq!(text, "{target} {actor} hat das Gespräch verlassen.");
}
