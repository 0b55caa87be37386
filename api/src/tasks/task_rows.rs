//! The rows of tasks, their locks and their events. A constraint allows one live task for a conversation. A task
//! changes only under the lock of its conversation.

use std::collections::BTreeSet;

use entity::{
    conversation,
    event::EventKind,
    id::{TaskId, UserId},
    task::{self, TaskStatus},
};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _};

use crate::{
    agents::assignments,
    app::{Locked, Tx},
    auth::viewer::Caller,
    conversations::conversation_rows,
    error::{Error, Result, UserErrorCode},
    events::{
        cursor::{conversation_of, customer_side_of, desk_of, queue_of},
        log::{NewEvent, Stream},
    },
};

/// The priority of tasks without one. It is the lowest.
pub const NO_PRIORITY: i16 = 10;

/// Returns the task with an id.
pub async fn find(db: &impl ConnectionTrait, id: TaskId) -> Result<Option<task::Model>, DbErr> {
    task::Entity::find_by_id(id).one(db).await
}

/// Returns the task with an id. A missing task is a fault.
pub async fn require(db: &impl ConnectionTrait, id: TaskId) -> Result<task::Model> {
    find(db, id).await?.ok_or_else(|| Error::internal(anyhow::anyhow!("a task is gone")))
}

/// The input field of refusals about a task.
pub const FIELD: &[&str] = &["input", "taskId"];

