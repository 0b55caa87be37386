//! The one error type. A refusal that a client should expect is data in the payload ([`Error::Refused`]), and
//! everything else is a fault with a code. No error ever shows SQL, a path, a secret, or the existence of a hidden
//! thing.
//!
//! `Error` has no `Display`: async-graphql turns every error with one into an answer that shows its text and has no
//! code.

mod refusals;
mod user_errors;

use std::{borrow::Cow, sync::Arc};

use async_graphql::ErrorExtensionValues;
use sea_orm::{DbErr, RuntimeErr, SqlErr};
use sqlx::{error::DatabaseError, sqlite::SqliteError};

pub use refusals::{INPUT, Refusal};
pub use user_errors::{UserError, UserErrorCode, into_user_errors};

/// The result of a fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a fault of an operation.
#[derive(Clone, Debug)]
pub enum Error {
    /// The operation has no valid token.
    Unauthenticated,
    /// The token lacks this scope.
    Forbidden(&'static str),
    /// The caller is an organization key, and only people can do this.
    PersonsOnly,
    /// The caller is not a supervisor, and only supervisors can do this.
    SupervisorsOnly,
    /// The caller is not an agent, and only agents can do this.
    AgentsOnly,
    /// The caller's key runs only trusted documents, and the call comes from none.
    DocumentsOnly,
    /// The caller exceeded a rate limit.
    RateLimited {
        /// The time after which the caller may try again.
        retry_after: std::time::Duration,
    },
    /// A statement exceeded its time limit.
    Timeout,
    /// The answer would take more memory than allowed.
    TooLarge(Excess),
    /// The value of an argument is invalid.
    Invalid {
        /// The argument or field with the invalid value.
        field: &'static str,
        /// The reason, as a sentence for the client.
        why: Cow<'static, str>,
    },
    /// A product rule refuses the call. A payload shows it as a `userError`.
    Refused(Refusal),
    /// Another transaction conflicts with this one, which must run again. [`App::transaction`] handles it.
    ///
    /// [`App::transaction`]: crate::app::App::transaction
    Again,
    /// The database is unreachable or cannot write at the moment. Nothing was done, and the call may succeed later.
    Unavailable(Arc<anyhow::Error>),
    /// The connection was lost while a change was being saved. The change may have been saved.
    Unsure(Arc<anyhow::Error>),
    /// A fault of the server. The cause goes to the log and nowhere else.
    Internal(Arc<anyhow::Error>),
}

/// The memory limit that an operation exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The maximum size of one answer.
    Answer,
    /// The maximum of all pending answers of the caller.
    Caller,
    /// The maximum of all pending answers of all callers.
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
            Self::Caller => "Your pending answers take too much memory. Try again when they have arrived.",
            Self::Everybody => "The server's pending answers take too much memory. Try again.",
        }
    }

    /// Reads the marker that [`DbErr::from`] wrote.
    fn of(error: &DbErr) -> Option<Self> {
        let DbErr::Custom(text) = error else { return None };
        Self::ALL.into_iter().find(|(_, marker)| marker == text).map(|(excess, _)| excess)
    }
}

/// A query reports the excess as an error of the database. [`Error::from`] turns it back.
impl From<Excess> for DbErr {
    fn from(excess: Excess) -> Self {
        let marker = Excess::ALL.into_iter().find(|(other, _)| *other == excess).map_or("", |(_, marker)| marker);
        Self::Custom(marker.to_owned())
    }
}

impl Error {
    /// Creates the error of an invalid argument.
    pub fn invalid(field: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { field, why: why.into() }
    }

    /// Creates a fault of the server with its cause.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }

    /// Returns the `extensions.code` of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden(_) | Self::PersonsOnly | Self::SupervisorsOnly | Self::AgentsOnly => "FORBIDDEN",
            Self::DocumentsOnly => "DOCUMENT_NOT_TRUSTED",
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

/// Rounds a wait up to whole seconds, so that a caller who returns then succeeds.
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

/// Returns true when a statement exceeded its time limit: 57014 in PostgreSQL, 9 (INTERRUPT) in SQLite.
fn is_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if matches!(cause.code().as_deref(), Some("57014" | "9")))
}

/// The code of a database error, by the database that reported it.
enum Code<'a> {
    /// The primary result code of SQLite, without its extension.
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

/// Returns true when the database is unavailable: gone, locked, or out of a resource. False when it rejects a
/// statement.
pub(crate) fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(cause) => match code(&**cause) {
            // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
            Some(Code::Sqlite(code)) => matches!(code, 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15),
            // 08: connection lost. 25006: the server is read-only. 53: out of space, memory or connections. 57P01 to
            // 57P03: shut down, crashed, starting. 58: a fault of the machine.
            Some(Code::Postgres(code)) => {
                ["08", "25006", "53", "57P0", "58"].iter().any(|start| code.starts_with(start))
            }
            None => false,
        },
        _ => false,
    }
}

/// Returns true when another process had the SQLite file locked.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if matches!(code(&**cause), Some(Code::Sqlite(5 | 6))))
}

/// Returns true when the connection is unusable and a new one may work.
pub(crate) fn is_dead(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(cause) => match code(&**cause) {
            // NOMEM, IOERR, CANTOPEN: the state of the connection may be broken.
            Some(Code::Sqlite(code)) => matches!(code, 7 | 10 | 14),
            Some(Code::Postgres(code)) => ["08", "57P0"].iter().any(|start| code.starts_with(start)),
            None => false,
        },
        _ => false,
    }
}

/// Returns true when all earlier connections are unusable: they are dead, or their server is read-only.
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
            Error::Unauthenticated => "Sign in first. A valid token is required.".to_owned(),
            Error::Forbidden(scope) => {
                extensions.set("scope", scope);
                format!("The token lacks the scope {scope}.")
            }
            Error::PersonsOnly => "Only people can do this. An organization key has no account.".to_owned(),
            Error::SupervisorsOnly => "Only supervisors can do this.".to_owned(),
            Error::AgentsOnly => "Only agents can do this.".to_owned(),
            Error::DocumentsOnly => {
                "This key runs only trusted documents. An administrator can register another one.".to_owned()
            }
            Error::RateLimited { retry_after } => {
                extensions.set("retryable", true);
                extensions.set("retryAfter", whole_seconds(retry_after));
                "Rate limit exceeded. Try again later.".to_owned()
            }
            Error::Timeout => "The operation took too long.".to_owned(),
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
                    tracing::warn!(cause = format!("{cause:#}"), "the database is unavailable");
                }
                extensions.set("retryable", true);
                "The service is temporarily unavailable. Try again.".to_owned()
            }
            Error::Unsure(cause) => {
                tracing::warn!(cause = format!("{cause:#}"), "the connection was lost during a commit");
                extensions.set("retryable", true);
                "The connection to the database was lost. The change may have been saved. Check before you try again."
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

/// Turns the violation of a constraint into a refusal. Every other error stays unchanged.
pub trait OnConstraint<T> {
    /// Returns `refusal` when a unique constraint was violated.
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
