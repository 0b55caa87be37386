//! Loaders of tasks, offers and wrap-ups. Each reads many keys in one batch, and only rows that the caller may see.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Utc};
use entity::{
    assignment,
    channel::Channel,
    id::{ConversationId, OfferId, TaskId},
    intake::Intake,
    offer::{self, PENDING},
    routing_decision, task, wrap_up,
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};

use crate::{
    agents::assignments,
    auth::{request_context::RequestReads, viewer::Caller},
    contact_center::graphql::loading::{PARTS, grouped, loader_key},
    conversations::conversation_rows,
    database::sql::Sql,
    error::{Error, Result},
    pagination::{Page, PageBound, PageSlice},
    queues::position,
    tasks::{
        routing_decisions, task_list,
        task_pages::{self, OwnedTasks, TaskReader},
    },
    users::people,
};

loader_key!(
    /// Loads a task whose conversation the caller may see.
    TaskById(TaskId)
);

impl Loader<TaskById> for RequestReads {
    type Value = Arc<task::Model>;
    type Error = Error;

    async fn load(&self, keys: &[TaskById]) -> Result<HashMap<TaskById, Self::Value>> {
        let Ok(caller) = self.required_caller() else { return Ok(HashMap::new()) };
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let mut sql =
            Sql::select::<task::Entity>("t", "JOIN conversation c ON c.id = t.conversation_id WHERE t.id IN ");
        sql.bind_list(&ids);
        sql.push(" AND ");
        conversation_rows::write_visible(&mut sql, caller);
        let rows = sql.models::<task::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (TaskById(row.id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads an offer to the caller.
    OwnOffer(OfferId)
);

impl Loader<OwnOffer> for RequestReads {
    type Value = Arc<offer::Model>;
    type Error = Error;

    async fn load(&self, keys: &[OwnOffer]) -> Result<HashMap<OwnOffer, Self::Value>> {
        let Ok(viewer) = self.viewer() else { return Ok(HashMap::new()) };
        let rows = offer::Entity::find()
            .filter(offer::Column::Id.is_in(keys.iter().map(|key| key.0)))
            .filter(offer::Column::AgentId.eq(viewer.user))
            .all(self.app.db.read())
            .await?;
        Ok(rows.into_iter().map(|row| (OwnOffer(row.id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads the wrap-ups of a visible task, in the order in which they began. Includes the caller's own, and those of
    /// others as far as the caller may see the conversation.
    WrapUpsOf(TaskId)
);

impl Loader<WrapUpsOf> for RequestReads {
    type Value = Arc<Vec<wrap_up::Model>>;
    type Error = Error;

    async fn load(&self, keys: &[WrapUpsOf]) -> Result<HashMap<WrapUpsOf, Self::Value>> {
        let Ok(caller) = self.required_caller() else { return Ok(HashMap::new()) };
        let mut sql = Sql::select::<wrap_up::Entity>(
            "w",
            "JOIN task t ON t.id = w.task_id JOIN conversation c ON c.id = t.conversation_id \
             WHERE w.task_id IN ",
        );
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" AND ");
        conversation_rows::write_visible(&mut sql, caller);
        sql.push(" AND (");
        conversation_rows::reaches_time(&mut sql, caller, "COALESCE(w.submitted_at, w.began_at)");
        if let Caller::Person(viewer) = caller {
            sql.push(" OR w.agent_id = ");
            sql.bind(viewer.user);
        }
        sql.push(") ORDER BY w.id");
        let rows = sql.models::<wrap_up::Entity>(self.app.db.read()).await?;
        let mut found: HashMap<TaskId, Vec<wrap_up::Model>> = HashMap::new();
        for row in rows {
            found.entry(row.task_id).or_default().push(row);
        }
        Ok(found.into_iter().map(|(task, rows)| (WrapUpsOf(task), Arc::new(rows))).collect())
    }
}

loader_key!(
    /// Loads the details of a visible task for the preview of an offer.
    DetailsOf(TaskId)
);

/// The details of a task for the preview of an offer.
#[derive(FromQueryResult)]
pub struct Details {
    task_id: TaskId,
    /// The task's channel.
    pub channel: Channel,
    /// The time at which the customer began to wait.
    pub received_at: DateTime<Utc>,
    /// The name of the task's queue.
    pub queue_name: String,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// The customer's email address.
    pub customer_email: Option<String>,
    /// The customer's telephone number.
    pub customer_phone: Option<String>,
    /// The name of the entry point.
    pub source_page: Option<String>,
    /// The address of the entry point.
    pub source_number: Option<String>,
    /// The facts that the web site gave at the start of the web chat.
    pub intake: Option<Intake>,
}

impl Loader<DetailsOf> for RequestReads {
    type Value = Arc<Details>;
    type Error = Error;

    async fn load(&self, keys: &[DetailsOf]) -> Result<HashMap<DetailsOf, Self::Value>> {
        let Some(caller) = &self.caller else { return Ok(HashMap::new()) };
        let mut sql = Sql::new(
            "SELECT t.id AS task_id, t.channel, t.received_at, t.intake, q.name AS queue_name, k.display_name AS customer_name, \
             k.email AS customer_email, k.phone AS customer_phone, e.name AS source_page, e.address AS source_number \
             FROM task t JOIN conversation c ON c.id = t.conversation_id JOIN queue q ON q.id = t.queue_id \
             LEFT JOIN customer k ON k.id = c.customer_id LEFT JOIN entry_point e ON e.id = c.entry_point_id WHERE t.id IN ",
        );
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" AND ");
        conversation_rows::write_visible(&mut sql, caller);
        let rows: Vec<Details> = sql.all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (DetailsOf(row.task_id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads the pending offer of a task that the caller may see.
    PendingOfferOf(TaskId)
);

impl Loader<PendingOfferOf> for RequestReads {
    type Value = offer::Model;
    type Error = Error;

    async fn load(&self, keys: &[PendingOfferOf]) -> Result<HashMap<PendingOfferOf, Self::Value>> {
        // The status is a literal, so that the partial index on pending offers applies.
        let mut sql = Sql::select::<offer::Entity>("o", &format!("WHERE o.status {PENDING} AND o.task_id IN "));
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        let rows = sql.models::<offer::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (PendingOfferOf(row.task_id), row)).collect())
    }
}

loader_key!(
    /// Loads the caller's assignment to a task.
    OwnAssignment(TaskId)
);

impl Loader<OwnAssignment> for RequestReads {
    type Value = assignment::Model;
    type Error = Error;

    async fn load(&self, keys: &[OwnAssignment]) -> Result<HashMap<OwnAssignment, Self::Value>> {
        let Ok(viewer) = self.viewer() else { return Ok(HashMap::new()) };
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let rows = assignments::find_several(self.app.db.read(), &ids, viewer.user).await?;
        Ok(rows.into_iter().map(|row| (OwnAssignment(row.task_id), row)).collect())
    }
}

loader_key!(
    /// Loads the position of a task in its queue, from 1. A task that no longer waits has none.
    PositionOf(TaskId)
);

impl Loader<PositionOf> for RequestReads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[PositionOf]) -> Result<HashMap<PositionOf, i64>> {
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let positions = position::positions(self.app.db.read(), &ids).await?;
        Ok(positions.into_iter().map(|(task, position)| (PositionOf(task), position)).collect())
    }
}

loader_key!(
    /// Loads the routing decisions about a visible task, the oldest first, as far as the caller may see the
    /// conversation.
    DecisionsOf(TaskId)
);

impl Loader<DecisionsOf> for RequestReads {
    type Value = Vec<routing_decision::Model>;
    type Error = Error;

    async fn load(&self, keys: &[DecisionsOf]) -> Result<HashMap<DecisionsOf, Self::Value>> {
        let Ok(caller) = self.required_caller() else { return Ok(HashMap::new()) };
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<DecisionsOf, Self::Value> = HashMap::new();
        for together in ids.chunks(PARTS) {
            for row in routing_decisions::for_tasks(self.app.db.read(), caller, together).await? {
                found.entry(DecisionsOf(row.task_id)).or_default().push(row);
            }
        }
        Ok(found)
    }
}

/// Key of a page of a conversation's tasks that the caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TasksOf {
    /// The conversation.
    pub conversation: ConversationId,
    /// The page.
    pub page: Page<PageBound>,
}

impl Loader<TasksOf> for RequestReads {
    type Value = PageSlice<task::Model>;
    type Error = Error;

    async fn load(&self, keys: &[TasksOf]) -> Result<HashMap<TasksOf, Self::Value>> {
        let (db, caller) = (self.app.db.read(), self.required_caller()?);
        let mut found = HashMap::new();
        for together in keys.chunks(PARTS) {
            let wanted: Vec<_> = together.iter().map(|key| (key.conversation, key.page.clone())).collect();
            let pages = task_list::pages_of_conversations(db, caller, &wanted).await?;
            found.extend(together.iter().cloned().zip(pages));
        }
        Ok(found)
    }
}

loader_key!(
    /// Loads the number of a visible conversation's tasks.
    TaskCountOf(ConversationId)
);

#[derive(FromQueryResult)]
struct TaskCount {
    conversation_id: ConversationId,
    count: i64,
}

impl Loader<TaskCountOf> for RequestReads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[TaskCountOf]) -> Result<HashMap<TaskCountOf, i64>> {
        let mut sql = Sql::new("SELECT t.conversation_id, count(*) AS count FROM task t WHERE t.conversation_id IN ");
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" GROUP BY t.conversation_id");
        let counts: Vec<TaskCount> = sql.all(self.app.db.read()).await?;
        Ok(counts.into_iter().map(|row| (TaskCountOf(row.conversation_id), row.count)).collect())
    }
}

/// Key of a page of the tasks of a queue, an agent or a customer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnedTaskPage {
    /// The list.
    pub tasks: OwnedTasks,
    /// The page.
    pub page: Page<PageBound>,
}

