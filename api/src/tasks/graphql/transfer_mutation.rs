//! `transferTask`, `requestConference`, `cancelConference`, `exitConference`, `removeFromConference`, `endConference`: what
//! agents do with one another.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};
use entity::task;

use super::types::Task;
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::{Result, UserError, into_user_errors},
    tasks::{conferences, transfer_targets::TransferTarget, transfers},
};

/// To whom a task goes, or who is asked to join: one agent, or whoever of a queue is free.
#[derive(OneofObject)]
pub enum TargetInput {
    /// An agent.
    AgentId(ID),
    /// A queue of the task's channel.
    QueueId(ID),
}

impl TargetInput {
    /// The target that is named.
    pub fn read(&self) -> Result<TransferTarget> {
        match self {
            Self::AgentId(id) => TransferTarget::agent(id),
            Self::QueueId(id) => TransferTarget::queue(id),
        }
    }
}

/// What `transferTask` is about.
#[derive(InputObject)]
struct TransferTaskInput {
    /// The task.
    task_id: ID,
    /// To whom. What a channel allows stands in `channels`.
    to: TargetInput,
}

/// What `requestConference` is about.
#[derive(InputObject)]
struct RequestConferenceInput {
    /// The task.
    task_id: ID,
    /// Who is asked to join. What a channel allows stands in `channels`.
    to: TargetInput,
}

/// What `cancelConference`, `exitConference` and `removeFromConference` are about.
#[derive(InputObject)]
struct ConferenceInput {
    /// The task.
    task_id: ID,
}

/// What `endConference` is about.
#[derive(InputObject)]
struct EndConferenceInput {
    /// The task.
    task_id: ID,
    /// The customer has agreed to the end. Asked for on MESSENGER and SMS; kept with the task.
    #[graphql(default)]
    customer_agreed: bool,
}

#[derive(Default)]
pub struct TransfersMutation;

#[Object]
impl TransfersMutation {
    /// Hands a task of the viewer's over to a queue, where it waits behind the others, or to an agent, to whom it is offered. The
    /// viewer owes a wrap-up at once; who takes the task sees everything said before, notes included. A task that a named
    /// agent does not take ends as DROPPED, or waits again, as its queue says. Refused with NOT_FOUND, NOT_A_PARTICIPANT,
    /// NOT_ALLOWED during a conference, CONVERSATION_ENDED, TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE, OVER_CAPACITY.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn transfer_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task, and to whom.")] input: TransferTaskInput,
    ) -> Result<TaskPayload> {
        let done = async { transfers::transfer(ctx.app()?, ctx.caller()?, &input.task_id, input.to.read()?).await };
        answer(done.await)
    }

    /// Asks another agent to join in a task of the viewer's; one at a time. Of a queue the agents who are free are asked one
    /// after another. The customer notices nothing until somebody joins. Refused with NOT_FOUND, NOT_A_PARTICIPANT,
    /// NOT_ALLOWED, CONVERSATION_ENDED, CONFERENCE_NOT_SUPPORTED, TRANSFER_TARGET_REFUSED, AGENT_NOT_AVAILABLE, OVER_CAPACITY.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn request_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In which task, and who is asked.")] input: RequestConferenceInput,
    ) -> Result<TaskPayload> {
        let done = async { conferences::request(ctx.app()?, ctx.caller()?, &input.task_id, input.to.read()?).await };
        answer(done.await)
    }

    /// Takes back that somebody was asked to join a task of the viewer's. Refused with NOT_FOUND, NOT_A_PARTICIPANT,
    /// CONVERSATION_ENDED, and NOT_ALLOWED when nobody is asked.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn cancel_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In which task.")] input: ConferenceInput,
    ) -> Result<TaskPayload> {
        answer(conferences::cancel(ctx.app()?, ctx.caller()?, &input.task_id).await)
    }

    /// Leaves a conference that the viewer has joined: they owe a wrap-up, and the talk goes on. Refused with NOT_FOUND, and
    /// NOT_ALLOWED for who has not joined.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn exit_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which task.")] input: ConferenceInput,
    ) -> Result<TaskPayload> {
        answer(conferences::exit(ctx.app()?, ctx.caller()?, &input.task_id).await)
    }

    /// Takes the agent who has joined out of a conference of the viewer's: they owe a wrap-up, and the talk goes on. Refused with
    /// NOT_FOUND, NOT_A_PARTICIPANT, CONVERSATION_ENDED, and NOT_ALLOWED when nobody has joined.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn remove_from_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which task.")] input: ConferenceInput,
    ) -> Result<TaskPayload> {
        answer(conferences::remove(ctx.app()?, ctx.caller()?, &input.task_id).await)
    }

    /// Ends a conference for the customer and for both agents, each of whom owes a wrap-up. Only for the agent who owns the
    /// task. Refused with NOT_FOUND, NOT_ALLOWED, CUSTOMER_CONSENT_REQUIRED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn end_conference(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which task.")] input: EndConferenceInput,
    ) -> Result<TaskPayload> {
        answer(conferences::end(ctx.app()?, ctx.caller()?, &input.task_id, input.customer_agreed).await)
    }
}

fn answer(done: Result<task::Model>) -> Result<TaskPayload> {
    Ok(match into_user_errors(done)? {
        Ok(row) => TaskPayload { task: Some(row.into()), user_errors: vec![] },
        Err(user_errors) => TaskPayload { task: None, user_errors },
    })
}

/// The answer to what agents do with one another.
#[derive(SimpleObject)]
struct TaskPayload {
    /// The task as it is now; null when refused.
    task: Option<Task>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
