//! Conferences: the owner of a task asks one other agent to join. The joined agent may leave, and the conversation
//! continues. Only the owner can end it for all. Each agent who took part must submit a wrap-up. The customer sees
//! nothing of an invitation that nobody accepts.

use entity::{
    agent,
    announcement::{AnnouncementPerson, AnnouncementTarget},
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
    candidates, closing, earlier_calls,
    offers::{self, OfferRequest},
    task_rows,
    transfer_targets::{self, TransferTarget},
    wrap_ups,
};
use crate::{
    agents::{agent_state, assignments},
    app::{App, Locked, Tx},
    auth::viewer::Caller,
    conversations::{
        announcements::{self, NewAnnouncement},
        channel_capabilities,
        participants::{self, ParticipantRef},
    },
    error::{Error, Result, UserErrorCode},
    queues::queue_rows,
};

/// The announcements of the steps of a conference.
const STEPS: [AnnouncementKind; 5] = [
    AnnouncementKind::ConferenceRequested,
    AnnouncementKind::ConferenceNotAccepted,
    AnnouncementKind::ConferenceCancelled,
    AnnouncementKind::AgentJoined,
    AnnouncementKind::AgentLeft,
];

/// Asks an agent, or the free agents of a queue in turn, to join the caller's task. Returns the task, and false if the
/// same invitation is pending. Locks the caller, the target and the conversation. Emits `ItemAdded`, `OfferCreated`,
/// `AgentChanged` and `TaskChanged`. Refuses with `NOT_ALLOWED`, `NOT_FOUND`, `NOT_A_PARTICIPANT`,
/// `CONVERSATION_ENDED`, `CONFERENCE_NOT_SUPPORTED`, `TRANSFER_TARGET_REFUSED`, `AGENT_NOT_AVAILABLE` or
/// `OVER_CAPACITY`.
pub async fn request(app: &App, by: &Caller, task: &str, to: TransferTarget) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let person = transfer_targets::lock_person(tx, to).await?;
            let (mut conversation, task) = task_rows::lock_owned(tx, by, task).await?;
            if task.status == TaskStatus::ConferenceRequested {
                let kind = AnnouncementKind::ConferenceRequested;
                let newest = earlier_calls::newest(tx, &conversation, &task, &[kind], user).await?;
                if newest.is_own_for(kind, to.into()) {
                    return Ok((task, false));
                }
            }
            if task.status != TaskStatus::Connected {
                return Err(not_allowed("The task has a conference or a pending invitation."));
            }
            if !channel_capabilities::of(task.channel).conference_targets.contains(&to.kind()) {
                let why = "This channel does not allow this conference target.";
                return Err(Error::refused(UserErrorCode::ConferenceNotSupported, transfer_targets::FIELD, why));
            }
            let task = task::Model { status: TaskStatus::ConferenceRequested, ..task };
            let (mut agent, purpose) = match (to, person) {
                (TransferTarget::Agent(_), Some(person)) => {
                    let agent = transfer_targets::lock_agent(tx, &task, &person).await?;
                    (agent, OfferRequest::for_task(OfferKind::Conference, &task))
                }
                (TransferTarget::Queue(id), _) => {
                    let queue = transfer_targets::find_queue(tx, &task, id).await?;
                    let invitation = Some(tx.clock().uuid());
                    let purpose = OfferRequest { kind: OfferKind::Conference, queue: queue.id, invitation };
                    let agent =
                        next_candidate(tx, &task, purpose).await?.ok_or_else(transfer_targets::agent_unavailable)?;
                    (agent, purpose)
                }
                (TransferTarget::Agent(_), None) => return Err(transfer_targets::agent_unavailable()),
            };
            task_rows::save(tx, &conversation, &task).await?;
            let new = NewAnnouncement::new(AnnouncementKind::ConferenceRequested)
                .by(AnnouncementPerson::User(user))
                .asked(to.into());
            announcements::announce(tx, &mut conversation, new).await?;
            offers::create(tx, &conversation, &task, &mut agent, purpose).await?;
            Ok((task, true))
        })
    })
    .await
}

