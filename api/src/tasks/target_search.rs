//! The lists of agents and queues: all of them, or the possible targets of a transfer or conference of the caller's
//! task.

use async_graphql::Enum;
use entity::{
    agent::{self, AgentState},
    channel::Channel,
    id::{TaskId, UserId},
    queue,
    task::{self, TaskStatus},
    user::{Role, UserStatus},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult};

use super::task_rows;
use crate::{
    app::App,
    auth::viewer::Viewer,
    contacts::search::Search as NameSearch,
    conversations::channel_capabilities::{self, TargetKind},
    database::sql::{Sql, columns},
    error::Result,
    pagination::{Page, PageBound, PageSlice},
};

/// The purpose of a search for targets of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TargetPurpose {
    /// The target gets the task.
    Transfer,
    /// The target joins the task.
    Conference,
}

/// A search for targets of the caller's task.
#[derive(Clone, Debug)]
pub struct TargetSearch {
    /// The caller.
    pub me: UserId,
    /// The task, which the caller owns.
    pub task: task::Model,
    /// The purpose of the search.
    pub wanted: TargetPurpose,
}

/// The agents or queues that a search covers.
#[derive(Clone, Debug)]
pub enum SearchScope {
    /// All agents or queues.
    All,
    /// The possible targets for a task.
    TargetsOf(Box<TargetSearch>),
    /// None. The caller does not own the task, or its channel has no such targets.
    Nobody,
}

impl SearchScope {
    /// Returns the scope of a search for targets of a task, or all if no task is given.
    pub async fn of(app: &App, me: &Viewer, task: Option<(&str, TargetPurpose)>, kind: TargetKind) -> Result<Self> {
        let Some((task, wanted)) = task else { return Ok(Self::All) };
        Ok(TargetSearch::begin(app, me.user, task, wanted, kind)
            .await?
            .map_or(Self::Nobody, |search| Self::TargetsOf(Box::new(search))))
    }
}

impl TargetSearch {
    async fn begin(app: &App, me: UserId, id: &str, wanted: TargetPurpose, kind: TargetKind) -> Result<Option<Self>> {
        let Some(id) = TaskId::parse(id) else { return Ok(None) };
        let found = task_rows::find(app.db.read(), id).await?;
        let mine = found.filter(|task| task.owner_id == Some(me) && task.status == TaskStatus::Connected);
        let possible = |task: &task::Model| {
            let channel = channel_capabilities::of(task.channel);
            match wanted {
                TargetPurpose::Transfer => channel.transfer_targets.contains(&kind),
                TargetPurpose::Conference => channel.conference_targets.contains(&kind),
            }
        };
        Ok(mine.filter(possible).map(|task| Self { me, task, wanted }))
    }
}

/// An agent in a list, with the key of the list's order.
#[derive(Clone, Debug)]
pub struct ListedAgent {
    /// The agent's row.
    pub agent: agent::Model,
    /// The sort key of the agent's name.
    pub name_key: Vec<u8>,
}

impl ListedAgent {
    /// Returns the position of the agent in the list.
    #[must_use]
    pub fn list_position(&self) -> PageBound {
        PageBound::Name(self.name_key.clone(), self.agent.user_id.0)
    }
}

impl FromQueryResult for ListedAgent {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self { agent: agent::Model::from_query_result(row, prefix)?, name_key: row.try_get(prefix, "name_key")? })
    }
}

/// A list of agents, in the order of their names.
#[derive(Clone, Debug)]
pub struct AgentList {
    /// The words to find. None: all agents.
    pub search: Option<NameSearch>,
    /// The state of the agents. None: all states.
    pub state: Option<AgentState>,
    /// The agents that the list covers.
    pub among: SearchScope,
}

