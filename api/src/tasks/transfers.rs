//! Transfers of a task to a queue or an agent. The owner must submit a wrap-up at once and leaves the conversation. The
//! customer waits again. The next agent sees all earlier items.

use entity::{
    announcement::AnnouncementPerson,
    conversation,
    id::UserId,
    offer::{self, OfferKind},
    queue::UnacceptedTransfer,
    task::{self, TaskStatus},
    thread_item::{AnnouncementKind, ItemVisibility},
    timer::TimerKind,
    user,
};

use super::{
    closing, earlier_calls,
    offers::{self, OfferRequest},
    queueing, routing_decisions, task_rows,
    transfer_targets::{self, LockedTarget, TransferTarget},
    wrap_ups,
};
use crate::{
    agents::{agent_state, assignments},
    app::{App, Locked, SharedLock, Tx},
    auth::viewer::Caller,
    contact_center::timers,
    conversations::{
        announcements::{self, NewAnnouncement},
        channel_capabilities,
        participants::{self, ParticipantRef},
    },
    error::{Error, Result, UserErrorCode},
    queues::queue_rows,
};

/// Transfers the caller's task. Returns it, and false if the call repeats the caller's newest transfer. Locks the
/// caller, the target and the conversation. Emits `ItemAdded`, `ParticipantChanged` and `TaskReleased`, and the events
/// of the queue or of the new offer. Refuses with `NOT_FOUND`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED`,
/// `TRANSFER_TARGET_REFUSED`, `AGENT_NOT_AVAILABLE`, `OVER_CAPACITY`, or `NOT_ALLOWED` when the caller is not an agent
/// and during a conference or a pending invitation.
pub async fn transfer(app: &App, by: &Caller, task: &str, to: TransferTarget) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let person = transfer_targets::lock_person(tx, to).await?;
            let (mut conversation, task) = task_rows::lock_visible(tx, by, task).await?;
            if task.owner_id != Some(user) && is_repeated(tx, &conversation, &task, user, to).await? {
                return Ok((task, false));
            }
            task_rows::check_owned(&task, by)?;
            let by = AnnouncementPerson::User(user);
            let task = transfer_locked(tx, &mut conversation, task, by, to, person.as_ref()).await?;
            Ok((task, true))
        })
    })
    .await
}

/// Returns true if a user made the newest transfer of a task, to `to`, and nobody has joined since.
async fn is_repeated(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: &task::Model,
    by: UserId,
    to: TransferTarget,
) -> Result<bool> {
    let kinds = [AnnouncementKind::Transferred, AnnouncementKind::AgentJoined];
    let newest = earlier_calls::newest(tx, conversation, task, &kinds, by).await?;
    Ok(newest.is_own_for(AnnouncementKind::Transferred, to.into()))
}

/// Transfers a live task of any owner, or one that waits, for the person `by`. Refuses with `NOT_ALLOWED`,
/// `TRANSFER_TARGET_REFUSED`, `NOT_FOUND`, `AGENT_NOT_AVAILABLE` or `OVER_CAPACITY`.
pub async fn transfer_locked(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    by: AnnouncementPerson,
    to: TransferTarget,
    person: Option<&SharedLock<user::Model>>,
) -> Result<task::Model> {
    if matches!(task.status, TaskStatus::Conference | TaskStatus::ConferenceRequested) {
        let why = "End the conference or the invitation before a transfer.";
        return Err(Error::refused(UserErrorCode::ConferenceInProgress, task_rows::FIELD, why));
    }
    if !channel_capabilities::of(task.channel).transfer_targets.contains(&to.kind()) {
        let why = "This channel does not allow this transfer target.";
        return Err(Error::refused(UserErrorCode::TransferTargetRefused, transfer_targets::FIELD, why));
    }
    // The target is checked before the owner loses the task.
    let target = transfer_targets::lock(tx, &task, to, person).await?;
    let owner = task.owner_id;
    let task = detach(tx, conversation, task, target.status()).await?;
    let owner = match owner {
        Some(owner) => participants::find(tx.db(), conversation.id, ParticipantRef::User(owner)).await?,
        None => None,
    };
    let subject = owner.as_ref().map(|owner| AnnouncementPerson::Participant(owner.id));
    let new = NewAnnouncement::new(AnnouncementKind::Transferred).by(by).about(subject);
    announcements::announce(tx, conversation, new.to(to.into())).await?;
    if let Some(owner) = owner {
        // A customer who saw the agent join also sees that the agent left, but not the target.
        if channel_capabilities::of(task.channel).agents_shown == ItemVisibility::Both {
            announcements::announce_departure(tx, conversation, &owner, Some(by)).await?;
            announcements::announce(tx, conversation, NewAnnouncement::new(AnnouncementKind::Transferring)).await?;
        }
        participants::leave(tx, conversation, owner).await?;
    }
    match target {
        LockedTarget::Queue(queue) => queueing::move_to_queue(tx, conversation, task, &queue).await,
        LockedTarget::Agent(mut agent) => {
            routing_decisions::record_direct_assignment(tx, &task, agent.user_id).await?;
            let purpose = OfferRequest::for_task(OfferKind::Transfer, &task);
            offers::create(tx, conversation, &task, &mut agent, purpose).await?;
            Ok(task)
        }
    }
}

/// Ends the pending offer of a task, or starts the wrap-up of its owner. Returns the task without an owner and with a
/// new status. The caller saves it. A task with an owner waits from now on. A waiting task keeps its waiting time.
/// Emits `TaskReleased`, and `TaskDequeued` if the task was QUEUED.
async fn detach(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    before: task::Model,
    status: TaskStatus,
) -> Result<task::Model> {
    let task = match before.owner_id {
        Some(owner) => {
            if let Some(held) = assignments::find(tx.db(), before.id, owner).await? {
                let queue = queue_rows::require(tx.db(), before.queue_id).await?;
                wrap_ups::start(tx, conversation, held, &queue).await?;
            }
            timers::clear(tx, TimerKind::Inactivity, conversation.id.0).await?;
            let now = tx.clock().now();
            task::Model { owner_id: None, accepted_at: None, enqueued_at: now, status, ..before.clone() }
        }
        None => {
            offers::cancel(tx, conversation, &before).await?;
            task::Model { status, ..before.clone() }
        }
    };
    task_rows::emit_left(tx, &task, &before)?;
    Ok(task)
}

/// Handles a transfer that the agent did not accept. The queue of the task decides if the task is dropped or enqueued
/// again. The routing lock must be taken in shared mode.
pub async fn on_not_accepted(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    offer: &offer::Model,
) -> Result<()> {
    let queue = queue_rows::require(tx.db(), task.queue_id).await?;
    match queue.on_unaccepted_transfer {
        UnacceptedTransfer::Drop => closing::drop_task(tx, conversation, task, offer.agent_id).await,
        UnacceptedTransfer::Requeue => {
            let before = task.queue_id;
            let task = queueing::requeue(tx, conversation, task).await?;
            task_rows::emit_changed(tx, &task, task.queue_id != before).await
        }
    }
}
