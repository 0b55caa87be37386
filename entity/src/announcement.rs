//! The facts of an announcement, stored as one JSON value beside its kind. People and queues are references, so that
//! their names are read when the announcement is shown.

use sea_orm::{FromJsonQueryResult, entity::prelude::DateTimeUtc};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::id::{ParticipantId, QueueId, UserId};

/// The version of the format that is written now. A reader takes any version: it ignores unknown fields, and a
/// reference that it does not know is none.
pub const VERSION: u16 = 1;

/// The facts of an announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct AnnouncementData {
    pub version: u16,
    /// The user who acted without being a participant. A participant who acted is the author of the item.
    pub actor_id: Option<UserId>,
    /// The person whom the announcement is about.
    #[serde(deserialize_with = "known")]
    pub subject: Option<AnnouncementPerson>,
    /// The agent or queue to whom the conversation or an invitation goes.
    #[serde(deserialize_with = "known")]
    pub target: Option<AnnouncementTarget>,
    /// The end of the state that the announcement reports, such as the next opening of a closed queue.
    pub until: Option<DateTimeUtc>,
    pub parameters: AnnouncementParameters,
}

impl Default for AnnouncementData {
    fn default() -> Self {
        Self {
            version: VERSION,
            actor_id: None,
            subject: None,
            target: None,
            until: None,
            parameters: AnnouncementParameters::default(),
        }
    }
}

/// A person in an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnouncementPerson {
    /// A participant of the conversation.
    Participant(ParticipantId),
    /// A user who is no participant, such as an agent who was asked to join.
    User(UserId),
}

/// The agent or queue to whom something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnouncementTarget {
    /// One agent.
    Agent(UserId),
    /// The agents of a queue.
    Queue(QueueId),
}

/// The texts of an announcement that people wrote. They have one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnnouncementParameters {
    /// The closed message of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_message: Option<String>,
    /// The IANA name of the queue's time zone, in which `until` is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The answers to the pre-chat form, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<FormAnswer>,
    /// The address of the page on which the chat began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
}

/// An answer to a field of the pre-chat form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormAnswer {
    /// The name of the field. Empty in answers of earlier versions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The label of the field at the time of the answer.
    pub label: String,
    pub value: String,
}

/// Reads a reference. A kind of reference of a newer version reads as none.
fn known<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(T::deserialize(value).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::{
        AnnouncementData, AnnouncementParameters, AnnouncementPerson, AnnouncementTarget, FormAnswer, ParticipantId,
        QueueId, VERSION,
    };

    #[test]
    fn facts_are_written_and_read_as_one_value() {
        let data = AnnouncementData {
            subject: Some(AnnouncementPerson::Participant(ParticipantId(Uuid::nil()))),
            target: Some(AnnouncementTarget::Queue(QueueId(Uuid::nil()))),
            parameters: AnnouncementParameters {
                answers: vec![FormAnswer {
                    label: "Order".to_owned(),
                    value: "42".to_owned(),
                    ..FormAnswer::default()
                }],
                ..AnnouncementParameters::default()
            },
            ..AnnouncementData::default()
        };
        let written = serde_json::to_value(&data).expect("JSON");
        let expected = json!({
            "version": VERSION, "actor_id": null, "subject": { "participant": Uuid::nil() },
            "target": { "queue": Uuid::nil() }, "until": null,
            "parameters": { "answers": [{ "label": "Order", "value": "42" }] },
        });
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<AnnouncementData>(written).expect("facts"), data);
    }

    #[test]
    fn facts_of_other_versions_are_read_with_defaults() {
        assert_eq!(serde_json::from_value::<AnnouncementData>(json!({})).expect("facts"), AnnouncementData::default());
        let newer = json!({ "version": 9, "subject": { "bot": "b" }, "target": { "team": 1 }, "mood": "good" });
        let read = serde_json::from_value::<AnnouncementData>(newer).expect("facts");
        assert_eq!(read, AnnouncementData { version: 9, ..AnnouncementData::default() });
    }
}
