//! Offers: a task held out to one agent for a limited time. One accept wins; an offer that is not answered makes the agent
//! RONA, one that is declined makes them idle, and the task goes back to its place.

use chrono::Duration;
use entity::{
    agent,
    assignment::AssignmentPhase,
    conversation,
    deadline::DeadlineKind,
    event::EventKind,
    id::{OfferId, QueueId, UserId},
    idle_reason::SystemReason,
    offer::{self, OfferKind, OfferStatus},
    participant::ParticipantRole,
    task::{self, TaskStatus},
    thread_item::AnnouncementKind,
};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter};
use uuid::Uuid;

use super::{assignments, conferences, deadlines, endings, queues, routing, states, tasks, transfers};
use crate::{
    app::{App, Tx},
    auth::{rights, viewer::Viewer},
    conversations::{
        announcements, channels,
        participants::{self, Who},
        threads,
    },
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    events::{
        cursor::{desk_of, requests_of},
        log::NewEvent,
    },
    users::people,
};

const FIELD: &[&str] = &["input", "offerId"];

/// For what a task is held out.
#[derive(Clone, Copy, Debug)]
pub struct Purpose {
    pub kind: OfferKind,
    /// The queue by whose rules.
    pub queue: QueueId,
    /// The invitation of a queue to a conference that it is part of.
    pub invitation: Option<Uuid>,
}

impl Purpose {
    /// By the rules of the queue of the task.
    #[must_use]
    pub fn of(kind: OfferKind, task: &task::Model) -> Self {
        Self { kind, queue: task.queue_id, invitation: None }
    }
}

/// Holds a task out to an agent; the conversation and the agent are held.
pub async fn make(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    task: &task::Model,
    agent: &mut agent::Model,
    purpose: Purpose,
) -> Result<offer::Model> {
    debug_assert_eq!(conversation.id, task.conversation_id);
    let queue = queues::known(tx.db(), purpose.queue).await?;
    let Purpose { kind, invitation, .. } = purpose;
    let now = tx.clock().now();
    let seconds = queue.offer_seconds.unwrap_or(channels::of(task.channel).offer_seconds);
    let row = offer::Model {
        id: OfferId(tx.clock().uuid()),
        kind,
        task_id: task.id,
        queue_id: queue.id,
        invitation,
        agent_id: agent.user_id,
        status: OfferStatus::Pending,
        due_at: queue.service_level_seconds.map(|level| task.enqueued_at + Duration::seconds(i64::from(level))),
        made_at: now,
        expires_at: now + Duration::seconds(i64::from(seconds)),
        ended_at: None,
    };
    offer::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    deadlines::set(tx, DeadlineKind::Offer, row.id.0, row.expires_at).await?;
    assignments::take(tx, agent, task, kind == OfferKind::Conference).await?;
    agent.free_since = now;
    states::save(tx, agent).await?;
    tell(tx, EventKind::OfferMade, &row)?;
    if kind == OfferKind::Conference {
        tasks::tell(tx, task, false).await?;
        return Ok(row);
    }
    let offered = task::Model { status: TaskStatus::Offered, ..task.clone() };
    tasks::save(tx, &offered).await?;
    if task.status == TaskStatus::Queued {
        tasks::unqueued(tx, &offered)?;
    }
    // A customer who is handed over waits from now on.
    tasks::tell(tx, &offered, kind == OfferKind::Transfer).await?;
    Ok(row)
}

/// What came of accepting.
pub struct Accepted {
    pub task: task::Model,
}

/// What stood in the way of accepting: who has the task instead, if somebody has.
pub struct Lost {
    pub taken_by: Option<UserId>,
}