impl Loader<OwnedTaskPage> for RequestReads {
    type Value = PageSlice<task::Model>;
    type Error = Error;

    async fn load(&self, keys: &[OwnedTaskPage]) -> Result<HashMap<OwnedTaskPage, Self::Value>> {
        let reader = task_reader(self).await?;
        let mut found = HashMap::new();
        for (_, same_order) in grouped(keys.iter().map(|key| (key.tasks.descending, key.clone()))) {
            for together in same_order.chunks(PARTS) {
                let wanted: Vec<_> = together.iter().map(|key| (key.tasks.clone(), key.page.clone())).collect();
                let pages = task_pages::pages(self.app.db.read(), reader, &wanted).await?;
                found.extend(together.iter().cloned().zip(pages));
            }
        }
        Ok(found)
    }
}

/// Key of the number of the tasks of a queue, an agent or a customer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnedTaskCount(pub OwnedTasks);

impl Loader<OwnedTaskCount> for RequestReads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[OwnedTaskCount]) -> Result<HashMap<OwnedTaskCount, i64>> {
        let reader = task_reader(self).await?;
        let mut found = HashMap::new();
        for together in keys.chunks(PARTS) {
            let wanted: Vec<OwnedTasks> = together.iter().map(|key| key.0.clone()).collect();
            let counts = task_pages::counts(self.app.db.read(), reader, &wanted).await?;
            found.extend(together.iter().cloned().zip(counts));
        }
        Ok(found)
    }
}

async fn task_reader(reads: &RequestReads) -> Result<TaskReader> {
    let caller = *reads.required_caller()?;
    let role = people::role_of_caller(reads.app.db.read(), &caller).await?;
    Ok(TaskReader { caller, role, now: reads.app.clock.now() })
}
