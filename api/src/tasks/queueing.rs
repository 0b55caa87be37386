//! Enqueueing: a task begins to wait in a queue when it arrives, returns or is moved there.

use entity::{
    announcement::AnnouncementParameters,
    conversation, entry_point,
    event::EventKind,
    id::TaskId,
    queue,
    task::{self, TaskStatus},
    thread_item::{self, AnnouncementKind},
};
use sea_orm::{EntityTrait, IntoActiveModel as _};

use super::{routing_decisions, skill_steps, task_rows};
use crate::{
    app::{Locked, SharedLock, Tx},
    contact_center::locks,
    conversations::{
        announcements::{self, NewAnnouncement},
        conversation_rows,
        thread_items::{self, NewItem},
    },
    error::{Error, Result},
    events::{cursor::queue_of, log::NewEvent},
    queues::{
        opening_hours::{self, ClosedNotice},
        queue_rows,
    },
};

/// Adds what a customer wrote to a conversation, and makes sure that a live task is there for it. Without one, opens
/// the conversation and enqueues a task. If the queue is closed then, announces that after the customer's items.
/// Returns the customer's items. Takes the routing lock in shared mode. Emits `ItemAdded`, and `TaskQueued` and
/// `TaskChanged` for a new task. The entry point is needed for a new task only: without it, the transaction begins
/// again.
pub async fn enqueue(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    entry_point: Option<&SharedLock<entry_point::Model>>,
    items: Vec<NewItem>,
) -> Result<Vec<thread_item::Model>> {
    let closed = match task_rows::find_live(tx, conversation).await? {
        Some(_) => None,
        None => create_task(tx, conversation, entry_point.ok_or(Error::Again)?).await?,
    };
    let mut added = Vec::with_capacity(items.len());
    for item in items {
        added.push(thread_items::append(tx, conversation, item).await?);
    }
    if let Some(ClosedNotice { message, opens_at, time_zone }) = closed {
        let parameters = AnnouncementParameters {
            closed_message: message,
            time_zone: Some(time_zone),
            ..AnnouncementParameters::default()
        };
        let new = NewAnnouncement::new(AnnouncementKind::OutOfHours).until(opens_at).with(parameters);
        announcements::announce(tx, conversation, new).await?;
    }
    Ok(added)
}

/// Creates the task of a conversation in the queue that its entry point feeds. Returns the facts about the queue's
/// closing, if it is closed now.
async fn create_task(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    entry_point: &entry_point::Model,
) -> Result<Option<ClosedNotice>> {
    locks::lock_routing_shared(tx).await?;
    let queue = queue_rows::require(tx.db(), entry_point.queue_id).await?;
    let queue = queue_rows::current_queue(tx.db(), queue, None).await?;
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
        conference_agent_id: None,
        accepted_at: None,
        ended_at: None,
        ended_by: None,
        customer_agreed: false,
        previous_id: conversation.task_id,
        continued_in_id: None,
    };
    task::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    conversation.queue_id = Some(queue.id);
    conversation.task_id = Some(row.id);
    conversation_rows::open(tx, conversation).await?;
    if queue.skills.0.len() > 1 {
        skill_steps::schedule(tx, &row, &queue).await?;
    }
    emit_queued(tx, &row)?;
    // No agent has a new task.
    task_rows::emit_changed_to(tx, &row, true, [])?;
    routing_decisions::record_no_agent(tx, &row).await?;
    Ok(opening_hours::closed_notice(&queue, now))
}

fn emit_queued(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::TaskQueued, task, vec![queue_of(task.queue_id)])?);
    tx.wake_router_on_commit();
    Ok(())
}

/// Enqueues a task again that no agent accepted, at its earlier place. It returns to its queue, or to the successor of
/// an archived one. The routing lock must be taken in shared mode. Emits `TaskQueued`. The caller emits `TaskChanged`.
pub async fn requeue(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
) -> Result<task::Model> {
    let queue = queue_rows::require(tx.db(), task.queue_id).await?;
    let queue = queue_rows::current_queue(tx.db(), queue, conversation.entry_point_id).await?;
    set_queued(tx, conversation, task, &queue).await
}

/// Moves the task to `queue`, resets its skill step, and records a decision if no agent is free. The routing lock must
/// be taken. Emits `TaskQueued` and `TaskChanged`.
pub async fn move_to_queue(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    queue: &queue::Model,
) -> Result<task::Model> {
    let task = set_queued(tx, conversation, task, queue).await?;
    task_rows::emit_changed(tx, &task, true).await?;
    routing_decisions::record_no_agent(tx, &task).await?;
    Ok(task)
}

/// Sets the task to QUEUED in `queue`. It keeps its waiting time.
async fn set_queued(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    queue: &queue::Model,
) -> Result<task::Model> {
    if conversation.queue_id != Some(queue.id) {
        conversation.queue_id = Some(queue.id);
        conversation_rows::save(tx, conversation).await?;
    }
    let task = task::Model { status: TaskStatus::Queued, queue_id: queue.id, ..task };
    let task = skill_steps::reset(tx, conversation, task, queue).await?;
    emit_queued(tx, &task)?;
    Ok(task)
}
