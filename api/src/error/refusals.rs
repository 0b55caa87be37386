//! Refusals of product rules, with the refused field and the broken limit.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{Error, UserErrorCode, whole_seconds};

/// The path of a call that is refused as a whole.
pub const INPUT: &[&str] = &["input"];

/// A refusal of a product rule, as a payload shows it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The code of the refusal.
    pub code: UserErrorCode,
    /// A sentence in English for developers.
    pub message: Cow<'static, str>,
    /// The path of the refused input field.
    pub field: Vec<Cow<'static, str>>,
    /// The seconds after which the same call can succeed.
    pub retry_after: Option<u32>,
    /// The limit that the call breaks.
    pub limit: Option<i64>,
    /// The actual length or number.
    pub actual: Option<i64>,
}

impl Refusal {
    /// Creates a refusal with a code, the path of the refused field and a message.
    pub fn new(code: UserErrorCode, field: &'static [&'static str], message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), field: path(field), retry_after: None, limit: None, actual: None }
    }
}

/// Returns a path in its owned form.
fn path(parts: &[&'static str]) -> Vec<Cow<'static, str>> {
    parts.iter().map(|part| Cow::Borrowed(*part)).collect()
}

impl Error {
    /// Creates a refusal with a code, the path of the refused field and a message.
    pub fn refused(code: UserErrorCode, field: &'static [&'static str], message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Refusal::new(code, field, message))
    }

    /// Adds the limit to a refusal, so that a client can write its own sentence. Leaves other errors as they are.
    #[must_use]
    pub fn with_limit(mut self, limit: impl TryInto<i64>) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.limit = limit.try_into().ok();
        }
        self
    }

    /// Adds the limit and the actual length or number to a refusal.
    #[must_use]
    pub fn with_excess(mut self, limit: impl TryInto<i64>, actual: impl TryInto<i64>) -> Self {
        if let Self::Refused(refusal) = &mut self {
            (refusal.limit, refusal.actual) = (limit.try_into().ok(), actual.try_into().ok());
        }
        self
    }

    /// Adds the position in a list to the path of a refused field below it: from `input.fields.value` it makes
    /// `input.fields.3.value`. Leaves other errors as they are.
    #[must_use]
    pub fn in_item(self, list: &'static [&'static str], index: usize) -> Self {
        match self {
            Self::Refused(mut refusal) if refusal.field.starts_with(&path(list)) => {
                refusal.field.insert(list.len(), index.to_string().into());
                Self::Refused(refusal)
            }
            other => other,
        }
    }

    /// Refuses a caller with too many attempts. The answer says after how many seconds to try again.
    pub fn too_many_attempts(wait: std::time::Duration) -> Self {
        let seconds = whole_seconds(wait);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let why = format!("Too many attempts. Try again in {seconds} seconds.");
        let refusal = Refusal::new(UserErrorCode::TooManyAttempts, INPUT, why);
        Self::Refused(Refusal { retry_after: Some(seconds), ..refusal })
    }

    /// Adds the wait until `until` to a refusal, rounded up to whole days. The exact end would show when another person
    /// acted. Leaves other errors as they are.
    #[must_use]
    pub fn with_wait_in_days(mut self, now: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        const DAY: u64 = 86_400;
        if let Self::Refused(refusal) = &mut self {
            let days = whole_seconds((until - now).to_std().unwrap_or_default()).div_ceil(DAY);
            refusal.retry_after = Some(u32::try_from(days * DAY).unwrap_or(u32::MAX));
        }
        self
    }

    /// Creates the refusal of an id that names nothing visible to the caller.
    #[must_use]
    pub fn not_found(field: &'static [&'static str]) -> Self {
        Self::refused(UserErrorCode::NotFound, field, "Not found.")
    }
}
