//! GraphQL types of tasks, wrap-ups and routing decisions. A customer sees a simplified status, and nothing of the
//! organization's work on the task.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use entity::{
    assignment::AssignmentPhase,
    channel::Channel,
    id::{TaskId, UserId},
    task::{self, EndedBy, TaskStatus},
    wrap_up,
};

use super::{
    intake_types::Intake,
    loader::{DecisionsOf, OwnAssignment, PendingOfferOf, PositionOf, TaskById, WrapUpsOf},
    offer_types::PendingOffer,
    wrap_up_types::{RoutingDecision, WrapUp},
};
use crate::{
    agents::graphql::types::Agent,
    auth::request_context::ContextExt as _,
    auth::viewer::{Caller, Scope},
    conversations::{channel_capabilities, conversation_rows::ConversationSide, graphql::types::Conversation},
    error::Result,
    instant::Instant,
    pagination::list_size,
    queues::graphql::{loader::EstimateOf, types::Queue},
};

/// A mutation that the viewer may call for a task now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskAction {
    /// Send a message with `sendMessage`.
    SendMessage,
    /// End the conversation with `endConversation`.
    End,
    /// Transfer the task with `transferTask`.
    Transfer,
    /// Ask another agent to join with `requestConference`.
    RequestConference,
    /// Withdraw the invitation with `cancelConference`.
    CancelConference,
    /// End the conference with `endConference`.
    EndConference,
    /// Remove the joined agent with `removeFromConference`.
    RemoveFromConference,
    /// Leave the conference with `exitConference`.
    ExitConference,
    /// Submit the wrap-up with `wrapUpTask`.
    WrapUp,
    /// Extend the time for the wrap-up with `extendWrapUp`.
    ExtendWrapUp,
}

/// The part of an agent in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskRole {
    /// The agent is asked to accept the task or to join a conference.
    Asked,
    /// The agent owns the task.
    Owner,
    /// The agent joined the owner in a conference.
    Joined,
    /// The agent's part is over and must be wrapped up.
    WrapUp,
}

/// A unit of routed work on a conversation, from the first waiting message to the wrap-up.
#[derive(Clone)]
pub struct Task(pub Arc<task::Model>);

/// A unit of routed work on a conversation, from the first waiting message to the wrap-up. The customer sees a
/// simplified status. Fields about the organization's work are null or empty for them.
#[Object]
impl Task {
    /// The task's id, `task_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The task's conversation. Null when the viewer can no longer see it.
    async fn conversation(&self, ctx: &Context<'_>) -> Option<Result<Conversation>> {
        Conversation::find(ctx, self.0.conversation_id).await.transpose()
    }

    /// The queue in which the task waits or last waited. Null for the customer.
    async fn queue(&self, ctx: &Context<'_>) -> Option<Result<Queue>> {
        Queue::find(ctx, self.0.queue_id).await.transpose()
    }

    /// The task's state. A customer sees only QUEUED, CONNECTED, COMPLETED and ABANDONED.
    async fn status(&self, ctx: &Context<'_>) -> Result<TaskStatus> {
        Ok(match ConversationSide::of(ctx.caller()?) {
            ConversationSide::Staff => self.0.status,
            ConversationSide::Customer => shown(self.0.status),
        })
    }

    /// The channel on which the customer writes.
    async fn channel(&self) -> Channel {
        self.0.channel
    }

