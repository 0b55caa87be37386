//! `moveTask`, `joinConversation`, `leaveConversation`.

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

/// What `moveTask` is about.
#[derive(InputObject)]
struct MoveTaskInput {
    /// The task.
    task_id: ID,
    /// To whom. What a channel allows stands in `channels`.
    to: TargetInput,
}

/// What `joinConversation` and `leaveConversation` are about.
#[derive(InputObject)]
struct AttendanceInput {
    /// The conversation, with a customer.
    conversation_id: ID,
}

#[derive(Default)]
pub struct SupervisionMutation;

#[Object]
impl SupervisionMutation {
    /// Moves a task that is not over to another queue or to an agent. For supervisors. One that waits keeps since when it waits;
    /// an agent who talks owes a wrap-up. Refused with NOT_FOUND, NOT_ALLOWED, also during a conference, CONVERSATION_ENDED,
    /// TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE, OVER_CAPACITY.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn move_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task, and to whom.")] input: MoveTaskInput,
    ) -> Result<MoveTaskPayload> {
        let done = async { supervision::move_task(ctx.app()?, ctx.caller()?, &input.task_id, input.to.read()?).await };
        Ok(match into_user_errors(done.await)? {
            Ok(row) => MoveTaskPayload { task: Some(row.into()), user_errors: vec![] },
            Err(user_errors) => MoveTaskPayload { task: None, user_errors },
        })
    }

    /// Lets the viewer take part in a conversation with a customer beside the agent, for all to see as an agent who has joined.
    /// For supervisors, who read any conversation unseen before. Refused with NOT_FOUND, NOT_ALLOWED, CONVERSATION_ENDED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn join_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: AttendanceInput,
    ) -> Result<AttendancePayload> {
        participation_payload(ctx, supervision::join(ctx.app()?, ctx.caller()?, &input.conversation_id).await).await
    }

    /// Lets the viewer leave a conversation that they have joined. Refused with NOT_FOUND, and NOT_ALLOWED for who has its task.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn leave_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: AttendanceInput,
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

/// The answer to `moveTask`.
#[derive(SimpleObject)]
struct MoveTaskPayload {
    /// The task as it is now; null when refused.
    task: Option<Task>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `joinConversation` and `leaveConversation`.
#[derive(SimpleObject)]
struct AttendancePayload {
    /// The conversation as it is now; null when refused.
    conversation: Option<Conversation>,
    /// Whether anything changed.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
