//! Tasks: one routed piece of work on a conversation. Of a conversation one task is live, a constraint says so, and it is
//! changed under the conversation's lock.

use chrono::Duration;
use entity::{
    conversation,
    deadline::DeadlineKind,
    entry_point,
    event::EventKind,
    id::{QueueId, TaskId, UserId},
    queue::{self, SkillSteps},
    task::{self, TaskStatus},
    thread_item::AnnouncementKind,
};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _};

use super::{assignments, deadlines, hours, queues, routing};
use crate::{
    app::Tx,
    auth::viewer::Caller,
    conversations::{announcements, threads},
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
pub async fn known(db: &impl ConnectionTrait, id: TaskId) -> Result<task::Model> {
    find(db, id).await?.ok_or_else(|| Error::internal(anyhow::anyhow!("a task is gone")))
}

/// How inputs name a task.
pub const FIELD: &[&str] = &["input", "taskId"];

/// The task that an id of the API names, if the caller may see it, with its conversation, which is held.
pub async fn hold_named(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, task::Model)> {
    let id = TaskId::parse(id).ok_or_else(|| Error::not_found(FIELD))?;
    let found = find(tx.db(), id).await?.ok_or_else(|| Error::not_found(FIELD))?;
    if threads::find(tx.db(), by, &[found.conversation_id]).await?.is_empty() {
        return Err(Error::not_found(FIELD));
    }
    let conversation = threads::hold(tx, found.conversation_id).await?;
    Ok((conversation, known(tx.db(), id).await?))
}

/// The same of a task that is not over.
pub async fn hold_live(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, task::Model)> {
    let (conversation, task) = hold_named(tx, by, id).await?;
    if is_live(task.status) { Ok((conversation, task)) } else { Err(threads::ended(FIELD)) }
}

/// The same of a task that the caller owns and on which the talk goes on.
pub async fn hold_owned(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, task::Model)> {
    let (conversation, task) = hold_live(tx, by, id).await?;
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
pub async fn live(tx: &Tx<'_>, conversation: &conversation::Model) -> Result<Option<task::Model>> {
    let Some(id) = conversation.task_id else { return Ok(None) };
    Ok(find(tx.db(), id).await?.filter(|task| is_live(task.status)))
}

/// A task that waits, or was there already.
pub struct Enqueued {
    pub task: task::Model,
    /// What its customer is told of the queue's hours, once what they wrote stands in the thread.
    answer: Option<String>,
}

/// Lets a conversation that is held wait for an agent; it is open from now on. Its live task stays if there is one.
/// [`answer`] follows when what the customer wrote has been added.
pub async fn enqueue(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    entry_point: &entry_point::Model,
) -> Result<Enqueued> {
    if let Some(task) = live(tx, conversation).await? {
        return Ok(Enqueued { task, answer: None });
    }
    routing::enter(tx).await?;
    let queue = queues::fed_by(tx.db(), entry_point).await?;
    let now = tx.clock().now();
    let row = task::Model {
        id: TaskId(tx.clock().uuid()),
        conversation_id: conversation.id,
        queue_id: queue.id,
        channel: entry_point.channel,
        status: TaskStatus::Queued,
        priority: entry_point.priority,
        received_at: now,
        enqueued_at: now,
        step: 0,
        owner_id: None,
        joined_id: None,
        accepted_at: None,
        ended_at: None,
        ended_by: None,
        customer_agreed: false,
        previous_id: conversation.task_id,
    };
    task::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    conversation.queue_id = Some(queue.id);
    conversation.task_id = Some(row.id);
    threads::open(tx, conversation).await?;
    relax_later(tx, &row, &queue).await?;
    queued(tx, &row)?;
    tell(tx, &row, true).await?;
    routing::note(tx, &row).await?;
    Ok(Enqueued { task: row, answer: hours::closed(&queue, now) })
}

/// Tells a customer who has come out of hours so.
pub async fn answer(tx: &Tx<'_>, conversation: &mut conversation::Model, enqueued: Enqueued) -> Result<task::Model> {
    if let Some(answer) = enqueued.answer {
        announcements::tell(tx, conversation, AnnouncementKind::OutOfHours, None, answer).await?;
    }
    Ok(enqueued.task)
}

fn queued(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskQueued, task, vec![queue_of(task.queue_id)])?);
    tx.may_route();
    Ok(())
}