impl AgentList {
    /// Reads one page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<PageBound>,
    ) -> Result<PageSlice<ListedAgent>, DbErr> {
        if matches!(self.among, SearchScope::Nobody) {
            return Ok(page.slice(Vec::new()));
        }
        let mut sql = Sql::new(&format!("SELECT {}, u.name_key", columns::<agent::Entity>("a")));
        self.write(&mut sql);
        page.write(&mut sql, &["u.name_key", "a.user_id"], false);
        Ok(page.slice(sql.all(db).await?))
    }

    /// Counts the agents of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        if matches!(self.among, SearchScope::Nobody) {
            return Ok(0);
        }
        let mut sql = Sql::new("SELECT count(*) AS count");
        self.write(&mut sql);
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Continues a statement with the FROM clause and the condition of the list.
    fn write(&self, sql: &mut Sql) {
        sql.push(" FROM agent a JOIN \"user\" u ON u.id = a.user_id WHERE u.status = ");
        sql.bind(UserStatus::Active);
        sql.push(" AND u.role >= ");
        sql.bind(Role::Agent);
        if let Some(search) = &self.search {
            search.write(sql, "a.user_id");
        }
        if let Some(state) = self.state {
            sql.push(" AND a.state = ");
            sql.bind(state);
        }
        if let SearchScope::TargetsOf(target) = &self.among {
            for_task(sql, target);
        }
    }
}

fn for_task(sql: &mut Sql, target: &TargetSearch) {
    let channel = channel_capabilities::of(target.task.channel);
    sql.push(" AND a.user_id <> ");
    sql.bind(target.me);
    if !channel.supervisors_are_targets {
        sql.push(" AND u.role = ");
        sql.bind(Role::Agent);
    }
    if target.wanted == TargetPurpose::Transfer || channel.conference_shows_free_only {
        sql.push(&format!(" AND (a.offerable_channels & {}) <> 0", target.task.channel.bit()));
    } else {
        sql.push(" AND a.state <> ");
        sql.bind(AgentState::Offline);
    }
    sql.push(" AND NOT EXISTS (SELECT 1 FROM assignment s WHERE s.agent_id = a.user_id AND s.task_id = ");
    sql.bind(target.task.id);
    sql.push(")");
}

/// A list of queues, in the order of their names. A list of targets has only queues of the task's channel.
#[derive(Clone, Debug)]
pub struct QueueList {
    /// The words to find. None: all queues.
    pub search: Option<NameSearch>,
    /// The channel of the queues. None: all channels.
    pub channel: Option<Channel>,
    /// True to include archived queues.
    pub archived: bool,
    /// The queues that the list covers.
    pub among: SearchScope,
}

impl QueueList {
    /// Reads one page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<PageBound>,
    ) -> Result<PageSlice<queue::Model>, DbErr> {
        let mut sql = Sql::select::<queue::Entity>("q", "WHERE ");
        if !self.write(&mut sql) {
            return Ok(page.slice(Vec::new()));
        }
        page.write(&mut sql, &["q.name_key", "q.id"], false);
        Ok(page.slice(sql.models::<queue::Entity>(db).await?))
    }

    /// Counts the queues of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count FROM queue q WHERE ");
        if !self.write(&mut sql) {
            return Ok(0);
        }
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Continues a statement with the condition of the list. Returns false if the list has no queue.
    fn write(&self, sql: &mut Sql) -> bool {
        let channel = match (&self.among, self.channel) {
            (SearchScope::All, channel) => channel,
            (SearchScope::TargetsOf(of), channel) if channel.is_none_or(|wanted| wanted == of.task.channel) => {
                Some(of.task.channel)
            }
            (SearchScope::TargetsOf(_) | SearchScope::Nobody, _) => return false,
        };
        sql.push(if self.archived { "1 = 1" } else { "q.archived_at IS NULL" });
        if let Some(channel) = channel {
            sql.push(" AND q.channel = ");
            sql.bind(channel);
        }
        if let Some(search) = &self.search {
            sql.push(" AND ");
            search.write_words(sql, "q.search_text");
        }
        true
    }
}
