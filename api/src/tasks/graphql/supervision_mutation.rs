//! The mutations of supervisors: `assignTask`, `setTaskPriority`, `joinConversation` and `leaveConversation`.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{AssignTaskPayload, JoinConversationPayload, LeaveConversationPayload, SetTaskPriorityPayload},
    transfer_mutation::TargetInput,
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    tasks::supervision,
};

/// The task to assign, and its target.
#[derive(InputObject)]
struct AssignTaskInput {
    /// The id of the task to assign.
    task_id: ID,
    /// The target. The query `channels` lists the kinds of targets that each channel allows.
    to: TargetInput,
    /// The reason, for the agents who take over, at most 4,096 characters. It becomes a note that the customer does not
    /// see.
    reason: Option<String>,
}

/// The task and its new priority.
#[derive(InputObject)]
struct SetTaskPriorityInput {
    /// The id of a task that has not ended.
    task_id: ID,
    /// The priority from 1, the highest, to 9. Null puts the task after all others.
    priority: Option<i32>,
}

/// The conversation that the supervisor joins.
#[derive(InputObject)]
struct JoinConversationInput {
    /// The id of a conversation with a customer.
    conversation_id: ID,
}

/// The conversation that the supervisor leaves.
#[derive(InputObject)]
struct LeaveConversationInput {
    /// The id of a conversation with a customer.
    conversation_id: ID,
}

/// Root mutations of supervisors.
#[derive(Default)]
pub struct SupervisionMutation;

#[Object]
impl SupervisionMutation {
    /// Assigns a task that has not ended to another queue or to an agent. For supervisors and organization keys. A
    /// waiting task keeps its waiting time. An agent who owns the task must submit a wrap-up. A program that takes part
    /// with an organization key leaves the conversation. The same call again changes nothing, as long as nobody has
    /// joined. Refuses with NOT_FOUND, CONVERSATION_ENDED, TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE, OVER_CAPACITY,
    /// TOO_LONG or INVALID (the reason), CONFERENCE_IN_PROGRESS during a conference or a pending invitation, or
    /// NOT_ALLOWED when the viewer is not a supervisor.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn assign_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task to assign, its target and the reason.")] input: AssignTaskInput,
    ) -> Result<AssignTaskPayload> {
        let AssignTaskInput { task_id, to, reason } = &input;
        let done =
            async { supervision::assign_task(ctx.app()?, ctx.caller()?, task_id, to.read()?, reason.as_deref()).await };
        AssignTaskPayload::of(done.await)
    }

    /// Sets the priority of a task that has not ended. A waiting task keeps its waiting time among tasks of the new
    /// priority. For supervisors and organization keys. Idempotent. Refuses with NOT_FOUND, CONVERSATION_ENDED,
    /// OUT_OF_RANGE, or NOT_ALLOWED when the viewer is not a supervisor.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn set_task_priority(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task and its new priority.")] input: SetTaskPriorityInput,
    ) -> Result<SetTaskPriorityPayload> {
        let set = supervision::set_priority(ctx.app()?, ctx.caller()?, &input.task_id, input.priority).await;
        SetTaskPriorityPayload::of(set)
    }

    /// Joins a conversation with a customer beside its agent. For supervisors, who can read any such conversation
    /// unseen without joining. Agents see the viewer as SUPERVISOR, customers like any agent who joined. Refuses with
    /// NOT_FOUND or CONVERSATION_ENDED, or with NOT_ALLOWED when the viewer is not a supervisor.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn join_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation to join.")] input: JoinConversationInput,
    ) -> Result<JoinConversationPayload> {
        let joined = supervision::join(ctx.app()?, ctx.caller()?, &input.conversation_id).await;
        JoinConversationPayload::of(ctx, joined.map(|(row, changed)| (row.id, changed))).await
    }

    /// Leaves a conversation that the viewer joined. Refuses with NOT_FOUND, or with NOT_ALLOWED when the viewer is not
    /// a supervisor or is assigned its task.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn leave_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation to leave.")] input: LeaveConversationInput,
    ) -> Result<LeaveConversationPayload> {
        let left = supervision::leave(ctx.app()?, ctx.caller()?, &input.conversation_id).await;
        LeaveConversationPayload::of(ctx, left.map(|(row, changed)| (row.id, changed))).await
    }
}