/// Locks and returns the free agent of a queue who is asked next in an invitation. It is the one who has been available
/// longest of those who were not asked before.
async fn next_candidate(
    tx: &Tx<'_>,
    task: &task::Model,
    purpose: OfferRequest,
) -> Result<Option<Locked<agent::Model>>> {
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
        // Another task may have used the agent's capacity before the lock.
        if agent.offerable_channels & task.channel.bit() != 0 {
            return Ok(Some(agent));
        }
    }
    Ok(None)
}

/// Adds an agent who accepted an invitation to the conversation. Emits `ParticipantChanged`, `ItemAdded` and
/// `TaskChanged`.
pub async fn join(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    user: UserId,
) -> Result<task::Model> {
    let task = task::Model { status: TaskStatus::Conference, conference_agent_id: Some(user), ..task };
    task_rows::save(tx, conversation, &task).await?;
    let joined = participants::join(tx, conversation, ParticipantRef::User(user), ParticipantRole::Joined).await?;
    announcements::announce(tx, conversation, NewAnnouncement::own(AnnouncementKind::AgentJoined, &joined)).await?;
    task_rows::emit_changed(tx, &task, false).await?;
    Ok(task)
}

/// Handles an invitation that an agent did not accept. For a queue the next free agent gets an offer. Otherwise the
/// invitation ends and the conversation continues.
pub async fn on_not_accepted(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
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
    end_invitation(tx, conversation, task, offer, None).await.map(drop)
}

/// Ends the invitation of an offer that has ended. `cancelled_by` is the agent who withdrew it, or `None` if it was not
/// accepted.
async fn end_invitation(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    offer: &offer::Model,
    cancelled_by: Option<UserId>,
) -> Result<task::Model> {
    let task = task::Model { status: TaskStatus::Connected, ..task };
    task_rows::save(tx, conversation, &task).await?;
    let asked = match offer.invitation {
        Some(_) => AnnouncementTarget::Queue(offer.queue_id),
        None => AnnouncementTarget::Agent(offer.agent_id),
    };
    let new = match cancelled_by {
        Some(user) => NewAnnouncement::new(AnnouncementKind::ConferenceCancelled).by(AnnouncementPerson::User(user)),
        None => NewAnnouncement::new(AnnouncementKind::ConferenceNotAccepted),
    };
    announcements::announce(tx, conversation, new.asked(asked)).await?;
    task_rows::emit_changed(tx, &task, false).await?;
    Ok(task)
}

/// Withdraws the pending invitation to the caller's task. Returns the task, and false if the caller has withdrawn it
/// before. Locks the caller, the conversation and the invited agent. Emits `OfferEnded`, `AgentChanged`, `ItemAdded`
/// and `TaskChanged`. Refuses with `NOT_FOUND`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED` or `NOT_ALLOWED`.
pub async fn cancel(app: &App, by: &Caller, task: &str) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_owned(tx, by, task).await?;
            let asked = match task.status {
                TaskStatus::ConferenceRequested => offers::find_pending(tx.db(), &task).await?,
                _ => None,
            };
            let Some(asked) = asked else {
                let newest = earlier_calls::newest(tx, &conversation, &task, &STEPS, user).await?;
                return match newest.is_own(AnnouncementKind::ConferenceCancelled) {
                    true => Ok((task, false)),
                    false => Err(not_allowed("No invitation is pending.")),
                };
            };
            offers::cancel(tx, &conversation, &task).await?;
            Ok((end_invitation(tx, &mut conversation, task, &asked, Some(user)).await?, true))
        })
    })
    .await
}

/// Removes the caller from a conference that they joined, and starts their wrap-up. Returns the task, and false if they
/// have left before. Locks the caller and the conversation. Emits `ItemAdded`, `ParticipantChanged` and `TaskChanged`.
/// Refuses with `NOT_FOUND` or `NOT_ALLOWED`.
pub async fn exit(app: &App, by: &Caller, task: &str) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_visible(tx, by, task).await?;
            if task.conference_agent_id == Some(user) && task.status == TaskStatus::Conference {
                return Ok((remove_member(tx, &mut conversation, task, user, user).await?, true));
            }
            let left = AnnouncementKind::AgentLeft;
            let newest = earlier_calls::newest(tx, &conversation, &task, &[left], user).await?;
            match task.owner_id != Some(user) && newest.is_own(left) && newest.is_about_user() {
                true => Ok((task, false)),
                false => Err(not_allowed("Only the agent who joined the conference can leave it.")),
            }
        })
    })
    .await
}

