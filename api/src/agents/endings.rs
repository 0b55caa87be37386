//! How the talk of a task ends: by the agent, by the customer, or because nobody wrote. The conversation is closed first; then
//! each agent who talked owes a wrap-up.

use chrono::Duration;
use entity::{
    assignment::AssignmentPhase,
    conversation::{self, ConversationStatus},
    deadline::DeadlineKind,
    id::{ConversationId, UserId},
    participant,
    task::{self, EndedBy, TaskStatus},
    thread_item::AnnouncementKind,
};

use super::{assignments, deadlines, offers, queues, tasks, wrap_ups};
use crate::{
    app::{App, Tx},
    auth::viewer::{Caller, Viewer},
    conversations::{
        announcements, channels,
        participants::{self, Who},
        threads,
    },
    error::{Error, Result, UserErrorCode},
};

/// Ends a conversation as the caller may: the agent who owns its task, or its customer. `agreed`: the customer has said yes.
pub async fn end(app: &App, by: &Caller, id: &str, agreed: bool) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let seen = threads::named(tx.db(), by, id, threads::FIELD).await?;
            let mut conversation = threads::hold(tx, seen.id).await?;
            let task = tasks::live(tx, &conversation).await?;
            let (Some(task), ConversationStatus::Open) = (task, conversation.status) else {
                return Err(threads::ended(threads::FIELD));
            };
            match by {
                Caller::Visitor(visitor) => {
                    let who = participants::of(tx.db(), conversation.id, Who::Customer(visitor.customer)).await?;
                    let left = Left { kind: AnnouncementKind::CustomerLeft, who, by: EndedBy::Customer };
                    close(tx, &mut conversation, task, left, false).await
                }
                Caller::Person(viewer) => by_agent(tx, &mut conversation, task, viewer, agreed).await,
                Caller::Service(_) => Err(Error::PersonsOnly),
            }
        })
    })
    .await
}

async fn by_agent(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    by: &Viewer,
    agreed: bool,
) -> Result<task::Model> {
    if task.owner_id != Some(by.user) {
        let why = "Only the agent who owns the task ends it.";
        return Err(Error::refused(UserErrorCode::NotAParticipant, threads::FIELD, why));
    }
    if task.status == TaskStatus::Conference {
        let why = "A conference is ended by endConference.";
        return Err(Error::refused(UserErrorCode::NotAllowed, threads::FIELD, why));
    }
    by_owner(tx, conversation, task, by.user, agreed).await
}

/// Ends the talk of a task for all who take part, as the agent who owns it may.
pub async fn by_owner(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    owner: UserId,
    agreed: bool,
) -> Result<task::Model> {
    if channels::of(task.channel).end_needs_consent && !agreed {
        let why = "On this channel the customer has to agree first.";
        return Err(Error::refused(UserErrorCode::CustomerConsentRequired, &["input", "customerAgreed"], why));
    }
    let who = participants::of(tx.db(), conversation.id, Who::User(owner)).await?;
    let left = Left { kind: AnnouncementKind::AgentLeft, who, by: EndedBy::Agent };
    close(tx, conversation, task, left, agreed).await
}

/// Ends a conversation that was handed to an agent who has not taken it.
pub async fn drop_task(tx: &Tx<'_>, conversation: &mut conversation::Model, task: task::Model) -> Result<()> {
    let left = Left { kind: AnnouncementKind::TransferDropped, who: None, by: EndedBy::System };
    close(tx, conversation, task, left, false).await.map(drop)
}

/// Ends a conversation in which nobody has written for too long.
pub async fn end_inactive(tx: &Tx<'_>, id: ConversationId) -> Result<()> {
    let mut conversation = threads::hold(tx, id).await?;
    deadlines::clear(tx, DeadlineKind::Inactivity, id.0).await?;
    let Some(task) = tasks::live(tx, &conversation).await?.filter(|task| task.owner_id.is_some()) else {
        return Ok(());
    };
    let Some(seconds) = queues::known(tx.db(), task.queue_id).await?.inactivity_seconds else { return Ok(()) };
    let until = conversation.last_item_at + Duration::seconds(i64::from(seconds));
    if until > tx.clock().now() {
        return deadlines::set(tx, DeadlineKind::Inactivity, id.0, until).await;
    }
    let left = Left { kind: AnnouncementKind::Inactive, who: None, by: EndedBy::System };
    close(tx, &mut conversation, task, left, false).await.map(drop)
}

/// Makes the end for want of words due, where the queue knows it. What is written later moves it when it comes due.
pub async fn watch(tx: &Tx<'_>, conversation: &conversation::Model, task: &task::Model) -> Result<()> {
    let queue = queues::known(tx.db(), task.queue_id).await?;
    let Some(seconds) = queue.inactivity_seconds else { return Ok(()) };
    let until = tx.clock().now() + Duration::seconds(i64::from(seconds));
    deadlines::set(tx, DeadlineKind::Inactivity, conversation.id.0, until).await
}

struct Left {
    kind: AnnouncementKind,
    who: Option<participant::Model>,
    by: EndedBy,
}

async fn close(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    mut task: task::Model,
    left: Left,
    agreed: bool,
) -> Result<task::Model> {
    let name = match &left.who {
        Some(participant::Model { user_id: Some(user), .. }) => offers::name(tx, *user).await?,
        _ => customer_name(tx, conversation).await?,
    };
    announcements::announce(tx, conversation, left.kind, left.who.as_ref(), &name).await?;
    let ended = match (left.kind, task.status) {
        (AnnouncementKind::TransferDropped, _) => TaskStatus::Dropped,
        (_, TaskStatus::Queued | TaskStatus::Offered) => TaskStatus::Abandoned,
        _ => TaskStatus::WrapUp,
    };
    if task.status == TaskStatus::Queued {
        tasks::unqueued(tx, &task)?;
    }
    offers::withdraw(tx, &task).await?;
    task.ended_at = Some(tx.clock().now());
    task.ended_by = Some(left.by);
    task.customer_agreed = agreed;
    task.status = ended;
    tasks::save(tx, &task).await?;
    tasks::left(tx, &task, task.queue_id)?;
    threads::close(tx, conversation).await?;
    participants::dismiss(tx, conversation).await?;
    for kind in [DeadlineKind::Step, DeadlineKind::Inactivity] {
        let target = if kind == DeadlineKind::Step { task.id.0 } else { conversation.id.0 };
        deadlines::clear(tx, kind, target).await?;
    }
    let queue = queues::known(tx.db(), task.queue_id).await?;
    let holders = assignments::of_task(tx.db(), task.id).await?;
    for holder in holders.into_iter().filter(|holder| holder.phase == AssignmentPhase::Active) {
        wrap_ups::owe(tx, holder, &queue).await?;
    }
    tasks::tell(tx, &task, true).await?;
    Ok(task)
}

async fn customer_name(tx: &Tx<'_>, conversation: &conversation::Model) -> Result<String> {
    use sea_orm::EntityTrait as _;
    let Some(id) = conversation.customer_id else { return Ok(String::new()) };
    let customer = entity::customer::Entity::find_by_id(id).one(tx.db()).await?;
    Ok(customer.map(|customer| customer.display_name).unwrap_or_default())
}

/// Whether a user owns the live task of a conversation.
pub async fn owns(tx: &Tx<'_>, conversation: &conversation::Model, user: UserId) -> Result<bool> {
    Ok(tasks::live(tx, conversation).await?.is_some_and(|task| task.owner_id == Some(user)))
}
