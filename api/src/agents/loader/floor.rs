//! Agents, queues, entry points, profiles, skills and reasons, many at once.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use chrono::Duration;
use entity::{
    agent, agent_skill, entry_point,
    id::{EntryPointId, IdleReasonId, MultimediaProfileId, QueueId, SkillId, UserId, WrapUpReasonId},
    idle_reason, multimedia_profile, queue, queue_agent, queue_member, skill, wrap_up_reason,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{PARTS, may_see};
use crate::{
    agents::{
        members,
        waiting::{self, Line},
    },
    auth::context::Reads,
    database::sql::Sql,
    error::{Error, Result},
};

key!(
    /// An agent, for those who answer customers.
    AgentById(UserId)
);

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

key!(
    /// A queue, for those who answer customers.
    QueueById(QueueId)
);

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

key!(
    /// An entry point that a visible thing names.
    EntryPointById(EntryPointId)
);

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

key!(
    /// A reason to be idle.
    IdleReasonById(IdleReasonId)
);

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

key!(
    /// A reason of a wrap-up.
    WrapUpReasonById(WrapUpReasonId)
);

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

key!(
    /// A multimedia profile, for those who answer customers.
    ProfileById(MultimediaProfileId)
);

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

key!(
    /// Something that agents are good at.
    SkillById(SkillId)
);

impl Loader<SkillById> for Reads {
    type Value = Arc<skill::Model>;
    type Error = Error;

    async fn load(&self, keys: &[SkillById]) -> Result<HashMap<SkillById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let rows = skill::Entity::find().filter(skill::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (SkillById(row.id), Arc::new(row))).collect())
    }
}

key!(
    /// What an agent is good at, by the names of the skills.
    SkillsOf(UserId)
);

impl Loader<SkillsOf> for Reads {
    type Value = Arc<Vec<(Arc<skill::Model>, i16)>>;
    type Error = Error;

    async fn load(&self, keys: &[SkillsOf]) -> Result<HashMap<SkillsOf, Self::Value>> {
        let rows = agent_skill::Entity::find()
            .filter(agent_skill::Column::AgentId.is_in(keys.iter().map(|key| key.0)))
            .all(self.app.db.read())
            .await?;
        let ids = rows.iter().map(|row| row.skill_id);
        let skills = skill::Entity::find().filter(skill::Column::Id.is_in(ids)).order_by_asc(skill::Column::NameKey);
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

key!(
    /// The queues in use that may offer an agent tasks, by name.
    QueuesOf(UserId)
);

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

key!(
    /// The agents whom a queue names.
    NamedBy(QueueId)
);

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

key!(
    /// Those who serve a visible queue.
    ServersOf(QueueId)
);

impl Loader<ServersOf> for Reads {
    type Value = Vec<UserId>;
    type Error = Error;

    async fn load(&self, keys: &[ServersOf]) -> Result<HashMap<ServersOf, Self::Value>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<ServersOf, Vec<UserId>> = HashMap::new();
        for together in ids.chunks(PARTS) {
            for row in members::of(self.app.db.read(), together).await? {
                found.entry(ServersOf(row.queue_id)).or_default().push(row.agent_id);
            }
        }
        Ok(found)
    }
}

key!(
    /// Who waits in a visible queue.
    LineOf(QueueId)
);

impl Loader<LineOf> for Reads {
    type Value = Line;
    type Error = Error;

    async fn load(&self, keys: &[LineOf]) -> Result<HashMap<LineOf, Line>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let lines = waiting::lines(self.app.db.read(), &ids).await?;
        Ok(lines.into_iter().map(|line| (LineOf(line.queue_id), line)).collect())
    }
}

key!(
    /// How long one may have to wait in a visible queue.
    EstimateOf(QueueId)
);

impl Loader<EstimateOf> for Reads {
    type Value = Duration;
    type Error = Error;

    async fn load(&self, keys: &[EstimateOf]) -> Result<HashMap<EstimateOf, Duration>> {
        let ids: Vec<QueueId> = keys.iter().map(|key| key.0).collect();
        let estimates = waiting::estimates(self.app.db.read(), &ids, self.app.clock.now()).await?;
        Ok(estimates.into_iter().map(|(queue, wait)| (EstimateOf(queue), wait)).collect())
    }
}
