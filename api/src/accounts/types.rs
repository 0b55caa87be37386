//! Sessions, keys and what is left to spend, as the API shows them.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    api_key::{self, ApiKeyKind},
    session,
};

use crate::{
    auth::{
        context::ContextExt,
        viewer::{Proof, Scope, Scopes},
    },
    error::Result,
    throttle::Budget,
};

/// One of the viewer's sign-ins that last.
pub struct Session(pub session::Model);

/// One of the viewer's sign-ins that last.
#[Object]
impl Session {
    /// The session's id, `session_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// When it began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was refreshed last.
    async fn used_at(&self) -> DateTime<Utc> {
        self.0.used_at
    }

    /// When it ends if it is not refreshed.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// What the client called itself when it signed in, at most 200 characters.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// Whether this call was made with it.
    async fn current(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(ctx.viewer()?.proof == Proof::Session(self.0.id))
    }
}

/// A key for programs. Its text is shown once, when it is made or rotated.
pub struct ApiKey(pub api_key::Model);

/// A key for programs. Its text is shown once, when it is made or rotated.
#[Object]
impl ApiKey {
    /// The key's id, `key_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What its text begins with; not secret.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Whom it acts for.
    async fn kind(&self) -> ApiKeyKind {
        self.0.kind
    }

    /// What it may be used for.
    async fn scopes(&self) -> Vec<Scope> {
        Scopes::parse(&self.0.scopes).iter().collect()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it ends; null when it does not.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// Until when the secret before the last rotation is still taken; null when it is not.
    async fn previous_secret_until(&self, ctx: &Context<'_>) -> Option<DateTime<Utc>> {
        let now = ctx.app().ok()?.clock.now();
        self.0.previous_until.filter(|until| *until > now)
    }

    /// When it was last used, to the minute; null when it never was.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }

    /// When it was revoked; null when it was not.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }
}

/// What a caller may spend: a bucket of points that refills while time goes by. A person has one for all their
/// tokens and keys, and a key of the organisation one of its own, at each instance. What an operation costs is taken
/// before it runs; one that finds too little is refused with RATE_LIMITED and takes nothing.
pub struct RateLimit {
    pub budget: Budget,
    pub now: DateTime<Utc>,
}

/// What a caller may spend: a bucket of points that refills while time goes by. A person has one for all their
/// tokens and keys, and a key of the organisation one of its own, at each instance. What an operation costs is taken
/// before it runs; one that finds too little is refused with RATE_LIMITED and takes nothing.
#[Object]
impl RateLimit {
    /// Points that a full bucket holds: the most that can be spent at once.
    async fn limit(&self) -> u32 {
        self.budget.limit
    }

    /// Points that were spent and have not come back, this call among them.
    async fn used(&self) -> u32 {
        self.budget.used()
    }

    /// Points that are left: `limit` less `used`.
    async fn remaining(&self) -> u32 {
        self.budget.remaining
    }

    /// Points that come back each second.
    async fn restore_rate(&self) -> u32 {
        self.budget.restore_rate
    }

    /// When the bucket is full again if nothing more is spent.
    async fn full_at(&self) -> DateTime<Utc> {
        self.now + self.budget.full_in()
    }
}
