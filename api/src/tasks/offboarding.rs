//! Offboarding: a person stops being an agent. Pending offers end, owned tasks return to their queue, and pending
//! wrap-ups complete automatically.

use entity::{
    agent::AgentState,
    assignment::{self, AssignmentPhase},
    conversation,
    task::TaskStatus,
    user,
};

use super::{conferences, offer_outcomes, offers, queueing, supervision, task_rows, wrap_ups};
use crate::{
    agents::{
        agent_state, assignments,
        state_history::{self, StateInterval},
    },
    app::{Locked, Tx},
    contact_center::locks,
    conversations::{
        conversation_rows,
        participants::{self, ParticipantRef},
    },
    error::Result,
};

/// Ends all assignments of an agent and sets them to OFFLINE. Ends the supervisor's part in conversations, also for a
/// person without an agent row. Locks the conversations and then the agent.
pub async fn offboard(tx: &Tx<'_>, person: &Locked<user::Model>) -> Result<()> {
    let user = person.id;
    if agent_state::find(tx.db(), user).await?.is_none() {
        return stop_supervising(tx, person).await;
    }
    // The person's lock prevents new offers. The agent is locked after the conversations, in the order of all locks.
    for held in assignments::for_agent(tx.db(), user).await? {
        let task = task_rows::require(tx.db(), held.task_id).await?;
        let mut conversation = conversation_rows::lock(tx, task.conversation_id).await?;
        if let Some(held) = assignments::find(tx.db(), held.task_id, user).await? {
            return_task(tx, &mut conversation, held).await?;
        }
    }
    stop_supervising(tx, person).await?;
    let mut agent = agent_state::lock_existing(tx, user).await?;
    let offline = StateInterval { state: AgentState::Offline, reason: None, idle_channels: 0 };
    if state_history::change_state(tx, &mut agent, offline).await? {
        agent_state::save(tx, &mut agent).await?;
    }
    Ok(())
}

/// Removes a person from the conversations with customers that they joined as a supervisor, without a task.
/// Locks the conversations. Emits `ItemAdded` and `ParticipantChanged`.
pub async fn stop_supervising(tx: &Tx<'_>, person: &Locked<user::Model>) -> Result<()> {
    let user = person.id;
    for conversation in participants::open_with_customers(tx.db(), user).await? {
        let mut conversation = conversation_rows::lock(tx, conversation).await?;
        if let Some(task) = conversation.task_id
            && assignments::find(tx.db(), task, user).await?.is_some()
        {
            continue;
        }
        let part = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
        if let Some(part) = part.filter(|part| part.left_at.is_none()) {
            supervision::remove_participant(tx, &mut conversation, part, None).await?;
        }
    }
    Ok(())
}

/// Ends an assignment.
async fn return_task(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    held: assignment::Model,
) -> Result<()> {
    match held.phase {
        AssignmentPhase::WrapUp => wrap_ups::skip(tx, conversation, held.id).await,
        AssignmentPhase::Offered => {
            let task = task_rows::require(tx.db(), held.task_id).await?;
            offer_outcomes::revoke(tx, conversation, &task).await
        }
        AssignmentPhase::Active => leave(tx, conversation, held).await,
    }
}

async fn leave(tx: &Tx<'_>, conversation: &mut Locked<conversation::Model>, held: assignment::Model) -> Result<()> {
    let mut task = task_rows::require(tx.db(), held.task_id).await?;
    locks::lock_routing_shared(tx).await?;
    if task.owner_id == Some(held.agent_id) && task.status == TaskStatus::ConferenceRequested {
        offers::cancel(tx, conversation, &task).await?;
    }
    let mut agent = agent_state::lock_existing(tx, held.agent_id).await?;
    assignments::release(tx, &mut agent, &held).await?;
    agent_state::save(tx, &mut agent).await?;
    if task.conference_agent_id == Some(held.agent_id) {
        return conferences::remove_without_wrap_up(tx, conversation, task, held.agent_id, None).await.map(drop);
    }
    if let Some(who) = participants::find(tx.db(), conversation.id, ParticipantRef::User(held.agent_id)).await? {
        participants::leave(tx, conversation, who).await?;
    }
    if task.conference_agent_id.is_some() {
        return conferences::promote_to_owner(tx, conversation, task).await;
    }
    if task.owner_id == Some(held.agent_id) {
        // `enqueued_at` is unchanged, so the task returns to its first place.
        let before = task.clone();
        task.owner_id = None;
        task.accepted_at = None;
        task.status = TaskStatus::Queued;
        task_rows::emit_left(tx, &task, &before)?;
        task = queueing::requeue(tx, conversation, task).await?;
    }
    task_rows::emit_changed_after_release(tx, &task, true, held.agent_id).await
}
