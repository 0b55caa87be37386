//! Enqueueing: a task begins to wait in a queue when it arrives, returns or is moved there.

use entity::{
    announcement::AnnouncementParameters,
    conversation, entry_point,
    id::TaskId,
    intake::Intake,
    queue,
    task::{self, TaskStatus},
    thread_item::{self, AnnouncementKind},
};
use sea_orm::{EntityTrait, IntoActiveModel as _};

use super::{routing_decisions, skill_steps, task_rows};
use crate::{
    agents::assignments,
    app::{Locked, SharedLock, Tx},
    contact_center::locks,
    conversations::{
        announcements::{self, NewAnnouncement},
        conversation_rows,
        thread_items::{self, NewItem},
    },
    error::{Error, Result},
    queues::{
        opening_hours::{self, ClosedNotice},
        queue_rows,
    },
};

/// Adds what a customer wrote to a conversation, and makes sure that a live task is there for it. Without one, opens
/// the conversation and enqueues a task. If the queue is closed then, announces that after the customer's items.
/// Returns the customer's items. Takes the routing lock in shared mode. Emits `ItemAdded`, and `TaskQueued` and
/// `TaskChanged` for a new task. The entry point is needed for a new task only: without it, the transaction begins
/// again. `intake` is what the visitor brought, and is kept with a new task.
pub async fn enqueue(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    entry_point: Option<&SharedLock<entry_point::Model>>,
    intake: Option<Intake>,
    items: Vec<NewItem>,
) -> Result<Vec<thread_item::Model>> {
    let closed = match task_rows::find_live(tx, conversation).await? {
        Some(_) => None,
        None => create_task(tx, conversation, entry_point.ok_or(Error::Again)?, intake).await?,
    };
    let closed = closed.map(|ClosedNotice { message, opens_at, time_zone }| {
        let parameters = AnnouncementParameters {
            closed_message: message,
            time_zone: Some(time_zone),
            ..AnnouncementParameters::default()
        };
        let new = NewAnnouncement::new(AnnouncementKind::OutOfHours).until(opens_at).with(parameters);
        announcements::item(conversation, new)
    });
    let customers_items = items.len();
    let mut added = Vec::with_capacity(customers_items + 1);
    for item in items.into_iter().chain(closed) {
        added.push(thread_items::append(tx, conversation, item).await?);
    }
    added.truncate(customers_items);
    Ok(added)
}

/// Creates the task of a conversation in the queue that its entry point feeds. Returns the facts about the queue's
/// closing, if it is closed now.
async fn create_task(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    entry_point: &entry_point::Model,
    intake: Option<Intake>,
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
        intake,
        continued_in_id: None,
    };
    task::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    conversation.queue_id = Some(queue.id);
    conversation.task_id = Some(row.id);
    conversation.character_limit = entry_point.character_limit;
    conversation_rows::open(tx, conversation).await?;
    task_rows::emit_enqueued(tx, &row, [])?;
    if queue.skills.0.len() > 1 {
        skill_steps::schedule(tx, &row, &queue).await?;
    }
    routing_decisions::record_no_agent(tx, &row).await?;
    Ok(opening_hours::closed_notice(&queue, now))
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
    let task = set_queued(tx, conversation, task, &queue).await?;
    task_rows::emit_requeued(tx, &task)?;
    Ok(task)
}

/// Moves the task to `queue`, resets its skill step, and records a decision if no agent is free. The routing lock must
/// be taken. Emits `TaskQueued` and `TaskChanged`.
pub async fn move_to_queue(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    queue: &queue::Model,
) -> Result<task::Model> {
    let agents = assignments::for_task(tx.db(), task.id).await?;
    let task = set_queued(tx, conversation, task, queue).await?;
    task_rows::emit_enqueued(tx, &task, agents.iter().map(|held| held.agent_id))?;
    routing_decisions::record_no_agent(tx, &task).await?;
    Ok(task)
}

/// Sets the task to QUEUED in `queue`, at the skill step that its waiting time has reached. It keeps its waiting time.
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
    task_rows::save(tx, conversation, &task).await?;
    Ok(task)
}
