//! Offers: an agent can accept a task for a limited time. One acceptance wins. An unanswered offer makes the agent
//! RONA, a declined one makes them IDLE. A task from a queue then returns to its place.

use chrono::Duration;
use entity::{
    agent, conversation,
    event::EventKind,
    id::{OfferId, QueueId, UserId},
    offer::{self, OfferKind, OfferStatus, PENDING},
    task::{self, TaskStatus},
    timer::TimerKind,
};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter};
use uuid::Uuid;

use super::task_rows;
use crate::{
    agents::{agent_state, assignments},
    app::{Locked, Tx},
    auth::revocation,
    contact_center::timers,
    conversations::{channel_capabilities, conversation_rows},
    database::sql::Sql,
    error::{Error, Result},
    events::{
        cursor::{desk_of, requests_of},
        log::NewEvent,
    },
    queues::queue_rows,
};

/// The input field of refusals about an offer.
pub const FIELD: &[&str] = &["input", "offerId"];

/// The reason and the rules of a new offer.
#[derive(Clone, Copy, Debug)]
pub struct OfferRequest {
    /// The reason of the offer.
    pub kind: OfferKind,
    /// The queue whose offer time and service level apply.
    pub queue: QueueId,
    /// The conference invitation of a queue to which the offer belongs, if any.
    pub invitation: Option<Uuid>,
}

impl OfferRequest {
    /// Describes an offer with the rules of the task's own queue.
    #[must_use]
    pub fn for_task(kind: OfferKind, task: &task::Model) -> Self {
        Self { kind, queue: task.queue_id, invitation: None }
    }
}

/// Offers a task to an agent, assigns it to them and sets the timer of the offer. Emits `OfferCreated`, `AgentChanged`
/// and `TaskChanged`, and `TaskDequeued` if the task was QUEUED.
pub async fn create(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: &task::Model,
    agent: &mut Locked<agent::Model>,
    purpose: OfferRequest,
) -> Result<offer::Model> {
    debug_assert_eq!(conversation.id, task.conversation_id);
    let queue = queue_rows::require(tx.db(), purpose.queue).await?;
    let OfferRequest { kind, invitation, .. } = purpose;
    let now = tx.clock().now();
    let seconds = queue.offer_seconds.unwrap_or(channel_capabilities::of(task.channel).offer_seconds);
    let row = offer::Model {
        id: OfferId(tx.clock().uuid()),
        kind,
        task_id: task.id,
        queue_id: queue.id,
        invitation,
        agent_id: agent.user_id,
        status: OfferStatus::Pending,
        due_at: queue.service_level_seconds.map(|level| task.enqueued_at + Duration::seconds(i64::from(level))),
        created_at: now,
        expires_at: now + Duration::seconds(i64::from(seconds)),
        ended_at: None,
    };
    offer::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    timers::set(tx, TimerKind::Offer, row.id.0, row.expires_at).await?;
    assignments::create(tx, agent, task, kind == OfferKind::Conference).await?;
    agent.available_since = now;
    agent_state::save(tx, agent).await?;
    emit(tx, EventKind::OfferCreated, &row)?;
    if kind == OfferKind::Conference {
        task_rows::emit_changed(tx, task, false).await?;
        return Ok(row);
    }
    let offered = task::Model { status: TaskStatus::Offered, ..task.clone() };
    task_rows::save(tx, conversation, &offered).await?;
    if task.status == TaskStatus::Queued {
        task_rows::emit_dequeued(tx, &offered)?;
    }
    // The customer sees the change, because after a transfer they wait again.
    task_rows::emit_changed(tx, &offered, kind == OfferKind::Transfer).await?;
    Ok(row)
}

/// Withdraws the pending offer of a task, if there is one. Locks the agent. Emits `OfferEnded`
/// and `AgentChanged`.
pub async fn cancel(tx: &Tx<'_>, conversation: &Locked<conversation::Model>, task: &task::Model) -> Result<()> {
    let Some(offer) = find_pending(tx.db(), task).await? else { return Ok(()) };
    let mut agent = agent_state::lock_existing(tx, offer.agent_id).await?;
    end(tx, conversation, &offer, OfferStatus::Withdrawn).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, agent.user_id).await? {
        assignments::release(tx, &mut agent, &held).await?;
    }
    agent_state::save(tx, &mut agent).await
}

/// Ends an offer with a status and clears its timer. Emits `OfferEnded`, and `RightsEnded`
/// if the agent no longer sees the conversation by the offer.
pub async fn end(
    tx: &Tx<'_>,
    _conversation: &Locked<conversation::Model>,
    offer: &offer::Model,
    status: OfferStatus,
) -> Result<offer::Model> {
    let row = offer::Model { status, ended_at: Some(tx.clock().now()), ..offer.clone() };
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    emit(tx, EventKind::OfferEnded, &row)?;
    timers::clear(tx, TimerKind::Offer, row.id.0).await?;
    if status != OfferStatus::Accepted && row.kind != OfferKind::Queue {
        // An agent outside the queue may have seen the conversation by the offer alone.
        revocation::change(tx, vec![row.agent_id])?;
    }
    Ok(row)
}

fn emit(tx: &Tx<'_>, kind: EventKind, offer: &offer::Model) -> Result<()> {
    tx.append(NewEvent::new(kind, offer, vec![requests_of(offer.agent_id), desk_of(offer.agent_id)])?);
    Ok(())
}

/// Locks the conversation of an agent's offer. Returns both, read under the lock. Refuses with `NOT_FOUND`.
pub async fn lock(tx: &Tx<'_>, agent: UserId, id: &str) -> Result<(Locked<conversation::Model>, offer::Model)> {
    let of_agent = || async {
        let id = OfferId::parse(id)?;
        offer::Entity::find_by_id(id).filter(offer::Column::AgentId.eq(agent)).one(tx.db()).await.transpose()
    };
    let found = of_agent().await.transpose()?.ok_or_else(|| Error::not_found(FIELD))?;
    let task = task_rows::require(tx.db(), found.task_id).await?;
    let conversation = conversation_rows::lock(tx, task.conversation_id).await?;
    let offer = of_agent().await.transpose()?.ok_or_else(|| Error::not_found(FIELD))?;
    Ok((conversation, offer))
}

/// Returns the pending offer of a task, if there is one.
pub async fn find_pending(db: &impl ConnectionTrait, task: &task::Model) -> Result<Option<offer::Model>, DbErr> {
    offer::Entity::find()
        .filter(offer::Column::TaskId.eq(task.id))
        .filter(offer::Column::Status.eq(OfferStatus::Pending))
        .one(db)
        .await
}

/// Returns the pending offers of an agent, the oldest first.
pub async fn pending_for_agent(db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<offer::Model>, DbErr> {
    let mut sql = Sql::select::<offer::Entity>("o", "WHERE o.agent_id = ");
    sql.bind(agent);
    // The status is a literal, so that the partial index on pending offers applies. Agents have many ended offers.
    sql.push(&format!(" AND o.status {PENDING} ORDER BY o.id"));
    sql.models::<offer::Entity>(db).await
}
