//! GraphQL types of wrap-ups and routing decisions.

use async_graphql::{Context, Object};
use entity::{
    routing_decision::{self, RoutingCause},
    wrap_up,
};

use crate::{
    agents::graphql::types::Agent,
    auth::request_context::ContextExt as _,
    error::Result,
    instant::{Instant, seconds_until},
    memory_budget::LongText,
    pagination::list_size,
    reason_codes::graphql::{loader::WrapUpReasonById, types::WrapUpReason},
};

/// A wrap-up that an agent must submit after their part in a task.
pub struct WrapUp(pub wrap_up::Model);

/// A wrap-up that an agent must submit after their part in a task.
#[Object]
impl WrapUp {
    /// The agent who must submit the wrap-up. Null for an agent whom the viewer cannot see.
    async fn agent(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.agent_id).await.transpose()
    }

    /// The chosen reasons. Empty until the wrap-up is submitted.
    #[graphql(directive = list_size::apply(2))]
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<WrapUpReason>> {
        let ids = self.0.reasons.0.iter().map(|id| ctx.load(WrapUpReasonById(*id)));
        let found = futures_util::future::try_join_all(ids).await?;
        Ok(found.into_iter().flatten().map(WrapUpReason).collect())
    }

    /// The agent's note.
    async fn note(&self) -> Option<LongText<&str>> {
        self.0.note.as_deref().map(LongText)
    }

    /// True when the wrap-up completed automatically.
    async fn automatic(&self) -> bool {
        self.0.automatic
    }

    /// The time at which the wrap-up began.
    async fn began_at(&self) -> Instant {
        Instant(self.0.began_at)
    }

    /// The time at which the wrap-up completes automatically, by the server's clock. Null means never.
    async fn due_at(&self) -> Option<Instant> {
        self.0.due_at.map(Instant)
    }

    /// The seconds until `dueAt`, for clients whose clock is wrong. 0 when the time is over. Null when `dueAt` is null.
    async fn due_in_seconds(&self, ctx: &Context<'_>) -> Result<Option<i64>> {
        let now = ctx.app()?.clock.now();
        Ok(self.0.due_at.map(|due| seconds_until(due, now)))
    }

    /// True when the agent extended the time. It can be extended once.
    async fn extended(&self) -> bool {
        self.0.extended
    }

    /// The time at which the wrap-up was submitted or completed. Null while it is pending.
    async fn submitted_at(&self) -> Option<Instant> {
        self.0.submitted_at.map(Instant)
    }
}

/// A decision to offer a task to an agent, or to nobody.
pub struct RoutingDecision(pub routing_decision::Model);

/// A decision to offer a task to an agent, or to nobody.
#[Object]
impl RoutingDecision {
    /// The time of the decision.
    async fn decided_at(&self) -> Instant {
        Instant(self.0.decided_at)
    }

    /// The agent who was offered the task. Null when no agent was free.
    async fn chosen(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.chosen_id?).await.transpose()
    }

    /// The cause of the decision.
    async fn reason(&self) -> RoutingCause {
        self.0.cause
    }

    /// The number of agents who could have taken the task.
    async fn candidates(&self) -> i32 {
        self.0.candidates
    }

    /// The index of the queue's skill step that applied, from 0.
    async fn step(&self) -> i32 {
        self.0.step.into()
    }
}
