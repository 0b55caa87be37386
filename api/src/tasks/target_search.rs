//! The lists of agents and queues: all of them, or the possible targets of a transfer or conference of the caller's
//! task.

use entity::{
    agent::{self, AgentState},
    channel::Channel,
    id::{TaskId, UserId},
    queue,
    task::{self, TaskStatus},
    user::{Role, UserStatus},
};
use sea_orm::{DbErr, FromQueryResult, QueryResult};

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

/// The purpose of a search for targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Returns a page of the agents in a scope, in the order of their names. `search` and `state` filter them.
pub async fn agents(
    app: &App,
    search: Option<&NameSearch>,
    state: Option<AgentState>,
    among: &SearchScope,
    page: Page<PageBound>,
) -> Result<PageSlice<ListedAgent>> {
    if matches!(among, SearchScope::Nobody) {
        return Ok(page.slice(Vec::new()));
    }
    let mut sql = Sql::new(&format!(
        "SELECT {}, u.name_key FROM agent a JOIN \"user\" u ON u.id = a.user_id WHERE u.status = ",
        columns::<agent::Entity>("a")
    ));
    sql.bind(UserStatus::Active);
    sql.push(" AND u.role >= ");
    sql.bind(Role::Agent);
    if let Some(search) = search {
        search.write(&mut sql, "a.user_id");
    }
    if let Some(state) = state {
        sql.push(" AND a.state = ");
        sql.bind(state);
    }
    if let SearchScope::TargetsOf(target) = among {
        for_task(&mut sql, target);
    }
    page.write(&mut sql, &["u.name_key", "a.user_id"], false);
    let rows = sql.all(app.db.read()).await?;
    Ok(page.slice(rows))
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

/// Returns a page of the queues in a scope, in the order of their names. Archived queues are included if `archived` is
/// true. A search for targets returns only queues of the task's channel.
pub async fn queues(
    app: &App,
    search: Option<&NameSearch>,
    channel: Option<Channel>,
    archived: bool,
    among: &SearchScope,
    page: Page<PageBound>,
) -> Result<PageSlice<queue::Model>> {
    let channel = match (among, channel) {
        (SearchScope::All, channel) => channel,
        (SearchScope::TargetsOf(of), channel) if channel.is_none_or(|wanted| wanted == of.task.channel) => {
            Some(of.task.channel)
        }
        (SearchScope::TargetsOf(_) | SearchScope::Nobody, _) => return Ok(page.slice(Vec::new())),
    };
    let mut sql = Sql::select::<queue::Entity>("q", "WHERE ");
    sql.push(if archived { "1 = 1" } else { "q.archived_at IS NULL" });
    if let Some(channel) = channel {
        sql.push(" AND q.channel = ");
        sql.bind(channel);
    }
    if let Some(search) = search {
        sql.push(" AND ");
        search.write_words(&mut sql, "q.search_text");
    }
    page.write(&mut sql, &["q.name_key", "q.id"], false);
    let rows = sql.models::<queue::Entity>(app.db.read()).await?;
    Ok(page.slice(rows))
}