/// Removes the joined agent from the caller's conference, and starts their wrap-up. Returns the task, and false if the
/// caller has removed them before. Locks the caller and the conversation. Emits `ItemAdded`, `ParticipantChanged` and
/// `TaskChanged`. Refuses with `NOT_FOUND`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED` or `NOT_ALLOWED`.
pub async fn remove(app: &App, by: &Caller, task: &str) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_owned(tx, by, task).await?;
            if let Some(joined) = task.conference_agent_id
                && task.status == TaskStatus::Conference
            {
                return Ok((remove_member(tx, &mut conversation, task, joined, user).await?, true));
            }
            let newest = earlier_calls::newest(tx, &conversation, &task, &STEPS, user).await?;
            match newest.is_own(AnnouncementKind::AgentLeft) && !newest.is_about_user() {
                true => Ok((task, false)),
                false => Err(not_allowed("No agent has joined.")),
            }
        })
    })
    .await
}

/// Ends the caller's conference for the customer and both agents. Returns the task, and false if the caller has ended
/// it before. `agreed` is the customer's consent. Locks the caller and the conversation. Refuses with `NOT_FOUND`,
/// `NOT_ALLOWED` or `CUSTOMER_CONSENT_REQUIRED`.
pub async fn end(app: &App, by: &Caller, task: &str, agreed: bool) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let user = agent_state::require_agent(tx, by).await?;
            let (mut conversation, task) = task_rows::lock_visible(tx, by, task).await?;
            if !task_rows::is_live(task.status) && closing::is_ended_by(tx, &conversation, &task, user).await? {
                return Ok((task, false));
            }
            if task.status != TaskStatus::Conference {
                return Err(not_allowed("There is no conference to end."));
            }
            if task.owner_id != Some(user) {
                return Err(not_allowed("Only the agent who owns the task can end the conference."));
            }
            Ok((closing::end_by_owner(tx, &mut conversation, task, user, agreed).await?, true))
        })
    })
    .await
}

/// Removes a joined agent from a conference and starts their wrap-up. `by` is the agent who acted.
async fn remove_member(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    user: UserId,
    by: UserId,
) -> Result<task::Model> {
    if let Some(held) = assignments::find(tx.db(), task.id, user).await? {
        wrap_ups::start(tx, conversation, held, &queue_rows::require(tx.db(), task.queue_id).await?).await?;
    }
    remove_without_wrap_up(tx, conversation, task, user, Some(by)).await
}

/// Removes a joined agent from a conference without a wrap-up. `by` is the agent who acted, or `None` when the joined
/// agent is offboarded. Emits `ItemAdded`, `ParticipantChanged` and `TaskChanged`.
pub async fn remove_without_wrap_up(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    user: UserId,
    by: Option<UserId>,
) -> Result<task::Model> {
    let task = task::Model { status: TaskStatus::Connected, conference_agent_id: None, ..task };
    task_rows::save(tx, conversation, &task).await?;
    if let Some(joined) = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await? {
        announcements::announce_departure(tx, conversation, &joined, by.map(AnnouncementPerson::User)).await?;
        participants::leave(tx, conversation, joined).await?;
    }
    task_rows::emit_changed_after_release(tx, &task, false, user).await?;
    Ok(task)
}

/// Makes the joined agent the owner of a task whose owner is offboarded. Does nothing if no agent has joined. Emits
/// `ParticipantChanged` and `TaskChanged`.
pub async fn promote_to_owner(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: task::Model,
) -> Result<()> {
    let Some(heir) = task.conference_agent_id else { return Ok(()) };
    if let Some(held) = assignments::find(tx.db(), task.id, heir).await? {
        assignments::set_phase(tx, assignment::Model { joined: false, ..held }, AssignmentPhase::Active).await?;
    }
    let task = task::Model { owner_id: Some(heir), conference_agent_id: None, status: TaskStatus::Connected, ..task };
    task_rows::save(tx, conversation, &task).await?;
    participants::join(tx, conversation, ParticipantRef::User(heir), ParticipantRole::Owner).await?;
    task_rows::emit_changed(tx, &task, false).await
}

fn not_allowed(why: &'static str) -> Error {
    Error::refused(UserErrorCode::NotAllowed, task_rows::FIELD, why)
}
