//! Tests of the payload formats of events in the log. A golden file keeps each version. The current code writes the
//! newest version and reads every version.

use std::{fs, path::Path};

use api::{
    auth::revocation::Subject, contacts::memberships::ListChange, conversations::receipts::ReceiptUpdate,
    events::payloads::Logged, notifications::notification_rows::GroupedNotification,
    users::profile_changes::ProfileChange,
};
use entity::{
    activity, agent, connection_request, customer, event::EventKind, notification, offer, participant, task,
    thread_item,
};
use sea_orm::Iterable as _;
use serde_json::{Value, json};

use crate::support::Expected as _;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/it/golden/events");

/// Returns the subject of an event kind.
fn subject(kind: EventKind) -> &'static str {
    match kind {
        EventKind::ConnectionRequestReceived | EventKind::ConnectionRequestChanged => "connection_request",
        EventKind::RightsEnded | EventKind::RightsRestored => "rights",
        EventKind::ContactAdded | EventKind::ContactRemoved => "contact",
        EventKind::NotificationAdded => "notification",
        EventKind::NotificationsRead | EventKind::NotificationsUnread | EventKind::NotificationsRemoved => {
            "notifications"
        }
        EventKind::ActivityPosted | EventKind::ActivityRemoved => "activity",
        EventKind::ItemAdded | EventKind::ItemChanged => "thread_item",
        EventKind::ReceiptAdvanced => "receipt",
        EventKind::ParticipantChanged => "participant",
        EventKind::CustomerChanged => "customer",
        EventKind::UserChanged => "profile",
        EventKind::OfferCreated | EventKind::OfferEnded => "offer",
        EventKind::AgentChanged | EventKind::AgentStateChanged => "agent",
        EventKind::TaskChanged
        | EventKind::TaskQueued
        | EventKind::TaskDequeued
        | EventKind::TaskAccepted
        | EventKind::TaskReleased => "task",
    }
}

fn golden(subject: &str, version: u16) -> Option<Value> {
    let text = fs::read_to_string(Path::new(GOLDEN).join(format!("{subject}.v{version}.json"))).ok()?;
    Some(serde_json::from_str(&text).expected("JSON"))
}

/// Reads every golden version of a subject. The newest version must be written exactly as in its file.
fn holds<T: Logged>(subject: &str) {
    for version in 1..=T::VERSION {
        let kept = golden(subject, version).unwrap_or_else(|| panic!("{subject}.v{version}.json is not there"));
        let read = T::from_payload(&kept).unwrap_or_else(|error| panic!("{subject}.v{version}: {error}"));
        let written = read.to_payload().expected("a payload");
        if version == T::VERSION {
            assert_eq!(written, kept, "{subject}: a changed format is a new version");
        }
        // Unknown fields of a newer version are ignored.
        let mut newer = kept.clone();
        newer["of_a_newer_version"] = json!([1]);
        let read = T::from_payload(&newer).unwrap_or_else(|error| panic!("{subject}.v{version}: {error}"));
        assert_eq!(read.to_payload().expected("a payload"), written, "{subject}");
    }
    assert!(golden(subject, T::VERSION + 1).is_none(), "{subject} has a file of a version that is not written yet");
}

/// Checks one subject.
fn check(subject: &str) {
    match subject {
        "activity" => holds::<activity::Model>(subject),
        "agent" => holds::<agent::Model>(subject),
        "customer" => holds::<customer::Model>(subject),
        "connection_request" => holds::<connection_request::Model>(subject),
        "contact" => holds::<ListChange>(subject),
        "notification" => holds::<notification::Model>(subject),
        "notifications" => holds::<GroupedNotification>(subject),
        "offer" => holds::<offer::Model>(subject),
        "participant" => holds::<participant::Model>(subject),
        "receipt" => holds::<ReceiptUpdate>(subject),
        "profile" => holds::<ProfileChange>(subject),
        "rights" => holds::<Subject>(subject),
        "task" => holds::<task::Model>(subject),
        "thread_item" => holds::<thread_item::Model>(subject),
        other => panic!("{other} has no type"),
    }
}

#[test]
fn every_event_is_written_as_its_golden_file_says_and_every_version_is_read() {
    for kind in EventKind::iter() {
        check(subject(kind));
    }
}

#[test]
fn an_announcement_of_another_version_is_read_with_defaults() {
    let mut payload = golden("thread_item", 1).expected("a file");
    payload["kind"] = json!("ANNOUNCEMENT");
    payload["announcement"] = json!("AGENT_JOINED");
    let fields = payload.as_object_mut().expected("fields");
    fields.remove("announcement_data");
    let read = |payload: &Value| thread_item::Model::from_payload(payload).expected("a row").announcement_data;
    assert_eq!(read(&payload), None);
    payload["announcement_data"] = json!({ "until": "2026-11-30T08:00:00Z", "target": { "planet": "Mars" } });
    let data = read(&payload).expected("data");
    assert_eq!((data.target, data.until.is_some()), (None, true));
    payload["announcement_data"] = json!(data);
    assert_eq!(
        thread_item::Model::from_payload(&payload).expected("a row").to_payload().expected("a payload"),
        payload
    );
}

#[test]
fn an_event_carries_no_secret_of_its_row() {
    let item = golden("thread_item", 1).expected("a file");
    assert!(item.get("digest").is_none());
    let mut row = thread_item::Model::from_payload(&item).expected("a row");
    row.digest = Some(vec![1, 2, 3]);
    assert_eq!(row.to_payload().expected("a payload"), item);
}
