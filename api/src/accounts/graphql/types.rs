//! The schema's types of sessions, API keys and rate limits.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    api_key::{self, ApiKeyKind},
    id::ApiKeyId,
    session,
};

use super::loader::VisibleApiKey;
use crate::{
    auth::{
        request_context::ContextExt,
        viewer::{Caller, Credential, Scope, Scopes},
    },
    error::Result,
    instant::Instant,
    rate_limit::Budget,
};

/// A lasting sign-in of the viewer on one device.
pub struct Session(pub session::Model);

/// A lasting sign-in of the viewer on one device.
#[Object]
impl Session {
    /// The session's id, `session_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The time of the sign-in.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// The time of the last refresh.
    async fn used_at(&self) -> Instant {
        Instant(self.0.used_at)
    }

    /// The time at which the session expires unless it is refreshed.
    async fn expires_at(&self) -> Instant {
        Instant(self.0.expires_at)
    }

    /// The name that the client gave at sign-in, at most 200 characters.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// True for the session of this call.
    async fn current(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(ctx.viewer()?.proof == Credential::Session(self.0.id))
    }
}

/// A secret with which programs call the API. Its text is shown once, when it is created or rotated.
pub struct ApiKey(pub api_key::Model);

impl ApiKey {
    /// Returns a key by id, if it is the viewer's or the viewer administers it.
    pub async fn find(ctx: &Context<'_>, id: ApiKeyId) -> Result<Option<Self>> {
        match ctx.caller()? {
            Caller::Person(_) => Ok(ctx.load(VisibleApiKey(id)).await?.map(Self)),
            Caller::Service(_) | Caller::Visitor(_) => Ok(None),
        }
    }
}

/// A secret with which programs call the API. Its text is shown once, when it is created or rotated.
#[Object]
impl ApiKey {
    /// The key's id, `key_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The purpose of the key.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The public beginning of the key's text.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The identity that the key acts for.
    async fn kind(&self) -> ApiKeyKind {
        self.0.kind
    }

    /// The permissions of the key.
    async fn scopes(&self) -> Vec<Scope> {
        Scopes::parse(&self.0.scopes).iter().collect()
    }

    /// True when the key runs only trusted documents.
    async fn trusted_documents_only(&self) -> bool {
        self.0.trusted_documents_only
    }

    /// The time of creation.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// The time at which the key expires. Null when it does not expire.
    async fn expires_at(&self) -> Option<Instant> {
        self.0.expires_at.map(Instant)
    }

    /// The time until which the secret before the last rotation is valid. Null when it is invalid.
    async fn previous_secret_until(&self, ctx: &Context<'_>) -> Option<Instant> {
        let now = ctx.app().ok()?.clock.now();
        self.0.previous_until.filter(|until| *until > now).map(Instant)
    }

    /// The time of the last use, to the minute. Null when the key was never used.
    async fn last_used_at(&self) -> Option<Instant> {
        self.0.last_used_at.map(Instant)
    }

    /// The time of the revocation. Null when the key is not revoked.
    async fn revoked_at(&self) -> Option<Instant> {
        self.0.revoked_at.map(Instant)
    }
}

/// The points that a caller may spend, a bucket that refills over time. Each instance has one bucket for a user with
/// all their tokens and keys, and one for each organization key. The cost of an operation is taken before it runs. An
/// operation that finds too few points takes none and is refused with RATE_LIMITED.
pub struct RateLimit {
    /// The caller's bucket after this call.
    pub budget: Budget,
    /// The time of the call.
    pub now: DateTime<Utc>,
}

/// The points that a caller may spend, a bucket that refills over time. Each instance has one bucket for a user with
/// all their tokens and keys, and one for each organization key. The cost of an operation is taken before it runs. An
/// operation that finds too few points takes none and is refused with RATE_LIMITED.
#[Object]
impl RateLimit {
    /// The points of a full bucket, which is the maximum that can be spent at once.
    async fn limit(&self) -> u32 {
        self.budget.limit
    }

    /// The points that are spent and not yet restored, including the cost of this call.
    async fn used(&self) -> u32 {
        self.budget.used()
    }

    /// The points that are left, which is `limit` minus `used`.
    async fn remaining(&self) -> u32 {
        self.budget.remaining
    }

    /// The points that are restored each second.
    async fn restore_rate(&self) -> u32 {
        self.budget.restore_rate
    }

    /// The time at which the bucket is full again if no further points are spent.
    async fn full_at(&self) -> Instant {
        Instant(self.now + self.budget.full_in())
    }
}
