//! The mutations of supervisors: `moveTask`, `joinConversation` and `leaveConversation`.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{JoinConversationPayload, LeaveConversationPayload, MoveTaskPayload},
    transfer_mutation::TargetInput,
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    tasks::supervision,
};

/// The task to move, and its target.
#[derive(InputObject)]
struct MoveTaskInput {
    /// The id of the task to move.
    task_id: ID,
    /// The target. The query `channels` lists the kinds of targets that each channel allows.
    to: TargetInput,
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
    /// Moves a task that has not ended to another queue or to an agent. For supervisors. A waiting task keeps its
    /// waiting time. An agent who owns the task must submit a wrap-up. The same call again changes nothing, as long as
    /// nobody has joined. Refuses with NOT_FOUND, CONVERSATION_ENDED, TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE,
    /// OVER_CAPACITY, or NOT_ALLOWED when the viewer is not a supervisor and during a conference or a pending
    /// invitation.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn move_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task to move, and its target.")] input: MoveTaskInput,
    ) -> Result<MoveTaskPayload> {
        let done = async { supervision::move_task(ctx.app()?, ctx.caller()?, &input.task_id, input.to.read()?).await };
        MoveTaskPayload::of(done.await)
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
