//! Agents, queues, tasks and what belongs to them, many at once.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Duration, Utc};
use entity::{
    agent, agent_skill, assignment,
    channel::Channel,
    entry_point,
    id::{EntryPointId, IdleReasonId, MultimediaProfileId, OfferId, QueueId, SkillId, TaskId, UserId, WrapUpReasonId},
    idle_reason, multimedia_profile, offer, queue, queue_agent, queue_member, routing_decision, skill, task,
    user::{self, Role, UserStatus},
    wrap_up, wrap_up_reason,
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};

use super::{
    assignments, members, routing,
    waiting::{self, Line},
};
use crate::{
    auth::{
        context::Reads,
        viewer::{Caller, Scope},
    },
    conversations::threads,
    database::sql::Sql,
    error::{Error, Result},
};

macro_rules! key {
    ($(#[$doc:meta])* $name:ident($id:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $id);
    };
}

key!(
    /// An agent, for those who answer customers.
    AgentById(UserId)
);
key!(
    /// A queue, for those who answer customers.
    QueueById(QueueId)
);
key!(
    /// An entry point that a visible thing names.
    EntryPointById(EntryPointId)
);
key!(
    /// A task of a conversation that the caller may see.
    TaskById(TaskId)
);
key!(
    /// An offer to the caller.
    OwnOffer(OfferId)
);
key!(
    /// A reason to be idle.
    IdleReasonById(IdleReasonId)
);
key!(
    /// A reason of a wrap-up.
    WrapUpReasonById(WrapUpReasonId)
);
key!(
    /// The wrap-ups of a visible task, in the order in which they were owed.
    WrapUpsOf(TaskId)
);
key!(
    /// What is known of a visible task before it is accepted.
    DetailsOf(TaskId)
);
key!(
    /// The caller's hold on a visible task.
    OwnHold(TaskId)
);
key!(
    /// Which place a visible task has in its queue, from 1.
    PositionOf(TaskId)
);
key!(
    /// Who waits in a visible queue.
    LineOf(QueueId)
);
key!(
    /// How long one may have to wait in a visible queue.
    EstimateOf(QueueId)
);
key!(
    /// Those who serve a visible queue.
    ServersOf(QueueId)
);
key!(
    /// Why a visible task was offered to whom, the newest last.
    DecisionsOf(TaskId)
);

key!(
    /// A multimedia profile, for those who answer customers.
    ProfileById(MultimediaProfileId)
);
key!(
    /// Something that agents are good at.
    SkillById(SkillId)
);
key!(
    /// What an agent is good at, by the names of the skills.
    SkillsOf(UserId)
);
key!(
    /// The queues in use that may offer an agent tasks, by name.
    QueuesOf(UserId)
);
key!(
    /// The agents whom a queue names.
    NamedBy(QueueId)
);
key!(
    /// An administrator of this moment.
    Administrator(UserId)
);

/// What is known of a task before it is accepted.
#[derive(FromQueryResult)]
pub struct Details {
    task_id: TaskId,
    pub channel: Channel,
    pub received_at: DateTime<Utc>,
    pub queue_name: String,
    pub customer_name: Option<String>,
    pub customer_email: Option<String>,
    pub customer_phone: Option<String>,
    pub source_page: Option<String>,
    pub source_number: Option<String>,
}

/// Whether the caller is one of those who answer customers, or a key that may see them.
pub async fn answers(reads: &Reads) -> Result<bool> {
    let mut sql = Sql::new("SELECT 1 AS one WHERE ");
    Ok(may_see(reads, &mut sql) && sql.one(reads.app.db.read()).await?.is_some())
}

/// Adds the condition that the caller is one of those who answer customers now; false where no statement is needed to tell
/// that they may see none of it.
fn may_see(reads: &Reads, sql: &mut Sql) -> bool {
    match &reads.caller {
        Some(Caller::Person(viewer)) => {
            sql.push("EXISTS (SELECT 1 FROM \"user\" me WHERE me.id = ");
            sql.bind(viewer.user);
            sql.push(" AND me.role >= ");
            sql.bind(Role::Agent);
            sql.push(" AND me.status = ");
            sql.bind(UserStatus::Active);
            sql.push(")");
            true
        }
        Some(Caller::Service(service)) => {
            sql.push("TRUE");
            service.scopes.has(Scope::AgentsRead)
        }
        Some(Caller::Visitor(_)) | None => false,
    }
}

impl Loader<AgentById> for Reads {
    type Value = Arc<agent::Model>;
    type Error = Error;

    async fn load(&self, keys: &[AgentById]) -> Result<HashMap<AgentById, Self::Value>> {
        let mut sql = Sql::new("SELECT a.* FROM agent a WHERE a.user_id IN ");
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" AND ");
        if !may_see(self, &mut sql) {
            return Ok(HashMap::new());
        }
        let rows = sql.models::<agent::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (AgentById(row.user_id), Arc::new(row))).collect())
    }
}

