//! The facts that a web site gave at the start of a chat, stored as one JSON value of the task.

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};

use crate::announcement::FormAnswer;

/// The facts that a web site gave at the start of a chat. A reader ignores unknown fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct Intake {
    /// The answers to the pre-chat form, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<FormAnswer>,
    /// The address of the page on which the chat began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// The address of the page that led to that page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// The visitor's language, as a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The visitor's time zone, as an IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The browser's name for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Further facts that the web site knows, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<IntakeAttribute>,
}

/// A fact that a web site knows about a visitor, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IntakeAttribute {
    pub name: String,
    pub value: String,
}
