//! Pages of agents.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use entity::{agent::AgentState, channel::Channel};

use super::{query::among, types::Agent};
use crate::{
    auth::request_context::ContextExt as _,
    contact_center::graphql::loading::may_see_agents,
    contacts::search::Search as NameSearch,
    conversations::channel_capabilities::TargetKind,
    error::{Result, UserErrorCode},
    events::{
        cursor::{Cursor, all_agents},
        log,
    },
    pagination::{Page, PageArguments, PageBound, PageInfo, PageSlice},
    tasks::{
        target_search::{AgentList, ListedAgent, SearchScope, TargetPurpose},
        transfer_targets,
    },
};

/// A page of agents, ordered by name.
pub struct AgentConnection {
    list: AgentList,
    slice: PageSlice<ListedAgent>,
    /// The cursor of the states of all agents, read before the page. None when it was not selected.
    stream_cursor: Option<Cursor>,
}

impl AgentConnection {
    /// Reads a page of all agents, or of the possible targets of a task. The page is empty when the viewer is not an
    /// agent.
    pub async fn read(
        ctx: &Context<'_>,
        search: Option<String>,
        state: Option<AgentState>,
        target: Option<(&str, TargetPurpose)>,
        arguments: PageArguments,
    ) -> Result<Self> {
        let page: Page<PageBound> = Page::new(arguments, &format!("agents {search:?} {state:?} {target:?}"))?;
        let may_see = may_see_agents(ctx).await?;
        let among = match may_see {
            true => among(ctx, target, TargetKind::Agent).await?,
            false => SearchScope::Nobody,
        };
        let list = AgentList { search: NameSearch::new(search.as_deref(), None)?, state, among };
        let db = ctx.app()?.db.read();
        let wanted = may_see && ctx.look_ahead().field("streamCursor").exists();
        let stream_cursor = match wanted {
            true => Some(Cursor::in_stream(all_agents(), log::bounds(db, all_agents()).await?.last)),
            false => None,
        };
        Ok(Self { slice: list.page(db, &page).await?, list, stream_cursor })
    }

    /// Returns the channel of the task for which the agents are targets. None for a list of all agents.
    fn target_channel(&self) -> Option<Channel> {
        match &self.list.among {
            SearchScope::TargetsOf(target) => Some(target.task.channel),
            SearchScope::All | SearchScope::Nobody => None,
        }
    }
}

/// A page of agents, ordered by name.
#[Object]
impl AgentConnection {
    /// The agents with their cursors.
    async fn edges(&self) -> Vec<AgentEdge> {
        let target_channel = self.target_channel();
        let edge = |row: &ListedAgent| {
            let refusal = target_channel.and_then(|channel| transfer_targets::refusal_of(&row.agent, channel));
            AgentEdge {
                cursor: self.slice.cursor(&row.list_position()),
                node: Agent(Arc::new(row.agent.clone())),
                selectable: target_channel.map(|_| refusal.is_none()),
                reason: refusal,
            }
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The agents of the page, without cursors.
    async fn nodes(&self) -> Vec<Agent> {
        self.slice.items.iter().map(|row| Agent(Arc::new(row.agent.clone()))).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(ListedAgent::list_position)
    }

    /// The number of all agents in the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.list.count(ctx.app()?.db.read()).await?)
    }

    /// The position of the subscription `agentStates` before this page was read. A subscription with it as `after`
    /// misses no change of a state.
    async fn stream_cursor(&self) -> Option<&Cursor> {
        self.stream_cursor.as_ref()
    }
}

/// An agent in a page.
#[derive(SimpleObject)]
pub struct AgentEdge {
    /// The position of the agent in the list.
    pub cursor: String,
    /// The agent at this position.
    pub node: Agent,
    /// True when the agent can be chosen now as the target of `forTransferOf` or `forConferenceOf`. Null in a list of
    /// all agents.
    pub selectable: Option<bool>,
    /// The code with which the agent would be refused: AGENT_NOT_AVAILABLE or OVER_CAPACITY. Null when `selectable` is
    /// not false.
    pub reason: Option<UserErrorCode>,
}
