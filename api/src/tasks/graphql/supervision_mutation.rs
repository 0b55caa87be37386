//! The mutations of supervisors: `moveTask`, `joinConversation` and `leaveConversation`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::conversation;

use super::{transfer_mutation::TargetInput, types::Task};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    conversations::graphql::types::Conversation,
    error::{Result, UserError, into_user_errors},
    outcome::Outcome,
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

/// The conversation that the supervisor joins or leaves.
#[derive(InputObject)]
struct AttendanceInput {
    /// The id of a conversation with a customer.
    conversation_id: ID,
}

/// Root mutations of supervisors.
#[derive(Default)]
pub struct SupervisionMutation;

#[Object]
impl SupervisionMutation {
    /// Moves a task that has not ended to another queue or to an agent. For supervisors. A waiting task keeps its
    /// waiting time. An agent who owns the task must submit a wrap-up. Refuses with NOT_FOUND, CONVERSATION_ENDED,
    /// TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE, OVER_CAPACITY, or NOT_ALLOWED when the viewer is not a supervisor
    /// and during a conference or a pending invitation.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn move_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task to move, and its target.")] input: MoveTaskInput,
    ) -> Result<MoveTaskPayload> {
        let done = async { supervision::move_task(ctx.app()?, ctx.caller()?, &input.task_id, input.to.read()?).await };
        Ok(match into_user_errors(done.await)? {
            Ok(row) => MoveTaskPayload { task: Some(row.into()), user_errors: vec![] },
            Err(user_errors) => MoveTaskPayload { task: None, user_errors },
        })
    }

    /// Joins a conversation with a customer beside its agent. For supervisors, who can read any such conversation
    /// unseen without joining. Participants see the viewer like any agent who joined. Refuses with NOT_FOUND or
    /// CONVERSATION_ENDED, or with NOT_ALLOWED when the viewer is not a supervisor.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn join_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation to join.")] input: AttendanceInput,
    ) -> Result<AttendancePayload> {
        participation_payload(ctx, supervision::join(ctx.app()?, ctx.caller()?, &input.conversation_id).await).await
    }

    /// Leaves a conversation that the viewer joined. Refuses with NOT_FOUND, or with NOT_ALLOWED when the viewer is not
    /// a supervisor or is assigned its task.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn leave_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation to leave.")] input: AttendanceInput,
    ) -> Result<AttendancePayload> {
        participation_payload(ctx, supervision::leave(ctx.app()?, ctx.caller()?, &input.conversation_id).await).await
    }
}

async fn participation_payload(
    ctx: &Context<'_>,
    done: Result<(conversation::Model, bool)>,
) -> Result<AttendancePayload> {
    Ok(match into_user_errors(done)? {
        Ok((row, changed)) => AttendancePayload {
            conversation: Conversation::find(ctx, row.id).await?,
            outcome: Outcome::of(changed),
            user_errors: vec![],
        },
        Err(user_errors) => AttendancePayload { conversation: None, outcome: Outcome::Refused, user_errors },
    })
}

/// The result of `moveTask`.
#[derive(SimpleObject)]
struct MoveTaskPayload {
    /// The task after the call. Null when the call was refused.
    task: Option<Task>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The result of `joinConversation` and `leaveConversation`.
#[derive(SimpleObject)]
struct AttendancePayload {
    /// The conversation after the call. Null when the call was refused.
    conversation: Option<Conversation>,
    /// The effect of the call.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
