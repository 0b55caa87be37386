//! What supervisors do with the work of others: moving a task, and joining a conversation for all to see. Reading one leaves
//! no trace.

use entity::{
    conversation::{self, ConversationKind, ConversationStatus},
    id::UserId,
    participant::{self, ParticipantRole},
    task,
    thread_item::AnnouncementKind,
};

use super::{
    task_rows,
    transfer_targets::{self, TransferTarget},
    transfers,
};
use crate::{
    agents::{agent_state, assignments},
    app::{App, Tx},
    auth::viewer::Caller,
    conversations::{
        announcements, conversation_rows,
        participants::{self, ParticipantRef},
    },
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// Moves a task that is not over to a queue or an agent. One that waits keeps since when it does; who talks owes a wrap-up.
pub async fn move_task(app: &App, by: &Caller, task: &str, to: TransferTarget) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            agent_state::require_supervisor(tx, by).await?;
            let person = transfer_targets::lock_person(tx, to).await?;
            let (mut conversation, task) = task_rows::lock_live(tx, by, task).await?;
            transfers::transfer_locked(tx, &mut conversation, task, to, person.as_ref()).await
        })
    })
    .await
}

/// Lets a supervisor take part in a conversation with a customer, who is told as of any agent; whether that is new.
pub async fn join(app: &App, by: &Caller, id: &str) -> Result<(conversation::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_supervisor(tx, by).await?;
            let mut conversation = lock_conversation(tx, by, id).await?;
            if conversation.status != ConversationStatus::Open {
                return Err(conversation_rows::conversation_ended(conversation_rows::FIELD));
            }
            let before = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
            if before.is_some_and(|before| before.left_at.is_none()) {
                return Ok((conversation, false));
            }
            let joined =
                participants::join(tx, &conversation, ParticipantRef::User(user), ParticipantRole::Joined).await?;
            let name = people::display_name(tx.db(), user).await?;
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
            let user = agent_state::require_supervisor(tx, by).await?;
            let mut conversation = lock_conversation(tx, by, id).await?;
            if let Some(task) = conversation.task_id
                && assignments::find(tx.db(), task, user).await?.is_some()
            {
                let why = "Who has the task hands it over, leaves the conference or ends it.";
                return Err(Error::refused(UserErrorCode::NotAllowed, conversation_rows::FIELD, why));
            }
            let before = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
            let Some(joined) = before.filter(|before| before.left_at.is_none()) else {
                return Ok((conversation, false));
            };
            remove_participant(tx, &mut conversation, joined, user).await?;
            Ok((conversation, true))
        })
    })
    .await
}

/// Lets somebody leave a conversation that is held, for all to see.
pub async fn remove_participant(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    joined: participant::Model,
    user: UserId,
) -> Result<()> {
    let name = people::display_name(tx.db(), user).await?;
    announcements::announce(tx, conversation, AnnouncementKind::AgentLeft, Some(&joined), &name).await?;
    participants::leave(tx, conversation, joined).await
}

async fn lock_conversation(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<conversation::Model> {
    let seen = conversation_rows::find_by_id(tx.db(), by, id, conversation_rows::FIELD).await?;
    if seen.kind != ConversationKind::Customer {
        return Err(Error::not_found(conversation_rows::FIELD));
    }
    conversation_rows::lock(tx, seen.id).await
}
