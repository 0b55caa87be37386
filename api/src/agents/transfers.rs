//! Handing a task over to a queue or to an agent. Whoever hands it over owes a wrap-up at once and has it no more; the
//! customer waits again, and who takes the task sees all that was said before.

use entity::{
    conversation,
    deadline::DeadlineKind,
    id::UserId,
    offer::OfferKind,
    queue::{self, UnacceptedTransfer},
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
        threads,
    },
    error::{Error, Result, UserErrorCode},
};

/// Hands a task of the caller's over.
pub async fn transfer(app: &App, by: &Caller, task: &str, to: Target) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = states::agent(tx, by).await?;
            let person = targets::admit(tx, to).await?;
            let (mut conversation, task) = tasks::hold_owned(tx, by, task).await?;
            if task.status != TaskStatus::Connected {
                let why = "A task in a conference is not handed over.";
                return Err(Error::refused(UserErrorCode::NotAllowed, tasks::FIELD, why));
            }
            if !channels::of(task.channel).transfer_targets.contains(&to.kind()) {
                let why = "On this channel tasks are not handed over like that.";
                return Err(Error::refused(UserErrorCode::TransferTargetRefused, targets::FIELD, why));
            }
            match (to, person) {
                (Target::Queue(id), _) => {
                    // Before the queue is looked at: from here on it is not archived.
                    routing::enter(tx).await?;
                    let queue = targets::queue(tx, &task, id).await?;
                    let task = let_go(tx, &mut conversation, task, user, &queue.name).await?;
                    to_queue(tx, &mut conversation, task, &queue).await
                }
                (Target::Agent(_), Some(person)) => to_agent(tx, &mut conversation, task, user, &person).await,
                (Target::Agent(_), None) => Err(targets::unavailable()),
            }
        })
    })
    .await
}

/// Lets a task wait in a queue, behind those who wait there already. Whoever calls has entered.
pub async fn to_queue(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    queue: &queue::Model,
) -> Result<task::Model> {
    let task =
        task::Model { queue_id: queue.id, status: TaskStatus::Queued, enqueued_at: tx.clock().now(), step: 0, ..task };
    tasks::save(tx, &task).await?;
    conversation.queue_id = Some(queue.id);
    threads::save(tx, conversation).await?;
    tasks::wait(tx, &task, queue).await?;
    tasks::tell(tx, &task, true).await?;
    routing::note(tx, &task).await?;
    Ok(task)
}

async fn to_agent(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    user: UserId,
    person: &user::Model,
) -> Result<task::Model> {
    let mut agent = targets::hold(tx, user, &task, person).await?;
    let task = let_go(tx, conversation, task, user, &person.display_name).await?;
    routing::remember_named(tx, &task, agent.user_id).await?;
    let purpose = Purpose::of(OfferKind::Transfer, &task);
    offers::make(tx, conversation, &task, &mut agent, purpose).await?;
    tasks::known(tx.db(), task.id).await
}

/// Takes a task from who owns it, who owes a wrap-up of it from now on.
async fn let_go(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    user: UserId,
    to: &str,
) -> Result<task::Model> {
    let owner = participants::of(tx.db(), conversation.id, Who::User(user)).await?;
    announcements::announce(tx, conversation, AnnouncementKind::Transferred, owner.as_ref(), to).await?;
    // Customers who were told that the agent has joined are told that they have left, and nothing of where to.
    if channels::of(task.channel).agents_shown == ItemVisibility::Both {
        let name = offers::name(tx, user).await?;
        announcements::announce(tx, conversation, AnnouncementKind::AgentLeft, owner.as_ref(), &name).await?;
    }
    if let Some(owner) = owner {
        participants::leave(tx, conversation, owner).await?;
    }
    deadlines::clear(tx, DeadlineKind::Inactivity, conversation.id.0).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, user).await? {
        wrap_ups::owe(tx, held, &queues::known(tx.db(), task.queue_id).await?).await?;
    }
    Ok(task::Model { owner_id: None, accepted_at: None, ..task })
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
