//! The caller, as proven by a token or a key.

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::{
    id::{ApiKeyId, CustomerId, EntryPointId, SessionId, UserId, VisitorTokenId},
    user::Role,
};

use crate::throttle::Payer;

/// Who calls: a person, an organisation's key as a service account, or a visitor of a web site.
#[derive(Clone, Copy, Debug)]
pub enum Caller {
    Person(Viewer),
    Service(ServiceViewer),
    Visitor(VisitorViewer),
}

impl Caller {
    /// Who pays for what the caller asks, and under whom it is counted.
    #[must_use]
    pub fn payer(&self) -> Payer {
        match self {
            Self::Person(viewer) => Payer::Caller(viewer.user.0),
            Self::Service(service) => Payer::Caller(service.key.0),
            Self::Visitor(visitor) => Payer::Caller(visitor.customer.0),
        }
    }
}

/// A person who calls, with what scopes, until when, and by what proof.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    pub user: UserId,
    pub scopes: Scopes,
    pub expires_at: DateTime<Utc>,
    pub proof: Proof,
}

/// A key of the organisation that calls. It has no relationships and sees by scope.
#[derive(Clone, Copy, Debug)]
pub struct ServiceViewer {
    pub key: ApiKeyId,
    pub scopes: Scopes,
    pub expires_at: DateTime<Utc>,
}

/// A visitor of a web site who calls: a customer at one entry point, who sees their own conversations there and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct VisitorViewer {
    pub token: VisitorTokenId,
    pub customer: CustomerId,
    pub entry_point: EntryPointId,
    pub expires_at: DateTime<Utc>,
}

/// What a person proved themselves with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A token of a session.
    Session(SessionId),
    /// A token of no session: of an outside issuer or of the command line.
    Token,
    /// A personal API key.
    Key(ApiKeyId),
}

impl Caller {
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        match self {
            Self::Person(viewer) => viewer.scopes,
            Self::Service(service) => service.scopes,
            Self::Visitor(_) => Scopes::of_visitor(),
        }
    }

    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        match self {
            Self::Person(viewer) => viewer.expires_at,
            Self::Service(service) => service.expires_at,
            Self::Visitor(visitor) => visitor.expires_at,
        }
    }
}

/// What a token or a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum Scope {
    /// See people and one's own account.
    ProfileRead,
    /// Change one's own profile, settings, sessions and keys.
    ProfileWrite,
    /// See relationships, lists and requests, and follow requests live.
    ContactsRead,
    /// Connect, follow, block, and what undoes them.
    ContactsWrite,
    /// See one's notifications, and follow them live.
    NotificationsRead,
    /// Mark and remove notifications, and choose how to be told.
    NotificationsWrite,
    /// See activities, and follow them live.
    ActivityRead,
    /// Post a status.
    ActivityWrite,
    /// See conversations that the caller takes part in or serves, and follow them live.
    ConversationsRead,
    /// Write in conversations, take tasks, hand them over, end them and wrap them up.
    ConversationsWrite,
    /// See agents, queues and one's desk, and follow it live.
    AgentsRead,
    /// Change one's own state as an agent. A supervisor may change that of others.
    AgentsWrite,
    /// Pull the event log.
    EventsRead,
    /// Administer the organisation. Takes effect for administrators only.
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

    /// As tokens and errors write it.
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
    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// What a person of a role gets who signs in.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Scope::ALL.into_iter().filter(|scope| role == Role::Admin || *scope != Scope::Admin).collect()
    }

    /// What a visitor of a web site may do.
    #[must_use]
    pub fn of_visitor() -> Self {
        [Scope::ConversationsRead, Scope::ConversationsWrite].into_iter().collect()
    }

    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
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
