//! Wrap-ups: each agent submits one after their part in a task. It is submitted once, by the agent, or completes
//! automatically when it is due. Then the agent has room for another task.

use chrono::Duration;
use entity::{
    assignment::{self, AssignmentPhase},
    conversation,
    id::{AssignmentId, TaskId, UserId, WrapUpReasonId},
    queue,
    task::{self, TaskStatus},
    timer::TimerKind,
    wrap_up::{self, Reasons},
    wrap_up_reason,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter, QueryOrder,
};

use super::task_rows;
use crate::{
    agents::{agent_state, assignments},
    app::{App, Locked, Tx},
    auth::viewer::Viewer,
    contact_center::timers,
    contacts::detail_validation,
    conversations::{channel_capabilities, conversation_rows},
    error::{Error, Result, UserErrorCode},
};

/// Maximum length of a note, in characters.
pub const MAX_NOTE: usize = 2_000;
/// Maximum number of reasons, on channels that allow several.
pub const MAX_REASONS: usize = 10;
const FIELD: &[&str] = &["input", "taskId"];
const REASONS: &[&str] = &["input", "reasonIds"];

/// The reasons and the note that an agent submits.
#[derive(Clone, Debug)]
pub struct WrapUpSubmission {
    /// The ids of the reasons as the API writes them.
    pub reasons: Vec<String>,
    /// The note, if the agent wrote one.
    pub note: Option<String>,
}

/// Starts the wrap-up of an assignment and sets its timer, if the queue has a time for it.
pub async fn start(
    tx: &Tx<'_>,
    _conversation: &Locked<conversation::Model>,
    holder: assignment::Model,
    queue: &queue::Model,
) -> Result<()> {
    let now = tx.clock().now();
    let holder = assignments::set_phase(tx, holder, AssignmentPhase::WrapUp).await?;
    let row = wrap_up::Model {
        id: holder.id,
        task_id: holder.task_id,
        agent_id: holder.agent_id,
        reasons: Reasons::default(),
        note: None,
        began_at: now,
        due_at: queue.auto_wrap_up_seconds.map(|seconds| now + Duration::seconds(i64::from(seconds))),
        extended: false,
        automatic: false,
        submitted_at: None,
    };
    if let Some(due_at) = row.due_at {
        timers::set(tx, TimerKind::WrapUp, row.id.0, due_at).await?;
    }
    wrap_up::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Submits the caller's pending wrap-up of a task. Returns the task, and false if the same was submitted before. Locks
/// the conversation and the agent. Emits `AgentChanged` and `TaskChanged`. Refuses with `NOT_FOUND`, `NOT_ALLOWED`,
/// `INVALID_REASON`, `INVALID` or `TOO_LONG`.
pub async fn submit(app: &App, by: &Viewer, task: &str, said: &WrapUpSubmission) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (conversation, task, row) = lock_latest(tx, by.user, task).await?;
            let reasons = resolve_reasons(tx, &task, &said.reasons).await?;
            let note = match &said.note {
                Some(note) => detail_validation::lines(note, &["input", "note"], MAX_NOTE)?,
                None => None,
            };
            if row.submitted_at.is_some() {
                let repeated = !row.automatic && row.reasons == reasons && row.note == note;
                return if repeated { Ok((task, false)) } else { Err(nothing_pending()) };
            }
            let task = finish(tx, &conversation, task, wrap_up::Model { reasons, note, ..row }).await?;
            Ok((task, true))
        })
    })
    .await
}

/// Doubles the time of the caller's pending wrap-up, once. Returns the task, and false if it was extended before. Locks
/// the conversation. Emits `TaskChanged`. Refuses with `NOT_FOUND` or `NOT_ALLOWED`.
pub async fn extend(app: &App, by: &Viewer, task: &str) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (_, task, row) = lock_latest(tx, by.user, task).await?;
            if row.submitted_at.is_some() {
                return Err(nothing_pending());
            }
            let Some(due_at) = row.due_at else {
                return Err(Error::refused(UserErrorCode::NotAllowed, FIELD, "This wrap-up has no time limit."));
            };
            if row.extended {
                return Ok((task, false));
            }
            let due_at = due_at + (due_at - row.began_at);
            let row = wrap_up::Model { due_at: Some(due_at), extended: true, ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            timers::set(tx, TimerKind::WrapUp, row.id.0, due_at).await?;
            task_rows::emit_changed(tx, &task, false).await?;
            Ok((task, true))
        })
    })
    .await
}

/// Completes a due wrap-up automatically with the default reason. Locks the conversation and the agent. Sets or clears
/// the timer if the wrap-up is not due or was submitted. Emits `AgentChanged` and `TaskChanged`.
pub async fn finish_due(tx: &Tx<'_>, id: AssignmentId) -> Result<()> {
    let Some(row) = wrap_up::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    let task = task_rows::require(tx.db(), row.task_id).await?;
    let conversation = &conversation_rows::lock(tx, task.conversation_id).await?;
    let Some(row) = wrap_up::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    let over = row.due_at.is_some_and(|due_at| due_at <= tx.clock().now());
    if row.submitted_at.is_some() || !over {
        return match row.due_at.filter(|_| row.submitted_at.is_none()) {
            Some(later) => timers::set(tx, TimerKind::WrapUp, id.0, later).await,
            None => timers::clear(tx, TimerKind::WrapUp, id.0).await,
        };
    }
    let task = task_rows::require(tx.db(), row.task_id).await?;
    finish_automatically(tx, conversation, task, row).await
}