    /// The viewer's part in the task. Null when the viewer has none, and for the customer.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<TaskRole>> {
        let Ok(viewer) = ctx.viewer() else { return Ok(None) };
        let held = ctx.load(OwnAssignment(self.0.id)).await?;
        Ok(held.map(|held| match held.phase {
            AssignmentPhase::Offered => TaskRole::Asked,
            AssignmentPhase::Active if self.0.owner_id == Some(viewer.user) => TaskRole::Owner,
            AssignmentPhase::Active => TaskRole::Joined,
            AssignmentPhase::WrapUp => TaskRole::WrapUp,
        }))
    }

    /// The viewer's own wrap-up: the one that the viewer has to submit, or else the last one. Null when the viewer has
    /// none.
    async fn viewer_wrap_up(&self, ctx: &Context<'_>) -> Result<Option<WrapUp>> {
        let Ok(viewer) = ctx.viewer() else { return Ok(None) };
        if !reads_tasks(ctx)? {
            return Ok(None);
        }
        let rows = ctx.load(WrapUpsOf(self.0.id)).await?.unwrap_or_default();
        let own = || rows.iter().filter(|row| row.agent_id == viewer.user);
        let chosen = own().find(|row| row.submitted_at.is_none()).or_else(|| own().next_back());
        Ok(chosen.cloned().map(WrapUp))
    }

    /// The offer that waits for an agent's answer now: of a waiting task, of a transfer, or an invitation to a
    /// conference. Null when no agent is asked, for the customer, and without the scope CONVERSATIONS_READ.
    async fn pending_offer(&self, ctx: &Context<'_>) -> Result<Option<PendingOffer>> {
        if !reads_tasks(ctx)? {
            return Ok(None);
        }
        Ok(ctx.load(PendingOfferOf(self.0.id)).await?.map(PendingOffer))
    }

    /// True when the agent who ended the conversation stated that the customer agreed. Null for the customer.
    async fn customer_agreed(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        Ok(to_staff(ctx)?.then_some(self.0.customer_agreed))
    }

    /// The facts that the web site gave at the start of the web chat, such as the answers to the form. Null on other
    /// channels, for the customer, and without the scope CONVERSATIONS_READ.
    async fn intake(&self, ctx: &Context<'_>) -> Result<Option<Intake>> {
        if !reads_tasks(ctx)? {
            return Ok(None);
        }
        let row = ctx.load(TaskById(self.0.id)).await?;
        Ok(row.and_then(|row| row.intake.clone()).map(Intake::from))
    }

    /// The priority from 1, the highest, to 9. A value of 10 means that none is set. Null for the customer.
    async fn priority(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(to_staff(ctx)?.then_some(self.0.priority.into()))
    }

    /// The agent who accepted the task. Null until an agent accepts it, and for the customer.
    async fn owner(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.owner_id?).await.transpose()
    }

    /// The agent who joined in a conference. Null without a conference, and for the customer.
    async fn conference_agent(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.conference_agent_id?).await.transpose()
    }

    /// The time at which the customer began to wait.
    async fn received_at(&self) -> Instant {
        Instant(self.0.received_at)
    }

    /// The seconds for which the customer has waited: until an agent accepted the task, until it ended, or until now.
    async fn waited_seconds(&self, ctx: &Context<'_>) -> Result<i64> {
        let now = ctx.app()?.clock.now();
        let until = self.0.accepted_at.or(self.0.ended_at).unwrap_or(now);
        Ok((until - self.0.received_at).num_seconds().max(0))
    }

    /// The time at which the present or last owner accepted the task. Null while the customer waits.
    async fn accepted_at(&self) -> Option<Instant> {
        self.0.accepted_at.map(Instant)
    }

    /// The time at which the conversation of the task ended. Null until then.
    async fn ended_at(&self) -> Option<Instant> {
        self.0.ended_at.map(Instant)
    }

    /// The party or the change that ended the conversation. Null until then.
    async fn ended_by(&self) -> Option<EndedBy> {
        self.0.ended_by
    }

    /// The conversation in which the customer continues. Null unless a merge of two customers ended the task. Also null
    /// when the viewer may not see that conversation.
    async fn continued_in(&self, ctx: &Context<'_>) -> Option<Result<Conversation>> {
        Conversation::find(ctx, self.0.continued_in_id?).await.transpose()
    }

    /// The position in the queue, beginning with 1. Null when the task no longer waits, and while a transfer offers it
    /// to one agent, because then it does not wait in the queue.
    async fn position(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        if !self.waits() {
            return None;
        }
        ctx.load(PositionOf(self.0.id)).await.transpose()
    }

    /// The estimated wait in the queue, in seconds, from the waits of the last hour. Null when `position` is null, or
    /// when those waits are too few or differ too much.
    async fn estimated_wait_seconds(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        if !self.waits() {
            return None;
        }
        match ctx.load(PositionOf(self.0.id)).await {
            Ok(None) => return None,
            Err(fault) => return Some(Err(fault)),
            Ok(Some(_)) => {}
        }
        let estimate = ctx.load(EstimateOf(self.0.queue_id)).await.transpose()?;
        Some(estimate.map(|wait| wait.num_seconds()))
    }

    /// The wrap-ups of the agents, in the order in which they began. Empty for the customer, and without the scope
    /// CONVERSATIONS_READ. An agent who has left the conversation sees their own, and others up to that moment.
    #[graphql(directive = list_size::apply(2))]
    async fn wrap_ups(&self, ctx: &Context<'_>) -> Result<Vec<WrapUp>> {
        if !reads_tasks(ctx)? {
            return Ok(Vec::new());
        }
        let rows = ctx.load(WrapUpsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.iter().cloned().map(WrapUp).collect())
    }

    /// The mutations that the viewer may call for the task now.
    async fn available_actions(&self, ctx: &Context<'_>) -> Result<Vec<TaskAction>> {
        self.actions(ctx).await
    }

    /// The newest routing decisions, at most 100, the oldest first. Empty for the customer, and without the scope
    /// CONVERSATIONS_READ. An agent who has left the conversation sees decisions up to that moment.
    #[graphql(directive = list_size::apply(4))]
    async fn routing_decisions(&self, ctx: &Context<'_>) -> Result<Vec<RoutingDecision>> {
        if !reads_tasks(ctx)? {
            return Ok(Vec::new());
        }
        let rows = ctx.load(DecisionsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(RoutingDecision).collect())
    }
}

