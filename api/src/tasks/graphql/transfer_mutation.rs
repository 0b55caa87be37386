//! The mutations of transfers and conferences.

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

use super::payloads::{
    CancelConferencePayload, EndConferencePayload, ExitConferencePayload, RemoveFromConferencePayload,
    RequestConferencePayload, TransferTaskPayload,
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    tasks::{conferences, transfer_targets::TransferTarget, transfers},
};

/// A target: one agent, or the free agents of a queue.
#[derive(OneofObject)]
pub enum TargetInput {
    /// The id of an agent.
    AgentId(ID),
    /// The id of a queue on the task's channel.
    QueueId(ID),
}

impl TargetInput {
    /// Parses the target's id. Refuses with `NOT_FOUND`.
    pub fn read(&self) -> Result<TransferTarget> {
        match self {
            Self::AgentId(id) => TransferTarget::agent(id),
            Self::QueueId(id) => TransferTarget::queue(id),
        }
    }
}

/// The task to transfer, and its target.
#[derive(InputObject)]
struct TransferTaskInput {
    /// The id of the task to transfer.
    task_id: ID,
    /// The target. The query `channels` lists the kinds of targets that each channel allows.
    to: TargetInput,
}

/// The task, and the target of the invitation.
#[derive(InputObject)]
struct RequestConferenceInput {
    /// The id of the task.
    task_id: ID,
    /// The target of the invitation. The query `channels` lists the kinds of targets that each channel allows.
    to: TargetInput,
}

/// The task whose pending invitation is withdrawn.
#[derive(InputObject)]
struct CancelConferenceInput {
    /// The id of the task.
    task_id: ID,
}

/// The task whose conference the viewer leaves.
#[derive(InputObject)]
struct ExitConferenceInput {
    /// The id of the task.
    task_id: ID,
}

/// The task whose conference the joined agent has to leave.
#[derive(InputObject)]
struct RemoveFromConferenceInput {
    /// The id of the task.
    task_id: ID,
}

/// The conference to end, and the customer's consent.
#[derive(InputObject)]
struct EndConferenceInput {
    /// The id of the task.
    task_id: ID,
    /// True when the customer agreed to the end. Required on MESSENGER and SMS. It is kept with the task.
    #[graphql(default)]
    customer_agreed: bool,
}

/// Root mutations of transfers and conferences.
#[derive(Default)]
pub struct TransfersMutation;

#[Object]
impl TransfersMutation {
    /// Transfers the viewer's task to a queue or to an agent. In a queue it waits behind earlier tasks of its priority.
    /// An agent gets an offer. The viewer must submit a wrap-up at once. The next agent sees all earlier items, notes
    /// included. A task that the named agent does not accept becomes DROPPED or waits in its queue again, as
    /// `onUnacceptedTransfer` of the queue says. The same call again changes nothing, as long as nobody has joined.
    /// Refuses with NOT_FOUND, NOT_A_PARTICIPANT, CONVERSATION_ENDED, TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE,
    /// OVER_CAPACITY, CONFERENCE_IN_PROGRESS during a conference or a pending invitation, or NOT_ALLOWED when the
    /// viewer is not an agent.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn transfer_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task to transfer, and its target.")] input: TransferTaskInput,
    ) -> Result<TransferTaskPayload> {
        let done = async { transfers::transfer(ctx.app()?, ctx.caller()?, &input.task_id, input.to.read()?).await };
        TransferTaskPayload::of(done.await)
    }

    /// Asks another agent to join the viewer's task. Only one invitation can be pending. With a queue as target, its
    /// free agents get an offer one after another. The customer sees nothing until an agent joins. The same call again
    /// changes nothing while the invitation is pending. Refuses with NOT_FOUND, NOT_A_PARTICIPANT, CONVERSATION_ENDED,
    /// CONFERENCE_NOT_SUPPORTED, TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE or OVER_CAPACITY. Refuses with
    /// NOT_ALLOWED when the viewer is not an agent, or the task has an invitation or a conference.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn request_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task, and the target of the invitation.")] input: RequestConferenceInput,
    ) -> Result<RequestConferencePayload> {
        let done = async { conferences::request(ctx.app()?, ctx.caller()?, &input.task_id, input.to.read()?).await };
        RequestConferencePayload::of(done.await)
    }

    /// Withdraws the pending invitation to the viewer's task. The same call again changes nothing. Refuses with
    /// NOT_FOUND, NOT_A_PARTICIPANT, CONVERSATION_ENDED, or NOT_ALLOWED when no invitation is pending.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn cancel_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task of the invitation.")] input: CancelConferenceInput,
    ) -> Result<CancelConferencePayload> {
        CancelConferencePayload::of(conferences::cancel(ctx.app()?, ctx.caller()?, &input.task_id).await)
    }

    /// Leaves a conference that the viewer joined. The viewer must submit a wrap-up, and the conversation continues.
    /// The same call again changes nothing. Refuses with NOT_FOUND, or with NOT_ALLOWED when the viewer has not joined.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn exit_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task of the conference.")] input: ExitConferenceInput,
    ) -> Result<ExitConferencePayload> {
        ExitConferencePayload::of(conferences::exit(ctx.app()?, ctx.caller()?, &input.task_id).await)
    }

    /// Removes the joined agent from the viewer's conference. That agent must submit a wrap-up, and the conversation
    /// continues. The same call again changes nothing. Refuses with NOT_FOUND, NOT_A_PARTICIPANT, CONVERSATION_ENDED,
    /// or NOT_ALLOWED when no agent has joined.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn remove_from_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task of the conference.")] input: RemoveFromConferenceInput,
    ) -> Result<RemoveFromConferencePayload> {
        RemoveFromConferencePayload::of(conferences::remove(ctx.app()?, ctx.caller()?, &input.task_id).await)
    }

    /// Ends a conference for the customer and both agents. Each agent must submit a wrap-up. Only the owner of the task
    /// can end it. The same call again changes nothing. Refuses with NOT_FOUND, NOT_ALLOWED or
    /// CUSTOMER_CONSENT_REQUIRED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn end_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conference to end, and the customer's consent.")] input: EndConferenceInput,
    ) -> Result<EndConferencePayload> {
        EndConferencePayload::of(
            conferences::end(ctx.app()?, ctx.caller()?, &input.task_id, input.customer_agreed).await,
        )
    }
}