/// Locks the conversation of a task that the caller may see. Returns both. Refuses with `NOT_FOUND`.
pub async fn lock_visible(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(Locked<conversation::Model>, task::Model)> {
    let id = TaskId::parse(id).ok_or_else(|| Error::not_found(FIELD))?;
    let found = find(tx.db(), id).await?.ok_or_else(|| Error::not_found(FIELD))?;
    if conversation_rows::find_rows(tx.db(), by, &[found.conversation_id]).await?.is_empty() {
        return Err(Error::not_found(FIELD));
    }
    let conversation = conversation_rows::lock(tx, found.conversation_id).await?;
    Ok((conversation, require(tx.db(), id).await?))
}

/// Locks the conversation of a live task that the caller may see. Returns both. Refuses with `NOT_FOUND`, or with
/// `CONVERSATION_ENDED` when the task is not live.
pub async fn lock_live(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(Locked<conversation::Model>, task::Model)> {
    let (conversation, task) = lock_visible(tx, by, id).await?;
    if is_live(task.status) { Ok((conversation, task)) } else { Err(conversation_rows::conversation_ended(FIELD)) }
}

/// Locks the conversation of a live task that the caller owns. Returns both. Refuses with `NOT_FOUND`,
/// `CONVERSATION_ENDED` or `NOT_A_PARTICIPANT`.
pub async fn lock_owned(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(Locked<conversation::Model>, task::Model)> {
    let (conversation, task) = lock_visible(tx, by, id).await?;
    check_owned(&task, by)?;
    Ok((conversation, task))
}

/// Refuses with `CONVERSATION_ENDED` when a task is not live, or with `NOT_A_PARTICIPANT` when the caller does not own
/// it.
pub fn check_owned(task: &task::Model, by: &Caller) -> Result<()> {
    if !is_live(task.status) {
        return Err(conversation_rows::conversation_ended(FIELD));
    }
    match by {
        Caller::Person(viewer) if task.owner_id == Some(viewer.user) => Ok(()),
        _ => {
            let why = "Only the agent who owns the task can do this.";
            Err(Error::refused(UserErrorCode::NotAParticipant, FIELD, why))
        }
    }
}

/// Returns true for a task that waits or is in conversation. A conversation has at most one such task.
#[must_use]
pub fn is_live(status: TaskStatus) -> bool {
    matches!(
        status,
        TaskStatus::Queued
            | TaskStatus::Offered
            | TaskStatus::Connected
            | TaskStatus::ConferenceRequested
            | TaskStatus::Conference
    )
}

/// Returns the live task of a conversation, if there is one.
pub async fn find_live(tx: &Tx<'_>, conversation: &Locked<conversation::Model>) -> Result<Option<task::Model>> {
    let Some(id) = conversation.task_id else { return Ok(None) };
    Ok(find(tx.db(), id).await?.filter(|task| is_live(task.status)))
}

/// Returns the newest task of a conversation, also one that has ended.
pub async fn find_latest(tx: &Tx<'_>, conversation: &Locked<conversation::Model>) -> Result<Option<task::Model>> {
    match conversation.task_id {
        Some(id) => Ok(find(tx.db(), id).await?),
        None => Ok(None),
    }
}

/// Saves a task of a conversation.
pub async fn save(tx: &Tx<'_>, conversation: &Locked<conversation::Model>, task: &task::Model) -> Result<()> {
    debug_assert_eq!(conversation.id, task.conversation_id);
    task.clone().into_active_model().reset_all().update(tx.db()).await?;
    Ok(())
}

/// Emits `TaskChanged` in the conversation's stream and to the desktops of the task's agents. With `to_customer`, the
/// customer's stream gets it too.
pub async fn emit_changed(tx: &Tx<'_>, task: &task::Model, to_customer: bool) -> Result<()> {
    emit_changed_with(tx, task, to_customer, None).await
}

/// Emits `TaskChanged` as [`emit_changed`] does, and also to the desktop of an agent who was just released from the
/// task.
pub async fn emit_changed_after_release(
    tx: &Tx<'_>,
    task: &task::Model,
    to_customer: bool,
    released: UserId,
) -> Result<()> {
    emit_changed_with(tx, task, to_customer, Some(released)).await
}

async fn emit_changed_with(tx: &Tx<'_>, task: &task::Model, to_customer: bool, released: Option<UserId>) -> Result<()> {
    let holders = assignments::for_task(tx.db(), task.id).await?;
    let desks: BTreeSet<UserId> = holders.iter().map(|holder| holder.agent_id).chain(released).collect();
    tx.append(NewEvent::new(EventKind::TaskChanged, task, changed_streams(task, to_customer, desks))?);
    Ok(())
}

fn changed_streams(task: &task::Model, to_customer: bool, desks: impl IntoIterator<Item = UserId>) -> Vec<Stream> {
    let mut streams = vec![conversation_of(task.conversation_id)];
    if to_customer {
        streams.push(customer_side_of(task.conversation_id));
    }
    streams.extend(desks.into_iter().map(desk_of));
    streams
}

/// Emits `TaskQueued` and `TaskChanged` for a task that begins to wait, and wakes the router. `agents` are assigned the
/// task.
pub fn emit_enqueued(tx: &Tx<'_>, task: &task::Model, agents: impl IntoIterator<Item = UserId>) -> Result<()> {
    let changed = changed_streams(task, true, agents);
    tx.append(NewEvent::new(EventKind::TaskQueued, task, vec![queue_of(task.queue_id)])?);
    tx.append(NewEvent::new(EventKind::TaskChanged, task, changed)?);
    tx.wake_router_on_commit();
    Ok(())
}

/// Emits `TaskQueued` for a task that returns to its place in a queue, and wakes the router. The caller emits
/// `TaskChanged`.
pub fn emit_requeued(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskQueued, task, vec![queue_of(task.queue_id)])?);
    tx.wake_router_on_commit();
    Ok(())
}

/// Emits `TaskAccepted` in the stream of the task's queue.
pub fn emit_accepted(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskAccepted, task, vec![queue_of(task.queue_id)])?);
    Ok(())
}

/// Emits `TaskReleased` in the stream of the queue that the task or its agent left, and `TaskDequeued` if it was QUEUED
/// there. `before` is the task before that. The status of `task` tells the reason.
pub fn emit_left(tx: &Tx<'_>, task: &task::Model, before: &task::Model) -> Result<()> {
    if before.status == TaskStatus::Queued {
        emit_dequeued(tx, before)?;
    }
    tx.append(NewEvent::new(EventKind::TaskReleased, task, vec![queue_of(before.queue_id)])?);
    Ok(())
}

/// Emits `TaskDequeued` in the stream of the task's queue.
pub fn emit_dequeued(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskDequeued, task, vec![queue_of(task.queue_id)])?);
    Ok(())
}
