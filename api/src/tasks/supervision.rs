//! The actions of supervisors: assigning a task and setting its priority, which programs with organization keys may do
//! too, and joining a conversation. Reading a conversation leaves no record.

use entity::{
    announcement::AnnouncementPerson,
    conversation::{self, ConversationKind, ConversationStatus},
    participant::{self, ParticipantRole},
    task::{self, TaskStatus},
    thread_item::{AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};

use super::{
    task_rows,
    transfer_targets::{self, TransferTarget},
    transfers,
};
use crate::{
    agents::{agent_state, assignments},
    app::{App, Locked, Tx},
    auth::viewer::Caller,
    contact_center::name_validation,
    conversations::{
        announcements::{self, NewAnnouncement},
        conversation_rows,
        message_content::{MessageFields, MessageRules},
        participants::{self, ParticipantRef},
        thread_items::{self, NewItem},
    },
    error::{Error, Result, UserErrorCode},
    text,
};

/// The input field of a reason, for refusals.
const REASON: MessageFields =
    MessageFields { client_message_id: &["input", "reason"], body: &["input", "reason"], format: &["input", "reason"] };

/// Assigns a live task to a queue or an agent, for a supervisor or a program with an organization key. Returns it, and
/// false if the target has it already. A waiting task keeps its waiting time. An owner must submit a wrap-up. The
/// `reason` becomes a note. A program that took part leaves. Locks the caller, the target and the conversation. Refuses
/// with `NOT_FOUND`, `NOT_ALLOWED`, `CONVERSATION_ENDED`, `TRANSFER_TARGET_REFUSED`, `AGENT_NOT_AVAILABLE`,
/// `OVER_CAPACITY`, `TOO_LONG` or `INVALID`.
pub async fn assign_task(
    app: &App,
    by: &Caller,
    task: &str,
    to: TransferTarget,
    reason: Option<&str>,
) -> Result<(task::Model, bool)> {
    let reason = reason.filter(|reason| !text::is_blank(reason));
    let reason = reason.map(|reason| MessageRules::NOTE.check(reason, TextFormat::Plain, REASON)).transpose()?;
    let reason = reason.as_deref();
    app.transaction(|tx| {
        Box::pin(async move {
            if !matches!(by, Caller::Service(_)) {
                agent_state::require_supervisor(tx, by).await?;
            }
            let person = transfer_targets::lock_person(tx, to).await?;
            let (mut conversation, task) = task_rows::lock_live(tx, by, task).await?;
            if transfer_targets::has_task(tx, &task, to).await? {
                return Ok((task, false));
            }
            let who = ParticipantRef::of(by);
            let actor = record_actor(tx, &mut conversation, who, reason).await?;
            let task = transfers::transfer_locked(tx, &mut conversation, task, actor, to, person.as_ref()).await?;
            if let ParticipantRef::Key(_) = who
                && let Some(program) = participants::find(tx.db(), conversation.id, who).await?
            {
                participants::leave(tx, &conversation, program).await?;
            }
            Ok((task, true))
        })
    })
    .await
}

/// Sets the priority of a live task, for a supervisor or a program with an organization key. None puts it after all
/// others. Returns the task, and false if it has the priority already. A waiting task keeps its waiting time. Locks the
/// caller and the conversation. Emits `TaskChanged`, and `TaskQueued` for a waiting task. Refuses with `NOT_FOUND`,
/// `NOT_ALLOWED`, `CONVERSATION_ENDED` or `OUT_OF_RANGE`.
pub async fn set_priority(app: &App, by: &Caller, task: &str, priority: Option<i32>) -> Result<(task::Model, bool)> {
    let field = &["input", "priority"];
    let priority = priority.map(|wanted| name_validation::check_range(wanted, 1, 9, field)).transpose()?;
    let priority = priority.map_or(task_rows::NO_PRIORITY, |wanted| i16::try_from(wanted).unwrap_or(i16::MAX));
    app.transaction(|tx| {
        Box::pin(async move {
            if !matches!(by, Caller::Service(_)) {
                agent_state::require_supervisor(tx, by).await?;
            }
            let (conversation, mut task) = task_rows::lock_live(tx, by, task).await?;
            if task.priority == priority {
                return Ok((task, false));
            }
            task.priority = priority;
            task_rows::save(tx, &conversation, &task).await?;
            if task.status == TaskStatus::Queued {
                task_rows::emit_requeued(tx, &task)?;
            }
            task_rows::emit_changed(tx, &task, false).await?;
            Ok((task, true))
        })
    })
    .await
}

/// Writes the reason of an assignment as a note. Returns the person who assigns, as announcements name them. A user
/// without a reason needs no participant. Emits `ParticipantChanged` for an actor who was never a participant, and
/// `ItemAdded` for a reason.
async fn record_actor(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    who: ParticipantRef,
    reason: Option<&str>,
) -> Result<AnnouncementPerson> {
    if let (ParticipantRef::User(user), None) = (who, reason) {
        return Ok(AnnouncementPerson::User(user));
    }
    let actor = match participants::find(tx.db(), conversation.id, who).await? {
        Some(actor) => actor,
        None => participants::record_observer(tx, conversation, who).await?,
    };
    if let Some(reason) = reason {
        let note = NewItem {
            kind: ItemKind::Note,
            visibility: ItemVisibility::Agent,
            ..NewItem::message(actor.id, reason.to_owned())
        };
        thread_items::append(tx, conversation, note).await?;
    }
    Ok(AnnouncementPerson::Participant(actor.id))
}

/// Adds a supervisor to an open conversation with a customer, beside its agent. Returns false if they took part
/// already. Locks the caller and the conversation. Emits `ParticipantChanged` and `ItemAdded`. Refuses with
/// `NOT_FOUND`, `NOT_ALLOWED` or `CONVERSATION_ENDED`.
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
                return Ok((conversation.into_row(), false));
            }
            let joined =
                participants::join(tx, &conversation, ParticipantRef::User(user), ParticipantRole::Supervisor).await?;
            let new = NewAnnouncement::own(AnnouncementKind::SupervisorJoined, &joined);
            announcements::announce(tx, &mut conversation, new).await?;
            Ok((conversation.into_row(), true))
        })
    })
    .await
}

