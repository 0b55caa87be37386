//! Loaders of queues and their details. Each reads many keys in one batch.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Duration, Utc};
use entity::{
    id::{QueueId, UserId},
    queue, queue_agent, queue_member,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    agents::eligibility,
    auth::request_context::RequestReads,
    contact_center::graphql::loading::{PARTS, grouped, loader_key, may_see},
    database::sql::Sql,
    error::{Error, Result},
    queues::{
        position::{self, QueueSnapshot},
        statistics::{self, QueueStatisticsRow},
    },
};

loader_key!(
    /// Loads a queue. Callers who may not see agents get nothing.
    QueueById(QueueId)
);

impl Loader<QueueById> for RequestReads {
    type Value = Arc<queue::Model>;
    type Error = Error;

    async fn load(&self, keys: &[QueueById]) -> Result<HashMap<QueueById, Self::Value>> {
        let mut sql = Sql::select::<queue::Entity>("q", "WHERE q.id IN ");
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" AND ");
        if !may_see(self, &mut sql) {
            return Ok(HashMap::new());
        }
        let rows = sql.models::<queue::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (QueueById(row.id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads the queues in use for which an agent is eligible, ordered by name.
    QueuesOf(UserId)
);

impl Loader<QueuesOf> for RequestReads {
    type Value = Arc<Vec<Arc<queue::Model>>>;
    type Error = Error;

    async fn load(&self, keys: &[QueuesOf]) -> Result<HashMap<QueuesOf, Self::Value>> {
        let members = queue_member::Entity::find()
            .filter(queue_member::Column::AgentId.is_in(keys.iter().map(|key| key.0)))
            .all(self.app.db.read())
            .await?;
        let queues = queue::Entity::find()
            .filter(queue::Column::Id.is_in(members.iter().map(|row| row.queue_id)))
            .filter(queue::Column::ArchivedAt.is_null())
            .order_by_asc(queue::Column::NameKey)
            .order_by_asc(queue::Column::Id);
        let queues: Vec<_> = queues.all(self.app.db.read()).await?.into_iter().map(Arc::new).collect();
        let serves = |agent: UserId, queue: &queue::Model| {
            members.iter().any(|row| row.agent_id == agent && row.queue_id == queue.id)
        };
        let of = |agent| queues.iter().filter(|queue| serves(agent, queue)).map(Arc::clone).collect();
        Ok(keys.iter().map(|key| (*key, Arc::new(of(key.0)))).collect())
    }
}

loader_key!(
    /// Loads the agents that a queue names.
    NamedBy(QueueId)
);

impl Loader<NamedBy> for RequestReads {
    type Value = Arc<Vec<UserId>>;
    type Error = Error;

    async fn load(&self, keys: &[NamedBy]) -> Result<HashMap<NamedBy, Self::Value>> {
        let rows = queue_agent::Entity::find()
            .filter(queue_agent::Column::QueueId.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(queue_agent::Column::AgentId)
            .all(self.app.db.read())
            .await?;
        let of = |queue| rows.iter().filter(|row| row.queue_id == queue).map(|row| row.agent_id).collect();
        Ok(keys.iter().map(|key| (*key, Arc::new(of(key.0)))).collect())
    }
}

loader_key!(
    /// Loads the eligible agents of a visible queue.
    ServersOf(QueueId)
);

impl Loader<ServersOf> for RequestReads {
    type Value = Vec<UserId>;
    type Error = Error;

    async fn load(&self, keys: &[ServersOf]) -> Result<HashMap<ServersOf, Self::Value>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<ServersOf, Vec<UserId>> = HashMap::new();
        for together in ids.chunks(PARTS) {
            for row in eligibility::for_queues(self.app.db.read(), together).await? {
                found.entry(ServersOf(row.queue_id)).or_default().push(row.agent_id);
            }
        }
        Ok(found)
    }
}

loader_key!(
    /// Loads the number of waiting tasks of a visible queue and the time of the first one.
    LineOf(QueueId)
);

impl Loader<LineOf> for RequestReads {
    type Value = QueueSnapshot;
    type Error = Error;

    async fn load(&self, keys: &[LineOf]) -> Result<HashMap<LineOf, QueueSnapshot>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let lines = position::queue_snapshots(self.app.db.read(), &ids).await?;
        Ok(lines.into_iter().map(|line| (LineOf(line.queue_id), line)).collect())
    }
}

loader_key!(
    /// Loads the estimated wait in a visible queue.
    EstimateOf(QueueId)
);

impl Loader<EstimateOf> for RequestReads {
    type Value = Duration;
    type Error = Error;

    async fn load(&self, keys: &[EstimateOf]) -> Result<HashMap<EstimateOf, Duration>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let estimates = position::estimated_waits(self.app.db.read(), &ids, self.app.clock.now()).await?;
        Ok(estimates.into_iter().map(|(queue, wait)| (EstimateOf(queue), wait)).collect())
    }
}

/// Loads the statistics of a queue for a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountsOf {
    /// The queue's id.
    pub queue: QueueId,
    /// The start of the period. None: 24 hours ago.
    pub since: Option<DateTime<Utc>>,
}

impl Loader<CountsOf> for RequestReads {
    /// The start of the period, and the counts since then.
    type Value = (DateTime<Utc>, QueueStatisticsRow);
    type Error = Error;

    async fn load(&self, keys: &[CountsOf]) -> Result<HashMap<CountsOf, Self::Value>> {
        let mut found = HashMap::new();
        for (since, queues) in grouped(keys.iter().map(|key| (key.since, key.queue))) {
            let from = statistics::period_start(&self.app, since);
            for row in statistics::for_queues(self.app.db.read(), &queues, from).await? {
                found.insert(CountsOf { queue: row.queue_id, since }, (from, row));
            }
        }
        Ok(found)
    }
}
