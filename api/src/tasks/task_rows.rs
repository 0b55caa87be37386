//! Tasks: one routed piece of work on a conversation. Of a conversation one task is live, a constraint says so, and it is
//! changed under the conversation's lock.

use entity::{
    conversation,
    event::EventKind,
    id::{QueueId, TaskId, UserId},
    task::{self, TaskStatus},
};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _};

use crate::{
    agents::assignments,
    app::Tx,
    auth::viewer::Caller,
    conversations::conversation_rows,
    error::{Error, Result, UserErrorCode},
    events::{
        cursor::{conversation_of, customer_side_of, desk_of, queue_of},
        log::NewEvent,
    },
};

/// The lowest priority, which tasks have that were given none.
pub const NO_PRIORITY: i16 = 10;

/// The task with an id.
pub async fn find(db: &impl ConnectionTrait, id: TaskId) -> Result<Option<task::Model>, DbErr> {
    task::Entity::find_by_id(id).one(db).await
}

/// A task that must be there.
pub async fn require(db: &impl ConnectionTrait, id: TaskId) -> Result<task::Model> {
    find(db, id).await?.ok_or_else(|| Error::internal(anyhow::anyhow!("a task is gone")))
}

/// How inputs name a task.
pub const FIELD: &[&str] = &["input", "taskId"];

/// The task that an id of the API names, if the caller may see it, with its conversation, which is held.
pub async fn lock_visible(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, task::Model)> {
    let id = TaskId::parse(id).ok_or_else(|| Error::not_found(FIELD))?;
    let found = find(tx.db(), id).await?.ok_or_else(|| Error::not_found(FIELD))?;
    if conversation_rows::find_rows(tx.db(), by, &[found.conversation_id]).await?.is_empty() {
        return Err(Error::not_found(FIELD));
    }
    let conversation = conversation_rows::lock(tx, found.conversation_id).await?;
    Ok((conversation, require(tx.db(), id).await?))
}

/// The same of a task that is not over.
pub async fn lock_live(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, task::Model)> {
    let (conversation, task) = lock_visible(tx, by, id).await?;
    if is_live(task.status) { Ok((conversation, task)) } else { Err(conversation_rows::conversation_ended(FIELD)) }
}

/// The same of a task that the caller owns and on which the talk goes on.
pub async fn lock_owned(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, task::Model)> {
    let (conversation, task) = lock_live(tx, by, id).await?;
    match by {
        Caller::Person(viewer) if task.owner_id == Some(viewer.user) => Ok((conversation, task)),
        _ => {
            let why = "Only the agent who owns the task does this.";
            Err(Error::refused(UserErrorCode::NotAParticipant, FIELD, why))
        }
    }
}

/// Whether a task still occupies its conversation.
#[must_use]
pub fn is_live(status: TaskStatus) -> bool {
    !matches!(status, TaskStatus::WrapUp | TaskStatus::Completed | TaskStatus::Abandoned | TaskStatus::Dropped)
}

/// The live task of a conversation that is held, if it has one.
pub async fn find_live(tx: &Tx<'_>, conversation: &conversation::Model) -> Result<Option<task::Model>> {
    let Some(id) = conversation.task_id else { return Ok(None) };
    Ok(find(tx.db(), id).await?.filter(|task| is_live(task.status)))
}

/// Writes a task whose conversation is held.
pub async fn save(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    task.clone().into_active_model().reset_all().update(tx.db()).await?;
    Ok(())
}

/// Tells those who follow the conversation and the desks of those who hold the task; the customer too where they may know.
pub async fn emit_changed(tx: &Tx<'_>, task: &task::Model, to_customer: bool) -> Result<()> {
    let holders = assignments::for_task(tx.db(), task.id).await?;
    emit_changed_to(tx, task, to_customer, holders.iter().map(|holder| holder.agent_id))
}

/// The same for desks that are known.
pub fn emit_changed_to(
    tx: &Tx<'_>,
    task: &task::Model,
    to_customer: bool,
    desks: impl IntoIterator<Item = UserId>,
) -> Result<()> {
    let mut streams = vec![conversation_of(task.conversation_id)];
    if to_customer {
        streams.push(customer_side_of(task.conversation_id));
    }
    streams.extend(desks.into_iter().map(desk_of));
    tx.append(NewEvent::new(EventKind::TaskChanged, task, streams)?);
    Ok(())
}

/// An agent talks with the customer now.
pub fn emit_accepted(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskAccepted, task, vec![queue_of(task.queue_id)])?);
    Ok(())
}

/// A task has left a queue, or those who serve it: it has ended or was handed over, as it says itself.
pub fn emit_released(tx: &Tx<'_>, task: &task::Model, queue: QueueId) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskReleased, task, vec![queue_of(queue)])?);
    Ok(())
}

/// A task waits no more.
pub fn emit_dequeued(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskDequeued, task, vec![queue_of(task.queue_id)])?);
    Ok(())
}
