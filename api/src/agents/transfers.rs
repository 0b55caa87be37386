//! Handing a task over to a queue or to an agent. Whoever had it owes a wrap-up at once and has it no more; the customer waits
//! again, and who takes the task sees all that was said before.

use entity::{
    agent, conversation,
    deadline::DeadlineKind,
    id::UserId,
    offer::OfferKind,
    queue::UnacceptedTransfer,
    task::{self, TaskStatus},
    thread_item::{AnnouncementKind, ItemVisibility},
    user,
};

use super::{
    assignments, deadlines, endings,
    offers::{self, Purpose},
    queues, routing, states,
    targets::{self, Target},
    tasks, wrap_ups,
};
use crate::{
    app::{App, Tx},
    auth::viewer::Caller,
    conversations::{
        announcements, channels,
        participants::{self, Who},
    },
    error::{Error, Result, UserErrorCode},
};

/// Hands a task of the caller's over.
pub async fn transfer(app: &App, by: &Caller, task: &str, to: Target) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            states::agent(tx, by).await?;
            let person = targets::admit(tx, to).await?;
            let (mut conversation, task) = tasks::hold_owned(tx, by, task).await?;
            hand_over(tx, &mut conversation, task, to, person.as_ref()).await
        })
    })
    .await
}

/// Hands a live task over, whoever has it; its conversation and the person who is the target are held.
pub async fn hand_over(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    to: Target,
    person: Option<&user::Model>,
) -> Result<task::Model> {
    if matches!(task.status, TaskStatus::Conference | TaskStatus::ConferenceRequested) {
        let why = "A task in a conference is not handed over.";
        return Err(Error::refused(UserErrorCode::NotAllowed, tasks::FIELD, why));
    }
    if !channels::of(task.channel).transfer_targets.contains(&to.kind()) {
        let why = "On this channel tasks are not handed over like that.";
        return Err(Error::refused(UserErrorCode::TransferTargetRefused, targets::FIELD, why));
    }
    // The target is looked at before anything is given up.
    match (to, person) {
        (Target::Queue(id), _) => {
            // Before the queue is looked at: from here on it is not archived.
            routing::enter(tx).await?;
            let queue = targets::queue(tx, &task, id).await?;
            let task = let_go(tx, conversation, task, &queue.name, TaskStatus::Queued).await?;
            tasks::put_in(tx, conversation, task, &queue).await
        }
        (Target::Agent(_), Some(person)) => {
            let mut agent = targets::hold(tx, &task, person).await?;
            let task = let_go(tx, conversation, task, &person.display_name, TaskStatus::Offered).await?;
            to_agent(tx, conversation, task, &mut agent).await
        }
        (Target::Agent(_), None) => Err(targets::unavailable()),
    }
}

async fn to_agent(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    task: task::Model,
    agent: &mut agent::Model,
) -> Result<task::Model> {
    routing::remember_named(tx, &task, agent.user_id).await?;
    let purpose = Purpose::of(OfferKind::Transfer, &task);
    offers::make(tx, conversation, &task, agent, purpose).await?;
    tasks::known(tx.db(), task.id).await
}

/// Takes a task from whoever has it, to stand otherwise. It is not saved. One that was talked about waits from now on, one that
/// still waited since when it did.
async fn let_go(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    to: &str,
    status: TaskStatus,
) -> Result<task::Model> {
    let queue = task.queue_id;
    let task = match task.owner_id {
        Some(owner) => {
            dismiss(tx, conversation, &task, owner, to).await?;
            task::Model { owner_id: None, accepted_at: None, enqueued_at: tx.clock().now(), status, ..task }
        }
        None => {
            if task.status == TaskStatus::Queued {
                tasks::unqueued(tx, &task)?;
            }
            offers::withdraw(tx, &task).await?;
            announcements::announce(tx, conversation, AnnouncementKind::Transferred, None, to).await?;
            task::Model { status, ..task }
        }
    };
    tasks::left(tx, &task, queue)?;
    Ok(task)
}

/// Lets the owner of a task leave it, who owes a wrap-up of it from now on.
async fn dismiss(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: &task::Model,
    owner: UserId,
    to: &str,
) -> Result<()> {
    let who = participants::of(tx.db(), conversation.id, Who::User(owner)).await?;
    announcements::announce(tx, conversation, AnnouncementKind::Transferred, who.as_ref(), to).await?;
    // Customers who were told that the agent has joined are told that they have left, and nothing of where to.
    if channels::of(task.channel).agents_shown == ItemVisibility::Both {
        let name = offers::name(tx, owner).await?;
        announcements::announce(tx, conversation, AnnouncementKind::AgentLeft, who.as_ref(), &name).await?;
    }
    if let Some(who) = who {
        participants::leave(tx, conversation, who).await?;
    }
    deadlines::clear(tx, DeadlineKind::Inactivity, conversation.id.0).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, owner).await? {
        wrap_ups::owe(tx, held, &queues::known(tx.db(), task.queue_id).await?).await?;
    }
    Ok(())
}

/// What becomes of a task that the agent it was handed to has not taken: its queue says whether it ends or waits again.
pub async fn not_taken(tx: &Tx<'_>, conversation: &mut conversation::Model, task: task::Model) -> Result<()> {
    let queue = queues::known(tx.db(), task.queue_id).await?;
    match queue.on_unaccepted_transfer {
        UnacceptedTransfer::Drop => endings::drop_task(tx, conversation, task).await,
        UnacceptedTransfer::Requeue => {
            let before = task.queue_id;
            let task = tasks::wait_again(tx, conversation, task).await?;
            tasks::tell(tx, &task, task.queue_id != before).await
        }
    }
}
