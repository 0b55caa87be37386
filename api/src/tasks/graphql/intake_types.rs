//! GraphQL types of what a visitor brought to a web chat.

use async_graphql::SimpleObject;
use entity::intake;

/// The facts that a web site gave at the start of a web chat. They are not verified, because the visitor's browser
/// sends them.
#[derive(Clone, SimpleObject)]
pub struct Intake {
    /// The answers to the pre-chat form, in its order.
    #[graphql(directive = crate::pagination::list_size::apply(5))]
    answers: Vec<IntakeAnswer>,
    /// The address of the page on which the chat began.
    page_url: Option<String>,
    /// The address of the page that led to that page.
    referrer: Option<String>,
    /// The visitor's language, as a BCP 47 tag such as `ko-KR`.
    locale: Option<String>,
    /// The visitor's time zone, as an IANA name. Null if unknown.
    time_zone: Option<String>,
    /// The browser's name for itself.
    user_agent: Option<String>,
    /// Further facts that the web site sent, in its order.
    #[graphql(directive = crate::pagination::list_size::apply(5))]
    attributes: Vec<IntakeAttribute>,
}

/// An answer to a field of the pre-chat form.
#[derive(Clone, SimpleObject)]
pub struct IntakeAnswer {
    /// The name of the field.
    name: String,
    /// The label of the field at the time of the answer.
    label: String,
    /// The answer.
    value: String,
}

/// A fact that a web site sent about a visitor.
#[derive(Clone, SimpleObject)]
pub struct IntakeAttribute {
    /// The name of the fact.
    name: String,
    /// The value.
    value: String,
}

impl From<intake::Intake> for Intake {
    fn from(given: intake::Intake) -> Self {
        let intake::Intake { answers, page_url, referrer, locale, time_zone, user_agent, attributes } = given;
        let answers =
            answers.into_iter().map(|one| IntakeAnswer { name: one.name, label: one.label, value: one.value });
        let attributes = attributes.into_iter().map(|one| IntakeAttribute { name: one.name, value: one.value });
        let (answers, attributes) = (answers.collect(), attributes.collect());
        Self { answers, page_url, referrer, locale, time_zone, user_agent, attributes }
    }
}
