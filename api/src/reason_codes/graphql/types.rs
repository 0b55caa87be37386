//! GraphQL types of reason codes.

use std::sync::Arc;

use async_graphql::{ID, Object};
use entity::{id::IdleReasonId, idle_reason, wrap_up_reason};

use crate::error::Result;
use crate::instant::Instant;

/// A reason why an agent is idle.
#[derive(Clone)]
pub struct IdleReason(pub Arc<idle_reason::Model>);

/// A reason why an agent is idle.
#[Object]
impl IdleReason {
    /// The reason's id, `idle_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The idle reason's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// True when only the system gives the reason: after a declined or an unanswered offer.
    async fn system(&self) -> bool {
        self.0.system.is_some()
    }

    /// True when the reason applies to an agent who gives none. Exactly one is the default.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// The time since which the reason can no longer be chosen. Null while it can.
    async fn archived_at(&self) -> Option<Instant> {
        self.0.archived_at.map(Instant)
    }
}

/// A reason that a wrap-up gives for the result of a conversation.
#[derive(Clone)]
pub struct WrapUpReason(pub Arc<wrap_up_reason::Model>);

/// A reason that a wrap-up gives for the result of a conversation.
#[Object]
impl WrapUpReason {
    /// The reason's id, `reason_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The wrap-up reason's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// True when automatic wrap-ups give the reason. Exactly one is the default.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// The time since which the reason can no longer be given. Null while it can.
    async fn archived_at(&self) -> Option<Instant> {
        self.0.archived_at.map(Instant)
    }
}

/// Reads the id of an idle reason. Returns an id without a reason for any other text, so that the choice is refused
/// later.
pub fn idle_reason_id(text: Option<&ID>) -> Result<Option<IdleReasonId>> {
    let Some(text) = text else { return Ok(None) };
    // No reason has the nil id, so `setAgentState` refuses it with INVALID_REASON.
    Ok(Some(IdleReasonId::parse(text).unwrap_or(IdleReasonId(uuid::Uuid::nil()))))
}
