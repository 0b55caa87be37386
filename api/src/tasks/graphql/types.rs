//! Tasks, and what happens to them and to agents, as the API shows them. A customer sees of a task whether they wait, talk or
//! are done, and nothing of how the organization works on it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    assignment::AssignmentPhase,
    id::{TaskId, UserId},
    routing_decision::{self, RoutingCause},
    task::{self, EndedBy, TaskStatus},
    wrap_up,
};

use super::loader::{DecisionsOf, OwnAssignment, PositionOf, TaskById, WrapUpsOf};
use crate::{
    agents::graphql::types::Agent,
    auth::request_context::ContextExt as _,
    auth::viewer::{Caller, Scope},
    conversations::{channel_capabilities, conversation_rows::ConversationSide, graphql::types::Conversation},
    error::Result,
    memory_budget::LongText,
    queues::graphql::{loader::EstimateOf, types::Queue},
    reason_codes::graphql::{loader::WrapUpReasonById, types::WrapUpReason},
};

/// What the viewer may do with a task now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskAction {
    /// `sendMessage`
    SendMessage,
    /// `endConversation`
    End,
    /// `transferTask`
    Transfer,
    /// `requestConference`
    RequestConference,
    /// `cancelConference`
    CancelConference,
    /// `endConference`
    EndConference,
    /// `removeFromConference`
    RemoveFromConference,
    /// `exitConference`
    ExitConference,
    /// `wrapUpTask`
    WrapUp,
    /// `extendWrapUp`
    ExtendWrapUp,
}

/// One routed piece of work on a conversation.
#[derive(Clone)]
pub struct Task(pub Arc<task::Model>);

/// One routed piece of work on a conversation, from its first waiting message to wrap-up. Its customer sees whether they wait,
/// talk or are done; what is about the organization's work is null or empty for them.
#[Object]
impl Task {
    /// The task's id, `task_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The conversation it is about. Null for one that the viewer can no longer see.
    async fn conversation(&self, ctx: &Context<'_>) -> Option<Result<Conversation>> {
        Conversation::find(ctx, self.0.conversation_id).await.transpose()
    }

    /// The queue it waits or waited in. Null for the customer.
    async fn queue(&self, ctx: &Context<'_>) -> Option<Result<Queue>> {
        Queue::find(ctx, self.0.queue_id).await.transpose()
    }

    /// Where it stands. A customer sees QUEUED, CONNECTED and, once it has ended, COMPLETED or ABANDONED.
    async fn status(&self, ctx: &Context<'_>) -> Result<TaskStatus> {
        Ok(match ConversationSide::of(ctx.caller()?) {
            ConversationSide::Staff => self.0.status,
            ConversationSide::Customer => shown(self.0.status),
        })
    }

    /// 1, the highest, to 9; 10 where none was set. Null for the customer.
    async fn priority(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(to_staff(ctx)?.then_some(self.0.priority.into()))
    }

    /// The agent who answers for it. Null until one accepts, and for the customer.
    async fn owner(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.owner_id?).await.transpose()
    }

    /// The agent who has joined in a conference. Null for the customer.
    async fn conference_agent(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.conference_agent_id?).await.transpose()
    }

    /// When the customer began to wait.
    async fn received_at(&self) -> DateTime<Utc> {
        self.0.received_at
    }

    /// When the agent who answers for it, or did last, accepted it; null while the customer waits.
    async fn accepted_at(&self) -> Option<DateTime<Utc>> {
        self.0.accepted_at
    }

    /// When the talk ended.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }

    /// Who ended it.
    async fn ended_by(&self) -> Option<EndedBy> {
        self.0.ended_by
    }

    /// Which place it has in its queue, from 1; null once it waits no more.
    async fn position(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        if !self.waits() {
            return None;
        }
        ctx.load(PositionOf(self.0.id)).await.transpose()
    }

    /// How long one may have to wait in its queue, in seconds, by what others have waited in the last hour; null once it waits no
    /// more and where too little is known.
    async fn estimated_wait_seconds(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        if !self.waits() {
            return None;
        }
        let estimate = ctx.load(EstimateOf(self.0.queue_id)).await.transpose()?;
        Some(estimate.map(|wait| wait.num_seconds()))
    }

    /// What agents owe and have said when it ended, in the order in which it became due. Empty for the customer. Who has left the
    /// conversation sees their own, and what was said until then.
    async fn wrap_ups(&self, ctx: &Context<'_>) -> Result<Vec<WrapUp>> {
        if !reads_tasks(ctx)? {
            return Ok(Vec::new());
        }
        let rows = ctx.load(WrapUpsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.iter().cloned().map(WrapUp).collect())
    }

    /// What the viewer may do with it now.
    async fn available_actions(&self, ctx: &Context<'_>) -> Result<Vec<TaskAction>> {
        self.actions(ctx).await
    }

    /// Why it was offered to whom, the newest last, at most 100. Empty for the customer. Who has left the conversation sees what
    /// was decided until then.
    async fn routing_decisions(&self, ctx: &Context<'_>) -> Result<Vec<RoutingDecision>> {
        if !reads_tasks(ctx)? {
            return Ok(Vec::new());
        }
        let rows = ctx.load(DecisionsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(RoutingDecision).collect())
    }
}

