//! What supervisors do with the work of others: moving a task, and joining a conversation for all to see. Reading one leaves
//! no trace.

use entity::{
    conversation::{self, ConversationKind, ConversationStatus},
    id::UserId,
    participant::{self, ParticipantRole},
    task,
    thread_item::AnnouncementKind,
};

use super::{assignments, offers, states, targets, targets::Target, tasks, transfers};
use crate::{
    app::{App, Tx},
    auth::viewer::Caller,
    conversations::{
        announcements,
        participants::{self, Who},
        threads,
    },
    error::{Error, Result, UserErrorCode},
};

/// Moves a task that is not over to a queue or an agent. One that waits keeps since when it does; who talks owes a wrap-up.
pub async fn move_task(app: &App, by: &Caller, task: &str, to: Target) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            states::supervisor(tx, by).await?;
            let person = targets::admit(tx, to).await?;
            let (mut conversation, task) = tasks::hold_live(tx, by, task).await?;
            transfers::hand_over(tx, &mut conversation, task, to, person.as_ref()).await
        })
    })
    .await
}

/// Lets a supervisor take part in a conversation with a customer, who is told as of any agent; whether that is new.
pub async fn join(app: &App, by: &Caller, id: &str) -> Result<(conversation::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = states::supervisor(tx, by).await?;
            let mut conversation = hold(tx, by, id).await?;
            if conversation.status != ConversationStatus::Open {
                return Err(threads::ended(threads::FIELD));
            }
            let before = participants::of(tx.db(), conversation.id, Who::User(user)).await?;
            if before.is_some_and(|before| before.left_at.is_none()) {
                return Ok((conversation, false));
            }
            let joined = participants::join(tx, &conversation, Who::User(user), ParticipantRole::Joined).await?;
            let name = offers::name(tx, user).await?;
            let kind = AnnouncementKind::AgentJoined;
            announcements::announce(tx, &mut conversation, kind, Some(&joined), &name).await?;
            Ok((conversation, true))
        })
    })
    .await
}

/// Lets a supervisor who has joined a conversation leave it; whether they took part. Who has a task of it leaves by that.
pub async fn leave(app: &App, by: &Caller, id: &str) -> Result<(conversation::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = states::supervisor(tx, by).await?;
            let mut conversation = hold(tx, by, id).await?;
            if let Some(task) = conversation.task_id
                && assignments::find(tx.db(), task, user).await?.is_some()
            {
                let why = "Who has the task hands it over, leaves the conference or ends it.";
                return Err(Error::refused(UserErrorCode::NotAllowed, threads::FIELD, why));
            }
            let before = participants::of(tx.db(), conversation.id, Who::User(user)).await?;
            let Some(joined) = before.filter(|before| before.left_at.is_none()) else {
                return Ok((conversation, false));
            };
            part(tx, &mut conversation, joined, user).await?;
            Ok((conversation, true))
        })
    })
    .await
}

/// Lets somebody leave a conversation that is held, for all to see.
pub async fn part(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    joined: participant::Model,
    user: UserId,
) -> Result<()> {
    let name = offers::name(tx, user).await?;
    announcements::announce(tx, conversation, AnnouncementKind::AgentLeft, Some(&joined), &name).await?;
    participants::leave(tx, conversation, joined).await
}

async fn hold(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<conversation::Model> {
    let seen = threads::named(tx.db(), by, id, threads::FIELD).await?;
    if seen.kind != ConversationKind::Customer {
        return Err(Error::not_found(threads::FIELD));
    }
    threads::hold(tx, seen.id).await
}
