//! Agents and queues in lists: all, and those to whom a task of the caller's can be handed or who can be asked to join.

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

/// What somebody is looked for to do with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetPurpose {
    Transfer,
    Conference,
}

/// For which task of the caller's somebody is looked for.
#[derive(Clone, Debug)]
pub struct TargetSearch {
    pub me: UserId,
    pub task: task::Model,
    pub wanted: TargetPurpose,
}

/// Among whom, or which queues, is looked.
#[derive(Clone, Debug)]
pub enum SearchScope {
    All,
    /// Those that may be the target for a task.
    TargetsOf(TargetSearch),
    /// For a task that is not the caller's, and where the channel has no such targets.
    Nobody,
}

impl SearchScope {
    /// All where no task is named.
    pub async fn of(app: &App, me: &Viewer, task: Option<(&str, TargetPurpose)>, kind: TargetKind) -> Result<Self> {
        let Some((task, wanted)) = task else { return Ok(Self::All) };
        Ok(TargetSearch::begin(app, me.user, task, wanted, kind).await?.map_or(Self::Nobody, Self::TargetsOf))
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

/// An agent in a list, with what the list is ordered by.
#[derive(Clone, Debug)]
pub struct ListedAgent {
    pub agent: agent::Model,
    pub name_key: Vec<u8>,
}

impl ListedAgent {
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

/// Agents by name.
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

/// The queues in use, by name, and those that are archived if they are wanted. To a task only those of its channel are targets.
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
