//! Queries of agents, multimedia profiles and skills. Only agents and API keys with the scope AGENTS_READ see them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entity::{
    agent::AgentState,
    id::{AgentId, UserId},
    multimedia_profile, skill,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _};

use super::{
    list_types::AgentConnection,
    profile_types::{MultimediaProfile, Skill},
    types::Agent,
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::graphql::loading::may_see_agents,
    conversations::channel_capabilities::TargetKind,
    error::{Error, Result},
    pagination::PageArguments,
    pagination::list_size,
    tasks::target_search::{SearchScope, TargetPurpose},
};

/// Maximum number of profiles, skills, reasons or entry points in one answer.
pub const MAX_LISTED: u64 = 200;

/// Root queries of agents.
#[derive(Default)]
pub struct AgentsQuery;

#[Object]
impl AgentsQuery {
    /// An agent. Null when no agent has the id, or when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn agent(&self, ctx: &Context<'_>, #[graphql(desc = "The agent's id.")] id: ID) -> Option<Result<Agent>> {
        Agent::find(ctx, UserId(AgentId::parse(&id)?.0)).await.transpose()
    }

    /// Agents, ordered by name. `forTransferOf` and `forConferenceOf` select the possible targets for a task of the
    /// viewer. Call again to refresh them. Targets of a conference include agents without free capacity, except for
    /// WHATSAPP. Empty when the viewer is not an agent, or when the task is not the viewer's.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    #[expect(clippy::too_many_arguments, reason = "filters, and four for the page")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The words to find. Name, handle or public e-mail address must contain every word. Case and \
                    accents are ignored."
        )]
        search: Option<String>,
        #[graphql(desc = "Selects agents in this state.")] state: Option<AgentState>,
        #[graphql(desc = "Selects targets for a transfer of this task.")] for_transfer_of: Option<ID>,
        #[graphql(desc = "Selects targets for a conference of this task.")] for_conference_of: Option<ID>,
        #[graphql(desc = "The number of agents from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same search.")] after: Option<String>,
        #[graphql(desc = "The number of agents from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same search.")] before: Option<String>,
    ) -> Result<AgentConnection> {
        let target = match (&for_transfer_of, &for_conference_of) {
            (None, None) => None,
            (Some(task), None) => Some((task.as_str(), TargetPurpose::Transfer)),
            (None, Some(task)) => Some((task.as_str(), TargetPurpose::Conference)),
            (Some(_), Some(_)) => return Err(Error::invalid("forConferenceOf", "Give only one of the two.")),
        };
        AgentConnection::read(ctx, search, state, target, PageArguments { first, after, last, before }).await
    }

    /// The multimedia profiles in use, ordered by name, at most 200. With `includeArchived` also the archived ones.
    /// Empty when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)", directive = list_size::apply(10))]
    async fn multimedia_profiles(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "True to include archived profiles.")] include_archived: bool,
    ) -> Result<Vec<MultimediaProfile>> {
        if !may_see_agents(ctx).await? {
            return Ok(Vec::new());
        }
        let mut found = multimedia_profile::Entity::find();
        if !include_archived {
            found = found.filter(multimedia_profile::Column::ArchivedAt.is_null());
        }
        let found = found
            .order_by_asc(multimedia_profile::Column::NameKey)
            .order_by_asc(multimedia_profile::Column::Id)
            .limit(MAX_LISTED);
        let rows = found.all(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| MultimediaProfile(Arc::new(row))).collect())
    }

    /// The skills, ordered by name, at most 200. Empty when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)", directive = list_size::apply(20))]
    async fn skills(&self, ctx: &Context<'_>) -> Result<Vec<Skill>> {
        if !may_see_agents(ctx).await? {
            return Ok(Vec::new());
        }
        let found = skill::Entity::find().order_by_asc(skill::Column::NameKey).order_by_asc(skill::Column::Id);
        let found = found.limit(MAX_LISTED);
        let rows = found.all(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| Skill(Arc::new(row))).collect())
    }
}

/// Returns the scope of a target search, or everything when no task is named. Only a person can search for targets,
/// because only agents own tasks.
pub async fn among(ctx: &Context<'_>, task: Option<(&str, TargetPurpose)>, kind: TargetKind) -> Result<SearchScope> {
    if task.is_none() { Ok(SearchScope::All) } else { SearchScope::of(ctx.app()?, ctx.viewer()?, task, kind).await }
}