/// Completes the wrap-up of an offboarded agent automatically with the default reason.
/// Locks the agent. Emits `AgentChanged` and `TaskChanged`.
pub async fn skip(tx: &Tx<'_>, conversation: &Locked<conversation::Model>, id: AssignmentId) -> Result<()> {
    let Some(row) = wrap_up::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    let task = task_rows::require(tx.db(), row.task_id).await?;
    finish_automatically(tx, conversation, task, row).await
}

async fn finish_automatically(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: task::Model,
    row: wrap_up::Model,
) -> Result<()> {
    let default =
        wrap_up_reason::Entity::find().filter(wrap_up_reason::Column::IsDefault.eq(true)).one(tx.db()).await?;
    let reasons = Reasons(default.into_iter().map(|reason| reason.id).collect());
    finish(tx, conversation, task, wrap_up::Model { reasons, automatic: true, ..row }).await.map(drop)
}

async fn finish(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    mut task: task::Model,
    row: wrap_up::Model,
) -> Result<task::Model> {
    let row = wrap_up::Model { submitted_at: Some(tx.clock().now()), ..row };
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    timers::clear(tx, TimerKind::WrapUp, row.id.0).await?;
    let mut agent = agent_state::lock_existing(tx, row.agent_id).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, row.agent_id).await? {
        assignments::release(tx, &mut agent, &held).await?;
    }
    agent_state::save(tx, &mut agent).await?;
    // After the wrap-up the agent who transferred the task can be offered it again.
    if task.status == TaskStatus::Queued {
        tx.wake_router_on_commit();
    }
    let left = assignments::for_task(tx.db(), task.id).await?;
    if left.is_empty() && task.status == TaskStatus::WrapUp {
        task.status = TaskStatus::Completed;
        task_rows::save(tx, conversation, &task).await?;
    }
    task_rows::emit_changed_after_release(tx, &task, false, row.agent_id).await?;
    Ok(task)
}

/// Locks the conversation of an agent's newest wrap-up. Returns it, the task and the wrap-up, read under the lock.
/// Refuses with `NOT_FOUND` or `NOT_ALLOWED`.
async fn lock_latest(
    tx: &Tx<'_>,
    agent: UserId,
    task: &str,
) -> Result<(Locked<conversation::Model>, task::Model, wrap_up::Model)> {
    let id = TaskId::parse(task).ok_or_else(|| Error::not_found(FIELD))?;
    let holds = assignments::find(tx.db(), id, agent).await?;
    let mine = match holds {
        Some(_) => true,
        None => find_latest(tx.db(), id, agent).await?.is_some(),
    };
    if !mine {
        return Err(Error::not_found(FIELD));
    }
    let task = task_rows::require(tx.db(), id).await?;
    let conversation = conversation_rows::lock(tx, task.conversation_id).await?;
    let task = task_rows::require(tx.db(), id).await?;
    match find_latest(tx.db(), id, agent).await? {
        Some(row) => Ok((conversation, task, row)),
        None => Err(nothing_pending()),
    }
}

fn nothing_pending() -> Error {
    Error::refused(UserErrorCode::NothingToWrapUp, FIELD, "You have no pending wrap-up for this task.")
}

async fn find_latest(db: &impl ConnectionTrait, task: TaskId, agent: UserId) -> Result<Option<wrap_up::Model>, DbErr> {
    wrap_up::Entity::find()
        .filter(wrap_up::Column::TaskId.eq(task))
        .filter(wrap_up::Column::AgentId.eq(agent))
        .order_by_desc(wrap_up::Column::Id)
        .one(db)
        .await
}

async fn resolve_reasons(tx: &Tx<'_>, task: &task::Model, given: &[String]) -> Result<Reasons> {
    let refused = |why: String| Error::refused(UserErrorCode::InvalidReason, REASONS, why);
    let most = if channel_capabilities::of(task.channel).several_wrap_up_reasons { MAX_REASONS } else { 1 };
    if given.is_empty() {
        return Err(refused("Give a reason.".to_owned()));
    }
    let mut ids: Vec<WrapUpReasonId> = Vec::new();
    for text in given {
        let id = WrapUpReasonId::parse(text).ok_or_else(|| refused("This reason does not exist.".to_owned()))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > most {
        return Err(refused(format!("Give at most {most} on this channel.")));
    }
    let known = wrap_up_reason::Entity::find()
        .filter(wrap_up_reason::Column::Id.is_in(ids.iter().copied()))
        .filter(wrap_up_reason::Column::ArchivedAt.is_null())
        .all(tx.db())
        .await?;
    if known.len() != ids.len() {
        return Err(refused("This reason does not exist.".to_owned()));
    }
    Ok(Reasons(ids))
}