/// Removes a supervisor from a conversation that they joined. Returns false if they did not take part. Locks the caller
/// and the conversation. Emits `ItemAdded` and `ParticipantChanged`. Refuses with `NOT_FOUND`, or with `NOT_ALLOWED`
/// when the caller is assigned the task.
pub async fn leave(app: &App, by: &Caller, id: &str) -> Result<(conversation::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_supervisor(tx, by).await?;
            let mut conversation = lock_conversation(tx, by, id).await?;
            if let Some(task) = conversation.task_id
                && assignments::find(tx.db(), task, user).await?.is_some()
            {
                let why = "You are assigned the task. Transfer it, leave the conference or end it.";
                return Err(Error::refused(UserErrorCode::NotAllowed, conversation_rows::FIELD, why));
            }
            let before = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
            let Some(joined) = before.filter(|before| before.left_at.is_none()) else {
                return Ok((conversation.into_row(), false));
            };
            let by = AnnouncementPerson::User(user);
            remove_participant(tx, &mut conversation, joined, Some(by)).await?;
            Ok((conversation.into_row(), true))
        })
    })
    .await
}

/// Removes a participant from a conversation and announces it. `by` is the person who removed them, or `None` for
/// the system. Emits `ItemAdded` and `ParticipantChanged`.
pub async fn remove_participant(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    joined: participant::Model,
    by: Option<AnnouncementPerson>,
) -> Result<()> {
    announcements::announce_departure(tx, conversation, &joined, by).await?;
    participants::leave(tx, conversation, joined).await
}

async fn lock_conversation(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<Locked<conversation::Model>> {
    let seen = conversation_rows::find_by_id(tx.db(), by, id, conversation_rows::FIELD).await?;
    if seen.kind != ConversationKind::Customer {
        return Err(Error::not_found(conversation_rows::FIELD));
    }
    conversation_rows::lock(tx, seen.id).await
}
