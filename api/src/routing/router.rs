//! The router. It takes tasks of all queues by priority and then by waiting time. Of the agents who can take a task,
//! the one who has been available longest gets the offer. One router of all instances decides at a time, so no later
//! task is offered before an earlier one.

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

/// Offers queued tasks until no more can be offered.
pub async fn run(app: &App) -> Result<()> {
    while step(app).await? {}
    Ok(())
}

/// Offers one queued task. Returns false if there is nothing to offer. Takes the routing lock in exclusive mode, and
/// then locks the conversation and the agent.
pub async fn step(app: &App) -> Result<bool> {
    // Mostly there is nothing to offer. This read then avoids the wait for the routing lock.
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

/// Returns the first task of each queue that a free agent can take. Queues without free agents are not read, and no
/// queue is read when no task waits. CROSS JOIN makes SQLite start from the free agents. `status < 3` matches the
/// partial index in the order of service. SQLite turns a bare EXISTS into a join, with an index of its own. The check
/// for waiting tasks therefore follows the order of that index.
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

/// Returns the first task in the order of service that a free agent can take. This is a statement of its own, because
/// PostgreSQL expects many queues until the tables are analyzed. Joined to the queues, it would read all tasks.
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
