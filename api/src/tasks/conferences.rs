//! Conferences: the agent who owns a task asks one other to join. The owner alone ends the talk for all; who has joined may
//! leave, and the talk goes on. Whoever has talked owes a wrap-up. Of an invitation that nobody takes the customer notices
//! nothing.

use std::collections::BTreeSet;

use entity::{
    agent,
    assignment::{self, AssignmentPhase},
    conversation,
    id::UserId,
    offer::{self, OfferKind},
    participant::ParticipantRole,
    task::{self, TaskStatus},
    thread_item::AnnouncementKind,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect as _};
use uuid::Uuid;

use super::{
    candidates, closing,
    offers::{self, OfferRequest},
    task_rows,
    transfer_targets::{self, TransferTarget},
    wrap_ups,
};
use crate::{
    agents::{agent_state, assignments},
    app::{App, Tx},
    auth::viewer::Caller,
    conversations::{
        announcements, channel_capabilities,
        participants::{self, ParticipantRef},
    },
    error::{Error, Result, UserErrorCode},
    queues::queue_rows,
    users::people,
};

/// Asks an agent, or whoever of a queue is free, to join in a task of the caller's.
pub async fn request(app: &App, by: &Caller, task: &str, to: TransferTarget) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let person = transfer_targets::lock_person(tx, to).await?;
            let (mut conversation, task) = task_rows::lock_owned(tx, by, task).await?;
            if task.status != TaskStatus::Connected {
                return Err(not_allowed("One other agent is asked at a time."));
            }
            if !channel_capabilities::of(task.channel).conference_targets.contains(&to.kind()) {
                let why = "On this channel nobody is asked to join like that.";
                return Err(Error::refused(UserErrorCode::ConferenceNotSupported, transfer_targets::FIELD, why));
            }
            let task = task::Model { status: TaskStatus::ConferenceRequested, ..task };
            let (mut agent, purpose, name) = match (to, person) {
                (TransferTarget::Agent(_), Some(person)) => {
                    let agent = transfer_targets::lock_agent(tx, &task, &person).await?;
                    (agent, OfferRequest::for_task(OfferKind::Conference, &task), person.display_name)
                }
                (TransferTarget::Queue(id), _) => {
                    let queue = transfer_targets::find_queue(tx, &task, id).await?;
                    let invitation = Some(tx.clock().uuid());
                    let purpose = OfferRequest { kind: OfferKind::Conference, queue: queue.id, invitation };
                    let agent =
                        next_candidate(tx, &task, purpose).await?.ok_or_else(transfer_targets::agent_unavailable)?;
                    (agent, purpose, queue.name)
                }
                (TransferTarget::Agent(_), None) => return Err(transfer_targets::agent_unavailable()),
            };
            task_rows::save(tx, &task).await?;
            let owner = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
            let kind = AnnouncementKind::ConferenceRequested;
            announcements::announce(tx, &mut conversation, kind, owner.as_ref(), &name).await?;
            offers::create(tx, &conversation, &task, &mut agent, purpose).await?;
            Ok(task)
        })
    })
    .await
}

/// The agent of a queue who is asked next within an invitation, held: of those who are free and were not asked before, who
/// has waited longest.
async fn next_candidate(tx: &Tx<'_>, task: &task::Model, purpose: OfferRequest) -> Result<Option<agent::Model>> {
    let asked: Vec<UserId> = offer::Entity::find()
        .filter(offer::Column::TaskId.eq(task.id))
        .filter(offer::Column::Invitation.eq(purpose.invitation.unwrap_or_else(Uuid::nil)))
        .select_only()
        .column(offer::Column::AgentId)
        .into_tuple()
        .all(tx.db())
        .await?;
    let free = candidates::eligible_agents(tx.db(), task, purpose.queue).await?;
    for id in free.into_iter().filter(|id| !asked.contains(id)) {
        let agent = agent_state::lock_existing(tx, id).await?;
        // Another task may have come first while the agent was not held.
        if agent.offerable_channels & task.channel.bit() != 0 {
            return Ok(Some(agent));
        }
    }
    Ok(None)
}

/// Lets an agent who has accepted join.
pub async fn join(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    user: UserId,
) -> Result<task::Model> {
    let task = task::Model { status: TaskStatus::Conference, conference_agent_id: Some(user), ..task };
    task_rows::save(tx, &task).await?;
    let joined = participants::join(tx, conversation, ParticipantRef::User(user), ParticipantRole::Joined).await?;
    let name = people::display_name(tx.db(), user).await?;
    announcements::announce(tx, conversation, AnnouncementKind::AgentJoined, Some(&joined), &name).await?;
    task_rows::emit_changed(tx, &task, false).await?;
    Ok(task)
}

/// What becomes of an invitation that an agent has not taken: of a queue the next is asked, else the talk goes on as before.
pub async fn on_not_accepted(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    offer: &offer::Model,
) -> Result<()> {
    if offer.invitation.is_some() {
        let purpose = OfferRequest { kind: OfferKind::Conference, queue: offer.queue_id, invitation: offer.invitation };
        if let Some(mut agent) = next_candidate(tx, &task, purpose).await? {
            offers::create(tx, conversation, &task, &mut agent, purpose).await?;
            return Ok(());
        }
    }
    end_invitation(tx, conversation, task, offer).await.map(drop)
}

