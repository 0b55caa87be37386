//! Transfers of a task to a queue or an agent. The owner must submit a wrap-up at once and leaves the conversation. The
//! customer waits again. The next agent sees all earlier items.

use entity::{
    agent,
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
    closing,
    offers::{self, OfferRequest},
    queueing, routing_decisions, task_rows,
    transfer_targets::{self, TransferTarget},
    wrap_ups,
};
use crate::{
    agents::{agent_state, assignments},
    app::{App, Locked, SharedLock, Tx},
    auth::viewer::Caller,
    contact_center::{locks, timers},
    conversations::{
        announcements::{self, NewAnnouncement},
        channel_capabilities,
        participants::{self, ParticipantRef},
    },
    error::{Error, Result, UserErrorCode},
    queues::queue_rows,
};

/// Transfers the caller's task. Locks the caller, the target and the conversation. Emits `ItemAdded`,
/// `ParticipantChanged` and `TaskReleased`, and the events of the queue or of the new offer. Refuses with `NOT_FOUND`,
/// `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED`, `TRANSFER_TARGET_REFUSED`, `AGENT_NOT_AVAILABLE`, `OVER_CAPACITY`, or
/// `NOT_ALLOWED` when the caller is not an agent and during a conference or a pending invitation.
pub async fn transfer(app: &App, by: &Caller, task: &str, to: TransferTarget) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let person = transfer_targets::lock_person(tx, to).await?;
            let (mut conversation, task) = task_rows::lock_owned(tx, by, task).await?;
            transfer_locked(tx, &mut conversation, task, user, to, person.as_ref()).await
        })
    })
    .await
}

/// Transfers a live task of any owner, or one that waits, for the user `by`. The conversation and the target's person
/// must be locked. Refuses with `NOT_ALLOWED`, `TRANSFER_TARGET_REFUSED`, `NOT_FOUND`, `AGENT_NOT_AVAILABLE` or `OVER_CAPACITY`.
pub async fn transfer_locked(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    by: UserId,
    to: TransferTarget,
    person: Option<&SharedLock<user::Model>>,
) -> Result<task::Model> {
    if matches!(task.status, TaskStatus::Conference | TaskStatus::ConferenceRequested) {
        let why = "End the conference or the invitation before a transfer.";
        return Err(Error::refused(UserErrorCode::NotAllowed, task_rows::FIELD, why));
    }
    if !channel_capabilities::of(task.channel).transfer_targets.contains(&to.kind()) {
        let why = "This channel does not allow this transfer target.";
        return Err(Error::refused(UserErrorCode::TransferTargetRefused, transfer_targets::FIELD, why));
    }
    // The target is checked before the owner loses the task.
    match (to, person) {
        (TransferTarget::Queue(id), _) => {
            // The lock keeps the queue from being archived after the check.
            locks::lock_routing_shared(tx).await?;
            let queue = transfer_targets::find_queue(tx, &task, id).await?;
            let task = detach(tx, conversation, task, Transfer { by, to }, TaskStatus::Queued).await?;
            queueing::move_to_queue(tx, conversation, task, &queue).await
        }
        (TransferTarget::Agent(_), Some(person)) => {
            let mut agent = transfer_targets::lock_agent(tx, &task, person).await?;
            let task = detach(tx, conversation, task, Transfer { by, to }, TaskStatus::Offered).await?;
            offer_to_agent(tx, conversation, task, &mut agent).await
        }
        (TransferTarget::Agent(_), None) => Err(transfer_targets::agent_unavailable()),
    }
}

async fn offer_to_agent(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: task::Model,
    agent: &mut Locked<agent::Model>,
) -> Result<task::Model> {
    routing_decisions::record_direct_assignment(tx, &task, agent.user_id).await?;
    let purpose = OfferRequest::for_task(OfferKind::Transfer, &task);
    offers::create(tx, conversation, &task, agent, purpose).await?;
    task_rows::require(tx.db(), task.id).await
}

/// The user who transfers a task, and its target.
#[derive(Clone, Copy)]
struct Transfer {
    by: UserId,
    to: TransferTarget,
}

/// Removes the owner or the pending offer of a task, and returns the task with a new status. The caller saves it. A
/// task with an owner waits from now on. A waiting task keeps its waiting time. Emits `TaskReleased`.
async fn detach(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    transfer: Transfer,
    status: TaskStatus,
) -> Result<task::Model> {
    let queue = task.queue_id;
    let task = match task.owner_id {
        Some(owner) => {
            remove_owner(tx, conversation, &task, owner, transfer).await?;
            task::Model { owner_id: None, accepted_at: None, enqueued_at: tx.clock().now(), status, ..task }
        }
        None => {
            if task.status == TaskStatus::Queued {
                task_rows::emit_dequeued(tx, &task)?;
            }
            offers::cancel(tx, conversation, &task).await?;
            announce(tx, conversation, transfer, None).await?;
            task::Model { status, ..task }
        }
    };
    task_rows::emit_released(tx, &task, queue)?;
    Ok(task)
}

/// Removes the owner of a task from the conversation and starts their wrap-up.
async fn remove_owner(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: &task::Model,
    owner: UserId,
    transfer: Transfer,
) -> Result<()> {
    let who = participants::find(tx.db(), conversation.id, ParticipantRef::User(owner)).await?;
    let subject = who.as_ref().map(|who| AnnouncementPerson::Participant(who.id));
    announce(tx, conversation, transfer, subject).await?;
    if let Some(who) = who {
        // A customer who saw the agent join also sees that the agent left, but not the target.
        if channel_capabilities::of(task.channel).agents_shown == ItemVisibility::Both {
            announcements::announce_departure(tx, conversation, &who, Some(transfer.by)).await?;
        }
        participants::leave(tx, conversation, who).await?;
    }
    timers::clear(tx, TimerKind::Inactivity, conversation.id.0).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, owner).await? {
        wrap_ups::start(tx, conversation, held, &queue_rows::require(tx.db(), task.queue_id).await?).await?;
    }
    Ok(())
}

/// Announces a transfer. `subject` is the agent who owned the task.
async fn announce(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    transfer: Transfer,
    subject: Option<AnnouncementPerson>,
) -> Result<()> {
    let actor = announcements::person(tx, conversation, transfer.by).await?;
    let new = NewAnnouncement::new(AnnouncementKind::Transferred).by(actor).about(subject).to(transfer.to.into());
    announcements::announce(tx, conversation, new).await.map(drop)
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