impl Task {
    /// The task with an id, if the viewer may see its conversation.
    pub async fn find(ctx: &Context<'_>, id: TaskId) -> Result<Option<Self>> {
        if !ctx.caller()?.scopes().has(Scope::ConversationsRead) {
            return Ok(None);
        }
        Ok(ctx.load(TaskById(id)).await?.map(Self))
    }

    /// Whether its customer waits for an agent.
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
        // Together with what a wrap-up may still do, which is asked for in the same breath as the wrap-ups themselves.
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

/// Whether the caller is no customer, and reads conversations.
fn reads_tasks(ctx: &Context<'_>) -> Result<bool> {
    Ok(to_staff(ctx)? && ctx.caller()?.scopes().has(Scope::ConversationsRead))
}

/// What a customer sees of where a task stands.
fn shown(status: TaskStatus) -> TaskStatus {
    match status {
        TaskStatus::Queued | TaskStatus::Offered => TaskStatus::Queued,
        TaskStatus::Connected | TaskStatus::ConferenceRequested | TaskStatus::Conference => TaskStatus::Connected,
        TaskStatus::WrapUp | TaskStatus::Completed | TaskStatus::Dropped => TaskStatus::Completed,
        TaskStatus::Abandoned => TaskStatus::Abandoned,
    }
}

/// What an agent owes after a task, and what they have said.
pub struct WrapUp(pub wrap_up::Model);

/// What an agent owes after a task, and what they have said.
#[Object]
impl WrapUp {
    /// Whose it is. Null for an agent who can no longer be seen.
    async fn agent(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.agent_id).await.transpose()
    }

    /// What the conversation came to; empty until it is submitted.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<WrapUpReason>> {
        let ids = self.0.reasons.0.iter().map(|id| ctx.load(WrapUpReasonById(*id)));
        let found = futures_util::future::try_join_all(ids).await?;
        Ok(found.into_iter().flatten().map(WrapUpReason).collect())
    }

    /// What the agent wrote down.
    async fn note(&self) -> Option<LongText<&str>> {
        self.0.note.as_deref().map(LongText)
    }

    /// Whether it was done by itself.
    async fn automatic(&self) -> bool {
        self.0.automatic
    }

    /// Since when it is owed.
    async fn began_at(&self) -> DateTime<Utc> {
        self.0.began_at
    }

    /// When it will be done by itself, by the server's clock; null: never.
    async fn due_at(&self) -> Option<DateTime<Utc>> {
        self.0.due_at
    }

    /// Whether it was given as long again.
    async fn extended(&self) -> bool {
        self.0.extended
    }

    /// When it was done; null while it is owed.
    async fn submitted_at(&self) -> Option<DateTime<Utc>> {
        self.0.submitted_at
    }
}

/// Why a task was offered to an agent, or to nobody.
pub struct RoutingDecision(pub routing_decision::Model);

/// Why a task was offered to an agent, or to nobody.
#[Object]
impl RoutingDecision {
    /// When it was decided.
    async fn decided_at(&self) -> DateTime<Utc> {
        self.0.decided_at
    }

    /// To whom it was offered; null when nobody was free.
    async fn chosen(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        Agent::find(ctx, self.0.chosen_id?).await.transpose()
    }

    /// Why.
    async fn reason(&self) -> RoutingCause {
        self.0.cause
    }

    /// How many agents could have taken it.
    async fn candidates(&self) -> i32 {
        self.0.candidates
    }

    /// Which step of the queue's skills held, from 0.
    async fn step(&self) -> i32 {
        self.0.step.into()
    }
}

impl From<task::Model> for Task {
    fn from(row: task::Model) -> Self {
        Self(Arc::new(row))
    }
}
