//! The outcomes of offers: accepted, declined, expired, or revoked from an agent.

use entity::{
    assignment::AssignmentPhase,
    conversation,
    id::{OfferId, UserId},
    idle_reason::SystemReason,
    offer::{self, OfferKind, OfferStatus},
    participant::ParticipantRole,
    task::{self, TaskStatus},
    thread_item::AnnouncementKind,
    timer::TimerKind,
};
use sea_orm::EntityTrait;

use super::{closing, conferences, offers, queueing, task_rows, transfers};
use crate::{
    agents::{agent_state, assignments},
    app::{App, Locked, Tx},
    auth::viewer::Viewer,
    contact_center::{locks, timers},
    conversations::{
        announcements::{self, NewAnnouncement},
        conversation_rows,
        participants::{self, ParticipantRef},
    },
    error::{Error, Result, UserErrorCode},
};

/// The result of an accepted offer.
pub struct AcceptedOffer {
    /// The task of the accepted offer.
    pub task: task::Model,
    /// False if the agent had accepted it before.
    pub changed: bool,
}

/// The reason why an offer cannot be accepted: another agent has the task, or the offer has ended.
pub struct AcceptConflict {
    /// The agent who has the task instead, if there is one.
    pub accepted_by: Option<UserId>,
}

/// Accepts the caller's offer. Locks the conversation and the agent. Accepting it again changes nothing. Emits
/// `OfferEnded` and `TaskChanged`, and `TaskAccepted` unless the caller joins a conference. Refuses with `NOT_ALLOWED`
/// or `NOT_FOUND`.
pub async fn accept(app: &App, by: &Viewer, id: &str) -> Result<std::result::Result<AcceptedOffer, AcceptConflict>> {
    app.transaction(|tx| {
        Box::pin(async move {
            agent_state::lock_person(tx, by).await?;
            let (mut conversation, offer) = offers::lock(tx, by.user, id).await?;
            let task = task_rows::require(tx.db(), offer.task_id).await?;
            let in_time = offer.expires_at > tx.clock().now();
            match offer.status {
                OfferStatus::Accepted => Ok(Ok(AcceptedOffer { task, changed: false })),
                OfferStatus::Pending if in_time => {
                    let task = accept_locked(tx, &mut conversation, task, &offer).await?;
                    Ok(Ok(AcceptedOffer { task, changed: true }))
                }
                _ => {
                    let accepted_by = match offer.kind {
                        OfferKind::Conference => task.conference_agent_id,
                        OfferKind::Queue | OfferKind::Transfer => task.owner_id,
                    };
                    Ok(Err(AcceptConflict { accepted_by: accepted_by.filter(|agent| *agent != by.user) }))
                }
            }
        })
    })
    .await
}

async fn accept_locked(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    mut task: task::Model,
    offer: &offer::Model,
) -> Result<task::Model> {
    let agent = agent_state::lock_existing(tx, offer.agent_id).await?;
    offers::end(tx, conversation, offer, OfferStatus::Accepted).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, agent.user_id).await? {
        assignments::set_phase(tx, held, AssignmentPhase::Active).await?;
    }
    if offer.kind == OfferKind::Conference {
        return conferences::join(tx, conversation, task, agent.user_id).await;
    }
    task.status = TaskStatus::Connected;
    task.owner_id = Some(agent.user_id);
    task.accepted_at = Some(tx.clock().now());
    task_rows::save(tx, conversation, &task).await?;
    timers::clear(tx, TimerKind::Step, task.id.0).await?;
    let owner =
        participants::join(tx, conversation, ParticipantRef::User(agent.user_id), ParticipantRole::Owner).await?;
    announcements::announce(tx, conversation, NewAnnouncement::own(AnnouncementKind::AgentJoined, &owner)).await?;
    closing::schedule_inactivity_close(tx, conversation, &task).await?;
    task_rows::emit_accepted(tx, &task)?;
    task_rows::emit_changed(tx, &task, true).await?;
    Ok(task)
}

