//! Offers: a task held out to one agent for a limited time. One accept wins; an offer that is not answered makes the agent
//! RONA, one that is declined makes them idle, and the task goes back to its place.

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
    app::Tx,
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

/// The field of inputs that names an offer.
pub const FIELD: &[&str] = &["input", "offerId"];

/// For what a task is held out.
#[derive(Clone, Copy, Debug)]
pub struct OfferRequest {
    pub kind: OfferKind,
    /// The queue by whose rules.
    pub queue: QueueId,
    /// The invitation of a queue to a conference that it is part of.
    pub invitation: Option<Uuid>,
}

impl OfferRequest {
    /// By the rules of the queue of the task.
    #[must_use]
    pub fn for_task(kind: OfferKind, task: &task::Model) -> Self {
        Self { kind, queue: task.queue_id, invitation: None }
    }
}

/// Holds a task out to an agent; the conversation and the agent are held.
pub async fn create(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    task: &task::Model,
    agent: &mut agent::Model,
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
    task_rows::save(tx, &offered).await?;
    if task.status == TaskStatus::Queued {
        task_rows::emit_dequeued(tx, &offered)?;
    }
    // A customer who is handed over waits from now on.
    task_rows::emit_changed(tx, &offered, kind == OfferKind::Transfer).await?;
    Ok(row)
}

/// Takes back the pending offer of a task whose conversation is held, because the task has ended or nobody is asked any more.
pub async fn cancel(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    let Some(offer) = find_pending(tx.db(), task).await? else { return Ok(()) };
    let mut agent = agent_state::lock_existing(tx, offer.agent_id).await?;
    end(tx, &offer, OfferStatus::Withdrawn).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, agent.user_id).await? {
        assignments::release(tx, &mut agent, &held).await?;
    }
    agent_state::save(tx, &mut agent).await
}

/// Ends an offer.
pub async fn end(tx: &Tx<'_>, offer: &offer::Model, status: OfferStatus) -> Result<offer::Model> {
    let row = offer::Model { status, ended_at: Some(tx.clock().now()), ..offer.clone() };
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    timers::clear(tx, TimerKind::Offer, row.id.0).await?;
    emit(tx, EventKind::OfferEnded, &row)?;
    if status != OfferStatus::Accepted && row.kind != OfferKind::Queue {
        // Who does not serve the queue saw the conversation by the offer alone.
        revocation::reduce(tx, vec![row.agent_id])?;
    }
    Ok(row)
}

fn emit(tx: &Tx<'_>, kind: EventKind, offer: &offer::Model) -> Result<()> {
    tx.append(NewEvent::new(kind, offer, vec![requests_of(offer.agent_id), desk_of(offer.agent_id)])?);
    Ok(())
}

/// The offer of an agent that an id of the API names, read after its conversation was held.
pub async fn lock(tx: &Tx<'_>, agent: UserId, id: &str) -> Result<(conversation::Model, offer::Model)> {
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

/// The offer of a task that can be accepted.
pub async fn find_pending(db: &impl ConnectionTrait, task: &task::Model) -> Result<Option<offer::Model>, DbErr> {
    offer::Entity::find()
        .filter(offer::Column::TaskId.eq(task.id))
        .filter(offer::Column::Status.eq(OfferStatus::Pending))
        .one(db)
        .await
}

/// The offers that an agent can accept, the oldest first.
pub async fn pending_for_agent(db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<offer::Model>, DbErr> {
    let mut sql = Sql::select::<offer::Entity>("o", "WHERE o.agent_id = ");
    sql.bind(agent);
    // As a literal, so that the index over these alone serves it: agents have had many.
    sql.push(&format!(" AND o.status {PENDING} ORDER BY o.id"));
    sql.models::<offer::Entity>(db).await
}
