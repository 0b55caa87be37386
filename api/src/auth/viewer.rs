//! The caller, as proven by a token.

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::id::UserId;

/// Who calls, with what scopes, until when.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    pub user: UserId,
    pub scopes: Scopes,
    pub expires_at: DateTime<Utc>,
}

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum Scope {
    /// See people and one's own account.
    ProfileRead,
    /// Change one's own profile and settings.
    ProfileWrite,
    /// See relationships, lists and requests, and follow requests live.
    ContactsRead,
    /// Connect, follow, block, and what undoes them.
    ContactsWrite,
    /// Pull the event log.
    EventsRead,
}

impl Scope {
    /// Every scope, in the order of the schema.
    pub const ALL: [Self; 5] =
        [Self::ProfileRead, Self::ProfileWrite, Self::ContactsRead, Self::ContactsWrite, Self::EventsRead];

    /// As tokens and errors write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProfileRead => "PROFILE_READ",
            Self::ProfileWrite => "PROFILE_WRITE",
            Self::ContactsRead => "CONTACTS_READ",
            Self::ContactsWrite => "CONTACTS_WRITE",
            Self::EventsRead => "EVENTS_READ",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// What a person gets who signs in.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// Reads names parted by white space; unknown names, of another version, give nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.split_whitespace().filter_map(|name| Scope::ALL.into_iter().find(|scope| scope.name() == name)).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u32))
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.iter().map(Scope::name).collect::<Vec<_>>().join(" "))
    }
}