/// Declines the caller's offer and sets the caller to IDLE. Locks the conversation and the agent, and takes the routing
/// lock in shared mode. Returns false if it was declined before, which changes nothing. Emits `OfferEnded` and
/// `AgentChanged`, and the events of the task. Refuses with `NOT_ALLOWED`, `NOT_FOUND` or `OFFER_EXPIRED`.
pub async fn decline(app: &App, by: &Viewer, id: &str) -> Result<(offer::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            agent_state::lock_person(tx, by).await?;
            let (mut conversation, offer) = offers::lock(tx, by.user, id).await?;
            match offer.status {
                OfferStatus::Declined => Ok((offer, false)),
                OfferStatus::Pending if offer.expires_at > tx.clock().now() => {
                    let cause = Some(SystemReason::Declined);
                    let offer = end_unaccepted(tx, &mut conversation, &offer, OfferStatus::Declined, cause).await?;
                    Ok((offer, true))
                }
                _ => {
                    Err(Error::refused(UserErrorCode::OfferExpired, offers::FIELD, "The offer is no longer available."))
                }
            }
        })
    })
    .await
}

/// Ends an unanswered offer whose time is over, and sets its agent to RONA. Locks the conversation and the agent. Sets
/// or clears the timer if the offer is not due or has ended.
pub async fn expire(tx: &Tx<'_>, id: OfferId) -> Result<()> {
    let Some(offer) = offer::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    let task = task_rows::require(tx.db(), offer.task_id).await?;
    let mut conversation = conversation_rows::lock(tx, task.conversation_id).await?;
    let Some(offer) = offer::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    if offer.status != OfferStatus::Pending {
        return timers::clear(tx, TimerKind::Offer, id.0).await;
    }
    // The clock may have gone back since the timer was found due.
    if offer.expires_at > tx.clock().now() {
        return timers::set(tx, TimerKind::Offer, id.0, offer.expires_at).await;
    }
    end_unaccepted(tx, &mut conversation, &offer, OfferStatus::Expired, Some(SystemReason::Rona)).await.map(drop)
}

/// Withdraws the pending offer of a task because its agent is offboarded.
pub async fn revoke(tx: &Tx<'_>, conversation: &mut Locked<conversation::Model>, task: &task::Model) -> Result<()> {
    let Some(offer) = offers::find_pending(tx.db(), task).await? else { return Ok(()) };
    end_unaccepted(tx, conversation, &offer, OfferStatus::Withdrawn, None).await.map(drop)
}

/// Withdraws an offer because its agent becomes unavailable. Returns false if it has ended meanwhile.
pub async fn withdraw(tx: &Tx<'_>, conversation: &mut Locked<conversation::Model>, id: OfferId) -> Result<bool> {
    let offer = offer::Entity::find_by_id(id).one(tx.db()).await?;
    let Some(offer) = offer.filter(|offer| offer.status == OfferStatus::Pending) else { return Ok(false) };
    end_unaccepted(tx, conversation, &offer, OfferStatus::Withdrawn, None).await?;
    Ok(true)
}

/// Ends an offer that its agent did not accept. The kind of the offer decides what happens to the task. Takes the
/// routing lock in shared mode, and locks the agent.
async fn end_unaccepted(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    offer: &offer::Model,
    status: OfferStatus,
    cause: Option<SystemReason>,
) -> Result<offer::Model> {
    let task = task_rows::require(tx.db(), offer.task_id).await?;
    // A router locks agents while it has the routing lock. The routing lock therefore comes first.
    locks::lock_routing_shared(tx).await?;
    let mut agent = agent_state::lock_existing(tx, offer.agent_id).await?;
    let ended = offers::end(tx, conversation, offer, status).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, agent.user_id).await? {
        assignments::release(tx, &mut agent, &held).await?;
    }
    if let Some(cause) = cause {
        agent_state::set_unavailable(tx, &mut agent, cause).await?;
    }
    agent_state::save(tx, &mut agent).await?;
    match offer.kind {
        OfferKind::Queue => {
            let before = task.queue_id;
            let task = queueing::requeue(tx, conversation, task).await?;
            task_rows::emit_changed_after_release(tx, &task, task.queue_id != before, agent.user_id).await?;
        }
        OfferKind::Transfer => transfers::on_not_accepted(tx, conversation, task, offer).await?,
        OfferKind::Conference => conferences::on_not_accepted(tx, conversation, task, offer).await?,
    }
    Ok(ended)
}
