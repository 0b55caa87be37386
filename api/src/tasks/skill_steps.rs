//! The skill step that a waiting task has reached in its queue. Later steps require less, so more agents can take the
//! task.

use chrono::Duration;
use entity::{
    conversation,
    id::TaskId,
    queue::{self, SkillSteps},
    task,
    timer::TimerKind,
};

use super::task_rows;
use crate::{
    app::{Locked, Tx},
    contact_center::timers,
    conversations::conversation_rows,
    error::Result,
    queues::queue_rows,
};

/// Sets the timer of the next skill step of a task. Clears the timer if there is no next step.
pub async fn schedule(tx: &Tx<'_>, task: &task::Model, queue: &queue::Model) -> Result<()> {
    let Some(next) = queue.skills.0.get(next_step(task)) else {
        return timers::clear(tx, TimerKind::Step, task.id.0).await;
    };
    let due_at = task.enqueued_at + Duration::seconds(i64::from(next.after_seconds));
    timers::set(tx, TimerKind::Step, task.id.0, due_at).await
}

/// Returns a task at the skill step that its waiting time has reached, and sets the timer of the next step. The step
/// can become earlier. The caller saves the task.
pub async fn reset(
    tx: &Tx<'_>,
    _conversation: &Locked<conversation::Model>,
    task: task::Model,
    queue: &queue::Model,
) -> Result<task::Model> {
    let task = task::Model { step: step_at(&queue.skills, tx.clock().now() - task.enqueued_at), ..task };
    schedule(tx, &task, queue).await?;
    Ok(task)
}

/// Returns the index of the skill step that applies after a wait.
#[must_use]
pub fn step_at(steps: &SkillSteps, waited: Duration) -> i16 {
    let reached = steps.0.iter().take_while(|step| Duration::seconds(i64::from(step.after_seconds)) <= waited);
    i16::try_from(reached.count()).unwrap_or(i16::MAX).saturating_sub(1).max(0)
}

fn next_step(task: &task::Model) -> usize {
    usize::try_from(task.step).unwrap_or_default() + 1
}

/// Advances a waiting task to the skill step that its waiting time has reached, and wakes the router. The step never
/// becomes earlier. Locks the conversation. Clears the timer of a task that no longer waits.
pub async fn advance(tx: &Tx<'_>, id: TaskId) -> Result<()> {
    let task = task_rows::require(tx.db(), id).await?;
    let conversation = &conversation_rows::lock(tx, task.conversation_id).await?;
    let mut task = task_rows::require(tx.db(), id).await?;
    if !task_rows::is_live(task.status) || task.owner_id.is_some() {
        return timers::clear(tx, TimerKind::Step, id.0).await;
    }
    let queue = queue_rows::require(tx.db(), task.queue_id).await?;
    task.step = step_at(&queue.skills, tx.clock().now() - task.enqueued_at).max(task.step);
    task_rows::save(tx, conversation, &task).await?;
    schedule(tx, &task, &queue).await?;
    tx.wake_router_on_commit();
    Ok(())
}