async fn end_invitation(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    offer: &offer::Model,
) -> Result<task::Model> {
    let task = task::Model { status: TaskStatus::Connected, ..task };
    task_rows::save(tx, &task).await?;
    let name = match offer.invitation {
        Some(_) => queue_rows::require(tx.db(), offer.queue_id).await?.name,
        None => people::display_name(tx.db(), offer.agent_id).await?,
    };
    announcements::announce(tx, conversation, AnnouncementKind::ConferenceNotAccepted, None, &name).await?;
    task_rows::emit_changed(tx, &task, false).await?;
    Ok(task)
}

/// Takes an invitation of the caller's back.
pub async fn cancel(app: &App, by: &Caller, task: &str) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_owned(tx, by, task).await?;
            let asked = match task.status {
                TaskStatus::ConferenceRequested => offers::find_pending(tx.db(), &task).await?,
                _ => None,
            };
            let asked = asked.ok_or_else(|| not_allowed("Nobody is asked to join."))?;
            offers::cancel(tx, &task).await?;
            end_invitation(tx, &mut conversation, task, &asked).await
        })
    })
    .await
}

/// Lets the caller leave a conference that they have joined.
pub async fn exit(app: &App, by: &Caller, task: &str) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_visible(tx, by, task).await?;
            if task.conference_agent_id != Some(user) || task.status != TaskStatus::Conference {
                return Err(not_allowed("Only who has joined a conference leaves it."));
            }
            remove_member(tx, &mut conversation, task, user).await
        })
    })
    .await
}

/// Takes the agent who has joined out of a conference of the caller's.
pub async fn remove(app: &App, by: &Caller, task: &str) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_owned(tx, by, task).await?;
            match task.conference_agent_id {
                Some(joined) if task.status == TaskStatus::Conference => {
                    remove_member(tx, &mut conversation, task, joined).await
                }
                _ => Err(not_allowed("Nobody has joined.")),
            }
        })
    })
    .await
}

/// Ends a conference of the caller's, for the customer and for both agents. `agreed`: the customer has said yes.
pub async fn end(app: &App, by: &Caller, task: &str, agreed: bool) -> Result<task::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_visible(tx, by, task).await?;
            if task.status != TaskStatus::Conference {
                return Err(not_allowed("There is no conference to end."));
            }
            if task.owner_id != Some(user) {
                return Err(not_allowed("Only the agent who owns the task ends the conference."));
            }
            closing::end_by_owner(tx, &mut conversation, task, user, agreed).await
        })
    })
    .await
}

/// Lets somebody who has joined a conversation that is held leave it; they owe a wrap-up and the talk goes on.
async fn remove_member(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    user: UserId,
) -> Result<task::Model> {
    if let Some(held) = assignments::find(tx.db(), task.id, user).await? {
        wrap_ups::start(tx, held, &queue_rows::require(tx.db(), task.queue_id).await?).await?;
    }
    remove_without_wrap_up(tx, conversation, task, user).await
}

/// The same without a wrap-up, for who has left already.
pub async fn remove_without_wrap_up(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    task: task::Model,
    user: UserId,
) -> Result<task::Model> {
    let task = task::Model { status: TaskStatus::Connected, conference_agent_id: None, ..task };
    task_rows::save(tx, &task).await?;
    let joined = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
    let name = people::display_name(tx.db(), user).await?;
    announcements::announce(tx, conversation, AnnouncementKind::AgentLeft, joined.as_ref(), &name).await?;
    if let Some(joined) = joined {
        participants::leave(tx, conversation, joined).await?;
    }
    let holders = assignments::for_task(tx.db(), task.id).await?;
    let desks: BTreeSet<UserId> = holders.iter().map(|holder| holder.agent_id).chain([user]).collect();
    task_rows::emit_changed_to(tx, &task, false, desks)?;
    Ok(task)
}

/// Makes who has joined the owner of a task whose owner is gone.
pub async fn promote_to_owner(tx: &Tx<'_>, conversation: &conversation::Model, task: task::Model) -> Result<()> {
    let Some(heir) = task.conference_agent_id else { return Ok(()) };
    if let Some(held) = assignments::find(tx.db(), task.id, heir).await? {
        assignments::set_phase(tx, assignment::Model { joined: false, ..held }, AssignmentPhase::Active).await?;
    }
    let task = task::Model { owner_id: Some(heir), conference_agent_id: None, status: TaskStatus::Connected, ..task };
    task_rows::save(tx, &task).await?;
    participants::join(tx, conversation, ParticipantRef::User(heir), ParticipantRole::Owner).await?;
    task_rows::emit_changed(tx, &task, false).await
}

fn not_allowed(why: &'static str) -> Error {
    Error::refused(UserErrorCode::NotAllowed, task_rows::FIELD, why)
}
