//! Loaders of agents, profiles and skills. Each reads many keys in one batch.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Utc};
use entity::{
    agent, agent_interval, agent_skill,
    id::{MultimediaProfileId, SkillId, UserId},
    multimedia_profile, skill,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    agents::{
        agent_statistics::{self, AgentCounts, TimeInState},
        state_history,
    },
    auth::request_context::RequestReads,
    contact_center::graphql::loading::{grouped, loader_key, may_see},
    database::sql::Sql,
    error::{Error, Result},
    queues::statistics,
};

loader_key!(
    /// Loads an agent. Callers who may not see agents get nothing.
    AgentById(UserId)
);

impl Loader<AgentById> for RequestReads {
    type Value = Arc<agent::Model>;
    type Error = Error;

    async fn load(&self, keys: &[AgentById]) -> Result<HashMap<AgentById, Self::Value>> {
        let mut sql = Sql::select::<agent::Entity>("a", "WHERE a.user_id IN ");
        sql.bind_list(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        sql.push(" AND ");
        if !may_see(self, &mut sql) {
            return Ok(HashMap::new());
        }
        let rows = sql.models::<agent::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (AgentById(row.user_id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads a multimedia profile, also an archived one.
    ProfileById(MultimediaProfileId)
);

impl Loader<ProfileById> for RequestReads {
    type Value = Arc<multimedia_profile::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ProfileById]) -> Result<HashMap<ProfileById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let found = multimedia_profile::Entity::find().filter(multimedia_profile::Column::Id.is_in(ids));
        let rows = found.all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (ProfileById(row.id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads a skill.
    SkillById(SkillId)
);

impl Loader<SkillById> for RequestReads {
    type Value = Arc<skill::Model>;
    type Error = Error;

    async fn load(&self, keys: &[SkillById]) -> Result<HashMap<SkillById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let rows = skill::Entity::find().filter(skill::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (SkillById(row.id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads an agent's skills with their levels, ordered by the names of the skills.
    SkillsOf(UserId)
);

impl Loader<SkillsOf> for RequestReads {
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

/// Loads the state intervals of an agent in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntervalsOf {
    /// The agent's user id.
    pub agent: UserId,
    /// The start of the period. None: 24 hours ago.
    pub since: Option<DateTime<Utc>>,
    /// The end of the period. None: no end.
    pub until: Option<DateTime<Utc>>,
}

impl Loader<IntervalsOf> for RequestReads {
    type Value = Vec<agent_interval::Model>;
    type Error = Error;

    async fn load(&self, keys: &[IntervalsOf]) -> Result<HashMap<IntervalsOf, Self::Value>> {
        let mut found: HashMap<IntervalsOf, Self::Value> = HashMap::new();
        for ((since, until), agents) in grouped(keys.iter().map(|key| ((key.since, key.until), key.agent))) {
            let from = statistics::period_start(&self.app, since);
            for row in state_history::between(self.app.db.read(), &agents, from, until).await? {
                found.entry(IntervalsOf { agent: row.agent_id, since, until }).or_default().push(row);
            }
        }
        Ok(found)
    }
}

/// Loads the counts of an agent since a time, with that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountsOf {
    /// The agent's user id.
    pub agent: UserId,
    /// The start of the period. None: 24 hours ago, the same moment for all agents of a batch.
    pub since: Option<DateTime<Utc>>,
}

impl Loader<CountsOf> for RequestReads {
    type Value = (DateTime<Utc>, AgentCounts);
    type Error = Error;

    async fn load(&self, keys: &[CountsOf]) -> Result<HashMap<CountsOf, Self::Value>> {
        let mut found = HashMap::new();
        for (since, agents) in grouped(keys.iter().map(|key| (key.since, key.agent))) {
            let from = statistics::period_start(&self.app, since);
            for row in agent_statistics::counts(self.app.db.read(), &agents, from).await? {
                found.insert(CountsOf { agent: row.agent_id, since }, (from, row));
            }
        }
        Ok(found)
    }
}

/// Loads the times of an agent in each state since a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimesOf {
    /// The agent's user id.
    pub agent: UserId,
    /// The start of the period.
    pub since: DateTime<Utc>,
}

impl Loader<TimesOf> for RequestReads {
    type Value = Vec<TimeInState>;
    type Error = Error;

    async fn load(&self, keys: &[TimesOf]) -> Result<HashMap<TimesOf, Self::Value>> {
        let mut found: HashMap<TimesOf, Self::Value> = HashMap::new();
        for (since, agents) in grouped(keys.iter().map(|key| (key.since, key.agent))) {
            let now = self.app.clock.now();
            for row in agent_statistics::times_in_states(self.app.db.read(), &agents, since, now).await? {
                found.entry(TimesOf { agent: row.agent_id, since }).or_default().push(row);
            }
        }
        Ok(found)
    }
}