/// Makes the next step of a queue's skills due, if there is one.
async fn relax_later(tx: &Tx<'_>, task: &task::Model, queue: &queue::Model) -> Result<()> {
    let Some(next) = queue.skills.0.get(next_step(task)) else {
        return deadlines::clear(tx, DeadlineKind::Step, task.id.0).await;
    };
    let due_at = task.enqueued_at + Duration::seconds(i64::from(next.after_seconds));
    deadlines::set(tx, DeadlineKind::Step, task.id.0, due_at).await
}

/// Lets a task that nobody has taken wait again, at the place it has had: in its queue, or in the one that took its place. The
/// conversation is held, and whoever calls has entered.
pub async fn wait_again(tx: &Tx<'_>, conversation: &mut conversation::Model, task: task::Model) -> Result<task::Model> {
    let queue = queues::known(tx.db(), task.queue_id).await?;
    let queue = queues::home(tx.db(), queue, conversation.entry_point_id).await?;
    wait_in(tx, conversation, task, &queue).await
}

/// Lets a task wait in another queue than before, and tells it.
pub async fn put_in(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    queue: &queue::Model,
) -> Result<task::Model> {
    let task = wait_in(tx, conversation, task, queue).await?;
    tell(tx, &task, true).await?;
    routing::note(tx, &task).await?;
    Ok(task)
}

/// Lets a task wait in a queue, as long as it has waited.
async fn wait_in(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    queue: &queue::Model,
) -> Result<task::Model> {
    if conversation.queue_id != Some(queue.id) {
        conversation.queue_id = Some(queue.id);
        threads::save(tx, conversation).await?;
    }
    let task = task::Model { status: TaskStatus::Queued, queue_id: queue.id, ..task };
    let task = step_anew(tx, task, queue).await?;
    queued(tx, &task)?;
    Ok(task)
}

/// Lets that step of a queue's skills hold for a task which the time says that it has waited, also an earlier one.
pub async fn step_anew(tx: &Tx<'_>, task: task::Model, queue: &queue::Model) -> Result<task::Model> {
    let task = task::Model { step: reached(&queue.skills, tx.clock().now() - task.enqueued_at), ..task };
    save(tx, &task).await?;
    relax_later(tx, &task, queue).await?;
    tx.may_route();
    Ok(task)
}

/// Which step of a queue's skills holds after a time.
#[must_use]
pub fn reached(steps: &SkillSteps, waited: Duration) -> i16 {
    let reached = steps.0.iter().take_while(|step| Duration::seconds(i64::from(step.after_seconds)) <= waited);
    i16::try_from(reached.count()).unwrap_or(i16::MAX).saturating_sub(1).max(0)
}

fn next_step(task: &task::Model) -> usize {
    usize::try_from(task.step).unwrap_or_default() + 1
}

/// Lets the next step of the queue's skills hold, if its time has come.
pub async fn relax(tx: &Tx<'_>, id: TaskId) -> Result<()> {
    let task = known(tx.db(), id).await?;
    threads::hold(tx, task.conversation_id).await?;
    let mut task = known(tx.db(), id).await?;
    if !is_live(task.status) || task.owner_id.is_some() {
        return deadlines::clear(tx, DeadlineKind::Step, id.0).await;
    }
    let queue = queues::known(tx.db(), task.queue_id).await?;
    task.step = reached(&queue.skills, tx.clock().now() - task.enqueued_at).max(task.step);
    save(tx, &task).await?;
    relax_later(tx, &task, &queue).await?;
    tx.may_route();
    Ok(())
}

/// Writes a task whose conversation is held.
pub async fn save(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    task.clone().into_active_model().reset_all().update(tx.db()).await?;
    Ok(())
}

/// Tells those who follow the conversation and the desks of those who hold the task; the customer too where they may know.
pub async fn tell(tx: &Tx<'_>, task: &task::Model, to_customer: bool) -> Result<()> {
    let holders = assignments::of_task(tx.db(), task.id).await?;
    tell_also(tx, task, to_customer, holders.iter().map(|holder| holder.agent_id))
}

/// The same for desks that are known.
pub fn tell_also(
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
pub fn served(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskServed, task, vec![queue_of(task.queue_id)])?);
    Ok(())
}

/// A task has left a queue, or those who serve it: it has ended or was handed over, as it says itself.
pub fn left(tx: &Tx<'_>, task: &task::Model, queue: QueueId) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskLeft, task, vec![queue_of(queue)])?);
    Ok(())
}

/// A task waits no more.
pub fn unqueued(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskUnqueued, task, vec![queue_of(task.queue_id)])?);
    Ok(())
}
