//! The one error. A refusal that a client should expect is data in the payload (`Error::Refused`); everything else is a
//! fault with a code. Neither ever shows SQL, a path, a secret, or whether a hidden thing exists.
//!
//! `Error` has no `Display`: async-graphql turns every error with one into an answer that shows its text and has no code.

mod user_errors;

use std::{borrow::Cow, sync::Arc};

use async_graphql::ErrorExtensionValues;
use sea_orm::{DbErr, RuntimeErr, SqlErr};
use sqlx::{error::DatabaseError, sqlite::SqliteError};

pub use user_errors::{UserError, UserErrorCode, settle};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong.
#[derive(Clone, Debug)]
pub enum Error {
    /// No valid token came with the operation.
    Unauthenticated,
    /// The token lacks this scope.
    Forbidden(&'static str),
    /// The caller is an organisation's key, and this is for people.
    PersonsOnly,
    /// The caller does not supervise, and this is for those who do.
    SupervisorsOnly,
    /// The caller does not answer customers, and this is for those who do.
    AgentsOnly,
    /// The caller does too much in too short a time.
    RateLimited { retry_after: std::time::Duration },
    /// A statement took longer than it may.
    Timeout,
    /// The answer would take more memory than it may.
    TooLarge(Excess),
    /// The value of an argument cannot be right.
    Invalid { field: &'static str, why: Cow<'static, str> },
    /// A rule of the product says no; a payload shows it as a `userError`.
    Refused(Refusal),
    /// Another transaction was in the way: run this one again. Never leaves [`App::transaction`] as it is.
    ///
    /// [`App::transaction`]: crate::app::App::transaction
    Again,
    /// The database cannot be reached, or cannot write, just now. Nothing was done; the same call may succeed later.
    Unavailable(Arc<anyhow::Error>),
    /// The connection was lost while a change was being saved: it may or may not have been.
    Unsure(Arc<anyhow::Error>),
    /// A fault of ours. The cause goes to the log and nowhere else.
    Internal(Arc<anyhow::Error>),
}

/// Why an operation may take no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// One answer may not be larger.
    Answer,
    /// The caller has too much under way.
    Caller,
    /// All callers together have too much under way.
    Everybody,
}

impl Excess {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Answer, "rapport: an answer is too large"),
        (Self::Caller, "rapport: a caller's answers are too large"),
        (Self::Everybody, "rapport: all answers are too large"),
    ];

    fn message(self) -> &'static str {
        match self {
            Self::Answer => "The answer is too large. Ask for smaller pages or for fewer long texts.",
            Self::Caller => "Your other answers under way take too much memory. Try again when they have arrived.",
            Self::Everybody => "All answers under way take too much memory. Try again.",
        }
    }

    /// Reads what [`DbErr::from`] wrote.
    fn of(error: &DbErr) -> Option<Self> {
        let DbErr::Custom(text) = error else { return None };
        Self::ALL.into_iter().find(|(_, marker)| marker == text).map(|(excess, _)| excess)
    }
}

/// A reading answers with an error of the database, which [`Error::from`] turns back.
impl From<Excess> for DbErr {
    fn from(excess: Excess) -> Self {
        let marker = Excess::ALL.into_iter().find(|(other, _)| *other == excess).map_or("", |(_, marker)| marker);
        Self::Custom(marker.to_owned())
    }
}

/// A refusal, as a payload will show it.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: UserErrorCode,
    pub message: Cow<'static, str>,
    pub field: &'static [&'static str],
    /// After how many seconds the same call can succeed.
    pub retry_after: Option<u32>,
}

impl Refusal {
    fn not_found(field: &'static [&'static str]) -> Self {
        let message = "There is no such thing, or it is not yours to see.".into();
        Self { code: UserErrorCode::NotFound, message, field, retry_after: None }
    }
}

impl Error {
    pub fn refused(code: UserErrorCode, field: &'static [&'static str], message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Refusal { code, message: message.into(), field, retry_after: None })
    }

    /// Refuses a caller who tries too often. The answer says after how many seconds to try again.
    pub fn too_many_attempts(wait: std::time::Duration) -> Self {
        let seconds = whole_seconds(wait);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        Self::Refused(Refusal {
            code: UserErrorCode::TooManyAttempts,
            message: format!("Too many tries. Try again in {seconds} seconds.").into(),
            field: &[],
            retry_after: Some(seconds),
        })
    }

    pub fn invalid(field: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { field, why: why.into() }
    }

    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }

    /// The answer to an id that names nothing the caller may see.
    #[must_use]
    pub fn not_found(field: &'static [&'static str]) -> Self {
        Self::Refused(Refusal::not_found(field))
    }

    /// `extensions.code` of the fault.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden(_) | Self::PersonsOnly | Self::SupervisorsOnly | Self::AgentsOnly => "FORBIDDEN",
            Self::RateLimited { .. } | Self::TooLarge(Excess::Caller) => "RATE_LIMITED",
            Self::TooLarge(Excess::Answer) => "LIMIT_EXCEEDED",
            Self::Timeout => "TIMEOUT",
            Self::Invalid { .. } => "BAD_USER_INPUT",
            Self::Refused(_) => "BAD_USER_INPUT",
            Self::Again | Self::Unavailable(_) | Self::Unsure(_) | Self::TooLarge(Excess::Everybody) => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

impl From<Excess> for Error {
    fn from(excess: Excess) -> Self {
        Self::TooLarge(excess)
    }
}