impl Loader<QueueById> for Reads {
    type Value = Arc<queue::Model>;
    type Error = Error;

    async fn load(&self, keys: &[QueueById]) -> Result<HashMap<QueueById, Self::Value>> {
        let mut sql = Sql::new("SELECT q.* FROM queue q WHERE q.id IN ");
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" AND ");
        if !may_see(self, &mut sql) {
            return Ok(HashMap::new());
        }
        let rows = sql.models::<queue::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (QueueById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<EntryPointById> for Reads {
    type Value = Arc<entry_point::Model>;
    type Error = Error;

    async fn load(&self, keys: &[EntryPointById]) -> Result<HashMap<EntryPointById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let rows =
            entry_point::Entity::find().filter(entry_point::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (EntryPointById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<TaskById> for Reads {
    type Value = Arc<task::Model>;
    type Error = Error;

    async fn load(&self, keys: &[TaskById]) -> Result<HashMap<TaskById, Self::Value>> {
        let Ok(caller) = self.asker() else { return Ok(HashMap::new()) };
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::new("SELECT t.* FROM task t JOIN conversation c ON c.id = t.conversation_id WHERE t.id IN ");
        sql.bind_list(&ids);
        sql.push(" AND ");
        threads::visible(&mut sql, caller);
        let rows = sql.models::<task::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (TaskById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<OwnOffer> for Reads {
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

impl Loader<IdleReasonById> for Reads {
    type Value = Arc<idle_reason::Model>;
    type Error = Error;

    async fn load(&self, keys: &[IdleReasonById]) -> Result<HashMap<IdleReasonById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let rows =
            idle_reason::Entity::find().filter(idle_reason::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (IdleReasonById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<WrapUpReasonById> for Reads {
    type Value = Arc<wrap_up_reason::Model>;
    type Error = Error;

    async fn load(&self, keys: &[WrapUpReasonById]) -> Result<HashMap<WrapUpReasonById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let found = wrap_up_reason::Entity::find().filter(wrap_up_reason::Column::Id.is_in(ids));
        let rows = found.all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (WrapUpReasonById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<WrapUpsOf> for Reads {
    type Value = Arc<Vec<wrap_up::Model>>;
    type Error = Error;

    async fn load(&self, keys: &[WrapUpsOf]) -> Result<HashMap<WrapUpsOf, Self::Value>> {
        let rows = wrap_up::Entity::find()
            .filter(wrap_up::Column::TaskId.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(wrap_up::Column::Id)
            .all(self.app.db.read())
            .await?;
        let mut found: HashMap<TaskId, Vec<wrap_up::Model>> = HashMap::new();
        for row in rows {
            found.entry(row.task_id).or_default().push(row);
        }
        Ok(found.into_iter().map(|(task, rows)| (WrapUpsOf(task), Arc::new(rows))).collect())
    }
}

impl Loader<DetailsOf> for Reads {
    type Value = Arc<Details>;
    type Error = Error;

    async fn load(&self, keys: &[DetailsOf]) -> Result<HashMap<DetailsOf, Self::Value>> {
        let Some(caller) = &self.caller else { return Ok(HashMap::new()) };
        let mut sql = Sql::new(
            "SELECT t.id AS task_id, t.channel, t.received_at, q.name AS queue_name, k.display_name AS customer_name, \
             k.email AS customer_email, k.phone AS customer_phone, e.name AS source_page, e.address AS source_number \
             FROM task t JOIN conversation c ON c.id = t.conversation_id JOIN queue q ON q.id = t.queue_id \
             LEFT JOIN customer k ON k.id = c.customer_id LEFT JOIN entry_point e ON e.id = c.entry_point_id WHERE t.id IN ",
        );
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" AND ");
        threads::visible(&mut sql, caller);
        let rows: Vec<Details> = sql.all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (DetailsOf(row.task_id), Arc::new(row))).collect())
    }
}

impl Loader<OwnHold> for Reads {
    type Value = assignment::Model;
    type Error = Error;

    async fn load(&self, keys: &[OwnHold]) -> Result<HashMap<OwnHold, Self::Value>> {
        let Ok(viewer) = self.viewer() else { return Ok(HashMap::new()) };
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let rows = assignments::find_several(self.app.db.read(), &ids, viewer.user).await?;
        Ok(rows.into_iter().map(|row| (OwnHold(row.task_id), row)).collect())
    }
}

impl Loader<PositionOf> for Reads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[PositionOf]) -> Result<HashMap<PositionOf, i64>> {
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let positions = waiting::positions(self.app.db.read(), &ids).await?;
        Ok(positions.into_iter().map(|(task, position)| (PositionOf(task), position)).collect())
    }
}

impl Loader<LineOf> for Reads {
    type Value = Line;
    type Error = Error;

    async fn load(&self, keys: &[LineOf]) -> Result<HashMap<LineOf, Line>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let lines = waiting::lines(self.app.db.read(), &ids).await?;
        Ok(lines.into_iter().map(|line| (LineOf(line.queue_id), line)).collect())
    }
}

impl Loader<EstimateOf> for Reads {
    type Value = Duration;
    type Error = Error;

    async fn load(&self, keys: &[EstimateOf]) -> Result<HashMap<EstimateOf, Duration>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let estimates = waiting::estimates(self.app.db.read(), &ids, self.app.clock.now()).await?;
        Ok(estimates.into_iter().map(|(queue, wait)| (EstimateOf(queue), wait)).collect())
    }
}

impl Loader<ServersOf> for Reads {
    type Value = Vec<UserId>;
    type Error = Error;

    async fn load(&self, keys: &[ServersOf]) -> Result<HashMap<ServersOf, Self::Value>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<ServersOf, Vec<UserId>> = HashMap::new();
        for row in members::of(self.app.db.read(), &ids).await? {
            found.entry(ServersOf(row.queue_id)).or_default().push(row.agent_id);
        }
        Ok(found)
    }
}

impl Loader<DecisionsOf> for Reads {
    type Value = Vec<routing_decision::Model>;
    type Error = Error;

    async fn load(&self, keys: &[DecisionsOf]) -> Result<HashMap<DecisionsOf, Self::Value>> {
        let ids: Vec<TaskId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<DecisionsOf, Self::Value> = HashMap::new();
        for row in routing::decisions(self.app.db.read(), &ids).await? {
            found.entry(DecisionsOf(row.task_id)).or_default().push(row);
        }
        Ok(found)
    }
}

impl Loader<ProfileById> for Reads {
    type Value = Arc<multimedia_profile::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ProfileById]) -> Result<HashMap<ProfileById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let found = multimedia_profile::Entity::find().filter(multimedia_profile::Column::Id.is_in(ids));
        let rows = found.all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (ProfileById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<SkillById> for Reads {
    type Value = Arc<skill::Model>;
    type Error = Error;

    async fn load(&self, keys: &[SkillById]) -> Result<HashMap<SkillById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let rows = skill::Entity::find().filter(skill::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (SkillById(row.id), Arc::new(row))).collect())
    }
}

impl Loader<SkillsOf> for Reads {
    type Value = Arc<Vec<(Arc<skill::Model>, i16)>>;
    type Error = Error;

    async fn load(&self, keys: &[SkillsOf]) -> Result<HashMap<SkillsOf, Self::Value>> {
        let rows = agent_skill::Entity::find()
            .filter(agent_skill::Column::AgentId.is_in(keys.iter().map(|key| key.0)))
            .all(self.app.db.read())
            .await?;
        let ids = rows.iter().map(|row| row.skill_id);
        let skills = skill::Entity::find().filter(skill::Column::Id.is_in(ids)).order_by_asc(skill::Column::Name);
        let skills: Vec<_> = skills.all(self.app.db.read()).await?.into_iter().map(Arc::new).collect();
        let of = |agent: UserId| {
            let level = |skill: &Arc<skill::Model>| {
                let row = rows.iter().find(|row| row.agent_id == agent && row.skill_id == skill.id)?;
                Some((Arc::clone(skill), row.level))
            };
            skills.iter().filter_map(level).collect()
        };
        Ok(keys.iter().map(|key| (*key, Arc::new(of(key.0)))).collect())
    }
}

impl Loader<QueuesOf> for Reads {
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
            .order_by_asc(queue::Column::Name);
        let queues: Vec<_> = queues.all(self.app.db.read()).await?.into_iter().map(Arc::new).collect();
        let serves = |agent: UserId, queue: &queue::Model| {
            members.iter().any(|row| row.agent_id == agent && row.queue_id == queue.id)
        };
        let of = |agent| queues.iter().filter(|queue| serves(agent, queue)).map(Arc::clone).collect();
        Ok(keys.iter().map(|key| (*key, Arc::new(of(key.0)))).collect())
    }
}

impl Loader<NamedBy> for Reads {
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

impl Loader<Administrator> for Reads {
    type Value = ();
    type Error = Error;

    async fn load(&self, keys: &[Administrator]) -> Result<HashMap<Administrator, Self::Value>> {
        let rows = user::Entity::find()
            .filter(user::Column::Id.is_in(keys.iter().map(|key| key.0)))
            .filter(user::Column::Status.eq(UserStatus::Active))
            .filter(user::Column::Role.eq(Role::Admin))
            .all(self.app.db.read())
            .await?;
        Ok(rows.into_iter().map(|row| (Administrator(row.id), ())).collect())
    }
}
