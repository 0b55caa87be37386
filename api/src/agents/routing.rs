//! Which task is offered to whom. Tasks go by priority, then by how long they wait, over all queues; of those who may take
//! one, it is offered to the agent who has waited longest. One router decides at a time, over all instances, so that no
//! later task passes an earlier one.

use entity::{
    id::{ConversationId, QueueId, RoutingDecisionId, TaskId, UserId},
    offer::OfferKind,
    routing,
    routing_decision::{self, Candidates, RoutingCause},
    task::{self, TaskStatus},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QuerySelect as _};

use super::{
    offers::{self, Purpose},
    states, tasks,
};
use crate::{
    app::{App, Tx},
    auth::viewer::Caller,
    conversations::threads,
    database::sql::Sql,
    error::Result,
};

/// How many candidates a decision names.
const NAMED: usize = 10;

/// Offers tasks until no more can be offered.
pub async fn run(app: &App) -> Result<()> {
    while step(app).await? {}
    Ok(())
}

/// Comes before a task begins to wait: no decision is under way then, and none is taken before the task can be seen. So the
/// times at which tasks began to wait are the order in which routers see them.
pub async fn enter(tx: &Tx<'_>) -> Result<()> {
    routing::Entity::find().lock_shared().one(tx.db()).await?;
    Ok(())
}

/// Stops routers and whoever lets a task wait, until the transaction ends: what waits in a queue stays what it is. Comes
/// before conversations, as with the router itself, so only those are held after it whose tasks wait.
pub async fn stop(tx: &Tx<'_>) -> Result<()> {
    routing::Entity::find().lock_exclusive().one(tx.db()).await?;
    Ok(())
}

/// Offers one task; whether there may be more to offer.
pub async fn step(app: &App) -> Result<bool> {
    // Without a look nobody would wait for the lock of all routers when nothing is to be done, as is mostly so.
    if firsts(app.db.read()).await?.is_empty() {
        return Ok(false);
    }
    app.transaction(|tx| Box::pin(decide(tx))).await
}

async fn decide(tx: &Tx<'_>) -> Result<bool> {
    stop(tx).await?;
    let Some(next) = next(tx.db()).await? else { return Ok(false) };
    let conversation = threads::hold(tx, next.conversation_id).await?;
    let task = tasks::known(tx.db(), next.id).await?;
    if task.status != TaskStatus::Queued {
        return Ok(true);
    }
    let candidates = free(tx.db(), &task, task.queue_id).await?;
    let Some(chosen) = candidates.first() else { return Ok(true) };
    let mut agent = states::held(tx, *chosen).await?;
    if agent.takes & task.channel.bit() == 0 {
        return Ok(true);
    }
    remember(tx, &task, RoutingCause::LongestAvailable, &candidates).await?;
    offers::make(tx, &conversation, &task, &mut agent, Purpose::of(OfferKind::Queue, &task)).await?;
    Ok(true)
}

#[derive(FromQueryResult)]
struct First {
    id: Option<TaskId>,
}

/// Of each queue for whose channel somebody is free, the first task that one of them may take. So of a thousand who wait few
/// are looked at, none of a queue whose agents are full, and where nobody waits no queue. The first join runs from the agents
/// who are free, which CROSS keeps SQLite to; `status < 3` is what the index says in whose order tasks are served. Whether
/// anybody waits is asked in the order of its index: of a mere EXISTS SQLite makes a join, and an index of its own for it.
async fn firsts(db: &impl ConnectionTrait) -> Result<Vec<TaskId>, DbErr> {
    let sql = Sql::new(
        "SELECT (SELECT w.id FROM task w WHERE w.queue_id = served.queue_id AND w.status < 3 AND w.status = 1 \
         AND EXISTS (SELECT 1 FROM queue_member m JOIN agent a ON a.user_id = m.agent_id WHERE m.queue_id = w.queue_id \
         AND m.from_step <= w.step AND (a.takes & (1 << w.channel)) <> 0 \
         AND NOT EXISTS (SELECT 1 FROM assignment s WHERE s.task_id = w.id AND s.agent_id = a.user_id)) \
         ORDER BY w.priority, w.enqueued_at, w.id LIMIT 1) AS id FROM (SELECT DISTINCT m.queue_id FROM agent a \
         CROSS JOIN queue_member m CROSS JOIN queue q WHERE m.agent_id = a.user_id AND q.id = m.queue_id AND a.takes <> 0 \
         AND (a.takes & (1 << q.channel)) <> 0 AND 1 = (SELECT p.status FROM task p WHERE p.status = 1 \
         ORDER BY p.priority, p.enqueued_at, p.id LIMIT 1)) served",
    );
    let found: Vec<First> = sql.all(db).await?;
    Ok(found.into_iter().filter_map(|first| first.id).collect())
}

