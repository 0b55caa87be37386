//! Which task is offered to whom. Tasks go by priority, then by how long they wait, over all queues; of those who may take
//! one, it is offered to the agent who has waited longest. One router decides at a time, over all instances, so that no
//! later task passes an earlier one.

use entity::{
    id::{ConversationId, TaskId},
    offer::OfferKind,
    routing_decision::RoutingCause,
    task::{QUEUED, TaskStatus, WAITING},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{
    agents::agent_state,
    app::{App, Tx},
    contact_center::locks,
    conversations::conversation_rows,
    database::sql::Sql,
    error::Result,
    tasks::{
        candidates,
        offers::{self, OfferRequest},
        routing_decisions, task_rows,
    },
};

/// Offers tasks until no more can be offered.
pub async fn run(app: &App) -> Result<()> {
    while step(app).await? {}
    Ok(())
}

/// Offers one task; whether there may be more to offer.
pub async fn step(app: &App) -> Result<bool> {
    // Without a look nobody would wait for the lock of all routers when nothing is to be done, as is mostly so.
    if queue_heads(app.db.read()).await?.is_empty() {
        return Ok(false);
    }
    app.transaction(|tx| Box::pin(decide(tx))).await
}

async fn decide(tx: &Tx<'_>) -> Result<bool> {
    locks::lock_routing_exclusive(tx).await?;
    let Some(next) = next_task(tx.db()).await? else { return Ok(false) };
    let conversation = conversation_rows::lock(tx, next.conversation_id).await?;
    let task = task_rows::require(tx.db(), next.id).await?;
    if task.status != TaskStatus::Queued {
        return Ok(true);
    }
    let candidates = candidates::eligible_agents(tx.db(), &task, task.queue_id).await?;
    let Some(chosen) = candidates.first() else { return Ok(true) };
    let mut agent = agent_state::lock_existing(tx, *chosen).await?;
    if agent.offerable_channels & task.channel.bit() == 0 {
        return Ok(true);
    }
    routing_decisions::record(tx, &task, RoutingCause::LongestAvailable, &candidates).await?;
    offers::create(tx, &conversation, &task, &mut agent, OfferRequest::for_task(OfferKind::Queue, &task)).await?;
    Ok(true)
}

#[derive(FromQueryResult)]
struct QueueHead {
    id: Option<TaskId>,
}

/// Of each queue for whose channel somebody is free, the first task that one of them may take. So of a thousand who wait few
/// are looked at, none of a queue whose agents are full, and where nobody waits no queue. The first join runs from the agents
/// who are free, which CROSS keeps SQLite to; `status < 3` is what the index says in whose order tasks are served. Whether
/// anybody waits is asked in the order of its index: of a mere EXISTS SQLite makes a join, and an index of its own for it.
async fn queue_heads(db: &impl ConnectionTrait) -> Result<Vec<TaskId>, DbErr> {
    let sql = Sql::new(&format!(
        "SELECT (SELECT w.id FROM task w WHERE w.queue_id = served.queue_id AND w.status {WAITING} AND w.status {QUEUED} \
         AND EXISTS (SELECT 1 FROM queue_member m JOIN agent a ON a.user_id = m.agent_id WHERE m.queue_id = w.queue_id \
         AND m.from_step <= w.step AND (a.offerable_channels & (1 << w.channel)) <> 0 \
         AND NOT EXISTS (SELECT 1 FROM assignment s WHERE s.task_id = w.id AND s.agent_id = a.user_id)) \
         ORDER BY w.priority, w.enqueued_at, w.id LIMIT 1) AS id FROM (SELECT DISTINCT m.queue_id FROM agent a \
         CROSS JOIN queue_member m CROSS JOIN queue q WHERE m.agent_id = a.user_id AND q.id = m.queue_id AND a.offerable_channels <> 0 \
         AND (a.offerable_channels & (1 << q.channel)) <> 0 AND 1 = (SELECT p.status FROM task p WHERE p.status {QUEUED} \
         ORDER BY p.priority, p.enqueued_at, p.id LIMIT 1)) served",
    ));
    let found: Vec<QueueHead> = sql.all(db).await?;
    Ok(found.into_iter().filter_map(|first| first.id).collect())
}

#[derive(FromQueryResult)]
struct NextTask {
    id: TaskId,
    conversation_id: ConversationId,
}

/// The task that is served before all others that somebody is free for. It is looked up by itself: joined to the queues, of
/// which PostgreSQL expects many as long as it has not counted them, all tasks there are would be read.
async fn next_task(db: &impl ConnectionTrait) -> Result<Option<NextTask>, DbErr> {
    let firsts = queue_heads(db).await?;
    if firsts.is_empty() {
        return Ok(None);
    }
    let mut sql = Sql::new("SELECT id, conversation_id FROM task WHERE id IN ");
    sql.bind_list(&firsts);
    sql.push(" ORDER BY priority, enqueued_at, id LIMIT 1");
    Ok(sql.all(db).await?.pop())
}