/// A time to wait in whole seconds, rounded up: a caller who comes back then is served.
fn whole_seconds(wait: std::time::Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(excess) = Excess::of(&error) {
            return Self::TooLarge(excess);
        }
        match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(Arc::new(error.into())),
            DbErr::Exec(RuntimeErr::SqlxError(ref cause)) | DbErr::Query(RuntimeErr::SqlxError(ref cause))
                if is_outage(cause) =>
            {
                Self::Unavailable(Arc::new(error.into()))
            }
            DbErr::Exec(RuntimeErr::SqlxError(ref cause)) | DbErr::Query(RuntimeErr::SqlxError(ref cause))
                if is_timeout(cause) =>
            {
                Self::Timeout
            }
            error => Self::Internal(Arc::new(error.into())),
        }
    }
}

/// Whether a statement was ended because it took too long: 57014 is PostgreSQL's, 9 is SQLite's INTERRUPT.
fn is_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if matches!(cause.code().as_deref(), Some("57014" | "9")))
}

/// Where an error of the database comes from, by its code.
enum Code<'a> {
    /// The primary result code of SQLite, without what extends it.
    Sqlite(i32),
    /// The SQLSTATE of PostgreSQL.
    Postgres(Cow<'a, str>),
}

fn code(cause: &dyn DatabaseError) -> Option<Code<'_>> {
    let code = cause.code()?;
    if cause.try_downcast_ref::<SqliteError>().is_none() {
        return Some(Code::Postgres(code));
    }
    code.parse::<i32>().ok().map(|code| Code::Sqlite(code & 0xff))
}

/// Whether the database is gone, going, locked, or has no means to do its work, rather than unhappy with a statement.
pub(crate) fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(cause) => match code(&**cause) {
            // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
            Some(Code::Sqlite(code)) => matches!(code, 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15),
            // 08: connection lost; 25006: the server only reads; 53: out of space, memory, connections; 57P01 to 57P03:
            // shut down, crashed, starting; 58: a fault of the machine.
            Some(Code::Postgres(code)) => {
                ["08", "25006", "53", "57P0", "58"].iter().any(|start| code.starts_with(start))
            }
            None => false,
        },
        _ => false,
    }
}

/// Whether another process had the SQLite file locked.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if matches!(code(&**cause), Some(Code::Sqlite(5 | 6))))
}

/// Whether the connection cannot be used any more, and another one may do.
pub(crate) fn is_dead(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(cause) => match code(&**cause) {
            // NOMEM, IOERR, CANTOPEN: what the connection holds may be of no use.
            Some(Code::Sqlite(code)) => matches!(code, 7 | 10 | 14),
            Some(Code::Postgres(code)) => ["08", "57P0"].iter().any(|start| code.starts_with(start)),
            None => false,
        },
        _ => false,
    }
}

/// Whether every connection that was opened before is of no use: they are dead, or of a server that only reads.
pub(crate) fn is_stale(error: &sqlx::Error) -> bool {
    let reads_only = |cause: &dyn DatabaseError| match code(cause) {
        Some(Code::Sqlite(code)) => code == 8,
        Some(Code::Postgres(code)) => code == "25006",
        None => false,
    };
    is_dead(error) || matches!(error, sqlx::Error::Database(cause) if reads_only(&**cause))
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let code = error.code();
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code);
        let message = match error {
            Error::Unauthenticated => "Sign in first: a valid token is needed.".to_owned(),
            Error::Forbidden(scope) => {
                extensions.set("scope", scope);
                format!("The token lacks the scope {scope}.")
            }
            Error::PersonsOnly => "This is for people; a key of the organisation has no account of its own.".to_owned(),
            Error::SupervisorsOnly => "This is for supervisors.".to_owned(),
            Error::AgentsOnly => "This is for agents.".to_owned(),
            Error::RateLimited { retry_after } => {
                extensions.set("retryable", true);
                extensions.set("retryAfter", whole_seconds(retry_after));
                "Too much in too short a time. Try again later.".to_owned()
            }
            Error::Timeout => "This took too long.".to_owned(),
            Error::TooLarge(excess) => {
                if excess != Excess::Answer {
                    extensions.set("retryable", true);
                    extensions.set("retryAfter", 1);
                }
                excess.message().to_owned()
            }
            Error::Invalid { field, why } => {
                extensions.set("field", field);
                why.into_owned()
            }
            Error::Refused(refusal) => refusal.message.into_owned(),
            Error::Again | Error::Unavailable(_) => {
                if let Error::Unavailable(cause) = error {
                    tracing::warn!(cause = format!("{cause:#}"), "the database cannot do its work");
                }
                extensions.set("retryable", true);
                "The service is not available just now. Try again.".to_owned()
            }
            Error::Unsure(cause) => {
                tracing::warn!(cause = format!("{cause:#}"), "the connection was lost during a commit");
                extensions.set("retryable", true);
                "The connection to the database was lost. The change may be saved: look before you try again."
                    .to_owned()
            }
            Error::Internal(cause) => {
                tracing::error!(cause = format!("{cause:#}"), "an operation failed");
                "Something went wrong on our side.".to_owned()
            }
        };
        Self { message, source: None, extensions: Some(extensions) }
    }
}

/// Turns a broken constraint into the refusal it stands for; every other error stays what it is.
pub trait OnConstraint<T> {
    fn on_unique(self, refusal: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for std::result::Result<T, DbErr> {
    fn on_unique(self, refusal: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|error| match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => refusal(),
            _ => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{DbErr, Excess};

    #[test]
    fn a_reading_carries_the_reason_through_an_error_of_the_database() {
        for (excess, _) in Excess::ALL {
            assert_eq!(Excess::of(&DbErr::from(excess)), Some(excess));
        }
        assert_eq!(Excess::of(&DbErr::Custom("else".to_owned())), None);
    }
}
