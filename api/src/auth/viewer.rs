//! The caller, as a token or a key proves it.

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::{
    id::{ApiKeyId, CustomerId, EntryPointId, SessionId, UserId, VisitorTokenId},
    user::Role,
};

use uuid::Uuid;

use crate::rate_limit::LimitSubject;

/// The maker of a call: a person, an organization key as a service account, or a visitor of a web site.
#[derive(Clone, Copy, Debug)]
pub enum Caller {
    /// A user, with a session, a token or a personal key.
    Person(Viewer),
    /// A service account, with an organization key.
    Service(ServiceViewer),
    /// A customer on a web site, with a visitor token.
    Visitor(VisitorViewer),
}

impl Caller {
    /// Returns the subject that pays for the caller's operations in rate limits and quotas.
    #[must_use]
    pub fn limit_subject(&self) -> LimitSubject {
        match self {
            Self::Person(viewer) => LimitSubject::Caller(viewer.user.0),
            Self::Service(service) => LimitSubject::Caller(service.key.0),
            Self::Visitor(visitor) => LimitSubject::Caller(visitor.customer.0),
        }
    }

    /// Returns the owner of the caller's positions in the global order of the log. All keys of the organization share
    /// the nil id, so that a new key continues where an earlier one ended.
    #[must_use]
    pub fn cursor_owner(&self) -> Uuid {
        match self {
            Self::Person(viewer) => viewer.user.0,
            Self::Service(_) => Uuid::nil(),
            Self::Visitor(visitor) => visitor.customer.0,
        }
    }
}

/// A person who calls.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// The id of the person.
    pub user: UserId,
    /// The scopes of the token or key.
    pub scopes: Scopes,
    /// The time at which the credential expires.
    pub expires_at: DateTime<Utc>,
    /// The credential that identified the person.
    pub proof: Credential,
    /// True for a key that runs only trusted documents.
    pub trusted_documents_only: bool,
}

/// An organization key that calls. It has no relationships, and its scopes decide what it sees.
#[derive(Clone, Copy, Debug)]
pub struct ServiceViewer {
    /// The id of the key.
    pub key: ApiKeyId,
    /// The scopes of the key.
    pub scopes: Scopes,
    /// The time at which the key expires.
    pub expires_at: DateTime<Utc>,
    /// True for a key that runs only trusted documents.
    pub trusted_documents_only: bool,
}

/// A visitor of a web site who calls: a customer at one entry point. They see only their own conversations there.
#[derive(Clone, Copy, Debug)]
pub struct VisitorViewer {
    /// The id of the visitor token.
    pub token: VisitorTokenId,
    /// The customer behind the token.
    pub customer: CustomerId,
    /// The entry point to which the token is limited.
    pub entry_point: EntryPointId,
    /// The time at which the token expires.
    pub expires_at: DateTime<Utc>,
}

/// The credential that identified a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token of a session.
    Session(SessionId),
    /// An access token without a session, from an outside issuer or from the command line.
    Token,
    /// A personal API key.
    Key(ApiKeyId),
}

impl Caller {
    /// Returns the scopes of the caller. A visitor has fixed scopes.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        match self {
            Self::Person(viewer) => viewer.scopes,
            Self::Service(service) => service.scopes,
            Self::Visitor(_) => Scopes::of_visitor(),
        }
    }

    /// Returns true for the caller of a key that runs only trusted documents.
    #[must_use]
    pub fn trusted_documents_only(&self) -> bool {
        match self {
            Self::Person(viewer) => viewer.trusted_documents_only,
            Self::Service(service) => service.trusted_documents_only,
            Self::Visitor(_) => false,
        }
    }

    /// Returns the time at which the caller's credential expires.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        match self {
            Self::Person(viewer) => viewer.expires_at,
            Self::Service(service) => service.expires_at,
            Self::Visitor(visitor) => visitor.expires_at,
        }
    }
}

/// A permission that a token or an API key carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum Scope {
    /// Permission to see people and one's own account.
    ProfileRead,
    /// Permission to change one's own profile, settings, sessions and keys.
    ProfileWrite,
    /// Permission to see relationships, lists and requests, and to subscribe to requests.
    ContactsRead,
    /// Permission to connect, follow and block, and to undo these actions.
    ContactsWrite,
    /// Permission to see one's notifications and to subscribe to them.
    NotificationsRead,
    /// Permission to mark and remove notifications, and to choose how they are delivered.
    NotificationsWrite,
    /// Permission to see activities and to subscribe to them.
    ActivityRead,
    /// Permission to post a status.
    ActivityWrite,
    /// Permission to see and subscribe to conversations in which the caller takes part or serves the customer.
    ConversationsRead,
    /// Permission to write in conversations, and to accept, transfer, end and wrap up tasks.
    ConversationsWrite,
    /// Permission to see agents, queues and one's agent desktop, and to subscribe to the desktop.
    AgentsRead,
    /// Permission to change one's own agent state. A supervisor may change the state of other agents.
    AgentsWrite,
    /// Permission to pull the event log.
    EventsRead,
    /// Permission to administer the organization. It takes effect for administrators only.
    Admin,
}

impl Scope {
    /// Every scope, in the order of the schema.
    pub const ALL: [Self; 14] = [
        Self::ProfileRead,
        Self::ProfileWrite,
        Self::ContactsRead,
        Self::ContactsWrite,
        Self::NotificationsRead,
        Self::NotificationsWrite,
        Self::ActivityRead,
        Self::ActivityWrite,
        Self::ConversationsRead,
        Self::ConversationsWrite,
        Self::AgentsRead,
        Self::AgentsWrite,
        Self::EventsRead,
        Self::Admin,
    ];

    /// Returns the name of the scope in tokens and errors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProfileRead => "PROFILE_READ",
            Self::ProfileWrite => "PROFILE_WRITE",
            Self::ContactsRead => "CONTACTS_READ",
            Self::ContactsWrite => "CONTACTS_WRITE",
            Self::NotificationsRead => "NOTIFICATIONS_READ",
            Self::NotificationsWrite => "NOTIFICATIONS_WRITE",
            Self::ActivityRead => "ACTIVITY_READ",
            Self::ActivityWrite => "ACTIVITY_WRITE",
            Self::ConversationsRead => "CONVERSATIONS_READ",
            Self::ConversationsWrite => "CONVERSATIONS_WRITE",
            Self::AgentsRead => "AGENTS_READ",
            Self::AgentsWrite => "AGENTS_WRITE",
            Self::EventsRead => "EVENTS_READ",
            Self::Admin => "ADMIN",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// Returns every scope.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Returns the scopes that a person of this role gets at sign-in.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Scope::ALL.into_iter().filter(|scope| role == Role::Admin || *scope != Scope::Admin).collect()
    }

    /// Returns the scopes of a visitor of a web site.
    #[must_use]
    pub fn of_visitor() -> Self {
        [Scope::ConversationsRead, Scope::ConversationsWrite].into_iter().collect()
    }

    /// Returns true when the set contains the scope.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// Returns the scopes that are in both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the scopes of the set, in the order of the schema.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// Parses names separated by white space. Unknown names, of another version, are skipped.
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