impl Task {
    /// Returns the task with an id, if the viewer may see its conversation.
    pub async fn find(ctx: &Context<'_>, id: TaskId) -> Result<Option<Self>> {
        if !ctx.caller()?.scopes().has(Scope::ConversationsRead) {
            return Ok(None);
        }
        Ok(ctx.load(TaskById(id)).await?.map(Self))
    }

    /// Returns true if the customer waits for an agent.
    fn waits(&self) -> bool {
        matches!(self.0.status, TaskStatus::Queued | TaskStatus::Offered)
    }

    async fn actions(&self, ctx: &Context<'_>) -> Result<Vec<TaskAction>> {
        let talks =
            matches!(self.0.status, TaskStatus::Connected | TaskStatus::ConferenceRequested | TaskStatus::Conference);
        let me = match ctx.caller()? {
            Caller::Visitor(_) if talks || self.waits() => return Ok(vec![TaskAction::SendMessage, TaskAction::End]),
            Caller::Visitor(_) | Caller::Service(_) => return Ok(Vec::new()),
            Caller::Person(viewer) => viewer.user,
        };
        // The two loads run at once, so the wrap-ups share the batch of the field `wrapUps`.
        let owed = async {
            match self.0.status {
                TaskStatus::WrapUp => ctx.load(WrapUpsOf(self.0.id)).await,
                _ => Ok(None),
            }
        };
        let (held, owed) = futures_util::future::try_join(ctx.load(OwnAssignment(self.0.id)), owed).await?;
        Ok(match held.map(|held| held.phase) {
            Some(AssignmentPhase::Active) if self.0.owner_id == Some(me) => self.owner_actions(),
            Some(AssignmentPhase::Active) => vec![TaskAction::SendMessage, TaskAction::ExitConference],
            Some(AssignmentPhase::WrapUp) => {
                let owed = match owed {
                    Some(owed) => owed,
                    None => ctx.load(WrapUpsOf(self.0.id)).await?.unwrap_or_default(),
                };
                wrap_up_actions(&owed, me)
            }
            Some(AssignmentPhase::Offered) | None => Vec::new(),
        })
    }

    fn owner_actions(&self) -> Vec<TaskAction> {
        let channel = channel_capabilities::of(self.0.channel);
        let mut actions = vec![TaskAction::SendMessage];
        match self.0.status {
            TaskStatus::Conference => actions.extend([TaskAction::EndConference, TaskAction::RemoveFromConference]),
            TaskStatus::ConferenceRequested => actions.extend([TaskAction::End, TaskAction::CancelConference]),
            _ => {
                actions.extend([TaskAction::End, TaskAction::Transfer]);
                actions.extend((!channel.conference_targets.is_empty()).then_some(TaskAction::RequestConference));
            }
        }
        actions
    }
}

fn wrap_up_actions(owed: &[wrap_up::Model], me: UserId) -> Vec<TaskAction> {
    let mine = owed.iter().find(|row| row.agent_id == me && row.submitted_at.is_none());
    let extends = mine.is_some_and(|row| row.due_at.is_some() && !row.extended);
    [TaskAction::WrapUp].into_iter().chain(extends.then_some(TaskAction::ExtendWrapUp)).collect()
}

fn to_staff(ctx: &Context<'_>) -> Result<bool> {
    Ok(ConversationSide::of(ctx.caller()?) == ConversationSide::Staff)
}

/// Returns true if the caller is no customer and has the scope CONVERSATIONS_READ.
fn reads_tasks(ctx: &Context<'_>) -> Result<bool> {
    Ok(to_staff(ctx)? && ctx.caller()?.scopes().has(Scope::ConversationsRead))
}

/// Returns the status that a customer sees.
fn shown(status: TaskStatus) -> TaskStatus {
    match status {
        TaskStatus::Queued | TaskStatus::Offered => TaskStatus::Queued,
        TaskStatus::Connected | TaskStatus::ConferenceRequested | TaskStatus::Conference => TaskStatus::Connected,
        TaskStatus::WrapUp | TaskStatus::Completed | TaskStatus::Dropped | TaskStatus::Merged => TaskStatus::Completed,
        TaskStatus::Abandoned => TaskStatus::Abandoned,
    }
}

impl From<task::Model> for Task {
    fn from(row: task::Model) -> Self {
        Self(Arc::new(row))
    }
}