/// Accepts an offer of the caller's. Accepting again what one has accepted changes nothing.
pub async fn accept(app: &App, by: &Viewer, id: &str) -> Result<std::result::Result<Accepted, Lost>> {
    app.transaction(|tx| {
        Box::pin(async move {
            states::answers_customers(tx, by).await?;
            let (mut conversation, offer) = hold(tx, by.user, id).await?;
            let task = tasks::known(tx.db(), offer.task_id).await?;
            let in_time = offer.expires_at > tx.clock().now();
            match offer.status {
                OfferStatus::Accepted => Ok(Ok(Accepted { task })),
                OfferStatus::Pending if in_time => {
                    let task = take_over(tx, &mut conversation, task, &offer).await?;
                    Ok(Ok(Accepted { task }))
                }
                _ => {
                    let taken_by = match offer.kind {
                        OfferKind::Conference => task.joined_id,
                        OfferKind::Queue | OfferKind::Transfer => task.owner_id,
                    };
                    Ok(Err(Lost { taken_by: taken_by.filter(|agent| *agent != by.user) }))
                }
            }
        })
    })
    .await
}

async fn take_over(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    mut task: task::Model,
    offer: &offer::Model,
) -> Result<task::Model> {
    let agent = states::held(tx, offer.agent_id).await?;
    close(tx, offer, OfferStatus::Accepted).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, agent.user_id).await? {
        assignments::advance(tx, held, AssignmentPhase::Active).await?;
    }
    if offer.kind == OfferKind::Conference {
        return conferences::join(tx, conversation, task, agent.user_id).await;
    }
    task.status = TaskStatus::Connected;
    task.owner_id = Some(agent.user_id);
    task.accepted_at = Some(tx.clock().now());
    tasks::save(tx, &task).await?;
    deadlines::clear(tx, DeadlineKind::Step, task.id.0).await?;
    let owner = participants::join(tx, conversation, Who::User(agent.user_id), ParticipantRole::Owner).await?;
    let name = name(tx, agent.user_id).await?;
    announcements::announce(tx, conversation, AnnouncementKind::AgentJoined, Some(&owner), &name).await?;
    endings::watch(tx, conversation, &task).await?;
    tasks::served(tx, &task)?;
    tasks::tell(tx, &task, true).await?;
    Ok(task)
}

/// Declines an offer of the caller's: they are idle until they choose otherwise, and the task goes back to its place.
pub async fn decline(app: &App, by: &Viewer, id: &str) -> Result<offer::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            states::answers_customers(tx, by).await?;
            let (mut conversation, offer) = hold(tx, by.user, id).await?;
            match offer.status {
                OfferStatus::Declined => Ok(offer),
                OfferStatus::Pending if offer.expires_at > tx.clock().now() => {
                    let cause = Some(SystemReason::Declined);
                    give_back(tx, &mut conversation, &offer, OfferStatus::Declined, cause).await
                }
                _ => Err(Error::refused(UserErrorCode::OfferExpired, FIELD, "The offer is no longer to be had.")),
            }
        })
    })
    .await
}

/// Ends an offer whose time is over.
pub async fn expire(tx: &Tx<'_>, id: OfferId) -> Result<()> {
    let Some(offer) = offer::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    let task = tasks::known(tx.db(), offer.task_id).await?;
    let mut conversation = threads::hold(tx, task.conversation_id).await?;
    let Some(offer) = offer::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    if offer.status != OfferStatus::Pending {
        return deadlines::clear(tx, DeadlineKind::Offer, id.0).await;
    }
    // The clock may have been set back since it was found due.
    if offer.expires_at > tx.clock().now() {
        return deadlines::set(tx, DeadlineKind::Offer, id.0, offer.expires_at).await;
    }
    give_back(tx, &mut conversation, &offer, OfferStatus::Expired, Some(SystemReason::Rona)).await.map(drop)
}

/// Takes back the pending offer of a task whose conversation is held, because the task has ended or nobody is asked any more.
pub async fn withdraw(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    let Some(offer) = pending(tx.db(), task).await? else { return Ok(()) };
    let mut agent = states::held(tx, offer.agent_id).await?;
    close(tx, &offer, OfferStatus::Withdrawn).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, agent.user_id).await? {
        assignments::release(tx, &mut agent, &held).await?;
    }
    states::save(tx, &mut agent).await
}

/// Takes the pending offer of a task whose conversation is held from its agent, who is gone.
pub async fn take_back(tx: &Tx<'_>, conversation: &mut conversation::Model, task: &task::Model) -> Result<()> {
    let Some(offer) = pending(tx.db(), task).await? else { return Ok(()) };
    give_back(tx, conversation, &offer, OfferStatus::Withdrawn, None).await.map(drop)
}

