//! Agents who answer customers no more: whatever they hold goes on without them. Offers and talks go back to their places,
//! and what they owe is wrapped up.

use entity::{
    agent::AgentState,
    assignment::{self, AssignmentPhase},
    conversation,
    id::UserId,
    task::TaskStatus,
};

use super::{assignments, conferences, ledger, ledger::Turn, offers, routing, states, supervision, tasks, wrap_ups};
use crate::{
    app::Tx,
    conversations::{
        participants::{self, Who},
        threads,
    },
    error::Result,
};

/// Takes everything from an agent whose person is held, and makes them OFFLINE. Somebody who is no agent stays as they are.
pub async fn retire(tx: &Tx<'_>, user: UserId) -> Result<()> {
    if states::find(tx.db(), user).await?.is_none() {
        return stop_supervising(tx, user).await;
    }
    // Nothing new is offered from here on; the agent is held only after the conversations, as by all who hold both.
    for held in assignments::of_agent(tx.db(), user).await? {
        let task = tasks::known(tx.db(), held.task_id).await?;
        let mut conversation = threads::hold(tx, task.conversation_id).await?;
        if let Some(held) = assignments::find(tx.db(), held.task_id, user).await? {
            hand_back(tx, &mut conversation, held).await?;
        }
    }
    stop_supervising(tx, user).await?;
    let mut agent = states::held(tx, user).await?;
    let offline = Turn { state: AgentState::Offline, reason: None, idle_channels: 0 };
    if ledger::turn(tx, &mut agent, offline).await? {
        states::save(tx, &mut agent).await?;
    }
    Ok(())
}

/// Lets somebody leave the conversations with customers that they have joined without a task, as supervisors do. Their person is
/// held.
pub async fn stop_supervising(tx: &Tx<'_>, user: UserId) -> Result<()> {
    for conversation in participants::open_with_customers(tx.db(), user).await? {
        let mut conversation = threads::hold(tx, conversation).await?;
        if let Some(task) = conversation.task_id
            && assignments::find(tx.db(), task, user).await?.is_some()
        {
            continue;
        }
        let part = participants::of(tx.db(), conversation.id, Who::User(user)).await?;
        if let Some(part) = part.filter(|part| part.left_at.is_none()) {
            supervision::part(tx, &mut conversation, part, user).await?;
        }
    }
    Ok(())
}

/// Ends a hold on a task whose conversation is held.
async fn hand_back(tx: &Tx<'_>, conversation: &mut conversation::Model, held: assignment::Model) -> Result<()> {
    match held.phase {
        AssignmentPhase::WrapUp => wrap_ups::give_up(tx, held.id).await,
        AssignmentPhase::Offered => {
            let task = tasks::known(tx.db(), held.task_id).await?;
            offers::take_back(tx, conversation, &task).await
        }
        AssignmentPhase::Active => leave(tx, conversation, held).await,
    }
}

async fn leave(tx: &Tx<'_>, conversation: &mut conversation::Model, held: assignment::Model) -> Result<()> {
    let mut task = tasks::known(tx.db(), held.task_id).await?;
    routing::enter(tx).await?;
    if task.owner_id == Some(held.agent_id) && task.status == TaskStatus::ConferenceRequested {
        offers::withdraw(tx, &task).await?;
    }
    let mut agent = states::held(tx, held.agent_id).await?;
    assignments::release(tx, &mut agent, &held).await?;
    states::save(tx, &mut agent).await?;
    if task.joined_id == Some(held.agent_id) {
        return conferences::go(tx, conversation, task, held.agent_id).await.map(drop);
    }
    if let Some(who) = participants::of(tx.db(), conversation.id, Who::User(held.agent_id)).await? {
        participants::leave(tx, conversation, who).await?;
    }
    if task.joined_id.is_some() {
        return conferences::inherit(tx, conversation, task).await;
    }
    if task.owner_id == Some(held.agent_id) {
        // Its place is that of when it first came.
        task.owner_id = None;
        task.accepted_at = None;
        task.status = TaskStatus::Queued;
        tasks::left(tx, &task, task.queue_id)?;
        task = tasks::wait_again(tx, conversation, task).await?;
    }
    tasks::tell_also(tx, &task, true, [held.agent_id])
}