#[derive(FromQueryResult)]
struct Next {
    id: TaskId,
    conversation_id: ConversationId,
}

/// The task that is served before all others that somebody is free for. It is looked up by itself: joined to the queues, of
/// which PostgreSQL expects many as long as it has not counted them, all tasks there are would be read.
async fn next(db: &impl ConnectionTrait) -> Result<Option<Next>, DbErr> {
    let firsts = firsts(db).await?;
    if firsts.is_empty() {
        return Ok(None);
    }
    let mut sql = Sql::new("SELECT id, conversation_id FROM task WHERE id IN ");
    sql.bind_list(&firsts);
    sql.push(" ORDER BY priority, enqueued_at, id LIMIT 1");
    Ok(sql.all(db).await?.pop())
}

#[derive(FromQueryResult)]
struct Candidate {
    user_id: UserId,
}

/// Who of a queue may be offered a task now, who has waited longest first. Not who has handed it over or left it and has not
/// wrapped it up yet.
pub async fn free(db: &impl ConnectionTrait, task: &task::Model, queue: QueueId) -> Result<Vec<UserId>, DbErr> {
    let mut sql =
        Sql::new("SELECT a.user_id FROM queue_member m JOIN agent a ON a.user_id = m.agent_id WHERE m.queue_id = ");
    sql.bind(queue);
    // In another queue than its own a task is at no step.
    sql.push(" AND m.from_step <= ");
    sql.bind(if queue == task.queue_id { task.step } else { 0 });
    sql.push(&format!(
        " AND (a.takes & {}) <> 0 AND NOT EXISTS (SELECT 1 FROM assignment s WHERE ",
        task.channel.bit()
    ));
    sql.push("s.agent_id = a.user_id AND s.task_id = ");
    sql.bind(task.id);
    sql.push(") ORDER BY a.free_since, a.user_id");
    let found: Vec<Candidate> = sql.all(db).await?;
    Ok(found.into_iter().map(|found| found.user_id).collect())
}

/// How many decisions about one task are shown.
const SHOWN: u64 = 100;

/// The newest decisions about some tasks, in the order in which they were taken.
pub async fn decisions(
    db: &impl ConnectionTrait,
    caller: &Caller,
    tasks: &[TaskId],
) -> Result<Vec<routing_decision::Model>, DbErr> {
    let mut sql = Sql::new("SELECT * FROM (");
    for (part, task) in tasks.iter().enumerate() {
        sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        sql.push("SELECT d.* FROM routing_decision d WHERE d.task_id = ");
        sql.bind(*task);
        sql.push(&format!(" ORDER BY d.id DESC LIMIT {SHOWN}) AS part_{part}"));
    }
    sql.push(
        ") AS d WHERE EXISTS (SELECT 1 FROM task t JOIN conversation c ON c.id = t.conversation_id WHERE t.id = d.task_id AND ",
    );
    threads::visible(&mut sql, caller);
    sql.push(" AND ");
    threads::reaches_time(&mut sql, caller, "d.decided_at");
    sql.push(") ORDER BY d.id");
    sql.models::<routing_decision::Entity>(db).await
}

/// Writes down that nobody is free for a task that has just begun to wait, if that is so.
pub async fn note(tx: &Tx<'_>, task: &task::Model) -> Result<()> {
    if free(tx.db(), task, task.queue_id).await?.is_empty() {
        remember(tx, task, RoutingCause::NobodyFree, &[]).await?;
    }
    Ok(())
}

/// Writes down that somebody chose the agent to whom a task goes.
pub async fn remember_named(tx: &Tx<'_>, task: &task::Model, agent: UserId) -> Result<()> {
    remember(tx, task, RoutingCause::Named, &[agent]).await
}

async fn remember(tx: &Tx<'_>, task: &task::Model, cause: RoutingCause, candidates: &[UserId]) -> Result<()> {
    let row = routing_decision::ActiveModel {
        id: Set(RoutingDecisionId(tx.clock().uuid())),
        task_id: Set(task.id),
        decided_at: Set(tx.clock().now()),
        chosen_id: Set(candidates.first().copied()),
        cause: Set(cause),
        step: Set(task.step),
        candidates: Set(i32::try_from(candidates.len()).unwrap_or(i32::MAX)),
        first: Set(Candidates(candidates.iter().take(NAMED).copied().collect())),
    };
    routing_decision::Entity::insert(row).exec_without_returning(tx.db()).await?;
    Ok(())
}