/// Ends an offer that its agent has not taken; what becomes of the task follows from what it was held out for.
async fn give_back(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    offer: &offer::Model,
    status: OfferStatus,
    cause: Option<SystemReason>,
) -> Result<offer::Model> {
    let task = tasks::known(tx.db(), offer.task_id).await?;
    // Before the agent: a router holds agents while nobody enters.
    routing::enter(tx).await?;
    let mut agent = states::held(tx, offer.agent_id).await?;
    let ended = close(tx, offer, status).await?;
    if let Some(held) = assignments::find(tx.db(), task.id, agent.user_id).await? {
        assignments::release(tx, &mut agent, &held).await?;
    }
    if let Some(cause) = cause {
        states::stand_down(tx, &mut agent, cause).await?;
    }
    states::save(tx, &mut agent).await?;
    match offer.kind {
        OfferKind::Queue => {
            let before = task.queue_id;
            let task = tasks::wait_again(tx, conversation, task).await?;
            tasks::tell_also(tx, &task, task.queue_id != before, [agent.user_id])?;
        }
        OfferKind::Transfer => transfers::not_taken(tx, conversation, task).await?,
        OfferKind::Conference => conferences::not_taken(tx, conversation, task, offer).await?,
    }
    Ok(ended)
}

/// Ends an offer.
async fn close(tx: &Tx<'_>, offer: &offer::Model, status: OfferStatus) -> Result<offer::Model> {
    let row = offer::Model { status, ended_at: Some(tx.clock().now()), ..offer.clone() };
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    deadlines::clear(tx, DeadlineKind::Offer, row.id.0).await?;
    tell(tx, EventKind::OfferEnded, &row)?;
    if status != OfferStatus::Accepted && row.kind != OfferKind::Queue {
        // Who does not serve the queue saw the conversation by the offer alone.
        rights::narrow(tx, vec![row.agent_id])?;
    }
    Ok(row)
}

fn tell(tx: &Tx<'_>, kind: EventKind, offer: &offer::Model) -> Result<()> {
    tx.append(NewEvent::new(kind, offer, vec![requests_of(offer.agent_id), desk_of(offer.agent_id)])?);
    Ok(())
}

/// The offer of an agent that an id of the API names, read after its conversation was held.
async fn hold(tx: &Tx<'_>, agent: UserId, id: &str) -> Result<(conversation::Model, offer::Model)> {
    let of_agent = || async {
        let id = OfferId::parse(id)?;
        offer::Entity::find_by_id(id).filter(offer::Column::AgentId.eq(agent)).one(tx.db()).await.transpose()
    };
    let found = of_agent().await.transpose()?.ok_or_else(|| Error::not_found(FIELD))?;
    let task = tasks::known(tx.db(), found.task_id).await?;
    let conversation = threads::hold(tx, task.conversation_id).await?;
    let offer = of_agent().await.transpose()?.ok_or_else(|| Error::not_found(FIELD))?;
    Ok((conversation, offer))
}

/// The offer of a task that can be accepted.
pub async fn pending(db: &impl ConnectionTrait, task: &task::Model) -> Result<Option<offer::Model>, DbErr> {
    offer::Entity::find()
        .filter(offer::Column::TaskId.eq(task.id))
        .filter(offer::Column::Status.eq(OfferStatus::Pending))
        .one(db)
        .await
}

/// The offers that an agent can accept, the oldest first.
pub async fn of_agent(db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<offer::Model>, DbErr> {
    let mut sql = Sql::new("SELECT o.* FROM offer o WHERE o.agent_id = ");
    sql.bind(agent);
    // As a literal, so that the index over these alone serves it: agents have had many.
    sql.push(" AND o.status = 1 ORDER BY o.id");
    sql.models::<offer::Entity>(db).await
}

/// What a user is called.
pub async fn name(tx: &Tx<'_>, id: UserId) -> Result<String> {
    Ok(people::by_id(tx.db(), id).await?.map(|person| person.display_name).unwrap_or_default())
}
