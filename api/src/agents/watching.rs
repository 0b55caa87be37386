//! What supervisors watch and do: `agentStates`, `queueEvents`, `moveTask`, `joinConversation`, `leaveConversation`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Subscription, Union};
use entity::{conversation, id::QueueId, user::Role};
use futures_util::{Stream, StreamExt as _};

use super::{
    event_types::{AgentTurned, QueueLogEvent},
    queues, supervision,
    task_types::Task,
    teamwork::TargetInput,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    conversations::types::Conversation,
    error::{Error, Result, UserError, settle},
    events::{
        cursor::{Cursor, all_agents, queue_of},
        types::{self as events, Live, ResyncRequired, SubscriptionStarted},
    },
    relationships::deeds::Outcome,
    users::people,
};

/// What `agentStates` delivers.
#[derive(Union)]
enum AgentStateEvent {
    SubscriptionStarted(SubscriptionStarted),
    AgentTurned(AgentTurned),
    ResyncRequired(ResyncRequired),
}

/// What `queueEvents` delivers.
#[derive(Union)]
enum QueueEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(QueueLogEvent),
    ResyncRequired(ResyncRequired),
}

/// Whether the viewer supervises.
pub async fn supervises(ctx: &Context<'_>) -> Result<bool> {
    let role = people::role(ctx.app()?.db.read(), ctx.viewer()?.user).await?;
    Ok(role.is_some_and(|role| role >= Role::Supervisor))
}

#[derive(Default)]
pub struct SupervisionSubscription;

#[Subscription]
impl SupervisionSubscription {
    /// The states to which agents turn, of all agents. For supervisors. Begins with SubscriptionStarted; with `after` everything
    /// since that cursor comes first, without gap or repeat, and sequence numbers have no holes. A cursor that the log no
    /// longer reaches gets ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn agent_states(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last event that was received; without it, from now on.")] after: Option<
            Cursor,
        >,
    ) -> Result<impl Stream<Item = Result<AgentStateEvent>> + use<>> {
        if !supervises(ctx).await? {
            return Err(Error::Forbidden("SUPERVISOR"));
        }
        let live = events::live(ctx.app()?, all_agents(), after.as_ref(), AgentTurned::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                Live::Started(event) => AgentStateEvent::SubscriptionStarted(event),
                Live::Event(event) => AgentStateEvent::AgentTurned(event),
                Live::Resync(event) => AgentStateEvent::ResyncRequired(event),
            })
        }))
    }

    /// What comes into a queue, is accepted and leaves it. For supervisors. Begins with SubscriptionStarted; with `after`, such
    /// as the queue's `streamCursor`, everything since that cursor comes first, without gap or repeat, and sequence numbers
    /// have no holes. A cursor that the log no longer reaches gets ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queue_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which queue.")] queue_id: ID,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<QueueEvent>> + use<>> {
        if !supervises(ctx).await? {
            return Err(Error::Forbidden("SUPERVISOR"));
        }
        let unknown = || Error::invalid("queueId", "There is no such queue.");
        let id = QueueId::parse(&queue_id).ok_or_else(unknown)?;
        queues::find(ctx.app()?.db.read(), id).await?.ok_or_else(unknown)?;
        let live = events::live(ctx.app()?, queue_of(id), after.as_ref(), QueueLogEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                Live::Started(event) => QueueEvent::SubscriptionStarted(event),
                Live::Event(event) => QueueEvent::Event(event),
                Live::Resync(event) => QueueEvent::ResyncRequired(event),
            })
        }))
    }
}

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
        Ok(match settle(done.await)? {
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
        attendance(ctx, supervision::join(ctx.app()?, ctx.caller()?, &input.conversation_id).await).await
    }

    /// Lets the viewer leave a conversation that they have joined. Refused with NOT_FOUND, and NOT_ALLOWED for who has its task.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn leave_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] input: AttendanceInput,
    ) -> Result<AttendancePayload> {
        attendance(ctx, supervision::leave(ctx.app()?, ctx.caller()?, &input.conversation_id).await).await
    }
}

async fn attendance(ctx: &Context<'_>, done: Result<(conversation::Model, bool)>) -> Result<AttendancePayload> {
    Ok(match settle(done)? {
        Ok((row, changed)) => AttendancePayload {
            conversation: Conversation::find(ctx, row.id).await?,
            outcome: if changed { Outcome::Applied } else { Outcome::NoChange },
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
    /// Why the call was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// The answer to `joinConversation` and `leaveConversation`.
#[derive(SimpleObject)]
struct AttendancePayload {
    /// The conversation as it is now; null when refused.
    conversation: Option<Conversation>,
    /// Whether anything changed.
    outcome: Outcome,
    /// Why the call was refused; empty when it was not.
    user_errors: Vec<UserError>,
}
